//! A tenant with a run whose leads are admitted, and desks that ask for them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use presdr_events::{Actor, CompanyId, Envelope, Event, EventId, RunId, TenantId, run::RunKind, vendor::VendorCalled};
use presdr_store::{
    Database, Role, admissions,
    breakers::{BreakerPolicy, Rate},
    leases::Leases,
    runs::{self, NewRun},
    settings,
    steps::Outgoing,
    testing::TestStore,
};
use presdr_vendors::{
    Asking, Cause, Policy, Purpose, Secrets, Terms, Unanswered, Vendor, VendorConfig, VendorDesk, VendorSettings,
    tavily::{Found, Search},
};
use sqlx::Row;

use crate::stub::Stub;

pub const COMPANIES: i64 = 250;

/// A time that stands still until it is moved.
#[derive(Clone)]
pub struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Hand {
    pub fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    pub fn turn(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

pub struct World {
    pub store: TestStore,
    pub tenant: TenantId,
    pub run: RunId,
    pub clock: Hand,
    pub database: Database,
    published: Arc<Mutex<Vec<Outgoing>>>,
    cause: Cause,
}

impl World {
    pub async fn new() -> Self {
        let store = TestStore::new().await.unwrap();
        let tenant = store.tenant("acme").await.unwrap();
        let clock = Hand(Arc::new(Mutex::new(Utc.with_ymd_and_hms(2026, 11, 23, 4, 0, 0).unwrap())));
        let database = store.connect(Role::Producer).await.unwrap();
        let run = open_run(&database, &tenant, clock.now()).await;
        let start = EventId::of(&tenant, Some(run), None, "start", 1);
        let cause = Cause { id: start, correlation: start, actor: Actor::service("test"), traceparent: None };
        Self { store, tenant, run, clock, database, published: Arc::default(), cause }
    }

    /// A desk of a process of its own.
    pub async fn desk(&self, stub: &Stub) -> VendorDesk {
        self.desk_with(config(stub), quick()).await
    }

    pub async fn desk_with(&self, config: VendorConfig, policy: Policy) -> VendorDesk {
        self.desk_as(config, policy).await.0
    }

    /// With the leases that show that its process lives.
    pub async fn desk_as(&self, config: VendorConfig, policy: Policy) -> (VendorDesk, Leases) {
        let database = Database::connect(self.store.url(), Role::Worker, 4).await.unwrap();
        let leases = Leases::new(database.clone());
        let (clock, published) = (self.clock.clone(), Arc::clone(&self.published));
        let publish = move |events: Vec<Outgoing>| {
            published.lock().unwrap().extend(events);
            Box::pin(std::future::ready(())) as futures::future::BoxFuture<'static, ()>
        };
        let keyring = Arc::new(self.store.keyring());
        let (clock, publish) = (Arc::new(move || clock.now()), Arc::new(publish));
        let desk = VendorDesk::new(database, keyring, leases.clone(), config, policy, clock, publish).unwrap();
        (desk, leases)
    }

    pub async fn set(&self, settings: &VendorSettings) {
        let mut tx = self.database.enter(&self.tenant).await.unwrap();
        settings::set(&mut tx, "vendors", settings).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub fn asking(&self, company: i64, step: &'static str, purpose: Purpose) -> Asking<'_> {
        Asking {
            tenant: &self.tenant,
            run: Some(self.run),
            company: CompanyId::new(company).ok(),
            attempt: 1,
            cause: &self.cause,
            step,
            purpose,
            because: "no domain was found by our own means",
        }
    }

    /// Searches for a lead.
    pub async fn search(&self, desk: &VendorDesk, company: i64, query: &str) -> Result<Found, Unanswered> {
        desk.ask(&self.asking(company, "tavily.search", Purpose::Domain), &Search::new(query, 3)).await
    }

    /// All events that were published, each once, and none that was not committed.
    pub async fn events(&self) -> Vec<Event> {
        let stored = self.stored_bodies().await;
        let published = self.published.lock().unwrap().clone();
        let ids: std::collections::HashSet<_> = published.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), published.len(), "an event was published twice");
        assert_eq!(published.len(), stored.len(), "what is committed is published");
        published.iter().map(|event| Envelope::decode(&event.subject, &event.body).unwrap().event).collect()
    }

    async fn stored_bodies(&self) -> Vec<Vec<u8>> {
        let mut tx = self.database.enter(&self.tenant).await.unwrap();
        sqlx::query_scalar("select body from lead_steps").fetch_all(&mut *tx).await.unwrap()
    }

    pub async fn calls(&self) -> Vec<VendorCalled> {
        let call = |event| match event {
            Event::VendorCalled(call) => Some(call),
            _ => None,
        };
        self.events().await.into_iter().filter_map(call).collect()
    }

    /// The kinds of alerts, in alphabetical order.
    pub async fn alerts(&self) -> Vec<String> {
        let alert = |event| match event {
            Event::AlertRaised(alert) => Some(alert.alert),
            _ => None,
        };
        let mut alerts: Vec<String> = self.events().await.into_iter().filter_map(alert).collect();
        alerts.sort();
        alerts
    }

    /// A number of the ledger or of budgets.
    pub async fn count(&self, statement: &'static str) -> i64 {
        let mut tx = self.database.enter(&self.tenant).await.unwrap();
        sqlx::query(statement).fetch_one(&mut *tx).await.unwrap().get(0)
    }

    /// Events and ledger tell the same sums, and budgets hold what the ledger holds.
    pub async fn adds_up(&self, desk: &VendorDesk) {
        desk.sweep(&self.tenant).await.unwrap();
        let calls = self.calls().await;
        let mut tx = self.database.enter(&self.tenant).await.unwrap();
        let ledger: (rust_decimal::Decimal, rust_decimal::Decimal) =
            sqlx::query_as("select coalesce(sum(cost_usd), 0), coalesce(sum(units), 0) from vendor_intents")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        assert_eq!(
            calls.iter().map(|call| call.cost_usd).sum::<rust_decimal::Decimal>(),
            ledger.0,
            "to the cent, and below"
        );
        assert_eq!(calls.iter().map(|call| call.units).sum::<rust_decimal::Decimal>(), ledger.1);
        let wrong: i64 = sqlx::query_scalar(
            "select count(*) from vendor_budgets b where b.taken <> (select coalesce(sum(case b.meter when 'usd' then i.cost_usd else i.used end), 0)
             from vendor_intents i where b.meter in (i.meter, 'usd') and b.period in (i.day::text, 'run ' || i.run_id))",
        )
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        assert_eq!(wrong, 0, "budgets that hold something else than the ledger");
    }
}

async fn open_run(database: &Database, tenant: &TenantId, now: DateTime<Utc>) -> RunId {
    let mut tx = database.enter(tenant).await.unwrap();
    let new = NewRun {
        kind: RunKind::Manual,
        local_date: None,
        cap: 5000,
        icp_rule: 1,
        icp_version: 1,
        text_expires_on: chrono::NaiveDate::from_ymd_opt(2099, 1, 5).unwrap(),
        company_ids: Vec::new(),
        include: Vec::new(),
    };
    let run = runs::create(&mut tx, &new).await.unwrap().unwrap();
    let targets: Vec<_> = (1..=COMPANIES).map(|id| (CompanyId::new(id).unwrap(), None)).collect();
    admissions::select(&mut tx, run, &targets).await.unwrap();
    admissions::admit(&mut tx, COMPANIES, now, now + TimeDelta::hours(1)).await.unwrap();
    tx.commit().await.unwrap();
    run
}

pub const KEY: &str = "tvly-very-secret";

/// All vendors at the stub, with no rate to speak of.
pub fn config(stub: &Stub) -> VendorConfig {
    let secrets = Vendor::ALL.into_iter().fold(Secrets::none(), |secrets, vendor| secrets.with(vendor, KEY));
    Vendor::ALL.into_iter().fold(VendorConfig::new(secrets), |config, vendor| {
        let terms = Terms { rate: Rate { per_minute: 60_000_000 }, concurrency: 64 };
        config.at(vendor, stub.url()).unwrap().under(vendor, terms)
    })
}

/// The real policy, but hardly any waiting.
pub fn quick() -> Policy {
    Policy { backoff: Duration::from_millis(1), backoff_max: Duration::from_millis(5), ..Policy::default() }
}

/// The same with a breaker that never opens.
pub fn without_breaker() -> Policy {
    Policy { breaker: BreakerPolicy { failures_max: u32::MAX, ..BreakerPolicy::default() }, ..quick() }
}
