//! A run's shortlist, written to the tenant's Odoo: at once when the run is ranked, or when somebody asks for it.
//!
//! What is to be written is a row with a time; an Odoo that is away, or a key that is wrong, moves the time and loses nothing. An event only
//! makes the row: writing takes as long as it takes. One process at a time writes to a tenant's Odoo.

mod told;
mod turn;
mod turns;

use std::sync::Arc;

use presdr_events::{Cause, Envelope, Event, TenantId};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::settings::{OdooSettings, Push, Section};
use presdr_store::{
    odoo::{connections, syncs},
    settings,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    Services,
    lead::{WorkError, outcome_of, park},
};

pub(crate) use turns::keep_up;

const NAME: &str = "sync";

/// Answers `run.shortlisted` and `run.sync_requested`.
pub struct OdooSync {
    services: Services,
    asked: mpsc::Sender<TenantId>,
}

impl OdooSync {
    /// Notes what is to be written, and tells whoever writes.
    async fn answer(&self, envelope: Envelope) -> Result<(), WorkError> {
        // Whoever asks for a sync has written its row.
        if let Event::RunShortlisted(_) = &envelope.event {
            self.ask(&envelope).await?;
        }
        // Where it is full, or nobody writes in this process, the next beat finds the row.
        let _ = self.asked.try_send(envelope.tenant);
        Ok(())
    }

    /// Notes that the run is to be written, unless the tenant has no Odoo, or wants to be asked first.
    async fn ask(&self, envelope: &Envelope) -> Result<(), WorkError> {
        let Some(run) = envelope.run else {
            return Err(WorkError::Unfit(format!("event {} names no run", envelope.id)));
        };
        let mut tx = self.services.database.enter(&envelope.tenant).await?;
        let connected = connections::get(&mut tx).await?.is_some_and(|connection| connection.active);
        let settings: OdooSettings = settings::section(&mut tx, OdooSettings::NAME).await?;
        if connected && settings.push == Push::AfterRun {
            syncs::ask(&mut tx, run, &Cause::of(envelope), self.services.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

impl Consumer for OdooSync {
    const NAME: &'static str = NAME;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        outcome_of(self.answer(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        park(&self.services, NAME, delivery, reason).await
    }
}

/// The worker as the loop wants it. What it notes it tells through `asked`.
pub(crate) fn worker(services: &Services, asked: mpsc::Sender<TenantId>) -> Arc<OdooSync> {
    Arc::new(OdooSync { services: services.clone(), asked })
}
