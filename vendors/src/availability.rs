//! What can be asked now, for the rules that choose a lead's way.

use presdr_events::{RunId, TenantId};
use presdr_rules::route::{Availability, Vendors};
use presdr_store::{
    StoreError,
    breakers::{self, Gate, Reason},
    ledger, settings,
};
use rust_decimal::Decimal;

use crate::{
    Purpose, VendorSettings,
    room::Budget,
    settings::SECTION,
    state::{State, day},
};

/// Vendors as the rules know them.
pub(crate) async fn vendors(state: &State, tenant: &TenantId, run: Option<RunId>) -> Result<Vendors, StoreError> {
    let purposes = [Purpose::Domain, Purpose::Contacts, Purpose::Verification];
    let found = all(state, tenant, run, &purposes).await?;
    Ok(Vendors { search: found[0], contacts: found[1], verification: found[2] })
}

/// Whether a vendor can be asked for one purpose.
pub(crate) async fn of(
    state: &State,
    tenant: &TenantId,
    run: Option<RunId>,
    purpose: Purpose,
) -> Result<Availability, StoreError> {
    Ok(all(state, tenant, run, &[purpose]).await?[0])
}

/// In the order of the purposes. A breaker that is open for failures alone does not count: it may be closed by the time it matters.
async fn all(
    state: &State,
    tenant: &TenantId,
    run: Option<RunId>,
    purposes: &[Purpose],
) -> Result<Vec<Availability>, StoreError> {
    let now = state.now();
    let keys: Vec<_> = purposes.iter().map(|purpose| state.config.endpoint(tenant, purpose.vendor())).collect();
    if keys.iter().all(Option::is_none) {
        return Ok(vec![Availability::Off; purposes.len()]);
    }
    let mut tx = state.database.enter(tenant).await?;
    let settings: VendorSettings = settings::section(&mut tx, SECTION).await?;
    let breakers = breakers::all(&mut tx).await?;
    let budgets: Vec<Budget> =
        purposes.iter().flat_map(|purpose| Budget::of(purpose.vendor(), run, day(now))).collect();
    let taken = ledger::peek(&mut tx, &Budget::names(&budgets)).await?;
    tx.commit().await?;
    let used_up = |purpose: &Purpose| {
        Budget::of(purpose.vendor(), run, day(now)).iter().any(|budget| {
            let taken = taken.get(&budget.name()).copied().unwrap_or(Decimal::ZERO);
            budget.cap(&settings.caps).is_some_and(|cap| taken >= cap)
        })
    };
    let availability = |(purpose, key): (&Purpose, &Option<crate::Endpoint>)| {
        let Some(key) = key.as_ref().filter(|_| settings.allows(*purpose)) else { return Availability::Off };
        let breaker = breakers.get(purpose.vendor().as_str()).copied().unwrap_or_default();
        match breaker.gate(now, &key.api_key().id(purpose.vendor())) {
            Gate::Refused(Reason::Quota | Reason::Key) => Availability::Exhausted,
            _ if used_up(purpose) => Availability::Exhausted,
            _ => Availability::On,
        }
    };
    Ok(purposes.iter().zip(&keys).map(availability).collect())
}
