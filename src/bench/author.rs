//! Events of a bench: as workers make them, sealed and of their usual size.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use presdr_events::{
    Actor, Clear, CompanyId, Event, EventId, Header, IdentifierKind, Key, Route, RunId, Step, TenantId, lead, vendor,
};
use presdr_nats::Message;
use presdr_servers::Postgres;
use presdr_store::{
    Database, Role, StoreError,
    keys::{DataSubject, Keyring, random},
    tenants,
};
use rust_decimal::Decimal;
use serde_json::json;

/// Bytes of an event.
const EVENT_BYTES: usize = 1024;
/// Each person stands in so many events.
const EVENTS_OF_PERSON: u32 = 10;
/// People who are made at a time.
const PEOPLE_TOGETHER: usize = 1_000;
/// Events of a lead's whole way.
pub const EVENTS_OF_LEAD: u32 = 5;
/// Leads of a run.
pub const LEADS_OF_RUN: u32 = 1_000;

/// Writes events with personal data.
pub struct Author {
    tenant: TenantId,
    run: RunId,
    time: DateTime<Utc>,
    /// Opens what they hold.
    pub keyring: Keyring,
    people: HashMap<u32, DataSubject>,
    /// Brings an event to its size.
    padding: String,
    /// The same for an event that names nobody.
    padding_of_nobody: String,
}

impl Author {
    /// A tenant, its keys, and the people of `count` events.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn new(postgres: &Postgres, count: u32) -> anyhow::Result<Self> {
        let producer = Database::connect(&postgres.url(), Role::Producer, 2).await?;
        let (tenant, keyring) = (TenantId::new("bench")?, Keyring::new(Key::new(random())));
        let mut tx = producer.enter(&tenant).await?;
        tenants::create(&mut tx, &keyring, "Bench").await?;
        let mut people = HashMap::new();
        let numbers: Vec<u32> = (0..=count / EVENTS_OF_PERSON).collect();
        for some in numbers.chunks(PEOPLE_TOGETHER) {
            let addresses: Vec<_> = some.iter().map(|number| (IdentifierKind::Email, address(*number))).collect();
            let found = keyring.identified(&mut tx, &tenant, &addresses).await?;
            people.extend(some.iter().zip(found).filter_map(|(number, person)| Some((*number, person?))));
        }
        tx.commit().await?;
        producer.close().await;
        let (run, time, padding) = (RunId::new(1)?, DateTime::UNIX_EPOCH, String::new());
        let padding_of_nobody = String::new();
        let mut author = Self { tenant, run, time, keyring, people, padding, padding_of_nobody };
        let missing = |message: Message| EVENT_BYTES.saturating_sub(message.body.len());
        let (named, nobody) = (missing(author.event(count)?), missing(author.event_of_nobody(count)?));
        (author.padding, author.padding_of_nobody) = ("x".repeat(named), "x".repeat(nobody));
        Ok(author)
    }

    /// The event of a company, as a worker makes it: sealed, in its envelope, encoded.
    ///
    /// # Errors
    /// When it cannot be sealed or encoded.
    pub fn event(&self, company: u32) -> anyhow::Result<Message> {
        self.extraction(self.run, company)
    }

    /// An event of the same kind and size without personal data: of a second attempt, so that it is another event.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn event_of_nobody(&self, company: u32) -> anyhow::Result<Message> {
        let company = CompanyId::new(i64::from(company))?;
        let id = EventId::of(&self.tenant, Some(self.run), Some(company), "lead.extracted", 2);
        self.told(id, self.run, company, &Event::LeadExtracted(extracted(vec![], &self.padding_of_nobody)))
    }

    /// A lead's whole way in a run of its own or of some others: admitted, resolved, extracted, a vendor asked, scored.
    ///
    /// # Errors
    /// As [`Author::event`].
    pub fn lead(&self, company: u32) -> anyhow::Result<[Message; EVENTS_OF_LEAD as usize]> {
        let run = RunId::new(i64::from(1 + company / LEADS_OF_RUN))?;
        let route = || Route { next: "score".to_owned(), because: "bench".to_owned() };
        let admitted =
            lead::Admitted { step: step("admit"), position: 1 + company % LEADS_OF_RUN, deadline: self.time };
        let resolved = lead::DomainResolved {
            step: step("resolve"),
            domain: format!("company{company}.example"),
            method: "guessed".to_owned(),
            confidence: 0.9,
            evidence: vec!["bench".to_owned()],
            route: route(),
        };
        Ok([
            self.tell(run, company, &Event::LeadAdmitted(admitted))?,
            self.tell(run, company, &Event::LeadDomainResolved(resolved))?,
            self.extraction(run, company)?,
            self.tell(run, company, &Event::VendorCalled(call()))?,
            self.tell(run, company, &Event::LeadScored(scored()))?,
        ])
    }

    fn extraction(&self, run: RunId, company: u32) -> anyhow::Result<Message> {
        let company_id = CompanyId::new(i64::from(company))?;
        let id = EventId::of(&self.tenant, Some(run), Some(company_id), "lead.extracted", 1);
        let email = self.email(id, company)?;
        self.told(id, run, company_id, &Event::LeadExtracted(extracted(vec![email], &self.padding)))
    }

    fn tell(&self, run: RunId, company: u32, event: &Event) -> anyhow::Result<Message> {
        let company = CompanyId::new(i64::from(company))?;
        let id = EventId::of(&self.tenant, Some(run), Some(company), event.event_type().name, 1);
        self.told(id, run, company, event)
    }

    fn told(&self, id: EventId, run: RunId, company: CompanyId, event: &Event) -> anyhow::Result<Message> {
        let header = Header {
            id,
            source: "bench",
            time: self.time,
            tenant: self.tenant.clone(),
            run: Some(run),
            company: Some(company),
            actor: Actor::service("bench"),
            correlation: id,
            causation: Some(id),
            traceparent: None,
        };
        Ok(Message { id, subject: header.subject(event).to_string(), body: header.encode(event)?.into() })
    }

    fn email(&self, event: EventId, company: u32) -> Result<lead::FoundEmail, StoreError> {
        let number = company / EVENTS_OF_PERSON;
        let person =
            self.people.get(&number).ok_or_else(|| StoreError::Refused("the bench lacks a person".to_owned()))?;
        let address = Clear(address(number));
        Ok(lead::FoundEmail {
            address: person.seal(&self.tenant, event, "email.address", &address)?,
            first_name: None,
            last_name: None,
            role_title: None,
            role_account: false,
            own_domain: true,
            source: "site".to_owned(),
        })
    }
}

