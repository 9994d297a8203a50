//! Publishing what was committed, and marking it so in batches.

use std::{collections::HashMap, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use presdr_events::{EventId, TenantId};
use presdr_nats::{Broker, BrokerError, Message, Publisher};
use presdr_store::{Database, StoreError, steps, steps::Outgoing};
use tokio::sync::mpsc;

/// Marks waiting to be written; when it is full the sweep finds what was not marked.
const MARKS_WAITING_MAX: usize = 8192;
/// How long marks gather before they are written together.
const MARKS_GATHER: Duration = Duration::from_millis(200);

/// Publishes committed events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    publisher: Publisher,
    marks: mpsc::Sender<(TenantId, EventId)>,
}

impl Outbox {
    /// Starts the task that writes the marks; it ends with the last clone.
    #[must_use]
    pub fn new(database: Database, broker: Broker) -> Self {
        let (marks, received) = mpsc::channel(MARKS_WAITING_MAX);
        tokio::spawn(write_marks(database, received));
        Self { publisher: Publisher::new(broker), marks }
    }

    /// Publishes events, all in flight together, and notes each as published.
    ///
    /// # Errors
    /// [`BrokerError`] for the first that could not be stored; the sweep publishes what is missing.
    pub async fn publish(&self, events: Vec<Outgoing>) -> Result<(), BrokerError> {
        let mut sent: FuturesUnordered<_> = events.into_iter().map(|event| self.publish_one(event)).collect();
        while let Some(done) = sent.next().await {
            done?;
        }
        Ok(())
    }

    async fn publish_one(&self, event: Outgoing) -> Result<(), BrokerError> {
        let Outgoing { tenant, id, subject, body } = event;
        self.publisher.publish(&Message { id, subject, body: body.into() }).await?;
        // A mark that is lost costs one more publication of a known id.
        let _ = self.marks.try_send((tenant, id));
        Ok(())
    }
}

async fn write_marks(database: Database, mut marks: mpsc::Receiver<(TenantId, EventId)>) {
    while let Some((tenant, id)) = marks.recv().await {
        let mut by_tenant: HashMap<TenantId, Vec<EventId>> = HashMap::from([(tenant, vec![id])]);
        tokio::time::sleep(MARKS_GATHER).await;
        while let Ok((tenant, id)) = marks.try_recv() {
            by_tenant.entry(tenant).or_default().push(id);
        }
        for (tenant, ids) in by_tenant {
            if let Err(error) = write(&database, &tenant, &ids).await {
                tracing::debug!(tenant.id = %tenant, %error, "could not mark events as published; the sweep will");
            }
        }
    }
}

async fn write(database: &Database, tenant: &TenantId, ids: &[EventId]) -> Result<(), StoreError> {
    let mut tx = database.enter(tenant).await?;
    steps::mark_published(&mut tx, ids).await?;
    tx.commit().await?;
    Ok(())
}
