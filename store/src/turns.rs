//! Turns of conversations (a client's runs), and what they told their clients.
//!
//! A turn belongs to whoever owns its thread. Only a turn that is running can tell something, so cancelling one is setting its status.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, TenantTx};

/// A turn.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Turn {
    /// Its id.
    pub run_id: Uuid,
    /// Of which thread.
    pub thread_id: Uuid,
    /// `pending`, `running`, `success`, `error`, `timeout` or `interrupted`.
    pub status: String,
    /// What its client attached to it.
    pub metadata: Value,
    /// Whether what it tells has ids to go on from.
    pub resumable: bool,
    /// What its client wants to be told.
    pub modes: Vec<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its status changed.
    pub updated_at: DateTime<Utc>,
    /// When the gateway that works on it last said so.
    pub alive_at: DateTime<Utc>,
}

impl Turn {
    /// Whether nothing more will be told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "running")
    }
}

/// Something that was told.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Told {
    /// Its place, from 1.
    pub seq: i64,
    /// The kind of event.
    pub event: String,
    /// By reference.
    pub data: Value,
}

/// Notes a turn of a thread.
///
/// # Errors
/// What the database says; also when there is no such thread.
pub async fn begin(
    tx: &mut TenantTx,
    thread: Uuid,
    run: Uuid,
    metadata: &Value,
    (modes, resumable): (&[String], bool),
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into chat_runs (tenant_id, run_id, thread_id, metadata, resumable, modes) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant.as_str())
    .bind(run)
    .bind(thread)
    .bind(metadata)
    .bind(resumable)
    .bind(modes)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A turn of a thread of the owner's.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, owner: &str, run: Uuid) -> Result<Option<Turn>, StoreError> {
    let tenant = tx.tenant().clone();
    let turn = sqlx::query_as(
        "select r.* from chat_runs r join threads t using (tenant_id, thread_id)
         where r.tenant_id = $1 and r.run_id = $2 and t.owner = $3",
    );
    Ok(turn.bind(tenant.as_str()).bind(run).bind(owner).fetch_optional(&mut **tx).await?)
}

/// A thread's turns, newest first. The caller has made sure whose the thread is.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, thread: Uuid, limit: i64, offset: i64) -> Result<Vec<Turn>, StoreError> {
    let tenant = tx.tenant().clone();
    let turns = sqlx::query_as(
        "select * from chat_runs where tenant_id = $1 and thread_id = $2 order by created_at desc, run_id limit $3 offset $4",
    );
    Ok(turns.bind(tenant.as_str()).bind(thread).bind(limit).bind(offset).fetch_all(&mut **tx).await?)
}

/// Moves a turn from one of these states to another; `false` when it is in none of them.
///
/// # Errors
/// What the database says.
pub async fn change_status(tx: &mut TenantTx, run: Uuid, from: &[&str], to: &str) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let changed = sqlx::query(
        "update chat_runs set status = $4, updated_at = now(), alive_at = now()
         where tenant_id = $1 and run_id = $2 and status = any($3)",
    );
    let changed = changed.bind(tenant.as_str()).bind(run).bind(from).bind(to).execute(&mut **tx).await?;
    Ok(changed.rows_affected() == 1)
}

/// Tells something; `false` when the turn is not running any more, and nothing was told. Only one process tells for a turn.
///
/// # Errors
/// What the database says.
pub async fn tell(tx: &mut TenantTx, run: Uuid, told: &Told) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "with alive as (
             update chat_runs set alive_at = now() where tenant_id = $1 and run_id = $2 and status = 'running' returning run_id)
         insert into chat_run_events (tenant_id, run_id, seq, event, data) select $1, run_id, $3, $4, $5 from alive",
    );
    let done = done.bind(tenant.as_str()).bind(run).bind(told.seq).bind(&told.event).bind(&told.data);
    Ok(done.execute(&mut **tx).await?.rows_affected() == 1)
}

