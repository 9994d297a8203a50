//! Tokens that somebody made up: none gets in, and none costs more than a bounded amount of work.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use presdr_producers::odoo;
use presdr_store::Role;
use serde_json::{Value, json};

use crate::support::{Provider, Signer, World, body, connection};

/// A token of any header and payload, signed with the provider's own key: only what stands in it is wrong.
fn signed(world: &World, header: &str, payload: &str) -> String {
    world.signer.sign_text(header, payload)
}

fn header(change: impl FnOnce(&mut Value)) -> String {
    let mut header = json!({ "alg": "RS256", "typ": "JWT", "kid": "first" });
    change(&mut header);
    header.to_string()
}

#[tokio::test]
async fn no_made_up_token_gets_in() {
    let world = World::new().await;
    world.tenant("acme").await;
    let good = world.provider.claims("acme", "admin");
    let payload = good.to_string();
    assert_eq!(world.status(&world.signer.sign(&good)).await, 200, "a good token gets in");
    let fetched = world.provider.fetches();
    assert_eq!(fetched, 1);

    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = good.clone();
        change(&mut claims);
        world.signer.sign(&claims)
    };
    let set = |name: &'static str, value: Value| with(&move |claims: &mut Value| claims[name] = value.clone());
    let without =
        |name: &'static str| with(&move |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(name)));
    let now = Utc::now().timestamp();
    let stranger = Signer::new("first");
    let evil = Provider::start(&[&stranger]).await;
    let unsigned = |header: &str| format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&payload));
    let symmetric = |secret: &[u8]| {
        let header = header(|header| header["alg"] = json!("HS256"));
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&payload));
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let own_key = |change: &dyn Fn(&mut Value)| {
        let mut header = json!({ "alg": "RS256", "kid": "first" });
        change(&mut header);
        stranger.sign_text(&header.to_string(), &payload)
    };
    let valid = world.signer.sign(&good);
    let (head, rest) = valid.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let jwks = format!("{}/jwks", evil.issuer);

    let tokens = [
        ("empty", String::new()),
        ("no token", "abc".into()),
        ("one part", head.into()),
        ("four parts", format!("{valid}.x")),
        ("none", unsigned(r#"{"alg":"none"}"#)),
        ("NoNe", unsigned(r#"{"alg":"NoNe","kid":"first"}"#)),
        ("none with a signature", signed(&world, r#"{"alg":"none","kid":"first"}"#, &payload)),
        ("no algorithm", signed(&world, r#"{"kid":"first"}"#, &payload)),
        ("RS256 without a signature", unsigned(&header(|_| {}))),
        ("HS256 with the public key", symmetric(world.signer.public.to_string().as_bytes())),
        (
            "HS256 with the modulus",
            symmetric(&URL_SAFE_NO_PAD.decode(world.signer.public["n"].as_str().unwrap()).unwrap()),
        ),
        ("HS256 with nothing", symmetric(b"")),
        ("an EC algorithm with an RSA key", signed(&world, &header(|header| header["alg"] = json!("ES256")), &payload)),
        ("an ID token", set("nonce", json!("n"))),
        ("an ID token that came with an access token", set("at_hash", json!("n"))),
        ("another's signature", own_key(&|_| {})),
        ("jku", own_key(&|header| header["jku"] = json!(jwks))),
        ("x5u", own_key(&|header| header["x5u"] = json!(jwks))),
        ("jwk", own_key(&|header| header["jwk"] = stranger.public.clone())),
        (
            "a payload of one's own",
            format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(payload.replace("acme", "other"))),
        ),
        (
            "a header of one's own",
            format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header(|header| header["x"] = json!(1)))),
        ),
        ("a kid that is a path", own_key(&|header| header["kid"] = json!("../../../../dev/null"))),
        ("a kid that is SQL", own_key(&|header| header["kid"] = json!("first' or '1'='1"))),
        ("a kid that is a URL", own_key(&|header| header["kid"] = json!(jwks))),
        ("a kid that is a list", own_key(&|header| header["kid"] = json!(["first"]))),
        ("a kid without end", own_key(&|header| header["kid"] = json!("k".repeat(1000)))),
        (
            "an extension that must be understood",
            signed(&world, &header(|header| header["crit"] = json!(["b64"])), &payload),
        ),
        ("a logout token", signed(&world, &header(|header| header["typ"] = json!("logout+jwt")), &payload)),
        ("logout events", set("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} }))),
        ("another issuer", set("iss", json!(evil.issuer))),
        ("an issuer as it does not spell itself", set("iss", json!(format!("{}/", world.provider.issuer)))),
        ("an issuer more", set("iss", json!([world.provider.issuer]))),
        ("no issuer", without("iss")),
        ("another audience", set("aud", json!("somebody-else"))),
        ("other audiences", set("aud", json!(["a", "b"]))),
        ("no audience", without("aud")),
        ("expired", set("exp", json!(now - 60))),
        ("expired long ago", set("exp", json!(1))),
        ("no expiry", without("exp")),
        ("an expiry that is text", set("exp", json!((now + 600).to_string()))),
        ("not valid yet", set("nbf", json!(now + 120))),
        ("made in the future", set("iat", json!(now + 120))),
        ("no tenant", without("tenant_id")),
        ("many tenants", set("tenant_id", json!(["acme"]))),
        ("a tenant that is an object", set("tenant_id", json!({ "id": "acme" }))),
        ("a tenant that is no slug", set("tenant_id", json!("acme'; drop table tenants"))),
        ("no subject", without("sub")),
        ("a tenant twice", signed(&world, &header(|_| {}), &payload.replacen('{', r#"{"tenant_id":"other","#, 1))),
        ("an expiry twice", signed(&world, &header(|_| {}), &payload.replacen('{', r#"{"exp":1,"#, 1))),
        ("an algorithm twice", signed(&world, r#"{"alg":"none","alg":"RS256","kid":"first"}"#, &payload)),
        ("a payload that is a list", signed(&world, &header(|_| {}), &format!("[{payload}]"))),
        ("a payload without end", signed(&world, &header(|_| {}), &format!("{{\"a\":{}", "[".repeat(3000)))),
        ("a huge token", with(&|claims| claims["pad"] = json!("x".repeat(20_000)))),
        ("padding", format!("{head}.{body}.{signature}==")),
        ("spaces", format!("{head}.{body} .{signature}")),
    ];
    for (what, token) in &tokens {
        let answer = world
            .client
            .get(world.url("/whoami"))
            .header("authorization", format!("Bearer {token}"))
            .send()
            .await
            .unwrap();
        assert!(matches!(answer.status().as_u16(), 401), "{what}: {}", answer.status());
        let in_key = world.client.get(world.url("/whoami")).header("x-api-key", token).send().await.unwrap();
        assert_eq!(in_key.status(), 401, "{what} as x-api-key");
    }
    assert!(world.provider.fetches() <= fetched + 1, "unknown keys were asked for more than once");
    assert_eq!(evil.fetches(), 0, "a key was fetched from where a token said");
    assert_eq!(world.status(&valid).await, 200, "and good tokens still get in");

    // Too large for a header at all: the connection's limit, before anything is read of it.
    let giant = world.get("/whoami", &"x".repeat(60_000)).send().await;
    assert!(giant.is_err() || matches!(giant.unwrap().status().as_u16(), 401 | 431));
    // In a query a token would stand in logs: it is not looked for there.
    let in_query = world.client.get(world.url(&format!("/whoami?access_token={valid}"))).send().await.unwrap();
    assert_eq!(in_query.status(), 401);
    let other = world.token("acme", "viewer");
    let two = world.get("/whoami", &valid).header("x-api-key", &other).send().await.unwrap();
    assert_eq!(two.status(), 401, "two tokens that differ");
    let both = world.get("/whoami", &valid).header("x-api-key", &valid).send().await.unwrap();
    assert_eq!(both.status(), 200, "the same token twice");
    let ours = world.client.get(world.url("/whoami")).header("x-tenant-id", "acme").send().await.unwrap();
    assert_eq!(ours.status(), 401, "X-Tenant-ID is nothing in production");
}

#[tokio::test]
async fn a_tenant_that_is_not_here_is_not_made() {
    let world = World::new().await;
    world.tenant("acme").await;
    assert_eq!(world.status(&world.token("nobody", "admin")).await, 403);
    assert_eq!(world.status(&world.token("presdr", "admin")).await, 403, "the platform is nobody's tenant");
    for roles in [json!([]), json!(["root"]), Value::Null] {
        let mut claims = world.provider.claims("acme", "admin");
        claims["roles"] = roles;
        assert_eq!(world.status(&world.signer.sign(&claims)).await, 403);
    }
    let owner = world.store.connect(Role::Producer).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    let tenants: Vec<String> = sqlx::query_scalar("select tenant_id from tenants").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(tenants, ["acme"]);
}

#[tokio::test]
async fn a_token_that_names_another_odoo_database_is_refused() {
    let world = World::new().await;
    for slug in ["acme", "globex"] {
        let tenant = world.tenant(slug).await;
        odoo::connect(&world.desk, &tenant, &connection("http://127.0.0.1:1", slug)).await.unwrap();
    }
    world.tenant("initech").await;
    let token = |tenant: &str, database: Value| {
        let mut claims = world.provider.claims(tenant, "admin");
        claims["odoo_db"] = database;
        world.signer.sign(&claims)
    };
    for (tenant, database, status) in [
        ("acme", json!("acme"), 200),
        ("acme", Value::Null, 200),
        ("acme", json!("globex"), 403),
        ("acme", json!("ACME"), 403),
        ("acme", json!("acme "), 403),
        ("acme", json!("acme\0globex"), 403),
        ("acme", json!(""), 403),
        ("acme", json!(["acme"]), 401),
        ("globex", json!("acme"), 403),
        ("globex", json!("globex"), 200),
        ("initech", json!("acme"), 200), // it has no Odoo: nothing is made of the name
    ] {
        let token = token(tenant, database.clone());
        assert_eq!(world.status(&token).await, status, "{database} for {tenant}");
        let page = world.get("/", &token).send().await.unwrap().text().await.unwrap();
        assert_eq!(page.contains("id=\"tenant\""), status == 200, "{database} for {tenant}: {page}");
    }
}

#[tokio::test]
async fn whoami_tells_what_the_token_says() {
    let world = World::new().await;
    world.tenant("acme").await;
    let token = world.token("acme", "ops");
    for request in [world.get("/whoami", &token), world.client.get(world.url("/whoami")).header("x-api-key", &token)] {
        let answer = request.header("x-tenant-id", "globex").send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.headers()["strict-transport-security"].to_str().unwrap().contains("max-age=63072000"));
        let who = body(answer).await;
        assert_eq!(
            (&who["tenant_id"], &who["sub"], &who["email"]),
            (&json!("acme"), &json!("ops-of-acme"), &json!("ops@acme.example"))
        );
        assert_eq!(who["roles"], json!(["ops"]));
        assert!(who["expires_at"].is_string());
    }
    let nobody = world.client.get(world.url("/whoami")).send().await.unwrap();
    assert_eq!(nobody.headers()["content-type"], "application/problem+json");
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer");
    assert_eq!(body(nobody).await["status"], 401);
    let info = body(world.client.get(world.url("/info")).send().await.unwrap()).await;
    assert_eq!((&info["mode"], &info["warning"]), (&json!("production"), &Value::Null));
    // What a chat UI asks before it takes a key for good.
    let info = async |token: &str| world.get("/info", token).send().await.unwrap().status().as_u16();
    assert_eq!((info(&token).await, info("a.b.c").await, info(&world.token("nobody", "ops")).await), (200, 401, 403));
    assert_eq!(world.client.get(world.url("/health/ready")).send().await.unwrap().status(), 200);
    let thread = world.client.get(world.url("/threads/x/y")).send().await.unwrap();
    assert_eq!((thread.status().as_u16(), body(thread).await), (404, json!({ "detail": "there is no such thing" })));
}

#[tokio::test]
async fn an_issuer_is_spelled_as_the_provider_spells_itself() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.provider.state.slash.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut claims = world.provider.claims("acme", "viewer");
    assert_eq!(world.status(&world.signer.sign(&claims)).await, 401, "without the slash that it writes");
    claims["iss"] = json!(format!("{}/", world.provider.issuer));
    assert_eq!(world.status(&world.signer.sign(&claims)).await, 200);
    claims["iss"] = json!(format!("{}//", world.provider.issuer));
    assert_eq!(world.status(&world.signer.sign(&claims)).await, 401);
}
