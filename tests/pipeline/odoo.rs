//! Shortlists in Odoo: at once after a run, or when somebody asks; while Odoo is away, and while the worker is killed.

mod killed;
mod linked;
mod turns;

use std::{collections::HashSet, time::Duration};

use presdr_compliance::{erase, find::Identity};
use presdr_events::{Clear, CompanyId, Envelope, Event, EventId, RunId, TenantId};
use presdr_odoo::rehearsal::{Rehearsed, rehearse};
use presdr_producers::{odoo, settings};
use presdr_sandbox::{
    DemoTenant,
    odoo::{OdooSandbox, Rights},
};
use presdr_store::odoo::{connections::Flavour, syncs::Sync};

use crate::support::{PATIENCE, World, facts};

const COMPANIES: usize = 40;

fn given(sandbox: &OdooSandbox, database: &str) -> odoo::Given {
    let account = sandbox.account(database, Rights::Admin).unwrap();
    odoo::Given {
        base_url: sandbox.url(),
        database: database.to_owned(),
        login: account.login,
        key: Clear(account.key),
        flavour: Flavour::Json2,
    }
}

async fn connect(world: &World, tenant: &TenantId, sandbox: &OdooSandbox, database: &str) {
    odoo::connect(&world.desk, tenant, &given(sandbox, database)).await.unwrap();
}

