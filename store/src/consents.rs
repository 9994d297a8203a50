//! Consents to be written to, by keyed hash of the address.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use presdr_events::Suppression;
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, TenantTx};

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What its events name.
    pub id: Uuid,
    /// When the person agreed.
    pub given_at: DateTime<Utc>,
    /// Where and how, in a few words.
    pub basis: String,
    /// Who recorded it.
    pub actor: String,
    /// When the person took it back.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// Records a consent to be written to at the address that `address` stands for; a newer one takes the place of an older.
///
/// # Errors
/// What the database says.
pub async fn record(
    tx: &mut TenantTx,
    address: Suppression,
    consent: &Consent,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into consents (tenant_id, hash, consent_id, given_at, basis, actor, recorded_at) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant_id, hash) do update set consent_id = excluded.consent_id, given_at = excluded.given_at,
             basis = excluded.basis, actor = excluded.actor, recorded_at = excluded.recorded_at, withdrawn_at = null",
    )
    .bind(tenant.as_str())
    .bind(address.hash.as_slice())
    .bind(consent.id)
    .bind(consent.given_at)
    .bind(&consent.basis)
    .bind(&consent.actor)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes a consent back; tells which, if one held.
///
/// # Errors
/// What the database says.
pub async fn withdraw(tx: &mut TenantTx, address: Suppression, at: DateTime<Utc>) -> Result<Option<Uuid>, StoreError> {
    let tenant = tx.tenant().clone();
    let withdrawn = sqlx::query_scalar(
        "update consents set withdrawn_at = $3 where tenant_id = $1 and hash = $2 and withdrawn_at is null returning consent_id",
    )
    .bind(tenant.as_str())
    .bind(address.hash.as_slice())
    .bind(at);
    Ok(withdrawn.fetch_optional(&mut **tx).await?)
}

/// What is on record for an address.
///
/// # Errors
/// What the database says.
pub async fn get(tx: &mut TenantTx, address: Suppression) -> Result<Option<Consent>, StoreError> {
    let tenant = tx.tenant().clone();
    let row = sqlx::query("select * from consents where tenant_id = $1 and hash = $2")
        .bind(tenant.as_str())
        .bind(address.hash.as_slice())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.map(|row| Consent {
        id: row.get("consent_id"),
        given_at: row.get("given_at"),
        basis: row.get("basis"),
        actor: row.get("actor"),
        withdrawn_at: row.get("withdrawn_at"),
    }))
}

/// Those of the addresses for which a consent holds.
///
/// # Errors
/// What the database says.
pub async fn held(tx: &mut TenantTx, among: &BTreeSet<Suppression>) -> Result<BTreeSet<Suppression>, StoreError> {
    if among.is_empty() {
        return Ok(BTreeSet::new());
    }
    let tenant = tx.tenant().clone();
    let hashes: Vec<Vec<u8>> = sqlx::query_scalar(
        "select hash from consents where tenant_id = $1 and hash = any($2) and withdrawn_at is null",
    )
    .bind(tenant.as_str())
    .bind(among.iter().map(|address| address.hash.as_slice()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(among.iter().filter(|address| hashes.iter().any(|hash| hash == address.hash.as_slice())).copied().collect())
}
