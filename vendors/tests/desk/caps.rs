//! Caps are never passed, whoever races for them.

use std::sync::Arc;

use futures::future::join_all;
use presdr_vendors::{
    Cap, Caps, Purpose, Unanswered, VendorSettings,
    zerobounce::{Address, Validate},
};

use crate::{
    stub::{Act, Stub},
    support::World,
};

fn capped(caps: Caps) -> VendorSettings {
    VendorSettings { caps, ..VendorSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_and_two_hundred_workers_stay_below_a_cap_and_use_all_of_it() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    world.set(&capped(Caps { tavily_calls: Cap::day(97), ..Caps::default() })).await;
    let mut desks = Vec::new();
    for _ in 0..8 {
        desks.push(world.desk(&stub).await);
    }
    let workers = (1..=200).map(|worker: i64| {
        let (world, desk) = (Arc::clone(&world), desks[usize::try_from(worker).unwrap() % 8].clone());
        tokio::spawn(async move { world.search(&desk, worker, &format!("company {worker}")).await.is_ok() })
    });
    let answered = join_all(workers).await.into_iter().filter(|answered| *answered.as_ref().unwrap()).count();
    assert_eq!((answered, stub.requests()), (97, 97));
    assert_eq!(world.alerts().await, ["vendor_cap_nearly_reached", "vendor_cap_reached"]);
    world.adds_up(&desks[0]).await;
    assert_eq!(world.calls().await.len(), 200, "each refusal is told as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_capped_over_vendors_and_what_failed_is_given_back() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    let usd = Cap { day: Some("0.80".parse().unwrap()), run: None };
    world.set(&capped(Caps { usd, ..Caps::default() })).await;
    stub.will((0..50).map(|_| Act::Say(400, None, r#"{"detail": {"error": "no"}}"#)));
    let mut desks = Vec::new();
    for _ in 0..8 {
        desks.push(world.desk(&stub).await);
    }
    let mut answered = 0;
    for round in 0..2 {
        let workers = (1..=200).map(|worker: i64| {
            let (world, desk) = (Arc::clone(&world), desks[usize::try_from(worker).unwrap() % 8].clone());
            tokio::spawn(async move { world.search(&desk, worker, &format!("{round} {worker}")).await.is_ok() })
        });
        answered += join_all(workers).await.into_iter().filter(|answered| *answered.as_ref().unwrap()).count();
    }
    assert_eq!((answered, stub.answered()), (100, 100), "a hundred at 0.008 are 0.80");
    world.adds_up(&desks[0]).await;
    let cents = world
        .count("select (taken * 100)::bigint from vendor_budgets where meter = 'usd' and period like '2026%'")
        .await;
    assert_eq!(cents, 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_batch_shrinks_to_what_is_left() {
    let (world, stub) = (World::new().await, Stub::start().await);
    world.set(&capped(Caps { zerobounce_verifications: Cap::day(130), ..Caps::default() })).await;
    let desk = world.desk(&stub).await;
    let asking = |company| world.asking(company, "zerobounce.validate", Purpose::Verification);
    let things: Vec<_> =
        (1..=160i64).map(|n| (asking(n % 20 + 1), Address::new(&format!("p{n}@site.example")))).collect();
    let answers = desk.ask_many(&Validate, &things).await;
    let refused = |answer: &Result<_, Unanswered>| {
        matches!(answer, Err(Unanswered::CapReached { meter: "zerobounce_verifications" }))
    };
    assert!(answers[..130].iter().all(Result::is_ok) && answers[130..].iter().all(refused));
    let batches: Vec<usize> = stub.bodies().iter().map(|body| body["email_batch"].as_array().unwrap().len()).collect();
    assert_eq!(batches, [100, 30]);
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn the_cap_of_a_run_is_another_than_that_of_a_day() {
    let (world, stub) = (World::new().await, Stub::start().await);
    world
        .set(&capped(Caps { tavily_calls: Cap { day: Some(5.into()), run: Some(2.into()) }, ..Caps::default() }))
        .await;
    let desk = world.desk(&stub).await;
    for company in 1..=2 {
        world.search(&desk, company, &format!("company {company}")).await.unwrap();
    }
    let refused = world.search(&desk, 3, "company 3").await.unwrap_err();
    assert!(matches!(refused, Unanswered::CapReached { meter: "tavily_calls" }));
    assert!(world.search(&desk, 4, "company 1").await.is_ok(), "what was bought costs nothing more");
    assert_eq!(stub.requests(), 2);
}

#[tokio::test]
async fn the_next_day_has_room_again() {
    let (world, stub) = (World::new().await, Stub::start().await);
    world.set(&capped(Caps { tavily_calls: Cap::day(1), ..Caps::default() })).await;
    let desk = world.desk(&stub).await;
    world.search(&desk, 1, "one").await.unwrap();
    assert!(world.search(&desk, 2, "two").await.is_err());
    world.clock.turn(chrono::TimeDelta::hours(12)); // past midnight in Singapore
    world.search(&desk, 2, "two").await.unwrap();
    let alerts = world.alerts().await;
    assert_eq!(alerts.iter().filter(|alert| *alert == "vendor_cap_reached").count(), 2, "one a day: {alerts:?}");
}

#[tokio::test]
async fn what_is_switched_off_or_has_no_key_is_not_asked() {
    let (world, stub) = (World::new().await, Stub::start().await);
    world.set(&VendorSettings { search: false, ..VendorSettings::default() }).await;
    let desk = world.desk(&stub).await;
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::Off(_))));
    world.set(&VendorSettings::default()).await;
    let keyless = presdr_vendors::VendorConfig::new(presdr_vendors::Secrets::none());
    let desk = world.desk_with(keyless, crate::support::quick()).await;
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::Off(_))));
    assert_eq!((stub.requests(), world.calls().await.len()), (0, 0));
}
