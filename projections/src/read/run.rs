//! A run with what came of it so far.

use chrono::{DateTime, Utc};
use presdr_events::RunId;
use presdr_store::{StoreError, TenantTx, runs::Run};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

/// A run as its record has it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Facts {
    /// Its id.
    pub run_id: RunId,
    /// `nightly` or `manual`.
    pub kind: String,
    /// `open`, `paused`, `cancelled` or `completed`.
    pub status: String,
    /// How often it was begun.
    pub attempt: u32,
    /// At most so many leads.
    pub cap: i32,
    /// The profile it is pinned to.
    pub icp_rule: i64,
    /// And its version.
    pub icp_version: i32,
    /// How many companies fit the profile, once known.
    pub candidates: Option<i64>,
    /// The run's own degraded reasons.
    pub degraded: Vec<String>,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When its companies were chosen.
    pub targeted_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<&Run> for Facts {
    fn from(run: &Run) -> Self {
        Self {
            run_id: run.id,
            kind: run.kind.clone(),
            status: run.status.clone(),
            attempt: run.attempt,
            cap: run.cap,
            icp_rule: run.icp_rule,
            icp_version: run.icp_version,
            candidates: run.candidates,
            degraded: run.degraded.clone(),
            created_at: run.created_at,
            targeted_at: run.targeted_at,
            finished_at: run.finished_at,
        }
    }
}

/// A run with what came of it so far.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct View {
    /// What its record says.
    #[serde(flatten)]
    pub run: Facts,
    /// Where its leads are, from the records.
    pub leads: Vec<Leads>,
    /// How its stages went, from the read models.
    pub stages: Vec<Stage>,
    /// Its leads' degraded reasons and how many leads have each, from the read models.
    pub degraded_leads: Value,
    /// What an operator should look at, from the read models.
    pub alerts: Vec<Alert>,
}

/// How many leads are where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
pub struct Leads {
    /// `selected`, `admitted`, or how they ended.
    pub state: String,
    /// How many.
    pub leads: i64,
}

/// How a stage of a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
pub struct Stage {
    /// Its name.
    pub stage: String,
    /// Steps.
    pub count_total: i64,
    /// Of these, with a result, degraded or not.
    pub count_success: i64,
    /// Of these, with less than there should have been.
    pub count_degraded: i64,
    /// Steps without a result.
    pub count_error: i64,
    /// Steps that were not needed.
    pub count_skipped: i64,
    /// Half of the steps took at most so many milliseconds.
    pub p50_ms: i64,
    /// 95 of 100 did.
    pub p95_ms: i64,
    /// 99 of 100 did.
    pub p99_ms: i64,
}

/// What an operator should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, FromRow)]
pub struct Alert {
    /// Which kind.
    pub alert: String,
    /// In words.
    pub message: String,
}

/// What a run used of a vendor.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, FromRow)]
pub struct VendorUsage {
    /// Which.
    pub vendor: String,
    /// Questions that were asked.
    pub calls: i64,
    /// Of these, without an answer.
    pub errors: i64,
    /// Questions answered from what was bought before.
    pub cache_hits: i64,
    /// Questions not asked: at a cap, or the breaker open.
    pub refused: i64,
    /// In US dollars.
    #[schemars(with = "String")]
    pub cost_usd: Decimal,
    /// How often the vendor asked us to slow down.
    pub rate_limit_hits: i64,
    /// Whether the vendor said that the quota is used up.
    pub quota_exhausted: bool,
}

/// A run in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stats {
    /// Which run.
    pub run_id: RunId,
    /// How its stages went.
    pub stages: Vec<Stage>,
    /// What it used of vendors.
    pub vendors: Vec<VendorUsage>,
}

/// Reads everything about a run.
///
/// # Errors
/// What the database says.
pub async fn view(tx: &mut TenantTx, run: &Run) -> Result<View, StoreError> {
    let tenant = tx.tenant().clone();
    let id = run.id.get();
    let leads = sqlx::query_as(
        "select coalesce(outcome, state) as state, count(*) as leads from admissions
         where tenant_id = $1 and run_id = $2 group by 1 order by 1",
    );
    let alerts = sqlx::query_as(
        "select alert, message from alerts where tenant_id = $1 and run_id = $2 order by raised_at, event_id",
    );
    let degraded = sqlx::query_scalar("select degraded from run_summaries where tenant_id = $1 and run_id = $2");
    let degraded: Option<Value> = degraded.bind(tenant.as_str()).bind(id).fetch_optional(&mut **tx).await?;
    Ok(View {
        run: run.into(),
        leads: leads.bind(tenant.as_str()).bind(id).fetch_all(&mut **tx).await?,
        stages: stages(tx, run.id).await?,
        degraded_leads: degraded.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        alerts: alerts.bind(tenant.as_str()).bind(id).fetch_all(&mut **tx).await?,
    })
}

/// A run in numbers.
///
/// # Errors
/// What the database says.
pub async fn stats(tx: &mut TenantTx, run: RunId) -> Result<Stats, StoreError> {
    let tenant = tx.tenant().clone();
    let vendors = sqlx::query_as(
        "select vendor, calls, errors, cache_hits, refused, cost_usd, rate_limit_hits, quota_exhausted
         from run_vendor_usage where tenant_id = $1 and run_id = $2 order by vendor",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut **tx)
    .await?;
    Ok(Stats { run_id: run, stages: stages(tx, run).await?, vendors })
}

async fn stages(tx: &mut TenantTx, run: RunId) -> Result<Vec<Stage>, StoreError> {
    let tenant = tx.tenant().clone();
    let stages = sqlx::query_as(
        "select stage, count_total, count_success, count_degraded, count_error, count_skipped, p50_ms, p95_ms, p99_ms
         from run_stage_stats where tenant_id = $1 and run_id = $2 order by stage",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut **tx)
    .await?;
    Ok(stages)
}
