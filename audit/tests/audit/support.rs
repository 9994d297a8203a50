//! A database, a broker with its users, a projector, and a small log.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeZone, Utc};
use presdr_audit::{Finding, Log, Message, PublicKeys, Signer, SigningKey, Stores, Verified};
use presdr_events::{
    Actor, CompanyId, Event, EventId, Header, Route, RunId, Step, TenantId, audit::SignedCheckpoint, lead, run,
};
use presdr_nats::{
    Broker,
    topology::{self, TopologyConfig, User},
};
use presdr_producers::Desk;
use presdr_projections::{ProjectorConfig, rebuild, run_projector, wait_for};
use presdr_servers::{Nats, NatsConfig, testing};
use presdr_store::{Database, Role, testing::TestStore};
use tokio_util::sync::CancellationToken;

/// Nothing here takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub store: TestStore,
    _nats: testing::Own<Nats>,
    pub publisher: Broker,
    pub projector: Broker,
    pub desk: Desk,
    pub log: Log,
}

pub fn at(second: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 17, 0, 0).unwrap() + chrono::Duration::seconds(second)
}

impl World {
    pub async fn new() -> Self {
        let store = TestStore::new().await.unwrap();
        // Everybody has the rights that the topology gives them, and no more.
        let access = topology::authorization(|user| user.name().to_owned());
        let nats = testing::nats_with(NatsConfig { access, ..NatsConfig::default() }).await.unwrap();
        let url = nats.url();
        let connect = |user: User| {
            let url = url.clone();
            async move { Broker::connect(&url, Some((user, user.name()))).await.unwrap() }
        };
        let limits = TopologyConfig { events_bytes_max: 1 << 30, ..TopologyConfig::default() };
        topology::apply(&connect(User::Topology).await, &limits).await.unwrap();
        let (publisher, projector) = (connect(User::Producer).await, connect(User::Projector).await);
        let desk = Desk::new(
            store.connect(Role::Producer).await.unwrap(),
            publisher.clone(),
            Arc::new(store.keyring()),
            Actor::service("test"),
            || at(0),
        );
        let log = Log::open(&connect(User::Auditor).await).await.unwrap();
        Self { store, _nats: nats, publisher, projector, desk, log }
    }

    pub async fn tenant(&self, slug: &str) -> TenantId {
        self.store.tenant(slug).await.unwrap()
    }

    pub fn stores<'a>(&'a self, log: &'a Log) -> Stores<'a> {
        Stores { database: self.desk.database(), log }
    }

    pub async fn verify(&self, tenant: &TenantId) -> Result<Verified, Finding> {
        self.stores(&self.log).verify(tenant, &keys(), &[]).await.unwrap()
    }

    pub fn signer(&self) -> Signer {
        Signer::new(self.desk.clone(), self.log.clone(), signing_key(), None).unwrap()
    }

    /// Signs what is there, and waits until people can read that it was.
    pub async fn sign(&self, tenant: &TenantId) -> SignedCheckpoint {
        let signed = self.signer().sign(tenant).await.unwrap().unwrap();
        self.project_all().await;
        signed
    }

    pub async fn publish(&self, told: &[Told]) {
        for Told { subject, body } in told {
            let sent = self.publisher.jetstream().publish(subject.clone(), body.clone().into()).await.unwrap();
            sent.await.unwrap();
        }
    }

    /// Projects what the log has, and stops.
    pub async fn project_all(&self) {
        let database = self.store.connect(Role::Projector).await.unwrap();
        let (pool, context, keyring) = (database.clone(), self.projector.jetstream().clone(), self.desk.keyring());
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        let config = ProjectorConfig::default();
        let running = tokio::spawn(async move { run_projector(&pool, &context, keyring, stop, config).await });
        wait_for(&database, self.log.last_sequence().await.unwrap(), PATIENCE).await.unwrap();
        cancel.cancel();
        running.await.unwrap().unwrap();
    }

