//! What every request has at hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use presdr_consumers::candidates::{self, Preview};
use presdr_events::{Actor, TenantId};
use presdr_nats::Broker;
use presdr_producers::Desk;
use presdr_rules::icp::IcpDocument;
use presdr_store::{
    Database, StoreError, TenantTx,
    odoo::connections,
    tenants::{self, Stage},
    users,
};
use presdr_vendors::VendorDesk;
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    Problem,
    chat::news::News,
    config::{ConfigError, GatewayConfig, Mode},
    identity::{
        Caller,
        keys::Keys,
        provider::{Provider, ProviderError},
        token::Expected,
    },
    limits::Limits,
    rest::meta::Info,
    watch::Watch,
};

/// So long a tenant that was active is taken to be.
const ACTIVE_FRESH: Duration = Duration::from_secs(2);
/// Tenants that were never seen to be active and are looked for at the same time.
const STRANGERS_MAX: usize = 2;

/// What every request has at hand. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    config: GatewayConfig,
    desk: Desk,
    provider: Arc<Provider>,
    keys: Arc<Keys>,
    expected: Expected,
    limits: Limits,
    watch: Watch,
    vendors: Option<VendorDesk>,
    stopping: CancellationToken,
    turns: TaskTracker,
    news: News,
    /// When a tenant was seen to be active, and the database of its Odoo then.
    seen: Mutex<HashMap<TenantId, (Instant, Option<String>)>>,
    /// Places of those who ask for tenants that were never seen to be.
    strangers: Semaphore,
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It must not run so.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot speak to the provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// Why somebody whose token is believed does not come in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAdmitted {
    /// Their tenant is not here, or that cannot be looked up.
    #[error(transparent)]
    Tenant(#[from] StoreError),
    /// Their token names another Odoo database than their tenant's.
    #[error("the token names another Odoo database than the one that the tenant is connected to")]
    OtherOdoo,
}

impl NotAdmitted {
    /// Whether it may be another way in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Tenant(error) if error.is_transient())
    }
}

impl From<NotAdmitted> for Problem {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Tenant(error) => error.into(),
            NotAdmitted::OtherOdoo => Self::forbidden(error.to_string()),
        }
    }
}

impl Gateway {
    /// A gateway that reads and writes at `desk`, and hears from `broker`, a connection of
    /// [`User::Gateway`](presdr_nats::topology::User::Gateway), how far runs are. With `vendors` a model is asked about lines of conversations
    /// that the grammar does not know, as far as it is configured and tenants allow it.
    ///
    /// # Errors
    /// [`StartError`] when it must not run as it is told.
    pub fn new(
        config: GatewayConfig,
        desk: Desk,
        broker: Broker,
        vendors: Option<VendorDesk>,
    ) -> Result<Self, StartError> {
        config.check()?;
        if config.mode == Mode::Development {
            tracing::warn!(
                "development mode: whoever asks without a token is believed to be of the tenant that X-Tenant-ID names"
            );
        }
        let provider = Arc::new(Provider::new(config.registration.clone())?);
        let expected = Expected { issuer: provider.issuer(), audiences: config.audiences.clone() };
        let keys = Keys::new(Arc::clone(&provider), config.keys);
        let limits = Limits::new(config.limits);
        let (watch, stopping) = (Watch::new(broker), CancellationToken::new());
        let news = News::default();
        let (turns, seen, strangers) = (TaskTracker::new(), Mutex::default(), Semaphore::new(STRANGERS_MAX));
        Ok(Self(Arc::new(Inner {
            config,
            desk,
            provider,
            keys,
            expected,
            limits,
            watch,
            vendors,
            stopping,
            turns,
            news,
            seen,
            strangers,
        })))
    }

    /// How it is run.
    #[must_use]
    pub fn config(&self) -> &GatewayConfig {
        &self.0.config
    }

    /// What it is, for whoever asks.
    #[must_use]
    pub fn info(&self) -> Info {
        let (mode, warning) = match self.0.config.mode {
            Mode::Production => ("production", None),
            Mode::Development => ("development", Some("development mode: whoever asks is believed to be who they say")),
        };
        let websocket = self.0.config.websocket.as_ref().map(Url::to_string);
        Info { version: env!("CARGO_PKG_VERSION"), mode, warning, websocket }
    }

