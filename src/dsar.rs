//! `presdr dsar`: what a person may ask of a tenant.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
};

use anyhow::{Context, bail};
use clap::{ArgGroup, Args, Subcommand};
use presdr_compliance::{
    Office,
    erase::{self, Receipt},
    export,
    find::{self, Identity, Report},
    reapply, scrub,
};
use presdr_events::{CompanyId, SubjectId, TenantId};
use presdr_store::{Role, erasures};
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use crate::{
    config::Config,
    database::DatabaseServer,
    output::{Align, Output, Table},
    session::Session,
};

/// `presdr dsar find --tenant acme --email jane@example.com`
#[derive(Debug, Args)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every event, row, bought answer and page about a person, without what they say
    Find {
        /// Whose data
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        #[command(flatten)]
        who: Who,
    },
    /// Write a copy for the person: person.json and summary.txt
    Export {
        /// Whose data
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        #[command(flatten)]
        who: Who,
        /// Into this folder, which is made
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Erase a person for good: their key, rows, pages and answers; they are not found again
    Erase {
        /// Whose data
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        #[command(flatten)]
        who: Who,
        /// Without it, only tell what would be erased
        #[arg(long)]
        confirm: bool,
    },
    /// Finish erasures that were cut off
    Resume {
        /// Whose data
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
    },
    /// List erasures, newest first, by random id
    List {
        /// Whose data
        #[arg(long, value_parser = TenantId::from_str)]
        tenant: TenantId,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        top: u32,
    },
    /// After a restore, before services start: erase again whom the log's receipts name
    Reapply,
    /// Overwrite what deleted rows leave in the database's files; locks each table while it is written anew
    Scrub,
}

/// Who is meant. An address or a profile identifies; a number or a name only suggests, and --subject picks.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").args(["email", "profile", "phone", "name", "subject"]).required(true).multiple(true))]
struct Who {
    /// By e-mail address
    #[arg(long)]
    email: Vec<String>,
    /// By profile link
    #[arg(long)]
    profile: Vec<String>,
    /// By phone number: suggests; with somebody who is identified, it is erased as theirs
    #[arg(long)]
    phone: Vec<String>,
    /// By name: suggests
    #[arg(long)]
    name: Option<String>,
    /// At this company alone, by its number
    #[arg(long, requires = "name", value_parser = CompanyId::from_str)]
    company: Option<CompanyId>,
    /// By random id, as `find` lists it
    #[arg(long, value_name = "ID", value_parser = subject)]
    subject: Vec<SubjectId>,
}

impl Who {
    fn identities(&self) -> Vec<Identity> {
        let emails = self.email.iter().cloned().map(Identity::Email);
        let profiles = self.profile.iter().cloned().map(Identity::Profile);
        let phones = self.phone.iter().cloned().map(Identity::Phone);
        let names = self.name.iter().cloned().map(|name| Identity::Name(name, self.company));
        let picked = self.subject.iter().copied().map(Identity::Subject);
        emails.chain(profiles).chain(phones).chain(names).chain(picked).collect()
    }
}

fn subject(text: &str) -> Result<SubjectId, uuid::Error> {
    text.parse().map(SubjectId)
}

/// Does what was asked.
///
/// # Errors
/// When nobody is identified, or a server cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    if let What::Scrub = command.what {
        return overwrite(config, output).await;
    }
    Session::at_office(config, async |office| answer(command, office, output).await).await
}

