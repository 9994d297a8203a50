//! Who costs what before anybody knows who they are, and sessions whose provider is not at its best.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use presdr_events::Actor;
use presdr_gateway::{Mode, Transport};
use presdr_store::{Role, purge};
use reqwest::header::{COOKIE, HOST};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{PATIENCE, World};

/// Whether the gateway ends a connection.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let read = async { while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE, read).await.is_ok()
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let world = World::with(|config| {
        config.mode = Mode::Development;
        config.transport = Transport::Plain;
        config.public_url = "http://127.0.0.1:8080".parse().unwrap();
        config.limits.address_connections = 2;
    })
    .await;
    let mut open = [TcpStream::connect(world.address).await.unwrap(), TcpStream::connect(world.address).await.unwrap()];
    for stream in &mut open {
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0, "it is answered");
    }
    let mut third = TcpStream::connect(world.address).await.unwrap();
    assert!(ends(&mut third).await);
    let [first, second] = open;
    drop((first, second));
    let again = async {
        loop {
            let live = world.client.get(world.url("/health/live")).send().await;
            if live.is_ok_and(|live| live.status() == StatusCode::OK) {
                break;
            }
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_page_whose_name_was_rebound_to_this_machine_is_not_believed() {
    let world = World::with(|config| {
        config.mode = Mode::Development;
        config.transport = Transport::Plain;
        config.public_url = "http://127.0.0.1:8080".parse().unwrap();
    })
    .await;
    world.tenant("acme").await;
    let asked = async |host: &str| {
        let request = world.client.get(world.url("/whoami")).header("x-tenant-id", "acme").header(HOST, host);
        request.send().await.unwrap().status().as_u16()
    };
    for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"] {
        assert_eq!(asked(host).await, 403, "{host}");
    }
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
        assert_eq!(asked(host).await, 200, "{host}");
    }
}

#[tokio::test]
async fn whoever_is_of_no_tenant_here_is_slowed_down_and_nobody_else() {
    let slow = |config: &mut presdr_gateway::GatewayConfig| config.limits.stranger_per_second = NonZeroU32::MIN;
    let world = World::with(slow).await;
    world.tenant("acme").await;
    for token in [world.token("nobody", "viewer"), "made up".to_owned()] {
        let asked = async { while world.status(&token).await != 429 {} };
        timeout(PATIENCE, asked).await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(world.status(&world.token("acme", "viewer")).await, 200);
    }
}

#[tokio::test]
async fn a_session_outlives_what_goes_wrong_at_its_provider_and_presents_no_token_twice() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (_, cookie) = world.session(&acme, "viewer", Utc::now() - TimeDelta::seconds(1)).await;
    let asked = async || {
        let request = world.client.get(world.url("/whoami")).header(COOKIE, &cookie);
        request.send().await.unwrap().status().as_u16()
    };
    let grant = |status: StatusCode, answer| world.provider.state.grants.lock().unwrap().push_back((status, answer));
    let good = world.signer.sign(&world.provider.claims("acme", "viewer"));

    for word in ["server_error", "temporarily_unavailable", "invalid_client"] {
        grant(StatusCode::BAD_REQUEST, json!({ "error": word }));
        assert_eq!(asked().await, 503, "{word}");
    }
    grant(StatusCode::OK, json!({ "refresh_token": "two", "id_token": "of nobody" }));
    assert_eq!(asked().await, 401, "what it sent cannot be believed");
    grant(StatusCode::OK, json!({ "refresh_token": "three", "id_token": good }));
    assert_eq!(asked().await, 200, "the session still holds");
    assert_eq!(asked().await, 200, "and is asked about no more");
    let presented: Vec<_> = world.provider.state.asked.lock().unwrap().iter().map(|form| refresh_of(form)).collect();
    assert_eq!(presented, ["one", "one", "one", "one", "two"]);

    let (_, cookie) = world.session(&acme, "viewer", Utc::now() - TimeDelta::seconds(1)).await;
    grant(StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }));
    for _ in 0..2 {
        let request = world.client.get(world.url("/whoami")).header(COOKIE, &cookie);
        assert_eq!(request.send().await.unwrap().status(), 401, "it has ended, and nobody is asked again");
    }
}

fn refresh_of(form: &str) -> String {
    url::form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "refresh_token").unwrap().1.into_owned()
}

#[tokio::test]
async fn a_cookie_of_an_erased_tenant_is_nobodys() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (_, cookie) = world.session(&acme, "viewer", Utc::now() + TimeDelta::hours(1)).await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    purge::close(&owner, &acme, &Actor::service("test")).await.unwrap();
    let whoami = world.client.get(world.url("/whoami")).header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(whoami.status(), 401);
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let out = browser.post(world.url("/logout")).header("origin", "https://presdr.example").header(COOKIE, &cookie);
    let out = out.send().await.unwrap();
    assert_eq!(out.status(), 303);
    assert!(out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}
