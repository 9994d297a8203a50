//! Records over a real Postgres: outcomes are committed once, ends give places, subjects are one per address.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use chrono::{Duration, TimeZone, Utc};
use presdr_events::{Actor, Clear, CompanyId, Event, Header, IdentifierKind, RunId, Step, lead, run::RunKind};
use presdr_store::{
    Database, Role, StoreError,
    admissions::{self, Ending},
    keys::Keyring,
    leases::Leases,
    runs::{self, NewRun},
    steps::{self, Outcome, Standing, StepKey},
    testing::TestStore,
};

fn company(number: i64) -> CompanyId {
    CompanyId::new(number).unwrap()
}

fn now() -> chrono::DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 17, 0, 0).unwrap()
}

fn monday() -> chrono::NaiveDate {
    chrono::NaiveDate::from_ymd_opt(2027, 2, 15).unwrap()
}

async fn worker(store: &TestStore) -> Database {
    store.connect(Role::Worker).await.unwrap()
}

async fn run_with(store: &TestStore, tenant: &presdr_events::TenantId, companies: i64) -> RunId {
    let producer = store.connect(Role::Producer).await.unwrap();
    let mut tx = producer.enter(tenant).await.unwrap();
    let new = NewRun {
        kind: RunKind::Manual,
        local_date: None,
        cap: 50,
        icp_rule: 1,
        icp_version: 1,
        text_expires_on: monday(),
        company_ids: Vec::new(),
        include: Vec::new(),
    };
    let run = runs::create(&mut tx, &new).await.unwrap().unwrap();
    let targets: Vec<_> = (1..=companies).map(|id| (company(id), None)).collect();
    admissions::select(&mut tx, run, &targets).await.unwrap();
    tx.commit().await.unwrap();
    run
}

fn outcome(key: &StepKey, deadline_hours: i64) -> Outcome {
    let header = Header {
        id: key.event_id(),
        source: "test",
        time: now(),
        tenant: key.tenant.clone(),
        run: key.run,
        company: key.company,
        actor: Actor::service("test"),
        correlation: key.event_id(),
        causation: None,
        traceparent: None,
    };
    let event = Event::LeadAdmitted(lead::Admitted {
        step: Step::done("admit", 0, key.attempt, vec![]),
        position: 1,
        deadline: now() + Duration::hours(deadline_hours),
    });
    Outcome::new(key.clone(), &header, &event).unwrap()
}

#[tokio::test]
async fn the_first_outcome_of_a_step_stands() {
    let store = TestStore::new().await.unwrap();
    let tenant = store.tenant("acme").await.unwrap();
    let key = StepKey {
        tenant: tenant.clone(),
        run: RunId::new(1).ok(),
        company: Some(company(2)),
        step: "admit",
        attempt: 1,
    };
    let database = worker(&store).await;
    for (hours, new) in [(1, 1), (2, 0)] {
        let mut tx = database.enter(&tenant).await.unwrap();
        assert_eq!(steps::record(&mut tx, &[outcome(&key, hours)]).await.unwrap(), new);
        tx.commit().await.unwrap();
    }
    let mut tx = database.enter(&tenant).await.unwrap();
    let stored = steps::stored(&mut tx, &key).await.unwrap().unwrap();
    assert_eq!(&stored, outcome(&key, 1).outgoing());
}

