//! The audit log as a chain: every stored event once, in the order of the log, whatever it is and whoever reads it.

use std::collections::HashSet;

use presdr_events::{Digest, Event, RunId, TenantId, chain};
use presdr_projections::ProjectError;
use serde_json::{Value, json};

use crate::support::{Teller, Told, World, company, step, whole_run};

/// The chain of a tenant as anybody can make it from the log alone: places, and the chain after each.
async fn chain_of_the_log(world: &World, tenant: &TenantId) -> Vec<(u64, Digest)> {
    let stream = presdr_nats::topology::events(&world.broker).await.unwrap();
    let (mut seen, mut chain, mut links) = (HashSet::new(), chain::genesis(tenant), vec![]);
    for sequence in 1..=world.last_sequence().await {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let (subject, body) = (message.subject.as_str(), &message.payload[..]);
        let id = chain::identify(subject, body, sequence);
        if presdr_events::Subject::owner(subject) == *tenant && seen.insert(id) {
            chain = chain::link(chain, chain::leaf(&chain::Stored { tenant, sequence, id, subject, body }));
            links.push((sequence, chain));
        }
    }
    links
}

fn links(rows: &[Value]) -> Vec<(u64, String)> {
    let mut links: Vec<(u64, String)> = rows
        .iter()
        .map(|row| (row["sequence"].as_u64().unwrap(), row["chain_hash"].as_str().unwrap().to_owned()))
        .collect();
    links.sort_unstable();
    links
}

#[tokio::test]
async fn every_stored_event_is_linked_once_readable_or_not_and_a_rebuild_links_the_same() {
    let world = World::new().await;
    let (acme, beta) = (world.store.tenant("acme").await.unwrap(), world.store.tenant("beta").await.unwrap());
    let told = whole_run(&world, &acme, 1, 5).await;
    let of_beta = Teller { tenant: &beta, run: RunId::new(1).unwrap() }.started();
    let mut newer: Value = serde_json::from_slice(&told[3].body).unwrap();
    newer["id"] = json!("0b7e9f0a-4f38-5d3e-9d0a-1f0a5b8f2c11");
    newer["schemaversion"] = json!(2);
    let newer = Told { subject: told[3].subject.clone(), body: serde_json::to_vec(&newer).unwrap() };
    let garbage = Told { subject: "evt.acme.lead.crawled".to_owned(), body: b"\xff\0".to_vec() };
    world.publish(&told[..7]).await;
    world.publish(&[garbage, of_beta, newer.clone(), told[2].clone(), newer]).await;
    world.publish(&told[5..]).await;
    world.project_all().await;

    for tenant in [&acme, &beta] {
        let rows = world.rows(tenant).await;
        let expected: Vec<(u64, String)> = chain_of_the_log(&world, tenant)
            .await
            .into_iter()
            .map(|(sequence, chain)| (sequence, format!("\\x{chain}")))
            .collect();
        assert_eq!(links(&rows["audit_log"]), expected);
        let head = &rows["audit_heads"][0];
        assert_eq!(head["events"], json!(expected.len()));
        assert_eq!(
            (head["sequence"].as_u64().unwrap(), head["chain_hash"].as_str().unwrap().to_owned()),
            *expected.last().unwrap()
        );
        world.rebuild().await;
        assert_eq!(rows, world.rows(tenant).await);
    }
    let rows = world.rows(&acme).await;
    let unreadable: Vec<&Value> = rows["audit_log"].iter().filter(|row| row["status"] == "unreadable").collect();
    assert_eq!(unreadable.len(), 2, "each once: {unreadable:?}");
    assert_eq!(rows["projection_parked"].len(), 2);
}

#[tokio::test]
async fn nothing_that_the_database_would_refuse_keeps_an_event_out_of_the_audit_log() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let teller = Teller { tenant: &tenant, run: RunId::new(1).unwrap() };
    let steered = |step| {
        let by = presdr_events::run::Steered { step, reason: None };
        teller.tell(1, None, &Event::RunPaused(by))
    };
    let mut long_ago: Value = serde_json::from_slice(&steered(step("pause", u64::MAX, 3)).body).unwrap();
    long_ago["time"] = json!("-9999-01-01T00:00:00Z");
    let long_ago = Told { subject: "evt.acme.run.paused".to_owned(), body: serde_json::to_vec(&long_ago).unwrap() };
    world.publish(&[steered(step("nul\0", 1, 1).with("a\0", "b\0")), long_ago]).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["audit_log"].len(), 2);
    let first = rows["audit_log"].iter().find(|row| row["attempt"] == 1).unwrap();
    assert_eq!((&first["tool"], &first["arguments"]), (&json!("nul\u{fffd}"), &json!({ "a\u{fffd}": "b\u{fffd}" })));
}

#[tokio::test]
async fn an_audit_log_that_was_never_linked_stops_the_projector_and_a_rebuild_is_the_cure() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let told = whole_run(&world, &tenant, 1, 3).await;
    world.publish(&told[..4]).await;
    world.project_all().await;
    let mut tx = world.projector.enter(&tenant).await.unwrap();
    sqlx::query("update audit_log set event_hash = '', chain_hash = ''").execute(&mut *tx).await.unwrap();
    sqlx::query("delete from audit_heads").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    world.publish(&told[4..]).await;
    let stopped = tokio::time::timeout(crate::support::PATIENCE, world.project().task).await.unwrap().unwrap();
    let error = stopped.unwrap_err();
    assert!(matches!(error, ProjectError::NoChain(_)), "{error}");
    assert!(error.to_string().contains("presdr project rebuild"), "{error}");
    world.rebuild().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(links(&rows["audit_log"]).len(), chain_of_the_log(&world, &tenant).await.len());
    world.project_all().await;
}

/// An id is taken by what is stored first where it belongs, and by nothing else.
#[tokio::test]
async fn an_event_on_a_foreign_subject_does_not_take_anothers_id() {
    let world = World::new().await;
    let (acme, beta) = (world.store.tenant("acme").await.unwrap(), world.store.tenant("beta").await.unwrap());
    let teller = Teller { tenant: &beta, run: RunId::new(1).unwrap() };
    let scored = teller.scored(company(1), 1, 0.5);
    let elsewhere = Told { subject: "evt.acme.lead.scored".to_owned(), body: scored.body.clone() };
    world.publish(&[elsewhere, scored]).await;
    world.project_all().await;
    assert_eq!(world.rows(&acme).await["projection_parked"].len(), 1);
    assert_eq!(world.rows(&beta).await["lead_scores"].len(), 1);
}
