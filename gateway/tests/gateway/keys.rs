//! The provider's keys: rotated, fetched once for all who wait, kept through an outage.

use std::{sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use presdr_gateway::identity::keys::KeyPolicy;

use crate::support::{Signer, World};

#[tokio::test]
async fn a_new_key_is_fetched_once_for_all_who_wait() {
    let world = World::with(|config| config.keys.refetch = Duration::from_millis(1)).await;
    world.tenant("acme").await;
    assert_eq!(world.status(&world.token("acme", "viewer")).await, 200);
    let second = Signer::new("second");
    world.provider.publish(&[&world.signer, &second]);
    let token = second.sign(&world.provider.claims("acme", "viewer"));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let before = world.provider.fetches();
    let statuses = join_all((0..20).map(|_| world.status(&token))).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(world.provider.fetches(), before + 1);
    // The old key is not published any more: with the next fetch it is nobody's.
    let third = Signer::new("third");
    world.provider.publish(&[&second, &third]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(world.status(&third.sign(&world.provider.claims("acme", "viewer"))).await, 200);
    assert_eq!(world.status(&world.token("acme", "viewer")).await, 401);
}

#[tokio::test]
async fn unknown_keys_do_not_make_the_gateway_ask_and_ask() {
    let world = World::new().await;
    world.tenant("acme").await;
    assert_eq!(world.status(&world.token("acme", "viewer")).await, 200);
    let claims = world.provider.claims("acme", "viewer");
    let strangers: Vec<String> =
        (0..20).map(|number| world.signer.sign_as(&format!("unknown-{number}"), &claims)).collect();
    let statuses = join_all(strangers.iter().map(|token| world.status(token))).await;
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert!(world.provider.fetches() <= 2, "{} fetches", world.provider.fetches());
}

#[tokio::test]
async fn keys_survive_an_outage_of_the_provider_for_so_long() {
    let policy = KeyPolicy { fresh: Duration::ZERO, refetch: Duration::ZERO, outage: Duration::from_secs(3600) };
    let world = World::with(|config| config.keys = policy).await;
    world.tenant("acme").await;
    let token = world.token("acme", "viewer");
    assert_eq!(world.status(&token).await, 200);
    world.provider.state.down.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(world.status(&token).await, 200, "the keys are no longer fresh, and still there");
    }
    let unknown = Signer::new("unknown").sign(&world.provider.claims("acme", "viewer"));
    assert_eq!(world.status(&unknown).await, 401);
}

#[tokio::test]
async fn without_keys_nobody_is_believed_and_nobody_is_called_a_liar() {
    let policy = KeyPolicy { fresh: Duration::ZERO, refetch: Duration::ZERO, outage: Duration::ZERO };
    let world = World::with(|config| config.keys = policy).await;
    world.tenant("acme").await;
    world.provider.state.down.store(true, Ordering::SeqCst);
    let token = world.token("acme", "viewer");
    let answer = world.get("/whoami", &token).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(world.client.get(world.url("/health/ready")).send().await.unwrap().status(), 503);
    world.provider.state.down.store(false, Ordering::SeqCst);
    assert_eq!(world.status(&token).await, 200);
    world.provider.state.down.store(true, Ordering::SeqCst);
    assert_eq!(world.status(&token).await, 503, "keys that are too old are no keys");
}
