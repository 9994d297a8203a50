//! What a backup needs to know of the database, and what a database that was read back needs before services start.

use chrono::{DateTime, Utc};

use crate::{Database, StoreError, steps, tenants};

/// Events read at once.
const BATCH: i64 = 500;

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
/// it does not lack is known by its id.
///
/// # Errors
/// What the database says.
pub async fn unmark(owner: &Database, since: DateTime<Utc>) -> Result<(), StoreError> {
    for tenant in tenants::with_events(owner).await? {
        let mut tx = owner.enter(&tenant).await?;
        sqlx::query("update lead_steps set published_at = null where tenant_id = $1 and published_at >= $2")
            .bind(tenant.as_str())
            .bind(since)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Publishes every committed event that is not marked as published, oldest first, through `publish`. Tells how many there were.
///
/// # Errors
/// What the database or `publish` says; the same call goes on from there.
pub async fn publish_unmarked<E: From<StoreError>>(
    owner: &Database,
    mut publish: impl AsyncFnMut(Vec<steps::Outgoing>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut published = 0;
    for tenant in tenants::with_events(owner).await? {
        loop {
            let mut tx = owner.enter(&tenant).await.map_err(StoreError::from)?;
            let left = steps::unpublished(&mut tx, DateTime::<Utc>::MAX_UTC, BATCH).await?;
            tx.commit().await.map_err(StoreError::from)?;
            if left.is_empty() {
                break;
            }
            let ids: Vec<_> = left.iter().map(|event| event.id).collect();
            published += ids.len() as u64;
            publish(left).await?;
            let mut tx = owner.enter(&tenant).await.map_err(StoreError::from)?;
            steps::mark_published(&mut tx, &ids).await?;
            tx.commit().await.map_err(StoreError::from)?;
        }
    }
    Ok(published)
}
