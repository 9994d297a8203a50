//! Retries, waits, places and rates.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use presdr_events::vendor::CallStatus;
use presdr_store::breakers::Rate;
use presdr_vendors::{Policy, Terms, Unanswered, Vendor};
use tokio::sync::Semaphore;

use crate::{
    stub::{Act, Stub},
    support::{World, config, quick, without_breaker},
};

fn limited(after: Option<&str>) -> Act {
    Act::Say(429, after.map(|after| ("retry-after", after.to_owned())), r#"{"detail": {"error": "blocked"}}"#)
}

const FAULT: Act = Act::Say(500, None, "<html>fault</html>");

#[tokio::test]
async fn what_may_pass_is_tried_three_times_and_told_as_one_call() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    stub.will([FAULT, limited(Some("0"))]);
    world.search(&desk, 1, "x").await.unwrap();
    let calls = world.calls().await;
    let told = (calls.len(), calls[0].status, calls[0].requests, calls[0].rate_limit_hits, calls[0].http_status);
    assert_eq!(told, (1, CallStatus::Answered, 3, 1, Some(200)));
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn after_three_tries_it_is_over_and_free() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk_with(config(&stub), without_breaker()).await;
    stub.always(FAULT);
    let failed = world.search(&desk, 1, "x").await.unwrap_err();
    assert!(matches!(failed, Unanswered::Failed { status: Some(500), .. }), "{failed:?}");
    stub.always(limited(None));
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::RateLimited)));
    assert_eq!(stub.requests(), 6);
    let told: Vec<_> = world.calls().await.into_iter().map(|call| (call.status, call.cost_usd.is_zero())).collect();
    assert_eq!(told, [(CallStatus::Failed, true), (CallStatus::RateLimited, true)]);
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_tried_once() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    stub.will([Act::Say(400, None, r#"{"detail": {"error": "Query is too long."}}"#)]);
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::Failed { status: Some(400), .. })));
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn a_wait_that_leaves_no_time_is_not_waited_for() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk_with(config(&stub), without_breaker()).await;
    stub.will([limited(Some("3600"))]);
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::RateLimited)));
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn a_vendor_that_is_not_there_costs_nothing() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let config = config(&stub).at(Vendor::Tavily, "http://127.0.0.1:1".parse().unwrap()).unwrap();
    let desk = world.desk_with(config, without_breaker()).await;
    let failed = world.search(&desk, 1, "x").await.unwrap_err();
    assert!(matches!(failed, Unanswered::Failed { status: None, .. }), "{failed:?}");
    assert_eq!(world.calls().await[0].requests, 3);
    world.adds_up(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_asks_no_more_at_a_time_than_it_may() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    let leave = Arc::new(Semaphore::new(0));
    stub.always(Act::When(Arc::clone(&leave)));
    let terms = Terms { rate: Rate { per_minute: 60_000_000 }, concurrency: 3 };
    let desk = world.desk_with(config(&stub).under(Vendor::Tavily, terms), quick()).await;
    let asking: Vec<_> = (1..=30)
        .map(|company| {
            let (world, desk) = (Arc::clone(&world), desk.clone());
            tokio::spawn(async move { world.search(&desk, company, &format!("{company}")).await.is_ok() })
        })
        .collect();
    while stub.requests() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    leave.add_permits(30);
    assert!(join_all(asking).await.into_iter().all(|answered| answered.unwrap()));
    assert_eq!(stub.most_under_way(), 3);
}

#[tokio::test]
async fn the_fleet_keeps_to_a_keys_rate() {
    let (world, stub) = (World::new().await, Stub::start().await);
    // Two at once, then one in more than three seconds; nobody waits for a second one here.
    let terms = Terms { rate: Rate { per_minute: 20 }, concurrency: 64 };
    let policy = Policy { slot_wait_max: Duration::ZERO, ..quick() };
    let config = config(&stub).under(Vendor::Tavily, terms);
    let (one, two) = (world.desk_with(config.clone(), policy).await, world.desk_with(config, policy).await);
    let mut answered = 0;
    for company in 1..=10 {
        for desk in [&one, &two] {
            match world.search(desk, company, &format!("{company}")).await {
                Ok(_) => {}
                Err(Unanswered::Busy(_)) => continue,
                Err(other) => panic!("{other:?}"),
            }
            answered += 1;
        }
    }
    assert_eq!(stub.requests(), 2, "the others found what the first two bought, or were sent away: {answered}");
    world.clock.turn(chrono::TimeDelta::seconds(4));
    world.search(&one, 9, "9").await.unwrap();
    assert_eq!(stub.requests(), 3);
    world.adds_up(&one).await;
}

#[tokio::test]
async fn who_waits_for_a_turn_has_room_reserved_and_gives_it_back_when_the_run_is_over() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    let terms = Terms { rate: Rate { per_minute: 20 }, concurrency: 64 };
    let desk = world.desk_with(config(&stub).under(Vendor::Tavily, terms), quick()).await;
    for company in 1..=2 {
        world.search(&desk, company, &format!("{company}")).await.unwrap();
    }
    // The third has to wait more than three seconds: meanwhile the run is cancelled.
    let waiting = {
        let (world, desk) = (Arc::clone(&world), desk.clone());
        tokio::spawn(async move { world.search(&desk, 7, "7").await })
    };
    while world.count("select count(*) from vendor_intents where state = 'reserved'").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut tx = world.database.enter(&world.tenant).await.unwrap();
    presdr_store::runs::change_status(&mut tx, world.run, &["open"], "cancelled").await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(Unanswered::Over)));
    assert_eq!(stub.requests(), 2);
    assert_eq!(world.count("select count(*) from vendor_intents where state = 'released'").await, 1);
    world.adds_up(&desk).await;
}