    pub async fn rebuild(&self) {
        let (owner, projector) =
            (self.store.connect(Role::Owner).await.unwrap(), self.store.connect(Role::Projector).await.unwrap());
        let work = rebuild::Rebuild {
            owner: &owner,
            projector: &projector,
            context: self.projector.jetstream(),
            keyring: &self.desk.keyring(),
            only: &[],
            config: ProjectorConfig::default(),
            cancel: CancellationToken::new(),
        };
        rebuild::rebuild(work, |_| {}).await.unwrap();
    }

    /// Whoever owns the tables: nobody that presdr's services are.
    pub async fn owner(&self) -> Database {
        self.store.connect(Role::Owner).await.unwrap()
    }

    /// Does to the tables what no service could do.
    pub async fn tamper(&self, tenant: &TenantId, statements: &[String]) {
        let owner = self.owner().await;
        let mut tx = owner.enter(tenant).await.unwrap();
        for statement in statements {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        owner.close().await;
    }

    /// Everything that the log holds.
    pub async fn messages(&self) -> Vec<Message> {
        let last = self.log.last_sequence().await.unwrap();
        futures::TryStreamExt::try_collect(self.log.at((1..=last).collect())).await.unwrap()
    }
}

pub fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[7; 32]).unwrap()
}

pub fn keys() -> PublicKeys {
    signing_key().public().unwrap().into()
}

/// An event as it is published.
#[derive(Debug, Clone)]
pub struct Told {
    pub subject: String,
    pub body: Vec<u8>,
}

/// What happened to a company in a run.
pub fn tell(tenant: &TenantId, company: Option<i64>, second: i64, event: &Event) -> Told {
    let (run, company) = (RunId::new(1).ok(), company.map(|id| CompanyId::new(id).unwrap()));
    let id = EventId::of(tenant, run, company, event.event_type().name, event.attempt());
    let header = Header {
        id,
        source: "test",
        time: at(second),
        tenant: tenant.clone(),
        run,
        company,
        actor: Actor::service("test"),
        correlation: id,
        causation: None,
        traceparent: None,
    };
    Told { subject: header.subject(event).to_string(), body: header.encode(event).unwrap() }
}

pub fn started(tenant: &TenantId) -> Told {
    let kind = run::RunKind::Manual;
    let step = Step::done("start", 1, 1, vec![]);
    let event = run::Started {
        step,
        kind,
        local_date: None,
        cap: 5,
        icp_rule: 1,
        icp_version: 1,
        company_ids: Vec::new(),
        include: Vec::new(),
    };
    tell(tenant, None, 0, &Event::RunStarted(event))
}

pub fn resolved(tenant: &TenantId, company: i64) -> Told {
    let event = lead::DomainResolved {
        step: Step::done("resolve", 20, 1, vec![]).with("candidates", 3),
        domain: format!("company{company}.example"),
        method: "guessed".to_owned(),
        confidence: 0.9,
        evidence: vec!["its UEN stands on the page".to_owned()],
        route: Route { next: "crawl".to_owned(), because: "the domain is known".to_owned() },
    };
    tell(tenant, Some(company), company, &Event::LeadDomainResolved(event))
}

pub fn thin(tenant: &TenantId, company: i64) -> Told {
    let event = lead::Visit {
        step: Step::done("crawl", 200, 1, vec![presdr_events::DegradedReason::SiteThin]).with("requests", 3),
        domain: format!("company{company}.example"),
        pages: vec![],
        skipped: BTreeMap::new(),
        robots: "allows all".to_owned(),
        verdict: "thin".to_owned(),
        measured: BTreeMap::from([("words".to_owned(), 12.0)]),
        route: Route { next: "score".to_owned(), because: "the site says little and no vendor may read it".to_owned() },
    };
    tell(tenant, Some(company), 10 + company, &Event::LeadThin(event))
}

/// What happened to some companies, two events each.
pub fn visits(tenant: &TenantId, companies: std::ops::RangeInclusive<i64>) -> Vec<Told> {
    companies.flat_map(|company| [resolved(tenant, company), thin(tenant, company)]).collect()
}
