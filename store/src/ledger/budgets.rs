//! What is reserved or used of each cap. Changed under the tenant's lock alone.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::RunId;
use rust_decimal::Decimal;

use crate::{StoreError, TenantTx};

/// The meter of all money, in US dollars.
pub const USD: &str = "usd";

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

/// What is reserved or used of each of these budgets (meter, period); a budget that nothing was taken of is made.
///
/// Call it under [`lock`](super::lock).
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
/// Call it under [`lock`](super::lock).
///
/// # Errors
/// What the database says.
pub async fn reconcile(tx: &mut TenantTx, now: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let reconciled: i64 = sqlx::query_scalar(
        "with before as (
             select intent_id, counted, counted_usd from vendor_intents
             where tenant_id = $1 and reconciled_at is null and state in ('settled', 'released') limit $3 for update skip locked),
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
