//! Making read models anew from the first event, beside the live ones, and putting them in their place; or comparing the two.
//!
//! The live projector goes on meanwhile. Only for the swap itself is its checkpoint's row locked: the last events are applied to the
//! new tables, then tables and checkpoint change places in one transaction. A crash at any moment leaves the live tables as they
//! are, and the next call goes on where this one stopped. When only some are made anew, those that they read are filled beside them and
//! thrown away; they stop at the live checkpoint, which stays.

mod compare;

use std::time::{Duration, Instant};

pub use compare::{Compared, Difference, RowDifference, verify};

use async_nats::jetstream;
use presdr_store::{Database, keys::Keyring, tenants};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::ProjectError;
use crate::checkpoint::{CHECKPOINT, LogIdentity, Position, Schema};
use crate::models::Selection;
use crate::projector::{ProjectorConfig, Writer, check_master_key, try_lock};
use crate::reader::{Batches, Log, check, look};
use crate::retention;

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
    /// The read models to make anew, each by its name or a table's; all of them when there is none.
    pub only: &'a [String],
    /// As for the live projector.
    pub config: ProjectorConfig,
    /// Stops between batches.
    pub cancel: CancellationToken,
}

/// Makes read models anew. `progress` is told after each batch.
///
/// What retention or erasure removed stays gone: a person without a key makes no row, a text that is gone stays empty.
///
/// # Errors
/// [`ProjectError::RebuildRuns`], [`ProjectError::Stopped`], [`ProjectError::NoModel`], and what the database or the broker say. The live
/// tables are untouched then.
pub async fn rebuild(rebuild: Rebuild<'_>, mut progress: impl FnMut(Progress)) -> Result<Rebuilt, ProjectError> {
    let started = Instant::now();
    let selection = Selection::of(rebuild.only)?;
    let reach = if selection.is_all() { Reach::Log } else { Reach::Live };
    let (mut filling, log) = rebuild.begin(selection, reach).await?;
    let mut teller =
        Teller { from: filling.writer.position().sequence, last: log.last_sequence, started, progress: &mut progress };
    let from = teller.from;
    match reach {
        Reach::Log => rebuild.catch_up(&mut filling.writer, i64::MAX, &mut teller).await?,
        Reach::Live => rebuild.approach_live(&mut filling, &mut teller).await?,
    }
    filling.writer.count().await?;
    retention::keep_gone(rebuild.projector).await?;
    let sequence = rebuild.swap(&mut filling, &mut teller).await?;
    Ok(Rebuilt { sequence, read: sequence - from, took: started.elapsed() })
}

/// A second set of tables while it is filled.
struct Filling<'a> {
    writer: Writer<'a>,
    selection: Selection,
}

/// Tells how far it is.
struct Teller<'a> {
    from: i64,
    last: i64,
    started: Instant,
    progress: &'a mut dyn FnMut(Progress),
}

impl Teller<'_> {
    fn tell(&mut self, done: i64) {
        self.last = self.last.max(done);
        (self.progress)(Progress { done, last: self.last, rate: rate(done - self.from, self.started.elapsed()) });
    }
}

#[allow(clippy::cast_precision_loss, reason = "a rate to look at")]
fn rate(events: i64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64().max(f64::EPSILON)
}

/// How far the second set of tables may have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Up to the end of the log: all read models change places, together with the checkpoint.
    Log,
    /// No further than the live read models, beside which they will stand.
    Live,
}

