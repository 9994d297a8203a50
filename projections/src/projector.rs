//! Keeping the live read models up with the log. Any number may run: one leads, the others wait to take over.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use presdr_events::{Event, TenantId};
use presdr_store::{Database, StoreError, keys::Keyring};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::apply::{Settle, apply};
use crate::batch::{Batch, Entry};
use crate::checkpoint::{Position, Schema};
use crate::models::ALL;
use crate::reader::{Batches, Limits, check, look};
use crate::{ProjectError, Projection};

/// Held by the connection that writes the live read models, so that the lock cannot outlive the ability to write.
pub(crate) const LEADER_LOCK: i64 = 0x7072_6f6a_6563_7401;
/// How often a waiting projector tries to take over.
const TAKE_OVER: Duration = Duration::from_millis(250);
/// Before going on after a failure that may pass.
const RETRY: Duration = Duration::from_millis(500);
/// Counting takes at most this share of the time: after a count, so many times its duration passes before the next.
const COUNT_EVERY: u32 = 10;
/// More runs than this are never left uncounted.
const UNSETTLED_MAX: usize = 500;

/// How the log is read.
#[derive(Debug, Clone)]
pub struct ProjectorConfig {
    /// The stream that holds the log.
    pub stream: String,
    /// Events in one transaction, at most.
    pub events_max: usize,
    /// Bytes of events in one transaction, at most.
    pub bytes_max: usize,
    /// How long a batch may fill while the log has more.
    pub fill_max: Duration,
    /// How long a batch waits for more once the log has no more.
    pub linger: Duration,
}

impl Default for ProjectorConfig {
    fn default() -> Self {
        Self {
            stream: "EVENTS".to_owned(),
            events_max: 2_000,
            bytes_max: 8 << 20,
            fill_max: Duration::from_millis(100),
            linger: Duration::from_millis(20),
        }
    }
}

impl ProjectorConfig {
    pub(crate) fn limits(&self) -> Limits {
        Limits { events_max: self.events_max, bytes_max: self.bytes_max, fill_max: self.fill_max, linger: self.linger }
    }
}

/// Keeps the live read models up with the log until `cancel`. What passes (a lost connection, a broker that is away) is retried.
///
/// `database` is a pool of [`Role::Projector`](presdr_store::Role::Projector).
///
/// # Errors
/// What does not pass by itself: another log than the checkpoint's, a log that lost events, another master key, a missing table.
pub async fn run_projector(
    database: &Database,
    context: &jetstream::Context,
    keyring: Arc<Keyring>,
    cancel: CancellationToken,
    config: ProjectorConfig,
) -> Result<(), ProjectError> {
    while !cancel.is_cancelled() {
        match lead(database, context, &keyring, &cancel, &config).await {
            Ok(()) => return Ok(()),
            Err(ProjectError::Moved) => {
                tracing::info!("the read models were swapped or moved on: going on from their checkpoint")
            }
            Err(error) if error.is_transient() => {
                tracing::warn!("projecting stopped and is tried again: {error}");
                pause(RETRY, &cancel).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn pause(duration: Duration, cancel: &CancellationToken) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = sleep(duration) => {}
    }
}

/// Waits to lead, then leads until `cancel` or a failure.
async fn lead(
    database: &Database,
    context: &jetstream::Context,
    keyring: &Keyring,
    cancel: &CancellationToken,
    config: &ProjectorConfig,
) -> Result<(), ProjectError> {
    let mut connection = database.dedicated().await?;
    while !try_lock(&mut connection, LEADER_LOCK).await? {
        pause(TAKE_OVER, cancel).await;
        if cancel.is_cancelled() {
            return Ok(());
        }
    }
    check_master_key(&mut connection, keyring).await?;
    let log = look(context, &config.stream).await?;
    let position = Position::load(&mut connection, Schema::Live, &log.identity).await?;
    check(&log, &position.log, position.sequence)?;
    tracing::info!(
        event.sequence = position.sequence,
        "projecting from event {} of {}",
        position.sequence,
        log.last_sequence
    );
    let mut batches = Batches::read(context.clone(), position.log.clone(), position.sequence, config.limits());
    let mut writer = Writer::new(connection, keyring, position);
    loop {
        let due = writer.count_due();
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            batch = batches.next() => writer.write(batch?).await?,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => writer.count().await?,
        }
    }
}

/// Takes the lock for as long as the connection lives, if it is free.
pub(crate) async fn try_lock(connection: &mut PgConnection, lock: i64) -> Result<bool, ProjectError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(lock).fetch_one(connection).await?)
}

