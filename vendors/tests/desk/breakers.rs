//! Breakers: opened for the whole fleet, told once, tried by one.

use std::sync::Arc;

use chrono::TimeDelta;
use futures::{StreamExt, stream::FuturesUnordered};
use presdr_events::vendor::CallStatus;
use presdr_rules::route::Availability;
use presdr_vendors::{
    Purpose, Unanswered, Vendor,
    zerobounce::{Address, Validate},
};
use tokio::sync::Semaphore;

use crate::{
    stub::{Act, Stub},
    support::{World, config, quick},
};

const LIMITED: Act = Act::Say(429, None, r#"{"detail": {"error": "blocked"}}"#);
const ZERO_BOUNCE: &str = r#"{"email_batch": [], "errors": [{"email_address": "all", "error": "Invalid API key or your account ran out of credits"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn three_limits_in_a_row_stop_the_fleet_for_a_minute_and_one_tries_after_it() {
    let (world, stub) = (Arc::new(World::new().await), Stub::start().await);
    let (one, two) = (world.desk(&stub).await, world.desk(&stub).await);
    stub.always(LIMITED);
    assert!(matches!(world.search(&one, 1, "1").await, Err(Unanswered::RateLimited)));
    assert_eq!(stub.requests(), 3);
    for (desk, company) in [(&one, 2), (&two, 3)] {
        assert!(matches!(world.search(desk, company, "2").await, Err(Unanswered::BreakerOpen)));
    }
    assert_eq!(stub.requests(), 3, "nobody asked any more");

    world.clock.turn(TimeDelta::seconds(60));
    let leave = Arc::new(Semaphore::new(0));
    stub.will([Act::When(Arc::clone(&leave))]);
    stub.always(Act::Answer);
    let mut asking: FuturesUnordered<_> = (4..=13)
        .map(|company| {
            let (world, desk) = (Arc::clone(&world), if company % 2 == 0 { one.clone() } else { two.clone() });
            tokio::spawn(async move { world.search(&desk, company, &format!("{company}")).await })
        })
        .collect();
    for _ in 0..9 {
        let others = asking.next().await.unwrap().unwrap();
        assert!(matches!(others, Err(Unanswered::BreakerOpen)), "one tries for all: {others:?}");
    }
    leave.add_permits(1);
    assert!(asking.next().await.unwrap().unwrap().is_ok());
    assert_eq!(stub.requests(), 4);
    world.search(&two, 20, "20").await.unwrap();
    assert_eq!(world.alerts().await, ["vendor_unavailable"]);
    world.adds_up(&one).await;
}

#[tokio::test]
async fn who_tries_and_fails_opens_it_again_after_one_request() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    stub.always(LIMITED);
    let _ = world.search(&desk, 1, "1").await;
    world.clock.turn(TimeDelta::seconds(61));
    let _ = world.search(&desk, 2, "2").await;
    assert_eq!(stub.requests(), 4);
    assert!(matches!(world.search(&desk, 3, "3").await, Err(Unanswered::BreakerOpen)));
    assert_eq!(world.alerts().await, ["vendor_unavailable"], "one a day");
}

#[tokio::test]
async fn an_answer_in_between_forgets_the_failures() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    for company in 1..=4 {
        stub.will([LIMITED, LIMITED]);
        world.search(&desk, company, &format!("{company}")).await.unwrap();
    }
    assert_eq!(world.alerts().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_used_up_quota_stops_the_vendor_until_the_next_day() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    stub.will([Act::Say(432, None, r#"{"detail": {"error": "This request exceeds your plan's set usage limit."}}"#)]);
    for company in 1..=3 {
        assert!(matches!(world.search(&desk, company, "x").await, Err(Unanswered::Quota)));
    }
    assert_eq!(stub.requests(), 1);
    assert_eq!(desk.availability(&world.tenant, Some(world.run)).await.unwrap().search, Availability::Exhausted);
    assert!(world.calls().await.iter().all(|call| call.status == CallStatus::Quota && call.quota_exhausted));
    assert_eq!(world.alerts().await, ["vendor_unavailable"]);
    world.clock.turn(TimeDelta::hours(12));
    world.search(&desk, 4, "x").await.unwrap();
    assert_eq!(desk.availability(&world.tenant, Some(world.run)).await.unwrap().search, Availability::On);
}

#[tokio::test]
async fn a_refused_key_stops_the_vendor_until_there_is_another() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    stub.will([Act::Say(401, None, "")]);
    assert!(matches!(world.search(&desk, 1, "x").await, Err(Unanswered::KeyRefused)));
    world.clock.turn(TimeDelta::days(3));
    assert!(matches!(world.search(&desk, 2, "x").await, Err(Unanswered::KeyRefused)));
    let mut config = config(&stub);
    config.secrets = config.secrets.with(Vendor::Tavily, "tvly-another");
    let with_another = world.desk_with(config, quick()).await;
    world.search(&with_another, 3, "x").await.unwrap();
    desk.reopen(&world.tenant, Vendor::Tavily).await.unwrap();
    world.search(&desk, 4, "y").await.unwrap();
}

#[tokio::test]
async fn one_message_for_two_things_is_told_apart_by_the_credits_that_are_left() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let asking = |company| world.asking(company, "zerobounce.validate", Purpose::Verification);
    let desk = world.desk(&stub).await;
    stub.will([Act::Say(200, None, ZERO_BOUNCE), Act::Say(200, None, r#"{"Credits": "-1"}"#)]);
    let answers = desk.ask_many(&Validate, &[(asking(1), Address::new("a@site.example"))]).await;
    assert!(matches!(answers[0], Err(Unanswered::KeyRefused)));
    desk.reopen(&world.tenant, Vendor::ZeroBounce).await.unwrap();
    stub.will([Act::Say(200, None, ZERO_BOUNCE), Act::Say(200, None, r#"{"Credits": "0"}"#)]);
    let answers = desk.ask_many(&Validate, &[(asking(2), Address::new("a@site.example"))]).await;
    assert!(matches!(answers[0], Err(Unanswered::Quota)));
    world.adds_up(&desk).await;
}
