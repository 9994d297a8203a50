//! Reading the log in order, from a given place, into batches.
//!
//! The position lives in Postgres alone: the broker's consumer is ordered, ephemeral and acknowledges nothing. The library makes it
//! anew when it loses its place; what comes out is checked here to move strictly forward.

use std::time::Duration;

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
    message::Message,
    stream,
};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::ProjectError;
use crate::batch::{Batch, Entry};
use crate::checkpoint::LogIdentity;

/// Batches that may wait while one is applied: enough to decode ahead, bounded in memory.
const BATCHES_AHEAD: usize = 2;
/// After so long without an event the stream is looked at: it may have been replaced.
const IDLE_CHECK: Duration = Duration::from_secs(5);
/// How long a broker may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How much is read into one batch. Whatever is reached first ends it.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub events_max: usize,
    pub bytes_max: usize,
    /// While the log has more.
    pub fill_max: Duration,
    /// Once the log has no more: waiting a little makes fewer, larger transactions.
    pub linger: Duration,
}

/// What a log is and how long.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Log {
    pub identity: LogIdentity,
    pub last_sequence: i64,
}

/// Asks the broker about the log.
pub(crate) async fn look(context: &jetstream::Context, stream: &str) -> Result<Log, ProjectError> {
    let found = timeout(ANSWER_MAX, context.get_stream(stream)).await;
    let found = found.map_err(|_| log_error("no answer about the stream in time"))?.map_err(log_error)?;
    describe(found.cached_info())
}

fn describe(info: &stream::Info) -> Result<Log, ProjectError> {
    Ok(Log {
        identity: LogIdentity {
            stream: info.config.name.clone(),
            created_at: time(info.created.unix_timestamp_nanos())?,
        },
        last_sequence: sequence(info.state.last_sequence)?,
    })
}

/// A time of the broker's. The database keeps microseconds.
fn time(nanoseconds: i128) -> Result<DateTime<Utc>, ProjectError> {
    let micros = i64::try_from(nanoseconds / 1_000).ok();
    micros.and_then(DateTime::from_timestamp_micros).ok_or_else(|| log_error("a time of the broker's is out of range"))
}

fn sequence(value: u64) -> Result<i64, ProjectError> {
    i64::try_from(value).map_err(log_error)
}

fn log_error(error: impl ToString) -> ProjectError {
    ProjectError::Log(error.to_string())
}

/// Batches as they are read, ahead of whoever takes them. Reading ends when this is dropped.
pub(crate) struct Batches {
    receiver: mpsc::Receiver<Result<Batch, ProjectError>>,
    _task: AbortOnDropHandle<()>,
}

