//! Many rows, a page at a time: each page is a transaction of its own, so that a slow reader holds no connection, no snapshot, and
//! no table that a rebuild wants to swap.

use chrono::{DateTime, Utc};
use presdr_events::RunId;
use presdr_store::{StoreError, TenantTx};
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

/// Rows of a page.
pub const PAGE_ROWS: i64 = 500;

/// A company's newest score.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct LatestScore {
    pub company_id: i64,
    pub uen: Option<String>,
    pub company: Option<String>,
    pub run_id: i64,
    pub score: f64,
    pub bucket: String,
    pub confidence: f64,
    pub domain: Option<String>,
    pub rationale: String,
    pub created_at: DateTime<Utc>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
#[expect(missing_docs, reason = "the columns' own names")]
pub struct RunEvent {
    pub run_id: i64,
    pub sequence: i64,
    pub event_type: String,
    pub stage: String,
    pub company_id: Option<i64>,
    pub attempt: i64,
    pub status: String,
    pub duration_ms: i64,
    pub degraded_reasons: Vec<String>,
    pub tool: String,
    pub arguments: Value,
    pub occurred_at: DateTime<Utc>,
}

/// The newest scores of the companies after `after`, by company. Those that are suppressed are left out, as shortlists do.
///
/// # Errors
/// What the database says.
pub async fn latest_scores(tx: &mut TenantTx, after: i64) -> Result<Vec<LatestScore>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query_as(
        "select s.company_id, c.uen, c.name as company, s.run_id, s.score, s.bucket, s.confidence, l.domain, s.rationale, s.created_at
         from (select * from lead_scores s
               where s.tenant_id = $1 and s.company_id > $2
                 and not exists (select from lead_scores n where n.tenant_id = $1 and n.company_id = s.company_id and n.run_id > s.run_id)
                 and not exists (select from suppressed_companies gone where gone.tenant_id = $1 and gone.company_id = s.company_id)
               order by s.company_id limit $3) s
         left join tenant_company c on c.company_id = s.company_id
         left join company_enrichment_runs l on l.tenant_id = $1 and l.run_id = s.run_id and l.company_id = s.company_id
         order by s.company_id",
    )
    .bind(tenant.as_str())
    .bind(after)
    .bind(PAGE_ROWS)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// The steps of one run, or of all, after the place `after`: run and sequence.
///
/// # Errors
/// What the database says.
pub async fn run_events(tx: &mut TenantTx, run: Option<RunId>, after: (i64, i64)) -> Result<Vec<RunEvent>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = match run {
        Some(run) => sqlx::query_as(
            "select run_id, sequence, event_type, stage, company_id, attempt, status, duration_ms, degraded_reasons, tool, arguments, occurred_at
             from run_event_logs where tenant_id = $1 and run_id = $2 and sequence > $3 order by sequence limit $4",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .bind(after.1)
        .bind(PAGE_ROWS),
        None => sqlx::query_as(
            "select run_id, sequence, event_type, stage, company_id, attempt, status, duration_ms, degraded_reasons, tool, arguments, occurred_at
             from run_event_logs where tenant_id = $1 and (run_id, sequence) > ($2, $3) order by run_id, sequence limit $4",
        )
        .bind(tenant.as_str())
        .bind(after.0)
        .bind(after.1)
        .bind(PAGE_ROWS),
    };
    Ok(rows.fetch_all(&mut **tx).await?)
}
