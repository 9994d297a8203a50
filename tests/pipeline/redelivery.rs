//! Every work message again: at once, out of order, and after the broker has forgotten its id.

use std::time::Duration;

use presdr_nats::topology::{self, User};
use presdr_sandbox::DemoTenant;

use crate::support::{World, connect, facts};

const COMPANIES: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn telling_every_event_again_changes_nothing_and_asks_no_site() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let roles = world.roles().await;
    let run = world.start(&acme, 12).await;
    world.finished(&acme, run).await;
    let (shortlist, asked) = (world.shortlist(&acme, run).await, world.sandbox.requests().count());
    let before = facts(&world.events().await, |_| true);
    let told = world.last_sequence().await;

    // Without an id the broker stores each again, as it would after its window; newest first.
    let reader = connect(&world.nats.url(), User::Projector).await;
    let stream = topology::events(&reader).await.unwrap();
    let writer = connect(&world.nats.url(), User::Worker).await;
    for sequence in (1..=told).rev() {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let again = writer.jetstream().publish(message.subject, message.payload).await.unwrap();
        again.await.unwrap();
    }
    settled(&world).await;
    world.projected().await;

    assert_eq!(world.sandbox.requests().count(), asked, "no site was asked again");
    assert_eq!(world.shortlist(&acme, run).await, shortlist);
    assert_eq!(facts(&world.events().await, |_| true), before, "no fact came of it");
    roles.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_delivered_while_it_is_worked_on_asks_no_site_twice() {
    let alone = asked_for_a_run(Echo::None).await;
    // Two processes' worth of workers, and every event published twice while they work.
    let echoed = asked_for_a_run(Echo::Everything).await;
    assert_eq!(echoed, alone);
}

enum Echo {
    None,
    Everything,
}

/// Every page that was asked for during a run, as often as it was.
async fn asked_for_a_run(echo: Echo) -> Vec<(String, String)> {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let (one, other) = (world.roles().await, world.roles().await);
    let echo = match echo {
        Echo::None => None,
        Echo::Everything => Some(tokio::spawn(publish_again(world.nats.url()))),
    };
    let run = world.start(&acme, 12).await;
    world.finished(&acme, run).await;
    settled(&world).await;
    if let Some(echo) = echo {
        echo.abort();
    }
    assert_eq!(world.outcomes(&acme, run).await, [("scored".to_owned(), 12)].into());
    one.stop().await;
    other.stop().await;
    // Each process remembers robots.txt for itself, and which one visits a site is chance.
    let pages = world.sandbox.requests().all().into_iter().filter(|visit| visit.path != "/robots.txt");
    let mut asked: Vec<_> = pages.map(|visit| (visit.host, visit.path)).collect();
    asked.sort();
    asked
}

/// Publishes every event once more as soon as it is stored.
async fn publish_again(url: String) {
    let reader = connect(&url, User::Projector).await;
    let writer = connect(&url, User::Worker).await;
    let stream = topology::events(&reader).await.unwrap();
    let mut next = 1;
    loop {
        let Ok(message) = stream.get_raw_message(next).await else {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        };
        next += 1;
        if message.headers.get("Presdr-Echo").is_none() {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Presdr-Echo", "1");
            let again = writer.jetstream().publish_with_headers(message.subject, headers, message.payload);
            again.await.unwrap().await.unwrap();
        }
    }
}

/// Waits until no worker has anything in hand or before it.
async fn settled(world: &World) {
    let broker = connect(&world.nats.url(), User::Topology).await;
    let stream = topology::events(&broker).await.unwrap();
    let idle = async {
        loop {
            let mut open = 0;
            for durable in topology::DURABLES {
                let info = stream.consumer_info(durable.name).await.unwrap();
                open += info.num_pending + u64::try_from(info.num_ack_pending).unwrap();
            }
            if open == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, idle).await.expect("the workers do not come to rest");
}
