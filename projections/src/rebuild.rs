//! Making all read models anew from the first event, beside the live ones, and putting them in their place.
//!
//! The live projector goes on meanwhile. Only for the swap itself is its checkpoint's row locked: the last events are applied to the
//! new tables, then tables and checkpoint change places in one transaction. A crash at any moment leaves the live tables as they
//! are, and the next call goes on where this one stopped.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use presdr_store::{Database, keys::Keyring};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::ProjectError;
use crate::checkpoint::{CHECKPOINT, LogIdentity, Position, Schema};
use crate::projector::{ProjectorConfig, Writer, check_master_key, try_lock};
use crate::reader::{Batches, check, look};

/// Held by the one rebuild that may run.
const REBUILD_LOCK: i64 = 0x7072_6f6a_6563_7402;
/// How long the swap waits for readers that hold a live table; then it is tried again, so that nobody queues behind it for long.
const SWAP_WAIT: &str = "3s";
/// How often the swap is tried.
const SWAP_TRIES: usize = 20;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Places of the log that are done.
    pub done: i64,
    /// Where the log ended when this was told.
    pub last: i64,
    /// Places a second since this call began.
    pub rate: f64,
}

/// What a rebuild came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// Where the new read models stand in the log.
    pub sequence: i64,
    /// How many places of the log this call read; fewer than `sequence` when it went on from an earlier one.
    pub read: i64,
    /// How long it took.
    pub took: Duration,
}

/// Who may do what: tables are made by their owner, rows are written by the projector.
pub struct Rebuild<'a> {
    /// A pool of [`Role::Owner`](presdr_store::Role::Owner).
    pub owner: &'a Database,
    /// A pool of [`Role::Projector`](presdr_store::Role::Projector).
    pub projector: &'a Database,
    /// The broker.
    pub context: &'a jetstream::Context,
    /// Opens personal data.
    pub keyring: &'a Keyring,
    /// As for the live projector.
    pub config: ProjectorConfig,
    /// Stops between batches.
    pub cancel: CancellationToken,
}

/// Makes all read models anew. `progress` is told after each batch.
///
/// What retention or erasure removed stays gone: a person without a key makes no row, a text that is gone stays empty.
///
/// # Errors
/// [`ProjectError::RebuildRuns`], [`ProjectError::Stopped`], and what the database or the broker say. The live tables are untouched then.
pub async fn rebuild(rebuild: Rebuild<'_>, mut progress: impl FnMut(Progress)) -> Result<Rebuilt, ProjectError> {
    let started = Instant::now();
    let mut guard = rebuild.projector.dedicated().await?;
    if !try_lock(&mut guard, REBUILD_LOCK).await? {
        return Err(ProjectError::RebuildRuns);
    }
    check_master_key(&mut guard, rebuild.keyring).await?;
    let log = look(rebuild.context, &rebuild.config.stream).await?;
    prepare(rebuild.owner, &log.identity).await?;
    let position = Position::load(&mut guard, Schema::Rebuild, &log.identity).await?;
    check(&log, &position.log, position.sequence)?;
    let from = position.sequence;
    let mut writer = Writer::new(guard, rebuild.keyring, position);
    let mut last = log.last_sequence;
    let mut tell = |at: i64| {
        last = last.max(at);
        progress(Progress { done: at, last, rate: rate(at - from, started.elapsed()) });
    };
    rebuild.catch_up(&mut writer, i64::MAX, &mut tell).await?;
    let sequence = rebuild.swap(&mut writer, &mut tell).await?;
    Ok(Rebuilt { sequence, read: sequence - from, took: started.elapsed() })
}

#[allow(clippy::cast_precision_loss, reason = "a rate to look at")]
fn rate(events: i64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64().max(f64::EPSILON)
}

/// Makes the second set of tables, unless one of an earlier call can be gone on with.
async fn prepare(owner: &Database, log: &LogIdentity) -> Result<(), ProjectError> {
    let mut tx = owner.shared().await?;
    let resumable: bool = sqlx::query_scalar(
        "select rebuild_matches() and exists (
             select from projection_checkpoints where name = $1 and schema = 'rebuild' and stream = $2 and stream_created_at = $3
         )",
    )
    .bind(CHECKPOINT)
    .bind(&log.stream)
    .bind(log.created_at)
    .fetch_one(&mut *tx)
    .await?;
    if !resumable {
        sqlx::query("delete from projection_checkpoints where name = $1 and schema = 'rebuild'")
            .bind(CHECKPOINT)
            .execute(&mut *tx)
            .await?;
        sqlx::query("select prepare_rebuild()").execute(&mut *tx).await?;
        sqlx::query("select keep_rebuild_out_of_statistics()").execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

impl Rebuild<'_> {
    /// Applies what the log has, up to its end or to `target`.
    async fn catch_up(
        &self,
        writer: &mut Writer<'_>,
        target: i64,
        tell: &mut impl FnMut(i64),
    ) -> Result<(), ProjectError> {
        let position = writer.position();
        let mut batches =
            Batches::read(self.context.clone(), position.log.clone(), position.sequence, self.config.limits());
        loop {
            let batch = tokio::select! {
                () = self.cancel.cancelled() => return Err(ProjectError::Stopped),
                batch = batches.next() => batch?,
            };
            let caught_up = batch.caught_up;
            writer.write(batch).await?;
            tell(writer.position().sequence);
            if caught_up || writer.position().sequence >= target {
                return Ok(());
            }
        }
    }

    /// Puts the new tables in the place of the live ones, and tells where they stand in the log.
    async fn swap(&self, writer: &mut Writer<'_>, tell: &mut impl FnMut(i64)) -> Result<i64, ProjectError> {
        for _ in 1..SWAP_TRIES {
            match self.try_swap(writer, tell).await {
                Err(ProjectError::Database(sqlx::Error::Database(error)))
                    if error.code().as_deref() == Some("55P03") =>
                {
                    tracing::info!("a reader holds a live table: the swap is tried again");
                }
                done => return done,
            }
        }
        self.try_swap(writer, tell).await
    }

    async fn try_swap(&self, writer: &mut Writer<'_>, tell: &mut impl FnMut(i64)) -> Result<i64, ProjectError> {
        let mut tx = self.owner.shared().await?;
        sqlx::query("select set_config('lock_timeout', $1, true)").bind(SWAP_WAIT).execute(&mut *tx).await?;
        let live = lock_live(&mut tx, &writer.position().log).await?;
        self.catch_up(writer, live, tell).await?;
        writer.count().await?;
        // Places behind the last event that exists (a tenant was purged) count as read, too.
        sqlx::query("select swap_rebuild($1, $2)").bind(CHECKPOINT).bind(live).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(writer.position().sequence.max(live))
    }
}

/// Keeps the live projector waiting, and tells how far it has read of this log.
async fn lock_live(connection: &mut PgConnection, log: &LogIdentity) -> Result<i64, ProjectError> {
    let live: Option<(String, chrono::DateTime<chrono::Utc>, i64)> = sqlx::query_as(
        "select stream, stream_created_at, sequence from projection_checkpoints where name = $1 and schema = 'live' for update",
    )
    .bind(CHECKPOINT)
    .fetch_optional(connection)
    .await?;
    Ok(live
        .filter(|(stream, created_at, _)| *stream == log.stream && *created_at == log.created_at)
        .map_or(0, |(_, _, sequence)| sequence))
}
