//! Signing: only what was verified, once, and told in both stores.

use std::sync::Arc;

use presdr_audit::{AuditError, Difference, PublicKeys, Signed, Signer, SigningKey};
use presdr_events::{Actor, TenantId};
use presdr_producers::Desk;
use presdr_store::Role;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, World, at, keys, signing_key, started, visits};

#[tokio::test]
async fn each_checkpoint_follows_the_one_before_it_and_is_in_both_stores() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.publish(&[started(&acme)]).await;
    world.publish(&visits(&acme, 1..=2)).await;
    world.project_all().await;
    let first = world.sign(&acme).await;
    assert_eq!((first.checkpoint.number, first.checkpoint.sequence, first.checkpoint.events), (1, 5, 5));
    assert_eq!((first.checkpoint.day.to_string().as_str(), first.checkpoint.previous), ("2026-11-23", None));
    let second = world.sign(&acme).await;
    assert_eq!((second.checkpoint.number, second.checkpoint.events), (2, 6), "the first checkpoint's event is covered");
    assert_eq!(second.checkpoint.previous, Some(first.checkpoint.digest()));
    assert!(keys().verify(&first) && keys().verify(&second));
    let told = world.messages().await;
    let told: Vec<&str> = told.iter().rev().take(2).map(|message| message.subject.as_str()).collect();
    assert_eq!(told, ["evt.acme.audit.checkpointed"; 2]);
    let verified = world.verify(&acme).await.unwrap();
    assert_eq!((verified.to_checkpoint, verified.events, verified.not_signed_yet), (Some(2), 7, 1));
}

#[tokio::test]
async fn what_is_not_as_it_was_is_not_signed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.publish(&visits(&acme, 1..=3)).await;
    world.project_all().await;
    world.tamper(&acme, &["delete from audit_log where sequence = 2".to_owned()]).await;
    let refused = world.signer().sign(&acme).await.unwrap_err();
    let AuditError::NotSigned(finding) = refused else { panic!("{refused}") };
    assert_eq!((finding.sequence, finding.difference), (Some(2), Difference::NoRow { signed: Signed::NotYet }));
}

/// Whoever can write the database could put the end of another chain there, to have it signed.
#[tokio::test]
async fn an_end_of_the_chain_that_somebody_wrote_is_not_signed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.publish(&visits(&acme, 1..=3)).await;
    world.project_all().await;
    world.tamper(&acme, &["update audit_heads set chain_hash = sha256('x')".to_owned()]).await;
    let refused = world.signer().sign(&acme).await.unwrap_err();
    assert!(refused.to_string().contains("nothing was signed: tenant acme: the end of the chain"), "{refused}");
}

#[tokio::test]
async fn after_a_change_of_key_the_key_before_it_must_be_named() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.publish(&visits(&acme, 1..=1)).await;
    world.project_all().await;
    world.sign(&acme).await;
    let new = || SigningKey::from_seed(&[8; 32]).unwrap();
    let signer = |before| Signer::new(world.desk.clone(), world.log.clone(), new(), before).unwrap();
    let refused = signer(None).sign(&acme).await.unwrap_err();
    assert!(refused.to_string().contains("signed with another key"), "{refused}");
    signer(Some(keys())).sign(&acme).await.unwrap().unwrap();
    world.project_all().await;
    signer(None).sign(&acme).await.unwrap().expect("once is enough: schedulers need not know the old key");
    world.project_all().await;
    let both: PublicKeys = keys().and(new().public().unwrap());
    assert!(world.stores(&world.log).verify(&acme, &both, &[]).await.unwrap().is_ok());
    assert!(world.verify(&acme).await.is_err(), "the old key alone does not do");
}

#[tokio::test]
async fn many_schedulers_sign_once_a_day_and_a_broken_chain_is_an_alert() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world.publish(&visits(&acme, 1..=2)).await;
    world.publish(&visits(&beta, 1..=2)).await;
    world.project_all().await;
    world.tamper(&beta, &["update audit_log set tool = 'x' where sequence = 5".to_owned()]).await;
    let stopping = CancellationToken::new();
    let mut schedulers = Vec::new();
    for _ in 0..4 {
        let desk = Desk::new(
            world.store.connect(Role::Producer).await.unwrap(),
            world.publisher.clone(),
            Arc::new(world.store.keyring()),
            Actor::service("schedule"),
            || at(0),
        );
        let signer = Signer::new(desk, world.log.clone(), signing_key(), None).unwrap();
        let stopping = stopping.clone();
        schedulers.push(tokio::spawn(async move { signer.run(stopping).await }));
    }
    let told = async {
        while count(&world, &acme, "audit_checkpoint").await + count(&world, &beta, "audit_alert").await < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("signed, and alerted");
    stopping.cancel();
    for scheduler in schedulers {
        scheduler.await.unwrap();
    }
    world.project_all().await;
    assert_eq!(count(&world, &acme, "audit_checkpoint").await, 1);
    assert_eq!(count(&world, &beta, "audit_checkpoint").await, 0);
    let mut tx = world.desk.database().enter(&beta).await.unwrap();
    let alerts: Vec<(String, String)> =
        sqlx::query_as("select alert, message from alerts where tenant_id = 'beta'").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].0 == "audit_chain_broken" && alerts[0].1.contains("event 5"), "{alerts:?}");
    drop(tx);
    world.verify(&acme).await.unwrap();
}

async fn count(world: &World, tenant: &TenantId, step: &str) -> i64 {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    sqlx::query_scalar("select count(*) from lead_steps where tenant_id = $1 and step = $2")
        .bind(tenant.as_str())
        .bind(step)
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

/// The chain is over what is stored: a rebuild makes the same, and so does a person's erasure.
#[tokio::test]
async fn the_chain_verifies_after_a_rebuild_and_for_what_cannot_be_read() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut told = visits(&acme, 1..=2);
    let mut newer: serde_json::Value = serde_json::from_slice(&told[1].body).unwrap();
    newer["schemaversion"] = 9.into();
    told[1].body = serde_json::to_vec(&newer).unwrap();
    told.push(crate::support::Told { subject: "evt.acme.nonsense".to_owned(), body: vec![0xff] });
    told.push(crate::support::Told { subject: "evt.acme.lead.thin".to_owned(), body: vec![0xff] });
    world.publish(&told).await;
    world.project_all().await;
    world.sign(&acme).await;
    let platform = world.sign(&TenantId::platform()).await;
    assert_eq!(platform.checkpoint.events, 1, "what is on nobody's subject is the platform's");
    world.rebuild().await;
    assert_eq!(world.verify(&acme).await.unwrap().events, 6);
    assert_eq!(world.verify(&TenantId::platform()).await.unwrap().events, 2);
}
