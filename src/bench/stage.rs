//! The whole pipeline over an imitated web, as the benches of runs measure it: servers, roles and a desk of their own.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use presdr_consumers::WorkConfig;
use presdr_events::{Actor, RunId, TenantId};
use presdr_producers::{Desk, icp, ingest, settings, tenants};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Web, WebConfig};
use presdr_store::breakers::Rate;
use presdr_vendors::{Terms, Vendor, VendorConfig};

use super::{
    own::Folder,
    web::{Outside, Served},
};
use crate::{broker::BrokerServer, config::Config, database::DatabaseServer, roles, roles::Roles};

/// Pages of each site.
pub const PAGES: usize = 8;
/// How long a site takes for a page.
pub const PAGE_DELAY: Duration = Duration::from_millis(100);
/// A vendor's key may be used so often a minute: as often as one likes, for what is measured is not the smallest plan's rate.
const VENDOR_PER_MINUTE: u32 = 6_000_000;
/// A run that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(1800);

const NO_CAPS: &str = r#"{"vendors": {"caps": {"tavily_calls": {"day": null, "run": null}, "lusha_lookups": {"run": null},
    "zerobounce_verifications": {"day": null}, "openai_tokens": {"day": null}, "usd": {"day": null}}}}"#;

/// How many leads went through a stage, and how long it took half of them, and 95 in a hundred, in milliseconds.
#[derive(sqlx::FromRow)]
pub struct StageTimes {
    pub stage: String,
    pub count_total: i64,
    pub p50_ms: i64,
    pub p95_ms: i64,
}

/// Everything that runs during a bench.
pub struct Stage {
    /// Where commands are given.
    pub desk: Desk,
    /// How sites are visited: the product's own way.
    pub policy: CrawlPolicy,
    /// Every company of the imitated web, with its domain where that is known.
    pub companies: Vec<(String, String)>,
    outside: Outside,
    roles: Roles,
    broker: BrokerServer,
    database: DatabaseServer,
    // Last, since its end removes what the servers stand on.
    folder: Folder,
}

impl Stage {
    /// Starts it with a web of so many sites, all workers and a projector, each as in production; with vendors that take so long to answer,
    /// or without.
    ///
    /// # Errors
    /// When a server cannot be started.
    pub async fn open(folder: &Path, sites: usize, vendor: Option<Duration>) -> anyhow::Result<Self> {
        let folder = Folder::new(folder)?;
        let mut outside = Outside::start(sites, PAGES, PAGE_DELAY, vendor)?;
        let config = Config::of_folder(folder.path());
        let (database, broker) = tokio::try_join!(DatabaseServer::open(&config), BrokerServer::open(&config))?;
        let everything =
            ResolveTo::new(DevelopmentOnly::confirmed(), outside.address.ip(), outside.address.port(), None);
        let web = Web::new(WebConfig { resolve_to: Some(everything), ..WebConfig::default() })?;
        let work = WorkConfig::default();
        let policy = work.crawl.clone();
        let mut roles = Roles::new();
        let vendors = if vendor.is_some() { Some(vendors(&outside)?) } else { None };
        roles.work(&database, &broker, web, work, vendors, Vec::new()).await?;
        roles.project(&database, &broker).await?;
        let desk = roles::desk(&database, &broker, Actor::service("bench")).await?;
        let companies = std::mem::take(&mut outside.companies);
        Ok(Self { desk, policy, companies, outside, roles, broker, database, folder })
    }

    /// A tenant whose own list are these companies, and whose vendors have no cap.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn tenant(&self, slug: &str, companies: &[(String, String)]) -> anyhow::Result<TenantId> {
        let (desk, tenant) = (&self.desk, TenantId::new(slug)?);
        tenants::create(desk, &tenant, slug).await?;
        let list = self.folder.path().join(format!("{slug}.csv"));
        let lines = companies.iter().map(|(name, domain)| format!("\"{name}\",{domain}\n"));
        fs::write(&list, format!("name,domain\n{}", lines.collect::<String>()))?;
        ingest::companies(desk.database(), &tenant, &list).await?;
        icp::set(desk, &tenant, r#"{"keywords": ["service", "logistics"]}"#).await?;
        settings::set(desk, &tenant, NO_CAPS).await?;
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

    /// How long the run's leads took in each stage.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn times(&self, tenant: &TenantId, run: RunId) -> anyhow::Result<Vec<StageTimes>> {
        let mut tx = self.desk.database().enter(tenant).await?;
        let times = sqlx::query_as(
            "select stage, count_total, p50_ms, p95_ms from run_stage_stats where tenant_id = $1 and run_id = $2 order by stage",
        );
        Ok(times.bind(tenant.as_str()).bind(run.get()).fetch_all(&mut *tx).await?)
    }

    /// Ends everything; tells what the web and the vendors were asked.
    ///
    /// # Errors
    /// When a role ended with a fault, or the web does not say.
    pub async fn close(mut self) -> anyhow::Result<Served> {
        self.roles.finish().await?;
        let served = self.outside.stop()?;
        self.broker.stop().await;
        self.database.stop().await;
        Ok(served)
    }
}

fn vendors(outside: &Outside) -> anyhow::Result<VendorConfig> {
    let mut config = VendorConfig::from_variables(|name| outside.vendors.get(name).cloned())?;
    for vendor in Vendor::ALL {
        let terms = Terms { rate: Rate { per_minute: VENDOR_PER_MINUTE }, ..config.terms(vendor) };
        config = config.under(vendor, terms);
    }
    Ok(config)
}
