//! Creating tenants, and setting them up: `provisioning` -> `syncing` -> `ready`. Each step commits on its own and does nothing when it was
//! done before, so whoever comes after a crash goes on from where it was.

use presdr_events::{Event, Step, TenantId, tenant};
use presdr_store::{
    odoo::connections::{self, Connection},
    onboarding::{self, Onboarding, State},
    tenants,
};

use crate::{CommandError, Desk, desk::tenant_step, odoo};

/// Creates a tenant that has nothing to wait for, and tells its event's sequence. Doing it again is harmless.
///
/// # Errors
/// [`CommandError::Refused`] for the platform's own name, and when the tenant could not be made ready; otherwise what the database or the
/// broker says.
pub async fn create(desk: &Desk, tenant: &TenantId, name: &str) -> Result<u64, CommandError> {
    let sequence = begin(desk, tenant, name, None).await?;
    let stands = go_on(desk, tenant).await?;
    match (stands.state, stands.problem) {
        (State::Ready, _) => Ok(sequence),
        (state, problem) => Err(CommandError::Refused(format!(
            "tenant {tenant} is {}: {}",
            state.as_str(),
            problem.unwrap_or_else(|| "give the command again".to_owned())
        ))),
    }
}

/// Makes the tenant's row, and tells its event's sequence. Doing it again is harmless; until the tenant is ready, it is the way to change whether it
/// waits for an Odoo.
///
/// # Errors
/// [`CommandError::Refused`] for the platform's own name; otherwise what the database or the broker says.
pub async fn begin(desk: &Desk, tenant: &TenantId, name: &str, awaits_odoo: Option<bool>) -> Result<u64, CommandError> {
    if tenant.as_str() == TenantId::PLATFORM {
        return Err(CommandError::Refused(format!("{tenant} is the platform's own name: choose another slug")));
    }
    let mut tx = desk.database.enter(tenant).await?;
    onboarding::begin(&mut tx, name, awaits_odoo, desk.actor(), desk.now()).await?;
    let event =
        Event::TenantCreated(tenant::Created { step: Step::done("tenant", 0, 1, Vec::new()), name: name.to_owned() });
    desk.commit(tx, tenant_step(tenant, "tenant", 1), &event).await
}

/// Goes on setting a tenant up as far as that can go now, and tells how it stands: what keeps it from being ready stands in its problem.
///
/// # Errors
/// What the database says: then nobody knows how far it came, and doing it again is harmless.
pub async fn go_on(desk: &Desk, tenant: &TenantId) -> Result<Onboarding, CommandError> {
    loop {
        let stands = standing(desk, tenant).await?;
        let problem = match stands.state {
            State::Ready => return Ok(stands),
            State::Provisioning => provide(desk, tenant).await?,
            State::Syncing => {
                let problem = if stands.awaits_odoo { odoo_problem(desk, tenant).await? } else { None };
                if problem.is_none() {
                    finish(desk, tenant, stands.awaits_odoo).await?;
                }
                problem
            }
        };
        if let Some(problem) = problem {
            let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
            onboarding::note(&mut tx, &problem, desk.now()).await?;
            tx.commit().await?;
            return standing(desk, tenant).await;
        }
    }
}

/// How the setting up of a tenant stands.
///
/// # Errors
/// [`StoreError::NoTenant`](presdr_store::StoreError::NoTenant) of one that is not there; otherwise what the database says.
pub async fn standing(desk: &Desk, tenant: &TenantId) -> Result<Onboarding, CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    Ok(onboarding::standing(&mut tx).await?)
}

/// Keys and defaults. `Some` is what stands in the way.
async fn provide(desk: &Desk, tenant: &TenantId) -> Result<Option<String>, CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    match onboarding::provide(&mut tx, &desk.keyring, desk.now()).await {
        Ok(()) => {
            tx.commit().await?;
            Ok(None)
        }
        // A master key that is missing here is worth knowing; a database that is away could not be told.
        Err(error @ (presdr_store::StoreError::NoMaster(_) | presdr_store::StoreError::Pii { .. })) => {
            Ok(Some(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The connection to its Odoo, and the fields there. `Some` is what stands in the way.
async fn odoo_problem(desk: &Desk, tenant: &TenantId) -> Result<Option<String>, CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    let connection = connections::get(&mut tx).await?.filter(|connection| connection.active);
    drop(tx);
    let Some(Connection { base_url, database, .. }) = connection else {
        return Ok(Some(format!(
            "its Odoo is not connected yet: `presdr odoo connect --tenant {tenant}` connects it, `presdr tenant create {tenant} --odoo none` \
             goes on without one"
        )));
    };
    let checked = odoo::check(desk, tenant).await?;
    Ok(checked.problem().map(|problem| {
        format!(
            "database {database} at {base_url}: {problem}; once that is cured, or with another connection (`presdr odoo connect --tenant {tenant}`), \
             it goes on"
        )
    }))
}

async fn finish(desk: &Desk, tenant: &TenantId, awaited: bool) -> Result<(), CommandError> {
    let (mut tx, _) = tenants::enter_open(&desk.database, tenant).await?;
    if onboarding::finish(&mut tx, desk.actor(), desk.now()).await? && awaited {
        let event = Event::TenantReady(tenant::Ready { step: Step::done("tenant", 0, 1, Vec::new()) });
        desk.commit(tx, tenant_step(tenant, "ready", 1), &event).await?;
    } else {
        tx.commit().await?;
    }
    Ok(())
}
