//! The numbers that people read of a run, against the events that they are counted from.

use std::collections::BTreeMap;

use presdr_events::{Event, RunId, StepStatus, TenantId};
use presdr_store::TenantTx;

use super::Told;
use crate::support::World;

/// run_event_logs, run_stage_stats, run_summaries and run_manifests say what the events say.
pub(super) async fn add_up(world: &World, tenant: &TenantId, run: RunId, told: &Told<'_>) {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    logs(&mut tx, run, told).await;
    stages(&mut tx, run, told).await;
    summary(&mut tx, run, told).await;
    manifest(&mut tx, run, told).await;
}

/// One line per event, in order.
async fn logs(tx: &mut TenantTx, run: RunId, told: &Told<'_>) {
    type Line = (String, String, Option<i64>, String, i64);
    let lines: Vec<Line> = sqlx::query_as(
        "select event_type, stage, company_id, status, duration_ms from run_event_logs where run_id = $1 order by sequence",
    )
    .bind(run.get())
    .fetch_all(&mut **tx)
    .await
    .unwrap();
    let expected: Vec<Line> = told
        .events
        .iter()
        .map(|event| {
            let step = event.event.step();
            let company = event.company.map(|company| company.get());
            let duration = i64::try_from(step.duration_ms).unwrap();
            let name = event.event.event_type().name.to_owned();
            (name, step.tool.clone(), company, step.status.as_str().to_owned(), duration)
        })
        .collect();
    assert_eq!(lines, expected);
}

/// Per stage: all, ok or degraded, degraded, failed, skipped; the median, p95 and p99 of its durations.
async fn stages(tx: &mut TenantTx, run: RunId, told: &Told<'_>) {
    let rows: Vec<(String, Vec<i64>)> = sqlx::query_as(
        "select stage, array[count_total, count_success, count_degraded, count_error, count_skipped, p50_ms, p95_ms, p99_ms]
         from run_stage_stats where run_id = $1",
    )
    .bind(run.get())
    .fetch_all(&mut **tx)
    .await
    .unwrap();
    let mut steps: BTreeMap<String, Vec<(StepStatus, i64)>> = BTreeMap::new();
    for event in &told.events {
        let step = event.event.step();
        steps.entry(step.tool.clone()).or_default().push((step.status, i64::try_from(step.duration_ms).unwrap()));
    }
    let expected: BTreeMap<String, Vec<i64>> =
        steps.into_iter().map(|(stage, steps)| (stage, counted(&steps))).collect();
    assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), expected);
}

fn counted(steps: &[(StepStatus, i64)]) -> Vec<i64> {
    let count = |wanted: &[StepStatus]| steps.iter().filter(|(status, _)| wanted.contains(status)).count();
    let mut durations: Vec<i64> = steps.iter().map(|(_, duration)| *duration).collect();
    durations.sort_unstable();
    // The smallest that so many of them do not exceed.
    let quantile = |percent: usize| durations[(durations.len() * percent).div_ceil(100) - 1];
    let counts = [
        steps.len(),
        count(&[StepStatus::Ok, StepStatus::Degraded]),
        count(&[StepStatus::Degraded]),
        count(&[StepStatus::Failed]),
        count(&[StepStatus::Skipped]),
    ];
    counts.into_iter().map(|count| i64::try_from(count).unwrap()).chain([50, 95, 99].map(quantile)).collect()
}

async fn summary(tx: &mut TenantTx, run: RunId, told: &Told<'_>) {
    let (row, degraded): (Vec<i64>, serde_json::Value) = sqlx::query_as(
        "select array[candidates, selected, admitted, processed, scored, dropped, parked, timed_out, shortlisted], degraded
         from run_summaries where run_id = $1",
    )
    .bind(run.get())
    .fetch_one(&mut **tx)
    .await
    .unwrap();
    let count = |name: &str| i64::try_from(told.only(name).len()).unwrap();
    let leads = i64::try_from(told.leads.len()).unwrap();
    let expected = [leads, leads, count("lead.admitted"), leads, count("lead.scored"), 0, 0, 0, leads];
    assert_eq!(row, expected);
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for event in told.only("lead.scored") {
        let Event::LeadScored(scored) = &event.event else { unreachable!() };
        for reason in &scored.degraded_reasons {
            *reasons.entry(reason.as_str()).or_default() += 1;
        }
    }
    assert_eq!(degraded, serde_json::json!(reasons));
}

async fn manifest(tx: &mut TenantTx, run: RunId, told: &Told<'_>) {
    let (selected, shortlisted): (Vec<i64>, Vec<i64>) =
        sqlx::query_as("select selected_ids, shortlisted_ids from run_manifests where run_id = $1")
            .bind(run.get())
            .fetch_one(&mut **tx)
            .await
            .unwrap();
    let ids = |name: &str| {
        let companies = match &told.only(name)[..] {
            [event] => match &event.event {
                Event::RunTargeted(targeted) => &targeted.company_ids,
                Event::RunShortlisted(shortlisted) => &shortlisted.company_ids,
                other => panic!("{other:?}"),
            },
            several => panic!("{} times {name}", several.len()),
        };
        companies.iter().map(|company| company.get()).collect::<Vec<_>>()
    };
    assert_eq!((selected, shortlisted), (ids("run.targeted"), ids("run.shortlisted")));
}
