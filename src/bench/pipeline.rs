//! `bench pipeline`: a run from its start to its shortlist, over an imitated web, with everything the product does switched on; and, where
//! it is asked for, with all vendors.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use presdr_producers::{
    bench::report::{Aim, Report},
    runs,
};
use presdr_sites::CrawlPolicy;
use serde_json::{Value, json};

use super::{
    stage::{PAGE_DELAY, PAGES, Stage},
    web::Served,
};

/// Leads of the product's measure.
pub const LEADS: u32 = 1000;

/// How long a vendor takes to answer.
const VENDOR_LATENCY: Duration = Duration::from_millis(300);
/// At most so long, with vendors and without, in seconds.
const WALL_MAX: (f64, f64) = (45.0, 30.0);

/// Runs `leads` leads through the pipeline, with vendors or without.
///
/// # Errors
/// When a server cannot be started, or the run does not end with every lead scored.
pub async fn measure(folder: &Path, leads: u32, vendors: bool) -> anyhow::Result<Report> {
    let stage = Stage::open(folder, usize::try_from(leads)?, vendors.then_some(VENDOR_LATENCY)).await?;
    let tenant = stage.tenant("bench", &stage.companies).await?;

    let (cpu_before, started) = (Usage::now(), Instant::now());
    let run = runs::start(&stage.desk, &tenant, Some(leads)).await?.run;
    stage.until_readable(&tenant, run, leads).await?;
    let (wall, usage) = (started.elapsed(), Usage::now());
    let stages = stage.times(&tenant, run).await?;
    let policy = stage.policy.clone();
    let served = stage.close().await?;

    let requests_of_site = served.requests as f64 / f64::from(leads);
    let settings = settings(leads, vendors, &served, &policy);
    let mut report = Report::new("pipeline", settings, leads == LEADS);
    let floor = floor(requests_of_site, &policy);
    let wall_aim = Some(Aim::AtMost(if vendors { WALL_MAX.0 } else { WALL_MAX.1 }));
    report.value("wall time", wall.as_secs_f64(), "s", wall_aim);
    report.times("wall time", wall, "floor set by politeness alone, all sites at once", floor, None);
    report.value("leads per second", f64::from(leads) / wall.as_secs_f64(), "1/s", None);
    report.value("CPU of this process", usage.cpu.saturating_sub(cpu_before.cpu).as_secs_f64(), "s", None);
    report.value("peak memory of this process", usage.peak_mb, "MB", Some(Aim::AtMost(300.0)));
    if vendors {
        report.value("requests to vendors paid for again", served.paid_again as f64, "", Some(Aim::AtMost(0.0)));
    }
    for stage in stages {
        let of = |share: &str| format!("{} of {} leads, {share}", stage.stage, stage.count_total);
        report.value(of("half took at most"), stage.p50_ms as f64, "ms", None);
        report.value(of("95% took at most"), stage.p95_ms as f64, "ms", None);
    }
    Ok(report)
}

fn settings(leads: u32, vendors: bool, served: &Served, policy: &CrawlPolicy) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::from([
        ("leads".to_owned(), json!(leads)),
        ("pages of a site".to_owned(), if vendors { json!("of every kind") } else { json!(PAGES) }),
        ("delay of a page in ms".to_owned(), json!(PAGE_DELAY.as_millis())),
        ("pause between requests to a site in ms".to_owned(), json!(policy.min_interval.as_millis())),
        ("pages read at most".to_owned(), json!(policy.pages_max)),
        ("requests".to_owned(), json!(served.requests)),
        ("sync_interval".to_owned(), json!("always")),
    ]);
    if vendors {
        settings.insert("delay of a vendor in ms".to_owned(), json!(VENDOR_LATENCY.as_millis()));
        settings.insert("requests to vendors".to_owned(), json!(served.vendor_requests));
        settings.insert("rate of a vendor's key".to_owned(), json!("without limit"));
    }
    settings
}

/// How long one site takes when nothing but its answers and the pauses between them takes time: no pipeline can be faster.
fn floor(requests_of_site: f64, policy: &CrawlPolicy) -> Duration {
    let pauses = (requests_of_site - 1.0).max(0.0);
    PAGE_DELAY.mul_f64(requests_of_site) + policy.min_interval.mul_f64(pauses)
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
