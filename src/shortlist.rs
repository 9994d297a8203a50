//! `presdr shortlist`: the ranking of a tenant's newest finished run, or of a named one.

use std::{process::ExitCode, str::FromStr};

use anyhow::bail;
use clap::{Args, ValueEnum};
use presdr_events::{RunId, TenantId};
use presdr_projections::read::{
    Sight,
    shortlist::{self, Contact, Filter, Place},
};
use presdr_store::{Database, Role, tenants};
use serde_json::{Value, json};

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
        Format::Json => Output::new(true).answer(&objects(&places), |_| String::new())?,
        Format::Table => output.answer(&objects(&places), |_| table(&places))?,
    }
    database.close().await;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The newest run that has a shortlist of the profile's companies; one for companies by name is not it.
///
/// # Errors
/// When there is none.
pub async fn newest(database: &Database, tenant: &TenantId) -> anyhow::Result<RunId> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    match shortlist::newest(&mut tx).await? {
        Some(run) => Ok(run),
        None => bail!("tenant {tenant} has no finished run: `presdr run start --tenant {tenant} --wait` makes one"),
    }
}

/// The places of a run's shortlist, best first.
///
/// # Errors
/// When the database cannot be asked.
pub async fn places(database: &Database, tenant: &TenantId, run: RunId, top: u32) -> anyhow::Result<Vec<Place>> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    let filter = Filter { limit: i64::from(top), ..Filter::default() };
    Ok(shortlist::places(&mut tx, run, &filter, Sight::Clear).await?)
}

fn objects(places: &[Place]) -> Vec<Value> {
    places.iter().map(object).collect()
}

/// A place as one object, its contact in words.
fn object(place: &Place) -> Value {
    json!({
        "rank": place.rank, "company_id": place.company_id, "uen": place.uen, "company": place.company, "score": place.score,
        "bucket": place.bucket, "confidence": place.confidence, "domain": place.domain, "contact": contact(place), "reason": place.reason,
    })
}

fn contact(place: &Place) -> Option<String> {
    place.contact.as_ref().map(Contact::told)
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
        text(&contact(place)),
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
            text(&contact(place)),
            text(&place.reason),
        ]);
    }
    table.render("the shortlist is empty")
}