impl Batches {
    /// Reads what comes after `after` in the log. The first batch may be empty: it says whether there is more at all.
    pub(crate) fn read(context: jetstream::Context, identity: LogIdentity, after: i64, limits: Limits) -> Self {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let mut reader = Reader { context, identity, last: after, limits };
        let task = tokio::spawn(async move {
            if let Err(error) = reader.run(&sender).await {
                let _ = sender.send(Err(error)).await; // nobody is left to hear it
            }
        });
        Self { receiver, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) async fn next(&mut self) -> Result<Batch, ProjectError> {
        self.receiver.recv().await.unwrap_or_else(|| Err(log_error("reading ended")))
    }
}

struct Reader {
    context: jetstream::Context,
    identity: LogIdentity,
    /// The last sequence that was read.
    last: i64,
    limits: Limits,
}

impl Reader {
    /// Reads until nobody takes the batches any more.
    async fn run(&mut self, sender: &mpsc::Sender<Result<Batch, ProjectError>>) -> Result<(), ProjectError> {
        loop {
            let (mut messages, pending) = self.open().await?;
            let opened = Batch { entries: vec![], last_sequence: self.last, caught_up: pending == 0 };
            if sender.send(Ok(opened)).await.is_err() {
                return Ok(());
            }
            while let Some(batch) = self.batch(&mut messages).await? {
                if sender.send(Ok(batch)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// A new consumer behind what was read, and how much there is for it.
    async fn open(&self) -> Result<(pull::Ordered, u64), ProjectError> {
        let stream = timeout(ANSWER_MAX, self.context.get_stream(&self.identity.stream)).await;
        let stream = stream.map_err(|_| log_error("no answer about the stream in time"))?.map_err(log_error)?;
        check(&describe(stream.cached_info())?, &self.identity, self.last)?;
        let start_sequence = u64::try_from(self.last).map_err(log_error)? + 1;
        // Named here: whoever lets the broker choose names needs the right to make durables, too.
        let name = format!("read-models-{}", uuid::Uuid::new_v4().simple());
        let config = pull::OrderedConfig {
            name: Some(name),
            description: Some("presdr read models".to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ..Default::default()
        };
        let consumer = timeout(ANSWER_MAX, stream.create_consumer(config)).await;
        let consumer = consumer.map_err(|_| log_error("no answer about the consumer in time"))?.map_err(log_error)?;
        let pending = consumer.cached_info().num_pending;
        Ok((consumer.messages().await.map_err(log_error)?, pending))
    }

    /// The next batch; nothing when the consumer lost its place and a new one is needed.
    async fn batch(&mut self, messages: &mut pull::Ordered) -> Result<Option<Batch>, ProjectError> {
        let mut batch = Batch { last_sequence: self.last, ..Batch::default() };
        let Some(first) = self.first(messages).await? else { return Ok(None) };
        let started = Instant::now();
        let mut bytes = 0;
        let mut next = first;
        loop {
            let info = next.info().map_err(log_error)?;
            let (at, pending) = (sequence(info.stream_sequence)?, info.pending);
            let stored_at = time(info.published.unix_timestamp_nanos())?;
            if at <= self.last {
                tracing::warn!(
                    event.sequence = at,
                    "the broker went back from {} to {at}: reading on from there",
                    self.last
                );
                return Ok(if batch.entries.is_empty() { None } else { Some(batch) });
            }
            bytes += next.payload.len();
            batch.entries.push(Entry::read(at, &next.subject, &next.payload, stored_at));
            (self.last, batch.last_sequence, batch.caught_up) = (at, at, pending == 0);
            if batch.entries.len() >= self.limits.events_max || bytes >= self.limits.bytes_max {
                return Ok(Some(batch));
            }
            let deadline = started + if batch.caught_up { self.limits.linger } else { self.limits.fill_max };
            match timeout_at(deadline, messages.next()).await {
                Err(_) => return Ok(Some(batch)),
                Ok(Some(Ok(message))) => next = message,
                Ok(Some(Err(error))) => return Err(log_error(error)),
                Ok(None) => return Ok(Some(batch)),
            }
        }
    }

    /// The first message of a batch, however long it takes; the stream is looked at now and then.
    async fn first(&self, messages: &mut pull::Ordered) -> Result<Option<Message>, ProjectError> {
        loop {
            match timeout(IDLE_CHECK, messages.next()).await {
                Ok(Some(message)) => return message.map(Some).map_err(log_error),
                Ok(None) => return Ok(None),
                Err(_) => {
                    let log = look(&self.context, &self.identity.stream).await?;
                    check(&log, &self.identity, self.last)?;
                }
            }
        }
    }
}

/// Whether `log` is the one that was read up to `last`, and still holds it.
pub(crate) fn check(log: &Log, identity: &LogIdentity, last: i64) -> Result<(), ProjectError> {
    if log.identity != *identity {
        return Err(ProjectError::OtherLog { known: identity.to_string(), found: log.identity.to_string() });
    }
    if log.last_sequence < last {
        return Err(ProjectError::LogTooShort { checkpoint: last, last: log.last_sequence });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(created_micros: i64, last_sequence: i64) -> Log {
        let created_at = DateTime::from_timestamp_micros(created_micros).unwrap();
        Log { identity: LogIdentity { stream: "EVENTS".to_owned(), created_at }, last_sequence }
    }

    #[test]
    fn a_log_that_was_replaced_is_another_log() {
        let error = check(&log(2, 10), &log(1, 10).identity, 5).unwrap_err();
        assert!(matches!(error, ProjectError::OtherLog { .. }), "{error}");
        assert!(error.to_string().contains("presdr project rebuild"), "{error}");
    }

    #[test]
    fn a_log_that_ends_before_the_checkpoint_lost_events() {
        let log = log(1, 4);
        assert!(matches!(check(&log, &log.identity, 5), Err(ProjectError::LogTooShort { checkpoint: 5, last: 4 })));
        assert!(check(&log, &log.identity, 4).is_ok());
    }
}
