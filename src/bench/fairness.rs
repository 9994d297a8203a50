//! `bench fairness`: a small tenant's run while a big tenant's is under way, beside the small one's time alone.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use presdr_events::{RunId, TenantId};
use presdr_producers::{
    bench::report::{Aim, Report, percentile},
    runs,
};
use serde_json::json;

use super::stage::{PAGE_DELAY, PAGES, Stage};

/// Leads of the big tenant in the product's measure: the most that one run may have.
pub const BIG: u32 = runs::CAP_MAX;
/// Leads of the small tenant in the product's measure.
pub const SMALL: u32 = 20;
/// The small run is measured so often each way, and the median counts. Every time by a tenant and with sites of its own: nobody
/// profits from a visit before.
const ROUNDS: usize = 3;
/// At most so many times as long as alone.
const TIMES_ALONE_MAX: f64 = 2.0;
/// The big run is well under way from this share of its leads on.
const UNDER_WAY_ONE_IN: u32 = 50;

/// Runs `small` leads alone, then beside a run of `big` leads.
///
/// # Errors
/// When a server cannot be started, or the big run is over too early to have been in anybody's way.
pub async fn measure(folder: &Path, big: u32, small: u32) -> anyhow::Result<Report> {
    let sites = usize::try_from(big)? + 2 * ROUNDS * usize::try_from(small)?;
    let stage = Stage::open(folder, sites, None).await?;
    let (of_big, of_small) = stage.companies.split_at(usize::try_from(big)?);
    let mut lists = of_small.chunks(usize::try_from(small)?);
    let alone = rounds(&stage, "alone", &mut lists, small).await?;

    let giant = stage.tenant("big", of_big).await?;
    let run = runs::start(&stage.desk, &giant, Some(big)).await?.run;
    until_under_way(&stage, &giant, run, big).await?;
    let (before, begun) = (ended(&stage, &giant, run).await?, Instant::now());
    let beside = rounds(&stage, "beside", &mut lists, small).await?;
    let (after, took) = (ended(&stage, &giant, run).await?, begun.elapsed());
    anyhow::ensure!(after < i64::from(big), "the big run was over before the small ones: give it more leads");
    runs::cancel(&stage.desk, &giant, run, None).await?;
    stage.close().await?;

    let settings = BTreeMap::from([
        ("leads of the big tenant".to_owned(), json!(big)),
        ("leads of the small tenant".to_owned(), json!(small)),
        ("rounds".to_owned(), json!(ROUNDS)),
        ("pages of a site".to_owned(), json!(PAGES)),
        ("delay of a page in ms".to_owned(), json!(PAGE_DELAY.as_millis())),
    ]);
    let mut report = Report::new("fairness", settings, (big, small) == (BIG, SMALL));
    let name = "the small run while the big one is under way (median round)";
    let aim = Some(Aim::AtMost(TIMES_ALONE_MAX));
    report.times(name, percentile(&beside, 50), "the same alone (median round)", percentile(&alone, 50), aim);
    report.times("the slowest round", percentile(&beside, 100), "the slowest alone", percentile(&alone, 100), None);
    #[expect(clippy::cast_precision_loss, reason = "counts of thousands")]
    report.value("the big run's leads a second meanwhile", (after - before) as f64 / took.as_secs_f64(), "1/s", None);
    Ok(report)
}

/// How long each round's run takes, from the command until its shortlist can be read.
async fn rounds(
    stage: &Stage,
    name: &str,
    lists: &mut impl Iterator<Item = &[(String, String)]>,
    leads: u32,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for (round, companies) in lists.take(ROUNDS).enumerate() {
        let tenant = stage.tenant(&format!("{name}-{round}"), companies).await?;
        let begun = Instant::now();
        let run = runs::start(&stage.desk, &tenant, Some(leads)).await?.run;
        stage.until_readable(&tenant, run, leads).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Waits until the tenant's window is full and leads come out of it.
async fn until_under_way(stage: &Stage, tenant: &TenantId, run: RunId, leads: u32) -> anyhow::Result<()> {
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    while ended(stage, tenant, run).await? < i64::from(leads / UNDER_WAY_ONE_IN) {
        beat.tick().await;
    }
    Ok(())
}

/// How many of the run's leads are terminal.
async fn ended(stage: &Stage, tenant: &TenantId, run: RunId) -> anyhow::Result<i64> {
    let mut tx = stage.desk.database().enter(tenant).await?;
    let count = "select count(*) from admissions where tenant_id = $1 and run_id = $2 and state = 'terminal'";
    Ok(sqlx::query_scalar(count).bind(tenant.as_str()).bind(run.get()).fetch_one(&mut *tx).await?)
}
