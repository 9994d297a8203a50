//! Runs whose shortlist is to be written to the tenant's Odoo. What is due stays due until it is done, however long Odoo is away.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use presdr_events::{Actor, Cause, EventId, RunId};
use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use crate::{StoreError, TenantTx};

/// A sync of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Sync {
    /// Which run.
    pub run: RunId,
    /// Which sync of it, from 1.
    pub attempt: u32,
    /// What asked for it, and who.
    pub cause: Cause,
    /// When it was asked for.
    pub asked_at: DateTime<Utc>,
    /// When it is tried next, unless it is done.
    pub due_at: DateTime<Utc>,
    /// Tries that failed.
    pub tries: u32,
    /// When the first of them did that came to the same problem as the last.
    pub first_failed_at: Option<DateTime<Utc>>,
    /// Why the last of them did, with the cure.
    pub problem: Option<String>,
    /// When it was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// Records by what was done with them.
    pub counts: BTreeMap<String, u32>,
}

/// Asks for a sync of the run, once for each cause; tells which sync of the run it is.
///
/// # Errors
/// What the database says.
pub async fn ask(tx: &mut TenantTx, run: RunId, cause: &Cause, now: DateTime<Utc>) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    lock(tx).await?;
    sqlx::query(
        "insert into odoo_syncs (tenant_id, run_id, attempt, state, cause_id, correlation_id, actor, asked_at, due_at)
         select $1, $2, coalesce(max(attempt), 0) + 1, 'due', $3, $4, $5, $6, $6 from odoo_syncs where tenant_id = $1 and run_id = $2
         on conflict (tenant_id, cause_id) do nothing",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(cause.id.0)
    .bind(cause.correlation.0)
    .bind(cause.actor.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    let attempt: i32 = sqlx::query_scalar("select attempt from odoo_syncs where tenant_id = $1 and cause_id = $2")
        .bind(tenant.as_str())
        .bind(cause.id.0)
        .fetch_one(&mut **tx)
        .await?;
    Ok(attempt.unsigned_abs())
}

/// Which sync of the run the next will be. Until the transaction ends nobody else asks for one.
///
/// # Errors
/// What the database says.
pub async fn next_attempt(tx: &mut TenantTx, run: RunId) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    lock(tx).await?;
    let attempt: i32 =
        sqlx::query_scalar("select coalesce(max(attempt), 0) + 1 from odoo_syncs where tenant_id = $1 and run_id = $2")
            .bind(tenant.as_str())
            .bind(run.get())
            .fetch_one(&mut **tx)
            .await?;
    Ok(attempt.unsigned_abs())
}

/// Which sync of the run is due already; it is due at once then, if it was put off. Until the transaction ends nobody else asks for one.
///
/// # Errors
/// What the database says.
pub async fn due_already(tx: &mut TenantTx, run: RunId, now: DateTime<Utc>) -> Result<Option<u32>, StoreError> {
    let tenant = tx.tenant().clone();
    lock(tx).await?;
    let attempts: Vec<i32> = sqlx::query_scalar(
        "update odoo_syncs set due_at = least(due_at, $3) where tenant_id = $1 and run_id = $2 and state = 'due' returning attempt",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(attempts.into_iter().max().map(i32::unsigned_abs))
}

/// Two that are asked for at once get two numbers.
async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('presdr odoo syncs of ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The first that is due by now, runs in their order.
///
/// # Errors
/// What the database says.
pub async fn due(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Option<Sync>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query(
        "select * from odoo_syncs where tenant_id = $1 and state = 'due' and due_at <= $2 order by run_id, attempt limit 1",
    )
    .bind(tenant.as_str())
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.as_ref().and_then(sync))
}

/// Whether anything of the tenant's is due by now, and whether any record of an erased person is to be removed: one look at two small indexes.
///
/// # Errors
/// What the database says.
pub async fn waiting(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<(bool, bool), StoreError> {
    let tenant = tx.tenant().clone();
    let waiting = "select exists (select from odoo_syncs where tenant_id = $1 and state = 'due' and due_at <= $2),
                          exists (select from odoo_records where tenant_id = $1 and state = 'owed')";
    Ok(sqlx::query_as(waiting).bind(tenant.as_str()).bind(now).fetch_one(&mut **tx).await?)
}

/// Writes down that a try failed, and when the next is due. Since when it fails is since when it has failed for the same reason.
///
/// # Errors
/// What the database says.
pub async fn failed(
    tx: &mut TenantTx,
    sync: &Sync,
    problem: &str,
    due_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update odoo_syncs set tries = tries + 1, problem = $4, due_at = $5, first_failed_at = case when problem = $4 then first_failed_at else $6 end
         where tenant_id = $1 and run_id = $2 and attempt = $3 and state = 'due'",
    )
    .bind(tenant.as_str())
    .bind(sync.run.get())
    .bind(i32::try_from(sync.attempt).unwrap_or(i32::MAX))
    .bind(problem)
    .bind(due_at)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes down that it is done, or that it never can be and why; `false` when it was before.
///
/// # Errors
/// What the database says.
pub async fn finish(
    tx: &mut TenantTx,
    sync: &Sync,
    (counts, problem): (&BTreeMap<String, u32>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "update odoo_syncs set state = 'done', finished_at = $4, counts = $5, problem = $6
         where tenant_id = $1 and run_id = $2 and attempt = $3 and state = 'due'",
    )
    .bind(tenant.as_str())
    .bind(sync.run.get())
    .bind(i32::try_from(sync.attempt).unwrap_or(i32::MAX))
    .bind(now)
    .bind(Json(counts))
    .bind(problem)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes everything that waits due at once: what kept it waiting was cured.
///
/// # Errors
/// What the database says.
pub async fn wake(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let woken = sqlx::query("update odoo_syncs set due_at = $2 where tenant_id = $1 and state = 'due' and due_at > $2")
        .bind(tenant.as_str())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(woken.rows_affected())
}

/// The syncs of a run, newest first; of all runs without one.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, run: Option<RunId>, limit: i64) -> Result<Vec<Sync>, StoreError> {
    let tenant = tx.tenant().clone();
    let statement = match run {
        Some(_) => "select * from odoo_syncs where tenant_id = $1 and run_id = $2 order by attempt desc limit $3",
        None => "select * from odoo_syncs where tenant_id = $1 and $2::bigint is null order by asked_at desc limit $3",
    };
    let rows = sqlx::query(statement).bind(tenant.as_str()).bind(run.map(RunId::get)).bind(limit);
    Ok(rows.fetch_all(&mut **tx).await?.iter().filter_map(sync).collect())
}

fn sync(row: &PgRow) -> Option<Sync> {
    let Json(counts) = row.get("counts");
    Some(Sync {
        run: RunId::new(row.get("run_id")).ok()?,
        attempt: row.get::<i32, _>("attempt").unsigned_abs(),
        cause: Cause {
            id: EventId(row.get::<Uuid, _>("cause_id")),
            correlation: EventId(row.get::<Uuid, _>("correlation_id")),
            actor: Actor::new(row.get::<String, _>("actor")).ok()?,
            traceparent: None,
        },
        asked_at: row.get("asked_at"),
        due_at: row.get("due_at"),
        tries: row.get::<i32, _>("tries").unsigned_abs(),
        first_failed_at: row.get("first_failed_at"),
        problem: row.get("problem"),
        finished_at: row.get("finished_at"),
        counts,
    })
}
