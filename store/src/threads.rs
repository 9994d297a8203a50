//! Conversations: threads of one user each, and the states that they have been in.
//!
//! Every statement asks for tenant and owner, so that another user's thread is one that does not exist.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    StoreError, TenantTx,
    keys::{Keyring, random},
};

/// A thread.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Thread {
    /// Its id.
    pub thread_id: Uuid,
    /// What its owner's clients attached to it.
    pub metadata: Value,
    /// `idle`, `busy`, `interrupted` or `error`.
    pub status: String,
    /// The newest checkpoint.
    pub head: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When anything of it changed.
    pub updated_at: DateTime<Utc>,
    /// When something was said.
    pub state_updated_at: DateTime<Utc>,
}

/// A state that a thread has been in.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct Checkpoint {
    /// Its id; later ones are greater.
    pub checkpoint_id: Uuid,
    /// The state before; none at the root.
    pub parent_id: Option<Uuid>,
    /// The chat's run that led to it.
    pub run_id: Option<Uuid>,
    /// `input`, `loop` or `update`.
    pub source: String,
    /// How many states stand before it on its branch, from -1.
    pub step: i32,
    /// All messages up to here.
    pub messages: Value,
    /// A command that waits for a yes.
    pub pending: Option<Value>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// A state to be kept.
#[derive(Debug, Clone)]
pub struct NewCheckpoint {
    /// The state that it follows.
    pub parent: Option<Uuid>,
    /// The chat's run that led to it.
    pub run: Option<Uuid>,
    /// `input`, `loop` or `update`.
    pub source: &'static str,
    /// All messages up to here.
    pub messages: Value,
    /// A command that waits for a yes.
    pub pending: Option<Value>,
}

/// Which threads are listed.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Only those whose metadata hold all of this.
    pub metadata: Option<Value>,
    /// Only these.
    pub ids: Option<Vec<Uuid>>,
    /// Only of this status.
    pub status: Option<String>,
    /// At most so many.
    pub limit: i64,
    /// So many are passed over.
    pub offset: i64,
}

/// Makes a thread; `false` when there is one of this id, whosever it is.
///
/// # Errors
/// What the database says.
pub async fn create(
    tx: &mut TenantTx,
    owner: &str,
    id: Uuid,
    metadata: &Value,
    hidden: bool,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let made = sqlx::query(
        "insert into threads (tenant_id, thread_id, owner, metadata, hidden) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(owner)
    .bind(metadata)
    .bind(hidden)
    .execute(&mut **tx)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// A thread of the owner's.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, owner: &str, id: Uuid) -> Result<Option<Thread>, StoreError> {
    let tenant = tx.tenant().clone();
    let thread = sqlx::query_as("select * from threads where tenant_id = $1 and thread_id = $2 and owner = $3");
    Ok(thread.bind(tenant.as_str()).bind(id).bind(owner).fetch_optional(&mut **tx).await?)
}

/// The same, held against everybody else until the transaction ends: whoever changes a thread and its turns holds the thread first.
///
/// # Errors
/// What the database says.
pub async fn lock(tx: &mut TenantTx, owner: &str, id: Uuid) -> Result<Option<Thread>, StoreError> {
    let tenant = tx.tenant().clone();
    let thread =
        sqlx::query_as("select * from threads where tenant_id = $1 and thread_id = $2 and owner = $3 for update");
    Ok(thread.bind(tenant.as_str()).bind(id).bind(owner).fetch_optional(&mut **tx).await?)
}

/// The owner's threads, the one that changed last first, and how many there are in all.
///
/// # Errors
/// What the database says.
pub async fn search(tx: &mut TenantTx, owner: &str, search: &Search) -> Result<(Vec<Thread>, i64), StoreError> {
    let tenant = tx.tenant().clone();
    let threads = sqlx::query_as(
        "select * from threads
         where tenant_id = $1 and owner = $2 and not hidden and ($3::jsonb is null or metadata @> $3)
           and ($4::uuid[] is null or thread_id = any($4)) and ($5::text is null or status = $5)
         order by updated_at desc, thread_id limit $6 offset $7",
    )
    .bind(tenant.as_str())
    .bind(owner)
    .bind(&search.metadata)
    .bind(&search.ids)
    .bind(&search.status)
    .bind(search.limit)
    .bind(search.offset)
    .fetch_all(&mut **tx)
    .await?;
    let total = sqlx::query_scalar(
        "select count(*) from threads
         where tenant_id = $1 and owner = $2 and not hidden and ($3::jsonb is null or metadata @> $3)
           and ($4::uuid[] is null or thread_id = any($4)) and ($5::text is null or status = $5)",
    )
    .bind(tenant.as_str())
    .bind(owner)
    .bind(&search.metadata)
    .bind(&search.ids)
    .bind(&search.status)
    .fetch_one(&mut **tx)
    .await?;
    Ok((threads, total))
}

/// Merges keys into a thread's metadata; `None` when the owner has no such thread.
///
/// # Errors
/// What the database says.
pub async fn merge_metadata(
    tx: &mut TenantTx,
    owner: &str,
    id: Uuid,
    metadata: &Value,
) -> Result<Option<Thread>, StoreError> {
    let tenant = tx.tenant().clone();
    let thread = sqlx::query_as(
        "update threads set metadata = metadata || $4, updated_at = now()
         where tenant_id = $1 and thread_id = $2 and owner = $3 returning *",
    );
    Ok(thread.bind(tenant.as_str()).bind(id).bind(owner).bind(metadata).fetch_optional(&mut **tx).await?)
}

/// Moves a thread from one of these states to another; `false` when it is in none of them.
///
/// # Errors
/// What the database says.
pub async fn change_status(
    tx: &mut TenantTx,
    owner: &str,
    id: Uuid,
    from: &[&str],
    to: &str,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let changed = sqlx::query(
        "update threads set status = $5, updated_at = now()
         where tenant_id = $1 and thread_id = $2 and owner = $3 and status = any($4)",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(owner)
    .bind(from)
    .bind(to)
    .execute(&mut **tx)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Deletes a thread with all that was said in it; `false` when the owner has no such thread.
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut TenantTx, owner: &str, id: Uuid) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let deleted = sqlx::query("delete from threads where tenant_id = $1 and thread_id = $2 and owner = $3");
    let deleted = deleted.bind(tenant.as_str()).bind(id).bind(owner).execute(&mut **tx).await?;
    Ok(deleted.rows_affected() == 1)
}

/// Takes back what a turn said: its states go, and the thread stands where it stood before. The caller holds the thread, and nothing was said
/// after the turn.
///
/// # Errors
/// What the database says.
pub async fn take_back(tx: &mut TenantTx, thread: Uuid, run: Uuid) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let statements = [
        // What is left last is where it stood, also when the turn went back to an older state.
        "update threads set head = (
             select checkpoint_id from thread_checkpoints where tenant_id = $1 and thread_id = $2 and run_id is distinct from $3
             order by checkpoint_id desc limit 1)
         where tenant_id = $1 and thread_id = $2
           and head in (select checkpoint_id from thread_checkpoints where tenant_id = $1 and thread_id = $2 and run_id = $3)",
        "delete from thread_checkpoints where tenant_id = $1 and thread_id = $2 and run_id = $3",
    ];
    for statement in statements {
        sqlx::query(statement).bind(tenant.as_str()).bind(thread).bind(run).execute(&mut **tx).await?;
    }
    Ok(())
}

