//! The log as one stream of bytes, with every event at its place: for backups.
//!
//! The broker makes and reads the bytes; what is in them is its own business. Only [`User::Backup`](crate::topology::User::Backup) may have
//! them written, only [`User::Restore`](crate::topology::User::Restore) read in. Where the durables stand is noted beside them: the broker
//! would write that at another moment than the events, and a durable that is ahead of its log passes over what comes next.

use std::{collections::BTreeMap, time::Duration};

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Broker, BrokerError,
    topology::{self, EVENTS},
};

/// Bytes in one message.
const CHUNK_BYTES: usize = 128 * 1024;
/// Bytes that the broker sends ahead of what has arrived here.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// How long the broker may say nothing: before the first bytes it looks through its whole store.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// A log that was written out: what the broker needs to read it in again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// The stream's configuration, in the broker's own form.
    pub config: Value,
    /// Its state when writing began. Events that came after that may be in it, too.
    pub state: Value,
    /// From where on each durable has events that it may not have answered. Noted before writing began.
    pub durables: BTreeMap<String, u64>,
}

impl Taken {
    /// The last event's place when writing began.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.state.get("last_seq").and_then(Value::as_u64).unwrap_or(0)
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.state.get("messages").and_then(Value::as_u64).unwrap_or(0)
    }
}

/// What the broker answers.
#[derive(Deserialize)]
struct Answer {
    error: Option<Refusal>,
    config: Option<Value>,
    state: Option<Value>,
    deliver_subject: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    description: String,
}

/// Bytes of a log on their way.
pub struct Chunks {
    broker: Broker,
    chunks: Subscriber,
    ended: bool,
}

/// Begins to write the log out. The events that come meanwhile may or may not be in it.
///
/// # Errors
/// [`BrokerError`] when the broker refuses or does not answer.
pub async fn take(broker: &Broker) -> Result<(Taken, Chunks), BrokerError> {
    let stream = topology::events(broker).await?;
    let durables = topology::unanswered(&stream).await?;
    let inbox = broker.client().new_inbox();
    let chunks = broker.client().subscribe(inbox.clone()).await.map_err(|error| failed(error.to_string()))?;
    let request = json!({ "deliver_subject": inbox, "chunk_size": CHUNK_BYTES, "window_size": WINDOW_BYTES, "no_consumers": true, "jsck": true });
    let answer = ask(broker, format!("$JS.API.STREAM.SNAPSHOT.{EVENTS}"), request.to_string().into()).await?;
    let (Some(config), Some(state)) = (answer.config, answer.state) else {
        return Err(failed("the broker did not say what it writes".to_owned()));
    };
    let taken = Taken { config, state, durables };
    Ok((taken, Chunks { broker: broker.clone(), chunks, ended: false }))
}

impl Chunks {
    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// [`BrokerError`] when the broker gave up or went away: what was written so far is no log.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BrokerError> {
        if self.ended {
            return Ok(None);
        }
        let next = timeout(SILENCE_MAX, self.chunks.next()).await;
        let message = next
            .map_err(|_| failed("the broker fell silent".to_owned()))?
            .ok_or_else(|| failed("the connection ended".to_owned()))?;
        if let Some(reply) = message.reply.clone() {
            // The broker sends on when it hears that this has arrived.
            self.broker.client().publish(reply, Bytes::new()).await.map_err(|error| failed(error.to_string()))?;
        }
        if !message.payload.is_empty() {
            return Ok(Some(message.payload));
        }
        self.ended = true;
        match gave_up(&message) {
            Some(why) => Err(failed(why)),
            None => Ok(None),
        }
    }
}

/// The last message is empty, and says so when it is not the end.
fn gave_up(message: &Message) -> Option<String> {
    let status = message.status.filter(|status| !matches!(status.as_u16(), 200 | 204))?;
    Some(format!("the broker gave up ({status}): {}", message.description.as_deref().unwrap_or("it does not say why")))
}

/// Removes the log with everything in it: only a restore does, before what it restores takes its place, or of a part when it failed.
///
/// # Errors
/// [`BrokerError`] when the broker refuses.
pub async fn remove(broker: &Broker) -> Result<(), BrokerError> {
    let removed = broker.jetstream().delete_stream(EVENTS).await;
    removed
        .map(drop)
        .map_err(|error| BrokerError::Api { what: "removing the log".to_owned(), error: error.to_string() })
}

/// Reads a log in again, into a broker that has none. Where that is broken off or fails, some brokers keep a part: [`remove`] it.
pub struct Writer {
    broker: Broker,
    subject: String,
}

/// Begins to read a log in.
///
/// # Errors
/// [`BrokerError`] when the broker refuses: it has a log already, or no room.
pub async fn put_back(broker: &Broker, taken: &Taken) -> Result<Writer, BrokerError> {
    let request = json!({ "config": taken.config, "state": taken.state }).to_string();
    let answer = ask(broker, format!("$JS.API.STREAM.RESTORE.{EVENTS}"), request.into()).await?;
    let subject = answer.deliver_subject.ok_or_else(|| failed("the broker did not say where to".to_owned()))?;
    Ok(Writer { broker: broker.clone(), subject })
}

impl Writer {
    /// The most bytes that one call may bring.
    pub const BYTES_MAX: usize = CHUNK_BYTES;

    /// Brings the next bytes.
    ///
    /// # Errors
    /// [`BrokerError`] when the broker does not take them.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BrokerError> {
        let answered = timeout(SILENCE_MAX, self.broker.client().request(self.subject.clone(), bytes)).await;
        let answered = answered.map_err(|_| failed("the broker fell silent".to_owned()))?;
        match answered.map_err(|error| failed(error.to_string()))? {
            taken if taken.payload.is_empty() => Ok(()),
            refused => read(&refused.payload).map(drop),
        }
    }

    /// Says that this was all; the log is there when this returns.
    ///
    /// # Errors
    /// [`BrokerError`] when the bytes are no log.
    pub async fn end(self) -> Result<(), BrokerError> {
        ask(&self.broker, self.subject, Bytes::new()).await.map(drop)
    }
}

async fn ask(broker: &Broker, subject: String, request: Bytes) -> Result<Answer, BrokerError> {
    // Looking through a large store takes the broker longer than any other question.
    let request = async_nats::Request::new().payload(request).timeout(Some(SILENCE_MAX));
    let answered = broker.client().send_request(subject, request).await.map_err(|error| failed(error.to_string()))?;
    read(&answered.payload)
}

fn read(payload: &[u8]) -> Result<Answer, BrokerError> {
    // Refusals on the way are bare text.
    let answer: Answer = serde_json::from_slice(payload)
        .map_err(|_| failed(String::from_utf8_lossy(payload).chars().take(200).collect()))?;
    match answer.error {
        Some(refusal) => Err(failed(refusal.description)),
        None => Ok(answer),
    }
}

fn failed(error: String) -> BrokerError {
    BrokerError::Api { what: "writing the log out or reading it in".to_owned(), error }
}