#[tokio::test]
async fn what_is_not_marked_published_is_found_until_it_is() {
    let store = TestStore::new().await.unwrap();
    let tenant = store.tenant("acme").await.unwrap();
    let key = StepKey {
        tenant: tenant.clone(),
        run: RunId::new(1).ok(),
        company: Some(company(2)),
        step: "admit",
        attempt: 1,
    };
    let database = worker(&store).await;
    let mut tx = database.enter(&tenant).await.unwrap();
    steps::record(&mut tx, &[outcome(&key, 1)]).await.unwrap();
    tx.commit().await.unwrap();
    let later = Utc::now() + Duration::hours(1);
    let mut tx = database.enter(&tenant).await.unwrap();
    let found = steps::unpublished(&mut tx, later, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    steps::mark_published(&mut tx, &[found[0].id]).await.unwrap();
    assert!(steps::unpublished(&mut tx, later, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lead_ends_once_and_only_at_the_attempt_it_was_admitted_at() {
    let store = TestStore::new().await.unwrap();
    let tenant = store.tenant("acme").await.unwrap();
    let run = run_with(&store, &tenant, 3).await;
    let database = worker(&store).await;
    let mut tx = database.enter(&tenant).await.unwrap();
    let size = admissions::lock_window(&mut tx).await.unwrap();
    assert_eq!(size, 384);
    let admitted = admissions::admit(&mut tx, 2, now(), now() + Duration::minutes(10)).await.unwrap();
    assert_eq!(admitted.iter().map(|a| a.company.get()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(admissions::load(&mut tx, 256).await.unwrap(), (2, 1));
    let key =
        |attempt| StepKey { tenant: tenant.clone(), run: Some(run), company: Some(company(1)), step: "crawl", attempt };
    assert_eq!(steps::standing(&mut tx, &key(1)).await.unwrap(), Standing::Open);
    assert_eq!(steps::standing(&mut tx, &key(2)).await.unwrap(), Standing::NotAdmitted);
    let parked = Ending { degraded: vec!["leads_lost".to_owned()], ..Ending::without_score("parked") };
    let scored = Ending {
        score: Some(0.1234),
        confidence: Some(1.0),
        bucket: Some("Low".to_owned()),
        ..Ending::without_score("scored")
    };
    assert!(admissions::end(&mut tx, &[(run, company(1), 2, &parked)], now()).await.unwrap().is_empty());
    let endings = [(run, company(1), 1, &parked), (run, company(2), 1, &scored), (run, company(3), 1, &scored)];
    let ended = admissions::end(&mut tx, &endings, now()).await.unwrap();
    assert_eq!(ended, [(run, company(1), 1), (run, company(2), 1)].into(), "the third is not admitted");
    assert!(admissions::end(&mut tx, &endings, now()).await.unwrap().is_empty());
    let terminal = admissions::terminal(&mut tx, run).await.unwrap();
    assert_eq!(terminal[0].degraded, ["leads_lost"]);
    assert_eq!((terminal[1].score, terminal[1].bucket.as_deref()), (Some(0.1234), Some("Low")));
    assert_eq!(admissions::put_back(&mut tx, run, company(1)).await.unwrap(), Some(2));
    assert_eq!(admissions::put_back(&mut tx, run, company(2)).await.unwrap(), None);
}

#[tokio::test]
async fn however_often_a_night_is_claimed_there_is_one_run() {
    let store = TestStore::new().await.unwrap();
    let tenant = store.tenant("acme").await.unwrap();
    let producer = store.connect(Role::Producer).await.unwrap();
    let new = NewRun {
        kind: RunKind::Nightly,
        local_date: chrono::NaiveDate::from_ymd_opt(2026, 11, 22),
        cap: 20,
        icp_rule: 1,
        icp_version: 1,
        text_expires_on: monday(),
        company_ids: Vec::new(),
        include: Vec::new(),
    };
    let claims = (0..6).map(|_| async {
        let mut tx = producer.enter(&tenant).await.unwrap();
        let run = runs::create(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        run
    });
    let claimed = futures::future::join_all(claims).await;
    assert_eq!(claimed.iter().flatten().count(), 1);
}

#[tokio::test]
async fn an_address_leads_to_one_subject_however_many_ask_at_once_and_to_none_once_erased() {
    let store = TestStore::new().await.unwrap();
    let tenant = store.tenant("acme").await.unwrap();
    let (database, keyring) = (worker(&store).await, store.keyring());
    let ask = async |keyring: &Keyring, address: &str| {
        let mut tx = database.enter(&tenant).await.unwrap();
        let subject = keyring.subject(&mut tx, &tenant, IdentifierKind::Email, address).await.unwrap();
        tx.commit().await.unwrap();
        subject
    };
    let asked = futures::future::join_all((0..6).map(|_| ask(&keyring, "jane@acme.example"))).await;
    let ids: std::collections::HashSet<_> = asked.iter().map(|subject| subject.as_ref().unwrap().id).collect();
    assert_eq!(ids.len(), 1);

    let event = StepKey { tenant: tenant.clone(), run: None, company: None, step: "x", attempt: 1 }.event_id();
    let subject = asked[0].clone().unwrap();
    let sealed = subject.seal(&tenant, event, "email.address", &Clear("jane@acme.example".to_owned())).unwrap();
    let again = asked[1].clone().unwrap();
    assert_eq!(again.open(&tenant, event, "email.address", &sealed).unwrap().0, "jane@acme.example");

    let owner = presdr_store::Database::connect(store.url(), Role::Owner, 1).await.unwrap();
    let mut tx = owner.enter(&tenant).await.unwrap();
    sqlx::query("update data_subjects set wrapped_key = null, erased_at = now()").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(ask(&keyring, "jane@acme.example").await.is_none());
}

#[tokio::test]
async fn a_lease_is_held_once_and_ends_with_its_connection() {
    let store = TestStore::new().await.unwrap();
    let (here, there) = (Leases::new(worker(&store).await), Leases::new(worker(&store).await));
    let lease = here.try_take("domain/acme.example").await.unwrap().unwrap();
    assert!(here.try_take("domain/acme.example").await.unwrap().is_none());
    assert!(there.try_take("domain/acme.example").await.unwrap().is_none());
    assert!(there.try_take("domain/beta.example").await.unwrap().is_some());
    drop(lease);
    let taken = async {
        loop {
            if let Some(lease) = there.try_take("domain/acme.example").await.unwrap() {
                return lease;
            }
            tokio::task::yield_now().await;
        }
    };
    let lease = taken.await;
    let owner = Database::connect(store.url(), Role::Owner, 1).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    sqlx::query("reset role").execute(&mut *tx).await.unwrap();
    sqlx::query(
        "select pg_terminate_backend(pid, 10000) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
            and database = (select oid from pg_database where datname = current_database())",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    assert!(there.try_take("domain/gamma.example").await.is_err());
    lease.lost().cancelled().await;
}

#[tokio::test]
async fn a_service_refuses_a_url_that_enters_a_tenant() {
    let store = TestStore::new().await.unwrap();
    let separator = if store.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-c%20request.tenant_id%3Dacme", store.url());
    let refused = Database::connect(&url, Role::Worker, 1).await;
    assert!(matches!(refused, Err(StoreError::TenantInUrl)));
}
