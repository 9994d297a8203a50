//! A run: candidates, targets, first admissions; steering; and, when its last lead is terminal, ranking.

pub(crate) mod endings;
pub(crate) mod finish;
mod rank;
mod start;

use std::sync::Arc;

use presdr_events::{Cause, Envelope, Event, RunId};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_store::{StoreError, runs};
use tokio_util::sync::CancellationToken;

use crate::{
    Services,
    lead::{self as work, WorkError},
};

const NAME: &str = "run";

/// Answers `run.started`, `run.resumed` and `run.cancelled`.
pub struct RunManager {
    services: Services,
}

impl RunManager {
    /// A run manager of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn manage(&self, envelope: Envelope) -> Result<(), WorkError> {
        let Some(run) = envelope.run else {
            return Err(WorkError::Unfit(format!("event {} names no run", envelope.id)));
        };
        match &envelope.event {
            Event::RunStarted(_) => start::start(&self.services, &envelope, run).await,
            Event::RunResumed(_) => self.resume(&envelope, run).await,
            Event::RunCancelled(_) => self.cancel(&envelope, run).await,
            _ => Ok(()),
        }
    }

    /// Goes on with a run: from its start, if that could not be done before; then as far as there are places.
    async fn resume(&self, envelope: &Envelope, run: RunId) -> Result<(), WorkError> {
        start::start(&self.services, envelope, run).await?;
        self.cancel(envelope, run).await?;
        let mut tx = self.services.database.enter(&envelope.tenant).await.map_err(StoreError::from)?;
        let events = finish::admit_next(&self.services, &mut tx, (run, &Cause::of(envelope))).await?;
        tx.commit().await.map_err(StoreError::from)?;
        self.services.outbox.publish(events).await?;
        Ok(())
    }

    /// Lets go of every lead that is not terminal; the run ends with what it has.
    async fn cancel(&self, envelope: &Envelope, run: RunId) -> Result<(), WorkError> {
        let mut tx = self.services.database.enter(&envelope.tenant).await.map_err(StoreError::from)?;
        let Some(held) = runs::get(&mut tx, run).await? else { return Ok(()) };
        if held.status != "cancelled" || held.finished_at.is_some() {
            return Ok(());
        }
        let events = finish::cancel(&self.services, &mut tx, &Cause::of(envelope), &held).await?;
        tx.commit().await.map_err(StoreError::from)?;
        self.services.outbox.publish(events).await?;
        Ok(())
    }
}

impl Consumer for RunManager {
    const NAME: &'static str = NAME;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        work::outcome_of(self.manage(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, NAME, delivery, reason).await
    }
}

/// The run manager as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<RunManager> {
    Arc::new(RunManager::new(services.clone()))
}
