//! What can be asked now, for the rules that choose a lead's way.
//!
//! Every step of every lead asks this, and hardly ever is the answer another than a moment ago: what the database says is remembered for
//! [`FRESH_FOR`]. That decides nothing about money: whoever reserves reads settings, caps and breakers anew, under the tenant's lock. What
//! this process itself learns (a quota that is gone, a cap that had no room) is forgotten at once and read again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::{RunId, TenantId};
use presdr_rules::route::{Availability, Vendors};
use presdr_store::{
    Database, StoreError,
    breakers::{self, Breaker, Gate, Reason},
    ledger, settings,
};
use rust_decimal::Decimal;
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    Endpoint, Purpose, Vendor, VendorSettings,
    room::Budget,
    settings::SECTION,
    state::{State, day},
};

/// For so long it is taken for granted that a tenant's settings, breakers and caps are as they were read.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(1);
/// From so many tenants and runs on, those that nobody asked about lately are forgotten.
const KNOWN_MAX: usize = 1024;

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

/// In the order of the purposes.
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
    let standing = state.desk.known.standing(&state.database, tenant, run, now).await?;
    let of = |(purpose, key): (&Purpose, &Option<Endpoint>)| standing.availability(*purpose, key.as_ref(), run, now);
    Ok(purposes.iter().zip(&keys).map(of).collect())
}

/// What a tenant allows, which vendors are left alone, and what is used of its caps, as they were read.
struct Standing {
    read_at: DateTime<Utc>,
    settings: VendorSettings,
    breakers: HashMap<String, Breaker>,
    taken: HashMap<(String, String), Decimal>,
}

impl Standing {
    async fn read(
        database: &Database,
        tenant: &TenantId,
        run: Option<RunId>,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let mut tx = database.enter(tenant).await?;
        let settings: VendorSettings = settings::section(&mut tx, SECTION).await?;
        let breakers = breakers::all(&mut tx).await?;
        let mut budgets: Vec<Budget> =
            Vendor::ALL.into_iter().flat_map(|vendor| Budget::of(vendor, run, day(now))).collect();
        budgets.sort();
        budgets.dedup();
        let taken = ledger::peek(&mut tx, &Budget::names(&budgets)).await?;
        tx.commit().await?;
        Ok(Self { read_at: now, settings, breakers, taken })
    }

    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        // A clock that was set back says nothing of an age.
        (TimeDelta::zero()..FRESH_FOR).contains(&(now - self.read_at))
    }

    /// A breaker that is open for failures alone does not count: it may be closed by the time it matters.
    fn availability(
        &self,
        purpose: Purpose,
        key: Option<&Endpoint>,
        run: Option<RunId>,
        now: DateTime<Utc>,
    ) -> Availability {
        let vendor = purpose.vendor();
        let Some(key) = key.filter(|_| self.settings.allows(purpose)) else { return Availability::Off };
        let breaker = self.breakers.get(vendor.as_str()).copied().unwrap_or_default();
        let used_up = |budget: &Budget| {
            let taken = self.taken.get(&budget.name()).copied().unwrap_or(Decimal::ZERO);
            budget.cap(&self.settings.caps).is_some_and(|cap| taken >= cap)
        };
        match breaker.gate(now, &key.api_key().id(vendor)) {
            Gate::Refused(Reason::Quota | Reason::Key) => Availability::Exhausted,
            _ if Budget::of(vendor, run, day(now)).iter().any(used_up) => Availability::Exhausted,
            _ => Availability::On,
        }
    }
}

type Entry = Arc<AsyncMutex<Option<Arc<Standing>>>>;

/// What was read of tenants and their runs a moment ago.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<(TenantId, Option<RunId>), Entry>>);

impl Known {
    /// As it was read a moment ago, or is read now: by one for all who ask meanwhile.
    async fn standing(
        &self,
        database: &Database,
        tenant: &TenantId,
        run: Option<RunId>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Standing>, StoreError> {
        let entry = self.entry(tenant, run, now);
        let mut known = entry.lock().await;
        if let Some(standing) = known.as_ref().filter(|standing| standing.is_fresh(now)) {
            return Ok(Arc::clone(standing));
        }
        let read = Arc::new(Standing::read(database, tenant, run, now).await?);
        Ok(Arc::clone(known.insert(read)))
    }

    /// Has the tenant read anew by whoever asks next. Who is reading now keeps what it reads to itself.
    pub fn forget(&self, tenant: &TenantId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| of != tenant);
    }

    fn entry(&self, tenant: &TenantId, run: Option<RunId>, now: DateTime<Utc>) -> Entry {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= KNOWN_MAX {
            let in_use = |entry: &Entry| match entry.try_lock() {
                Ok(known) => known.as_ref().is_some_and(|standing| standing.is_fresh(now)),
                Err(_) => true, // somebody reads it
            };
            entries.retain(|_, entry| in_use(entry));
        }
        Arc::clone(entries.entry((tenant.clone(), run)).or_default())
    }
}
