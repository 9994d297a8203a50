//! What was bought is not bought again while it is fresh, and by nobody else's side.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures::future::join_all;
use presdr_events::vendor::CallStatus;
use presdr_vendors::{
    Purpose, Unanswered,
    zerobounce::{Address, Validate},
};

use crate::{
    stub::{Act, Stub},
    support::World,
};

#[tokio::test]
async fn an_answer_is_bought_once_and_told_once_to_whoever_asks_again() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    let first = world.search(&desk, 1, "Example Widgets").await.unwrap();
    // A redelivery, another process, and another lead.
    let other = world.desk(&stub).await;
    for (desk, company) in [(&desk, 1), (&other, 1), (&other, 2), (&other, 2)] {
        assert_eq!(world.search(desk, company, "example  widgets").await.unwrap(), first);
    }
    assert_eq!(stub.requests(), 1);
    let told: Vec<_> =
        world.calls().await.into_iter().map(|call| (call.status, call.cost_usd.to_string(), call.cache_hit)).collect();
    assert_eq!(told, [(CallStatus::Answered, "0.008".to_owned(), false), (CallStatus::Cached, "0".to_owned(), true)]);
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn an_answer_that_is_too_old_is_bought_again() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    world.search(&desk, 1, "x").await.unwrap();
    world.clock.turn(TimeDelta::days(31));
    world.search(&desk, 2, "x").await.unwrap();
    assert_eq!(stub.requests(), 2);
    world.clock.turn(TimeDelta::days(31));
    desk.sweep(&world.tenant).await.unwrap();
    assert_eq!(world.count("select count(*) from vendor_answers").await, 0, "the sweep forgets it");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_for_the_same_at_once_one_buys_it() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    stub.always(Act::Late(Duration::from_millis(200)));
    let (one, two) = (world.desk(&stub).await, world.desk(&stub).await);
    let asking = (1..=40).map(|company| {
        let (world, desk) = (Arc::clone(&world), if company % 2 == 0 { one.clone() } else { two.clone() });
        async move {
            // As the loop of a worker does it: come back a little later.
            loop {
                match world.search(&desk, company, "the same").await {
                    Err(why) if why.comes_back() => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => return other.is_ok(),
                }
            }
        }
    });
    assert!(join_all(asking).await.into_iter().all(|answered| answered));
    assert_eq!(stub.requests(), 1);
}

#[tokio::test]
async fn things_of_several_leads_share_a_request_and_each_lead_has_its_event() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    let asking = |company| world.asking(company, "zerobounce.validate", Purpose::Verification);
    let things: Vec<_> = [(1, "a"), (1, "b"), (2, "c"), (3, "A"), (3, "d")]
        .map(|(company, name)| (asking(company), Address::new(&format!("{name}@site.example"))))
        .into();
    let answers = desk.ask_many(&Validate, &things).await;
    assert!(answers.iter().all(Result::is_ok), "one that is there twice is answered twice");
    assert_eq!(stub.requests(), 1);
    let mut calls: Vec<_> = world.calls().await.iter().map(|call| (call.units.to_string(), call.requests)).collect();
    calls.sort();
    assert_eq!(
        calls,
        [("1".to_owned(), 0), ("1".to_owned(), 0), ("2".to_owned(), 1)],
        "the request is counted on one lead"
    );
    world.adds_up(&desk).await;
}

#[tokio::test]
async fn nothing_is_bought_for_a_run_that_is_paused_or_over_or_for_a_lead_that_is() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    let steer = async |from: &str, to: &str| {
        let mut tx = world.database.enter(&world.tenant).await.unwrap();
        assert!(presdr_store::runs::change_status(&mut tx, world.run, &[from], to).await.unwrap());
        tx.commit().await.unwrap();
    };
    assert!(matches!(world.search(&desk, 9999, "x").await, Err(Unanswered::Over)), "never admitted");
    steer("open", "paused").await;
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::Paused)));
    steer("paused", "cancelled").await;
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::Over)));
    assert_eq!((stub.requests(), world.count("select count(*) from vendor_intents").await), (0, 0));
}
