//! The whole pipeline over an imitated web, as the benches of runs measure it: servers, roles and a desk of their own.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use presdr_consumers::WorkConfig;
use presdr_events::{Actor, RunId, TenantId};
use presdr_producers::{Desk, icp, ingest, tenants};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Web, WebConfig};

use super::{own::Folder, web::Outside};
use crate::{broker::BrokerServer, config::Config, database::DatabaseServer, roles, roles::Roles};

/// Pages of each site.
pub const PAGES: usize = 8;
/// How long a site takes for a page.
pub const PAGE_DELAY: Duration = Duration::from_millis(100);
/// A run that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Everything that runs during a bench.
pub struct Stage {
    /// Where commands are given.
    pub desk: Desk,
    /// How sites are visited: the product's own way.
    pub policy: CrawlPolicy,
    /// Every site of the imitated web.
    pub hosts: Vec<String>,
    outside: Outside,
    roles: Roles,
    broker: BrokerServer,
    database: DatabaseServer,
    // Last, since its end removes what the servers stand on.
    folder: Folder,
}

impl Stage {
    /// Starts it with a web of so many sites, all workers and a projector, each as in production.
    ///
    /// # Errors
    /// When a server cannot be started.
    pub async fn open(folder: &Path, sites: usize) -> anyhow::Result<Self> {
        let folder = Folder::new(folder)?;
        let mut outside = Outside::start(sites, PAGES, PAGE_DELAY)?;
        let config = Config::of_folder(folder.path());
        let (database, broker) = tokio::try_join!(DatabaseServer::open(&config), BrokerServer::open(&config))?;
        let everything =
            ResolveTo::new(DevelopmentOnly::confirmed(), outside.address.ip(), outside.address.port(), None);
        let web = Web::new(WebConfig { resolve_to: Some(everything), ..WebConfig::default() })?;
        let work = WorkConfig::default();
        let policy = work.crawl.clone();
        let mut roles = Roles::new();
        roles.work(&database, &broker, web, work, None, Vec::new()).await?;
        roles.project(&database, &broker).await?;
        let desk = roles::desk(&database, &broker, Actor::service("bench")).await?;
        let hosts = std::mem::take(&mut outside.hosts);
        Ok(Self { desk, policy, hosts, outside, roles, broker, database, folder })
    }

    /// A tenant whose own list is `hosts`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn tenant(&self, slug: &str, hosts: &[String]) -> anyhow::Result<TenantId> {
        let (desk, tenant) = (&self.desk, TenantId::new(slug)?);
        tenants::create(desk, &tenant, slug).await?;
        let list = self.folder.path().join(format!("{slug}.csv"));
        let lines = hosts.iter().enumerate().map(|(at, host)| format!("Company {at} Pte Ltd,{host}\n"));
        fs::write(&list, format!("name,domain\n{}", lines.collect::<String>()))?;
        ingest::companies(desk.database(), &tenant, &list).await?;
        icp::set(desk, &tenant, r#"{"keywords": ["service", "logistics"]}"#).await?;
        Ok(tenant)
    }

    /// Waits until the run's shortlist can be read; fails unless all its `leads` were scored: the times would mean nothing.
    ///
    /// # Errors
    /// When the run does not end, or ends with fewer.
    pub async fn until_readable(&self, tenant: &TenantId, run: RunId, leads: u32) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut beat = tokio::time::interval(Duration::from_millis(50));
        loop {
            beat.tick().await;
            anyhow::ensure!(begun.elapsed() < PATIENCE, "the run did not end in {PATIENCE:?}");
            let mut tx = self.desk.database().enter(tenant).await?;
            let scored: Option<i64> = sqlx::query_scalar(
                "select s.scored from run_summaries s join enrichment_runs r using (tenant_id, run_id)
                 where s.tenant_id = $1 and s.run_id = $2 and r.ended_at is not null",
            )
            .bind(tenant.as_str())
            .bind(run.get())
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(scored) = scored {
                anyhow::ensure!(scored == i64::from(leads), "{scored} of {leads} leads were scored");
                return Ok(());
            }
        }
    }

    /// Ends everything; tells how many requests the web answered.
    ///
    /// # Errors
    /// When a role ended with a fault, or the web does not say.
    pub async fn close(mut self) -> anyhow::Result<u64> {
        self.roles.finish().await?;
        let requests = self.outside.stop()?;
        self.broker.stop().await;
        self.database.stop().await;
        Ok(requests)
    }
}
