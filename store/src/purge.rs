//! Erasing a tenant from Postgres: closing it, waiting for whoever is still inside, removing its rows table by table, counting.
//!
//! All of it is done by [`Role::Owner`](crate::Role::Owner), and can be done again from any point. The tables are found in the catalogue, so
//! that a table of tomorrow is erased too.

mod rows;

use std::{collections::BTreeMap, time::Duration};

use presdr_events::{Actor, TenantId};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

pub use rows::{left, remove_all, tables};

use crate::{Database, StoreError, TenantTx, exclusive::Exclusive};

/// Held while a tenant is erased: one at a time, so that what one counts the other does not change.
const PURGE_LOCK: i64 = 0x7075_7267_6501;
/// How often it is looked whether transactions have ended.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// A purge that is under way, or was finished: the record behind its receipt.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Purge {
    /// Its number.
    #[sqlx(rename = "purge_id")]
    pub id: i32,
    /// Rows that were removed, by table.
    #[sqlx(json)]
    pub rows_removed: BTreeMap<String, i64>,
    /// Rows of all other tenants in the same tables: as many after each removal as before it.
    #[sqlx(json)]
    pub rows_of_others: BTreeMap<String, i64>,
    /// Events that were counted and are being removed.
    pub events_marked: Option<i64>,
    /// Events that were removed.
    pub events_removed: i64,
}

/// The one purge that may be under way, for as long as this lives.
#[derive(Debug)]
pub struct PurgeLock(Exclusive);

impl PurgeLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another purge is under way.
    pub async fn take(owner: &Database) -> Result<Self, StoreError> {
        let busy = || StoreError::Refused("another tenant is being erased: wait for it".to_owned());
        Exclusive::take(owner, PURGE_LOCK).await?.map(Self).ok_or_else(busy)
    }

    /// Frees the space of the rows that were removed from these tables.
    ///
    /// # Errors
    /// What the database says.
    pub async fn vacuum(&mut self, tables: impl Iterator<Item = &str>) -> Result<(), StoreError> {
        for table in tables {
            let vacuumed = self.0.0.execute(AssertSqlSafe(format!("vacuum {table}"))).await;
            // A rebuild's tables change places: what became of one is vacuumed with the others.
            if !vacuumed.as_ref().is_err_and(rows::is_gone) {
                vacuumed?;
            }
        }
        Ok(())
    }
}

/// Closes the tenant: from now on nobody but the eraser enters it, and its name is never used again. Goes on with a purge that was begun.
///
/// # Errors
/// [`StoreError::NoTenant`] when there is none of that name.
pub async fn close(owner: &Database, tenant: &TenantId, actor: &Actor) -> Result<Purge, StoreError> {
    let mut tx = owner.shared().await?;
    let known = sqlx::query(
        "update tenants set status = case status when 'purged' then 'purged' else 'purging' end where tenant_id = $1",
    )
    .bind(tenant.as_str())
    .execute(&mut *tx)
    .await?;
    if known.rows_affected() == 0 {
        return Err(StoreError::NoTenant(tenant.clone()));
    }
    sqlx::query(
        "insert into tenant_purges (slug, started_by) values ($1, $2) on conflict (slug) where finished_at is null do nothing",
    )
    .bind(tenant.as_str())
    .bind(actor.as_str())
    .execute(&mut *tx)
    .await?;
    sqlx::query("select close_erased_tenants()").execute(&mut *tx).await?;
    let purge = under_way(&mut tx, tenant).await?;
    tx.commit().await?;
    Ok(purge)
}

/// The purge of the tenant that is under way.
async fn under_way(connection: &mut PgConnection, tenant: &TenantId) -> Result<Purge, StoreError> {
    let purge = sqlx::query_as(
        "select purge_id, rows_removed, rows_of_others, events_marked, events_removed from tenant_purges
         where slug = $1 and finished_at is null",
    )
    .bind(tenant.as_str())
    .fetch_one(connection)
    .await?;
    Ok(purge)
}