const SEALED_FOR: &[u8] = b"thread";

/// Seals what must wait in a conversation and not be read there.
///
/// # Errors
/// What the database says.
pub async fn seal(tx: &mut TenantTx, keyring: &Keyring, content: &[u8]) -> Result<Vec<u8>, StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    keys.data.seal(random(), SEALED_FOR, content).map_err(|source| StoreError::Pii { tenant, source })
}

/// Opens it.
///
/// # Errors
/// What the database says; [`StoreError::Pii`] for anything else.
pub async fn open(tx: &mut TenantTx, keyring: &Keyring, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let tenant = tx.tenant().clone();
    let keys = keyring.tenant(tx, &tenant).await?;
    keys.data.open(SEALED_FOR, sealed).map_err(|source| StoreError::Pii { tenant, source })
}

/// An id for the thread's next state, greater than those of all before, whatever the clock of the gateway that kept them. The caller holds the
/// thread.
async fn next_id(tx: &mut TenantTx, thread: Uuid) -> Result<Uuid, StoreError> {
    let tenant = tx.tenant().clone();
    let newest: Option<Uuid> = sqlx::query_scalar(
        "select checkpoint_id from thread_checkpoints where tenant_id = $1 and thread_id = $2 order by checkpoint_id desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(thread)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(after(newest, Uuid::now_v7()))
}

/// The id, or the next after `newest` where that is not greater.
fn after(newest: Option<Uuid>, id: Uuid) -> Uuid {
    newest.filter(|newest| *newest >= id).map_or(id, |newest| Uuid::from_u128(newest.as_u128().saturating_add(1)))
}

/// Keeps a state and makes it the thread's head; the caller holds the thread. `None` when the owner has no such thread, or the thread never was
/// in the parent's state.
///
/// # Errors
/// What the database says.
pub async fn advance(
    tx: &mut TenantTx,
    owner: &str,
    thread: Uuid,
    new: &NewCheckpoint,
) -> Result<Option<Checkpoint>, StoreError> {
    let (tenant, id) = (tx.tenant().clone(), next_id(tx, thread).await?);
    let checkpoint = sqlx::query_as(
        "with moved as (
             update threads t set head = $4, updated_at = now(), state_updated_at = now()
             where t.tenant_id = $1 and t.thread_id = $2 and t.owner = $3
               and ($5::uuid is null or exists (
                   select from thread_checkpoints c where c.tenant_id = $1 and c.thread_id = $2 and c.checkpoint_id = $5))
             returning t.thread_id)
         insert into thread_checkpoints (tenant_id, thread_id, checkpoint_id, parent_id, run_id, source, step, messages, pending)
         select $1, thread_id, $4, $5, $6, $7,
                coalesce((select step + 1 from thread_checkpoints where tenant_id = $1 and thread_id = $2 and checkpoint_id = $5), -1),
                $8, $9
         from moved
         returning *",
    )
    .bind(tenant.as_str())
    .bind(thread)
    .bind(owner)
    .bind(id)
    .bind(new.parent)
    .bind(new.run)
    .bind(new.source)
    .bind(&new.messages)
    .bind(&new.pending)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(checkpoint)
}