/// What a turn told after `after`, in order. The caller has made sure whose the turn is.
///
/// # Errors
/// What the database says.
pub async fn told_after(tx: &mut TenantTx, run: Uuid, after: i64, limit: i64) -> Result<Vec<Told>, StoreError> {
    let tenant = tx.tenant().clone();
    let told = sqlx::query_as(
        "select seq, event, data from chat_run_events where tenant_id = $1 and run_id = $2 and seq > $3 order by seq limit $4",
    );
    Ok(told.bind(tenant.as_str()).bind(run).bind(after).bind(limit).fetch_all(&mut **tx).await?)
}

/// The place of what a turn told last; 0 before it told anything. The caller has made sure whose the turn is.
///
/// # Errors
/// What the database says.
pub async fn last_told(tx: &mut TenantTx, run: Uuid) -> Result<i64, StoreError> {
    let tenant = tx.tenant().clone();
    let last: Option<i64> =
        sqlx::query_scalar("select max(seq) from chat_run_events where tenant_id = $1 and run_id = $2")
            .bind(tenant.as_str())
            .bind(run)
            .fetch_one(&mut **tx)
            .await?;
    Ok(last.unwrap_or(0))
}

/// Ends the thread's turns whose gateway has said nothing for `silent`, by the database's clock: it is gone. The last that each tells is
/// `told`, an error. Tells how many there were.
///
/// # Errors
/// What the database says.
pub async fn end_lost(tx: &mut TenantTx, thread: Uuid, silent: Duration, told: &Value) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let ended = sqlx::query(
        "with ended as (
             update chat_runs set status = 'error', updated_at = now()
             where tenant_id = $1 and thread_id = $2 and status in ('pending', 'running') and alive_at < now() - make_interval(secs => $3)
             returning run_id)
         insert into chat_run_events (tenant_id, run_id, seq, event, data)
         select $1, run_id, (select coalesce(max(seq), 0) + 1 from chat_run_events e where e.tenant_id = $1 and e.run_id = ended.run_id),
                'error', $4 from ended",
    );
    let ended = ended.bind(tenant.as_str()).bind(thread).bind(silent.as_secs_f64()).bind(told);
    Ok(ended.execute(&mut **tx).await?.rows_affected())
}

/// The thread's turns that are not over.
///
/// # Errors
/// What the database says.
pub async fn under_way(tx: &mut TenantTx, thread: Uuid) -> Result<Vec<Uuid>, StoreError> {
    let tenant = tx.tenant().clone();
    let turns = sqlx::query_scalar(
        "select run_id from chat_runs where tenant_id = $1 and thread_id = $2 and status in ('pending', 'running')",
    );
    Ok(turns.bind(tenant.as_str()).bind(thread).fetch_all(&mut **tx).await?)
}

/// Interrupts the thread's turns that are not over.
///
/// # Errors
/// What the database says.
pub async fn interrupt(tx: &mut TenantTx, thread: Uuid) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let interrupt = sqlx::query(
        "update chat_runs set status = 'interrupted', updated_at = now()
         where tenant_id = $1 and thread_id = $2 and status in ('pending', 'running')",
    );
    interrupt.bind(tenant.as_str()).bind(thread).execute(&mut **tx).await?;
    Ok(())
}

/// What a turn told of its failure. The caller has made sure whose the turn is.
///
/// # Errors
/// What the database says.
pub async fn failure(tx: &mut TenantTx, run: Uuid) -> Result<Option<Value>, StoreError> {
    let tenant = tx.tenant().clone();
    let data = sqlx::query_scalar(
        "select data from chat_run_events where tenant_id = $1 and run_id = $2 and event = 'error' order by seq limit 1",
    );
    Ok(data.bind(tenant.as_str()).bind(run).fetch_optional(&mut **tx).await?)
}

/// Deletes a turn with what it told; its states stay in the thread.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut TenantTx, run: Uuid) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let delete = sqlx::query("delete from chat_runs where tenant_id = $1 and run_id = $2");
    delete.bind(tenant.as_str()).bind(run).execute(&mut **tx).await?;
    Ok(())
}
