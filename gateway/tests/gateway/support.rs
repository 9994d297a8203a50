//! A gateway of one test, with a database, a broker, and a provider that counts what it is asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::{Actor, Clear, TenantId};
use presdr_gateway::{
    Gateway, GatewayConfig, LimitPolicy, Mode, Transport,
    identity::{keys::KeyPolicy, provider::Registration},
};
use presdr_nats::{
    Broker,
    topology::{self, TopologyConfig, User},
};
use presdr_producers::{Desk, odoo::Given, tenants};
use presdr_servers::{Nats, NatsConfig, testing};
use presdr_store::{
    Database, Role,
    keys::Keyring,
    odoo::connections::Flavour,
    sessions::{self, NewSession, SessionHash},
    testing::TestStore,
    users,
};
use presdr_vendors::VendorDesk;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub const AUDIENCE: &str = "presdr";
/// Nothing here takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A signing key of a provider.
pub struct Signer {
    pub id: String,
    pair: KeyPair,
    pub public: Value,
}

impl Signer {
    pub fn new(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let part = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let (n, e) = (public.modulus(), public.exponent());
        let public = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
            "n": part(n.big_endian_without_leading_zero()), "e": part(e.big_endian_without_leading_zero()),
        });
        Self { id: id.to_owned(), pair, public }
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.id, claims)
    }

    pub fn sign_as(&self, id: &str, claims: &Value) -> String {
        self.sign_text(&json!({ "alg": "RS256", "typ": "JWT", "kid": id }).to_string(), &claims.to_string())
    }

    /// A token of any header and payload.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Discovery and keys, and how often the keys were fetched.
#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    pub state: Arc<ProviderState>,
}

#[derive(Default)]
pub struct ProviderState {
    pub keys: Mutex<Vec<Value>>,
    pub fetches: AtomicUsize,
    pub down: AtomicBool,
    /// Whether its name ends in a slash.
    pub slash: AtomicBool,
    /// What the token endpoint answers, first come first served.
    pub grants: Mutex<VecDeque<(StatusCode, Value)>>,
    /// What it was asked, as forms.
    pub asked: Mutex<Vec<String>>,
    issuer: Mutex<String>,
}

impl Provider {
    pub async fn start(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(ProviderState::default());
        state.issuer.lock().unwrap().clone_from(&issuer);
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(grant))
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let provider = Self { issuer, state };
        provider.publish(keys);
        provider
    }

    pub fn publish(&self, keys: &[&Signer]) {
        *self.state.keys.lock().unwrap() = keys.iter().map(|signer| signer.public.clone()).collect();
    }

    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    pub fn registration(&self) -> Registration {
        Registration { issuer: self.issuer.parse().unwrap(), client_id: "presdr".into(), client_secret: None }
    }

    /// The claims of a good token.
    pub fn claims(&self, tenant: &str, role: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({
            "iss": self.issuer, "aud": AUDIENCE, "sub": format!("{role}-of-{tenant}"), "email": format!("{role}@{tenant}.example"),
            "tenant_id": tenant, "roles": [role], "iat": now, "exp": now + 600,
        })
    }
}

async fn discovery(State(state): State<Arc<ProviderState>>) -> Result<Json<Value>, StatusCode> {
    if state.down.load(Ordering::SeqCst) {
        return Err(StatusCode::BAD_GATEWAY);
    }
    let issuer = state.issuer.lock().unwrap().clone();
    let at = |path: &str| format!("{issuer}/{path}");
    let slash = if state.slash.load(Ordering::SeqCst) { "/" } else { "" };
    Ok(Json(json!({
        "issuer": format!("{issuer}{slash}"), "jwks_uri": at("jwks"), "authorization_endpoint": at("auth"), "token_endpoint": at("token"),
    })))
}

async fn grant(State(state): State<Arc<ProviderState>>, asked: String) -> (StatusCode, Json<Value>) {
    state.asked.lock().unwrap().push(asked);
    let (status, answer) = state.grants.lock().unwrap().pop_front().unwrap();
    (status, Json(answer))
}

async fn jwks(State(state): State<Arc<ProviderState>>) -> Result<Json<Value>, StatusCode> {
    state.fetches.fetch_add(1, Ordering::SeqCst);
    if state.down.load(Ordering::SeqCst) {
        return Err(StatusCode::BAD_GATEWAY);
    }
    Ok(Json(json!({ "keys": *state.keys.lock().unwrap() })))
}

pub struct World {
    pub store: TestStore,
    _nats: testing::Own<Nats>,
    /// The broker's URL.
    pub broker: String,
    pub desk: Desk,
    pub provider: Provider,
    pub signer: Signer,
    pub address: SocketAddr,
    pub gateway: Gateway,
    pub client: Client,
    stopping: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl World {
    /// A gateway in production mode, behind a trusted proxy on this machine.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), change).await
    }

    pub async fn on(listener: TcpListener, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::asking(listener, change, |_, _| None).await
    }

