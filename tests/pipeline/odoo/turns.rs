//! Whose turn it is to write: a slow Odoo keeps no other tenant from being noted, and no erasure waits for more than one sync.

use presdr_compliance::{erase, find::Identity};
use presdr_events::{Cause, CompanyId, Event, RunId, Step, TenantId, run::Shortlisted};
use presdr_odoo::rehearsal::{Rehearsed, rehearse};
use presdr_producers::odoo;
use presdr_sandbox::odoo::OdooSandbox;
use presdr_store::steps::{Outcome, StepKey};

use super::{connect, until};
use crate::support::{PATIENCE, World, impatient};

fn shortlist(score: f64) -> [Rehearsed; 1] {
    [Rehearsed {
        company: CompanyId::new(4_000_001).unwrap(),
        name: "Kelmora".to_owned(),
        uen: None,
        domain: Some("kelmora.example".to_owned()),
        score,
        people: vec![("Jane Tan".to_owned(), "jane@kelmora.example".to_owned())],
    }]
}

async fn run_of(world: &World, tenant: &TenantId, score: f64) -> RunId {
    let (database, keyring) = (world.desk.database(), world.desk.keyring());
    rehearse(database, &keyring, tenant, &shortlist(score), world.desk.now()).await.unwrap()
}

fn is_jane_in(sandbox: &OdooSandbox, database: &str) -> bool {
    let rows = sandbox.records(database, "res.partner");
    rows.iter().any(|row| row.get("email").is_some_and(|email| email == "jane@kelmora.example"))
}

/// That a run is ranked, as the worker that ranks tells it.
fn ranked(tenant: &TenantId, run: RunId, world: &World) -> Outcome {
    let key = StepKey { tenant: tenant.clone(), run: Some(run), company: None, step: "shortlist", attempt: 2 };
    let company_ids = vec![CompanyId::new(4_000_001).unwrap()];
    let step = Step::done("shortlist", 0, 2, Vec::new());
    let event = Event::RunShortlisted(Shortlisted { step, company_ids, buckets: Default::default() });
    let cause = Cause::start_of(tenant, Some(run), "test");
    Outcome::new(key.clone(), &key.header("shortlist", &cause, world.desk.now()), &event).unwrap()
}

