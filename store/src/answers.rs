//! What was paid for and can be used again: vendors' answers, verdicts on addresses, vectors.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, PiiError};
use sqlx::Row;

use crate::{
    StoreError, TenantTx, erasures,
    keys::{TenantKeys, random},
    ledger::{LeadKey, ThingHash},
};

/// An answer as it is stored.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The vendor.
    pub vendor: String,
    /// What was done there.
    pub operation: String,
    /// What was bought.
    pub thing: Vec<u8>,
    /// The lead that it was bought for: run, company (0 for none), attempt.
    pub bought_for: (i64, i64, i32),
    /// Sealed under the tenant's data key.
    pub sealed: Vec<u8>,
    /// When it was bought.
    pub stored_at: DateTime<Utc>,
}

/// An answer to be stored.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    /// The vendor.
    pub vendor: &'static str,
    /// What was done there.
    pub operation: &'static str,
    /// What was bought.
    pub thing: ThingHash,
    /// The lead that it was bought for.
    pub lead: LeadKey,
    /// Sealed by [`seal`].
    pub sealed: Vec<u8>,
    /// From then on it is bought again.
    pub expires_at: DateTime<Utc>,
}

/// Seals an answer for its place: it opens for the same tenant, vendor, operation and thing alone.
///
/// # Errors
/// [`StoreError::Pii`] when the cipher refuses.
pub fn seal(
    tx: &TenantTx,
    keys: &TenantKeys,
    place: (&str, &str, &[u8]),
    answer: &[u8],
) -> Result<Vec<u8>, StoreError> {
    keys.data.seal(random(), &bound_to(tx, place), answer).map_err(failed(tx))
}

/// Opens what [`seal`] sealed.
///
/// # Errors
/// [`StoreError::Pii`] when it was sealed for another place.
pub fn open(tx: &TenantTx, keys: &TenantKeys, answer: &Answer) -> Result<Vec<u8>, StoreError> {
    let place = (answer.vendor.as_str(), answer.operation.as_str(), answer.thing.as_slice());
    keys.data.open(&bound_to(tx, place), &answer.sealed).map_err(failed(tx))
}

fn failed(tx: &TenantTx) -> impl Fn(PiiError) -> StoreError + '_ {
    |source| StoreError::Pii { tenant: tx.tenant().clone(), source }
}

fn bound_to(tx: &TenantTx, (vendor, operation, thing): (&str, &str, &[u8])) -> Vec<u8> {
    [format!("answer\0{}\0{vendor}\0{operation}\0", tx.tenant()).as_bytes(), thing].concat()
}

/// The answers that there are to these (vendor, operation, thing), if they are young enough.
///
/// # Errors
/// What the database says.
pub async fn find(
    tx: &mut TenantTx,
    things: &[(&'static str, &'static str, ThingHash)],
    now: DateTime<Utc>,
) -> Result<Vec<Answer>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select a.vendor, a.operation, a.thing, a.run_id, a.company_id, a.attempt, a.sealed, a.stored_at
         from unnest($2::text[], $3::text[], $4::bytea[]) as w (vendor, operation, thing) join vendor_answers a using (vendor, operation, thing)
         where a.tenant_id = $1 and a.expires_at > $5",
    )
    .bind(tenant.as_str())
    .bind(things.iter().map(|thing| thing.0).collect::<Vec<_>>())
    .bind(things.iter().map(|thing| thing.1).collect::<Vec<_>>())
    .bind(things.iter().map(|thing| thing.2.as_slice()).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(answer).collect())
}

fn answer(row: &sqlx::postgres::PgRow) -> Answer {
    Answer {
        vendor: row.get("vendor"),
        operation: row.get("operation"),
        thing: row.get("thing"),
        bought_for: (row.get("run_id"), row.get("company_id"), row.get("attempt")),
        sealed: row.get("sealed"),
        stored_at: row.get("stored_at"),
    }
}

/// Every answer that is stored, page by page: those after `after`, the first without one.
///
/// # Errors
/// What the database says.
pub async fn page(tx: &mut TenantTx, after: Option<&Answer>) -> Result<Vec<Answer>, StoreError> {
    const PAGE: i64 = 500;
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select vendor, operation, thing, run_id, company_id, attempt, sealed, stored_at from vendor_answers
         where tenant_id = $1 and (vendor, operation, thing) > ($2, $3, $4) order by vendor, operation, thing limit $5",
    )
    .bind(tenant.as_str())
    .bind(after.map_or("", |answer| answer.vendor.as_str()))
    .bind(after.map_or("", |answer| answer.operation.as_str()))
    .bind(after.map_or(&[][..], |answer| answer.thing.as_slice()))
    .bind(PAGE)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().map(answer).collect())
}

