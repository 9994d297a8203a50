//! The ledger of what is bought of vendors, and the budgets that it counts against.
//!
//! An intent is written before a call and settled after it, one per thing bought. Budgets change only under [`lock`], and never past a
//! cap; what was reserved too much is given back by [`reconcile`].

mod budgets;
mod intents;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{Attempt, CompanyId, RunId, TenantId};
use rust_decimal::Decimal;
use uuid::Uuid;

pub use self::{
    budgets::{Taking, USD, day, peek, reconcile, run, take, taken},
    intents::{end, give_up, insert, living, mark_sent, standing, unfinished},
};
use crate::{StoreError, TenantTx, leases};

/// What is bought: the keyed hash of its canonical form.
pub type ThingHash = [u8; 32];

/// What something costs, or may cost at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charge {
    /// On the vendor's meter, which a cap limits: calls, lookups, verifications, tokens.
    pub metered: Decimal,
    /// In the vendor's own units of account: credits.
    pub units: Decimal,
    /// Tokens read.
    pub tokens_input: u64,
    /// Tokens written.
    pub tokens_output: u64,
    /// In US dollars.
    pub usd: Decimal,
}

impl std::ops::AddAssign for Charge {
    fn add_assign(&mut self, other: Self) {
        self.metered += other.metered;
        self.units += other.units;
        self.tokens_input += other.tokens_input;
        self.tokens_output += other.tokens_output;
        self.usd += other.usd;
    }
}

/// For which lead something is bought; outside runs and companies where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeadKey {
    /// In which run.
    pub run: Option<RunId>,
    /// About which company.
    pub company: Option<CompanyId>,
    /// At which attempt.
    pub attempt: Attempt,
}

impl LeadKey {
    fn run_number(&self) -> i64 {
        self.run.map_or(0, RunId::get)
    }

    fn company_number(&self) -> i64 {
        self.company.map_or(0, CompanyId::get)
    }
}

/// An intent about to be written.
#[derive(Debug, Clone)]
pub struct NewIntent {
    /// Its id.
    pub id: Uuid,
    /// The id that all have which are asked together for one lead.
    pub ask: Uuid,
    /// The vendor's name.
    pub vendor: &'static str,
    /// What is done there.
    pub operation: &'static str,
    /// What for.
    pub purpose: &'static str,
    /// Why, without personal data.
    pub because: String,
    /// The step that reports it.
    pub step: &'static str,
    /// What is bought.
    pub thing: ThingHash,
    /// For which lead.
    pub lead: LeadKey,
    /// `sent`, or `reserved` while it waits for its turn.
    pub sent: bool,
    /// The lock that tells whether its process lives.
    pub owner: i64,
    /// By then a living process is done with it.
    pub lease_until: DateTime<Utc>,
    /// Whose cap it counts against.
    pub day: NaiveDate,
    /// The vendor's meter.
    pub meter: &'static str,
    /// The worst case.
    pub reserved: Charge,
}

/// An intent that is not over, or of which nothing is known.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its id.
    pub id: Uuid,
    /// Those asked together with it.
    pub ask: Uuid,
    /// The vendor.
    pub vendor: String,
    /// What is done there.
    pub operation: String,
    /// What is bought.
    pub thing: Vec<u8>,
    /// In which run, 0 outside.
    pub run: i64,
    /// At which attempt.
    pub attempt: i32,
    /// `reserved`, `sent` or `unknown`.
    pub state: String,
    /// The lock that tells whether its process lives.
    pub owner: i64,
    /// By then a living process is done with it.
    pub lease_until: DateTime<Utc>,
}

/// An intent that was given up, with what its event says.
#[derive(Debug, Clone)]
pub struct GivenUp {
    /// Those asked together.
    pub ask: Uuid,
    /// The vendor.
    pub vendor: String,
    /// What is done there.
    pub operation: String,
    /// What for.
    pub purpose: String,
    /// Why it was asked.
    pub because: String,
    /// The step that reports it.
    pub step: String,
    /// For which lead.
    pub lead: LeadKey,
    /// What is charged: all that was reserved.
    pub charge: Charge,
}

