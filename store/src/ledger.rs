//! The ledger of what is bought of vendors, and the budgets that it counts against.
//!
//! An intent is written before a call and settled after it, one per thing bought. Budgets change only under [`lock`], and never past a
//! cap; what was reserved too much is given back by [`reconcile`].

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{Attempt, CompanyId, RunId, TenantId};
use rust_decimal::Decimal;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use crate::{StoreError, TenantTx, leases};

/// The meter of all money, in US dollars.
pub const USD: &str = "usd";

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

/// A change of one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taking {
    /// Which meter.
    pub meter: &'static str,
    /// A day or a run, as [`day`] and [`run`] name it.
    pub period: String,
    /// How much more.
    pub amount: Decimal,
    /// What must not be passed.
    pub cap: Option<Decimal>,
}

/// The name of a day's budget.
#[must_use]
pub fn day(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

/// The name of a run's budget.
#[must_use]
pub fn run(run: RunId) -> String {
    format!("run {run}")
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

/// Intents for these things (vendor, operation, hash) that are not over, or of which nothing is known.
///
/// # Errors
/// What the database says.
pub async fn standing(
    tx: &mut TenantTx,
    things: &[(&'static str, &'static str, ThingHash)],
) -> Result<Vec<Standing>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "with wanted as (select * from unnest($2::text[], $3::text[], $4::bytea[]) as w (vendor, operation, thing))
         select i.intent_id, i.ask_id, i.vendor, i.operation, i.thing, i.run_id, i.attempt, i.state, i.owner, i.lease_until
         from wanted join vendor_intents i using (vendor, operation, thing) where i.tenant_id = $1 and i.state in ('reserved', 'sent')
         union all
         select i.intent_id, i.ask_id, i.vendor, i.operation, i.thing, i.run_id, i.attempt, i.state, i.owner, i.lease_until
         from wanted join vendor_intents i using (vendor, operation, thing) where i.tenant_id = $1 and i.state = 'unknown'",
    )
    .bind(tenant.as_str())
    .bind(things.iter().map(|thing| thing.0).collect::<Vec<_>>())
    .bind(things.iter().map(|thing| thing.1).collect::<Vec<_>>())
    .bind(things.iter().map(|thing| thing.2.as_slice()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(standing_from).collect())
}

/// All intents of the tenant that are not over.
///
/// # Errors
/// What the database says.
pub async fn unfinished(tx: &mut TenantTx, limit: i64) -> Result<Vec<Standing>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select intent_id, ask_id, vendor, operation, thing, run_id, attempt, state, owner, lease_until
         from vendor_intents where tenant_id = $1 and state in ('reserved', 'sent') limit $2",
    )
    .bind(tenant.as_str())
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(standing_from).collect())
}

fn standing_from(row: &PgRow) -> Standing {
    Standing {
        id: row.get("intent_id"),
        ask: row.get("ask_id"),
        vendor: row.get("vendor"),
        operation: row.get("operation"),
        thing: row.get("thing"),
        run: row.get("run_id"),
        attempt: row.get("attempt"),
        state: row.get("state"),
        owner: row.get("owner"),
        lease_until: row.get("lease_until"),
    }
}

/// Those of `owners` whose process lives: its session holds the lock.
///
/// # Errors
/// What the database says.
pub async fn living(tx: &mut TenantTx, owners: &[i64]) -> Result<HashSet<i64>, StoreError> {
    if owners.is_empty() {
        return Ok(HashSet::new());
    }
    let held: Vec<i64> = sqlx::query_scalar(
        "select (classid::bigint << 32) | objid::bigint from pg_locks
         where locktype = 'advisory' and objsubid = 1 and granted and database = (select oid from pg_database where datname = current_database())",
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(held.into_iter().filter(|held| owners.contains(held)).collect())
}

/// Gives up what was asked together with any of `intents` and is not over: what was sent becomes unknown, at its maximum; what was only
/// reserved is released. Tells what became unknown.
///
/// # Errors
/// What the database says.
pub async fn give_up(tx: &mut TenantTx, asks: &[Uuid], now: DateTime<Utc>) -> Result<Vec<GivenUp>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "update vendor_intents set ended_at = $3,
                state = case state when 'sent' then 'unknown' else 'released' end,
                reconciled_at = case state when 'sent' then $3 end,
                used = case state when 'sent' then reserved else 0 end,
                units = case state when 'sent' then reserved_units else 0 end,
                tokens_input = case state when 'sent' then reserved_input else 0 end,
                tokens_output = case state when 'sent' then reserved_output else 0 end,
                cost_usd = case state when 'sent' then reserved_usd else 0 end,
                requests = case state when 'sent' then 1 else 0 end
         where tenant_id = $1 and ask_id = any($2) and state in ('reserved', 'sent')
         returning ask_id, vendor, operation, purpose, because, step, run_id, company_id, attempt, used, units, tokens_input, tokens_output,
                   cost_usd, state",
    )
    .bind(tenant.as_str())
    .bind(asks)
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter(|row| row.get::<String, _>("state") == "unknown").map(given_up).collect())
}

