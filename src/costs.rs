//! `presdr costs`: what a tenant's paid vendors cost, from the events of their calls.

use std::{process::ExitCode, str::FromStr};

use chrono::{Days, NaiveDate, Utc};
use clap::{Args, ValueEnum};
use presdr_events::TenantId;
use presdr_store::{Database, Role, tenants};
use presdr_vendors::Purpose;
use rust_decimal::Decimal;
use serde::Serialize;

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

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Day => "day",
            Self::Run => "run",
            Self::Purpose => "purpose",
        }
    }
}

/// What is asked only where our own means left a gap, in the order of a lead's way, and what people call it.
const FALLBACKS: [(Purpose, &str); 4] = [
    (Purpose::Domain, "web search for the domain"),
    (Purpose::SiteText, "site read by a vendor"),
    (Purpose::Contacts, "look-up of people"),
    (Purpose::Extraction, "fields filled by a model"),
];

/// One line of the costs.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct Line {
    /// The vendor, day, run or purpose.
    pub of: String,
    /// Questions that were put to a vendor.
    pub calls: i64,
    /// Of these, without an answer.
    pub errors: i64,
    /// Questions answered from what was bought before.
    pub cache_hits: i64,
    /// Questions that were not put: at a cap, or the breaker open.
    pub refused: i64,
    /// What the vendor counts: credits, lookups, verifications.
    pub units: Decimal,
    /// Tokens read.
    pub tokens_input: i64,
    /// Tokens written.
    pub tokens_output: i64,
    /// In US dollars.
    pub cost_usd: Decimal,
}

/// What a vendor was to add to leads that our own means left wanting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Fallback {
    /// What for: `domain`, `site_text`, `contacts` or `extraction`.
    pub purpose: String,
    /// Leads that fell back on it, whether or not a cap or a breaker let them.
    pub leads: i64,
    /// Of these, those for whom there was an answer, bought now or before.
    pub answered: i64,
}

/// A tenant's costs over some days.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Costs {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The lines, dearest first; days and runs in order.
    pub lines: Vec<Line>,
    /// Their sum, in US dollars.
    pub cost_usd: Decimal,
    /// What leads fell back on vendors for, in the order of a lead's way.
    pub fallbacks: Vec<Fallback>,
    /// Leads scored on those days.
    pub leads: i64,
    /// Of these, those whose rationale a model worded, now or for a lead with the same features before.
    pub rationales_of_model: i64,
    /// Of those, from before: nothing was asked.
    pub rationales_cached: i64,
    /// Contacts whose address was verified as valid on those days.
    pub verified_contacts: i64,
    /// Costs per lead.
    pub usd_per_lead: Option<Decimal>,
    /// Costs per verified contact.
    pub usd_per_verified_contact: Option<Decimal>,
}

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
    let costs = costs(&database, &command.tenant, from, to, command.by.name()).await?;
    output.answer(&costs, |costs| text(costs, command.by.name()))?;
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

/// What the tenant's vendors cost from `from` to `to`, a line for each `by`: `vendor`, `day`, `run` or `purpose`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn costs(
    database: &Database,
    tenant: &TenantId,
    from: NaiveDate,
    to: NaiveDate,
    by: &'static str,
) -> anyhow::Result<Costs> {
    let mut tx = tenants::enter_active(database, tenant).await?;
    let lines: Vec<Line> = sqlx::query_as(
        "select case $4 when 'vendor' then vendor when 'purpose' then purpose when 'run' then coalesce(run_id::text, '-')
                    else to_char(called_at at time zone 'Asia/Singapore', 'YYYY-MM-DD') end as of,
                count(*) filter (where status not in ('cached', 'refused_cap', 'breaker_open')) as calls,
                count(*) filter (where status not in ('answered', 'cached', 'refused_cap', 'breaker_open')) as errors,
                count(*) filter (where status = 'cached') as cache_hits,
                count(*) filter (where status in ('refused_cap', 'breaker_open')) as refused,
                sum(units) as units, sum(tokens_input)::bigint as tokens_input, sum(tokens_output)::bigint as tokens_output,
                sum(cost_usd) as cost_usd
         from vendor_calls
         where tenant_id = $1 and called_at >= $2::date::timestamp at time zone 'Asia/Singapore'
           and called_at < ($3::date + 1)::timestamp at time zone 'Asia/Singapore'
         group by 1
         order by case when $4 in ('vendor', 'purpose') then -sum(cost_usd) end, case when $4 = 'run' then min(run_id) end, 1",
    )
    .bind(tenant.as_str())
    .bind(from)
    .bind(to)
    .bind(by)
    .fetch_all(&mut *tx)
    .await?;
    let fallbacks: Vec<Fallback> = sqlx::query_as(
        "select purpose, count(distinct (run_id, company_id)) as leads,
                count(distinct (run_id, company_id)) filter (where status in ('answered', 'cached')) as answered
         from vendor_calls
         where tenant_id = $1 and called_at >= $2::date::timestamp at time zone 'Asia/Singapore'
           and called_at < ($3::date + 1)::timestamp at time zone 'Asia/Singapore' and purpose = any($4) and company_id is not null
         group by purpose order by array_position($4, purpose)",
    )
    .bind(tenant.as_str())
    .bind(from)
    .bind(to)
    .bind(FALLBACKS.map(|(purpose, _)| purpose.as_str()))
    .fetch_all(&mut *tx)
    .await?;
    let (leads, rationales_of_model, rationales_cached, verified_contacts): (i64, i64, i64, i64) = sqlx::query_as(
        "with days as (select $2::date::timestamp at time zone 'Asia/Singapore' as first, ($3::date + 1)::timestamp at time zone 'Asia/Singapore' as after),
              scored as (select rationale_source from lead_scores, days where tenant_id = $1 and created_at >= first and created_at < after)
         select (select count(*) from scored), (select count(*) from scored where rationale_source in ('model', 'cache')),
                (select count(*) from scored where rationale_source = 'cache'),
                (select count(*) from lead_emails, days where tenant_id = $1 and verification_status = 'valid'
                     and last_verified_at >= first and last_verified_at < after)",
    )
    .bind(tenant.as_str())
    .bind(from)
    .bind(to)
    .fetch_one(&mut *tx)
    .await?;
    let cost_usd: Decimal = lines.iter().map(|line| line.cost_usd).sum();
    let per = |count: i64| (count > 0).then(|| (cost_usd / Decimal::from(count)).round_dp(6));
    Ok(Costs {
        from,
        to,
        cost_usd,
        fallbacks,
        leads,
        rationales_of_model,
        rationales_cached,
        verified_contacts,
        usd_per_lead: per(leads),
        usd_per_verified_contact: per(verified_contacts),
        lines,
    })
}

/// The costs for people, with `by` over the first column.
pub fn text(costs: &Costs, by: &'static str) -> String {
    let mut table = Table::new([
        (by, Align::Left),
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
