//! Whose read models lack something.

use presdr_events::TenantId;
use presdr_store::{Database, tenants};

use crate::ProjectError;

/// A tenant whose read models lack events that could not be applied. They stay stale until they are rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Whose.
    pub tenant: TenantId,
    /// How many events are missing.
    pub events: i64,
    /// The first of them.
    pub first_sequence: i64,
    /// Why it could not be applied.
    pub first_error: String,
}

/// Every tenant whose read models are stale, the platform itself included. The cure is a version that can read the events, and
/// `presdr project rebuild`.
///
/// # Errors
/// What the database says.
pub async fn stale_tenants(database: &Database) -> Result<Vec<Stale>, ProjectError> {
    let mut stale = Vec::new();
    for tenant in tenants::with_events(database).await? {
        stale.extend(stale_tenant(database, tenant).await?);
    }
    Ok(stale)
}

async fn stale_tenant(database: &Database, tenant: TenantId) -> Result<Option<Stale>, ProjectError> {
    let mut tx = database.enter(&tenant).await?;
    let found: Option<(i64, i64, String)> = sqlx::query_as(
        "select count(*) over (), sequence, error from projection_parked where tenant_id = $1 order by sequence limit 1",
    )
    .bind(tenant.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    Ok(found.map(|(events, first_sequence, first_error)| Stale { tenant, events, first_sequence, first_error }))
}
