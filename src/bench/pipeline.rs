//! `bench pipeline`: a run from its start to its shortlist, over an imitated web, with everything the product does switched on.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use presdr_consumers::WorkConfig;
use presdr_events::{Actor, RunId, TenantId};
use presdr_producers::{
    Desk,
    bench::report::{Aim, Report},
    icp, ingest, runs, tenants,
};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Web, WebConfig};
use serde_json::{Value, json};

use super::{own::Folder, web::Outside};
use crate::{broker::BrokerServer, config::Config, database::DatabaseServer, roles, roles::Roles};

/// Leads of the product's measure.
pub const LEADS: u32 = 1000;
/// Pages of each site.
const PAGES: usize = 8;
/// How long a site takes for a page.
const PAGE_DELAY: Duration = Duration::from_millis(100);
/// A bench that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Runs `leads` leads through the pipeline.
///
/// # Errors
/// When a server cannot be started, or the run does not end with every lead scored.
pub async fn measure(folder: &Path, leads: u32) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let outside = Outside::start(usize::try_from(leads)?, PAGES, PAGE_DELAY)?;
    let config = Config::of_folder(folder.path());
    let (database, broker) = tokio::try_join!(DatabaseServer::open(&config), BrokerServer::open(&config))?;
    let everything = ResolveTo::new(DevelopmentOnly::confirmed(), outside.address.ip(), outside.address.port(), None);
    let web = Web::new(WebConfig { resolve_to: Some(everything), ..WebConfig::default() })?;
    let work = WorkConfig::default();
    let policy = work.crawl.clone();
    let mut roles = Roles::new();
    roles.work(&database, &broker, web, work, Vec::new()).await?;
    roles.project(&database, &broker).await?;
    let desk = roles::desk(&database, &broker, Actor::service("bench")).await?;
    let tenant = prepare(&desk, folder.path(), &outside.hosts).await?;

    let (cpu_before, started) = (Usage::now(), Instant::now());
    let run = runs::start(&desk, &tenant, Some(leads)).await?.run;
    let scored = until_readable(&desk, &tenant, run).await?;
    let (wall, usage) = (started.elapsed(), Usage::now());
    roles.finish().await?;
    let requests = outside.stop()?;
    broker.stop().await;
    database.stop().await;
    anyhow::ensure!(scored == i64::from(leads), "{scored} of {leads} leads were scored: the times mean nothing");

    let requests_of_site = requests as f64 / f64::from(leads);
    let mut report = Report::new("pipeline", settings(leads, requests, &policy), leads == LEADS);
    let floor = floor(requests_of_site, &policy);
    let wall_aim = Some(Aim::AtMost(30.0));
    report.value("wall time", wall.as_secs_f64(), "s", wall_aim);
    report.times("wall time", wall, "floor set by politeness alone, all sites at once", floor, None);
    report.value("leads per second", f64::from(leads) / wall.as_secs_f64(), "1/s", None);
    report.value("CPU of this process", usage.cpu.saturating_sub(cpu_before.cpu).as_secs_f64(), "s", None);
    report.value("peak memory of this process", usage.peak_mb, "MB", Some(Aim::AtMost(300.0)));
    Ok(report)
}

fn settings(leads: u32, requests: u64, policy: &CrawlPolicy) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("leads".to_owned(), json!(leads)),
        ("pages of a site".to_owned(), json!(PAGES)),
        ("delay of a page in ms".to_owned(), json!(PAGE_DELAY.as_millis())),
        ("pause between requests to a site in ms".to_owned(), json!(policy.min_interval.as_millis())),
        ("pages read at most".to_owned(), json!(policy.pages_max)),
        ("requests".to_owned(), json!(requests)),
        ("sync_interval".to_owned(), json!("always")),
    ])
}

/// How long one site takes when nothing but its answers and the pauses between them takes time: no pipeline can be faster.
fn floor(requests_of_site: f64, policy: &CrawlPolicy) -> Duration {
    let pauses = (requests_of_site - 1.0).max(0.0);
    PAGE_DELAY.mul_f64(requests_of_site) + policy.min_interval.mul_f64(pauses)
}

/// A tenant whose own list is the sites.
async fn prepare(desk: &Desk, folder: &Path, hosts: &[String]) -> anyhow::Result<TenantId> {
    let tenant = TenantId::new("bench")?;
    tenants::create(desk, &tenant, "Bench").await?;
    let list = folder.join("companies.csv");
    let lines = hosts.iter().enumerate().map(|(at, host)| format!("Company {at} Pte Ltd,{host}\n"));
    fs::write(&list, format!("name,domain\n{}", lines.collect::<String>()))?;
    ingest::companies(desk.database(), &tenant, &list).await?;
    icp::set(desk, &tenant, r#"{"keywords": ["service", "logistics"]}"#).await?;
    Ok(tenant)
}

/// Waits until the run's shortlist can be read; tells how many leads were scored.
async fn until_readable(desk: &Desk, tenant: &TenantId, run: RunId) -> anyhow::Result<i64> {
    let begun = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    loop {
        beat.tick().await;
        anyhow::ensure!(begun.elapsed() < PATIENCE, "the run did not end in {PATIENCE:?}");
        let mut tx = desk.database().enter(tenant).await?;
        let scored: Option<i64> = sqlx::query_scalar(
            "select s.scored from run_summaries s join enrichment_runs r using (tenant_id, run_id)
             where s.tenant_id = $1 and s.run_id = $2 and r.ended_at is not null",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(scored) = scored {
            return Ok(scored);
        }
    }
}

/// What this process has used so far.
struct Usage {
    cpu: Duration,
    peak_mb: f64,
}

impl Usage {
    fn now() -> Self {
        use nix::sys::{
            resource::{UsageWho, getrusage},
            time::TimeVal,
        };
        let seconds = |time: TimeVal| {
            Duration::from_micros(
                u64::try_from(time.tv_sec() * 1_000_000).unwrap_or(0) + u64::try_from(time.tv_usec()).unwrap_or(0),
            )
        };
        match getrusage(UsageWho::RUSAGE_SELF) {
            // Linux tells the peak in KiB.
            Ok(usage) => Self {
                cpu: seconds(usage.user_time()) + seconds(usage.system_time()),
                peak_mb: usage.max_rss() as f64 * 1024.0 / 1e6,
            },
            Err(_) => Self { cpu: Duration::ZERO, peak_mb: 0.0 },
        }
    }
}
