//! How fast the gateway is: checking a token, reading a shortlist over HTTP, following runs.

mod following;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use presdr_events::{RunId, TenantId};
use presdr_nats::{Broker, Publisher};
use presdr_producers::Desk;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Gateway, GatewayConfig, LimitPolicy, Mode, Transport,
    identity::{
        keys::{KeyPolicy, Keys},
        provider::Registration,
        token,
    },
    serve,
};

pub use following::{EVENTS_PER_SECOND, FOLLOWERS, Followed};

/// Readers of the shortlist at the same time.
pub const READERS: usize = 8;
/// Tokens that are checked one after another.
const CHECKS: usize = 2000;
const AUDIENCE: &str = "bench";

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// Each check of an RS256 token with a key of 2048 bits, the key at hand.
    pub checks: Vec<Duration>,
    /// Each read of a shortlist.
    pub reads: Vec<Duration>,
    /// How long all reads took together.
    pub reading: Duration,
    /// Of each event and each of those who follow its run, from the beginning of its publishing until it is seen.
    pub delays: Vec<Duration>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Reads of a shortlist.
    pub reads: usize,
    /// Events of the runs that are followed.
    pub events: usize,
}

/// Checks tokens, then reads the newest shortlist of the first tenant over HTTP as a viewer, then follows all runs while `publisher` publishes
/// events of them. Somebody must tell progress meanwhile.
///
/// # Errors
/// When a server of the bench cannot be started, or a request is refused.
pub async fn measure(
    desk: Desk,
    broker: Broker,
    runs: &[(TenantId, RunId)],
    amount: Amount,
) -> anyhow::Result<Measured> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow::anyhow!("no key could be made"))?;
    let issuer = provider(&pair).await?;
    let followed = |(tenant, run): &(TenantId, RunId)| {
        anyhow::Ok(Followed { tenant: tenant.clone(), run: *run, token: signed(&pair, &issuer, tenant)? })
    };
    let runs: Vec<Followed> = runs.iter().map(followed).collect::<Result<_, _>>()?;
    let token = &runs.first().context("no run is measured")?.token;
    let publisher = Publisher::new(broker.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let many = u32::MAX.try_into()?;
    let gateway = Gateway::new(
        GatewayConfig {
            listen: address,
            mode: Mode::Production,
            transport: Transport::Behind(vec!["127.0.0.0/8".parse()?]),
            public_url: "https://presdr.example".parse()?,
            registration: Registration { issuer: issuer.parse()?, client_id: AUDIENCE.into(), client_secret: None },
            audiences: vec![AUDIENCE.into()],
            origins: Vec::new(),
            keys: KeyPolicy::default(),
            // What is measured is the gateway, not how it holds back.
            limits: LimitPolicy { tenant_per_second: many, ..LimitPolicy::default() },
            websocket: None,
        },
        desk,
        broker,
        None,
    )?;
    gateway.keys().ready().await?;
    let checks = checks(&gateway, gateway.keys(), token).await?;
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(serve(gateway, listener, stopping.clone()));
    let begun = Instant::now();
    let reads = read(&format!("http://{address}/shortlist"), token, amount.reads).await?;
    let reading = begun.elapsed();
    let delays = following::delays(&format!("http://{address}"), &runs, &publisher, amount.events).await?;
    stopping.cancel();
    serving.await??;
    Ok(Measured { checks, reads, reading, delays })
}

async fn checks(gateway: &Gateway, keys: &Arc<Keys>, token: &str) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(CHECKS);
    for _ in 0..CHECKS {
        let begun = Instant::now();
        token::check(token, gateway.expected(), keys, gateway.desk().now()).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

async fn read(url: &str, token: &str, reads: usize) -> anyhow::Result<Vec<Duration>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (client, url, token) = (client.clone(), url.to_owned(), token.to_owned());
        readers.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..reads / READERS {
                let begun = Instant::now();
                let answer = client.get(&url).bearer_auth(&token).send().await?.error_for_status()?;
                let bytes = answer.bytes().await?;
                times.push(begun.elapsed());
                anyhow::ensure!(bytes.starts_with(b"{\"run_id\":1"), "the shortlist is not there");
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(read) = readers.join_next().await {
        times.extend(read??);
    }
    Ok(times)
}

/// An identity provider that signs nobody in, and gives its issuer.
async fn provider(pair: &KeyPair) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let part = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
    let key = json!({
        "kty": "RSA", "kid": "bench",
        "n": part(n.big_endian_without_leading_zero()), "e": part(e.big_endian_without_leading_zero()),
    });
    let discovery = json!({
        "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
        "authorization_endpoint": format!("{issuer}/auth"), "token_endpoint": format!("{issuer}/token"),
    });
    let answer = |document: Value| get(async move || Json(document));
    let router = Router::new()
        .route("/.well-known/openid-configuration", answer(discovery))
        .route("/jwks", answer(json!({ "keys": [key] })));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(issuer)
}

fn signed(pair: &KeyPair, issuer: &str, tenant: &TenantId) -> anyhow::Result<String> {
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "bench" }).to_string();
    let claims = json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "bench", "email": "bench@presdr.example", "tenant_id": tenant, "roles": ["viewer"],
        "exp": chrono::Utc::now().timestamp() + 3600,
    });
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public_modulus_len()];
    let made = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
    made.ok().context("the token could not be signed")?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
