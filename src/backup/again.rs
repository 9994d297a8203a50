//! What a restore does again before anybody may use the stores: publishing what the log lacks, and erasing whom the receipts name.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use presdr_compliance::{Office, reapply, receipts::Receipts};
use presdr_consumers::Clock;
use presdr_events::{EventId, TenantId, tenant::Restored};
use presdr_nats::{Message, Publisher, purge as log, topology::User};
use presdr_producers::{
    Desk,
    purge::{Purge, purge},
    restored,
};
use presdr_store::{Database, Role, backups, tenants};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    manifest::Manifest,
    newer::{Newer, TakenIn},
};
use crate::{broker::BrokerServer, config::Config, database::DatabaseServer};

/// Events published at the same time.
const IN_FLIGHT: usize = 64;

/// What was done again.
#[derive(Debug, Default, Serialize)]
pub struct Again {
    /// Events that the database was ahead of the log with.
    pub published: u64,
    /// Tenants that were erased again.
    pub tenants: BTreeSet<TenantId>,
    /// Events of tenants that were erased before, removed from the log again.
    pub events_removed: u64,
    /// Erasures of people that were done again.
    pub people: usize,
    /// Suppressions that the backup did not have, or had otherwise.
    pub suppressions: u64,
    /// Lists of suppressions that the log tells of and nothing has any more: to be imported again.
    pub lists_lost: u64,
    /// What a log that was kept tells of the time since the backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_in: Option<TakenIn>,
}

/// Everything at hand while services are kept out.
pub struct Hands<'a> {
    pub owner: Database,
    office: Office,
    broker: &'a BrokerServer,
}

impl<'a> Hands<'a> {
    /// Connects as everybody who is needed.
    ///
    /// # Errors
    /// When a server cannot be reached.
    pub async fn open(config: &Config, database: &DatabaseServer, broker: &'a BrokerServer) -> anyhow::Result<Self> {
        let owner = database.connect_restoring(Role::Owner).await?;
        let producer = database.connect_restoring(Role::Producer).await?;
        let projector = database.connect_restoring(Role::Projector).await?;
        let (connection, clock) = (broker.connect(User::Producer).await?, Clock::system());
        let keyring = Arc::new(database.keyring()?);
        let desk = Desk::new(producer, connection, keyring, config.actor(), move || clock.now());
        let context = broker.connect(User::Projector).await?.jetstream().clone();
        Ok(Self { owner, office: Office { desk, projector, context }, broker })
    }

    /// Where commands are given.
    pub fn office(&self) -> &Office {
        &self.office
    }

    /// Does everything again.
    ///
    /// # Errors
    /// What the database or the broker says.
    pub async fn all(&self, manifest: &Manifest, receipts: &Receipts, newer: Option<Newer>) -> anyhow::Result<Again> {
        match &newer {
            // What was published since the backup is in a log that was kept.
            Some(newer) => newer.raise(&self.owner).await?,
            None => backups::unmark(&self.owner, manifest.begun_at).await?,
        }
        let mut again = Again { published: self.publish_unmarked().await?, ..Again::default() };
        self.erase_tenants(receipts, &mut again).await.context("erasing tenants again")?;
        self.erase_people(receipts, &mut again).await.context("erasing people again")?;
        if let Some(newer) = newer {
            again.taken_in = Some(newer.take_in(&self.owner, &self.office.desk).await.context("taking in the log")?);
        }
        self.tell(manifest, &again).await?;
        Ok(again)
    }

    /// The log tells who restored it, and from what.
    async fn tell(&self, manifest: &Manifest, again: &Again) -> anyhow::Result<()> {
        let backup = manifest.hash()?;
        let restored = |step| Restored {
            step,
            backup,
            taken_at: manifest.begun_at,
            log_ended_at: manifest.log.last_sequence(),
            log_kept: again.taken_in.is_some(),
            people_erased_again: again.people as u64,
            tenants_erased_again: again.tenants.iter().cloned().collect(),
        };
        restored::tell(&self.office.desk, restored).await?;
        Ok(())
    }

    async fn publish_unmarked(&self) -> anyhow::Result<u64> {
        let connection = self.broker.connect(User::Producer).await?;
        let publisher = Publisher::new(connection.clone());
        let published = backups::publish_unmarked(&self.owner, async |events| {
            let messages = events.into_iter();
            let messages =
                messages.map(|event| Message { id: event.id, subject: event.subject, body: event.body.into() });
            publish(&publisher, messages).await
        })
        .await?;
        connection.close().await;
        Ok(published)
    }

    /// Tenants whose erasure the backup knows lose the events that its log had of them; those that were erased since are erased again.
    async fn erase_tenants(&self, receipts: &Receipts, again: &mut Again) -> anyhow::Result<()> {
        let eraser = self.broker.connect(User::Eraser).await?;
        let purged = receipts.purged();
        for tenant in tenants::all(&self.owner).await? {
            if tenant.status == "purged" {
                again.events_removed += log::remove_tenant(&eraser, &tenant.id).await?;
            } else if tenant.is_closed() || purged.contains(&tenant.id) {
                let (desk, cancel) = (&self.office.desk, CancellationToken::new());
                let work = Purge { desk, owner: &self.owner, eraser: &eraser, cancel };
                purge(&work, &tenant.id, |_| {}).await?;
                again.tenants.insert(tenant.id);
            }
        }
        eraser.close().await;
        Ok(())
    }

    /// Receipts that the log lacks go into it, so that it tells the whole and the next restore finds them there.
    async fn erase_people(&self, receipts: &Receipts, again: &mut Again) -> anyhow::Result<()> {
        let active = tenants::active(&self.owner).await?;
        let active: BTreeSet<TenantId> = active.into_iter().map(|tenant| tenant.id).collect();
        again.suppressions = receipts.put_back(self.office.desk.database(), &active).await?;
        let missing = receipts.missing(&self.office.context, &active).await?;
        let connection = self.broker.connect(User::Producer).await?;
        let messages = missing.into_iter().map(|told| {
            let id: EventId = told.envelope.id;
            Message { id, subject: told.subject, body: told.body.into() }
        });
        publish(&Publisher::new(connection.clone()), messages).await?;
        connection.close().await;
        let reapplied = reapply::reapply(&self.office).await?;
        again.people = reapplied.again.len();
        again.lists_lost = reapplied.lists_lost.values().sum();
        Ok(())
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.owner.close().await;
        self.office.projector.close().await;
        self.office.desk.database().close().await;
    }
}

async fn publish(publisher: &Publisher, messages: impl Iterator<Item = Message>) -> anyhow::Result<()> {
    let sent = messages.map(|message| async move { publisher.publish(&message).await });
    stream::iter(sent).buffered(IN_FLIGHT).try_for_each(|_| async { Ok(()) }).await?;
    Ok(())
}