/// Waits until the newest sync of a run is as it should be.
async fn until(world: &World, tenant: &TenantId, run: RunId, is_so: impl Fn(&Sync) -> bool) -> Sync {
    let waiting = async {
        loop {
            let syncs = odoo::list_syncs(&world.desk, tenant, Some(run), 1).await.unwrap();
            if let Some(sync) = syncs.into_iter().find(|sync| is_so(sync)) {
                return sync;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the sync does not come to that")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nights_shortlist_waits_while_odoo_is_away_and_is_there_once_it_is_back() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let sandbox = OdooSandbox::start(&["acme", "globex"]).await.unwrap();
    connect(&world, &acme, &sandbox, "acme").await;
    sandbox.set_down(true);
    let roles = world.roles_with(|config| config.sync_retry = Duration::from_millis(20)).await;
    let run = world.start(&acme, 8).await;
    world.finished(&acme, run).await;
    let waits = until(&world, &acme, run, |sync| sync.tries >= 4).await;
    assert!(waits.problem.as_ref().unwrap().contains("status 503"), "{waits:?}");
    assert!(sandbox.records("acme", "res.partner").is_empty());
    sandbox.set_down(false);
    let done = until(&world, &acme, run, |sync| sync.finished_at.is_some()).await;
    assert_eq!(done.counts["company.created"], 8, "{done:?}");
    let companies =
        sandbox.records("acme", "res.partner").iter().filter(|row| row.get("is_company") == Some(&true.into())).count();
    assert_eq!((companies, sandbox.records("globex", "res.partner").len()), (8, 0));

    // Asked for first from now on: a run alone writes nothing.
    settings::set(&world.desk, &acme, r#"{"odoo": {"push": "after_approval"}}"#).await.unwrap();
    let second = world.start(&acme, 8).await;
    world.finished(&acme, second).await;
    assert!(odoo::preview_sync(&world.desk, &acme, second).await.unwrap().counts.contains_key("company.created"));
    assert!(odoo::list_syncs(&world.desk, &acme, Some(second), 1).await.unwrap().is_empty());
    odoo::request_sync(&world.desk, &acme, second).await.unwrap();
    until(&world, &acme, second, |sync| sync.finished_at.is_some()).await;
    world.projected().await;
    roles.stop().await;

    let events = world.events().await;
    let told = facts(&events, |event| event.run == Some(run));
    assert_eq!((told["lead.synced"], told["run.synced"]), (8, 1));
    let delayed =
        |event: &&Envelope| matches!(&event.event, Event::AlertRaised(alert) if alert.alert == "sync_delayed");
    let alerts: HashSet<EventId> = events.iter().filter(delayed).map(|event| event.id).collect();
    assert_eq!(alerts.len(), 1, "one alert, however often it is tried");
    assert_eq!(facts(&events, |event| event.run == Some(second))["run.sync_requested"], 1);
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let stages: Vec<String> =
        sqlx::query_scalar("select stage from run_stage_stats where tenant_id = $1 and run_id = $2")
            .bind(acme.as_str())
            .bind(run.get())
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert!(stages.contains(&"sync".to_owned()), "{stages:?}");
}

/// What the tenant suppresses is not sent, and another tenant's database is never connected to.
#[tokio::test(flavor = "multi_thread")]
async fn suppressed_companies_are_not_sent_and_a_database_is_one_tenants() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let globex = world.tenant(DemoTenant::Globex, COMPANIES).await;
    let sandbox = OdooSandbox::start(&["acme", "globex"]).await.unwrap();
    let roles = world.roles().await;
    let run = world.start(&acme, 8).await;
    world.finished(&acme, run).await;
    connect(&world, &acme, &sandbox, "acme").await;
    let (_, company, ..) = world.shortlist(&acme, run).await[0];
    let kind = presdr_producers::suppressions::ListKind::Company;
    let given = presdr_producers::suppressions::Given::read(kind, &company.to_string(), "asked").unwrap();
    presdr_producers::suppressions::add(&world.desk, &acme, &[given]).await.unwrap();
    odoo::request_sync(&world.desk, &acme, run).await.unwrap();
    let done = until(&world, &acme, run, |sync| sync.finished_at.is_some()).await;
    assert_eq!((done.counts["company.created"], done.counts["company.suppressed"]), (7, 1), "{done:?}");
    roles.stop().await;

    let account = sandbox.account("acme", Rights::Admin).unwrap();
    let key = || Clear(account.key.clone());
    let given = odoo::Given {
        base_url: format!("{}/", sandbox.url()),
        database: "acme".to_owned(),
        login: account.login.clone(),
        key: key(),
        flavour: Flavour::Json2,
    };
    let refused = odoo::connect(&world.desk, &globex, &given).await.unwrap_err().to_string();
    assert!(refused.contains("another tenant") && !refused.contains(&key().0), "{refused}");
    odoo::disconnect(&world.desk, &acme).await.unwrap();
    odoo::connect(&world.desk, &globex, &given).await.unwrap();
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let kept: Option<Vec<u8>> = sqlx::query_scalar("select sealed_key from odoo_connections where tenant_id = $1")
        .bind(acme.as_str())
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(kept, None, "a connection that is taken back has no key");
    let events = world.events().await;
    assert!(events.iter().all(|event| !format!("{:?}", event.event).contains(&account.key)), "no key is in any event");
}

/// Whoever is erased is removed from Odoo, whatever a person there wrote; while Odoo is away that is owed, said so, and done later.
#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_removed_from_odoo_at_once_or_once_it_is_back() {
    let world = World::new(1).await;
    let acme = world.tenant_of("acme", &[]).await;
    let sandbox = OdooSandbox::start(&["acme"]).await.unwrap();
    connect(&world, &acme, &sandbox, "acme").await;
    let person = |name: &str| (format!("{name} Tan"), format!("{name}@kelmora.example"));
    let shortlist = [Rehearsed {
        company: CompanyId::new(4_000_001).unwrap(),
        name: "Kelmora".to_owned(),
        uen: None,
        domain: Some("kelmora.example".to_owned()),
        score: 0.5,
        people: vec![person("jane"), person("ann"), person("li")],
    }];
    let run =
        rehearse(world.desk.database(), &world.desk.keyring(), &acme, &shortlist, world.desk.now()).await.unwrap();
    let roles = world.roles_with(|config| config.sync_retry = Duration::from_millis(20)).await;
    odoo::request_sync(&world.desk, &acme, run).await.unwrap();
    until(&world, &acme, run, |sync| sync.finished_at.is_some()).await;
    let emails = || {
        let rows = sandbox.records("acme", "res.partner").into_iter();
        rows.filter_map(|row| row.get("email")?.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(emails().len(), 3);
    let office = crate::erasure::office(&world).await;
    let by_email = |name: &str| [Identity::Email(format!("{name}@kelmora.example"))];
    let receipt = erase::erase(&office, &acme, &by_email("jane")).await.unwrap().remove(0);
    assert_eq!((receipt.removed.get("odoo"), receipt.owed.is_empty()), (Some(&1), true), "{receipt:?}");
    assert_eq!(emails(), ["ann@kelmora.example", "li@kelmora.example"]);

    sandbox.set_down(true);
    let receipt = erase::erase(&office, &acme, &by_email("ann")).await.unwrap().remove(0);
    assert_eq!((receipt.removed.get("odoo"), receipt.owed.get("odoo")), (None, Some(&1)), "{receipt:?}");
    assert_eq!(emails().len(), 2);
    sandbox.set_down(false);
    let gone = async {
        while emails().len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it is removed once Odoo is back");
    assert_eq!(emails(), ["li@kelmora.example"]);
    let later = async {
        while !erase::erase(&office, &acme, &by_email("ann")).await.unwrap()[0].owed.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, later).await.expect("and nothing is owed any more");
    // Nobody who is erased comes back with the next sync.
    odoo::request_sync(&world.desk, &acme, run).await.unwrap();
    until(&world, &acme, run, |sync| sync.attempt == 2 && sync.finished_at.is_some()).await;
    assert_eq!(emails(), ["li@kelmora.example"]);
    roles.stop().await;
    let receipts = world.events().await;
    let owed = receipts.iter().find_map(|event| match &event.event {
        Event::SubjectErased(erased) if !erased.owed.is_empty() => Some(erased.owed["odoo"]),
        _ => None,
    });
    assert_eq!(owed, Some(1), "the receipt says what was still there");
}
