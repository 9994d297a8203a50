//! Writing the log out and reading it in, over real servers.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::BTreeMap;

use async_nats::jetstream::{consumer::PullConsumer, message::StreamMessage};
use bytes::Bytes;
use futures::StreamExt;
use presdr_nats::{
    Broker, BrokerError,
    snapshot::{self, Taken, Writer},
    topology::{self, TopologyConfig},
};
use presdr_servers::{Nats, testing};
use rand::Rng;

/// More bytes than the broker sends without an answer.
const EVENTS: u64 = 160;
const BODY_BYTES: usize = 60 * 1024;

fn small() -> TopologyConfig {
    TopologyConfig { events_bytes_max: 1 << 28, ..TopologyConfig::default() }
}

async fn broker() -> (testing::Own<Nats>, Broker) {
    let nats = testing::nats().await.unwrap();
    let broker = Broker::connect(&nats.url(), None).await.unwrap();
    (nats, broker)
}

/// A log of events that cannot be packed, the durable `resolve` having answered the first seven.
async fn log() -> (testing::Own<Nats>, Broker) {
    let (nats, broker) = broker().await;
    topology::apply(&broker, &small()).await.unwrap();
    let mut stored = Vec::new();
    for _ in 0..EVENTS {
        let mut body = vec![0; BODY_BYTES];
        rand::rng().fill_bytes(&mut body);
        stored.push(broker.jetstream().publish("evt.acme.lead.admitted", body.into()).await.unwrap());
    }
    for ack in stored {
        ack.await.unwrap();
    }
    let resolve: PullConsumer = topology::events(&broker).await.unwrap().get_consumer("resolve").await.unwrap();
    let mut messages = resolve.fetch().max_messages(8).messages().await.unwrap();
    for _ in 0..7 {
        messages.next().await.unwrap().unwrap().double_ack().await.unwrap();
    }
    (nats, broker)
}

async fn written(broker: &Broker) -> (Taken, Vec<u8>) {
    let (taken, mut chunks) = snapshot::take(broker).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    (taken, bytes)
}

async fn write(writer: &mut Writer, bytes: &[u8]) -> Result<(), BrokerError> {
    for chunk in bytes.chunks(Writer::BYTES_MAX) {
        writer.write(Bytes::copy_from_slice(chunk)).await?;
    }
    Ok(())
}

/// Everything that makes an event what it is at its place.
async fn events(broker: &Broker) -> Vec<(u64, String, Bytes, i128)> {
    let stream = topology::events(broker).await.unwrap();
    let mut events = Vec::new();
    for sequence in 1..=stream.cached_info().state.last_sequence {
        let StreamMessage { sequence, subject, payload, time, .. } = stream.get_raw_message(sequence).await.unwrap();
        events.push((sequence, subject.to_string(), payload, time.unix_timestamp_nanos()));
    }
    events
}

#[tokio::test]
async fn a_log_that_was_written_out_is_the_same_log_elsewhere_and_its_durables_go_on() {
    let (_here, here) = log().await;
    let (taken, bytes) = written(&here).await;
    assert_eq!((taken.events(), taken.last_sequence()), (EVENTS, EVENTS));
    assert_eq!(taken.durables.get("resolve"), Some(&8));
    assert!(bytes.len() as u64 > EVENTS * BODY_BYTES as u64, "it is larger than the broker's window");

    let (_there, there) = broker().await;
    let mut writer = snapshot::put_back(&there, &taken).await.unwrap();
    write(&mut writer, &bytes).await.unwrap();
    writer.end().await.unwrap();
    assert_eq!(events(&there).await, events(&here).await);
    let stream = topology::events(&there).await.unwrap();
    topology::apply_from(&there, &small(), &taken.durables).await.unwrap();
    let resolve: PullConsumer = stream.get_consumer("resolve").await.unwrap();
    let next = resolve.fetch().max_messages(1).messages().await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(next.info().unwrap().stream_sequence, 8, "what was answered is not asked again");
    assert_eq!(topology::unanswered(&stream).await.unwrap(), taken.durables);

    let refused = snapshot::put_back(&there, &taken).await.err().unwrap().to_string();
    assert!(refused.contains("already in use"), "{refused}");
}

#[tokio::test]
async fn what_was_broken_off_or_damaged_is_removed_and_it_can_be_done_again_at_once() {
    let (_here, here) = log().await;
    let (taken, bytes) = written(&here).await;
    let (_there, there) = broker().await;
    let half = &bytes[..bytes.len() / 2];
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;

    let mut writer = snapshot::put_back(&there, &taken).await.unwrap();
    write(&mut writer, half).await.unwrap();
    drop(writer);
    // The broker may keep what came: nobody goes on with it, and it is in nobody's way once it is removed.
    let _ = snapshot::remove(&there).await;
    for damaged in [half, &flipped] {
        let mut writer = snapshot::put_back(&there, &taken).await.unwrap();
        let refused = match write(&mut writer, damaged).await {
            Ok(()) => writer.end().await,
            refused => refused,
        };
        assert!(refused.is_err());
        let _ = snapshot::remove(&there).await;
    }
    let mut writer = snapshot::put_back(&there, &taken).await.unwrap();
    write(&mut writer, &bytes).await.unwrap();
    writer.end().await.unwrap();
    assert_eq!(events(&there).await, events(&here).await);
}

#[tokio::test]
async fn a_durable_that_answered_nothing_begins_where_it_was_made_to() {
    let (_nats, broker) = broker().await;
    let starts = BTreeMap::from([("run".to_owned(), 5)]);
    topology::apply_from(&broker, &small(), &starts).await.unwrap();
    let stream = topology::events(&broker).await.unwrap();
    assert_eq!(topology::unanswered(&stream).await.unwrap().get("run"), Some(&5));
}
