//! The log as it is stored: a tenant's messages in order, or single ones by their place.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{DeliverPolicy, pull},
    stream::Stream as JetStream,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use presdr_events::{Subject, TenantId};
use presdr_nats::{Broker, topology};
use tokio::time::timeout;

/// How long a broker may take to answer, or to bring the next message of those it said there are.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Single messages asked for at the same time.
const ASKED_TOGETHER: usize = 64;
/// JetStream's code for a message that is not there.
const NO_MESSAGE: &str = "no message found";

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading the event log: {0}")]
pub struct LogError(String);

impl LogError {
    fn of(error: impl ToString) -> Self {
        Self(error.to_string())
    }
}

/// What stands at a place of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The place.
    pub sequence: u64,
    /// Where it was published.
    pub subject: String,
    /// Its bytes.
    pub body: Bytes,
    /// When the broker stored it.
    pub stored_at: DateTime<Utc>,
}

/// Reads the log. Changes nothing in it.
#[derive(Debug, Clone)]
pub struct Log {
    stream: JetStream,
}

impl Log {
    /// The log of a broker, as a user who may read it.
    ///
    /// # Errors
    /// [`LogError`] when there is none.
    pub async fn open(broker: &Broker) -> Result<Self, LogError> {
        Ok(Self { stream: answer(topology::events(broker)).await? })
    }

    /// The place of its last message.
    ///
    /// # Errors
    /// [`LogError`] when the broker does not answer.
    pub async fn last_sequence(&self) -> Result<u64, LogError> {
        Ok(answer(self.stream.get_info()).await?.state.last_sequence)
    }

    /// What belongs to a tenant, in order, from behind `after` up to and with `last`.
    pub async fn of_tenant(
        &self,
        tenant: &TenantId,
        after: u64,
        last: u64,
    ) -> Result<impl Stream<Item = Result<Message, LogError>> + Send + use<>, LogError> {
        let subjects = self.subjects_of(tenant).await?;
        let messages = match subjects.is_empty() || after >= last {
            true => None,
            false => self.open_at(subjects, after).await?,
        };
        Ok(stream::iter(messages).flat_map(move |messages| up_to(messages, last)))
    }

    /// The subjects whose messages are a tenant's. There are few: one for each type of event, and what was misspelt is the platform's.
    async fn subjects_of(&self, tenant: &TenantId) -> Result<Vec<String>, LogError> {
        let filter = match tenant.as_str() == TenantId::PLATFORM {
            true => Subject::ALL.to_owned(),
            false => Subject::filter_tenant(tenant),
        };
        let mut found = answer(self.stream.info_with_subjects(filter)).await?;
        let mut subjects = Vec::new();
        while let Some((subject, _)) =
            timeout(ANSWER_MAX, found.try_next()).await.map_err(silent)?.map_err(LogError::of)?
        {
            subjects.push(subject);
        }
        subjects.retain(|subject| Subject::owner(subject) == *tenant);
        subjects.sort_unstable();
        Ok(subjects)
    }

    async fn open_at(&self, subjects: Vec<String>, after: u64) -> Result<Option<pull::Ordered>, LogError> {
        let config = pull::OrderedConfig {
            // Named here: whoever lets the broker choose names needs the right to make durables, too.
            name: Some(format!("audit-{}", uuid::Uuid::new_v4().simple())),
            description: Some("presdr audit".to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            filter_subjects: subjects,
            ..Default::default()
        };
        let consumer = answer(self.stream.create_consumer(config)).await?;
        match consumer.cached_info().num_pending {
            0 => Ok(None),
            _ => Ok(Some(consumer.messages().await.map_err(LogError::of)?)),
        }
    }

    /// What stands at these places, in their order; a place that holds nothing is left out.
    pub fn at(&self, sequences: Vec<u64>) -> impl Stream<Item = Result<Message, LogError>> + Send + use<> {
        let log = self.stream.clone();
        let one = move |sequence| {
            let log = log.clone();
            async move { one(&log, sequence).await.transpose() }
        };
        stream::iter(sequences).map(one).buffered(ASKED_TOGETHER).filter_map(std::future::ready)
    }
}

async fn one(log: &JetStream, sequence: u64) -> Result<Option<Message>, LogError> {
    let found = timeout(ANSWER_MAX, log.get_raw_message(sequence)).await.map_err(silent)?;
    match found {
        Ok(found) => Ok(Some(Message {
            sequence: found.sequence,
            subject: found.subject.to_string(),
            body: found.payload,
            stored_at: time(found.time.unix_timestamp_nanos())?,
        })),
        Err(error) if error.to_string().contains(NO_MESSAGE) => Ok(None),
        Err(error) => Err(LogError::of(error)),
    }
}

/// Ends with the last message that there was when reading began, or with the one at `last`.
fn up_to(messages: pull::Ordered, last: u64) -> impl Stream<Item = Result<Message, LogError>> + Send {
    stream::try_unfold(Some(messages), move |open| async move {
        let Some(mut messages) = open else { return Ok(None) };
        let Some(next) = timeout(ANSWER_MAX, messages.next()).await.map_err(silent)? else { return Ok(None) };
        let next = next.map_err(LogError::of)?;
        let info = next.info().map_err(LogError::of)?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
        if sequence > last {
            return Ok(None);
        }
        let stored_at = time(info.published.unix_timestamp_nanos())?;
        let message = Message { sequence, subject: next.subject.to_string(), body: next.payload.clone(), stored_at };
        let more = pending > 0 && sequence < last;
        Ok(Some((message, more.then_some(messages))))
    })
}

/// The broker's answer, which must come in time.
async fn answer<T, E: ToString>(asking: impl Future<Output = Result<T, E>>) -> Result<T, LogError> {
    timeout(ANSWER_MAX, asking).await.map_err(silent)?.map_err(LogError::of)
}

fn silent(_: tokio::time::error::Elapsed) -> LogError {
    LogError(format!("the broker did not answer in {} s: may this user read EVENTS?", ANSWER_MAX.as_secs()))
}

fn time(nanoseconds: i128) -> Result<DateTime<Utc>, LogError> {
    let micros = i64::try_from(nanoseconds / 1_000).ok();
    micros
        .and_then(DateTime::from_timestamp_micros)
        .ok_or_else(|| LogError("a time of the broker's is out of range".to_owned()))
}
