//! Tenants: made once, walked by services.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use sqlx::Row;

use crate::{Database, StoreError, TenantTx, keys::Keyring};

/// A tenant's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its slug.
    pub id: TenantId,
    /// The organisation's name.
    pub name: String,
    /// `provisioning`, `active`, `suspended`, `purging` or `purged`.
    pub status: String,
}

impl Tenant {
    /// Whether it is being erased, or was: nothing of it can be read or written.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.status.as_str(), "purging" | "purged")
    }
}

/// Creates a tenant with its keys and defaults, ready to work; `false` when it exists. Doing it again is harmless. People's tenants come to be
/// by way of [`onboarding`](crate::onboarding).
///
/// # Errors
/// What the database says.
pub async fn create(tx: &mut TenantTx, keyring: &Keyring, name: &str) -> Result<bool, StoreError> {
    let tenant = tx.tenant().clone();
    let made = sqlx::query("insert into tenants (tenant_id, name) values ($1, $2) on conflict do nothing")
        .bind(tenant.as_str())
        .bind(name)
        .execute(&mut **tx)
        .await?;
    provide(tx, keyring).await?;
    Ok(made.rows_affected() == 1)
}

/// Makes a tenant's keys and defaults; what is there stays.
///
/// # Errors
/// What the database says.
pub(crate) async fn provide(tx: &mut TenantTx, keyring: &Keyring) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    keyring.create_tenant(tx, &tenant).await?;
    sqlx::query("insert into admission_windows (tenant_id) values ($1) on conflict do nothing")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    sqlx::query("insert into tenant_settings (tenant_id) values ($1) on conflict do nothing")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Every active tenant, by slug.
///
/// # Errors
/// What the database says.
pub async fn active(database: &Database) -> Result<Vec<Tenant>, StoreError> {
    let mut tenants = all(database).await?;
    tenants.retain(|tenant| tenant.status == "active");
    Ok(tenants)
}

/// The slug of everybody who may have events and rows, the platform itself last.
///
/// # Errors
/// What the database says.
pub async fn with_events(database: &Database) -> Result<Vec<TenantId>, StoreError> {
    let open = all(database).await?.into_iter().filter(|tenant| !tenant.is_closed()).map(|tenant| tenant.id);
    Ok(open.chain([TenantId::platform()]).collect())
}

/// Every tenant there is or was, by slug.
///
/// # Errors
/// What the database says.
pub async fn all(database: &Database) -> Result<Vec<Tenant>, StoreError> {
    let rows = sqlx::query("select tenant_id, name, status from tenants order by tenant_id")
        .fetch_all(database.platform())
        .await?;
    rows.iter()
        .map(|row| {
            let slug: String = row.get("tenant_id");
            let id = TenantId::new(slug).map_err(|error| StoreError::Refused(error.to_string()))?;
            Ok(Tenant { id, name: row.get("name"), status: row.get("status") })
        })
        .collect()
}

/// Every tenant there is or was, and when it was created.
///
/// # Errors
/// What the database says.
pub async fn created(database: &Database) -> Result<BTreeMap<TenantId, DateTime<Utc>>, StoreError> {
    let rows: Vec<(String, DateTime<Utc>)> =
        sqlx::query_as("select tenant_id, created_at from tenants").fetch_all(database.platform()).await?;
    let read = |(slug, created_at)| match TenantId::new(slug) {
        Ok(tenant) => Ok((tenant, created_at)),
        Err(error) => Err(StoreError::Refused(error.to_string())),
    };
    rows.into_iter().map(read).collect()
}

/// Enters a tenant that exists and is active.
///
/// # Errors
/// [`StoreError::NoTenant`] when it does not or is not.
pub async fn enter_active(database: &Database, tenant: &TenantId) -> Result<TenantTx, StoreError> {
    match enter_open(database, tenant).await? {
        (tx, Stage::Active) => Ok(tx),
        (_, Stage::SettingUp) => Err(StoreError::NoTenant(tenant.clone())),
    }
}

/// Enters a tenant that is active or being set up.
///
/// # Errors
/// [`StoreError::NoTenant`] when it is neither.
pub async fn enter_open(database: &Database, tenant: &TenantId) -> Result<(TenantTx, Stage), StoreError> {
    let mut tx = database.enter(tenant).await?;
    let status: Option<String> = sqlx::query_scalar("select status from tenants where tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    match status.as_deref() {
        Some("active") => Ok((tx, Stage::Active)),
        Some("provisioning") => Ok((tx, Stage::SettingUp)),
        _ => Err(StoreError::NoTenant(tenant.clone())),
    }
}

/// What can be done for a tenant that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Anything.
    Active,
    /// Nothing but to go on setting it up.
    SettingUp,
}