/// Stores answers; a newer one replaces an older. What was asked about an erased person is not stored.
///
/// # Errors
/// What the database says.
pub async fn store(tx: &mut TenantTx, answers: &[NewAnswer], now: DateTime<Utc>) -> Result<(), StoreError> {
    erasures::hold_off(tx).await?;
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into vendor_answers (tenant_id, vendor, operation, thing, run_id, company_id, attempt, sealed, expires_at, stored_at)
         select $1, a.*, $10 from unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[], $7::int[], $8::bytea[], $9::timestamptz[])
             as a (vendor, operation, thing, run_id, company_id, attempt, sealed, expires_at)
         where not exists (select from suppressions s where s.tenant_id = $1 and s.kind = 'thing' and s.hash = a.thing)
         on conflict (tenant_id, vendor, operation, thing) do update set run_id = excluded.run_id, company_id = excluded.company_id,
             attempt = excluded.attempt, sealed = excluded.sealed, stored_at = excluded.stored_at, expires_at = excluded.expires_at",
    )
    .bind(tenant.as_str())
    .bind(answers.iter().map(|answer| answer.vendor).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.operation).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.thing.as_slice()).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.lead.run.map_or(0, |run| run.get())).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.lead.company.map_or(0, CompanyId::get)).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| i32::try_from(answer.lead.attempt).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.sealed.as_slice()).collect::<Vec<_>>())
    .bind(answers.iter().map(|answer| answer.expires_at).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes answers that are too old to be used. Tells how many.
///
/// # Errors
/// What the database says.
pub async fn purge(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query("delete from vendor_answers where tenant_id = $1 and expires_at <= $2")
        .bind(tenant.as_str())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

/// What a verifier said of an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Keyed hash of the address.
    pub hash: [u8; 32],
    /// Our name of the status.
    pub status: String,
    /// The verifier's sub-status, as it said it.
    pub sub_status: String,
    /// How sure that is, from 0 to 1.
    pub confidence: Option<f64>,
    /// Who said it.
    pub vendor: String,
    /// When.
    pub checked_at: DateTime<Utc>,
    /// From then on it is asked again.
    pub recheck_at: DateTime<Utc>,
}

/// Fresh verdicts on these addresses, by keyed hash.
///
/// # Errors
/// What the database says.
pub async fn verdicts(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: DateTime<Utc>,
) -> Result<HashMap<[u8; 32], Verdict>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select hash, status, sub_status, confidence, vendor, checked_at, recheck_at from email_verification_cache
         where tenant_id = $1 and hash = any($2) and recheck_at > $3",
    )
    .bind(tenant.as_str())
    .bind(hashes.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    let verdict = |row: &sqlx::postgres::PgRow| {
        let hash: [u8; 32] = row.get::<Vec<u8>, _>("hash").try_into().ok()?;
        let verdict = Verdict {
            hash,
            status: row.get("status"),
            sub_status: row.get("sub_status"),
            confidence: row.get("confidence"),
            vendor: row.get("vendor"),
            checked_at: row.get("checked_at"),
            recheck_at: row.get("recheck_at"),
        };
        Some((hash, verdict))
    };
    Ok(rows.iter().filter_map(verdict).collect())
}

/// Keeps verdicts; a newer one replaces an older. None is kept of an erased person's address.
///
/// # Errors
/// What the database says.
pub async fn keep_verdicts(tx: &mut TenantTx, verdicts: &[Verdict]) -> Result<(), StoreError> {
    erasures::hold_off(tx).await?;
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into email_verification_cache as c (tenant_id, hash, status, sub_status, confidence, vendor, checked_at, recheck_at)
         select distinct on (v.hash) $1, v.* from unnest($2::bytea[], $3::text[], $4::text[], $5::float8[], $6::text[], $7::timestamptz[], $8::timestamptz[])
             as v (hash, status, sub_status, confidence, vendor, checked_at, recheck_at)
         where not exists (select from suppressions s where s.tenant_id = $1 and s.kind = 'email' and s.hash = v.hash and s.subject_id is not null)
         order by v.hash, v.checked_at desc
         on conflict (tenant_id, hash) do update set status = excluded.status, sub_status = excluded.sub_status, confidence = excluded.confidence,
             vendor = excluded.vendor, checked_at = excluded.checked_at, recheck_at = excluded.recheck_at
         where c.checked_at <= excluded.checked_at",
    )
    .bind(tenant.as_str())
    .bind(verdicts.iter().map(|verdict| verdict.hash.as_slice()).collect::<Vec<_>>())
    .bind(verdicts.iter().map(|verdict| verdict.status.as_str()).collect::<Vec<_>>())
    .bind(verdicts.iter().map(|verdict| verdict.sub_status.as_str()).collect::<Vec<_>>())
    .bind(verdicts.iter().map(|verdict| verdict.confidence).collect::<Vec<_>>())
    .bind(verdicts.iter().map(|verdict| verdict.vendor.as_str()).collect::<Vec<_>>())
    .bind(verdicts.iter().map(|verdict| verdict.checked_at).collect::<Vec<_>>())
    .bind(verdicts.iter().map(|verdict| verdict.recheck_at).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