async fn answer(command: &Command, office: &Office, output: &Output) -> anyhow::Result<ExitCode> {
    match &command.what {
        What::Find { tenant, who } => {
            let report = find::find(office, tenant, &who.identities()).await?;
            let known = !report.subjects.is_empty() || !report.rows.is_empty();
            output.answer(&report, told)?;
            return Ok(if known || !report.suggestions.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        What::Export { tenant, who, out } => {
            let bundle = export::export(office, tenant, &who.identities()).await?;
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(out)
                .with_context(|| format!("making {}", out.display()))?;
            write(&out.join("person.json"), serde_json::to_string_pretty(&bundle.data)?.as_bytes())?;
            write(&out.join("summary.txt"), bundle.summary.as_bytes())?;
            output.answer(&json!({ "out": out, "sequence": bundle.sequence }), |_| {
                format!("person.json and summary.txt are in {}: hand them over, then delete them", out.display())
            })?;
        }
        What::Erase { tenant, who, confirm } => {
            let report = find::find(office, tenant, &who.identities()).await?;
            if report.subjects.is_empty() && who.email.is_empty() && who.profile.is_empty() {
                output.answer(&report, told)?;
                bail!("nobody is identified: pick somebody with --subject");
            }
            if !confirm {
                output.answer(&report, |report| format!("{}\nNothing was erased: --confirm does", told(report)))?;
                return Ok(ExitCode::FAILURE);
            }
            let receipts = erase::erase(office, tenant, &who.identities()).await?;
            output.answer(&receipts, |receipts| receipts.iter().map(receipt).collect::<Vec<_>>().join("\n"))?;
        }
        What::Resume { tenant } => {
            let receipts = erase::resume(office, tenant).await?;
            output.answer(&receipts, |receipts| match receipts.is_empty() {
                true => "no erasure was cut off".to_owned(),
                false => receipts.iter().map(receipt).collect::<Vec<_>>().join("\n"),
            })?;
        }
        What::List { tenant, top } => list(office, tenant, *top, output).await?,
        What::Reapply => {
            let again = reapply::reapply(office).await?;
            output.answer(&again, |again| {
                let lists: Vec<_> =
                    again.lists_lost.iter().map(|(tenant, lists)| format!("{tenant}: {lists}")).collect();
                let lost = match lists.is_empty() {
                    true => String::new(),
                    false => format!("\nlists of suppressions to be imported again: {}", lists.join(", ")),
                };
                format!("{} of {} receipts were done again{lost}", again.again.len(), again.receipts)
            })?;
        }
        What::Scrub => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// A file that only its owner reads.
fn write(path: &std::path::Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    // One that is there may be anybody's to read.
    if path.exists() {
        fs::remove_file(path).with_context(|| format!("replacing {}", path.display()))?;
    }
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).with_context(|| format!("writing {}", path.display()))
}

async fn list(office: &Office, tenant: &TenantId, top: u32, output: &Output) -> anyhow::Result<()> {
    let mut tx = presdr_store::tenants::enter_active(office.desk.database(), tenant).await?;
    let kept = erasures::list(&mut tx, i64::from(top)).await?;
    tx.commit().await?;
    let rows: Vec<_> = kept
        .iter()
        .map(|one| {
            json!({ "number": one.number, "subjects": one.subjects, "actor": one.actor, "begun_at": one.begun_at,
                    "finished_at": one.finished_at, "removed": one.removed })
        })
        .collect();
    output.answer(&rows, |_| {
        let columns = [
            ("number", Align::Right),
            ("begun", Align::Left),
            ("finished", Align::Left),
            ("who asked", Align::Left),
            ("rows", Align::Right),
        ];
        let mut table = Table::new(columns);
        for one in &kept {
            let finished = one
                .finished_at
                .map_or_else(|| "cut off: presdr dsar resume".to_owned(), |time| time.format("%F %T").to_string());
            let rows: u64 = one.removed.values().sum();
            table.row([
                one.number.to_string(),
                one.begun_at.format("%F %T").to_string(),
                finished,
                one.actor.clone(),
                rows.to_string(),
            ]);
        }
        table.render("nobody was erased")
    })
}

fn receipt(receipt: &Receipt) -> String {
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    };
    let before = if receipt.sequence.is_none() { " (before)" } else { "" };
    let owed = match receipt.owed.is_empty() {
        true => String::new(),
        false => format!(
            " Still there and owed: {} records; a worker removes them once Odoo can be asked, `presdr odoo status` tells why it cannot.",
            counts(&receipt.owed)
        ),
    };
    format!(
        "erasure {} is done{before}: removed {}; kept away by {}.{owed} `presdr dsar scrub` overwrites what deleted rows leave in files.",
        receipt.number,
        counts(&receipt.removed),
        counts(&receipt.suppressed)
    )
}

fn told(report: &Report) -> String {
    let mut text = String::new();
    for person in &report.subjects {
        let erased = person.erased_at.map_or_else(String::new, |time| format!(", erased {}", time.format("%F %T")));
        text += &format!("subject {}, known since {}{erased}\n", person.subject, person.known_since.format("%F %T"));
    }
    if report.subjects.is_empty() {
        text += "nobody is identified\n";
    }
    let mut events = Table::new([
        ("event", Align::Right),
        ("time", Align::Left),
        ("type", Align::Left),
        ("run", Align::Right),
        ("company", Align::Right),
        ("from", Align::Left),
    ]);
    let number = |id: Option<i64>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    for event in &report.events {
        let from: Vec<&str> = event.sources.iter().map(String::as_str).collect();
        events.row([
            event.sequence.to_string(),
            event.time.format("%F %T").to_string(),
            event.kind.to_owned(),
            number(event.run),
            number(event.company),
            from.join(", "),
        ]);
    }
    text += &format!("\n{}\n", events.render("no event names them"));
    let mut rows =
        Table::new([("place", Align::Left), ("key", Align::Left), ("from", Align::Left), ("time", Align::Left)]);
    for row in &report.rows {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        rows.row([row.place.to_owned(), row.key.to_string(), or_nothing(&row.source), or_nothing(&row.time)]);
    }
    text += &format!("\n{}\n", rows.render("no row names them"));
    for one in &report.suggestions {
        let because: Vec<&str> = one.because.iter().copied().collect();
        let companies: Vec<String> = one.companies.iter().map(ToString::to_string).collect();
        text += &format!(
            "\nmay be the same: --subject {} (same {}, company {})",
            one.subject,
            because.join(" and "),
            companies.join(", ")
        );
    }
    text
}

async fn overwrite(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let database = DatabaseServer::open(config).await?;
    let owner = database.connect(Role::Owner).await?;
    let tables = scrub::scrub(&owner, |table| tracing::info!(table, "written anew")).await?;
    owner.close().await;
    // Only a superuser may; elsewhere the server does both in its own time.
    let mut connection = PgConnection::connect(database.url().expose_secret()).await?;
    let mut log_is_new = true;
    for statement in ["checkpoint", "select pg_switch_wal()", "checkpoint"] {
        log_is_new &= connection.execute(statement).await.is_ok();
    }
    connection.close().await?;
    database.stop().await;
    output.answer(&json!({ "tables": tables, "write_ahead_log": log_is_new }), |_| {
        let log = match log_is_new {
            true => "the write-ahead log begins anew",
            false => {
                "the write-ahead log could not be begun anew with this login: it goes as the server's settings say"
            }
        };
        format!("{} tables are written anew; {log}", tables.len())
    })?;
    Ok(ExitCode::SUCCESS)
}
