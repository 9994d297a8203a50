//! The roles that keep running: workers, projector, scheduler, gateway; all in one process, or some of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use presdr_audit::{Log, Signer, SigningKey};
use presdr_compliance::{Office, requests, retention};
use presdr_consumers::{Clock, Outbox, Services, WORKERS, WorkConfig};
use presdr_events::Actor;
use presdr_gateway::{Gateway, GatewayConfig, Info};
use presdr_nats::{
    Broker,
    callout::CalloutKeys,
    topology::{EVENTS, User},
};
use presdr_producers::{Desk, schedule};
use presdr_projections::{ProjectorConfig, progress::run_progress, run_projector};
use presdr_sites::Web;
use presdr_store::{Database, Role, leases::Leases};
use presdr_vendors::{Policy, Publish, VendorConfig, VendorDesk};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{broker::BrokerServer, database::DatabaseServer, panics};

/// Connections of a process's workers: more than two dozen transactions at once gain nothing on one database.
const WORKER_CONNECTIONS: u32 = 24;
/// Connections of a gateway.
const GATEWAY_CONNECTIONS: u32 = 16;
/// A statement of a gateway: whoever asked is told after 30 s that it took too long.
const GATEWAY_STATEMENT: Duration = Duration::from_secs(25);
/// How long roles may take to finish what is in hand once they are asked to stop.
const FINISH_WAIT: Duration = Duration::from_secs(20);

