//! A database, a broker and a log of invented runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use presdr_events::{
    Actor, Attempt, Clear, CompanyId, DegradedReason, Event, EventId, Header, IdentifierKind, Route, RunId, Step,
    StepStatus, TenantId, lead, run,
};
use presdr_nats::topology::User;
use presdr_nats::{Broker, topology};
use presdr_projections::rebuild::{Compared, Rebuild, Rebuilt, rebuild, verify};
use presdr_projections::{ProjectError, ProjectorConfig, run_projector, wait_for};
use presdr_servers::{Nats, NatsConfig, testing};
use presdr_store::keys::{DataSubject, Keyring};
use presdr_store::testing::TestStore;
use presdr_store::{Database, Role};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing here takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub store: TestStore,
    nats: testing::Own<Nats>,
    pub broker: Broker,
    pub publisher: Broker,
    pub keyring: Arc<Keyring>,
    pub worker: Database,
    pub projector: Database,
    pub config: ProjectorConfig,
}

/// A projector that runs until it is told to stop.
pub struct Running {
    pub cancel: CancellationToken,
    pub task: JoinHandle<Result<(), ProjectError>>,
}

impl Running {
    pub async fn stop(self) -> Result<(), ProjectError> {
        self.cancel.cancel();
        self.task.await.unwrap()
    }

    /// As if the process were killed: whatever it was doing is dropped where it stands.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
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
        let limits = topology::TopologyConfig { events_bytes_max: 1 << 30, ..Default::default() };
        topology::apply(&connect(User::Topology).await, &limits).await.unwrap();
        let (broker, publisher) = (connect(User::Projector).await, connect(User::Producer).await);
        let (keyring, projector) = (Arc::new(store.keyring()), store.connect(Role::Projector).await.unwrap());
        let worker = store.connect(Role::Worker).await.unwrap();
        Self { store, worker, nats, broker, publisher, keyring, projector, config: ProjectorConfig::default() }
    }

    /// A connection of the gateway, which may look at what is told.
    pub async fn gateway(&self) -> Broker {
        Broker::connect(&self.nats.url(), Some((User::Gateway, User::Gateway.name()))).await.unwrap()
    }

    pub fn project(&self) -> Running {
        self.project_with(self.config.clone())
    }

    pub fn project_with(&self, config: ProjectorConfig) -> Running {
        let (database, context, keyring) =
            (self.projector.clone(), self.broker.jetstream().clone(), Arc::clone(&self.keyring));
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        let task = tokio::spawn(async move { run_projector(&database, &context, keyring, stop, config).await });
        Running { cancel, task }
    }

    /// Projects what the log has, and stops.
    pub async fn project_all(&self) {
        let running = self.project();
        self.wait(self.last_sequence().await).await;
        running.stop().await.unwrap();
    }

    pub async fn wait(&self, sequence: u64) {
        wait_for(&self.projector, sequence, PATIENCE).await.unwrap();
    }

    pub async fn rebuild(&self) -> Rebuilt {
        self.rebuild_until(CancellationToken::new(), |_| {}).await.unwrap()
    }

    pub async fn rebuild_until(
        &self,
        cancel: CancellationToken,
        progress: impl FnMut(presdr_projections::rebuild::Progress),
    ) -> Result<Rebuilt, ProjectError> {
        self.rebuild_some(&[], cancel, progress).await
    }

    /// Makes only these read models anew.
    pub async fn rebuild_only(&self, names: &[&str]) -> Result<Rebuilt, ProjectError> {
        self.rebuild_some(names, CancellationToken::new(), |_| {}).await
    }

    pub async fn rebuild_some(
        &self,
        names: &[&str],
        cancel: CancellationToken,
        progress: impl FnMut(presdr_projections::rebuild::Progress),
    ) -> Result<Rebuilt, ProjectError> {
        let (owner, only) = (self.store.connect(Role::Owner).await.unwrap(), owned(names));
        rebuild(self.work(&owner, &only, cancel), progress).await
    }

    /// Compares these read models with what the log makes of them; all when none is named.
    pub async fn verify(&self, names: &[&str]) -> Result<Vec<Compared>, ProjectError> {
        let (owner, only) = (self.store.connect(Role::Owner).await.unwrap(), owned(names));
        verify(self.work(&owner, &only, CancellationToken::new()), |_| {}).await
    }

    fn work<'a>(&'a self, owner: &'a Database, only: &'a [String], cancel: CancellationToken) -> Rebuild<'a> {
        Rebuild {
            owner,
            projector: &self.projector,
            context: self.broker.jetstream(),
            keyring: &self.keyring,
            only,
            config: self.config.clone(),
            cancel,
        }
    }

    pub async fn last_sequence(&self) -> u64 {
        topology::events(&self.broker).await.unwrap().cached_info().state.last_sequence
    }

    /// Stores messages at the end of the log, many in flight, and tells the last one's place.
    pub async fn publish(&self, messages: &[Told]) -> u64 {
        let mut acknowledgements = Vec::with_capacity(messages.len());
        for told in messages {
            let sent = self.publisher.jetstream().publish(told.subject.clone(), told.body.clone().into()).await;
            acknowledgements.push(sent.unwrap());
        }
        let mut last = 0;
        for acknowledgement in acknowledgements {
            last = acknowledgement.await.unwrap().sequence;
        }
        last
    }

    /// Every row that the tenant's read models hold, by table.
    pub async fn rows(&self, tenant: &TenantId) -> BTreeMap<String, Vec<Value>> {
        let mut tx = self.projector.enter(tenant).await.unwrap();
        let tables: Vec<String> =
            sqlx::query_scalar("select projection_tables('public')::text").fetch_all(&mut *tx).await.unwrap();
        assert!(tables.len() > 10, "{tables:?}");
        let mut all = BTreeMap::new();
        for table in tables {
            let statement = format!("select to_jsonb(kept) from {table} as kept order by to_jsonb(kept)::text");
            let rows: Vec<Value> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_all(&mut *tx).await.unwrap();
            all.insert(table, rows);
        }
        all
    }

    pub async fn count(&self, tenant: &TenantId, statement: &'static str) -> i64 {
        let mut tx = self.projector.enter(tenant).await.unwrap();
        sqlx::query_scalar(statement).fetch_one(&mut *tx).await.unwrap()
    }

    pub async fn subject(&self, tenant: &TenantId, kind: IdentifierKind, identifier: &str) -> DataSubject {
        let mut tx = self.worker.enter(tenant).await.unwrap();
        let subject = self.keyring.subject(&mut tx, tenant, kind, identifier).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        subject
    }
}