async fn is_owed(world: &World, tenant: &TenantId) {
    let owed = async {
        loop {
            let mut tx = world.desk.database().enter(tenant).await.unwrap();
            let owed = "select exists (select from odoo_records where tenant_id = $1 and state = 'owed')";
            if sqlx::query_scalar(owed).bind(tenant.as_str()).fetch_one(&mut *tx).await.unwrap() {
                return;
            }
            tx.commit().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, owed).await.expect("nobody is owed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_odoo_holds_up_its_own_tenant_alone_and_erasures_go_between_two_syncs() {
    let world = World::new(1).await;
    let (acme, globex) = (world.tenant_of("acme", &[]).await, world.tenant_of("globex", &[]).await);
    let (slow, quick) = (OdooSandbox::start(&["acme"]).await.unwrap(), OdooSandbox::start(&["globex"]).await.unwrap());
    connect(&world, &acme, &slow, "acme").await;
    connect(&world, &globex, &quick, "globex").await;
    let services = world.services(impatient(|config| config.sync_slots = 1)).await;
    let outbox = services.outbox.clone();
    let roles = world.roles_of(services).await;
    let first = run_of(&world, &acme, 0.5).await;
    odoo::request_sync(&world.desk, &acme, first).await.unwrap();
    until(&world, &acme, first, |sync| sync.finished_at.is_some()).await;
    assert!(is_jane_in(&slow, "acme"));

    let held = slow.hold_load();
    let (second, third) = (run_of(&world, &acme, 0.6).await, run_of(&world, &acme, 0.7).await);
    odoo::request_sync(&world.desk, &acme, second).await.unwrap();
    held.reached().await;
    odoo::request_sync(&world.desk, &acme, third).await.unwrap();
    // Another tenant's run is ranked meanwhile: that is noted, though nobody has a hand free to write it.
    let other = run_of(&world, &globex, 0.5).await;
    outbox.publish(vec![ranked(&globex, other, &world).outgoing().clone()]).await.unwrap();
    until(&world, &globex, other, |sync| sync.finished_at.is_none()).await;
    assert_eq!(quick.calls().get("res.partner.load"), None, "one tenant at a time");

    let office = crate::erasure::office(&world).await;
    let jane = [Identity::Email("jane@kelmora.example".to_owned())];
    let between = async {
        is_owed(&world, &acme).await;
        let last = slow.hold_load();
        held.open();
        last.reached().await;
        assert!(!is_jane_in(&slow, "acme"), "she does not wait for the second sync");
        let done = until(&world, &globex, other, |sync| sync.finished_at.is_some()).await;
        assert_eq!(done.counts["company.created"], 1, "nor does the other tenant");
        last.open();
    };
    let (erased, ()) = tokio::join!(Box::pin(erase::erase(&office, &acme, &jane)), between);
    erased.unwrap();
    until(&world, &acme, third, |sync| sync.finished_at.is_some()).await;
    assert!(!is_jane_in(&slow, "acme"));
    roles.stop().await;
}

/// A database is free for another tenant only once nothing of the first is on its way there any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_disconnected_has_nothing_under_way_in_what_may_be_anothers() {
    let world = World::new(1).await;
    let (acme, globex) = (world.tenant_of("acme", &[]).await, world.tenant_of("globex", &[]).await);
    let sandbox = OdooSandbox::start(&["acme"]).await.unwrap();
    connect(&world, &acme, &sandbox, "acme").await;
    let run = run_of(&world, &acme, 0.5).await;
    let roles = world.roles().await;
    let held = sandbox.hold_load();
    odoo::request_sync(&world.desk, &acme, run).await.unwrap();
    held.reached().await;
    let meanwhile = async {
        while odoo::connection(&world.desk, &acme).await.unwrap().unwrap().active {
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            let refused = odoo::connect(&world.desk, &globex, &super::given(&sandbox, "acme")).await.unwrap_err();
            assert!(refused.to_string().contains("another tenant"), "{refused}");
        }
    };
    let mut taken_back = Box::pin(odoo::disconnect(&world.desk, &acme));
    tokio::select! {
        ended = &mut taken_back => panic!("a call is under way, and it ended: {ended:?}"),
        () = meanwhile => {}
    }
    held.open();
    taken_back.await.unwrap();
    connect(&world, &globex, &sandbox, "acme").await;
    let waits = until(&world, &acme, run, |sync| sync.tries > 0).await;
    assert!(waits.problem.as_ref().unwrap().contains("no active connection"), "{waits:?}");
    assert_eq!(sandbox.records("acme", "res.partner").len(), 1, "what was held, and nobody after it");
    roles.stop().await;
}

/// What a run told is removed by retention: its sync ends, and says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_steps_are_gone_is_not_tried_for_ever() {
    let world = World::new(1).await;
    let acme = world.tenant_of("acme", &[]).await;
    let sandbox = OdooSandbox::start(&["acme"]).await.unwrap();
    connect(&world, &acme, &sandbox, "acme").await;
    let run = run_of(&world, &acme, 0.5).await;
    for _ in 0..3 {
        let (attempt, _) = odoo::request_sync(&world.desk, &acme, run).await.unwrap();
        assert_eq!(attempt, 1, "one that is due already is the one that is asked for");
    }
    assert_eq!(odoo::list_syncs(&world.desk, &acme, Some(run), 5).await.unwrap().len(), 1);
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let statement = "delete from lead_steps where tenant_id = $1 and run_id = $2";
    sqlx::query(statement).bind(acme.as_str()).bind(run.get()).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let roles = world.roles().await;
    let done = until(&world, &acme, run, |sync| sync.finished_at.is_some()).await;
    assert!(done.problem.as_ref().unwrap().contains("retention"), "{done:?}");
    assert_eq!((done.tries, done.counts.len()), (0, 0));
    let refused = odoo::request_sync(&world.desk, &acme, run).await.unwrap_err().to_string();
    assert!(refused.contains("retention"), "{refused}");
    roles.stop().await;
    let events = world.events().await;
    let told = events.iter().find_map(|event| match &event.event {
        Event::RunSynced(synced) => synced.problem.clone(),
        _ => None,
    });
    assert_eq!(told, done.problem);
}
