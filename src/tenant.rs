//! `presdr tenant`: creating tenants, listing them, their settings, erasing them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use presdr_events::TenantId;
use presdr_producers::{settings, tenants};
use presdr_store::onboarding::{Onboarding, State};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{Align, Output, Table},
    purge,
    session::Session,
};

/// `presdr tenant create acme --name "Acme Pte Ltd"`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Create a tenant with its keys and defaults; doing it again is harmless, and goes on where it stopped
    Create {
        /// Its slug, 1 to 32 of a-z, 0-9 and "-"; never reused
        #[arg(value_parser = TenantId::from_str)]
        slug: TenantId,
        /// The organisation's name
        #[arg(long)]
        name: String,
        /// Whether it is ready only once it is connected to an Odoo that works [default: as it was told before, none at first]
        #[arg(long, value_enum)]
        odoo: Option<OdooArgument>,
    },
    /// How far the setting up of a tenant is, and what cures what stands in the way; exits with 1 while it is not ready
    Status {
        /// Which
        #[arg(value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
    /// List the tenants, those that were erased included
    List,
    /// Erase a tenant for good: its keys, events and rows; print the receipt. Stopped or killed, the same command goes on
    Purge {
        /// Which
        #[arg(value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// The tenant once more
        #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
        confirm: TenantId,
        /// Use this NATS server as its user "eraser" [default: the one of every command]
        #[arg(long, env = "PRESDR_NATS_ERASER_URL", hide_env_values = true, value_name = "URL")]
        eraser_nats_url: Option<SecretString>,
    },
    /// Print a tenant's settings, every section with its defaults filled in, or set sections of them
    Settings {
        /// Whose
        #[arg(value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// A JSON document of the sections to set; null gives a section its defaults back; "-" is standard input
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OdooArgument {
    /// It waits for one
    Wait,
    /// It goes on without
    None,
}

/// Does what was asked.
///
/// # Errors
/// When the command is refused, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    // Read first: a file that is not there needs no server to say so.
    let document = match &command.what {
        What::Settings { set: Some(file), .. } => Some(read(file)?),
        _ => None,
    };
    let session = Session::open(config).await?;
    let mut code = ExitCode::SUCCESS;
    match &command.what {
        What::Create { slug, name, odoo } => {
            let awaits_odoo = odoo.map(|odoo| odoo == OdooArgument::Wait);
            code = create(&session, slug, name, awaits_odoo, output).await?;
        }
        What::Status { tenant } => code = status(&session, tenant, output).await?,
        What::List => list(&session, output).await?,
        What::Purge { tenant, confirm, eraser_nats_url } => {
            purge::run(&session, tenant, confirm, eraser_nats_url.as_ref(), output).await?;
        }
        What::Settings { tenant, .. } => match document {
            Some(document) => set(&session, tenant, &document, output).await?,
            None => show(&session, tenant, output).await?,
        },
    }
    session.end().await;
    Ok(code)
}

async fn create(
    session: &Session,
    slug: &TenantId,
    name: &str,
    awaits_odoo: Option<bool>,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let sequence = tenants::begin(&session.desk, slug, name, awaits_odoo).await?;
    let stands = tenants::go_on(&session.desk, slug).await?;
    let mut answer = json(slug, &stands);
    answer["sequence"] = sequence.into();
    output.answer(&answer, |_| text(slug, &stands))?;
    Ok(code(&stands))
}

async fn status(session: &Session, tenant: &TenantId, output: &Output) -> anyhow::Result<ExitCode> {
    let stands = tenants::standing(&session.desk, tenant).await?;
    output.answer(&json(tenant, &stands), |_| text(tenant, &stands))?;
    Ok(code(&stands))
}

fn json(tenant: &TenantId, stands: &Onboarding) -> Value {
    let Onboarding { name, state, awaits_odoo, problem, begun_by, begun_at, ready_by, ready_at } = stands;
    json!({
        "tenant": tenant, "name": name, "state": state, "awaits_odoo": awaits_odoo, "problem": problem,
        "begun_by": begun_by, "begun_at": begun_at, "ready_by": ready_by, "ready_at": ready_at,
    })
}

fn text(tenant: &TenantId, stands: &Onboarding) -> String {
    match (stands.state, &stands.problem) {
        (State::Ready, _) => format!("tenant {tenant} is ready; next: presdr icp set --tenant {tenant} icp.json"),
        (state, Some(problem)) => format!("tenant {tenant} is {}: {problem}", state.as_str()),
        (state, None) => {
            let name = stands.name.replace('"', "\\\"");
            format!("tenant {tenant} is {}: `presdr tenant create {tenant} --name \"{name}\"` goes on", state.as_str())
        }
    }
}

fn code(stands: &Onboarding) -> ExitCode {
    if stands.state == State::Ready { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn list(session: &Session, output: &Output) -> anyhow::Result<()> {
    let tenants = presdr_store::tenants::all(session.desk.database()).await?;
    let rows: Vec<_> =
        tenants.iter().map(|one| json!({ "tenant": one.id, "name": one.name, "status": one.status })).collect();
    output.answer(&rows, |_| {
        let mut table = Table::new([("tenant", Align::Left), ("name", Align::Left), ("status", Align::Left)]);
        for one in &tenants {
            table.row([one.id.to_string(), one.name.clone(), one.status.clone()]);
        }
        table.render("there is no tenant yet: `presdr tenant create SLUG --name NAME` makes one")
    })
}

async fn show(session: &Session, tenant: &TenantId, output: &Output) -> anyhow::Result<()> {
    let held = settings::show(&session.desk, tenant).await?;
    let text = serde_json::to_string_pretty(&held.sections)?;
    let answer = json!({ "tenant": tenant, "version": held.version, "set": held.set, "settings": held.sections });
    output.answer(&answer, |_| text)
}

async fn set(session: &Session, tenant: &TenantId, document: &str, output: &Output) -> anyhow::Result<()> {
    let set = settings::set(&session.desk, tenant, document).await?;
    let answer =
        json!({ "tenant": tenant, "version": set.version, "sections": set.sections, "sequence": set.sequence });
    output.answer(&answer, |_| {
        format!("{tenant} has version {} of its settings: {}", set.version, set.sections.join(", "))
    })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let what = || format!("reading the settings {}", file.display());
    if file == Path::new("-") {
        return io::read_to_string(io::stdin()).with_context(what);
    }
    fs::read_to_string(file).with_context(what)
}
