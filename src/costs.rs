//! `presdr costs`: what a tenant's paid vendors cost, from the events of their calls.

use std::{process::ExitCode, str::FromStr};

use chrono::{Days, NaiveDate, Utc};
use clap::{Args, ValueEnum};
use presdr_events::TenantId;
use presdr_projections::read::costs::{self as read, Costs};
use presdr_store::{Database, Role, tenants};
use presdr_vendors::Purpose;
use rust_decimal::Decimal;

use crate::{
    config::Config,
    database::DatabaseServer,
    output::{Align, Output, Table},
};

/// Days shown when no date is given.
const DAYS_DEFAULT: u64 = 30;

/// `presdr costs --tenant acme --from 2026-11-01 --to 2026-11-30 --by vendor`
#[derive(Debug, Args)]
pub struct Command {
    /// Whose
    #[arg(long, value_name = "TENANT", value_parser = TenantId::from_str)]
    tenant: TenantId,
    /// First day, in Singapore; 30 days ago when not given
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last day, in Singapore; today when not given
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// One line for each of these
    #[arg(long, value_name = "WHAT", default_value = "vendor")]
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Vendor,
    Day,
    Run,
    Purpose,
}

impl From<By> for read::By {
    fn from(by: By) -> Self {
        match by {
            By::Vendor => Self::Vendor,
            By::Day => Self::Day,
            By::Run => Self::Run,
            By::Purpose => Self::Purpose,
        }
    }
}

/// What people call a fallback.
const FALLBACKS: [(Purpose, &str); 4] = [
    (Purpose::Domain, "web search for the domain"),
    (Purpose::SiteText, "site read by a vendor"),
    (Purpose::Contacts, "look-up of people"),
    (Purpose::Extraction, "fields filled by a model"),
];

/// Prints the costs.
///
/// # Errors
/// When there is no such tenant, the days are reversed, or the database cannot be reached.
pub async fn run(command: &Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let to = command.to.unwrap_or_else(|| last_days().1);
    let from = command.from.unwrap_or_else(|| before(to));
    anyhow::ensure!(from <= to, "--from {from} is after --to {to}: exchange them");
    let server = DatabaseServer::open(config).await?;
    let database = server.connect(Role::Producer).await?;
    let costs = costs(&database, &command.tenant, from, to, command.by.into()).await?;
    output.answer(&costs, |costs| text(costs, command.by.into()))?;
    database.close().await;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The days that are shown when none are given.
pub fn last_days() -> (NaiveDate, NaiveDate) {
    let today = presdr_vendors::day(Utc::now());
    (before(today), today)
}

fn before(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(DAYS_DEFAULT)).unwrap_or(day)
}

/// What the tenant's vendors cost from `from` to `to`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn costs(
    database: &Database,
    tenant: &TenantId,
    from: NaiveDate,
    to: NaiveDate,
    by: read::By,
) -> anyhow::Result<Costs> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    Ok(read::costs(&mut tx, from, to, by).await?)
}

/// The costs for people, with `by` over the first column.
pub fn text(costs: &Costs, by: read::By) -> String {
    let mut table = Table::new([
        (by.name(), Align::Left),
        ("calls", Align::Right),
        ("errors", Align::Right),
        ("cache hits", Align::Right),
        ("refused", Align::Right),
        ("units", Align::Right),
        ("tokens in", Align::Right),
        ("tokens out", Align::Right),
        ("US$", Align::Right),
    ]);
    for line in &costs.lines {
        table.row([
            line.of.clone(),
            line.calls.to_string(),
            line.errors.to_string(),
            line.cache_hits.to_string(),
            line.refused.to_string(),
            line.units.normalize().to_string(),
            line.tokens_input.to_string(),
            line.tokens_output.to_string(),
            format!("{:.4}", line.cost_usd),
        ]);
    }
    let per = |usd: Option<Decimal>| usd.map_or_else(|| "-".to_owned(), |usd| format!("US$ {usd:.4}"));
    let fallbacks = if costs.fallbacks.is_empty() { String::new() } else { format!("\n\n{}", fallbacks(costs)) };
    format!(
        "{}{fallbacks}\n\n{} rationales in a model's words, {} of them from the cache\n\
         {} to {}: US$ {:.4}, {} leads ({} each), {} verified contacts ({} each)",
        table.render("no vendor was asked"),
        costs.rationales_of_model,
        costs.rationales_cached,
        costs.from,
        costs.to,
        costs.cost_usd,
        costs.leads,
        per(costs.usd_per_lead),
        costs.verified_contacts,
        per(costs.usd_per_verified_contact)
    )
}

fn fallbacks(costs: &Costs) -> String {
    let mut table = Table::new([("fallback", Align::Left), ("leads", Align::Right), ("answered", Align::Right)]);
    for one in &costs.fallbacks {
        let known = FALLBACKS.iter().find(|(purpose, _)| purpose.as_str() == one.purpose);
        let name = known.map_or(one.purpose.as_str(), |(_, name)| name);
        table.row([name.to_owned(), one.leads.to_string(), one.answered.to_string()]);
    }
    table.render("")
}
