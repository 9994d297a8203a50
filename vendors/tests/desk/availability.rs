//! What can be asked is remembered for a moment, and never against better knowledge.

use chrono::TimeDelta;
use presdr_rules::route::Availability;
use presdr_vendors::{Cap, Caps, Purpose, Unanswered, Vendor, VendorDesk, VendorSettings};

use crate::{
    stub::{Act, Stub},
    support::World,
};

async fn search(world: &World, desk: &VendorDesk) -> Availability {
    desk.available(&world.tenant, Some(world.run), Purpose::Domain).await.unwrap()
}

#[tokio::test]
async fn what_others_change_counts_a_second_later() {
    let (world, stub) = (World::new().await, Stub::start().await);
    let desk = world.desk(&stub).await;
    assert_eq!(search(&world, &desk).await, Availability::On);
    world.set(&VendorSettings { search: false, ..VendorSettings::default() }).await;
    assert_eq!(search(&world, &desk).await, Availability::On, "nobody reads it again so soon");
    assert_eq!(desk.availability(&world.tenant, None).await.unwrap().search, Availability::Off, "outside of the run");
    world.clock.turn(TimeDelta::seconds(1));
    assert_eq!(search(&world, &desk).await, Availability::Off);
    world.set(&VendorSettings::default()).await;
    world.clock.turn(TimeDelta::seconds(-10));
    assert_eq!(search(&world, &desk).await, Availability::On, "a clock that was set back keeps nothing alive");
}

#[tokio::test]
async fn what_a_process_learns_itself_counts_at_once() {
    let (world, stub) = (World::new().await, Stub::start().await);
    world
        .set(&VendorSettings { caps: Caps { tavily_calls: Cap::day(1), ..Caps::default() }, ..Default::default() })
        .await;
    let desk = world.desk(&stub).await;
    world.search(&desk, 1, "one").await.unwrap();
    assert_eq!(search(&world, &desk).await, Availability::Exhausted);
    world.clock.turn(TimeDelta::hours(12)); // past midnight in Singapore
    assert_eq!(search(&world, &desk).await, Availability::On);
    stub.will([Act::Say(432, None, r#"{"detail": {"error": "This request exceeds your plan's set usage limit."}}"#)]);
    assert!(matches!(world.search(&desk, 2, "two").await, Err(Unanswered::Quota)));
    assert_eq!(search(&world, &desk).await, Availability::Exhausted, "the quota is gone");
    desk.sweep(&world.tenant).await.unwrap(); // gives back what the refused question had set aside
    desk.reopen(&world.tenant, Vendor::Tavily).await.unwrap();
    assert_eq!(search(&world, &desk).await, Availability::On, "somebody knows better");
    world.search(&desk, 3, "three").await.unwrap();
    assert!(matches!(world.search(&desk, 4, "four").await, Err(Unanswered::CapReached { .. })));
    assert_eq!(search(&world, &desk).await, Availability::Exhausted, "the cap had no room");
}
