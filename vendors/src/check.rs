//! Whether each vendor can be asked, what it has left, and today's use: for `presdr vendors check`.

use std::time::Instant;

use presdr_events::TenantId;
use presdr_store::{
    StoreError,
    breakers::{self, Breaker, Reason},
    ledger, settings,
};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::{
    Class, Endpoint, Failure, Purpose, RequestSpec, Vendor, VendorDesk, VendorSettings, lusha, openai, room::Budget,
    settings::SECTION, state::day, tavily, wire::Wire, zerobounce,
};

/// What there is to know of one vendor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// Which.
    pub vendor: &'static str,
    /// Whose key there is.
    pub key: KeyKind,
    /// What the tenant has switched off, of what it would be asked for.
    pub switched_off: Vec<&'static str>,
    /// What asking came to.
    pub reach: Reach,
    /// Credits left; none when the vendor does not say, or sets no limit.
    pub credits_left: Option<Decimal>,
    /// `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// Why it is open.
    pub breaker_reason: Option<&'static str>,
    /// What its cap counts.
    pub meter: &'static str,
    /// What of it is used or reserved today.
    pub used_today: Decimal,
    /// What may be used in a day.
    pub cap_today: Option<Decimal>,
}

/// All vendors, and money.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Vendor by vendor.
    pub vendors: Vec<Checked>,
    /// US dollars used or reserved today.
    pub usd_today: Decimal,
    /// What may be spent in a day.
    pub usd_cap_today: Option<Decimal>,
}

/// Whose key a vendor is asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// None: it is not configured.
    Missing,
    /// The one for all tenants.
    Shared,
    /// The tenant's own.
    Own,
}

/// What asking a vendor for what is left came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nobody asked: there is no key.
    NotAsked,
    /// It answered.
    Reached {
        /// In so many milliseconds.
        latency_ms: u64,
    },
    /// It refuses the key.
    KeyRefused,
    /// It says that credits or quota are gone.
    Quota,
    /// It did not answer, or with an error.
    Failed {
        /// What happened.
        what: &'static str,
    },
}

/// Asks each vendor, free of charge, what is left.
///
/// # Errors
/// What the database says.
pub async fn check(desk: &VendorDesk, tenant: &TenantId) -> Result<Report, StoreError> {
    let state = &desk.0;
    let asked = Vendor::ALL.map(|vendor| async move {
        let endpoint = state.config.endpoint(tenant, vendor);
        let (reach, credits_left) = match &endpoint {
            Some(endpoint) => reach(&state.wire, endpoint, vendor).await,
            None => (Reach::NotAsked, None),
        };
        let key = endpoint.map_or(KeyKind::Missing, |endpoint| match endpoint.api_key().own {
            true => KeyKind::Own,
            false => KeyKind::Shared,
        });
        (vendor, key, reach, credits_left)
    });
    let asked = futures::future::join_all(asked).await;
    let now = state.now();
    let mut tx = state.database.enter(tenant).await?;
    ledger::lock(&mut tx).await?;
    ledger::reconcile(&mut tx, now, i64::MAX).await?;
    let settings: VendorSettings = settings::section(&mut tx, SECTION).await?;
    let breakers = breakers::all(&mut tx).await?;
    let budgets: Vec<Budget> = Vendor::ALL.into_iter().flat_map(|vendor| Budget::of(vendor, None, day(now))).collect();
    let taken = ledger::peek(&mut tx, &Budget::names(&budgets)).await?;
    tx.commit().await?;
    let used = |budget: &Budget| taken.get(&budget.name()).copied().unwrap_or_default().normalize();
    let vendors = asked.into_iter().map(|(vendor, key, reach, credits_left)| {
        let (breaker, breaker_reason) = shown(breakers.get(vendor.as_str()).copied().unwrap_or_default());
        let budget = &Budget::of(vendor, None, day(now))[0];
        Checked {
            vendor: vendor.as_str(),
            key,
            switched_off: switched_off(&settings, vendor),
            reach,
            credits_left,
            breaker,
            breaker_reason,
            meter: vendor.meter(),
            used_today: used(budget),
            cap_today: budget.cap(&settings.caps),
        }
    });
    let money = &Budget::of(Vendor::Tavily, None, day(now))[1];
    Ok(Report { vendors: vendors.collect(), usd_today: used(money), usd_cap_today: money.cap(&settings.caps) })
}

fn switched_off(settings: &VendorSettings, vendor: Vendor) -> Vec<&'static str> {
    let asked_for = Purpose::ALL.into_iter().filter(|purpose| purpose.vendor() == vendor);
    asked_for.filter(|purpose| !settings.allows(*purpose)).map(Purpose::as_str).collect()
}

fn shown(breaker: Breaker) -> (&'static str, Option<&'static str>) {
    match breaker {
        Breaker::Closed { .. } => ("closed", None),
        Breaker::HalfOpen { .. } => ("half_open", Some("failures")),
        Breaker::Open { reason, .. } => (
            "open",
            Some(match reason {
                Reason::Failures => "failures",
                Reason::Quota => "quota",
                Reason::Key => "key",
            }),
        ),
    }
}

async fn reach(wire: &Wire, endpoint: &Endpoint, vendor: Vendor) -> (Reach, Option<Decimal>) {
    let began = Instant::now();
    match left(wire, endpoint, vendor).await {
        Ok(left) => {
            let latency_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            (Reach::Reached { latency_ms }, left)
        }
        Err(Failure { class: Class::Key, .. }) => (Reach::KeyRefused, None),
        Err(Failure { class: Class::Quota { .. }, .. }) => (Reach::Quota, None),
        Err(failure) => (Reach::Failed { what: failure.what }, None),
    }
}

/// Asks a vendor what the key has left; none when it does not say. Free of charge.
pub(crate) async fn left(wire: &Wire, endpoint: &Endpoint, vendor: Vendor) -> Result<Option<Decimal>, Failure> {
    type Read = fn(&crate::Reply<'_>) -> Result<Option<Decimal>, Failure>;
    let (request, read): (RequestSpec, Read) = match vendor {
        Vendor::Tavily => (tavily::usage(endpoint), tavily::left),
        Vendor::Lusha => (lusha::usage(endpoint), lusha::left),
        Vendor::ZeroBounce => (zerobounce::credits(endpoint), zerobounce::left),
        Vendor::OpenAi => (openai::models(endpoint), openai::left),
    };
    read(&wire.send(endpoint, &request).await?.reply())
}
