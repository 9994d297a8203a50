//! A backup in the middle of a run, and the same run brought to its end elsewhere.

use std::{path::Path, process::Output, sync::Arc, time::Duration};

use presdr_consumers::{Clock, Services, WorkConfig};
use presdr_events::{Actor, Key, RunId, TenantId};
use presdr_nats::{Broker, purge, topology, topology::User};
use presdr_producers::{Desk, runs};
use presdr_projections::{ProjectorConfig, run_projector};
use presdr_sandbox::WebKind;
use presdr_servers::{
    Nats,
    testing::{self, Own, TestDatabase},
};
use presdr_sites::CrawlPolicy;
use presdr_store::{
    Database, Role,
    keys::{Keyring, MasterKey},
};
use tokio_util::sync::CancellationToken;

use crate::support::{self, PATIENCE, World};

const SITES: usize = 24;

/// Servers elsewhere: a database without a table, a broker without a stream.
struct Elsewhere {
    database: TestDatabase,
    nats: Own<Nats>,
}

impl Elsewhere {
    async fn new() -> Self {
        let database = testing::database("empty", async |_| Ok::<(), std::convert::Infallible>(())).await.unwrap();
        Self { database, nats: testing::nats().await.unwrap() }
    }

    async fn restore(&self, backup: &Path, key: &Path) -> Output {
        presdr(&["restore", backup.to_str().unwrap()], self.database.url(), &self.nats.url(), None, key).await
    }

    async fn broker(&self) -> Broker {
        Broker::connect(&self.nats.url(), None).await.unwrap()
    }

    async fn desk(&self) -> Desk {
        let clock = Clock::system();
        let producer = Database::connect(self.database.url(), Role::Producer, 4).await.unwrap();
        let keyring = Arc::new(Keyring::new(Key::new([7; 32])));
        Desk::new(producer, self.broker().await, keyring, Actor::service("test"), move || clock.now())
    }

    /// Brings the run to its end.
    async fn finish(&self, world: &World, desk: &Desk, tenant: &TenantId, run: RunId) {
        let keyring = Arc::new(Keyring::new(Key::new([7; 32])));
        let database = Database::connect(self.database.url(), Role::Worker, 16).await.unwrap();
        let (web, clock) = (world.web(), Clock::system());
        let services = Services::new(database, Arc::clone(&keyring), self.broker().await, web, clock, quick(64));
        let projector = Database::connect(self.database.url(), Role::Projector, 4).await.unwrap();
        let (broker, stopping) = (self.broker().await, CancellationToken::new());
        let project =
            run_projector(&projector, broker.jetstream(), keyring, stopping.clone(), ProjectorConfig::default());
        let over = async {
            while runs::show(desk, tenant, run).await.unwrap().finished_at.is_none()
                || support::shortlist(desk, tenant, run).await.is_empty()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stopping.cancel();
        };
        let work = presdr_consumers::work(&services, &[], stopping.clone());
        let (worked, projected, ended) = tokio::join!(work, project, tokio::time::timeout(PATIENCE, over));
        ended.expect("the run ends");
        worked.unwrap();
        projected.unwrap();
    }
}

fn quick(crawl_slots: usize) -> WorkConfig {
    let crawl = CrawlPolicy { min_interval: Duration::from_millis(1), ..CrawlPolicy::default() };
    let (sweep_every, unpublished_after) = (Duration::from_millis(200), Duration::from_secs(1));
    WorkConfig { crawl, crawl_slots, sweep_every, unpublished_after, ..WorkConfig::default() }
}

async fn presdr(arguments: &[&str], database: &str, nats: &str, backup_nats: Option<&str>, key: &Path) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_presdr"));
    command.args(arguments).arg("--json").env("DATABASE_URL", database).env("PRESDR_NATS_URL", nats);
    command.env("PRESDR_MASTER_KEY_FILE", key);
    if let Some(url) = backup_nats {
        command.env("PRESDR_NATS_BACKUP_URL", url);
    }
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_backed_up_under_way_comes_to_its_end_elsewhere_and_no_lead_is_lost() {
    let world = World::with(WebKind::Uniform { sites: SITES, pages: 2 }).await;
    let hosts: Vec<_> = world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let (acme, beta) = (world.tenant_of("acme", &hosts).await, world.tenant_of("beta", &hosts[..1]).await);
    let key = world.files.path().join("master.key");
    std::fs::write(&key, MasterKey::new(Key::new([7; 32])).line()).unwrap();
    let roles = world.roles_with(|config| config.crawl_slots = 2).await;
    let run = world.start(&acme, u32::try_from(SITES).unwrap()).await;
    let under_way = async {
        while !world.outcomes(&acme, run).await.contains_key("scored") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.unwrap();

    let backup = world.files.path().join("backup");
    let as_user = |user: &str| world.nats.url().replace("nats://", &format!("nats://{user}:{user}@"));
    let taken = presdr(
        &["backup", backup.to_str().unwrap()],
        world.store.url(),
        &as_user("producer"),
        Some(&as_user("backup")),
        &key,
    )
    .await;
    assert!(taken.status.success(), "{}", said(&taken));
    let open = world.outcomes(&acme, run).await;
    world.finished(&acme, run).await;
    roles.stop().await;
    println!("when the backup was taken: {open:?}");

    let elsewhere = Elsewhere::new().await;
    let other = world.files.path().join("other.key");
    std::fs::write(&other, MasterKey::new(Key::new([8; 32])).line()).unwrap();
    let refused = said(&elsewhere.restore(&backup, &other).await);
    assert!(refused.contains("opens with master key") && refused.contains("nothing was done"), "{refused}");
    let restored = elsewhere.restore(&backup, &key).await;
    assert!(restored.status.success(), "{}", said(&restored));
    let again = said(&elsewhere.restore(&backup, &key).await);
    assert!(again.contains("not empty"), "{again}");

    let (before, after) = (
        identity(&support::connect(&world.nats.url(), User::Projector).await).await,
        identity(&elsewhere.broker().await).await,
    );
    assert_eq!(before, after, "it is the same log");
    let desk = elsewhere.desk().await;
    elsewhere.finish(&world, &desk, &acme, run).await;
    assert_eq!(support::shortlist(&desk, &acme, run).await, world.shortlist(&acme, run).await);
    let mut tx = desk.database().enter(&acme).await.unwrap();
    let outcomes: Vec<(String, i64)> =
        sqlx::query_as("select outcome, count(*) from admissions group by 1").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(outcomes, [("scored".to_owned(), i64::try_from(SITES).unwrap())]);
    let sealed: i64 = sqlx::query_scalar("select count(*) from lead_phones").fetch_one(&mut *tx).await.unwrap();
    assert!(sealed > 0, "keys of before and after the backup open");
    assert_eq!(presdr_projections::stale_tenants(desk.database()).await.unwrap(), []);
    assert!(purge::events_of(&elsewhere.broker().await, &beta).await.unwrap() > 0);
}

/// The log's name and time of creation, and what stands at its first place.
async fn identity(broker: &Broker) -> (String, i128, Vec<u8>) {
    let events = topology::events(broker).await.unwrap();
    let info = events.cached_info();
    let first = events.get_raw_message(info.state.first_sequence).await.unwrap();
    (info.config.name.clone(), info.created.unix_timestamp_nanos(), first.payload.to_vec())
}
