//! Answers that are lost on the way, and processes that die in the middle.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use presdr_events::vendor::CallStatus;
use presdr_vendors::{Policy, Unanswered};
use tokio::sync::Semaphore;

use crate::{
    stub::{Act, Stub},
    support::{World, config, quick, without_breaker},
};

#[tokio::test]
async fn an_answer_that_is_lost_is_charged_at_its_most_and_asked_for_once_more() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    stub.will([Act::Half]);
    world.search(&desk, 1, "x").await.unwrap();
    assert_eq!(stub.requests(), 2);
    let told: Vec<_> = world.calls().await.into_iter().map(|call| (call.status, call.cost_usd.to_string())).collect();
    let price = || "0.008".to_owned();
    assert_eq!(told, [(CallStatus::Unknown, price()), (CallStatus::Answered, price())]);
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn what_was_lost_twice_is_not_asked_for_a_third_time() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk_with(config(&stub), without_breaker()).await;
    stub.always(Act::Half);
    for _ in 0..3 {
        assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::Unknown)));
    }
    assert_eq!((stub.requests(), world.calls().await.len()), (2, 2));
    world.adds_up(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_asks_is_missed_at_once() {
    let (world, stub) = (World::new().await, Stub::start().await);
    stub.will([Act::Hang]);
    let (dying, leases) = world.desk_as(config(&stub), quick()).await;
    let (other, _) = world.desk_as(config(&stub), quick()).await;
    {
        let asking = world.search(&dying, 1, "x");
        tokio::pin!(asking);
        while stub.requests() == 0 {
            let _ = tokio::time::timeout(Duration::from_millis(10), &mut asking).await;
        }
        assert!(matches!(world.search(&other, 1, "x").await, Err(Unanswered::Busy(_))), "it lives");
    }
    drop((dying, leases)); // the session ends, and Postgres lets its lock go
    let answer = loop {
        match world.search(&other, 1, "x").await {
            Err(why) if why.comes_back() => tokio::time::sleep(Duration::from_millis(20)).await,
            other => break other,
        }
    };
    answer.unwrap();
    let told: Vec<_> = world.calls().await.into_iter().map(|call| call.status).collect();
    assert_eq!(told, [CallStatus::Unknown, CallStatus::Answered]);
    assert_eq!(stub.requests(), 2);
    world.adds_up(&other).await;
}

#[tokio::test]
async fn the_sweep_gives_up_what_nobody_asks_for_again() {
    let (world, stub) = (World::new().await, Stub::start().await);
    stub.will([Act::Hang]);
    let desk = world.desk(&stub).await;
    {
        let asking = world.search(&desk, 1, "x");
        tokio::pin!(asking);
        while stub.requests() == 0 {
            let _ = tokio::time::timeout(Duration::from_millis(10), &mut asking).await;
        }
    } // the handler was cancelled: the process lives, and nobody waits for the answer
    desk.sweep(&world.tenant).await.unwrap();
    assert_eq!(
        world.count("select count(*) from vendor_intents where state = 'sent'").await,
        1,
        "it may still be under way"
    );
    world.clock.turn(TimeDelta::hours(1));
    desk.sweep(&world.tenant).await.unwrap();
    assert_eq!(world.count("select count(*) from vendor_intents where state = 'unknown'").await, 1);
    assert_eq!(world.calls().await[0].status, CallStatus::Unknown);
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn without_time_left_it_is_asked_again_with_the_next_delivery() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let policy = Policy { budget: Duration::ZERO, ..quick() };
    let desk = world.desk_with(config(&stub), policy).await;
    stub.will([Act::Half]);
    assert!(world.search(&desk, 1, "x").await.unwrap_err().comes_back());
    world.search(&desk, 1, "x").await.unwrap();
    assert_eq!(stub.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_it_was_given_up_is_used_and_charged_no_more() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    let leave = Arc::new(Semaphore::new(0));
    stub.will([Act::When(Arc::clone(&leave))]);
    let (slow, other) = (world.desk(&stub).await, world.desk(&stub).await);
    let asking = {
        let (world, slow) = (Arc::clone(&world), slow.clone());
        tokio::spawn(async move { world.search(&slow, 1, "x").await })
    };
    while stub.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.clock.turn(TimeDelta::hours(1)); // longer than any call may take
    world.search(&other, 2, "x").await.unwrap();
    leave.add_permits(1);
    asking.await.unwrap().unwrap();
    let told: Vec<_> = world.calls().await.into_iter().map(|call| call.status).collect();
    assert_eq!(told, [CallStatus::Unknown, CallStatus::Answered]);
    world.adds_up(&other).await;
}
