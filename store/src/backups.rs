//! What a backup needs to know of the database, and what a database that was read back needs before services start.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};

use crate::{Database, StoreError, tenants};

/// Now, as the database has it.
///
/// # Errors
/// What the database says.
pub async fn moment(database: &Database) -> Result<DateTime<Utc>, StoreError> {
    Ok(sqlx::query_scalar("select clock_timestamp()").fetch_one(database.platform()).await?)
}

/// The tables that are made anew from the log, those of a rebuild apart.
///
/// # Errors
/// What the database says.
pub async fn projections(database: &Database) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select projection_tables('public')::text").fetch_all(database.platform()).await?)
}

/// Whether the database that `url` names has no table of anybody's.
///
/// # Errors
/// What the database says.
pub async fn is_empty(url: &str) -> Result<bool, StoreError> {
    let mut connection = PgConnection::connect(url).await?;
    let empty = sqlx::query_scalar(
        "select not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_')",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(empty)
}

/// Whether an audit checkpoint covers events after this place of the log.
///
/// # Errors
/// What the database says.
pub async fn is_audited_beyond(owner: &Database, sequence: u64) -> Result<bool, StoreError> {
    let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
    for tenant in tenants::with_events(owner).await? {
        let mut tx = owner.enter(&tenant).await?;
        let beyond: bool =
            sqlx::query_scalar("select exists (select from audit_checkpoints where tenant_id = $1 and sequence > $2)")
                .bind(tenant.as_str())
                .bind(sequence)
                .fetch_one(&mut *tx)
                .await?;
        if beyond {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets everything be published again that was marked as published since `since`: the log that belongs to this database may lack it. What
/// it does not lack is known by its id. Tells how many events there are to publish.
///
/// # Errors
/// What the database says.
pub async fn publish_again(owner: &Database, since: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut unpublished = 0;
    for tenant in tenants::with_events(owner).await? {
        let mut tx = owner.enter(&tenant).await?;
        sqlx::query("update lead_steps set published_at = null where tenant_id = $1 and published_at >= $2")
            .bind(tenant.as_str())
            .bind(since)
            .execute(&mut *tx)
            .await?;
        let left: i64 =
            sqlx::query_scalar("select count(*) from lead_steps where tenant_id = $1 and published_at is null")
                .bind(tenant.as_str())
                .fetch_one(&mut *tx)
                .await?;
        tx.commit().await?;
        unpublished += left.unsigned_abs();
    }
    Ok(unpublished)
}
