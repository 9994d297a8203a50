//! Runs: claimed once, pinned to an ICP version, paused, resumed, cancelled, completed.

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{Attempt, CompanyId, RunId, run::RunKind};
use serde_json::Value;
use sqlx::{Row, postgres::PgRow};

use crate::{StoreError, TenantTx, texts};

/// A run as workers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// `nightly`, `manual` or `named`.
    pub kind: String,
    /// `open`, `paused`, `cancelled` or `completed`.
    pub status: String,
    /// How often it was begun: more than once when parked leads were put back after it was over.
    pub attempt: Attempt,
    /// At most so many leads.
    pub cap: i32,
    /// The pinned rule.
    pub icp_rule: i64,
    /// And its version.
    pub icp_version: i32,
    /// The companies that a named run is for.
    pub company_ids: Vec<i64>,
    /// How many candidates there were, once known.
    pub candidates: Option<i64>,
    /// The run's own degraded reasons.
    pub degraded: Vec<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its target set was chosen.
    pub targeted_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A run to be created.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Why there is this run.
    pub kind: RunKind,
    /// The date in Singapore that a nightly run is for.
    pub local_date: Option<NaiveDate>,
    /// At most so many leads.
    pub cap: u32,
    /// The pinned rule.
    pub icp_rule: i64,
    /// And its version.
    pub icp_version: u32,
    /// The Monday on which its pages and texts are dropped.
    pub text_expires_on: NaiveDate,
    /// The companies that a named run is for, in order.
    pub company_ids: Vec<CompanyId>,
    /// Kinds of pages that it must read.
    pub include: Vec<String>,
}

/// A tenant's newest ICP: rule id, version, document.
///
/// # Errors
/// What the database says.
pub async fn newest_icp(tx: &mut TenantTx) -> Result<Option<(i64, u32, Value)>, StoreError> {
    let tenant = tx.tenant().clone();
    let row: Option<(i64, i32, Value)> =
        sqlx::query_as("select rule_id, version, payload from icp_rules where tenant_id = $1 order by updated_at desc, rule_id desc limit 1")
            .bind(tenant.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(row.map(|(rule, version, payload)| (rule, version.unsigned_abs(), payload)))
}

/// What never changes about a run.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Pinned {
    /// The ICP document.
    #[sqlx(rename = "payload")]
    pub icp: Value,
    /// The Monday on which its pages and texts are dropped.
    pub text_expires_on: NaiveDate,
}