/// Waits until every transaction of this database that is open now has ended: one that began before the tenant was closed may still
/// write to it. `waiting` is told how many there are.
///
/// # Errors
/// What the database says.
pub async fn drain(owner: &Database, mut waiting: impl FnMut(usize)) -> Result<(), StoreError> {
    let mut open = open_transactions(owner).await?;
    while !open.is_empty() {
        waiting(open.len());
        tokio::time::sleep(DRAIN_POLL).await;
        let still = open_transactions(owner).await?;
        open.retain(|one| still.contains(one));
    }
    Ok(())
}

/// Every transaction holds a lock on its own virtual id, which everybody may see.
async fn open_transactions(owner: &Database) -> Result<Vec<String>, StoreError> {
    let open = sqlx::query_scalar(
        "select l.virtualxid from pg_locks l join pg_stat_activity a using (pid)
         where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
           and a.datname = current_database() and a.usesysid is not null -- autovacuum is nobody's, and writes to no tenant",
    )
    .fetch_all(owner.platform())
    .await?;
    Ok(open)
}

/// Destroys the tenant's keys: whatever was sealed for it, wherever it still is, opens never again.
///
/// # Errors
/// What the database says.
pub async fn destroy_keys(owner: &Database, tenant: &TenantId) -> Result<(), StoreError> {
    rows::remove(owner, tenant, "tenant_keys").await?;
    let mut tx = enter_to_erase(owner, tenant).await?;
    sqlx::query(
        "update data_subjects set wrapped_key = null, erased_at = now() where tenant_id = $1 and wrapped_key is not null",
    )
    .bind(tenant.as_str())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Enters a tenant that is closed. Only what its transaction itself does can be seen in it.
///
/// # Errors
/// What the database says.
pub async fn enter_to_erase(owner: &Database, tenant: &TenantId) -> Result<TenantTx, sqlx::Error> {
    let begin = format!(
        "begin isolation level repeatable read; set local request.tenant_id = '{tenant}'; set local request.erasing = '{tenant}'"
    );
    owner.enter_with(tenant, begin).await
}

/// Writes down how many events are about to be removed, unless that was written down before.
///
/// # Errors
/// What the database says.
pub async fn mark_events(owner: &Database, tenant: &TenantId, events: u64) -> Result<(), StoreError> {
    note_events(
        owner,
        tenant,
        events,
        "update tenant_purges set events_marked = coalesce(events_marked, $2) where slug = $1 and finished_at is null",
    )
    .await
}

/// Writes down that the events that were marked are removed, or `removed` if those were more.
///
/// # Errors
/// What the database says.
pub async fn note_removed_events(owner: &Database, tenant: &TenantId, removed: u64) -> Result<(), StoreError> {
    note_events(
        owner,
        tenant,
        removed,
        "update tenant_purges set events_removed = events_removed + greatest(coalesce(events_marked, 0), $2), events_marked = null
         where slug = $1 and finished_at is null",
    )
    .await
}

async fn note_events(
    owner: &Database,
    tenant: &TenantId,
    events: u64,
    statement: &'static str,
) -> Result<(), StoreError> {
    let events = i64::try_from(events).unwrap_or(i64::MAX);
    sqlx::query(statement).bind(tenant.as_str()).bind(events).execute(owner.platform()).await?;
    Ok(())
}

/// What the purge under way has come to so far.
///
/// # Errors
/// What the database says.
pub async fn progress(owner: &Database, tenant: &TenantId) -> Result<Purge, StoreError> {
    let mut connection = owner.shared().await?;
    under_way(&mut connection, tenant).await
}

/// Notes with the caller's transaction that the tenant is gone.
///
/// # Errors
/// What the database says.
pub async fn finish(connection: &mut PgConnection, tenant: &TenantId, purge: i32) -> Result<(), StoreError> {
    sqlx::query("update tenants set status = 'purged', name = '' where tenant_id = $1")
        .bind(tenant.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query("update tenant_purges set finished_at = now() where purge_id = $1 and finished_at is null")
        .bind(purge)
        .execute(connection)
        .await?;
    Ok(())
}