fn given_up(row: &PgRow) -> GivenUp {
    let attempt: i32 = row.get("attempt");
    GivenUp {
        ask: row.get("ask_id"),
        vendor: row.get("vendor"),
        operation: row.get("operation"),
        purpose: row.get("purpose"),
        because: row.get("because"),
        step: row.get("step"),
        lead: LeadKey {
            run: RunId::new(row.get("run_id")).ok(),
            company: CompanyId::new(row.get("company_id")).ok(),
            attempt: attempt.unsigned_abs(),
        },
        charge: Charge {
            metered: row.get("used"),
            units: row.get("units"),
            tokens_input: row.get::<i64, _>("tokens_input").unsigned_abs(),
            tokens_output: row.get::<i64, _>("tokens_output").unsigned_abs(),
            usd: row.get("cost_usd"),
        },
    }
}

/// What is reserved or used of each of these budgets (meter, period); a budget that nothing was taken of is made.
///
/// Call it under [`lock`].
///
/// # Errors
/// What the database says.
pub async fn taken(
    tx: &mut TenantTx,
    budgets: &[(&'static str, String)],
) -> Result<HashMap<(String, String), Decimal>, StoreError> {
    let (meters, periods) = names(budgets);
    let mut taken = read_taken(tx, &meters, &periods).await?;
    if taken.len() < budgets.len() {
        let tenant = tx.tenant().clone();
        sqlx::query(
            "insert into vendor_budgets (tenant_id, meter, period) select $1, * from unnest($2::text[], $3::text[]) on conflict do nothing",
        )
        .bind(tenant.as_str())
        .bind(&meters)
        .bind(&periods)
        .execute(&mut **tx)
        .await?;
        for (meter, period) in budgets {
            taken.entry(((*meter).to_owned(), period.clone())).or_default();
        }
    }
    Ok(taken)
}

/// What is reserved or used of each of these budgets; nothing is made. What was not yet given back still counts.
///
/// # Errors
/// What the database says.
pub async fn peek(
    tx: &mut TenantTx,
    budgets: &[(&'static str, String)],
) -> Result<HashMap<(String, String), Decimal>, StoreError> {
    let (meters, periods) = names(budgets);
    read_taken(tx, &meters, &periods).await
}

fn names<'a>(budgets: &'a [(&'static str, String)]) -> (Vec<&'static str>, Vec<&'a str>) {
    budgets.iter().map(|(meter, period)| (*meter, period.as_str())).unzip()
}

async fn read_taken(
    tx: &mut TenantTx,
    meters: &[&str],
    periods: &[&str],
) -> Result<HashMap<(String, String), Decimal>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<(String, String, Decimal)> = sqlx::query_as(
        "select b.meter, b.period, b.taken from unnest($2::text[], $3::text[]) as w (meter, period)
         join vendor_budgets b using (meter, period) where b.tenant_id = $1",
    )
    .bind(tenant.as_str())
    .bind(meters)
    .bind(periods)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|(meter, period, taken)| ((meter, period), taken)).collect())
}

/// Takes of budgets that [`taken`] told of, each once; none of them may pass its cap.
///
/// # Errors
/// [`StoreError::Refused`] when one would: then the caller decided on other numbers than there are, and must roll back.
pub async fn take(tx: &mut TenantTx, takings: &[Taking]) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "update vendor_budgets b set taken = b.taken + t.amount
         from unnest($2::text[], $3::text[], $4::numeric[], $5::numeric[]) as t (meter, period, amount, cap)
         where b.tenant_id = $1 and b.meter = t.meter and b.period = t.period and (t.cap is null or b.taken + t.amount <= t.cap)",
    )
    .bind(tenant.as_str())
    .bind(takings.iter().map(|taking| taking.meter).collect::<Vec<_>>())
    .bind(takings.iter().map(|taking| taking.period.as_str()).collect::<Vec<_>>())
    .bind(takings.iter().map(|taking| taking.amount).collect::<Vec<_>>())
    .bind(takings.iter().map(|taking| taking.cap).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    match usize::try_from(done.rows_affected()) == Ok(takings.len()) {
        true => Ok(()),
        false => Err(StoreError::Refused("a vendor budget would pass its cap".to_owned())),
    }
}

/// Gives back what was reserved too much by intents that are over. Tells how many intents that were.
///
/// Call it under [`lock`].
///
/// # Errors
/// What the database says.
pub async fn reconcile(tx: &mut TenantTx, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let reconciled: i64 = sqlx::query_scalar(
        "with before as (
             select intent_id, counted, counted_usd from vendor_intents
             where tenant_id = $1 and reconciled_at is null and state in ('settled', 'released') limit $3),
         done as (
             update vendor_intents i set counted = i.used, counted_usd = i.cost_usd, reconciled_at = $2 from before
             where i.tenant_id = $1 and i.intent_id = before.intent_id
             returning i.meter, to_char(i.day, 'YYYY-MM-DD') as day, i.run_id, i.used - before.counted as more, i.cost_usd - before.counted_usd as usd),
         changes as (
             select meter, period, sum(more) as more from (
                 select meter, day as period, more from done
                 union all select meter, 'run ' || run_id, more from done where run_id > 0
                 union all select 'usd', day, usd from done
                 union all select 'usd', 'run ' || run_id, usd from done where run_id > 0) change group by meter, period),
         given as (
             update vendor_budgets b set taken = greatest(0, b.taken + c.more) from changes c
             where b.tenant_id = $1 and b.meter = c.meter and b.period = c.period)
         select count(*) from done",
    )
    .bind(tenant.as_str())
    .bind(now)
    .bind(limit)
    .fetch_one(&mut **tx)
    .await?;
    Ok(reconciled.unsigned_abs())
}

