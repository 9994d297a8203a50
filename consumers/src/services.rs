//! What every worker has at hand.

use std::{sync::Arc, time::Duration};

use presdr_nats::{Broker, ConsumeConfig};
use presdr_sites::{CrawlPolicy, Web};
use presdr_store::{Database, keys::Keyring, leases::Leases};
use presdr_vendors::{ConfigError, Policy, Publish, VendorConfig, VendorDesk};

use crate::{Clock, HomePages, Outbox, Pins};

/// How work is done in this process.
#[derive(Debug, Clone)]
pub struct WorkConfig {
    /// How sites are visited.
    pub crawl: CrawlPolicy,
    /// Visits at the same time. Most of a visit is waiting.
    pub crawl_slots: usize,
    /// Domains looked for at the same time.
    pub resolve_slots: usize,
    /// Extractions and scorings at the same time, each.
    pub compute_slots: usize,
    /// Leads that wait for vendors at the same time, per kind of work. Most of it is waiting.
    pub vendor_slots: usize,
    /// Tenants whose Odoo is written to at the same time. Most of it is waiting.
    pub sync_slots: usize,
    /// How long an Odoo that cannot be asked is left alone at first.
    pub sync_retry: Duration,
    /// A delivery that came more often than this is parked.
    pub deliveries_max: i64,
    /// From its admission until a lead times out.
    pub lead_deadline: Duration,
    /// How often the sweep looks.
    pub sweep_every: Duration,
    /// What was committed longer ago than this and is not known to be published is published by the sweep.
    pub unpublished_after: Duration,
}

impl Default for WorkConfig {
    fn default() -> Self {
        Self {
            crawl: CrawlPolicy::default(),
            crawl_slots: 448,
            resolve_slots: 64,
            compute_slots: 16,
            vendor_slots: 128,
            sync_slots: 16,
            sync_retry: Duration::from_secs(60),
            deliveries_max: 8,
            lead_deadline: Duration::from_secs(15 * 60),
            sweep_every: Duration::from_secs(2),
            unpublished_after: Duration::from_secs(5),
        }
    }
}

impl WorkConfig {
    /// How a worker with so many slots consumes.
    pub(crate) fn consume(&self, slots: usize) -> ConsumeConfig {
        ConsumeConfig { slots, deliveries_max: self.deliveries_max, ..ConsumeConfig::default() }
    }
}

/// The database, the broker, the web and the clock, as workers use them. Shared by all workers of a process.
#[derive(Clone)]
pub struct Services {
    /// The worker role's pool.
    pub database: Database,
    /// Keys for sealing.
    pub keyring: Arc<Keyring>,
    /// The worker's connection.
    pub broker: Broker,
    /// Publishes what was committed.
    pub outbox: Outbox,
    /// One visitor per domain.
    pub leases: Leases,
    /// Home pages that were read a moment ago.
    pub home_pages: HomePages,
    /// What runs look for.
    pub pins: Pins,
    /// The only HTTP client.
    pub web: Web,
    /// The one way to ask paid vendors; without it none is asked.
    pub vendors: Option<VendorDesk>,
    /// The time.
    pub clock: Clock,
    /// How work is done here.
    pub config: Arc<WorkConfig>,
}

impl Services {
    /// Puts the pieces together. Needs a Tokio runtime: leases and marks are kept up in the background.
    #[must_use]
    pub fn new(
        database: Database,
        keyring: Arc<Keyring>,
        broker: Broker,
        web: Web,
        clock: Clock,
        config: WorkConfig,
    ) -> Self {
        Self {
            outbox: Outbox::new(database.clone(), broker.clone()),
            leases: Leases::new(database.clone()),
            home_pages: HomePages::default(),
            pins: Pins::default(),
            database,
            keyring,
            broker,
            web,
            vendors: None,
            clock,
            config: Arc::new(config),
        }
    }

    /// The same with paid vendors, as far as the configuration has keys and tenants allow it.
    ///
    /// # Errors
    /// [`ConfigError`] when no HTTP client for them can be made.
    pub fn with_vendors(self, config: VendorConfig, policy: Policy) -> Result<Self, ConfigError> {
        let (clock, outbox) = (self.clock.clone(), self.outbox.clone());
        let publish: Publish = Arc::new(move |events| {
            let outbox = outbox.clone();
            Box::pin(async move {
                if let Err(error) = outbox.publish(events).await {
                    tracing::warn!(%error, "could not publish what vendors were asked; the sweep will");
                }
            })
        });
        let (database, keyring) = (self.database.clone(), Arc::clone(&self.keyring));
        let now = Arc::new(move || clock.now());
        let desk = VendorDesk::new(database, keyring, self.leases.clone(), config, policy, now, publish)?;
        Ok(Self { vendors: Some(desk), ..self })
    }
}
