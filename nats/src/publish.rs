//! Publishing events: each with its id as `Nats-Msg-Id`, so that publishing twice stores once within the window.

use std::time::Duration;

use async_nats::jetstream::{context::PublishErrorKind, message::PublishMessage};
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use presdr_events::EventId;

use crate::{Broker, BrokerError};

/// How long a publisher keeps trying: the stream may be full, its leader may be moving.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes with an id on their way to a subject.
#[derive(Debug, Clone)]
pub struct Message {
    /// The event's id.
    pub id: EventId,
    /// Where it goes.
    pub subject: String,
    /// The event's exact bytes.
    pub body: Bytes,
}

/// Publishes events to EVENTS. Call it from many tasks: each call awaits its own acknowledgement, many are in flight together.
#[derive(Debug, Clone)]
pub struct Publisher {
    broker: Broker,
}

impl Publisher {
    /// A publisher over a connection that may publish.
    #[must_use]
    pub fn new(broker: Broker) -> Self {
        Self { broker }
    }

    /// Whether the broker can be reached now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.broker.is_connected()
    }

    /// Stores an event and tells its sequence in the stream; the sequence of the first when it was stored before.
    ///
    /// Backs off and tries again while the stream is full or unreachable, for two minutes.
    ///
    /// # Errors
    /// [`BrokerError::Publish`] when it could not be stored in that time.
    pub async fn publish(&self, message: &Message) -> Result<u64, BrokerError> {
        let backoff = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(usize::MAX)
            .with_total_delay(Some(PATIENCE));
        (|| self.publish_once(message))
            .retry(backoff)
            .notify(|error, wait| tracing::warn!(subject = %message.subject, event.id = %message.id, %error, ?wait, "could not store an event yet"))
            .await
    }

    async fn publish_once(&self, message: &Message) -> Result<u64, BrokerError> {
        let failed = |error: async_nats::error::Error<PublishErrorKind>| BrokerError::Publish {
            subject: message.subject.clone(),
            error: error.to_string(),
        };
        let publish = PublishMessage::build().message_id(message.id.to_string()).payload(message.body.clone());
        let sent = self.broker.jetstream().send_publish(message.subject.clone(), publish).await.map_err(failed)?;
        sent.await.map(|stored| stored.sequence).map_err(failed)
    }
}