/// With another master key nothing would open and every event with personal data would be parked: better not to begin. A master key that
/// is being changed is waited for where some tenants' keys open.
pub(crate) async fn check_master_key(connection: &mut PgConnection, keyring: &Keyring) -> Result<(), ProjectError> {
    let slugs: Vec<String> =
        sqlx::query_scalar("select tenant_id from public.tenants where status = 'active' order by tenant_id")
            .fetch_all(&mut *connection)
            .await?;
    let (mut opened, mut unknown) = (false, None);
    for slug in slugs {
        let tenant = TenantId::new(slug).map_err(|error| StoreError::Refused(error.to_string()))?;
        let mut tx = sqlx::Connection::begin(&mut *connection).await?;
        sqlx::query("select set_config('request.tenant_id', $1, true)").bind(tenant.as_str()).execute(&mut *tx).await?;
        match keyring.tenant(&mut tx, &tenant).await {
            Err(StoreError::NoKeys(_) | StoreError::Erased(_)) => {} // it is being made, or was erased
            Err(StoreError::NoMaster(id)) => unknown = Some(id),
            found => {
                found?;
                opened = true;
            }
        }
    }
    match unknown {
        Some(id) if !opened => Err(ProjectError::OtherMaster(id)),
        _ => Ok(()),
    }
}

/// Writes batches in order, and counts in between: what a batch changed is counted soon, but not again and again while much comes.
pub(crate) struct Writer<'a> {
    connection: PgConnection,
    keyring: &'a Keyring,
    position: Position,
    models: Vec<&'static dyn Projection>,
    /// Before this no counting, unless a run ends.
    count_not_before: Instant,
}

impl<'a> Writer<'a> {
    /// Writes all read models.
    pub(crate) fn new(connection: PgConnection, keyring: &'a Keyring, position: Position) -> Self {
        Self::of(connection, keyring, position, ALL.to_vec())
    }

    /// Writes some of them.
    pub(crate) fn of(
        connection: PgConnection,
        keyring: &'a Keyring,
        position: Position,
        models: Vec<&'static dyn Projection>,
    ) -> Self {
        Self { connection, keyring, position, models, count_not_before: Instant::now() }
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// When counting is due, if anything is uncounted.
    fn count_due(&self) -> Option<Instant> {
        (!self.position.unsettled.is_empty()).then_some(self.count_not_before)
    }

    pub(crate) async fn write(&mut self, batch: Batch) -> Result<(), ProjectError> {
        if batch.entries.is_empty() && batch.last_sequence == self.position.sequence {
            return Ok(());
        }
        let waiting: usize = self.position.unsettled.values().map(std::collections::BTreeSet::len).sum();
        let due = Instant::now() >= self.count_not_before || batch.entries.iter().any(ends_run);
        let settle = if waiting > UNSETTLED_MAX || (batch.caught_up && due) { Settle::Now } else { Settle::Later };
        self.apply(batch, settle).await
    }

    /// Counts everything that is uncounted.
    pub(crate) async fn count(&mut self) -> Result<(), ProjectError> {
        let nothing = Batch { entries: vec![], last_sequence: self.position.sequence, caught_up: true };
        self.apply(nothing, Settle::Now).await
    }

    async fn apply(&mut self, batch: Batch, settle: Settle) -> Result<(), ProjectError> {
        let started = Instant::now();
        apply(&mut self.connection, self.keyring, &mut self.position, &self.models, batch, settle).await?;
        if settle == Settle::Now {
            self.count_not_before = Instant::now() + started.elapsed() * COUNT_EVERY;
        }
        Ok(())
    }
}

fn ends_run(entry: &Entry) -> bool {
    let event = entry.event().map(|event| &event.envelope.event);
    matches!(event, Some(Event::RunShortlisted(_) | Event::RunCompleted(_) | Event::RunCancelled(_)))
}
