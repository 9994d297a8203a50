//! An erasure that was asked for over HTTP: carried out by who can read the log, whatever becomes of them on the way.

use presdr_compliance::{
    find::{self, Identity},
    requests,
};
use presdr_events::{Event, TenantId};
use presdr_sandbox::WebKind;
use presdr_store::{
    Role,
    erasure_requests::{Meant, WAITING_MAX},
    erasures,
};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{office, zebulon};
use crate::{
    chat::talk::Served,
    personal_data::{ADDRESS, COMPANY, DOMAIN, FREE_ADDRESS, OTHER_NAME, PHONE, PROFILE, scan::Scan, write_site},
    support::{PATIENCE, World},
};

/// Who carries out what is asked for, until they are killed.
async fn carrier(world: &World) -> JoinHandle<()> {
    let office = office(world).await;
    tokio::spawn(async move { requests::run(&office, CancellationToken::new()).await })
}

/// The erasure, once it is as it should be.
async fn until(served: &Served, tenant: &TenantId, place: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let looking = async {
        loop {
            let (status, erasure) = served.ask(tenant, reqwest::Method::GET, place, &Value::Null).await;
            assert_eq!(status, 200, "{erasure}");
            if is_so(&erasure) {
                return erasure;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_erased_over_http_is_gone_whatever_becomes_of_who_carries_it_out() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path());
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let acme = world.tenant_of("acme", &[(COMPANY.to_owned(), DOMAIN.to_owned())]).await;
    let globex = world.tenant_of("globex", &[]).await;
    let roles = world.roles().await;
    let run = world.start(&acme, 1).await;
    world.finished(&acme, run).await;
    let office = office(&world).await;
    let known = find::find(&office, &acme, &zebulon()).await.unwrap();
    assert!(!known.events.is_empty() && !known.rows.is_empty());

    let served = Served::over(&world).await;
    let person =
        json!({ "email": [ADDRESS, FREE_ADDRESS], "profile": [format!("https://www.{PROFILE}")], "phone": [PHONE] });
    let (status, asked) = served.ask(&acme, reqwest::Method::POST, "/erasures", &person).await;
    assert_eq!((status, &asked["state"]), (202, &json!("asked")), "{asked}");
    let place = format!("/erasures/{}", asked["erasure_id"].as_str().unwrap());
    let (status, _) = served.ask(&globex, reqwest::Method::GET, &place, &Value::Null).await;
    assert_eq!(status, 404);
    let kept = "select erasure_requests::text || encode(sealed, 'escape') from erasure_requests";
    assert_eq!(Scan::new(super::HIDDEN).found(super::text(&world, &acme, kept).await.as_bytes()), Vec::<String>::new());

    // Killed in the middle: the keys are gone, the pages are not.
    let mut superuser = PgConnection::connect(world.store.url()).await.unwrap();
    superuser.execute("begin; lock table site_visits in access exclusive mode").await.unwrap();
    let killed = carrier(&world).await;
    let waits = "select exists (select from pg_locks where relation = 'site_visits'::regclass and not granted
                 and database = (select oid from pg_database where datname = current_database()))";
    let standing = async {
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut superuser).await.unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, standing).await.unwrap();
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    superuser.execute("rollback").await.unwrap();
    until(&served, &acme, &place, |erasure| erasure["state"] == "under_way").await;

    // What goes on with it cannot finish it, says so, and finishes it when it can.
    let refusing = "create function cut_off() returns trigger language plpgsql as $$ begin raise 'cut off'; end $$;
                    create trigger cut_off before update or delete on lead_texts execute function cut_off()";
    superuser.execute(refusing).await.unwrap();
    let carries = carrier(&world).await;
    let told = until(&served, &acme, &place, |erasure| !erasure["problem"].is_null()).await;
    assert!(told["problem"].as_str().unwrap().contains("tried again by itself"), "{told}");
    assert_eq!(told["state"], "under_way");
    superuser.execute("drop trigger cut_off on lead_texts; drop function cut_off()").await.unwrap();
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&acme).await.unwrap();
    tx.execute("update erasure_requests set due_at = now()").await.unwrap();
    tx.commit().await.unwrap();
    // Whatever is asked for wakes who carries it out.
    let stranger = json!({ "subject": [Uuid::new_v4()] });
    let (_, unknown) = served.ask(&acme, reqwest::Method::POST, "/erasures", &stranger).await;
    let done = until(&served, &acme, &place, |erasure| erasure["state"] == "done").await;
    let unknown = format!("/erasures/{}", unknown["erasure_id"].as_str().unwrap());
    let failed = until(&served, &acme, &unknown, |erasure| erasure["state"] == "failed").await;
    assert!(failed["problem"].as_str().unwrap().contains("knows nobody by that: give an address"), "{failed}");

    let receipt = &done["receipts"][0];
    assert_eq!(done["receipts"].as_array().unwrap().len(), 1, "it is one erasure, however often it was begun: {done}");
    for removed in ["keys", "lead_texts", "site_visits", "lead_emails"] {
        assert!(receipt["removed"][removed].as_u64().is_some_and(|rows| rows > 0), "{removed}: {done}");
    }
    assert!(receipt["suppressed"]["email"].as_u64().is_some() && receipt["owed"] == json!({}), "{done}");
    assert!(done["problem"].is_null() && !done["finished_at"].is_null(), "{done}");
    world.projected().await;
    super::is_gone(&office, &acme).await;
    let by_link = [Identity::Profile(PROFILE.to_owned())];
    let tombstone = find::find(&office, &acme, &by_link).await.unwrap();
    assert!(tombstone.subjects.iter().all(|person| person.erased_at.is_some()) && !tombstone.subjects.is_empty());
    let others = super::text(&world, &acme, "select string_agg(name, ' ') from contacts").await;
    assert!(others.contains(OTHER_NAME), "{others}");
    let sealed = "select count(*)::text from erasure_requests where sealed is not null";
    assert_eq!(super::text(&world, &acme, sealed).await, "0", "who was meant is forgotten");
    let events = world.events().await;
    let told: Vec<_> = events.iter().filter(|event| matches!(event.event, Event::SubjectErased(_))).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(json!(told[0].actor.as_str()), done["asked_by"], "the log says who asked");

    // Asked for again, it is told of again.
    let (_, again) = served.ask(&acme, reqwest::Method::POST, "/erasures", &person).await;
    let again = format!("/erasures/{}", again["erasure_id"].as_str().unwrap());
    let again = until(&served, &acme, &again, |erasure| erasure["state"] == "done").await;
    assert_eq!(again["receipts"], done["receipts"]);
    let (_, list) = served.ask(&acme, reqwest::Method::GET, "/erasures?limit=2", &Value::Null).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "{list}");
    assert_eq!(list["items"][0]["erasure_id"], again["erasure_id"]);
    carries.abort();
    roles.stop().await;
}