/// An event as it is published.
#[derive(Debug, Clone)]
pub struct Told {
    pub subject: String,
    pub body: Vec<u8>,
}

/// Tells what happened in one run of one tenant.
pub struct Teller<'a> {
    pub tenant: &'a TenantId,
    pub run: RunId,
}

pub fn company(number: i64) -> CompanyId {
    CompanyId::new(number).unwrap()
}

pub fn at(second: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 17, 0, 0).unwrap() + chrono::Duration::seconds(i64::from(second))
}

pub fn step(tool: &str, milliseconds: u64, attempt: Attempt) -> Step {
    Step::done(tool, milliseconds, attempt, vec![])
}

fn route() -> Route {
    Route { next: "score".to_owned(), because: "enough is known".to_owned() }
}

impl Teller<'_> {
    pub fn id(&self, company: Option<CompanyId>, event: &Event) -> EventId {
        EventId::of(self.tenant, Some(self.run), company, event.event_type().name, event.attempt())
    }

    pub fn tell(&self, second: u32, company: Option<CompanyId>, event: &Event) -> Told {
        let id = self.id(company, event);
        let header = Header {
            id,
            source: "test",
            time: at(second),
            tenant: self.tenant.clone(),
            run: Some(self.run),
            company,
            actor: Actor::service("test"),
            correlation: id,
            causation: None,
            traceparent: None,
        };
        Told { subject: header.subject(event).to_string(), body: header.encode(event).unwrap() }
    }

    pub fn started(&self) -> Told {
        let kind = run::RunKind::Manual;
        let event = run::Started {
            step: step("start", 1, 1),
            kind,
            local_date: None,
            cap: 50,
            icp_rule: 1,
            icp_version: 1,
            company_ids: Vec::new(),
            include: Vec::new(),
        };
        self.tell(0, None, &Event::RunStarted(event))
    }

    pub fn targeted(&self, companies: &[CompanyId]) -> Told {
        let never_seen = u32::try_from(companies.len()).unwrap();
        let event =
            run::Targeted { step: step("target", 7, 1), company_ids: companies.to_vec(), candidates: 99, never_seen };
        self.tell(1, None, &Event::RunTargeted(event))
    }

    pub fn admitted(&self, company: CompanyId, attempt: Attempt) -> Told {
        let event = lead::Admitted { step: step("admit", 0, attempt), position: 1, deadline: at(900) };
        self.tell(2, Some(company), &Event::LeadAdmitted(event))
    }

    pub fn resolved(&self, company: CompanyId, attempt: Attempt, domain: &str) -> Told {
        let event = lead::DomainResolved {
            step: step("resolve", 20, attempt),
            domain: domain.to_owned(),
            method: "registry".to_owned(),
            confidence: 1.0,
            evidence: vec!["the registry has it".to_owned()],
            route: route(),
        };
        self.tell(3, Some(company), &Event::LeadDomainResolved(event))
    }

    pub fn thin(&self, company: CompanyId, attempt: Attempt, milliseconds: u64) -> Told {
        let event = lead::Visit {
            step: Step::done("crawl", milliseconds, attempt, vec![DegradedReason::SiteThin]).with("requests", 3),
            domain: "acme.example".to_owned(),
            pages: vec![],
            skipped: BTreeMap::new(),
            robots: "allows all".to_owned(),
            verdict: "thin".to_owned(),
            measured: BTreeMap::from([("words".to_owned(), 12.0)]),
            route: route(),
        };
        self.tell(4, Some(company), &Event::LeadThin(event))
    }

    /// With one address of a person; `subject` is whose.
    pub fn extracted(&self, company: CompanyId, attempt: Attempt, subject: &DataSubject, address: &str) -> Told {
        self.extracted_at(5, company, attempt, subject, address)
    }

    pub fn extracted_at(
        &self,
        second: u32,
        company: CompanyId,
        attempt: Attempt,
        subject: &DataSubject,
        address: &str,
    ) -> Told {
        let id = EventId::of(self.tenant, Some(self.run), Some(company), "lead.extracted", attempt);
        let seal = |field, value: &str| subject.seal(self.tenant, id, field, &Clear(value.to_owned())).unwrap();
        let email = lead::FoundEmail {
            address: seal("email.address", address),
            first_name: Some(seal("email.first_name", "Jane")),
            last_name: Some(seal("email.last_name", "Example")),
            role_title: Some(seal("email.role_title", "Founder")),
            role_account: false,
            own_domain: true,
            source: "site".to_owned(),
        };
        let event = lead::Extracted {
            step: step("extract", 30, attempt),
            corpus_hash: "c0ffee".to_owned(),
            words: 120,
            text_characters: 700,
            language: Some("eng".to_owned()),
            technologies: vec!["wordpress".to_owned(), "say \"hi\"".to_owned()],
            social_networks: vec![],
            careers: true,
            jobs_count: 2,
            keywords: vec!["freight".to_owned()],
            identity_confirmed: true,
            emails: vec![email],
            people: vec![lead::FoundPerson {
                name: seal("person.name", "Jane Example"),
                role_title: None,
                profile: None,
                wanted: true,
                source: "site".to_owned(),
            }],
            phones: vec![seal("phone", "+6560000000")],
            emails_dropped: BTreeMap::new(),
            ai: None,
            route: route(),
        };
        self.tell(second, Some(company), &Event::LeadExtracted(event))
    }

    pub fn verified(&self, company: CompanyId, attempt: Attempt, subject: &DataSubject, status: &str) -> Told {
        let email = lead::VerifiedEmail {
            subject: subject.id,
            status: status.to_owned(),
            confidence: Some(0.9),
            source: "test".to_owned(),
            sub_status: None,
            checked_at: None,
        };
        let event = lead::EmailsVerified { step: step("verify", 40, attempt), emails: vec![email], route: route() };
        self.tell(6, Some(company), &Event::LeadEmailsVerified(event))
    }

    pub fn scored(&self, company: CompanyId, attempt: Attempt, score: f64) -> Told {
        let event = lead::Scored {
            step: step("score", 50, attempt),
            score,
            confidence: 0.8,
            bucket: "High".to_owned(),
            contributions: vec![],
            features: serde_json::json!({ "words": 120 }),
            rationale: "It fits.".to_owned(),
            rationale_source: lead::RationaleSource::Deterministic,
            cache_key: "cafe".to_owned(),
            degraded_reasons: vec![DegradedReason::SiteThin],
        };
        self.tell(7, Some(company), &Event::LeadScored(event))
    }

    pub fn parked(&self, company: CompanyId, attempt: Attempt) -> Told {
        let failed =
            Step { status: StepStatus::Failed, ..Step::done("crawl", 60, attempt, vec![DegradedReason::LeadsLost]) };
        let event =
            lead::Parked { step: failed, event_id: EventId(uuid::Uuid::nil()), error: "handled too often".to_owned() };
        self.tell(8, Some(company), &Event::LeadParked(event))
    }

    pub fn shortlisted(&self, companies: &[CompanyId]) -> Told {
        let event = run::Shortlisted {
            step: step("shortlist", 3, 1),
            company_ids: companies.to_vec(),
            buckets: BTreeMap::new(),
        };
        self.tell(9, None, &Event::RunShortlisted(event))
    }

    pub fn completed(&self, scored: u32) -> Told {
        let event = run::Completed {
            step: step("complete", 2, 1),
            status: "completed".to_owned(),
            candidates: 99,
            outcomes: BTreeMap::from([("scored".to_owned(), scored)]),
            degraded: BTreeMap::new(),
        };
        self.tell(10, None, &Event::RunCompleted(event))
    }

    pub fn steered(&self, second: u32, attempt: Attempt, event: fn(run::Steered) -> Event) -> Told {
        self.tell(second, None, &event(run::Steered { step: step("steer", 0, attempt), reason: None }))
    }
}