fn extracted(emails: Vec<lead::FoundEmail>, padding: &str) -> lead::Extracted {
    lead::Extracted {
        step: Step::done("extract", 12, 1, Vec::new()),
        corpus_hash: String::new(),
        words: 500,
        text_characters: 3000,
        language: Some("eng".to_owned()),
        technologies: vec![padding.to_owned()],
        social_networks: Vec::new(),
        careers: true,
        jobs_count: 2,
        keywords: Vec::new(),
        identity_confirmed: true,
        emails,
        people: Vec::new(),
        phones: Vec::new(),
        emails_dropped: std::collections::BTreeMap::new(),
        ai: None,
        route: Route { next: "score".to_owned(), because: "bench".to_owned() },
    }
}

fn address(number: u32) -> String {
    format!("person{number}@bench.example")
}

fn step(tool: &str) -> Step {
    Step::done(tool, 12, 1, Vec::new())
}

fn call() -> vendor::VendorCalled {
    vendor::VendorCalled {
        step: step("zerobounce.validate"),
        vendor: "zerobounce".to_owned(),
        operation: "validate".to_owned(),
        purpose: "verification".to_owned(),
        because: "bench".to_owned(),
        units: Decimal::ONE,
        tokens_input: 0,
        tokens_output: 0,
        cost_usd: Decimal::new(8, 3),
        latency_ms: 300,
        status: vendor::CallStatus::Answered,
        http_status: Some(200),
        requests: 1,
        rate_limit_hits: 0,
        quota_exhausted: false,
        cache_hit: false,
        ledger_id: None,
    }
}

fn scored() -> lead::Scored {
    lead::Scored {
        step: step("score"),
        score: 0.5,
        confidence: 0.8,
        bucket: "Medium".to_owned(),
        contributions: Vec::new(),
        features: json!({ "has_site": 1.0 }),
        rationale: "It fits in part.".to_owned(),
        rationale_source: lead::RationaleSource::Deterministic,
        cache_key: "bench".to_owned(),
        degraded_reasons: Vec::new(),
    }
}