/// Takes what waits for a yes in a state of a thread; `None` when it was taken before, or nothing waits. The caller has made sure whose the
/// thread is.
///
/// # Errors
/// What the database says.
pub async fn take_pending(tx: &mut TenantTx, thread: Uuid, id: Uuid) -> Result<Option<Value>, StoreError> {
    let tenant = tx.tenant().clone();
    let taken = sqlx::query_scalar(
        "update thread_checkpoints c set pending = null
         from (select pending from thread_checkpoints where tenant_id = $1 and thread_id = $2 and checkpoint_id = $3 for update) before
         where c.tenant_id = $1 and c.thread_id = $2 and c.checkpoint_id = $3 and before.pending is not null
         returning before.pending",
    );
    Ok(taken.bind(tenant.as_str()).bind(thread).bind(id).fetch_optional(&mut **tx).await?)
}

/// What names somebody waits for a yes no longer.
pub const NAMED_WAITS_MAX: TimeDelta = TimeDelta::hours(1);

/// Forgets what waits for a yes in a state of a thread if it names somebody. The caller has made sure whose the thread is.
///
/// # Errors
/// What the database says.
pub async fn drop_named(tx: &mut TenantTx, thread: Uuid, id: Uuid) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update thread_checkpoints set pending = null
         where tenant_id = $1 and thread_id = $2 and checkpoint_id = $3 and pending ? 'sealed'",
    )
    .bind(tenant.as_str())
    .bind(thread)
    .bind(id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets what names somebody and waits for a yes in any of the tenant's conversations, or only what waits since before `before`.
///
/// # Errors
/// What the database says.
pub async fn forget_named(tx: &mut TenantTx, before: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update thread_checkpoints set pending = null
         where tenant_id = $1 and pending ? 'sealed' and ($2::timestamptz is null or created_at < $2)",
    )
    .bind(tenant.as_str())
    .bind(before)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A state of a thread; the caller has made sure whose the thread is.
///
/// # Errors
/// What the database says.
pub async fn checkpoint(tx: &mut TenantTx, thread: Uuid, id: Uuid) -> Result<Option<Checkpoint>, StoreError> {
    let tenant = tx.tenant().clone();
    let checkpoint = sqlx::query_as(
        "select * from thread_checkpoints where tenant_id = $1 and thread_id = $2 and checkpoint_id = $3",
    );
    Ok(checkpoint.bind(tenant.as_str()).bind(thread).bind(id).fetch_optional(&mut **tx).await?)
}

/// The last state that a turn led to. The caller has made sure whose the thread is.
///
/// # Errors
/// What the database says.
pub async fn last_of(tx: &mut TenantTx, thread: Uuid, run: Uuid) -> Result<Option<Uuid>, StoreError> {
    let tenant = tx.tenant().clone();
    let last = sqlx::query_scalar(
        "select checkpoint_id from thread_checkpoints where tenant_id = $1 and thread_id = $2 and run_id = $3
         order by checkpoint_id desc limit 1",
    );
    Ok(last.bind(tenant.as_str()).bind(thread).bind(run).fetch_optional(&mut **tx).await?)
}

/// The states of a thread, newest first, all branches; only those before `before`, if it is given. The caller has made sure whose the
/// thread is.
///
/// # Errors
/// What the database says.
pub async fn history(
    tx: &mut TenantTx,
    thread: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Checkpoint>, StoreError> {
    let tenant = tx.tenant().clone();
    let checkpoints = sqlx::query_as(
        "select * from thread_checkpoints
         where tenant_id = $1 and thread_id = $2 and ($3::uuid is null or checkpoint_id < $3)
         order by checkpoint_id desc limit $4",
    );
    Ok(checkpoints.bind(tenant.as_str()).bind(thread).bind(before).bind(limit).fetch_all(&mut **tx).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_later_than_all_before_whatever_the_clock_says() {
        let (early, late) = (Uuid::now_v7(), Uuid::now_v7());
        assert!(early < late);
        assert_eq!(after(None, early), early);
        assert_eq!(after(Some(early), late), late);
        for newest in [early, late] {
            let next = after(Some(newest), early);
            assert!(next > newest, "{newest} {next}");
            assert_eq!(next.get_version_num(), 7);
        }
    }
}
