//! `bench gateway`: checking a token with the key at hand, reading a shortlist over HTTP, following runs while they go on.

use std::{collections::BTreeMap, path::Path, time::Duration};

use presdr_events::{Actor, TenantId};
use presdr_gateway::bench::{self, Amount, EVENTS_PER_SECOND, FOLLOWERS, READERS};
use presdr_producers::{
    bench::report::{Aim, Report, percentile},
    icp, runs, tenants,
};
use presdr_projections::wait_for;
use presdr_store::Role;
use serde_json::json;

use super::own::Folder;
use crate::{
    broker::BrokerServer,
    config::Config,
    database::DatabaseServer,
    roles::{self, Roles},
};

/// Reads in the product's measure.
pub const READS: u32 = 8000;
/// Events of runs that are followed, in the product's measure.
pub const EVENTS: u32 = 10_000;
/// Tenants with a run that is followed.
const TENANTS: usize = 20;
/// An event is seen by those who follow its run after at most so many milliseconds, of 99 in 100.
const DELAY_MILLISECONDS_MAX: f64 = 50.0;
/// How long the read models may take for a few events.
const PROJECT_WAIT: Duration = Duration::from_secs(30);
/// Companies of the shortlist: a page.
const PLACES: i64 = 50;
/// A token is checked in at most so many microseconds, in the middle.
const CHECK_MICROSECONDS_MAX: f64 = 100.0;

/// Measures `reads` reads, and how `events` events are seen.
///
/// # Errors
/// When a server cannot be started, or a request is refused.
pub async fn measure(folder: &Path, reads: u32, events: u32) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let config = Config::of_folder(folder.path());
    let (database, broker) = tokio::try_join!(DatabaseServer::open(&config), BrokerServer::open(&config))?;
    let (desk, connection) = roles::desk_of_many(&database, &broker, Actor::service("bench")).await?;
    let (mut last, mut started) = (0, Vec::new());
    for number in 0..TENANTS {
        let tenant = TenantId::new(format!("bench-{number}"))?;
        tenants::create(&desk, &tenant, "bench").await?;
        icp::set(&desk, &tenant, r#"{"keywords": ["service"]}"#).await?;
        let begun = runs::start(&desk, &tenant, None).await?;
        started.push((tenant, begun.run));
        last = begun.sequence;
    }
    let mut roles = Roles::new();
    roles.project(&database, &broker).await?;
    // The read models must have the runs' beginnings before a shortlist is put beside them.
    wait_for(&database.connect(Role::Projector).await?, last, PROJECT_WAIT).await?;
    if let Some((tenant, run)) = started.first() {
        fill(&database, tenant, run.get()).await?;
    }
    let amount = Amount { reads: usize::try_from(reads)?, events: usize::try_from(events)? };
    let measured = bench::measure(desk, connection, &started, amount).await?;
    roles.finish().await?;
    broker.stop().await;
    database.stop().await;

    let settings = BTreeMap::from([
        ("reads".to_owned(), json!(reads)),
        ("readers at once".to_owned(), json!(READERS)),
        ("companies in the shortlist".to_owned(), json!(PLACES)),
        ("events".to_owned(), json!(events)),
        ("events a second".to_owned(), json!(EVENTS_PER_SECOND)),
        ("tenants".to_owned(), json!(TENANTS)),
        ("followers of each tenant's run".to_owned(), json!(FOLLOWERS)),
    ]);
    let mut report = Report::new("gateway", settings, reads == READS && events == EVENTS);
    let microseconds = |percent| percentile(&measured.checks, percent).as_secs_f64() * 1e6;
    report.value(
        "checking an RS256 token of 2048 bits, p50",
        microseconds(50),
        "us",
        Some(Aim::AtMost(CHECK_MICROSECONDS_MAX)),
    );
    report.value("the same, p99", microseconds(99), "us", None);
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rate = measured.reads.len() as f64 / measured.reading.as_secs_f64();
    report.value("shortlists read", rate, "1/s", None);
    report.value("reading a shortlist, p99", percentile(&measured.reads, 99).as_secs_f64() * 1e3, "ms", None);
    let milliseconds = |percent| percentile(&measured.delays, percent).as_secs_f64() * 1e3;
    report.value("from an event published to its progress seen, p50", milliseconds(50), "ms", None);
    report.value("the same, p99", milliseconds(99), "ms", Some(Aim::AtMost(DELAY_MILLISECONDS_MAX)));
    Ok(report)
}

/// A finished run with its shortlist, as the projector would write it.
async fn fill(database: &DatabaseServer, tenant: &TenantId, run: i64) -> anyhow::Result<()> {
    let projector = database.connect(Role::Projector).await?;
    let mut tx = projector.enter(tenant).await?;
    sqlx::query("insert into enrichment_runs (tenant_id, run_id, started_at, ended_at, status) values ($1, $2, now(), now(), 'completed')
         on conflict (tenant_id, run_id) do update set ended_at = now(), status = 'completed'")
        .bind(tenant.as_str())
        .bind(run)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into shortlists (tenant_id, run_id, rank, company_id, score, bucket, confidence, domain, rationale)
         select $1, $2, n, n, 0.9, 'High', 0.8, 'company-' || n || '.example', 'High fit: in a wanted industry.' from generate_series(1, $3) n",
    )
    .bind(tenant.as_str())
    .bind(run)
    .bind(PLACES)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into contacts (tenant_id, company_id, subject_id, name, role_title, wanted_title, email, source, run_id, version, last_seen_at)
         select $1, n, gen_random_uuid(), 'Person ' || n, 'Director', true, 'person-' || n || '@company.example', 'site', $2, 1, now()
         from generate_series(1, $3) n",
    )
    .bind(tenant.as_str())
    .bind(run)
    .bind(PLACES)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    projector.close().await;
    Ok(())
}