/// Asks for an erasure of somebody whom no text mentions, and tells where it stands.
async fn ask(served: &Served, tenant: &TenantId) -> String {
    let person = json!({ "email": ["jane@people.example"] });
    let (status, asked) = served.ask(tenant, reqwest::Method::POST, "/erasures", &person).await;
    assert_eq!(status, 202, "{asked}");
    format!("/erasures/{}", asked["erasure_id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_another_tenants_erasure_nor_one_that_cannot_be_read_keeps_one_waiting() {
    let world = World::new(0).await;
    let [acme, globex] = [world.tenant_of("acme", &[]).await, world.tenant_of("globex", &[]).await];
    let served = Served::over(&world).await;
    // Acme's comes first and stands still.
    let mut standing = world.desk.database().enter(&acme).await.unwrap();
    erasures::lock(&mut standing).await.unwrap();
    let held = ask(&served, &acme).await;
    // So does the first of Globex: nobody can read it, for the third time.
    let unread = ask(&served, &globex).await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&globex).await.unwrap();
    for statement in [
        r"update erasure_requests set sealed = '\x00', tries = 2",
        "insert into threads (tenant_id, thread_id, owner) values ('globex', gen_random_uuid(), 'user:jane')",
        r#"insert into thread_checkpoints (tenant_id, thread_id, checkpoint_id, source, step, messages, pending)
           select 'globex', thread_id, gen_random_uuid(), 'loop', 0, '[]', unnest(array[
               '{"command": "erase", "sealed": "AA=="}', '{"command": "start_run", "cap": 1}']::jsonb[]) from threads"#,
    ] {
        tx.execute(statement).await.unwrap();
    }
    tx.commit().await.unwrap();
    let good = ask(&served, &globex).await;
    let carries = carrier(&world).await;
    until(&served, &globex, &good, |erasure| erasure["state"] == "done").await;
    let told = until(&served, &globex, &unread, |erasure| !erasure["problem"].is_null()).await;
    assert!(told["problem"].as_str().unwrap().starts_with("who is meant cannot be read"), "{told}");
    assert_eq!((&told["state"], &told["tries"]), (&json!("under_way"), &json!(3)), "{told}");
    assert!(told["due_at"].as_str() > told["asked_at"].as_str(), "{told}");
    let events = world.events().await;
    let alerts = events.iter().filter(|event| match &event.event {
        Event::AlertRaised(alert) => alert.alert == "erasure_delayed" && event.tenant == globex,
        _ => false,
    });
    assert_eq!(alerts.count(), 1);
    let waiting = "select string_agg(pending ->> 'command', ' ') from thread_checkpoints where pending is not null";
    assert_eq!(super::text(&world, &globex, waiting).await, "start_run", "nobody says yes to a name any more");
    until(&served, &acme, &held, |erasure| erasure["state"] == "under_way").await;
    standing.commit().await.unwrap();
    let done = until(&served, &acme, &held, |erasure| erasure["state"] == "done").await;
    assert!(done["due_at"].is_null() && done["tries"] == 0, "{done}");
    carries.abort();
    assert!(carries.await.unwrap_err().is_cancelled());

    // Asked for at once, no more wait than may.
    let mut asking = JoinSet::new();
    for _ in 0..WAITING_MAX + 8 {
        let (desk, tenant) = (world.desk.clone(), acme.clone());
        asking.spawn(async move { presdr_producers::erasures::ask(&desk, &tenant, &Meant::default()).await.is_ok() });
    }
    let taken = asking.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(i64::try_from(taken), Ok(WAITING_MAX));
}