    /// One that asks vendors, which are made of its desk and its connection to the broker.
    pub async fn asking(
        listener: TcpListener,
        change: impl FnOnce(&mut GatewayConfig),
        vendors: impl FnOnce(&Desk, &Broker) -> Option<VendorDesk>,
    ) -> Self {
        let signer = Signer::new("first");
        let provider = Provider::start(&[&signer]).await;
        let access = topology::authorization(|user| user.name().to_owned());
        let store = TestStore::new().await.unwrap();
        let nats = testing::nats_with(NatsConfig { access, ..NatsConfig::default() }).await.unwrap();
        let broker = connect(&nats.url(), User::Topology).await;
        let topology = TopologyConfig { events_bytes_max: 1 << 30, ..TopologyConfig::default() };
        topology::apply(&broker, &topology).await.unwrap();
        let (desk, connection) = desk(store.url(), &nats.url(), Arc::new(store.keyring())).await;
        let address = listener.local_addr().unwrap();
        let mut config = GatewayConfig {
            listen: address,
            mode: Mode::Production,
            transport: Transport::Behind(vec!["127.0.0.0/8".parse().unwrap()]),
            public_url: "https://presdr.example".parse().unwrap(),
            registration: provider.registration(),
            audiences: vec![AUDIENCE.into()],
            origins: vec!["https://chat.example".into()],
            keys: KeyPolicy::default(),
            limits: LimitPolicy { stranger_per_second: 10_000.try_into().unwrap(), ..LimitPolicy::default() },
            websocket: None,
        };
        change(&mut config);
        let vendors = vendors(&desk, &connection);
        let gateway = Gateway::new(config, desk.clone(), connection, vendors).unwrap();
        let stopping = CancellationToken::new();
        let until = stopping.clone();
        let served = gateway.clone();
        tokio::spawn(async move { presdr_gateway::serve(served, listener, until).await.unwrap() });
        let client = Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Self { store, broker: nats.url(), _nats: nats, desk, provider, signer, address, gateway, client, stopping }
    }

    /// A browser's session of somebody, and the cookie that opens it.
    pub async fn session(&self, tenant: &TenantId, role: &str, renew_at: DateTime<Utc>) -> (SessionHash, String) {
        let claims = self.provider.claims(tenant.as_str(), role);
        self.session_of(tenant, (claims["sub"].as_str().unwrap(), None), role, renew_at).await
    }

    /// The same of a person by the provider's name, and with an address.
    pub async fn session_of(
        &self,
        tenant: &TenantId,
        (subject, email): (&str, Option<&str>),
        role: &str,
        renew_at: DateTime<Utc>,
    ) -> (SessionHash, String) {
        let id = presdr_store::keys::random::<32>();
        let (hash, keyring, now) = (SessionHash::of(&id), self.desk.keyring(), Utc::now());
        let issuer = &self.provider.issuer;
        let content = json!({
            "subject": subject, "email": null, "roles": [role], "odoo_db": null, "refresh_token": "one", "id_token": "",
        })
        .to_string();
        let mut tx = self.desk.database().enter(tenant).await.unwrap();
        let new = NewSession {
            hash,
            user: users::upsert(&mut tx, &keyring, issuer, subject, email).await.unwrap(),
            issuer,
            subject,
            provider_session: None,
            content: content.as_bytes(),
            began_at: now,
            renew_at,
            expires_at: now + TimeDelta::hours(1),
        };
        sessions::begin(&mut tx, &keyring, &new, now).await.unwrap();
        tx.commit().await.unwrap();
        let sealed = keyring.seal_platform("__Host-presdr", &[&id[..], tenant.as_str().as_bytes()].concat()).unwrap();
        (hash, format!("__Host-presdr={}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    pub async fn tenant(&self, slug: &str) -> TenantId {
        let tenant = TenantId::new(slug).unwrap();
        tenants::create(&self.desk, &tenant, slug).await.unwrap();
        tenant
    }

    /// Companies on a tenant's list.
    pub async fn companies(&self, tenant: &TenantId, companies: &[(i64, &str)]) {
        let owner = self.store.connect(Role::Owner).await.unwrap();
        let mut tx = owner.enter(tenant).await.unwrap();
        for (id, name) in companies {
            sqlx::query("insert into tenant_companies (tenant_id, company_id, identity, name) values ($1, $2, $3, $3)")
                .bind(tenant.as_str())
                .bind(id)
                .bind(name)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        owner.close().await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A good token.
    pub fn token(&self, tenant: &str, role: &str) -> String {
        self.signer.sign(&self.provider.claims(tenant, role))
    }

    pub fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(token)
    }

    /// The status that a token gets.
    pub async fn status(&self, token: &str) -> u16 {
        self.get("/whoami", token).send().await.unwrap().status().as_u16()
    }
}

/// A gateway's desk, and its connection to the broker.
pub async fn desk(database: &str, broker: &str, keyring: Arc<Keyring>) -> (Desk, Broker) {
    let connection = connect(broker, User::Gateway).await;
    let database = Database::connect(database, Role::Producer, 8).await.unwrap();
    (Desk::new(database, connection.clone(), keyring, Actor::service("gateway"), Utc::now), connection)
}

pub async fn connect(url: &str, user: User) -> Broker {
    Broker::connect(url, Some((user, user.name()))).await.unwrap()
}

/// An answer's JSON.
pub async fn body(answer: reqwest::Response) -> Value {
    let bytes = answer.bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&bytes)))
}

/// A connection to an Odoo that nobody asks.
pub fn connection(base_url: &str, database: &str) -> Given {
    let (base_url, database, login) = (base_url.to_owned(), database.to_owned(), "presdr".to_owned());
    Given { base_url, database, login, key: Clear("secret".to_owned()), flavour: Flavour::Json2 }
}