/// How an intent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Answered.
    Settled,
    /// Refused or failed: free.
    Released,
    /// Sent, and the answer was lost.
    Unknown,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Released => "released",
            Self::Unknown => "unknown",
        }
    }
}

/// An intent that is over.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its id.
    pub id: Uuid,
    /// How.
    pub end: End,
    /// What it came to.
    pub charge: Charge,
    /// Requests sent for it.
    pub requests: u32,
    /// The last status, if there was one.
    pub http_status: Option<u16>,
}

/// Takes the tenant's budget lock until the transaction ends: whoever holds it alone changes budgets and begins intents.
///
/// # Errors
/// What the database says.
pub async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    let name = format!("vendor-budget/{}", tx.tenant());
    sqlx::query("select pg_advisory_xact_lock($1)").bind(leases::key(&name)).execute(&mut **tx).await?;
    Ok(())
}

/// Where leads stand: `open`, `paused`, or nothing when the lead is not admitted at that attempt or its run is over.
///
/// # Errors
/// What the database says.
pub async fn leads(tx: &mut TenantTx, leads: &[LeadKey]) -> Result<HashMap<LeadKey, String>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select w.place, r.status from unnest($2::bigint[], $3::bigint[], $4::int[]) with ordinality as w (run_id, company_id, attempt, place)
         join runs r on r.tenant_id = $1 and r.run_id = w.run_id
         where r.status in ('open', 'paused') and (w.company_id = 0 or exists (select from admissions a
               where a.tenant_id = $1 and a.run_id = w.run_id and a.company_id = w.company_id and a.attempt = w.attempt and a.state = 'admitted'))",
    )
    .bind(tenant.as_str())
    .bind(leads.iter().map(LeadKey::run_number).collect::<Vec<_>>())
    .bind(leads.iter().map(LeadKey::company_number).collect::<Vec<_>>())
    .bind(leads.iter().map(|lead| i32::try_from(lead.attempt).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let found = rows.into_iter().filter_map(|(place, status)| {
        let place = usize::try_from(place - 1).ok()?;
        Some((*leads.get(place)?, status))
    });
    Ok(found.collect())
}

/// Sums of the ledger per vendor over what ended in `[from, to)`: what the costs that people read must add up to.
///
/// # Errors
/// What the database says.
pub async fn sums(
    tx: &mut TenantTx,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(String, Charge)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<(String, Decimal, Decimal, i64, i64, Decimal)> = sqlx::query_as(
        "select vendor, sum(used), sum(units), sum(tokens_input)::bigint, sum(tokens_output)::bigint, sum(cost_usd) from vendor_intents
         where tenant_id = $1 and ended_at >= $2 and ended_at < $3 group by vendor order by vendor",
    )
    .bind(tenant.as_str())
    .bind(from)
    .bind(to)
    .fetch_all(&mut **tx)
    .await?;
    let sum = |(vendor, metered, units, input, output, usd): (String, Decimal, Decimal, i64, i64, Decimal)| {
        let charge =
            Charge { metered, units, tokens_input: input.unsigned_abs(), tokens_output: output.unsigned_abs(), usd };
        (vendor, charge)
    };
    Ok(rows.into_iter().map(sum).collect())
}

/// How often a step outside of runs was told: it has no lead's attempt to be told apart by.
///
/// # Errors
/// What the database says.
pub async fn told_outside_runs(tx: &mut TenantTx, step: &str) -> Result<Attempt, StoreError> {
    let tenant = tx.tenant().clone();
    let last: Option<i32> = sqlx::query_scalar(
        "select max(attempt) from lead_steps where tenant_id = $1 and run_id = 0 and company_id = 0 and step = $2",
    )
    .bind(tenant.as_str())
    .bind(step)
    .fetch_one(&mut **tx)
    .await?;
    Ok(last.map_or(0, i32::unsigned_abs))
}

/// The number by which a process's intents show that it lives: the lock of this lease.
#[must_use]
pub fn owner(lease: &str) -> i64 {
    leases::key(lease)
}

/// The tenant's ids of things are made with its index key; this names what is hashed.
#[must_use]
pub fn thing_context(tenant: &TenantId, vendor: &str, operation: &str) -> String {
    format!("vendor/{tenant}/{vendor}/{operation}")
}