    /// Where commands are given.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.0.desk
    }

    /// The producer role's pool.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.0.desk.database()
    }

    /// The identity provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<Keys> {
        &self.0.keys
    }

    /// What access tokens must say.
    #[must_use]
    pub fn expected(&self) -> &Expected {
        &self.0.expected
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.0.watch
    }

    pub(crate) fn vendors(&self) -> Option<&VendorDesk> {
        self.0.vendors.as_ref()
    }

    /// Cancelled when the process ends: nobody is kept waiting for more events.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// The chats' answers that are being given.
    pub(crate) fn turns(&self) -> &TaskTracker {
        &self.0.turns
    }

    /// What is told in this process.
    pub(crate) fn news(&self) -> &News {
        &self.0.news
    }

    /// Enters a tenant that is active.
    ///
    /// # Errors
    /// [`StoreError::NoTenant`] when it is not; otherwise what the database says.
    pub async fn enter(&self, tenant: &TenantId) -> Result<TenantTx, StoreError> {
        tenants::enter_active(self.database(), tenant).await
    }

    /// The desk at which the caller commands. Their row among the users is made or brought up to date first.
    pub(crate) async fn desk_of(&self, caller: &Caller) -> Result<Desk, Problem> {
        Ok(self.desk().acting(self.actor(caller).await?))
    }

    /// The caller's opaque name: the one in the record of their writes, and the owner of their conversations.
    pub(crate) async fn owner(&self, caller: &Caller) -> Result<String, Problem> {
        Ok(self.actor(caller).await?.as_str().to_owned())
    }

    async fn actor(&self, caller: &Caller) -> Result<Actor, Problem> {
        let (mut tx, _) = tenants::enter_open(self.database(), &caller.tenant).await?;
        let (keyring, issuer) = (self.desk().keyring(), &self.expected().issuer);
        let user = users::upsert(&mut tx, &keyring, issuer, &caller.subject, caller.email.as_deref()).await?;
        tx.commit().await?;
        users::actor(user).map_err(|_| Problem::internal())
    }

    /// What a profile would find. One count of a tenant's is made at a time.
    pub(crate) async fn preview(&self, tenant: &TenantId, document: &IcpDocument) -> Result<Preview, Problem> {
        let _counting = self.limits().counting(tenant).await?;
        Ok(candidates::preview(self.database(), tenant, document).await?)
    }

    /// Whether somebody of a tenant, with a token that may name the tenant's Odoo database, comes in, as of a moment ago. Where the tenant is
    /// connected to an Odoo, another name is refused; nothing else is made of it.
    pub(crate) async fn admit(&self, tenant: &TenantId, odoo_db: Option<&str>) -> Result<Stage, NotAdmitted> {
        let (stage, database) = self.known(tenant).await?;
        match (odoo_db, database) {
            (Some(named), Some(database)) if named != database => Err(NotAdmitted::OtherOdoo),
            _ => Ok(stage),
        }
    }

    /// How far the tenant is, and the database of its Odoo. Of an active one what was read a moment ago is told.
    async fn known(&self, tenant: &TenantId) -> Result<(Stage, Option<String>), StoreError> {
        let known = self.seen().get(tenant).cloned();
        // Tenants that were never seen to be active wait for one another: whoever has tokens of such takes few connections.
        let _place = match known {
            Some((seen, database)) if seen.elapsed() < ACTIVE_FRESH => return Ok((Stage::Active, database)),
            Some(_) => None,
            None => self.0.strangers.acquire().await.ok(),
        };
        let (mut tx, stage) = tenants::enter_open(self.database(), tenant).await?;
        let database = connections::database(&mut tx).await?;
        drop(tx);
        if stage == Stage::Active {
            // Tenants that exist alone come here, so this does not grow with what is asked.
            let known = (Instant::now(), database.clone());
            self.seen().insert(tenant.clone(), known);
        }
        Ok((stage, database))
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<TenantId, (Instant, Option<String>)>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
