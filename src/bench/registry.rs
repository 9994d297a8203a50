//! Registry work beside what Postgres alone would take.

use std::path::Path;

use presdr_consumers::candidates;
use presdr_events::TenantId;
use presdr_producers::bench::{self, candidates::Refresh, report::Report};
use presdr_rules::icp::IcpDocument;
use presdr_store::{Database, StoreError};

use super::own::Folder;

/// Rows of the product's measure of taking companies in.
pub const ROWS: u64 = 2_000_000;
/// Companies of the product's measure of refreshing candidates.
pub const COMPANIES: u32 = 2_000_000;
/// And its tenants.
pub const TENANTS: u32 = 20;

/// Taking `rows` companies in.
///
/// # Errors
/// When a server cannot be started, or the load fails.
pub async fn ingest(folder: &Path, rows: u64) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let postgres = folder.postgres().await?;
    let report = bench::ingest::ingest(&postgres.url(), folder.path(), rows).await;
    postgres.stop().await;
    Ok(report?.of_sizes(rows == ROWS))
}

/// Refreshing the candidates of so many tenants.
///
/// # Errors
/// When a server cannot be started, or ours and the view come to different candidates.
pub async fn candidates(folder: &Path, companies: u32, tenants: u32) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let postgres = folder.postgres().await?;
    let report = bench::candidates::candidates(&postgres.url(), companies, tenants, &AsWorkersDo).await;
    postgres.stop().await;
    Ok(report?.of_sizes((companies, tenants) == (COMPANIES, TENANTS)))
}

/// The run manager's own refresh.
struct AsWorkersDo;

impl Refresh for AsWorkersDo {
    async fn refresh(
        &self,
        worker: &Database,
        tenant: &TenantId,
        rule_id: i64,
        document: &IcpDocument,
    ) -> Result<u64, StoreError> {
        Ok(candidates::refresh(worker, tenant, rule_id, document).await?.candidates)
    }
}
