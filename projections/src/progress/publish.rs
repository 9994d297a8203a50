//! Publishing progress: one reader of the log, ahead of the read models, that counts in memory what they do not hold yet.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use async_nats::jetstream::{self, message::PublishMessage};
use futures::future::try_join_all;
use presdr_events::TenantId;
use presdr_store::{Database, StoreError};
use sqlx::Connection;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Progress, Tally, subject};
use crate::{
    ProjectError,
    batch::{Batch, Entry},
    checkpoint::checkpoint,
    projector::try_lock,
    reader::{Batches, Limits, look},
};

/// Held by the connection of the one that publishes.
const LEADER_LOCK: i64 = 0x7072_6f6a_6563_7403;
const TAKE_OVER: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_millis(500);
/// How often it is looked whether the connection with the lock still stands.
const LOCK_LOOK: Duration = Duration::from_secs(5);
/// While the log has more, a run's progress is told this often, and not for each event.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// As much as is there is taken at once, and nothing is waited for.
const LIMITS: Limits = Limits { events_max: 500, bytes_max: 1 << 20, fill_max: Duration::ZERO, linger: Duration::ZERO };
/// With more runs than this in memory, counting begins anew from the read models.
const RUNS_MAX: usize = 10_000;
/// A run that is over is forgotten when nothing came of it for so long: what comes late finds it in the read models.
const FORGET_AFTER: Duration = Duration::from_secs(120);
/// How often it is looked which those are.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// Publishes how far runs are until `cancel`. What passes (a lost connection, a broker that is away) is retried.
///
/// Told twice it is the same message: its id is the place in the log of the newest event that is counted.
///
/// `database` is a pool of [`Role::Projector`](presdr_store::Role::Projector).
///
/// # Errors
/// What does not pass by itself.
pub async fn run_progress(
    database: &Database,
    context: &jetstream::Context,
    stream: &str,
    cancel: CancellationToken,
) -> Result<(), ProjectError> {
    loop {
        let led = tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            led = lead(database, context, stream) => led,
        };
        match led {
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                tracing::warn!("telling progress stopped and is tried again: {error}")
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = sleep(RETRY) => {}
        }
    }
}

/// Waits to lead, then leads until a failure, or until there is too much in memory.
async fn lead(database: &Database, context: &jetstream::Context, stream: &str) -> Result<(), ProjectError> {
    let mut connection = database.dedicated().await?;
    while !try_lock(&mut connection, LEADER_LOCK).await? {
        sleep(TAKE_OVER).await;
    }
    let log = look(context, stream).await?;
    let known = checkpoint(database).await?.map_or(0, |checkpoint| checkpoint.sequence);
    // A log that ends before the read models is another one, which the projector tells of: here what is new is told.
    let start = known.min(log.last_sequence);
    let mut batches = Batches::read(context.clone(), log.identity, start, LIMITS);
    let now = Instant::now();
    let (runs, untold) = (HashMap::new(), BTreeSet::new());
    let mut teller = Teller { database, context, runs, untold, told: now, looked: now };
    while teller.runs.len() <= RUNS_MAX {
        match timeout(LOCK_LOOK, batches.next()).await {
            Ok(batch) => teller.take(batch?).await?,
            Err(_) => connection.ping().await?,
        }
    }
    Ok(())
}

type Key = (TenantId, i64);

struct Teller<'a> {
    database: &'a Database,
    context: &'a jetstream::Context,
    /// With when something came of each last.
    runs: HashMap<Key, (Tally, Instant)>,
    /// Runs of which there is something new.
    untold: BTreeSet<Key>,
    told: Instant,
    looked: Instant,
}

