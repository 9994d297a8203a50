//! Erasing people without a race against what is in flight, and the record of who was erased.
//!
//! Whoever commits something about people holds the tenant's erasure lock shared from before it looks at keys and suppressions until its
//! commit. An erasure commits the tombstone and the suppressions, then waits once for everyone who holds the lock ([`barrier`]), and then
//! clears: who committed before is seen, who looks later finds the tombstone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use presdr_events::{Actor, SubjectId, TenantId};
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

use crate::{Database, StoreError, TenantTx};

const HOLD_OFF: &str = "select pg_advisory_xact_lock_shared(hashtextextended('presdr erasure ' || $1, 0))";

/// Keeps erasures of the tenant's people waiting until this transaction ends.
///
/// # Errors
/// What the database says.
pub async fn hold_off(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    Ok(hold_off_on(tx, &tenant).await?)
}

/// The same on a connection that has entered the tenant.
///
/// # Errors
/// What the database says.
pub async fn hold_off_on(connection: &mut PgConnection, tenant: &TenantId) -> Result<(), sqlx::Error> {
    sqlx::query(HOLD_OFF).bind(tenant.as_str()).execute(connection).await?;
    Ok(())
}

/// Waits until nobody holds erasures off, and keeps others from doing so until this transaction ends.
///
/// # Errors
/// What the database says.
pub async fn shut(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('presdr erasure ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Waits for everyone who was about to commit something about the tenant's people when this was called.
///
/// # Errors
/// What the database says.
pub async fn barrier(database: &Database, tenant: &TenantId) -> Result<(), StoreError> {
    let mut tx = database.enter(tenant).await?;
    shut(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// An erasure, begun or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its number, and its receipt's attempt.
    pub number: u32,
    /// Who, by random id.
    pub subjects: Vec<SubjectId>,
    /// Who asked for it.
    pub actor: String,
    /// When.
    pub begun_at: DateTime<Utc>,
    /// When its receipt was committed.
    pub finished_at: Option<DateTime<Utc>>,
    /// Rows removed or cleared so far, by place.
    pub removed: BTreeMap<String, u64>,
}

/// Until the transaction ends, nobody else begins an erasure of the tenant's.
///
/// # Errors
/// What the database says.
pub async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('presdr erasures of ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes down that an erasure begins. `number` is the next unless it is given; one that is there stays.
///
/// # Errors
/// What the database says.
pub async fn begin(
    tx: &mut TenantTx,
    number: Option<u32>,
    subjects: &[SubjectId],
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    let number: i32 = sqlx::query_scalar(
        "insert into erasures as kept (tenant_id, number, subjects, actor, begun_at)
         select $1, coalesce($2, (select coalesce(max(number), 0) + 1 from erasures where tenant_id = $1)), $3, $4, $5
         on conflict (tenant_id, number) do update set finished_at = null
         returning number",
    )
    .bind(tenant.as_str())
    .bind(number.map(i64::from))
    .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<Uuid>>())
    .bind(actor.as_str())
    .bind(now)
    .fetch_one(&mut **tx)
    .await?;
    Ok(number.unsigned_abs())
}

/// Adds people whom an erasure met on its way.
///
/// # Errors
/// What the database says.
pub async fn extend(tx: &mut TenantTx, number: u32, subjects: &[SubjectId]) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update erasures set subjects = subjects || $3 where tenant_id = $1 and number = $2")
        .bind(tenant.as_str())
        .bind(i32::try_from(number).unwrap_or(i32::MAX))
        .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<Uuid>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Notes, with the transaction that removed them, rows of a place.
///
/// # Errors
/// What the database says.
pub async fn note(tx: &mut TenantTx, number: u32, place: &str, rows: u64) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update erasures set removed = removed || jsonb_build_object($3::text, coalesce((removed ->> $3)::bigint, 0) + $4)
         where tenant_id = $1 and number = $2",
    )
    .bind(tenant.as_str())
    .bind(i32::try_from(number).unwrap_or(i32::MAX))
    .bind(place)
    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Marks an erasure as done.
///
/// # Errors
/// What the database says.
pub async fn finish(tx: &mut TenantTx, number: u32, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update erasures set finished_at = $3 where tenant_id = $1 and number = $2")
        .bind(tenant.as_str())
        .bind(i32::try_from(number).unwrap_or(i32::MAX))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// One erasure.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, number: u32) -> Result<Option<Erasure>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query("select * from erasures where tenant_id = $1 and number = $2")
        .bind(tenant.as_str())
        .bind(i32::try_from(number).unwrap_or(i32::MAX))
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.as_ref().map(one))
}

/// Those that any of these people are in, oldest first.
///
/// # Errors
/// What the database says.
pub async fn of(tx: &mut TenantTx, subjects: &[SubjectId]) -> Result<Vec<Erasure>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query("select * from erasures where tenant_id = $1 and subjects && $2 order by number")
        .bind(tenant.as_str())
        .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<Uuid>>())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.iter().map(one).collect())
}

/// The newest, at most so many.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, limit: i64) -> Result<Vec<Erasure>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query("select * from erasures where tenant_id = $1 order by number desc limit $2")
        .bind(tenant.as_str())
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.iter().map(one).collect())
}

/// Those that were cut off, oldest first.
///
/// # Errors
/// What the database says.
pub async fn unfinished(tx: &mut TenantTx) -> Result<Vec<Erasure>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query("select * from erasures where tenant_id = $1 and finished_at is null order by number")
        .bind(tenant.as_str())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.iter().map(one).collect())
}

/// What keeps these people from coming back, by kind.
///
/// # Errors
/// What the database says.
pub async fn kept_away(tx: &mut TenantTx, subjects: &[SubjectId]) -> Result<BTreeMap<String, u64>, StoreError> {
    let tenant = tx.tenant().clone();
    let counts: Vec<(String, i64)> = sqlx::query_as(
        "select kind, count(*) from suppressions where tenant_id = $1 and subject_id = any($2) group by kind",
    )
    .bind(tenant.as_str())
    .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<Uuid>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(counts.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

fn one(row: &sqlx::postgres::PgRow) -> Erasure {
    let Json(removed): Json<BTreeMap<String, u64>> = row.get("removed");
    Erasure {
        number: row.get::<i32, _>("number").unsigned_abs(),
        subjects: row.get::<Vec<Uuid>, _>("subjects").into_iter().map(SubjectId).collect(),
        actor: row.get("actor"),
        begun_at: row.get("begun_at"),
        finished_at: row.get("finished_at"),
        removed,
    }
}
