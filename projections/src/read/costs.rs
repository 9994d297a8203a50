//! What a tenant's paid vendors cost, from the events of their calls.

use chrono::NaiveDate;
use presdr_store::{StoreError, TenantTx};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// What a line of the costs is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A vendor.
    #[default]
    Vendor,
    /// A day in Singapore.
    Day,
    /// A run.
    Run,
    /// What the vendor was asked for.
    Purpose,
}

impl By {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Day => "day",
            Self::Run => "run",
            Self::Purpose => "purpose",
        }
    }
}

/// One line of the costs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
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
    #[schemars(with = "String")]
    pub units: Decimal,
    /// Tokens read.
    pub tokens_input: i64,
    /// Tokens written.
    pub tokens_output: i64,
    /// In US dollars.
    #[schemars(with = "String")]
    pub cost_usd: Decimal,
}

/// The purposes that a vendor is asked for only where our own means left a gap, in the order of a lead's way.
const FALLBACKS: [&str; 4] = ["domain", "site_text", "contacts", "extraction"];

/// What a vendor was to add to leads that our own means left wanting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
pub struct Fallback {
    /// What for: `domain`, `site_text`, `contacts` or `extraction`.
    pub purpose: String,
    /// Leads that fell back on it, whether or not a cap or a breaker let them.
    pub leads: i64,
    /// Of these, those for whom there was an answer, bought now or before.
    pub answered: i64,
}

/// A tenant's costs over some days.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Costs {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The lines, dearest first; days and runs in order.
    pub lines: Vec<Line>,
    /// Their sum, in US dollars.
    #[schemars(with = "String")]
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
    #[schemars(with = "Option<String>")]
    pub usd_per_lead: Option<Decimal>,
    /// Costs per verified contact.
    #[schemars(with = "Option<String>")]
    pub usd_per_verified_contact: Option<Decimal>,
}

/// What the tenant's vendors cost from `from` to `to`, days in Singapore.
///
/// # Errors
/// What the database says.
pub async fn costs(tx: &mut TenantTx, from: NaiveDate, to: NaiveDate, by: By) -> Result<Costs, StoreError> {
    let tenant = tx.tenant().clone();
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
    .bind(by.name())
    .fetch_all(&mut **tx)
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
    .bind(FALLBACKS)
    .fetch_all(&mut **tx)
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
    .fetch_one(&mut **tx)
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