impl Teller<'_> {
    async fn take(&mut self, batch: Batch) -> Result<(), ProjectError> {
        for entry in &batch.entries {
            self.count(entry).await?;
        }
        if batch.caught_up || self.told.elapsed() >= TELL_EVERY {
            self.tell().await?;
        }
        if self.looked.elapsed() >= FORGET_EVERY {
            self.looked = Instant::now();
            // Before it is forgotten, all of a run must be where it is found again.
            let known = checkpoint(self.database).await?.map_or(0, |checkpoint| checkpoint.sequence);
            forget(&mut self.runs, known, Instant::now());
        }
        Ok(())
    }

    async fn count(&mut self, entry: &Entry) -> Result<(), ProjectError> {
        let Some(recorded) = entry.event() else { return Ok(()) };
        let Some(run) = recorded.run() else { return Ok(()) };
        let key = (entry.tenant.clone(), run);
        if !self.runs.contains_key(&key) {
            let Some(tally) = self.known(&key, entry.sequence - 1).await? else { return Ok(()) };
            self.runs.insert(key.clone(), (tally, Instant::now()));
        }
        if let Some((tally, touched)) = self.runs.get_mut(&key) {
            tally.take_event(entry.sequence, &recorded.envelope);
            *touched = Instant::now();
            self.untold.insert(key);
        }
        Ok(())
    }

    /// What the read models know of a run up to an event of it: all that came before it was read, or was before reading began. `None` of a
    /// tenant that was erased.
    async fn known(&self, (tenant, run): &Key, up_to: i64) -> Result<Option<Tally>, ProjectError> {
        let read = async {
            let mut tx = self.database.enter(tenant).await?;
            Tally::read(&mut tx, *run, up_to).await
        };
        match read.await {
            Ok(tally) => Ok(Some(tally)),
            Err(StoreError::Erased(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn tell(&mut self) -> Result<(), ProjectError> {
        let untold = std::mem::take(&mut self.untold);
        let news = untold.iter().filter_map(|key| Some((key, self.runs.get(key)?.0.progress(key.1)?)));
        try_join_all(news.map(|((tenant, _), progress)| self.publish(tenant, progress))).await?;
        self.told = Instant::now();
        Ok(())
    }

    async fn publish(&self, tenant: &TenantId, progress: Progress) -> Result<(), ProjectError> {
        let failed = |error: String| ProjectError::Log(format!("publishing progress: {error}"));
        let body = serde_json::to_vec(&progress).map_err(|error| failed(error.to_string()))?;
        let message = PublishMessage::build().message_id(progress.sequence.to_string()).payload(body.into());
        let sent = self.context.send_publish(subject(tenant, progress.run_id), message).await;
        sent.map_err(|error| failed(error.to_string()))?.await.map_err(|error| failed(error.to_string()))?;
        Ok(())
    }
}

/// Forgets runs that are over, of which nothing came for a while, and whose events the read models hold, up to `known`.
fn forget(runs: &mut HashMap<Key, (Tally, Instant)>, known: i64, now: Instant) {
    runs.retain(|_, (tally, touched)| {
        let held = tally.newest.as_ref().is_some_and(|newest| newest.sequence <= known);
        !(tally.over && held && now.duration_since(*touched) >= FORGET_AFTER)
    });
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::progress::Fact;

    #[test]
    fn a_run_is_forgotten_when_it_is_over_quiet_and_in_the_read_models() {
        let began = Instant::now();
        let later = began + FORGET_AFTER;
        let tally = |event: &str, sequence| {
            let (stage, at) = (String::new(), DateTime::UNIX_EPOCH);
            let mut tally = Tally::default();
            tally.take(Fact { sequence, at, event: event.to_owned(), stage, company: None });
            tally
        };
        let key = |run| (TenantId::new("acme").unwrap(), run);
        let mut runs = HashMap::from([
            (key(1), (tally("run.completed", 7), began)),
            (key(2), (tally("run.started", 7), began)),
            (key(3), (tally("run.completed", 8), began)),
            (key(4), (tally("run.completed", 7), later)),
        ]);
        forget(&mut runs, 7, began);
        assert_eq!(runs.len(), 4);
        forget(&mut runs, 7, later);
        assert_eq!(runs.keys().map(|key| key.1).collect::<BTreeSet<_>>(), BTreeSet::from([2, 3, 4]));
    }
}
