//! Creating tenants.

use presdr_events::{Event, Step, TenantId, tenant};
use presdr_store::tenants;

use crate::{CommandError, Desk, desk::tenant_step};

/// Creates a tenant with its keys and defaults, and tells its event's sequence. Doing it again is harmless.
///
/// # Errors
/// [`CommandError::Refused`] for the platform's own name; otherwise what the database or the broker says.
pub async fn create(desk: &Desk, tenant: &TenantId, name: &str) -> Result<u64, CommandError> {
    if tenant.as_str() == TenantId::PLATFORM {
        return Err(CommandError::Refused(format!("{tenant} is the platform's own name: choose another slug")));
    }
    let mut tx = desk.database.enter(tenant).await?;
    tenants::create(&mut tx, &desk.keyring, name).await?;
    let event =
        Event::TenantCreated(tenant::Created { step: Step::done("tenant", 0, 1, Vec::new()), name: name.to_owned() });
    desk.commit(tx, tenant_step(tenant, "tenant", 1), &event).await
}
