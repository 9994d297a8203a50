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

/// Reads the tenant's events that name people, from the first, and gives each to `take`. One that cannot be read names nobody: it is
/// told of as a warning, and left to the version that can.
pub(crate) async fn naming(
    office: &Office,
    tenant: &TenantId,
    take: impl AsyncFnMut(Logged) -> Result<(), ComplianceError>,
) -> Result<(), ComplianceError> {
    let subjects = Event::NAMING.iter().map(|kind| Subject::of(tenant, kind.name).to_string()).collect();
    read(&office.context, subjects, take).await
}

/// Reads every tenant's events of one kind, from the first.
pub(crate) async fn of_kind(
    context: &jetstream::Context,
    kind: EventType,
    take: impl AsyncFnMut(Logged) -> Result<(), ComplianceError>,
) -> Result<(), ComplianceError> {
    read(context, vec![Subject::filter(kind)], take).await
}

async fn read(
    context: &jetstream::Context,
    subjects: Vec<String>,
    mut take: impl AsyncFnMut(Logged) -> Result<(), ComplianceError>,
) -> Result<(), ComplianceError> {
    let stream = answer(context.get_stream(topology::EVENTS)).await?;
    let (mut messages, pending) = open(&stream, subjects).await?;
    if pending == 0 {
        return Ok(());
    }
    loop {
        let next = tokio_timeout(messages.next()).await?;
        let message = next.ok_or_else(|| error("reading ended"))?.map_err(error)?;
        let info = message.info().map_err(error)?;
        let (sequence, left) = (info.stream_sequence, info.pending);
        match Envelope::decode(&message.subject, &message.payload) {
            Ok(envelope) => {
                let (subject, body) = (message.subject.to_string(), message.payload.to_vec());
                take(Logged { sequence, envelope, subject, body }).await?;
            }
            Err(error) => tracing::warn!(event.sequence = sequence, %error, "an event cannot be read by this version"),
        }
        if left == 0 {
            return Ok(());
        }
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
