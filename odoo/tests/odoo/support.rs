//! A tenant of a database of its own, connected to an Odoo.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::{Actor, Clear, CompanyId, RunId, SubjectId, TenantId};
use presdr_odoo::{
    desk::{self, OdooError},
    rehearsal::{Rehearsed, rehearse},
    sync::{Job, Report, Writer},
};
use presdr_store::{
    Database, Role,
    odoo::{
        connections::{self, Flavour, NewConnection},
        records,
    },
    testing::TestStore,
};
use uuid::Uuid;

use crate::raw::Raw;

/// What everything of every test's name begins with.
pub const MARK: &str = "presdrtest";

pub struct World {
    pub store: TestStore,
    pub worker: Database,
    pub producer: Database,
    pub tenant: TenantId,
    pub odoo: Raw,
    /// What everything of this test is called by: a real Odoo keeps what earlier tests left.
    pub mark: String,
    pub flavour: Flavour,
}

impl World {
    /// A tenant connected as the account with this key.
    pub async fn new(odoo: Raw, flavour: Flavour, key: &str) -> Self {
        let store = TestStore::new().await.unwrap();
        let mark = format!("{MARK}{}", &Uuid::new_v4().simple().to_string()[..10]);
        let tenant = store.tenant(&mark).await.unwrap();
        let (worker, producer) =
            (store.connect(Role::Worker).await.unwrap(), store.connect(Role::Producer).await.unwrap());
        let world = Self { store, worker, producer, tenant, odoo, mark, flavour };
        world.connect(&world.odoo.database.clone(), key).await;
        world
    }

    pub async fn connect(&self, database: &str, key: &str) {
        let login = if key == self.odoo.admin { &self.odoo.logins.0 } else { &self.odoo.logins.1 };
        let new = NewConnection {
            base_url: &self.odoo.url,
            database,
            login,
            key: &Clear(key.to_owned()),
            flavour: self.flavour,
        };
        let mut tx = self.producer.enter(&self.tenant).await.unwrap();
        let actor = Actor::service("test");
        connections::set(&mut tx, &self.store.keyring(), &new, &actor, Utc::now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Made-up companies, with two people each.
    pub fn companies(&self, numbers: std::ops::Range<i64>) -> Vec<Rehearsed> {
        numbers.map(|number| self.company(number)).collect()
    }

    pub fn company(&self, number: i64) -> Rehearsed {
        let domain = format!("c{number}-{}.example", self.mark);
        let person = |name: &str| (format!("{name} {} {number}", self.mark), format!("{name}@{domain}"));
        Rehearsed {
            company: CompanyId::new(4_000_000 + number).unwrap(),
            name: format!("{} Company {number}", self.mark),
            uen: Some(self.uen(number)),
            people: vec![person("jane"), person("tan")],
            domain: Some(domain),
            score: 0.5,
        }
    }

    /// A UEN that no other test has: it has a UEN's form.
    pub fn uen(&self, number: i64) -> String {
        let hash = self.mark.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(131).wrapping_add(u64::from(byte)));
        format!("{:09}K", (hash % 900_000) * 1_000 + u64::try_from(number).unwrap())
    }

    pub async fn run(&self, shortlist: &[Rehearsed]) -> RunId {
        rehearse(&self.producer, &self.store.keyring(), &self.tenant, shortlist, Utc::now()).await.unwrap()
    }

    pub async fn sync(&self, run: RunId) -> Result<Report, OdooError> {
        self.sync_as(run, 1, false).await
    }

    /// Marks everyone's records as to be removed, as an erasure does, and removes them; tells how many were.
    pub async fn remove_everyone(&self) -> u64 {
        self.owe_everyone().await;
        self.remove_owed(TimeDelta::zero()).await
    }

    pub async fn owe_everyone(&self) {
        let mut tx = self.producer.enter(&self.tenant).await.unwrap();
        let people: Vec<Uuid> = sqlx::query_scalar("select subject_id from data_subjects where tenant_id = $1")
            .bind(self.tenant.as_str())
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        let people: Vec<SubjectId> = people.into_iter().map(SubjectId).collect();
        records::owe(&mut tx, &people, Utc::now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Removes what is owed, so much later than now; tells how many records were.
    pub async fn remove_owed(&self, later: TimeDelta) -> u64 {
        self.try_to_remove(later).await.unwrap()
    }

    /// The same, which may fail.
    pub async fn try_to_remove(&self, later: TimeDelta) -> Result<u64, OdooError> {
        let keyring = self.store.keyring();
        let (connection, odoo) = desk::open(&self.worker, &keyring, &self.tenant).await.unwrap();
        let now = || Utc::now() + later;
        let writer = Writer::new(&self.worker, &keyring, &self.tenant, (&connection, &odoo), &now);
        writer.remove_owed().await
    }

    pub async fn sync_as(&self, run: RunId, attempt: u32, preview: bool) -> Result<Report, OdooError> {
        self.try_since(run, attempt, preview, None).await
    }

    /// The same, when it failed since then.
    pub async fn try_since(
        &self,
        run: RunId,
        attempt: u32,
        preview: bool,
        tried_since: Option<DateTime<Utc>>,
    ) -> Result<Report, OdooError> {
        let keyring = self.store.keyring();
        let (connection, odoo) = desk::open(&self.worker, &keyring, &self.tenant).await?;
        let writer = Writer::new(&self.worker, &keyring, &self.tenant, (&connection, &odoo), &Utc::now);
        let job = Job { run, attempt, actor: "user:jane-1".to_owned(), tried_since };
        if preview { writer.preview(&job).await } else { writer.sync(&job).await }
    }

    /// A run with this shortlist, written to Odoo.
    pub async fn night(&self, shortlist: &[Rehearsed]) -> Report {
        let run = self.run(shortlist).await;
        self.sync(run).await.unwrap()
    }
}

/// The counts of a report.
pub fn counts(report: &Report) -> BTreeMap<&str, u32> {
    report.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect()
}
