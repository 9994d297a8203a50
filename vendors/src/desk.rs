//! The one way to ask a vendor.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use presdr_events::{Attempt, Cause, CompanyId, RunId, TenantId};
use presdr_store::{
    Database, StoreError,
    breakers::{self, Breaker, BreakerPolicy},
    keys::Keyring,
    leases::Leases,
    steps::Outgoing,
};

use crate::{
    BatchCall, Call, ConfigError, Purpose, Vendor, VendorConfig, availability, call::Single, round::Round, state::State,
};

/// Tells the time: the system's, or a test's.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Publishes events that were committed. What it cannot publish, the sweep does later.
pub type Publish = Arc<dyn Fn(Vec<Outgoing>) -> BoxFuture<'static, ()> + Send + Sync>;

/// How vendors are asked. The defaults are those of the vendors' contract.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// When a breaker opens, and for how long.
    pub breaker: BreakerPolicy,
    /// How often a request is sent at most.
    pub tries_max: u32,
    /// The longest wait before the second try; it doubles with each.
    pub backoff: Duration,
    /// And never exceeds this.
    pub backoff_max: Duration,
    /// No further try begins after so long.
    pub budget: Duration,
    /// Who would have to wait longer for the vendor's rate comes back later.
    pub slot_wait_max: Duration,
    /// And so does who would have to wait longer for one of the process's places.
    pub place_wait_max: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            breaker: BreakerPolicy::default(),
            tries_max: 3,
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(60),
            budget: Duration::from_secs(100),
            slot_wait_max: Duration::from_secs(20),
            place_wait_max: Duration::from_secs(30),
        }
    }
}

/// For whom and why a vendor is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Whose money.
    pub tenant: &'a TenantId,
    /// In which run; none outside of runs.
    pub run: Option<RunId>,
    /// About which company.
    pub company: Option<CompanyId>,
    /// At which attempt of the lead.
    pub attempt: Attempt,
    /// What led to it.
    pub cause: &'a Cause,
    /// The permanent name under which the call is reported, such as `tavily.search`. One lead asks under one name for one kind of thing.
    pub step: &'static str,
    /// What for.
    pub purpose: Purpose,
    /// The rule that led here, in words, without personal data.
    pub because: &'a str,
}

/// Why there is no answer. Never holds a secret, a URL or personal data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unanswered {
    /// The tenant has it switched off, or there is no key or no price.
    #[error("not available: {0}")]
    Off(String),
    /// A cap of the tenant has no room for the worst case.
    #[error("the cap on {meter} is reached")]
    CapReached {
        /// Which meter.
        meter: &'static str,
    },
    /// The vendor's credits or quota are gone.
    #[error("the vendor's credits or quota are gone")]
    Quota,
    /// The vendor refuses the key.
    #[error("the vendor refuses the key")]
    KeyRefused,
    /// It failed too often lately.
    #[error("the vendor failed too often lately and is left alone for a while")]
    BreakerOpen,
    /// Its rate limit persists.
    #[error("the vendor's rate limit persists")]
    RateLimited,
    /// It answered with an error, or not at all. Nothing is charged.
    #[error("{what}")]
    Failed {
        /// The last status, if there was one.
        status: Option<u16>,
        /// What happened.
        what: &'static str,
    },
    /// It was asked twice, and both answers were lost. Charged at the maximum.
    #[error("the vendor was asked twice, and both answers were lost")]
    Unknown,
    /// Not now: come back a little later.
    #[error("{0}")]
    Busy(&'static str),
    /// The run is paused: come back when it goes on.
    #[error("the run is paused: nothing is bought for it")]
    Paused,
    /// The lead is no longer worked on, or its run is over: there is nothing to do.
    #[error("the lead is no longer worked on")]
    Over,
    /// The database could not be asked.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl Unanswered {
    /// Whether the same question may be answered if it is asked a little later: give the delivery back.
    #[must_use]
    pub fn comes_back(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Paused => true,
            Self::Store(error) => error.is_transient(),
            _ => false,
        }
    }
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Asks vendors: one policy for all of them. Cheap to clone; one per process.
#[derive(Clone)]
pub struct VendorDesk(pub(crate) Arc<State>);

impl VendorDesk {
    /// A desk. Needs a Tokio runtime.
    ///
    /// # Errors
    /// [`ConfigError::Client`] when no HTTP client can be made.
    pub fn new(
        database: Database,
        keyring: Arc<Keyring>,
        leases: Leases,
        config: VendorConfig,
        policy: Policy,
        clock: Clock,
        publish: Publish,
    ) -> Result<Self, ConfigError> {
        State::new(database, keyring, leases, config, policy, clock, publish).map(|state| Self(Arc::new(state)))
    }

    /// Asks one question. It is bought at most once while its answer is fresh.
    ///
    /// # Errors
    /// [`Unanswered`]: what to make of it is the caller's; when it [comes back](Unanswered::comes_back), so should the delivery.
    pub async fn ask<C: Call>(&self, asking: &Asking<'_>, call: &C) -> Result<C::Answer, Unanswered> {
        let answers = self.ask_many(&Single(call), &[(*asking, ())]).await;
        answers.into_iter().next().unwrap_or(Err(Unanswered::Busy("there was no answer")))
    }

    /// Asks about things of one tenant, of one lead or of several, in as few requests as there may be. Answers are in the order of the
    /// things; at a cap those are asked about that there is room for, in their order.
    ///
    /// The things of one lead are best given together: they are reported by one event.
    pub async fn ask_many<C: BatchCall>(
        &self,
        call: &C,
        things: &[(Asking<'_>, C::Thing)],
    ) -> Vec<Result<C::Answer, Unanswered>> {
        let mut answers = Vec::with_capacity(things.len());
        for part in things.chunks(C::THINGS_MAX) {
            answers.extend(Round::new(&self.0, call, part).ask().await);
        }
        answers
    }

    /// What can be asked for this tenant, in this run if there is one. It may be a second old: it chooses a way, and buys nothing.
    ///
    /// # Errors
    /// What the database says.
    pub async fn availability(
        &self,
        tenant: &TenantId,
        run: Option<RunId>,
    ) -> Result<presdr_rules::route::Vendors, StoreError> {
        availability::vendors(&self.0, tenant, run).await
    }

    /// Whether a vendor can be asked for this purpose now. It may be a second old, as well.
    ///
    /// # Errors
    /// What the database says.
    pub async fn available(
        &self,
        tenant: &TenantId,
        run: Option<RunId>,
        purpose: Purpose,
    ) -> Result<presdr_rules::route::Availability, StoreError> {
        availability::of(&self.0, tenant, run, purpose).await
    }

    /// Gives up what dead processes left behind, gives back what was reserved too much, forgets answers that are too old. For the sweep.
    ///
    /// # Errors
    /// What the database says.
    pub async fn sweep(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.0.sweep(tenant).await
    }

    /// Closes a tenant's breaker by hand, when an operator knows that the vendor can be asked again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn reopen(&self, tenant: &TenantId, vendor: Vendor) -> Result<(), StoreError> {
        let mut tx = self.0.database.enter(tenant).await?;
        breakers::write(&mut tx, vendor.as_str(), &Breaker::default()).await?;
        tx.commit().await?;
        self.0.desk.known.forget(tenant);
        Ok(())
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &VendorConfig {
        &self.0.config
    }
}

impl std::fmt::Debug for VendorDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VendorDesk")
    }
}