/// Writes intents. Call it under [`lock`], with what [`take`] took for them.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut TenantTx, intents: &[NewIntent], now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let rows: serde_json::Value = intents.iter().map(intent_row).collect();
    sqlx::query(
        "insert into vendor_intents (tenant_id, intent_id, ask_id, vendor, operation, purpose, because, step, thing, run_id, company_id, attempt,
             state, owner, lease_until, day, meter, reserved, reserved_units, reserved_input, reserved_output, reserved_usd, counted, counted_usd,
             created_at)
         select $1, n.intent_id, n.ask_id, n.vendor, n.operation, n.purpose, n.because, n.step, decode(n.thing, 'hex'), n.run_id, n.company_id,
             n.attempt, n.state, n.owner, n.lease_until, n.day, n.meter, n.reserved, n.units, n.input, n.output, n.usd, n.reserved, n.usd, $3
         from jsonb_to_recordset($2) as n (intent_id uuid, ask_id uuid, vendor text, operation text, purpose text, because text, step text, thing text,
             run_id bigint, company_id bigint, attempt int, state text, owner bigint, lease_until timestamptz, day date, meter text,
             reserved numeric, units numeric, input bigint, output bigint, usd numeric)",
    )
    .bind(tenant.as_str())
    .bind(rows)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn intent_row(new: &NewIntent) -> serde_json::Value {
    serde_json::json!({
        "intent_id": new.id, "ask_id": new.ask, "vendor": new.vendor, "operation": new.operation, "purpose": new.purpose,
        "because": new.because, "step": new.step, "thing": hex(&new.thing), "run_id": new.lead.run_number(),
        "company_id": new.lead.company_number(), "attempt": new.lead.attempt, "state": if new.sent { "sent" } else { "reserved" },
        "owner": new.owner, "lease_until": new.lease_until, "day": new.day, "meter": new.meter, "reserved": new.reserved.metered,
        "units": new.reserved.units, "input": new.reserved.tokens_input, "output": new.reserved.tokens_output, "usd": new.reserved.usd,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Marks waiting intents as sent; `false`, and nothing is marked, when one is no longer waiting.
///
/// # Errors
/// What the database says.
pub async fn mark_sent(tx: &mut TenantTx, ids: &[Uuid], lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "update vendor_intents set state = 'sent', lease_until = $3 where tenant_id = $1 and intent_id = any($2) and state = 'reserved'",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .bind(lease_until)
    .execute(&mut **tx)
    .await?;
    Ok(usize::try_from(done.rows_affected()) == Ok(ids.len()))
}

/// Ends intents and tells which were still ours to end: one that was given up meanwhile stays unknown, at its maximum.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut TenantTx, ended: &[Ended], now: DateTime<Utc>) -> Result<HashSet<Uuid>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: serde_json::Value = ended.iter().map(ended_row).collect();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "update vendor_intents i set state = e.state, used = e.used, units = e.units, tokens_input = e.input, tokens_output = e.output,
                cost_usd = e.usd, requests = e.requests, http_status = e.http_status, ended_at = $3,
                reconciled_at = case when e.used = i.counted and e.usd = i.counted_usd then $3 end
         from jsonb_to_recordset($2) as e (intent_id uuid, state text, used numeric, units numeric, input bigint, output bigint, usd numeric,
              requests int, http_status int)
         where i.tenant_id = $1 and i.intent_id = e.intent_id and i.state in ('reserved', 'sent')
         returning i.intent_id",
    )
    .bind(tenant.as_str())
    .bind(rows)
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(ids.into_iter().collect())
}

fn ended_row(ended: &Ended) -> serde_json::Value {
    serde_json::json!({
        "intent_id": ended.id, "state": ended.end.as_str(), "used": ended.charge.metered, "units": ended.charge.units,
        "input": ended.charge.tokens_input, "output": ended.charge.tokens_output, "usd": ended.charge.usd, "requests": ended.requests,
        "http_status": ended.http_status,
    })
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
