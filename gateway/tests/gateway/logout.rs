//! Logout tokens that somebody made up, or sends again.

use std::num::NonZeroU32;

use chrono::{TimeDelta, Utc};
use presdr_events::TenantId;
use presdr_producers::tenants;
use presdr_store::Role;
use serde_json::{Value, json};

use crate::support::{PATIENCE, World};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn sent(world: &World, token: &str) -> u16 {
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    world.client.post(world.url("/logout/backchannel")).body(form).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_logout_token_is_what_it_must_be_and_counts_once() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut good = world.provider.claims("acme", "viewer");
    good["jti"] = json!("one");
    good["events"] = json!({ EVENT: {} });
    let signed = |claims: &Value| {
        world
            .signer
            .sign_text(&json!({ "alg": "RS256", "typ": "logout+jwt", "kid": "first" }).to_string(), &claims.to_string())
    };
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(&claims)
    };
    let refused = [
        ("an ID token", world.token("acme", "viewer")),
        ("a nonce", with("nonce", json!("n"))),
        ("no event", with("events", json!({}))),
        ("another event", with("events", json!({ "http://schemas.openid.net/event/other": {} }))),
        ("an event that is no object", with("events", json!({ EVENT: true }))),
        ("nobody", with("sub", Value::Null)),
        ("no id", with("jti", Value::Null)),
        ("another audience", with("aud", json!("other"))),
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("expired", with("exp", json!(1))),
        ("nothing", String::new()),
    ];
    for (what, token) in refused {
        assert_eq!(sent(&world, &token).await, 400, "{what}");
    }
    let long = "x".repeat(world.gateway.config().limits.body_bytes + 1);
    assert_eq!(sent(&world, &long).await, 413, "longer than any");
    let waiting = signed_in_while_set_up(&world, good["sub"].as_str().unwrap()).await;
    let token = signed(&good);
    assert_eq!(world.status(&token).await, 401, "it lets nobody in");
    assert_eq!(sent(&world, &token).await, 200);
    assert_eq!(sent(&world, &token).await, 400, "the second time");
    let mut tx = world.desk.database().enter(&waiting).await.unwrap();
    let left = sqlx::query_scalar("select count(*) from sessions where tenant_id = $1").bind(waiting.as_str());
    assert_eq!(left.fetch_one(&mut *tx).await.ok(), Some(0_i64), "a tenant that is being set up is no refuge");
}

/// A tenant that waits for its Odoo, with a session of that person, beside one that has no keys yet.
async fn signed_in_while_set_up(world: &World, subject: &str) -> TenantId {
    let (waiting, keyless) = (TenantId::new("globex").unwrap(), TenantId::new("initech").unwrap());
    for tenant in [&waiting, &keyless] {
        tenants::begin(&world.desk, tenant, "Waits", Some(true)).await.unwrap();
    }
    tenants::go_on(&world.desk, &waiting).await.unwrap();
    world.session_of(&waiting, (subject, None), "viewer", Utc::now() + TimeDelta::hours(1)).await;
    waiting
}

#[tokio::test]
async fn the_provider_ends_sessions_of_a_suspended_tenant_too_and_many_at_once() {
    let world = World::with(|config| config.limits.stranger_per_second = NonZeroU32::MIN).await;
    let acme = world.tenant("acme").await;
    let later = Utc::now() + TimeDelta::hours(1);
    let (_, cookie) = world.session(&acme, "viewer", later).await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let state = async |status: &str| {
        let mut tx = owner.shared().await.unwrap();
        sqlx::query("update tenants set status = $1").bind(status).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    state("suspended").await;
    let mut claims = world.provider.claims("acme", "viewer");
    claims["events"] = json!({ EVENT: {} });
    for number in 0..10 {
        claims["jti"] = json!(number.to_string());
        let header = json!({ "alg": "RS256", "typ": "logout+jwt", "kid": "first" }).to_string();
        assert_eq!(sent(&world, &world.signer.sign_text(&header, &claims.to_string())).await, 200);
    }
    state("active").await;
    let asked = world.client.get(world.url("/whoami")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(asked.status(), 401);
    let throttled = async { while sent(&world, "made up").await != 429 {} };
    tokio::time::timeout(PATIENCE, throttled).await.unwrap();
}

/// Begins a sign-in: the cookie that remembers it, and what the provider is asked with.
async fn begun(world: &World, client: &reqwest::Client) -> (String, String, String) {
    let answer = client.get(world.url("/login")).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let there: url::Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    let of = |name: &str| there.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    (cookie, of("state"), of("nonce"))
}

#[tokio::test]
async fn a_sign_in_that_was_on_its_way_when_the_provider_signed_out_ends_in_no_session() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sessions = async || {
        let mut tx = world.desk.database().enter(&acme).await.unwrap();
        let left = sqlx::query_scalar("select count(*) from sessions where tenant_id = $1").bind(acme.as_str());
        left.fetch_one(&mut *tx).await.ok().unwrap_or(-1_i64)
    };
    let ended = async |(cookie, state, nonce): &(String, String, String), session: &str| {
        let mut id = world.provider.claims("acme", "viewer");
        (id["nonce"], id["sid"]) = (json!(nonce), json!(session));
        let tokens = json!({ "id_token": world.signer.sign(&id), "refresh_token": "one" });
        world.provider.state.grants.lock().unwrap().push_back((axum::http::StatusCode::OK, tokens));
        let back = client.get(world.url(&format!("/login/callback?state={state}&code=x"))).header("cookie", cookie);
        back.send().await.unwrap().status().as_u16()
    };
    let signed_out = async |jti: &str, who: Value| {
        let mut claims = world.provider.claims("acme", "viewer");
        (claims["jti"], claims["events"]) = (json!(jti), json!({ EVENT: {} }));
        claims.as_object_mut().unwrap().remove("sub");
        claims.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        let header = json!({ "alg": "RS256", "typ": "logout+jwt", "kid": "first" }).to_string();
        assert_eq!(sent(&world, &world.signer.sign_text(&header, &claims.to_string())).await, 200);
    };
    let subject = world.provider.claims("acme", "viewer")["sub"].clone();
    let [of_person, of_session, of_another] =
        [begun(&world, &client).await, begun(&world, &client).await, begun(&world, &client).await];
    signed_out("session", json!({ "sid": "theirs" })).await;
    assert_eq!((ended(&of_session, "theirs").await, sessions().await), (403, 0));
    assert_eq!((ended(&of_another, "another").await, sessions().await), (303, 1), "the provider's other session holds");
    signed_out("person", json!({ "sub": subject })).await;
    assert_eq!((ended(&of_person, "another").await, sessions().await), (403, 0));
    let again = begun(&world, &client).await;
    assert_eq!((ended(&again, "theirs").await, sessions().await), (303, 1), "whoever signs in after that is in");
}
