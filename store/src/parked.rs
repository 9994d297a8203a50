//! Work that could not be done and waits for a person.

use chrono::{DateTime, Utc};
use presdr_events::EventId;
use sqlx::Row;

use crate::{StoreError, TenantTx};

/// A message that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its number in the tenant's list.
    pub id: i64,
    /// Which worker could not do it.
    pub consumer: String,
    /// The event, if it could be read.
    pub event_id: Option<EventId>,
    /// Its subject.
    pub subject: String,
    /// Its place in EVENTS.
    pub stream_sequence: i64,
    /// How often it was tried.
    pub deliveries: i32,
    /// The lead's run, if it could be read.
    pub run: Option<i64>,
    /// The lead's company, if it could be read.
    pub company: Option<i64>,
    /// What went wrong, without personal data.
    pub error: String,
    /// When it was set aside.
    pub parked_at: DateTime<Utc>,
    /// When it was put back, if it was.
    pub retried_at: Option<DateTime<Utc>>,
}

/// A message to be set aside.
#[derive(Debug)]
pub struct NewParked<'a> {
    /// Which worker.
    pub consumer: &'a str,
    /// The event, if it could be read.
    pub event_id: Option<EventId>,
    /// Its subject.
    pub subject: &'a str,
    /// Its place in EVENTS.
    pub stream_sequence: u64,
    /// How often it was tried.
    pub deliveries: i64,
    /// The lead's run.
    pub run: Option<i64>,
    /// The lead's company.
    pub company: Option<i64>,
    /// What went wrong.
    pub error: &'a str,
}

/// Sets a message aside, once.
///
/// # Errors
/// What the database says.
pub async fn park(tx: &mut TenantTx, new: &NewParked<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into parked_messages (tenant_id, consumer, event_id, subject, stream_sequence, deliveries, run_id, company_id, error)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant_id, consumer, stream_sequence) do update set deliveries = excluded.deliveries, error = excluded.error",
    )
    .bind(tenant.as_str())
    .bind(new.consumer)
    .bind(new.event_id.map(|id| id.0))
    .bind(new.subject)
    .bind(i64::try_from(new.stream_sequence).unwrap_or(i64::MAX))
    .bind(i32::try_from(new.deliveries).unwrap_or(i32::MAX))
    .bind(new.run)
    .bind(new.company)
    .bind(new.error)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What is set aside and was not put back, newest first.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, limit: i64) -> Result<Vec<Parked>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select * from parked_messages where tenant_id = $1 and retried_at is null order by parked_id desc limit $2",
    )
    .bind(tenant.as_str())
    .bind(limit)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(from_row).collect())
}

/// One of them.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, id: i64) -> Result<Option<Parked>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query("select * from parked_messages where tenant_id = $1 and parked_id = $2")
        .bind(tenant.as_str())
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.as_ref().map(from_row))
}

/// Notes that it was put back.
///
/// # Errors
/// What the database says.
pub async fn mark_retried(tx: &mut TenantTx, id: i64) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("update parked_messages set retried_at = now() where tenant_id = $1 and parked_id = $2")
        .bind(tenant.as_str())
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn from_row(row: &sqlx::postgres::PgRow) -> Parked {
    Parked {
        id: row.get("parked_id"),
        consumer: row.get("consumer"),
        event_id: row.get::<Option<uuid::Uuid>, _>("event_id").map(EventId),
        subject: row.get("subject"),
        stream_sequence: row.get("stream_sequence"),
        deliveries: row.get("deliveries"),
        run: row.get("run_id"),
        company: row.get("company_id"),
        error: row.get("error"),
        parked_at: row.get("parked_at"),
        retried_at: row.get("retried_at"),
    }
}
