//! A world of one test: a database, a broker with its users, a sandbox web, two tenants, and the roles.

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use presdr_consumers::{Clock, Services, WorkConfig};
use presdr_events::{Actor, Envelope, Event, RunId, TenantId};
use presdr_nats::{
    Broker,
    topology::{self, TopologyConfig, User},
};
use presdr_producers::{Desk, icp, ingest, runs, tenants};
use presdr_projections::{ProjectorConfig, rebuild::Rebuild, run_projector, wait_for};
use presdr_sandbox::{DemoTenant, Running, Sandbox, SandboxConfig, WebKind, write_acra, write_ssic, write_tenant_list};
use presdr_servers::{Nats, NatsConfig, testing};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Web, WebConfig};
use presdr_store::{Database, Role, runs::Run, testing::TestStore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing here takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub struct World {
    pub store: TestStore,
    pub nats: testing::Own<Nats>,
    pub sandbox: Running,
    pub desk: Desk,
    pub files: tempfile::TempDir,
}

/// Roles in the background. Dropped without [`Roles::stop`] they are cut off where they stand.
pub struct Roles {
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Roles {
    pub async fn stop(mut self) {
        self.stopping.cancel();
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl World {
    /// A world with so many made-up companies and sites.
    pub async fn new(companies: usize) -> Self {
        Self::with(WebKind::Varied { sites: companies }).await
    }

    pub async fn with(web: WebKind) -> Self {
        Self::on(TestStore::new().await.unwrap(), web).await
    }

    /// The same with this database.
    pub async fn on(store: TestStore, web: WebKind) -> Self {
        let access = topology::authorization(|user| user.name().to_owned());
        let nats = testing::nats_with(NatsConfig { access, ..NatsConfig::default() }).await.unwrap();
        let sandbox = Sandbox::start(SandboxConfig { web, ..SandboxConfig::default() }).await.unwrap();
        let broker = connect(&nats.url(), User::Topology).await;
        let topology =
            TopologyConfig { events_bytes_max: 1 << 30, ack_wait: Duration::from_secs(3), ..TopologyConfig::default() };
        topology::apply(&broker, &topology).await.unwrap();
        let clock = Clock::system();
        let desk = Desk::new(
            store.connect(Role::Producer).await.unwrap(),
            connect(&nats.url(), User::Producer).await,
            Arc::new(store.keyring()),
            Actor::new("user:test").unwrap(),
            move || clock.now(),
        );
        Self { store, nats, sandbox, desk, files: tempfile::tempdir().unwrap() }
    }

    /// The registry's rows and the classification.
    pub async fn ingest_registry(&self, companies: usize) {
        ingest_registry(&self.desk, self.files.path(), companies).await;
    }

    /// A tenant of the demonstration with its list and profile.
    pub async fn tenant(&self, which: DemoTenant, companies: usize) -> TenantId {
        tenant(&self.desk, self.files.path(), which, companies).await
    }

    /// A tenant with an own list of names and domains, and a profile that admits them all.
    pub async fn tenant_of(&self, slug: &str, companies: &[(String, String)]) -> TenantId {
        let tenant = TenantId::new(slug).unwrap();
        tenants::create(&self.desk, &tenant, slug).await.unwrap();
        let list = self.files.path().join(format!("{tenant}.csv"));
        let rows: String = companies.iter().map(|(name, domain)| format!("\"{name}\",{domain}\n")).collect();
        std::fs::write(&list, format!("name,domain\n{rows}")).unwrap();
        ingest::companies(self.desk.database(), &tenant, &list).await.unwrap();
        icp::set(&self.desk, &tenant, r#"{"keywords": ["services"]}"#).await.unwrap();
        tenant
    }

    /// Workers and a projector, quick rather than polite: loopback has no owner to be polite to.
    pub async fn roles(&self) -> Roles {
        self.roles_with(|_| {}).await
    }

    pub async fn roles_with(&self, change: impl FnOnce(&mut WorkConfig)) -> Roles {
        self.roles_of(self.services(impatient(change)).await).await
    }

    /// What a worker process has at hand.
    pub async fn services(&self, config: WorkConfig) -> Services {
        Services::new(
            Database::connect(self.store.url(), Role::Worker, 16).await.unwrap(),
            Arc::new(self.store.keyring()),
            connect(&self.nats.url(), User::Worker).await,
            self.web(),
            Clock::system(),
            config,
        )
    }

    /// Workers with these services, and a projector.
    pub async fn roles_of(&self, services: Services) -> Roles {
        let keyring = Arc::clone(&services.keyring);
        let stopping = CancellationToken::new();
        let until = stopping.clone();
        let work = tokio::spawn(async move { presdr_consumers::work(&services, &[], until).await.unwrap() });
        let projector = self.store.connect(Role::Projector).await.unwrap();
        let broker = connect(&self.nats.url(), User::Projector).await;
        let until = stopping.clone();
        let project = tokio::spawn(async move {
            run_projector(&projector, broker.jetstream(), keyring, until, ProjectorConfig::default()).await.unwrap();
        });
        Roles { stopping, tasks: vec![work, project] }
    }

    pub fn web(&self) -> Web {
        let address: IpAddr = self.sandbox.address.ip();
        let everything = ResolveTo::new(DevelopmentOnly::confirmed(), address, self.sandbox.address.port(), None);
        Web::new(WebConfig { resolve_to: Some(everything), ..WebConfig::default() }).unwrap()
    }

    pub async fn start(&self, tenant: &TenantId, cap: u32) -> RunId {
        runs::start(&self.desk, tenant, Some(cap)).await.unwrap().run
    }

    /// Waits until the run is over and people can read what came of it.
    pub async fn finished(&self, tenant: &TenantId, run: RunId) -> Run {
        let waiting = async {
            loop {
                let held = runs::show(&self.desk, tenant, run).await.unwrap();
                if held.finished_at.is_some() {
                    return held;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let held = tokio::time::timeout(PATIENCE, waiting).await.expect("the run does not end");
        self.projected().await;
        held
    }

    /// Waits until the read models hold everything that is published.
    pub async fn projected(&self) {
        let reader = self.store.connect(Role::Projector).await.unwrap();
        let last = self.last_sequence().await;
        wait_for(&reader, last, PATIENCE).await.unwrap();
        reader.close().await;
    }

    pub async fn last_sequence(&self) -> u64 {
        let broker = connect(&self.nats.url(), User::Projector).await;
        topology::events(&broker).await.unwrap().cached_info().state.last_sequence
    }

    /// Every event of the log, in order.
    pub async fn events(&self) -> Vec<Envelope> {
        let broker = connect(&self.nats.url(), User::Projector).await;
        let stream = topology::events(&broker).await.unwrap();
        let state = stream.cached_info().state.clone();
        let mut events = Vec::new();
        for sequence in 1..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            events.push(Envelope::decode(&message.subject, &message.payload).unwrap());
        }
        events
    }

    /// The run's shortlist as people read it: rank, company, score, bucket.
    pub async fn shortlist(&self, tenant: &TenantId, run: RunId) -> Vec<(i64, i64, Option<f64>, Option<String>)> {
        shortlist(&self.desk, tenant, run).await
    }

    /// How the run's leads ended.
    pub async fn outcomes(&self, tenant: &TenantId, run: RunId) -> BTreeMap<String, i64> {
        let mut tx = self.desk.database().enter(tenant).await.unwrap();
        sqlx::query_as::<_, (String, i64)>(
            "select coalesce(outcome, state), count(*) from admissions where tenant_id = $1 and run_id = $2 group by 1",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .fetch_all(&mut *tx)
        .await
        .unwrap()
        .into_iter()
        .collect()
    }
}

/// The registry's rows and the classification.
pub async fn ingest_registry(desk: &Desk, files: &Path, companies: usize) {
    let (ssic, acra) = (files.join("ssic.csv"), files.join("acra.csv"));
    write_ssic(&ssic).unwrap();
    write_acra(&acra, 1, companies).unwrap();
    ingest::ssic(desk.database(), &ssic).await.unwrap();
    ingest::acra(desk.database(), &[acra], &|_| {}).await.unwrap();
}

/// A tenant of the demonstration with its list and profile.
pub async fn tenant(desk: &Desk, files: &Path, which: DemoTenant, companies: usize) -> TenantId {
    let tenant = TenantId::new(which.slug()).unwrap();
    tenants::create(desk, &tenant, which.name()).await.unwrap();
    let list = files.join(format!("{tenant}.csv"));
    write_tenant_list(&list, 1, companies, which).unwrap();
    ingest::companies(desk.database(), &tenant, &list).await.unwrap();
    icp::set(desk, &tenant, &which.icp().to_string()).await.unwrap();
    tenant
}

/// The run's shortlist as people read it: rank, company, score, bucket.
pub async fn shortlist(desk: &Desk, tenant: &TenantId, run: RunId) -> Vec<(i64, i64, Option<f64>, Option<String>)> {
    let mut tx = desk.database().enter(tenant).await.unwrap();
    sqlx::query_as(
        "select rank, company_id, score, bucket from shortlists where tenant_id = $1 and run_id = $2 order by rank",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut *tx)
    .await
    .unwrap()
}

/// What a rebuild of all read models of this world works with, for `run`.
pub async fn rebuilding<T>(world: &World, run: impl AsyncFnOnce(Rebuild<'_>) -> T) -> T {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let projector = world.store.connect(Role::Projector).await.unwrap();
    let broker = connect(&world.nats.url(), User::Projector).await;
    run(Rebuild {
        owner: &owner,
        projector: &projector,
        context: broker.jetstream(),
        keyring: &world.store.keyring(),
        only: &[],
        config: ProjectorConfig::default(),
        cancel: CancellationToken::new(),
    })
    .await
}

pub async fn connect(url: &str, user: User) -> Broker {
    Broker::connect(url, Some((user, user.name()))).await.unwrap()
}

/// The names of the events, each id once: a fact told twice is one fact.
pub fn facts(events: &[Envelope], keep: impl Fn(&Envelope) -> bool) -> BTreeMap<&'static str, usize> {
    let mut seen = HashSet::new();
    let mut counts = BTreeMap::new();
    for event in events.iter().filter(|event| keep(event) && seen.insert(event.id)) {
        *counts.entry(event.event.event_type().name).or_default() += 1;
    }
    counts
}

/// The scores that the events tell, by company.
pub fn scores(events: &[Envelope], tenant: &TenantId, run: RunId) -> BTreeMap<i64, f64> {
    let of_run = events.iter().filter(|event| event.tenant == *tenant && event.run == Some(run));
    of_run
        .filter_map(|event| match &event.event {
            Event::LeadScored(scored) => Some((event.company?.get(), scored.score)),
            _ => None,
        })
        .collect()
}

/// How workers work in tests, with a change: quick rather than polite.
pub fn impatient(change: impl FnOnce(&mut WorkConfig)) -> WorkConfig {
    let crawl = CrawlPolicy { min_interval: Duration::from_millis(1), ..CrawlPolicy::default() };
    let mut config = WorkConfig {
        crawl,
        sweep_every: Duration::from_millis(200),
        unpublished_after: Duration::from_secs(1),
        ..WorkConfig::default()
    };
    change(&mut config);
    config
}