/// Roles while they run.
pub struct Roles {
    stopping: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Roles {
    /// No role yet.
    pub fn new() -> Self {
        Self { stopping: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// Starts the named workers, or all. Without `vendors` no paid vendor is asked.
    ///
    /// # Errors
    /// When a server cannot be reached, or a name is no worker's.
    pub async fn work(
        &mut self,
        database: &DatabaseServer,
        broker: &BrokerServer,
        web: Web,
        config: WorkConfig,
        vendors: Option<VendorConfig>,
        only: Vec<String>,
    ) -> anyhow::Result<Services> {
        if let Some(unknown) = only.iter().find(|name| !WORKERS.contains(&name.as_str())) {
            bail!("there is no worker {unknown:?}: --only takes {}", WORKERS.join(", "));
        }
        let pool = database.connect_many(Role::Worker, WORKER_CONNECTIONS).await?;
        let connection = broker.connect(User::Worker).await?;
        let keyring = Arc::new(database.keyring()?);
        let services = Services::new(pool, keyring, connection, web, Clock::system(), config);
        let services = match vendors {
            Some(vendors) => services.with_vendors(vendors, Policy::default())?,
            None => services,
        };
        let (worker, stopping) = (services.clone(), self.stopping.clone());
        self.tasks.spawn(async move { Ok(presdr_consumers::work(&worker, &only, stopping).await?) });
        Ok(services)
    }

    /// Starts a projector, which also tells progress: of several, one leads.
    ///
    /// # Errors
    /// When a server cannot be reached.
    pub async fn project(&mut self, database: &DatabaseServer, broker: &BrokerServer) -> anyhow::Result<()> {
        let pool = database.connect(Role::Projector).await?;
        let connection = broker.connect(User::Projector).await?;
        let (keyring, until) = (Arc::new(database.keyring()?), self.stopping.clone());
        let (database, context, stopping) = (pool.clone(), connection.jetstream().clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            run_progress(&database, &context, EVENTS, stopping).await.context("telling progress stopped")
        });
        self.tasks.spawn(async move {
            let config = ProjectorConfig::default();
            let done = run_projector(&pool, connection.jetstream(), keyring, until, config).await;
            done.context("the projector stopped")
        });
        Ok(())
    }

    /// Starts a scheduler, which also signs checkpoints with `key`, removes what was kept long enough, and erases whoever somebody asked
    /// to have erased: of several, whoever claims a night starts it.
    ///
    /// # Errors
    /// When a server cannot be reached, or the key cannot be used.
    pub async fn schedule(
        &mut self,
        database: &DatabaseServer,
        broker: &BrokerServer,
        key: SigningKey,
    ) -> anyhow::Result<()> {
        let desk = desk(database, broker, Actor::service("schedule")).await?;
        let log = Log::open(&broker.connect(User::Auditor).await?).await?;
        let signer = Signer::new(desk.clone(), log, key, None)?;
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            signer.run(stopping).await;
            Ok(())
        });
        let office = office(desk.clone(), database, broker).await?;
        let (carrier, stopping) = (office.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            requests::run(&carrier, stopping).await;
            Ok(())
        });
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            retention::run(&office, stopping).await;
            Ok(())
        });
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            schedule::run(&desk, stopping).await;
            Ok(())
        });
        Ok(())
    }

    /// Starts a gateway, and tells where it listens and what it is.
    ///
    /// # Errors
    /// When it must not run as it is told, cannot listen, or a server cannot be reached.
    pub async fn serve(
        &mut self,
        database: &DatabaseServer,
        broker: &BrokerServer,
        mut told: GatewayConfig,
        callout: Option<CalloutKeys>,
        vendors: VendorConfig,
    ) -> anyhow::Result<(SocketAddr, Info)> {
        let (desk, connection) = desk_of_many(database, broker, Actor::service("gateway")).await?;
        let vendors = chat_vendors(&desk, &connection, vendors)?;
        let listen = told.listen;
        if told.websocket.is_none() {
            told.websocket = broker.websocket_url()?;
        }
        let gateway = Gateway::new(told, desk, connection.clone(), Some(vendors))?;
        if let Some(keys) = callout.map_or_else(|| broker.callout_keys(), |keys| Ok(Some(keys)))? {
            let (gateway, stopping) = (gateway.clone(), self.stopping.clone());
            self.tasks.spawn(async move {
                let answered = presdr_gateway::callout::serve(&gateway, &connection, Arc::new(keys), stopping).await;
                answered.context("the broker's questions about connections are not answered")
            });
        }
        let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
        let (address, info) = (listener.local_addr()?, gateway.info());
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            presdr_gateway::serve(gateway, listener, stopping).await.context("the gateway stopped")
        });
        Ok((address, info))
    }

    /// Runs until `asked` to end or a role ends with a fault; then lets the others finish what is in hand.
    ///
    /// # Errors
    /// The fault of the role that ended.
    pub async fn until(mut self, asked: impl Future<Output = ()>) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = asked => Ok(()),
            ended = self.tasks.join_next() => outcome(ended),
        };
        let finished = self.finish().await;
        ended.and(finished)
    }

    /// Stops every role and waits for what is in hand.
    ///
    /// # Errors
    /// The first fault of a role.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        self.stopping.cancel();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                outcome(Some(ended))?;
            }
            Ok(())
        };
        match tokio::time::timeout(FINISH_WAIT, all).await {
            Ok(finished) => finished,
            Err(_) => {
                self.tasks.abort_all();
                tracing::warn!(
                    "a role did not finish in {FINISH_WAIT:?}; what it had in hand is done again by another"
                );
                Ok(())
            }
        }
    }
}

/// A desk at which `actor` commands.
///
/// # Errors
/// When a server cannot be reached.
pub async fn desk(database: &DatabaseServer, broker: &BrokerServer, actor: Actor) -> anyhow::Result<Desk> {
    let pool = database.connect(Role::Producer).await?;
    desk_over(pool, database, broker.connect(User::Producer).await?, actor)
}

/// The gateway's desk, at which many command at once, with its connection to the broker.
///
/// # Errors
/// As [`desk`].
pub async fn desk_of_many(
    database: &DatabaseServer,
    broker: &BrokerServer,
    actor: Actor,
) -> anyhow::Result<(Desk, Broker)> {
    let pool = database.connect_within(Role::Producer, GATEWAY_CONNECTIONS, GATEWAY_STATEMENT).await?;
    let connection = broker.connect(User::Gateway).await?;
    Ok((desk_over(pool, database, connection.clone(), actor)?, connection))
}