/// Makes the second set of tables, unless one of an earlier call can be gone on with.
async fn prepare(owner: &Database, log: &LogIdentity, selection: &Selection, reach: Reach) -> Result<(), ProjectError> {
    let mut tx = owner.shared().await?;
    let tables = selection.tables();
    let resumable: bool = sqlx::query_scalar(
        "select rebuild_matches($4) and exists (
             select from projection_checkpoints anew where name = $1 and schema = 'rebuild' and stream = $2 and stream_created_at = $3
                 and ($5 or exists (
                     select from projection_checkpoints live
                     where live.name = $1 and live.schema = 'live' and live.sequence >= anew.sequence
                 ))
         )",
    )
    .bind(CHECKPOINT)
    .bind(&log.stream)
    .bind(log.created_at)
    .bind(&tables)
    .bind(reach == Reach::Log)
    .fetch_one(&mut *tx)
    .await?;
    if !resumable {
        sqlx::query("select prepare_rebuild($1, $2)").bind(CHECKPOINT).bind(&tables).execute(&mut *tx).await?;
        sqlx::query("select keep_rebuild_out_of_statistics()").execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

impl<'a> Rebuild<'a> {
    /// The one rebuild that may run, with its tables, as far as an earlier call filled them.
    async fn begin(&self, selection: Selection, reach: Reach) -> Result<(Filling<'a>, Log), ProjectError> {
        let mut guard = self.projector.dedicated().await?;
        if !try_lock(&mut guard, REBUILD_LOCK).await? {
            return Err(ProjectError::RebuildRuns);
        }
        check_master_key(&mut guard, self.keyring).await?;
        let log = look(self.context, &self.config.stream).await?;
        prepare(self.owner, &log.identity, &selection, reach).await?;
        let position = Position::load(&mut guard, Schema::Rebuild, &log.identity).await?;
        check(&log, &position.log, position.sequence)?;
        let writer = Writer::of(guard, self.keyring, position, selection.filled.clone());
        Ok((Filling { writer, selection }, log))
    }

    /// Applies what the log has, up to its end or to `target`.
    async fn catch_up(
        &self,
        writer: &mut Writer<'_>,
        target: i64,
        teller: &mut Teller<'_>,
    ) -> Result<(), ProjectError> {
        let position = writer.position();
        let mut batches =
            Batches::read(self.context.clone(), position.log.clone(), position.sequence, self.config.limits());
        loop {
            let batch = tokio::select! {
                () = self.cancel.cancelled() => return Err(ProjectError::Stopped),
                batch = batches.next() => batch?.up_to(target),
            };
            let caught_up = batch.caught_up;
            writer.write(batch).await?;
            teller.tell(writer.position().sequence);
            if caught_up || writer.position().sequence >= target {
                return Ok(());
            }
        }
    }

    /// Applies what the live read models have, and nothing that they have not.
    async fn approach_live(&self, filling: &mut Filling<'_>, teller: &mut Teller<'_>) -> Result<(), ProjectError> {
        let mut tx = self.owner.shared().await?;
        let live = live(&mut tx, &filling.writer.position().log, "").await?;
        tx.commit().await?;
        let live = live.ok_or(ProjectError::NotOfThisLog)?;
        self.catch_up(&mut filling.writer, live.sequence, teller).await
    }

    /// Puts the new tables in the place of the live ones, and tells where they stand in the log.
    async fn swap(&self, filling: &mut Filling<'_>, teller: &mut Teller<'_>) -> Result<i64, ProjectError> {
        for _ in 1..SWAP_TRIES {
            match self.try_swap(filling, teller).await {
                Err(ProjectError::Database(sqlx::Error::Database(error)))
                    if error.code().as_deref() == Some("55P03") =>
                {
                    tracing::info!("a reader holds a live table: the swap is tried again");
                }
                done => return done,
            }
        }
        self.try_swap(filling, teller).await
    }

    async fn try_swap(&self, filling: &mut Filling<'_>, teller: &mut Teller<'_>) -> Result<i64, ProjectError> {
        let mut tx = self.owner.shared().await?;
        sqlx::query("select set_config('lock_timeout', $1, true)").bind(SWAP_WAIT).execute(&mut *tx).await?;
        let live = live(&mut tx, &filling.writer.position().log, "for update").await?;
        if filling.selection.is_all() {
            let reached = live.map_or(0, |live| live.sequence);
            let target = reached.max(filling.writer.position().sequence);
            self.catch_up(&mut filling.writer, target, teller).await?;
            filling.writer.count().await?;
            retention::keep_gone(self.projector).await?; // what a pass took since
            // Places behind the last event that exists (a tenant was purged) count as read, too.
            sqlx::query("select swap_rebuild($1, $2)").bind(CHECKPOINT).bind(reached).execute(&mut *tx).await?;
            tx.commit().await?;
            return Ok(filling.writer.position().sequence.max(reached));
        }
        let live = live.ok_or(ProjectError::NotOfThisLog)?;
        self.catch_up(&mut filling.writer, live.sequence, teller).await?;
        filling.writer.count().await?;
        retention::keep_gone(self.projector).await?;
        self.keep_parked().await?;
        let swapped = filling.selection.swapped();
        sqlx::query("select swap_rebuilt($1, $2)").bind(CHECKPOINT).bind(swapped).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(live.sequence)
    }

    /// What could not be applied to the new tables makes the tenants stale that have it.
    async fn keep_parked(&self) -> Result<(), ProjectError> {
        for tenant in tenants::with_events(self.projector).await? {
            let mut tx = self.projector.enter(&tenant).await?;
            let kept = "insert into public.projection_parked select * from rebuild.projection_parked where tenant_id = $1 on conflict do nothing";
            sqlx::query(kept).bind(tenant.as_str()).execute(&mut *tx).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// Where the live read models stand.
struct Live {
    sequence: i64,
    /// Whether every run is counted.
    settled: bool,
}

/// How far the live projector has read of this log; nothing when it never read it. With `for update` it is kept waiting.
async fn live(
    connection: &mut PgConnection,
    log: &LogIdentity,
    locking: &'static str,
) -> Result<Option<Live>, ProjectError> {
    let statement = format!(
        "select stream, stream_created_at, sequence, unsettled = '{{}}' from projection_checkpoints where name = $1 and schema = 'live' {locking}"
    );
    let live: Option<(String, chrono::DateTime<chrono::Utc>, i64, bool)> =
        sqlx::query_as(AssertSqlSafe(statement)).bind(CHECKPOINT).fetch_optional(connection).await?;
    Ok(live
        .filter(|(stream, created_at, ..)| *stream == log.stream && *created_at == log.created_at)
        .map(|(_, _, sequence, settled)| Live { sequence, settled }))
}
