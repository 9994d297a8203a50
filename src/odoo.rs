//! `presdr odoo`: a tenant's connection to its Odoo, and what is written there.

use std::{
    fs, io,
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use presdr_events::{Clear, CompanyId, RunId, TenantId};
use presdr_odoo::{
    check::{Checked, Verdict},
    sync::Company,
};
use presdr_producers::{
    Desk,
    odoo::{self, Given},
};
use presdr_store::odoo::{
    connections::{Connection, Flavour},
    records::{Model, Record},
    syncs::Sync,
};
use serde_json::{Value, json};

use crate::{
    config::Config,
    output::{Align, Output, Table},
    session::Session,
};

/// The variable that holds an API key, where no file does. A key is never an argument: others on the machine see those.
const KEY_VARIABLE: &str = "PRESDR_ODOO_API_KEY";

/// `presdr odoo connect --tenant acme --url https://odoo.acme.example --database acme --login presdr`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Connect the tenant to its Odoo and check that; the API key is read from PRESDR_ODOO_API_KEY or a file
    Connect {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Where the Odoo is: https, or http on loopback
        #[arg(long, value_name = "URL")]
        url: String,
        /// The name of its database
        #[arg(long, value_name = "NAME")]
        database: String,
        /// The login of the account that was made for presdr there
        #[arg(long)]
        login: String,
        /// A file with that account's API key; "-" is standard input
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// How it is asked: json2 for Odoo 19 and later, jsonrpc for 16 to 18
        #[arg(long, value_enum, default_value = "json2")]
        flavour: FlavourArgument,
    },
    /// Try the connection: reachable, version, key, rights, fields; a contact is written, read and removed again
    Check {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
    /// Write a run's shortlist to the tenant's Odoo, whatever the tenant's settings say of when; a worker does it
    Sync {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Which run
        #[arg(long, value_parser = RunId::from_str)]
        run: RunId,
        /// Only tell what would be written
        #[arg(long, conflicts_with = "wait")]
        preview: bool,
        /// Wait up to so many seconds for the worker to be done
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        wait: u64,
    },
    /// Tell how the connection stands, and what was written; with --run company by company
    Status {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// Of this run
        #[arg(long, value_parser = RunId::from_str)]
        run: Option<RunId>,
    },
    /// Say which partner a company is, where several may be it; the next sync writes there
    Link {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// The company, as `presdr odoo status --run` numbers it
        #[arg(long, value_name = "ID", value_parser = CompanyId::from_str)]
        company: CompanyId,
        /// The partner's number in Odoo
        #[arg(long, value_name = "ID")]
        partner: i64,
    },
    /// Take the connection back: its key is forgotten, what was sent stays in Odoo
    Disconnect {
        /// Whose
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FlavourArgument {
    Json2,
    Jsonrpc,
}

impl From<FlavourArgument> for Flavour {
    fn from(flavour: FlavourArgument) -> Self {
        match flavour {
            FlavourArgument::Json2 => Self::Json2,
            FlavourArgument::Jsonrpc => Self::JsonRpc,
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// When the command is refused, or a server cannot be reached. A connection that does not work is an answer, and exit code 1.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    // Read first: a key that is missing needs no server to say so.
    let key = match &command.what {
        What::Connect { key_file, .. } => Some(key(key_file.as_ref())?),
        _ => None,
    };
    let session = Session::open(config).await?;
    let desk = &session.desk;
    let code = match &command.what {
        What::Connect { tenant, url, database, login, flavour, .. } => {
            let given = Given {
                base_url: url.clone(),
                database: database.clone(),
                login: login.clone(),
                key: key.unwrap_or_else(|| Clear(String::new())),
                flavour: (*flavour).into(),
            };
            let (version, sequence) = odoo::connect(desk, tenant, &given).await?;
            let checked = odoo::check(desk, tenant).await?;
            let answer =
                json!({ "tenant": tenant, "version": version, "sequence": sequence, "findings": checked.findings });
            output.answer(&answer, |_| format!("connected, version {version}\n\n{}", table(&checked)))?;
            code(&checked)
        }
        What::Check { tenant } => {
            let checked = odoo::check(desk, tenant).await?;
            output.answer(&checked, table)?;
            code(&checked)
        }
        What::Sync { tenant, run, preview: true, .. } => {
            let report = odoo::preview_sync(desk, tenant, *run).await?;
            output.answer(&report, |report| written(&report.companies))?;
            ExitCode::SUCCESS
        }
        What::Sync { tenant, run, wait, .. } => sync(desk, tenant, *run, Duration::from_secs(*wait), output).await?,
        What::Status { tenant, run } => {
            status(desk, tenant, *run, output).await?;
            ExitCode::SUCCESS
        }
        What::Link { tenant, company, partner } => {
            let sequence = odoo::link(desk, tenant, *company, *partner).await?;
            output.answer(&json!({ "company_id": company, "partner_id": partner, "sequence": sequence }), |_| {
                format!("company {company} is partner {partner}; `presdr odoo sync` writes there")
            })?;
            ExitCode::SUCCESS
        }
        What::Disconnect { tenant } => {
            let sequence = odoo::disconnect(desk, tenant).await?;
            output.answer(&json!({ "tenant": tenant, "sequence": sequence }), |_| {
                format!("{tenant} is connected to no Odoo; what was sent stays there")
            })?;
            ExitCode::SUCCESS
        }
    };
    session.end().await;
    Ok(code)
}

/// Asks for a sync, and waits for a worker to be done with it.
async fn sync(desk: &Desk, tenant: &TenantId, run: RunId, wait: Duration, output: &Output) -> anyhow::Result<ExitCode> {
    let (attempt, sequence) = odoo::request_sync(desk, tenant, run).await?;
    let until = Instant::now() + wait;
    loop {
        let syncs = odoo::list_syncs(desk, tenant, Some(run), 100).await?;
        let Some(held) = syncs.into_iter().find(|held| held.attempt == attempt) else {
            bail!("sync {attempt} of run {run} is not there any more");
        };
        // One that failed is tried again without anybody waiting for it.
        if held.finished_at.is_some() || held.tries > 0 || Instant::now() >= until {
            let answer = json!({ "sequence": sequence, "sync": sync_object(&held) });
            output.answer(&answer, |_| sync_told(&held))?;
            let is_written = held.finished_at.is_some() && held.problem.is_none();
            return Ok(if is_written { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn status(desk: &Desk, tenant: &TenantId, run: Option<RunId>, output: &Output) -> anyhow::Result<()> {
    let connection = odoo::connection(desk, tenant).await?;
    let syncs = odoo::list_syncs(desk, tenant, run, 10).await?;
    let counts = odoo::record_counts(desk, tenant).await?;
    let records = match run {
        Some(run) => odoo::records_of(desk, tenant, run).await?,
        None => Vec::new(),
    };
    let answer = json!({
        "connection": connection.as_ref().map(object), "syncs": syncs.iter().map(sync_object).collect::<Vec<_>>(),
        "counts": counts.iter().map(|(kind, state, count)| json!({ "kind": kind, "state": state, "count": count })).collect::<Vec<_>>(),
        "records": records.iter().map(record_object).collect::<Vec<_>>(),
    });
    output.answer(&answer, |_| {
        let lines = syncs.iter().map(sync_told).collect::<Vec<_>>().join("\n");
        let counts: Vec<String> = counts.iter().map(|(kind, state, count)| format!("{count} {kind} {state}")).collect();
        let mut text = format!("{}\nrecords: {}\n{lines}", told(connection.as_ref()), counts.join(", "));
        if run.is_some() {
            text += &format!("\n\n{}", records_table(&records));
        }
        text
    })
}

fn key(file: Option<&PathBuf>) -> anyhow::Result<Clear<String>> {
    let what = "reading the API key";
    match file {
        Some(file) if file.as_os_str() == "-" => Ok(Clear(io::read_to_string(io::stdin()).context(what)?)),
        Some(file) => Ok(Clear(fs::read_to_string(file).with_context(|| format!("{what} from {}", file.display()))?)),
        None => match std::env::var(KEY_VARIABLE) {
            Ok(key) => Ok(Clear(key)),
            Err(_) => bail!(
                "give the API key in {KEY_VARIABLE} or with --key-file: an argument would be seen by others on this machine"
            ),
        },
    }
}

fn code(checked: &Checked) -> ExitCode {
    if checked.problem().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table(checked: &Checked) -> String {
    let mut table = Table::folding(&["told"], [("what", Align::Left), ("verdict", Align::Left), ("told", Align::Left)]);
    for finding in &checked.findings {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Fault => "fault",
        };
        table.row([finding.what.to_owned(), verdict.to_owned(), finding.told.clone()]);
    }
    table.render("nothing was looked at")
}

fn object(connection: &Connection) -> Value {
    json!({
        "url": connection.base_url, "database": connection.database, "login": connection.login, "flavour": connection.flavour.as_str(),
        "active": connection.active, "version": connection.version, "actor": connection.actor, "changed_at": connection.changed_at,
        "checked_at": connection.checked_at, "problem": connection.problem,
    })
}

fn told(connection: Option<&Connection>) -> String {
    let Some(held) = connection else {
        return "there is no connection: `presdr odoo connect` makes one".to_owned();
    };
    let state = match (held.active, &held.problem, held.checked_at) {
        (false, ..) => "disconnected".to_owned(),
        (true, Some(problem), _) => format!("does not work: {problem}"),
        (true, None, Some(at)) => format!("worked at {}", at.format("%F %T")),
        (true, None, None) => "not tried yet".to_owned(),
    };
    format!("{} at {} as {} ({}): {state}", held.database, held.base_url, held.login, held.flavour.as_str())
}

fn sync_object(sync: &Sync) -> Value {
    json!({
        "run_id": sync.run, "attempt": sync.attempt, "actor": sync.cause.actor, "asked_at": sync.asked_at, "due_at": sync.due_at,
        "tries": sync.tries, "first_failed_at": sync.first_failed_at, "problem": sync.problem, "finished_at": sync.finished_at,
        "counts": sync.counts,
    })
}

fn sync_told(sync: &Sync) -> String {
    let what = format!("run {}, sync {}", sync.run, sync.attempt);
    match (sync.finished_at, &sync.problem) {
        (Some(_), Some(problem)) => format!("{what}: not written, now or later: {problem}"),
        (Some(at), None) => {
            let counts: Vec<String> = sync.counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            format!("{what}: written at {}: {}", at.format("%F %T"), counts.join(", "))
        }
        (None, Some(problem)) => {
            format!(
                "{what}: not written after {} tries, next at {}: {problem}",
                sync.tries,
                sync.due_at.format("%F %T")
            )
        }
        (None, None) => format!("{what}: waits for a worker"),
    }
}

fn record_object(record: &Record) -> Value {
    json!({
        "company_id": record.key.company, "subject": record.key.subject, "model": record.key.model.as_str(), "odoo_id": record.odoo_id,
        "state": record.state.as_str(), "outcome": record.outcome, "problem": record.problem,
    })
}

fn records_table(records: &[Record]) -> String {
    let mut table = Table::folding(
        &["problem"],
        [
            ("company", Align::Right),
            ("what", Align::Left),
            ("in Odoo", Align::Right),
            ("state", Align::Left),
            ("last", Align::Left),
            ("problem", Align::Left),
        ],
    );
    for record in records {
        let what = match (record.key.model, record.key.subject) {
            (Model::Lead, _) => "lead",
            (Model::Partner, Some(_)) => "contact",
            (Model::Partner, None) => "company",
        };
        table.row([
            record.key.company.to_string(),
            what.to_owned(),
            record.odoo_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            record.state.as_str().to_owned(),
            record.outcome.clone(),
            record.problem.clone().unwrap_or_default(),
        ]);
    }
    table.render("no record has this run's values")
}

fn written(companies: &[Company]) -> String {
    let mut table = Table::folding(
        &["problem"],
        [
            ("company", Align::Right),
            ("would be", Align::Left),
            ("writes", Align::Left),
            ("left to people", Align::Left),
            ("contacts", Align::Left),
            ("problem", Align::Left),
        ],
    );
    for company in companies {
        let contacts: Vec<String> =
            company.contacts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        table.row([
            company.company_id.to_string(),
            company.outcome.to_owned(),
            company.wrote.join(", "),
            company.kept.join(", "),
            contacts.join(", "),
            company.problem.clone().unwrap_or_default(),
        ]);
    }
    table.render("the shortlist is empty")
}
