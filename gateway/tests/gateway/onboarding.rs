//! A tenant that is still being set up: its people see how far that is, and an admin of theirs can finish it; no more.

use std::sync::Arc;

use chrono::Utc;
use presdr_events::{Actor, Key, TenantId};
use presdr_gateway::routes;
use presdr_nats::topology::User;
use presdr_producers::{Desk, odoo, tenants};
use presdr_store::{
    Role,
    keys::Keyring,
    onboarding::{self, State},
};
use serde_json::{Value, json};

use crate::support::{World, body, connect, connection};

async fn asked(world: &World, path: &str, role: &str) -> (u16, Value) {
    let answer = world.get(path, &world.token("acme", role)).send().await.unwrap();
    (answer.status().as_u16(), body(answer).await)
}

async fn finished(world: &World, role: &str) -> (u16, Value) {
    let answer = world.client.post(world.url("/onboarding/finish")).bearer_auth(world.token("acme", role));
    let answer = answer.send().await.unwrap();
    (answer.status().as_u16(), body(answer).await)
}

#[tokio::test]
async fn what_an_operator_began_is_seen_and_finished_and_nothing_else() {
    let world = World::new().await;
    let acme = TenantId::new("acme").unwrap();
    let nobody = world.token("globex", "admin");
    assert_eq!(world.get("/onboarding", &nobody).send().await.unwrap().status(), 403, "nobody signs themselves up");
    let finished_by_nobody =
        world.client.post(world.url("/onboarding/finish")).bearer_auth(&nobody).send().await.unwrap();
    assert_eq!(finished_by_nobody.status(), 403);

    // Killed after the first step: there is a row, and no key yet.
    tenants::begin(&world.desk, &acme, "Acme <Pte> Ltd", None).await.unwrap();
    let (status, stands) = asked(&world, "/onboarding", "viewer").await;
    assert_eq!((status, &stands["state"], &stands["ready_at"]), (200, &json!("provisioning"), &Value::Null));
    let (status, problem) = finished(&world, "admin").await;
    assert_eq!(status, 403, "an operator alone has the master key");
    assert!(problem["detail"].as_str().unwrap().contains("presdr tenant create"), "{problem}");

    // Killed after the second.
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    onboarding::provide(&mut tx, &world.desk.keyring(), Utc::now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(asked(&world, "/onboarding", "viewer").await.1["state"], "syncing");
    assert_eq!(asked(&world, "/whoami", "viewer").await.0, 200);
    for route in routes::list().into_iter().filter(|route| {
        !route.before_ready && !route.has_id() && route.access != routes::Access::Public && route.method == "GET"
    }) {
        let (status, problem) = asked(&world, route.path, "admin").await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 403 && detail.contains("GET /onboarding"), "{}: {status} {detail}", route.path);
    }
    for (role, may) in [("viewer", false), ("admin", true)] {
        let page = world.get("/", &world.token("acme", role)).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("Acme &lt;Pte&gt; Ltd is still being set up: <b id=\"state\">syncing"), "{page}");
        assert_eq!(page.contains("id=\"finish\""), may, "{page}");
    }
    for role in ["viewer", "ops"] {
        assert_eq!(finished(&world, role).await.0, 403);
    }

    let (status, stands) = finished(&world, "admin").await;
    assert_eq!((status, &stands["state"]), (200, &json!("ready")));
    assert_eq!(asked(&world, "/shortlist/status", "viewer").await.0, 200);
    assert_eq!(finished(&world, "admin").await.1, stands, "doing it again changes nothing");
    let form = world.client.post(world.url("/onboarding/finish")).bearer_auth(world.token("acme", "admin"));
    let led = form.header("accept", "text/html,application/xhtml+xml").send().await.unwrap();
    assert_eq!((led.status().as_u16(), led.url().path()), (200, "/"), "the page's own form leads back to the page");
    tenants::create(&world.desk, &acme, "Another name").await.unwrap();
    let stands = tenants::standing(&world.desk, &acme).await.unwrap();
    assert_eq!(stands.name, "Acme <Pte> Ltd");
    assert!(stands.ready_by.unwrap().starts_with("user:") && stands.begun_by.unwrap() == "service:gateway");
    let page = world.get("/", &world.token("acme", "admin")).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("being set up"), "{page}");
}

#[tokio::test]
async fn a_missing_master_key_is_told_and_cured() {
    let world = World::new().await;
    world.tenant("globex").await; // the database knows the master key from here on
    let acme = TenantId::new("acme").unwrap();
    let wrong = Desk::new(
        world.store.connect(Role::Producer).await.unwrap(),
        connect(&world.broker, User::Gateway).await,
        Arc::new(Keyring::new(Key::new([9; 32]))),
        Actor::service("other"),
        Utc::now,
    );
    tenants::begin(&wrong, &acme, "Acme", None).await.unwrap();
    let stands = tenants::go_on(&wrong, &acme).await.unwrap();
    assert_eq!(stands.state, State::Provisioning);
    assert!(stands.problem.as_deref().unwrap().contains("master key file"), "{stands:?}");
    assert_eq!(
        asked(&world, "/onboarding", "viewer").await.1["problem"],
        json!(stands.problem),
        "whoever signs in sees it"
    );

    tenants::create(&world.desk, &acme, "Acme").await.unwrap();
    let stands = tenants::standing(&world.desk, &acme).await.unwrap();
    assert_eq!((stands.state, stands.problem), (State::Ready, None));
}

#[tokio::test]
async fn whoever_waits_for_an_odoo_is_ready_when_it_works_or_is_waited_for_no_longer() {
    let world = World::new().await;
    let acme = TenantId::new("acme").unwrap();
    tenants::begin(&world.desk, &acme, "Acme", Some(true)).await.unwrap();
    let stands = tenants::go_on(&world.desk, &acme).await.unwrap();
    assert_eq!((stands.state, stands.awaits_odoo), (State::Syncing, true));
    assert!(stands.problem.unwrap().contains("presdr odoo connect --tenant acme"));

    // Nobody listens on port 1.
    odoo::connect(&world.desk, &acme, &connection("http://127.0.0.1:1", "acme")).await.unwrap();
    let (status, stands) = finished(&world, "admin").await;
    assert_eq!((status, &stands["state"]), (200, &json!("syncing")));
    let problem = stands["problem"].as_str().unwrap();
    assert!(problem.contains("127.0.0.1:1") && !problem.contains("secret"), "{problem}");
    assert_eq!(tenants::go_on(&world.desk, &acme).await.unwrap().problem.as_deref(), Some(problem));

    tenants::begin(&world.desk, &acme, "Acme", Some(false)).await.unwrap();
    assert_eq!(finished(&world, "admin").await.1["state"], "ready");
    tenants::begin(&world.desk, &acme, "Acme", Some(true)).await.unwrap();
    assert_eq!(asked(&world, "/onboarding", "viewer").await.1["state"], "ready", "ready stays ready");
}
