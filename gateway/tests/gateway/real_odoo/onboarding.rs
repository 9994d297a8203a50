//! Tenants that wait for their Odoo.

use std::time::{Duration, Instant};

use presdr_events::{Clear, TenantId};
use presdr_producers::{odoo, tenants};
use presdr_servers::testing;
use presdr_store::onboarding::{Onboarding, State};
use serde_json::{Value, json};

use super::{Admin, connection};
use crate::support::{World, body};

/// As many as the percentile is of.
const ONBOARDINGS: usize = 20;

async fn begun(world: &World, slug: &str) -> (TenantId, Onboarding) {
    let tenant = TenantId::new(slug).unwrap();
    tenants::begin(&world.desk, &tenant, slug, Some(true)).await.unwrap();
    let stands = tenants::go_on(&world.desk, &tenant).await.unwrap();
    (tenant, stands)
}

#[tokio::test]
#[ignore = "needs a real Odoo: make test-odoo"]
async fn each_fault_is_told_with_its_cure_and_a_cure_lets_it_go_on() {
    let odoo = &testing::odoo().unwrap().tenants[0];
    let (world, admin) = (World::new().await, Admin::of(odoo));
    let contacts = admin.count("res.partner").await;
    let (acme, stands) = begun(&world, "acme").await;
    assert!(stands.problem.unwrap().contains("presdr odoo connect --tenant acme"));

    let mut seen = Vec::new();
    for (what, account) in [("key", &odoo.service), ("database", &odoo.service), ("rights", &odoo.limited)] {
        let mut given = connection(odoo, account);
        match what {
            "key" => given.key = Clear("0".repeat(40)),
            "database" => given.database = "nowhere".to_owned(),
            _ => {}
        }
        odoo::connect(&world.desk, &acme, &given).await.unwrap();
        let stands = tenants::go_on(&world.desk, &acme).await.unwrap();
        assert_eq!(stands.state, State::Syncing, "{what}");
        let problem = stands.problem.unwrap();
        assert!(!problem.contains(&given.key.0), "a key is never told");
        seen.push(problem);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "each fault has words of its own: {seen:#?}");

    // The tenant's own admin finishes what the operator began, once the cure was applied.
    odoo::connect(&world.desk, &acme, &connection(odoo, &odoo.service)).await.unwrap();
    for _ in 0..2 {
        let finish = world.client.post(world.url("/onboarding/finish")).bearer_auth(world.token("acme", "admin"));
        let stands = body(finish.send().await.unwrap()).await;
        assert_eq!((&stands["state"], &stands["problem"]), (&json!("ready"), &Value::Null));
    }
    assert_eq!(admin.count("res.partner").await, contacts, "what a check writes it removes");
    println!("{}", json!({ "faults": seen }));
}

#[tokio::test]
#[ignore = "needs a real Odoo: make test-odoo"]
async fn twenty_tenants_are_set_up() {
    let odoos = testing::odoo().unwrap().tenants;
    let world = World::new().await;
    let mut took: Vec<Duration> = Vec::new();
    for number in 0..ONBOARDINGS {
        let odoo = &odoos[number % 2];
        let begins = Instant::now();
        let (tenant, _) = begun(&world, &format!("tenant-{number}")).await;
        // The administrator's account may make the fields, the service account does without: in the second database there are none.
        let account = if number == 0 { &odoo.admin } else { &odoo.service };
        odoo::connect(&world.desk, &tenant, &connection(odoo, account)).await.unwrap();
        let stands = tenants::go_on(&world.desk, &tenant).await.unwrap();
        took.push(begins.elapsed());
        assert_eq!((stands.state, stands.problem), (State::Ready, None));
        // A database is one tenant's: the next one gets it when this one lets go.
        odoo::disconnect(&world.desk, &tenant).await.unwrap();
    }
    took.sort_unstable();
    let at = |percent: usize| u64::try_from(took[(took.len() * percent).div_ceil(100) - 1].as_millis()).unwrap();
    println!(
        "{}",
        json!({ "onboardings": took.len(), "p50_ms": at(50), "p95_ms": at(95), "max_ms": at(100), "aim_ms": 60_000 })
    );
}
