//! Raw text and visits: kept in tables of their own for the tenant's retention window, never in an event.

use chrono::{DateTime, Utc};
use presdr_events::{Attempt, CompanyId, RunId};
use serde_json::Value;

use crate::{StoreError, TenantTx};

/// Stores what a visit brought.
///
/// # Errors
/// What the database says.
pub async fn store_visit(
    tx: &mut TenantTx,
    run: RunId,
    company: CompanyId,
    attempt: Attempt,
    domain: &str,
    visit: &Value,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into site_visits (tenant_id, company_id, run_id, attempt, domain, visit) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, company_id, run_id, attempt) do update set domain = excluded.domain, visit = excluded.visit, fetched_at = now()",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(run.get())
    .bind(number(attempt))
    .bind(domain)
    .bind(visit)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What this run's visit brought.
///
/// # Errors
/// What the database says.
pub async fn visit(
    tx: &mut TenantTx,
    run: RunId,
    company: CompanyId,
    attempt: Attempt,
) -> Result<Option<Value>, StoreError> {
    let tenant = tx.tenant().clone();
    let visit = sqlx::query_scalar(
        "select visit from site_visits where tenant_id = $1 and company_id = $2 and run_id = $3 and attempt = $4",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(run.get())
    .bind(number(attempt))
    .fetch_optional(&mut **tx)
    .await?;
    Ok(visit)
}

/// The tenant's newest visit to the company at `domain`, for conditional requests.
///
/// # Errors
/// What the database says.
pub async fn last_visit(
    tx: &mut TenantTx,
    company: CompanyId,
    domain: &str,
) -> Result<Option<(DateTime<Utc>, Value)>, StoreError> {
    let tenant = tx.tenant().clone();
    let visit = sqlx::query_as(
        "select fetched_at, visit from site_visits where tenant_id = $1 and company_id = $2 and domain = $3 order by run_id desc, attempt desc limit 1",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(domain)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(visit)
}

/// A lead's merged text.
#[derive(Debug)]
pub struct LeadText<'a> {
    /// SHA-256 of `corpus`.
    pub corpus_hash: &'a str,
    /// What the company says it does.
    pub about_text: &'a str,
    /// All readable text, merged.
    pub corpus: &'a str,
}

/// Stores a lead's merged text.
///
/// # Errors
/// What the database says.
pub async fn store_text(
    tx: &mut TenantTx,
    run: RunId,
    company: CompanyId,
    attempt: Attempt,
    text: &LeadText<'_>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into lead_texts (tenant_id, company_id, run_id, attempt, corpus_hash, about_text, corpus) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant_id, company_id, run_id, attempt)
         do update set corpus_hash = excluded.corpus_hash, about_text = excluded.about_text, corpus = excluded.corpus",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(run.get())
    .bind(number(attempt))
    .bind(text.corpus_hash)
    .bind(text.about_text)
    .bind(text.corpus)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What the company of a lead says it does, if its text is still kept.
///
/// # Errors
/// What the database says.
pub async fn about_text(
    tx: &mut TenantTx,
    run: RunId,
    company: CompanyId,
    attempt: Attempt,
) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant().clone();
    let text = sqlx::query_scalar(
        "select about_text from lead_texts where tenant_id = $1 and company_id = $2 and run_id = $3 and attempt = $4",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(run.get())
    .bind(number(attempt))
    .fetch_optional(&mut **tx)
    .await?;
    Ok(text)
}

/// Deletes visits and texts that were stored before `before`, at most `limit` of each. Tells how many rows there were.
///
/// # Errors
/// What the database says.
pub async fn forget(tx: &mut TenantTx, before: DateTime<Utc>, limit: i64) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let visits = sqlx::query(
        "delete from site_visits v using (select tenant_id, company_id, run_id, attempt from site_visits
             where tenant_id = $1 and fetched_at < $2 order by fetched_at limit $3) old
         where (v.tenant_id, v.company_id, v.run_id, v.attempt) = (old.tenant_id, old.company_id, old.run_id, old.attempt)",
    )
    .bind(tenant.as_str())
    .bind(before)
    .bind(limit)
    .execute(&mut **tx)
    .await?;
    let texts = sqlx::query(
        "delete from lead_texts t using (select tenant_id, company_id, run_id, attempt from lead_texts
             where tenant_id = $1 and stored_at < $2 order by stored_at limit $3) old
         where (t.tenant_id, t.company_id, t.run_id, t.attempt) = (old.tenant_id, old.company_id, old.run_id, old.attempt)",
    )
    .bind(tenant.as_str())
    .bind(before)
    .bind(limit)
    .execute(&mut **tx)
    .await?;
    Ok(visits.rows_affected() + texts.rows_affected())
}

/// The rationale cached under `key`.
///
/// # Errors
/// What the database says.
pub async fn cached_rationale(tx: &mut TenantTx, key: &str) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant().clone();
    let text = sqlx::query_scalar("select rationale from rationale_cache where tenant_id = $1 and cache_key = $2")
        .bind(tenant.as_str())
        .bind(key)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(text)
}

/// Caches a rationale; one that is cached stays.
///
/// # Errors
/// What the database says.
pub async fn cache_rationale(tx: &mut TenantTx, key: &str, rationale: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into rationale_cache (tenant_id, cache_key, rationale) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(key)
    .bind(rationale)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn number(attempt: Attempt) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}
