//! What a tenant has set differently from the defaults: one JSON document, one key per section.

use presdr_events::TenantId;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sqlx::types::Json;

use crate::{StoreError, TenantTx};

/// A section of the tenant's settings, or its default when the tenant has not set it.
///
/// # Errors
/// [`StoreError::Settings`] when what is stored does not have the section's shape.
pub async fn section<T: DeserializeOwned + Default>(tx: &mut TenantTx, section: &'static str) -> Result<T, StoreError> {
    let tenant = tx.tenant().clone();
    let value: Option<Option<Value>> =
        sqlx::query_scalar("select settings -> $2 from tenant_settings where tenant_id = $1")
            .bind(tenant.as_str())
            .bind(section)
            .fetch_optional(&mut **tx)
            .await?;
    read(&tenant, section, value.flatten())
}

fn read<T: DeserializeOwned + Default>(
    tenant: &TenantId,
    section: &'static str,
    value: Option<Value>,
) -> Result<T, StoreError> {
    let Some(value) = value else { return Ok(T::default()) };
    serde_json::from_value(value).map_err(|error| StoreError::Settings {
        tenant: tenant.clone(),
        section,
        error: error.to_string(),
    })
}

/// What a tenant has set, section by section as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// How often it was set.
    pub version: u32,
    /// The sections; one that is missing has its defaults.
    pub sections: Map<String, Value>,
    tenant: TenantId,
}

impl Stored {
    /// A section, or its default when the tenant has not set it.
    ///
    /// # Errors
    /// [`StoreError::Settings`] when what is stored does not have the section's shape.
    pub fn section<T: DeserializeOwned + Default>(&self, section: &'static str) -> Result<T, StoreError> {
        read(&self.tenant, section, self.sections.get(section).cloned())
    }
}

/// What the tenant has set.
///
/// # Errors
/// What the database says.
pub async fn stored(tx: &mut TenantTx) -> Result<Stored, StoreError> {
    let tenant = tx.tenant().clone();
    let row: Option<(i32, Json<Map<String, Value>>)> =
        sqlx::query_as("select version, settings from tenant_settings where tenant_id = $1")
            .bind(tenant.as_str())
            .fetch_optional(&mut **tx)
            .await?;
    let (version, Json(sections)) = row.unwrap_or_default();
    Ok(Stored { version: version.unsigned_abs(), sections, tenant })
}

/// Sets the sections that are given, takes back those that are given as `null`, and tells what is set then.
///
/// # Errors
/// What the database says.
pub async fn change(tx: &mut TenantTx, given: &Map<String, Value>) -> Result<Stored, StoreError> {
    let tenant = tx.tenant().clone();
    let taken_back: Vec<&str> =
        given.iter().filter(|(_, section)| section.is_null()).map(|(name, _)| name.as_str()).collect();
    let (version, Json(sections)): (i32, Json<Map<String, Value>>) = sqlx::query_as(
        "insert into tenant_settings as known (tenant_id, settings, version) values ($1, $2::jsonb - $3::text[], 1)
         on conflict (tenant_id) do update
         set settings = (known.settings || $2::jsonb) - $3::text[], version = known.version + 1, updated_at = now()
         returning version, settings",
    )
    .bind(tenant.as_str())
    .bind(Json(given))
    .bind(taken_back)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Stored { version: version.unsigned_abs(), sections, tenant })
}

/// Sets a section.
///
/// # Errors
/// What the database says.
pub async fn set<T: Serialize>(tx: &mut TenantTx, section: &'static str, value: &T) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let json = serde_json::to_value(value).map_err(|error| StoreError::Settings {
        tenant: tenant.clone(),
        section,
        error: error.to_string(),
    })?;
    sqlx::query(
        "insert into tenant_settings (tenant_id, settings) values ($1, jsonb_build_object($2::text, $3::jsonb))
         on conflict (tenant_id) do update set settings = tenant_settings.settings || excluded.settings, updated_at = now()",
    )
    .bind(tenant.as_str())
    .bind(section)
    .bind(json)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
