//! The events of the log that name people, in order.

use std::time::Duration;

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
    stream::Stream,
};
use futures::StreamExt;
use presdr_events::{Envelope, Event, EventType, Subject, TenantId};
use presdr_nats::topology;

use crate::{ComplianceError, Office};

/// How long the broker may say nothing.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// An event and its place in the log.
pub(crate) struct Logged {
    pub sequence: u64,
    pub envelope: Envelope,
    pub subject: String,
    pub body: Vec<u8>,
}

/// The tenant's events that name people, from the first.
pub(crate) async fn naming(office: &Office, tenant: &TenantId) -> Result<Reading, ComplianceError> {
    let subjects = Event::NAMING.iter().map(|kind| Subject::of(tenant, kind.name).to_string()).collect();
    Reading::begin(&office.context, subjects).await
}

/// Every tenant's events of one kind, from the first.
pub(crate) async fn of_kind(context: &jetstream::Context, kind: EventType) -> Result<Reading, ComplianceError> {
    Reading::begin(context, vec![Subject::filter(kind)]).await
}

/// Events of the log, one after the other, up to the last that there was.
pub(crate) struct Reading {
    messages: pull::Ordered,
    left: u64,
}

impl Reading {
    async fn begin(context: &jetstream::Context, subjects: Vec<String>) -> Result<Self, ComplianceError> {
        let stream = answer(context.get_stream(topology::EVENTS)).await?;
        let (messages, left) = open(&stream, subjects).await?;
        Ok(Self { messages, left })
    }

    /// The next. One that cannot be read names nobody: it is told of as a warning, and left to the version that can.
    pub async fn next(&mut self) -> Result<Option<Logged>, ComplianceError> {
        while self.left > 0 {
            let next = tokio_timeout(self.messages.next()).await?;
            let message = next.ok_or_else(|| error("reading ended"))?.map_err(error)?;
            let info = message.info().map_err(error)?;
            let sequence = info.stream_sequence;
            self.left = info.pending;
            match Envelope::decode(&message.subject, &message.payload) {
                Ok(envelope) => {
                    let (subject, body) = (message.subject.to_string(), message.payload.to_vec());
                    return Ok(Some(Logged { sequence, envelope, subject, body }));
                }
                Err(error) => {
                    tracing::warn!(event.sequence = sequence, %error, "an event cannot be read by this version")
                }
            }
        }
        Ok(None)
    }
}

async fn open(stream: &Stream, subjects: Vec<String>) -> Result<(pull::Ordered, u64), ComplianceError> {
    // Named here: whoever lets the broker choose names needs the right to make durables, too.
    let config = pull::OrderedConfig {
        name: Some(format!("compliance-{}", uuid::Uuid::new_v4().simple())),
        description: Some("presdr: looking for a person".to_owned()),
        deliver_policy: DeliverPolicy::All,
        filter_subjects: subjects,
        ..Default::default()
    };
    let consumer = answer(stream.create_consumer(config)).await?;
    let pending = consumer.cached_info().num_pending;
    Ok((consumer.messages().await.map_err(error)?, pending))
}

async fn answer<T, E: ToString>(asked: impl Future<Output = Result<T, E>>) -> Result<T, ComplianceError> {
    tokio_timeout(asked).await?.map_err(error)
}

async fn tokio_timeout<T>(asked: impl Future<Output = T>) -> Result<T, ComplianceError> {
    tokio::time::timeout(ANSWER_MAX, asked).await.map_err(|_| error("the broker does not answer"))
}

fn error(error: impl ToString) -> ComplianceError {
    ComplianceError::Log(error.to_string())
}
