//! `presdr shortlist`: the ranking of a tenant's newest finished run, or of a named one.

use std::{process::ExitCode, str::FromStr};

use anyhow::bail;
use clap::{Args, ValueEnum};
use presdr_events::{RunId, TenantId};
use presdr_store::{Database, Role, tenants};
use serde::Serialize;

use crate::{
    config::Config,
    database::DatabaseServer,
    output::{Align, Output, Table, csv},
};

/// `presdr shortlist`
#[derive(Debug, Args)]
pub struct Command {
    /// Whose
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// Of this run instead of the newest finished one
    #[arg(long, value_name = "ID", value_parser = RunId::from_str)]
    run: Option<RunId>,
    /// At most so many companies
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: u32,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

/// A place in a shortlist.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct Place {
    rank: i64,
    company_id: i64,
    uen: Option<String>,
    company: Option<String>,
    score: Option<f64>,
    bucket: Option<String>,
    confidence: Option<f64>,
    domain: Option<String>,
    contact: Option<String>,
    reason: Option<String>,
}

/// Prints a shortlist.
///
/// # Errors
/// When the tenant has none yet, or the database cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let server = DatabaseServer::open(config).await?;
    let database = server.connect(Role::Producer).await?;
    let run = match command.run {
        Some(run) => run,
        None => newest(&database, &command.tenant).await?,
    };
    let places = places(&database, &command.tenant, run, command.top).await?;
    match command.format {
        Format::Csv => output.bytes(&csv(&HEADINGS, places.iter().map(cells))?)?,
        Format::Json => Output::new(true).answer(&places, |_| String::new())?,
        Format::Table => output.answer(&places, |places| table(places))?,
    }
    database.close().await;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The newest run that has a shortlist.
///
/// # Errors
/// When there is none.
pub async fn newest(database: &Database, tenant: &TenantId) -> anyhow::Result<RunId> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    let run: Option<i64> =
        sqlx::query_scalar("select max(run_id) from enrichment_runs where tenant_id = $1 and ended_at is not null")
            .bind(tenant.as_str())
            .fetch_one(&mut *tx)
            .await?;
    match run {
        Some(run) => Ok(RunId::new(run)?),
        None => bail!("tenant {tenant} has no finished run: `presdr run start --tenant {tenant} --wait` makes one"),
    }
}

/// The places of a run's shortlist, best first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn places(database: &Database, tenant: &TenantId, run: RunId, top: u32) -> anyhow::Result<Vec<Place>> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    let places = sqlx::query_as(
        "select s.rank, s.company_id, c.uen, c.name as company, s.score, s.bucket, s.confidence, s.domain,
                s.rationale as reason,
                coalesce(
                    (select concat_ws(', ', p.name, p.role_title, p.email) from contacts p
                     where p.tenant_id = s.tenant_id and p.company_id = s.company_id and p.wanted_title
                     order by p.email is null, p.role_title, p.name, p.email, p.subject_id limit 1),
                    (select e.email from lead_emails e
                     where e.tenant_id = s.tenant_id and e.company_id = s.company_id
                     order by e.own_domain desc, e.role_account, e.email limit 1)) as contact
         from shortlists s left join tenant_company c on c.company_id = s.company_id
         where s.tenant_id = $1 and s.run_id = $2 order by s.rank limit $3",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(i64::from(top))
    .fetch_all(&mut *tx)
    .await?;
    Ok(places)
}

const HEADINGS: [&str; 10] =
    ["rank", "company_id", "uen", "company", "score", "bucket", "confidence", "domain", "contact", "reason"];

fn cells(place: &Place) -> [String; 10] {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        place.rank.to_string(),
        place.company_id.to_string(),
        text(&place.uen),
        text(&place.company),
        number(place.score),
        text(&place.bucket),
        number(place.confidence),
        text(&place.domain),
        text(&place.contact),
        text(&place.reason),
    ]
}

/// A shortlist for people.
pub fn table(places: &[Place]) -> String {
    let mut table = Table::folding(
        &["best contact", "why"],
        [
            ("#", Align::Right),
            ("company", Align::Left),
            ("score", Align::Right),
            ("bucket", Align::Left),
            ("domain", Align::Left),
            ("best contact", Align::Left),
            ("why", Align::Left),
        ],
    );
    for place in places {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            place.rank.to_string(),
            text(&place.company),
            place.score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}")),
            text(&place.bucket),
            text(&place.domain),
            text(&place.contact),
            text(&place.reason),
        ]);
    }
    table.render("the shortlist is empty")
}
