//! Raw text is kept for the tenant's retention window and then forgotten.

use std::time::Duration;

use chrono::TimeDelta;
use presdr_events::TenantId;
use presdr_rules::settings::{Retention, Section};
use presdr_store::{StoreError, settings, tenants, texts};

use crate::Services;

/// How often what is too old is looked for.
pub(crate) const EVERY: Duration = Duration::from_secs(600);
/// Rows deleted in one transaction, at most.
const BATCH: i64 = 500;

/// Forgets what is older than each tenant's window.
pub(crate) async fn forget_once(services: &Services) -> Result<(), StoreError> {
    for tenant in tenants::active(&services.database).await? {
        if let Err(error) = forget(services, &tenant.id).await {
            tracing::warn!(tenant.id = %tenant.id, %error, "could not forget old text; the next sweep tries again");
        }
    }
    Ok(())
}

async fn forget(services: &Services, tenant: &TenantId) -> Result<(), StoreError> {
    loop {
        let mut tx = services.database.enter(tenant).await?;
        let retention: Retention = settings::section(&mut tx, Retention::NAME).await?;
        let before = services.clock.now() - TimeDelta::days(retention.text_days.into());
        let forgotten = texts::forget(&mut tx, before, BATCH).await?;
        tx.commit().await?;
        if forgotten == 0 {
            return Ok(());
        }
        tracing::info!(tenant.id = %tenant, rows = forgotten, "forgot text older than {} days", retention.text_days);
    }
}
