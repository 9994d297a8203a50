//! Raw text and visits: kept in tables of their own for the tenant's retention window, never in an event.

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{Attempt, CompanyId, RunId};
use serde_json::Value;

use crate::{StoreError, TenantTx};

/// Where a lead's pages and texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The lead's run.
    pub run: RunId,
    /// The lead's company.
    pub company: CompanyId,
    /// Which try of the lead.
    pub attempt: Attempt,
    /// The Monday on which the run's pages and texts are dropped. It names the partition: statements that give it touch no other.
    pub expires_on: NaiveDate,
}

/// Makes the partitions of what expires on this Monday, unless they are there.
///
/// # Errors
/// What the database says; a day that is no Monday is refused.
pub async fn ensure_partitions(tx: &mut TenantTx, expires_on: NaiveDate) -> Result<(), StoreError> {
    sqlx::query("select ensure_text_partitions($1)").bind(expires_on).execute(&mut **tx).await?;
    Ok(())
}

/// Stores what a visit brought.
///
/// # Errors
/// What the database says.
pub async fn store_visit(tx: &mut TenantTx, place: Place, domain: &str, visit: &Value) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into site_visits (tenant_id, company_id, run_id, attempt, expires_on, domain, visit) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant_id, company_id, run_id, attempt, expires_on)
         do update set domain = excluded.domain, visit = excluded.visit, fetched_at = now()",
    )
    .bind(tenant.as_str())
    .bind(place.company.get())
    .bind(place.run.get())
    .bind(number(place.attempt))
    .bind(place.expires_on)
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
pub async fn visit(tx: &mut TenantTx, place: Place) -> Result<Option<Value>, StoreError> {
    let tenant = tx.tenant().clone();
    let visit = sqlx::query_scalar(
        "select visit from site_visits where tenant_id = $1 and company_id = $2 and run_id = $3 and attempt = $4 and expires_on = $5",
    )
    .bind(tenant.as_str())
    .bind(place.company.get())
    .bind(place.run.get())
    .bind(number(place.attempt))
    .bind(place.expires_on)
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
pub async fn store_text(tx: &mut TenantTx, place: Place, text: &LeadText<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into lead_texts (tenant_id, company_id, run_id, attempt, expires_on, corpus_hash, about_text, corpus)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant_id, company_id, run_id, attempt, expires_on)
         do update set corpus_hash = excluded.corpus_hash, about_text = excluded.about_text, corpus = excluded.corpus",
    )
    .bind(tenant.as_str())
    .bind(place.company.get())
    .bind(place.run.get())
    .bind(number(place.attempt))
    .bind(place.expires_on)
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
pub async fn about_text(tx: &mut TenantTx, place: Place) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant().clone();
    let text = sqlx::query_scalar(
        "select about_text from lead_texts where tenant_id = $1 and company_id = $2 and run_id = $3 and attempt = $4 and expires_on = $5",
    )
    .bind(tenant.as_str())
    .bind(place.company.get())
    .bind(place.run.get())
    .bind(number(place.attempt))
    .bind(place.expires_on)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(text)
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

/// Caches a rationale; one that is cached stays. Tells whether there was none.
///
/// # Errors
/// What the database says.
pub async fn cache_rationale(tx: &mut TenantTx, key: &str, rationale: &str) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let cached = sqlx::query(
        "insert into rationale_cache (tenant_id, cache_key, rationale) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(tenant.as_str())
    .bind(key)
    .bind(rationale)
    .execute(&mut **tx)
    .await?;
    Ok(cached.rows_affected() == 1)
}

fn number(attempt: Attempt) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}