fn desk_over(pool: Database, database: &DatabaseServer, connection: Broker, actor: Actor) -> anyhow::Result<Desk> {
    let clock = Clock::system();
    Ok(Desk::new(pool, connection, Arc::new(database.keyring()?), actor, move || clock.now()))
}

/// A desk where read models are cleared, too.
///
/// # Errors
/// When a server cannot be reached.
pub async fn office(desk: Desk, database: &DatabaseServer, broker: &BrokerServer) -> anyhow::Result<Office> {
    let projector = database.connect(Role::Projector).await?;
    let connection = broker.connect(User::Projector).await?;
    Ok(Office { desk, projector, context: connection.jetstream().clone() })
}

/// A desk at which vendors can be asked for whoever commands: what it causes is published by the workers' sweep.
///
/// # Errors
/// When the vendors' configuration cannot be used; it never holds a secret.
pub fn vendor_desk(desk: &Desk) -> anyhow::Result<VendorDesk> {
    let (database, keyring) = (desk.database().clone(), desk.keyring());
    let clock = Clock::system();
    let desk = VendorDesk::new(
        database.clone(),
        keyring,
        Leases::new(database),
        VendorConfig::from_env()?,
        Policy::default(),
        Arc::new(move || clock.now()),
        Arc::new(|_| Box::pin(async {})),
    )?;
    Ok(desk)
}

/// Vendors as the gateway's chat asks them: somebody waits.
fn chat_vendors(desk: &Desk, connection: &Broker, config: VendorConfig) -> anyhow::Result<VendorDesk> {
    let (database, outbox) = (desk.database().clone(), Outbox::new(desk.database().clone(), connection.clone()));
    let publish: Publish = Arc::new(move |events| {
        let outbox = outbox.clone();
        Box::pin(async move {
            if let Err(error) = outbox.publish(events).await {
                tracing::warn!(%error, "could not publish what a model was asked; the sweep will");
            }
        })
    });
    let clock = Clock::system();
    let policy = Policy {
        tries_max: 2,
        budget: Duration::from_secs(20),
        slot_wait_max: Duration::from_secs(5),
        place_wait_max: Duration::from_secs(5),
        ..Policy::default()
    };
    let leases = Leases::new(database.clone());
    let now = Arc::new(move || clock.now());
    Ok(VendorDesk::new(database, desk.keyring(), leases, config, policy, now, publish)?)
}

/// Resolves when the process is asked to end: Ctrl-C, SIGTERM, or the terminal going away. Listens from the call on, so that
/// whoever calls it before it tells that it is ready misses nothing.
///
/// # Panics
/// Outside a runtime.
pub fn asked_to_end() -> impl Future<Output = ()> {
    let asked = |kind| {
        let signals = signal(kind);
        async move {
            match signals {
                Ok(mut signals) => {
                    signals.recv().await;
                }
                // Without a handler the signal's default ends the process, which is what was asked.
                Err(_) => std::future::pending().await,
            }
        }
    };
    let (interrupted, terminated) = (asked(SignalKind::interrupt()), asked(SignalKind::terminate()));
    let hung_up = asked(SignalKind::hangup());
    async move {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
            () = hung_up => {}
        }
    }
}

/// Cancels `token` when the process is asked to end, for as long as the answer lives.
pub fn cancelled_when_asked(token: &CancellationToken) -> AbortOnDropHandle<()> {
    let (token, asked) = (token.clone(), asked_to_end());
    AbortOnDropHandle::new(tokio::spawn(async move {
        asked.await;
        token.cancel();
    }))
}

fn outcome(ended: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) -> anyhow::Result<()> {
    match ended {
        None => Ok(()),
        Some(Ok(done)) => done,
        Some(Err(error)) => Err(panics::ended(&error)).context("a role ended unexpectedly"),
    }
}