/// A whole run over `leads` companies: the last one is parked, the others are scored.
pub async fn whole_run(world: &World, tenant: &TenantId, run: i64, leads: i64) -> Vec<Told> {
    let teller = Teller { tenant, run: RunId::new(run).unwrap() };
    let companies: Vec<CompanyId> = (1..=leads).map(company).collect();
    let mut told = vec![teller.started(), teller.targeted(&companies)];
    for (number, company) in (1_u32..).zip(&companies) {
        let address = format!("jane{number}@acme.example");
        let subject = world.subject(tenant, IdentifierKind::Email, &address).await;
        told.push(teller.admitted(*company, 1));
        told.push(teller.resolved(*company, 1, "acme.example"));
        if i64::from(number) == leads {
            told.push(teller.parked(*company, 1));
            continue;
        }
        told.push(teller.thin(*company, 1, u64::from(number) * 10));
        told.push(teller.extracted(*company, 1, &subject, &address));
        told.push(teller.verified(*company, 1, &subject, "valid"));
        told.push(teller.scored(*company, 1, f64::from(number) / 1_000.0));
    }
    let ranked: Vec<CompanyId> = companies[..companies.len() - 1].iter().rev().copied().collect();
    told.push(teller.shortlisted(&ranked));
    told.push(teller.completed(u32::try_from(leads - 1).unwrap()));
    told
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
