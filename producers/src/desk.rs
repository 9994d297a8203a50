//! Where commands come in: their effect and their event are committed together, then published.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use presdr_events::{Actor, EncodeError, Event, EventId, Header, TenantId};
use presdr_nats::{Broker, BrokerError, Message, Publisher};
use presdr_store::{
    Database, StoreError, TenantTx,
    keys::Keyring,
    steps::{self, Outcome, Outgoing, StepKey},
};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker refused; the command stands and its event is published by the workers' sweep.
    #[error("{0}; the command stands and its event follows when the broker is back")]
    Broker(#[from] BrokerError),
    /// What was asked for is not possible as things are.
    #[error("{0}")]
    Refused(String),
    /// An ICP document that does not hold.
    #[error(transparent)]
    Icp(#[from] presdr_rules::icp::IcpErrors),
}

impl From<sqlx::Error> for CommandError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<EncodeError> for CommandError {
    fn from(error: EncodeError) -> Self {
        Self::Store(error.into())
    }
}

/// Who commands, with what, at what time. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub(crate) database: Database,
    pub(crate) keyring: Arc<Keyring>,
    publisher: Publisher,
    actor: Actor,
    time: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl Desk {
    /// A desk at which `actor` commands. `time` is the clock.
    pub fn new(
        database: Database,
        broker: Broker,
        keyring: Arc<Keyring>,
        actor: Actor,
        time: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    ) -> Self {
        Self { database, keyring, publisher: Publisher::new(broker), actor, time: Arc::new(time) }
    }

    /// The same desk for another who commands: the record of a write names them.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.time)()
    }

    /// Whether the broker can be reached now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.publisher.is_connected()
    }

    /// The producer role's pool.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Who commands.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring)
    }

    /// Commits `tx` with the event of `key`, publishes it and tells its sequence in EVENTS.
    ///
    /// # Errors
    /// [`CommandError::Store`] when nothing was committed, [`CommandError::Broker`] when only the publishing failed.
    pub async fn commit(&self, mut tx: TenantTx, key: StepKey, event: &Event) -> Result<u64, CommandError> {
        let outcome = Outcome::new(key.clone(), &self.header(&key), event)?;
        steps::record(&mut tx, std::slice::from_ref(&outcome)).await?;
        let tenant = key.tenant.clone();
        // What was recorded before is what counts: a repeated command publishes the first one's bytes.
        let stored = steps::stored(&mut tx, &key).await?.unwrap_or_else(|| outcome.outgoing().clone());
        tx.commit().await?;
        self.publish(&tenant, stored).await
    }

    /// Publishes an event that was committed, and tells its sequence.
    pub(crate) async fn publish_as_it_is(&self, event: Outgoing) -> Result<u64, CommandError> {
        let Outgoing { id, subject, body, .. } = event;
        Ok(self.publisher.publish(&Message { id, subject, body: body.into() }).await?)
    }

    async fn publish(&self, tenant: &TenantId, event: Outgoing) -> Result<u64, CommandError> {
        let id = event.id;
        let sequence = self.publish_as_it_is(event).await?;
        if let Err(error) = self.mark(tenant, id).await {
            tracing::debug!(event.id = %id, %error, "could not mark an event as published; the sweep will");
        }
        Ok(sequence)
    }

    async fn mark(&self, tenant: &TenantId, id: EventId) -> Result<(), StoreError> {
        let mut tx = self.database.enter(tenant).await?;
        steps::mark_published(&mut tx, &[id]).await?;
        tx.commit().await?;
        Ok(())
    }

    fn header(&self, key: &StepKey) -> Header {
        Header {
            id: key.event_id(),
            source: "command",
            time: self.now(),
            tenant: key.tenant.clone(),
            run: key.run,
            company: key.company,
            actor: self.actor.clone(),
            correlation: key.event_id(),
            causation: None,
            traceparent: None,
        }
    }
}

/// The key of a tenant-level command, the `number`th of its kind.
pub(crate) fn tenant_step(tenant: &TenantId, step: &'static str, number: u32) -> StepKey {
    StepKey { tenant: tenant.clone(), run: None, company: None, step, attempt: number }
}

/// The next number of a tenant-level command that has none of its own. Takes a lock, so that two that are given together get two numbers.
///
/// # Errors
/// What the database says.
pub async fn next_number(tx: &mut TenantTx, step: &'static str) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($2 || '/' || $1, 0))")
        .bind(tenant.as_str())
        .bind(step)
        .execute(&mut **tx)
        .await?;
    let told: i64 = sqlx::query_scalar(
        "select count(*) from lead_steps where tenant_id = $1 and run_id = 0 and company_id = 0 and step = $2",
    )
    .bind(tenant.as_str())
    .bind(step)
    .fetch_one(&mut **tx)
    .await?;
    Ok(u32::try_from(told).unwrap_or(u32::MAX).saturating_add(1))
}