/// What a run, by its id, is pinned to; `None` when there is no such run.
///
/// # Errors
/// What the database says.
pub async fn pinned(tx: &mut TenantTx, run: RunId) -> Result<Option<Pinned>, StoreError> {
    let tenant = tx.tenant().clone();
    let pinned = sqlx::query_as(
        "select v.payload, r.text_expires_on from runs r join icp_rule_versions v on v.tenant_id = r.tenant_id and v.rule_id = r.icp_rule and v.version = r.icp_version
         where r.tenant_id = $1 and r.run_id = $2",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(pinned)
}

/// The kinds of pages that a run must read, beside the usual choice.
///
/// # Errors
/// What the database says.
pub async fn include(tx: &mut TenantTx, run: RunId) -> Result<Vec<String>, StoreError> {
    let tenant = tx.tenant().clone();
    let include = sqlx::query_scalar("select include from runs where tenant_id = $1 and run_id = $2");
    let include = include.bind(tenant.as_str()).bind(run.get()).fetch_optional(&mut **tx).await?;
    Ok(include.unwrap_or_default())
}

/// Creates a run. A nightly one is claimed by its date: `None` when another process has claimed it.
///
/// # Errors
/// What the database says.
pub async fn create(tx: &mut TenantTx, new: &NewRun) -> Result<Option<RunId>, StoreError> {
    let tenant = tx.tenant().clone();
    let id: i64 = sqlx::query_scalar("select nextval('run_id_seq')").fetch_one(&mut **tx).await?;
    if let Some(date) = new.local_date {
        let claimed = sqlx::query("insert into run_claims (tenant_id, kind, local_date, run_id) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(tenant.as_str())
            .bind(new.kind.as_str())
            .bind(date)
            .bind(id)
            .execute(&mut **tx)
            .await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
    }
    texts::ensure_partitions(tx, new.text_expires_on).await?;
    sqlx::query(
        "insert into runs (tenant_id, run_id, kind, local_date, cap, icp_rule, icp_version, text_expires_on, company_ids, include)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tenant.as_str())
    .bind(id)
    .bind(new.kind.as_str())
    .bind(new.local_date)
    .bind(i32::try_from(new.cap).unwrap_or(i32::MAX))
    .bind(new.icp_rule)
    .bind(i32::try_from(new.icp_version).unwrap_or(i32::MAX))
    .bind(new.text_expires_on)
    .bind(new.company_ids.iter().map(|company| company.get()).collect::<Vec<_>>())
    .bind(&new.include)
    .execute(&mut **tx)
    .await?;
    RunId::new(id).map(Some).map_err(|error| StoreError::Refused(error.to_string()))
}

/// One run.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, run: RunId) -> Result<Option<Run>, StoreError> {
    read(tx, run, Lock::None).await
}

/// One run, its row locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub async fn lock(tx: &mut TenantTx, run: RunId) -> Result<Option<Run>, StoreError> {
    read(tx, run, Lock::Row).await
}

enum Lock {
    None,
    Row,
}

async fn read(tx: &mut TenantTx, run: RunId, lock: Lock) -> Result<Option<Run>, StoreError> {
    let tenant = tx.tenant().clone();
    let query = match lock {
        Lock::None => sqlx::query("select * from runs where tenant_id = $1 and run_id = $2"),
        Lock::Row => sqlx::query("select * from runs where tenant_id = $1 and run_id = $2 for update"),
    };
    let row = query.bind(tenant.as_str()).bind(run.get()).fetch_optional(&mut **tx).await?;
    row.map(|row| from_row(&row)).transpose()
}

/// The tenant's runs, newest first.
///
/// # Errors
/// What the database says.
pub async fn list(tx: &mut TenantTx, limit: i64) -> Result<Vec<Run>, StoreError> {
    list_before(tx, None, limit).await
}

/// The tenant's runs before the one of this id, or all, newest first.
///
/// # Errors
/// What the database says.
pub async fn list_before(tx: &mut TenantTx, before: Option<i64>, limit: i64) -> Result<Vec<Run>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query("select * from runs where tenant_id = $1 and run_id < $2 order by run_id desc limit $3")
        .bind(tenant.as_str())
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Runs that were targeted and are not over.
///
/// # Errors
/// What the database says.
pub async fn unfinished(tx: &mut TenantTx) -> Result<Vec<Run>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query("select * from runs where tenant_id = $1 and finished_at is null order by run_id")
        .bind(tenant.as_str())
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Changes the state of a run that is in one of `from`; `false` when it is in none of them.
///
/// # Errors
/// What the database says.
pub async fn change_status(tx: &mut TenantTx, run: RunId, from: &[&str], to: &str) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query("update runs set status = $4 where tenant_id = $1 and run_id = $2 and status = any($3)")
        .bind(tenant.as_str())
        .bind(run.get())
        .bind(from)
        .bind(to)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the target set stands.
///
/// # Errors
/// What the database says.
pub async fn set_targeted(
    tx: &mut TenantTx,
    run: RunId,
    candidates: i64,
    degraded: &[String],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update runs set candidates = $3, degraded = $4, targeted_at = $5 where tenant_id = $1 and run_id = $2",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(candidates)
    .bind(degraded)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends a run: `completed`, unless it was cancelled.
///
/// # Errors
/// What the database says.
pub async fn finish(tx: &mut TenantTx, run: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update runs set finished_at = $3, status = case status when 'cancelled' then 'cancelled' else 'completed' end
         where tenant_id = $1 and run_id = $2",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Opens a completed run again for another attempt at its parked leads.
///
/// # Errors
/// What the database says.
pub async fn reopen(tx: &mut TenantTx, run: RunId) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "update runs set status = 'open', finished_at = null, attempt = attempt + 1
         where tenant_id = $1 and run_id = $2 and status = 'completed'",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn from_row(row: &PgRow) -> Result<Run, StoreError> {
    let attempt: i32 = row.get("attempt");
    Ok(Run {
        id: RunId::new(row.get("run_id")).map_err(|error| StoreError::Refused(error.to_string()))?,
        kind: row.get("kind"),
        status: row.get("status"),
        attempt: attempt.unsigned_abs(),
        cap: row.get("cap"),
        icp_rule: row.get("icp_rule"),
        icp_version: row.get("icp_version"),
        company_ids: row.get("company_ids"),
        candidates: row.get("candidates"),
        degraded: row.get("degraded"),
        created_at: row.get("created_at"),
        targeted_at: row.get("targeted_at"),
        finished_at: row.get("finished_at"),
    })
}
