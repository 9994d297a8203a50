//! `bench gateway`: checking a token with the key at hand, reading a shortlist over HTTP.

use std::{collections::BTreeMap, path::Path};

use presdr_events::{Actor, TenantId};
use presdr_gateway::bench::{self, READERS};
use presdr_producers::{
    bench::report::{Aim, Report, percentile},
    icp, runs, tenants,
};
use presdr_store::Role;
use serde_json::json;

use super::own::Folder;
use crate::{broker::BrokerServer, config::Config, database::DatabaseServer, roles};

/// Reads in the product's measure.
pub const READS: u32 = 8000;
/// Companies of the shortlist: a page.
const PLACES: i64 = 50;
/// A token is checked in at most so many microseconds, in the middle.
const CHECK_MICROSECONDS_MAX: f64 = 100.0;

/// Measures `reads` reads.
///
/// # Errors
/// When a server cannot be started, or a request is refused.
pub async fn measure(folder: &Path, reads: u32) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let config = Config::of_folder(folder.path());
    let (database, broker) = tokio::try_join!(DatabaseServer::open(&config), BrokerServer::open(&config))?;
    let (desk, connection) = roles::desk_of_many(&database, &broker, Actor::service("bench")).await?;
    let tenant = TenantId::new("bench")?;
    tenants::create(&desk, &tenant, "bench").await?;
    icp::set(&desk, &tenant, r#"{"keywords": ["service"]}"#).await?;
    let run = runs::start(&desk, &tenant, None).await?.run;
    fill(&database, &tenant, run.get()).await?;
    let measured = bench::measure(desk, connection, &tenant, usize::try_from(reads)?).await?;
    broker.stop().await;
    database.stop().await;

    let settings = BTreeMap::from([
        ("reads".to_owned(), json!(reads)),
        ("readers at once".to_owned(), json!(READERS)),
        ("companies in the shortlist".to_owned(), json!(PLACES)),
    ]);
    let mut report = Report::new("gateway", settings, reads == READS);
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
    Ok(report)
}

/// A finished run with its shortlist, as the projector would write it.
async fn fill(database: &DatabaseServer, tenant: &TenantId, run: i64) -> anyhow::Result<()> {
    let projector = database.connect(Role::Projector).await?;
    let mut tx = projector.enter(tenant).await?;
    sqlx::query("insert into enrichment_runs (tenant_id, run_id, started_at, ended_at, status) values ($1, $2, now(), now(), 'completed')")
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
