//! A database that was read back beside a log that is newer: what the log tells of the time between is taken in, as far as it tells it, so
//! that no number is given out twice and no run goes on that was over.

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, RunId, run, tenant::IcpSet};
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::{Database, StoreError, TenantTx};

/// The highest numbers that the log has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Of a run.
    pub run: i64,
    /// Of a company.
    pub company: i64,
    /// Of a tenant's erasure.
    pub purge: i64,
    /// Of an ICP rule.
    pub rule: i64,
}

/// A run as the log tells of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToldRun {
    /// How it began; none when that was before the backup.
    pub started: Option<(run::Started, DateTime<Utc>)>,
    /// How and when it was over.
    pub over: Option<(String, DateTime<Utc>)>,
    /// How often it was begun.
    pub attempt: u32,
    /// How often it was cancelled.
    pub cancelled: u32,
    /// How leads ended.
    pub ended: Vec<(CompanyId, &'static str)>,
}

/// Makes every number that is given out from here on a new one.
///
/// # Errors
/// What the database says.
pub async fn raise(owner: &Database, used: Used) -> Result<(), StoreError> {
    sqlx::query(
        "select setval('run_id_seq', greatest((select last_value from run_id_seq), $1)),
             setval('company_id_seq', greatest((select last_value from company_id_seq), $2)),
             setval('tenant_purges_purge_id_seq', greatest((select last_value from tenant_purges_purge_id_seq), $3)),
             setval('icp_rules_rule_id_seq', greatest((select last_value from icp_rules_rule_id_seq), $4))",
    )
    .bind(used.run)
    .bind(used.company)
    .bind(used.purge)
    .bind(used.rule)
    .execute(owner.platform())
    .await?;
    Ok(())
}

/// Sets a profile as it was set.
///
/// # Errors
/// What the database says.
pub async fn set_icp(tx: &mut TenantTx, set: &IcpSet, at: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let version = i32::try_from(set.version).unwrap_or(i32::MAX);
    sqlx::query(
        "insert into icp_rules as held (rule_id, tenant_id, name, payload, version, updated_at) overriding system value
         values ($2, $1, $3, $4, $5, $6)
         on conflict (tenant_id, rule_id) do update set payload = excluded.payload, version = excluded.version, updated_at = excluded.updated_at
         where held.version < excluded.version",
    )
    .bind(tenant.as_str())
    .bind(set.rule_id)
    .bind(&set.name)
    .bind(&set.document)
    .bind(version)
    .bind(at)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "insert into icp_rule_versions (tenant_id, rule_id, version, payload, created_at) values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(set.rule_id)
    .bind(version)
    .bind(&set.document)
    .bind(at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The versions that settings and samples have come to. What they were is not told.
///
/// # Errors
/// What the database says.
pub async fn raise_versions(tx: &mut TenantTx, settings: u32, samples: u32) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update tenant_settings set version = greatest(version, $2), samples_version = greatest(samples_version, $3) where tenant_id = $1",
    )
    .bind(tenant.as_str())
    .bind(i32::try_from(settings).unwrap_or(i32::MAX))
    .bind(i32::try_from(samples).unwrap_or(i32::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes a consent back that the log says was taken back. Its address is suppressed again, as it was then.
///
/// # Errors
/// What the database says.
pub async fn withdraw(tx: &mut TenantTx, consent: uuid::Uuid, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let hash: Option<Vec<u8>> = sqlx::query_scalar(
        "update consents set withdrawn_at = $3 where tenant_id = $1 and consent_id = $2 and withdrawn_at is null returning hash",
    )
    .bind(tenant.as_str())
    .bind(consent)
    .bind(at)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(hash) = hash else { return Ok(false) };
    sqlx::query(
        "insert into suppressions (tenant_id, kind, hash, reason, source, actor) values ($1, 'email', $2, 'consent was taken back', 'consent', 'service:restore')
         on conflict (tenant_id, kind, hash) do update set lifted_at = null",
    )
    .bind(tenant.as_str())
    .bind(hash)
    .execute(&mut **tx)
    .await?;
    Ok(true)
}

/// Ends a run with all its leads: as the log says they ended, the others as not admitted. `false` when it was over.
///
/// # Errors
/// What the database says.
pub async fn end_run(tx: &mut TenantTx, run: RunId, told: &ToldRun, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let (status, over_at) = told.over.clone().unwrap_or_else(|| ("cancelled".to_owned(), now));
    let ended = sqlx::query(
        "update runs set status = $3, finished_at = $4, attempt = greatest(attempt, $5)
         where tenant_id = $1 and run_id = $2 and (finished_at is null or attempt < $5)",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(status)
    .bind(over_at)
    .bind(i32::try_from(told.attempt.max(1)).unwrap_or(i32::MAX))
    .execute(&mut **tx)
    .await?;
    let ends: Vec<Value> = told
        .ended
        .iter()
        .map(|(company, outcome)| json!({ "company_id": company.get(), "outcome": outcome }))
        .collect();
    sqlx::query(
        "update admissions a set state = 'terminal', terminal_at = $3, outcome = coalesce(
             (select e.outcome from jsonb_to_recordset($4) as e (company_id bigint, outcome text) where e.company_id = a.company_id limit 1),
             'not_admitted')
         where a.tenant_id = $1 and a.run_id = $2 and a.state <> 'terminal'",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .bind(now)
    .bind(Json(ends))
    .execute(&mut **tx)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// How often the run was cancelled, as far as this database knows.
///
/// # Errors
/// What the database says.
pub async fn cancelled(tx: &mut TenantTx, run: RunId) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    let cancelled: i64 = sqlx::query_scalar(
        "select count(*) from lead_steps where tenant_id = $1 and run_id = $2 and company_id = 0 and step = 'cancel'",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_one(&mut **tx)
    .await?;
    Ok(u32::try_from(cancelled).unwrap_or(u32::MAX))
}
