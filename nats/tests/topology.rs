//! The topology over a real server.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use presdr_events::{Actor, Event, EventId, Header, Step, TenantId, tenant};
use presdr_nats::{
    Broker, Message, Publisher,
    topology::{self, TopologyConfig},
};
use presdr_servers::{Nats, testing};

fn small() -> TopologyConfig {
    TopologyConfig { events_bytes_max: 1 << 28, ..TopologyConfig::default() }
}

async fn broker() -> (testing::Own<Nats>, Broker) {
    let nats = testing::nats().await.unwrap();
    let broker = Broker::connect(&nats.url(), None).await.unwrap();
    (nats, broker)
}

fn message(attempt: u32) -> Message {
    let tenant = TenantId::new("acme").unwrap();
    let id = EventId::of(&tenant, None, None, "tenant", attempt);
    let time = chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let actor = Actor::service("test");
    let header = Header {
        id,
        source: "test",
        time,
        tenant,
        run: None,
        company: None,
        actor,
        correlation: id,
        causation: None,
        traceparent: None,
    };
    let step = Step::done("tenant", 0, attempt, Vec::new());
    let event = Event::TenantCreated(tenant::Created { step, name: "Acme".to_owned() });
    Message { id, subject: header.subject(&event).to_string(), body: header.encode(&event).unwrap().into() }
}

#[tokio::test]
async fn applying_it_again_changes_nothing() {
    let (_nats, broker) = broker().await;
    let first = topology::apply(&broker, &small()).await.unwrap();
    assert!(first.iter().all(|applied| applied.change == "created"), "{first:?}");
    let again = topology::apply(&broker, &small()).await.unwrap();
    assert!(again.iter().all(|applied| applied.change == "unchanged"), "{again:?}");
}

#[tokio::test]
async fn an_event_that_is_published_twice_is_stored_once() {
    let (_nats, broker) = broker().await;
    topology::apply(&broker, &small()).await.unwrap();
    let publisher = Publisher::new(broker.clone());
    let sequences = [publisher.publish(&message(1)).await.unwrap(), publisher.publish(&message(1)).await.unwrap()];
    assert_eq!(sequences, [1, 1]);
    assert_eq!(publisher.publish(&message(2)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_durable_that_is_made_again_does_not_redo_what_was_done() {
    let (_nats, broker) = broker().await;
    topology::apply(&broker, &small()).await.unwrap();
    Publisher::new(broker.clone()).publish(&message(1)).await.unwrap();
    let events = topology::events(&broker).await.unwrap();
    events.delete_consumer("run").await.unwrap();
    let applied = topology::apply(&broker, &small()).await.unwrap();
    let run = applied.iter().find(|applied| applied.name == "run").unwrap();
    assert_eq!((run.change, run.detail.as_str()), ("created", "from sequence 2"));
}

#[tokio::test]
async fn no_event_can_be_taken_out_of_the_log() {
    let (_nats, broker) = broker().await;
    topology::apply(&broker, &small()).await.unwrap();
    Publisher::new(broker.clone()).publish(&message(1)).await.unwrap();
    let events = topology::events(&broker).await.unwrap();
    assert!(events.delete_message(1).await.is_err());
}
