//! The shape of every step of a lead: [`begin`] (what is left to do), the work, [`conclude`] (commit, then publish).

use std::{future::Future, time::Duration};

use presdr_events::{Attempt, Cause, CompanyId, Envelope, Event, Header, RunId, TenantId};
use presdr_nats::{BrokerError, Delivery, Outcome};
use presdr_store::{
    StoreError, TenantTx, parked,
    steps::{self, Standing, StepKey},
};

use crate::{Services, run::finish};

/// A lead that an event is about, and the event.
#[derive(Debug, Clone)]
pub(crate) struct Lead {
    pub tenant: TenantId,
    pub run: RunId,
    pub company: CompanyId,
    pub attempt: Attempt,
    pub cause: Cause,
}

impl Lead {
    /// The lead an event is about; an error in words when it is about none.
    pub fn of(envelope: &Envelope) -> Result<Self, WorkError> {
        let missing = |what| WorkError::Unfit(format!("event {} names no {what}", envelope.id));
        Ok(Self {
            tenant: envelope.tenant.clone(),
            run: envelope.run.ok_or_else(|| missing("run"))?,
            company: envelope.company.ok_or_else(|| missing("company"))?,
            attempt: envelope.event.attempt(),
            cause: Cause::of(envelope),
        })
    }

    pub fn key(&self, step: &'static str) -> StepKey {
        StepKey {
            tenant: self.tenant.clone(),
            run: Some(self.run),
            company: Some(self.company),
            step,
            attempt: self.attempt,
        }
    }
}

/// Why a step could not be done now, or at all. Never holds personal data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("{0}")]
    Busy(String),
    #[error("{0}")]
    Unfit(String),
}

impl From<sqlx::Error> for WorkError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<presdr_events::EncodeError> for WorkError {
    fn from(error: presdr_events::EncodeError) -> Self {
        Self::Store(error.into())
    }
}

/// A database or broker that is away comes back; meanwhile the delivery does.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl WorkError {
    pub fn outcome(&self) -> Outcome {
        let retry = || Outcome::Retry { after: RETRY_AFTER, reason: self.to_string() };
        match self {
            Self::Busy(_) | Self::Broker(_) => retry(),
            // The tenant is gone, and with it the work.
            Self::Store(StoreError::Erased(_)) => Outcome::Done,
            Self::Store(error) if error.is_transient() => retry(),
            Self::Store(_) | Self::Unfit(_) => Outcome::Park { reason: self.to_string() },
        }
    }
}

/// Begins a step of a lead: a transaction in which it is open. `None` when there is nothing to do: an outcome that is stored was
/// published again, or the lead is not to be worked on.
pub(crate) async fn begin(services: &Services, lead: &Lead, name: &'static str) -> Result<Option<TenantTx>, WorkError> {
    let mut tx = services.database.enter(&lead.tenant).await?;
    match steps::standing(&mut tx, &lead.key(name)).await? {
        Standing::Open => Ok(Some(tx)),
        Standing::NotAdmitted => Ok(None),
        Standing::Done(stored) => {
            drop(tx);
            services.outbox.publish(vec![stored]).await?;
            Ok(None)
        }
    }
}

/// Commits what a step came to, with everything else that was written in `tx`, then publishes it. When the step is open no longer
/// nothing is committed, and an outcome that another worker stored meanwhile is published.
pub(crate) async fn conclude(
    services: &Services,
    lead: &Lead,
    name: &'static str,
    mut tx: TenantTx,
    event: &Event,
) -> Result<(), WorkError> {
    let key = lead.key(name);
    let outcome = steps::Outcome::new(key.clone(), &header(services, &key, &lead.cause), event)?;
    if steps::conclude(&mut tx, &outcome).await? {
        tx.commit().await?;
        services.outbox.publish(vec![outcome.outgoing().clone()]).await?;
        return Ok(());
    }
    drop(tx);
    begin(services, lead, name).await.map(drop)
}

/// The header of the event that tells a step's outcome.
pub(crate) fn header(services: &Services, key: &StepKey, cause: &Cause) -> Header {
    key.header(key.step, cause, services.clock.now())
}

/// Runs a handler and turns its error into what the loop does.
pub(crate) async fn outcome_of(work: impl Future<Output = Result<(), WorkError>>) -> Outcome {
    match work.await {
        Ok(()) => Outcome::Done,
        Err(error) => error.outcome(),
    }
}

/// Sets a delivery aside and ends its lead as parked, so that the run does not wait for it.
pub(crate) async fn park(services: &Services, consumer: &'static str, delivery: Delivery<'_>, reason: &str) -> bool {
    match try_park(services, consumer, &delivery, reason).await {
        Ok(()) | Err(WorkError::Store(StoreError::Erased(_))) => true,
        Err(error) => {
            tracing::error!(consumer, subject = delivery.subject, sequence = delivery.stream_sequence, %error, "could not park; it comes again");
            false
        }
    }
}

async fn try_park(
    services: &Services,
    consumer: &'static str,
    delivery: &Delivery<'_>,
    reason: &str,
) -> Result<(), WorkError> {
    let subject =
        presdr_events::Subject::parse(delivery.subject).map_err(|error| WorkError::Unfit(error.to_string()))?;
    let mut tx = services.database.enter(&subject.tenant).await.map_err(StoreError::from)?;
    let envelope = delivery.envelope;
    let new = parked::NewParked {
        consumer,
        event_id: envelope.map(|envelope| envelope.id),
        subject: delivery.subject,
        stream_sequence: delivery.stream_sequence,
        deliveries: delivery.deliveries,
        run: envelope.and_then(|envelope| envelope.run).map(RunId::get),
        company: envelope.and_then(|envelope| envelope.company).map(CompanyId::get),
        error: reason,
    };
    parked::park(&mut tx, &new).await?;
    let events = match envelope.map(Lead::of) {
        Some(Ok(lead)) => finish::park(services, &mut tx, &lead, consumer, reason).await?,
        _ => Vec::new(),
    };
    tx.commit().await.map_err(StoreError::from)?;
    services.outbox.publish(events).await?;
    Ok(())
}
