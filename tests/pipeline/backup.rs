//! Both stores written to a folder and read back elsewhere: a run that was under way, and people and tenants who were erased since.

mod erased;

use std::{
    path::Path,
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use presdr_consumers::{Clock, Services};
use presdr_events::{Actor, Key, RunId, TenantId};
use presdr_nats::{Broker, purge, topology, topology::User};
use presdr_producers::{Desk, runs};
use presdr_projections::{ProjectorConfig, run_projector};
use presdr_sandbox::WebKind;
use presdr_servers::{
    Nats,
    testing::{self, Own, TestDatabase},
};
use presdr_store::{
    Database, Role,
    keys::{Keyring, MasterKey},
    restoring::{self, Found},
    sessions, users,
};
use tokio_util::sync::CancellationToken;

use crate::support::{self, PATIENCE, World, impatient};

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

    async fn restore(&self, backup: &Path, key: &Path, options: &[&str]) -> Output {
        self.presdr(&[&["restore", backup.to_str().unwrap()], options].concat(), key).output().await.unwrap()
    }

    fn presdr(&self, arguments: &[&str], key: &Path) -> tokio::process::Command {
        presdr(arguments, self.database.url(), &self.nats.url(), key)
    }

    /// What a restore answers, which has to go well.
    async fn restored(&self, backup: &Path, key: &Path, options: &[&str]) -> serde_json::Value {
        let restored = self.restore(backup, key, options).await;
        assert!(restored.status.success(), "{}", said(&restored));
        serde_json::from_slice(&restored.stdout).unwrap()
    }

    async fn broker(&self) -> Broker {
        Broker::connect(&self.nats.url(), None).await.unwrap()
    }

    /// Nothing was made in either store.
    async fn is_untouched(&self) -> bool {
        restoring::look(self.database.url()).await.unwrap() == Found::Nothing
            && topology::events(&self.broker().await).await.is_err()
    }

    async fn desk(&self) -> Desk {
        let clock = Clock::system();
        let producer = Database::connect(self.database.url(), Role::Producer, 4).await.unwrap();
        Desk::new(producer, self.broker().await, keyring(), Actor::service("test"), move || clock.now())
    }

    /// Brings the run to its end.
    async fn finish(&self, world: &World, desk: &Desk, tenant: &TenantId, run: RunId) {
        let database = Database::connect(self.database.url(), Role::Worker, 16).await.unwrap();
        let (web, clock, config) = (world.web(), Clock::system(), impatient(|_| {}));
        let services = Services::new(database, keyring(), self.broker().await, web, clock, config);
        let projector = Database::connect(self.database.url(), Role::Projector, 4).await.unwrap();
        let (broker, stopping) = (self.broker().await, CancellationToken::new());
        let project =
            run_projector(&projector, broker.jetstream(), keyring(), stopping.clone(), ProjectorConfig::default());
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

fn keyring() -> Arc<Keyring> {
    Arc::new(Keyring::new(Key::new([7; 32])))
}

/// The master key file of a test's world.
fn key_file(world: &World) -> std::path::PathBuf {
    let file = world.files.path().join("master.key");
    std::fs::write(&file, MasterKey::new(Key::new([7; 32])).line()).unwrap();
    file
}

fn presdr(arguments: &[&str], database: &str, nats: &str, key: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_presdr"));
    command.args(arguments).arg("--json").env("DATABASE_URL", database).env("PRESDR_NATS_URL", nats);
    command.env("PRESDR_MASTER_KEY_FILE", key).env("PRESDR_AUDIT_KEY_FILE", key.with_extension("none"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn as_user(world: &World, user: &str) -> String {
    world.nats.url().replace("nats://", &format!("nats://{user}:{user}@"))
}

/// Backs the world up into a folder, with each user's own rights.
async fn back_up(world: &World, dir: &Path, key: &Path) {
    let mut command = presdr(&["backup", dir.to_str().unwrap()], world.store.url(), &as_user(world, "producer"), key);
    let taken = command.env("PRESDR_NATS_BACKUP_URL", as_user(world, "backup")).output().await.unwrap();
    assert!(taken.status.success(), "{}", said(&taken));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_backed_up_under_way_comes_to_its_end_elsewhere_and_no_lead_is_lost() {
    let world = World::with(WebKind::Uniform { sites: SITES, pages: 2 }).await;
    let hosts: Vec<_> = world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let (acme, beta) = (world.tenant_of("acme", &hosts).await, world.tenant_of("beta", &hosts[..1]).await);
    let key = key_file(&world);
    let roles = world.roles_with(|config| config.crawl_slots = 2).await;
    let run = world.start(&acme, u32::try_from(SITES).unwrap()).await;
    let under_way = async {
        while !world.outcomes(&acme, run).await.contains_key("scored") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.unwrap();
    let backup = world.files.path().join("backup");
    somebody_signs_in(&world, &acme).await;
    back_up(&world, &backup, &key).await;
    world.finished(&acme, run).await;
    roles.stop().await;

    let elsewhere = Elsewhere::new().await;
    killed_in_the_middle(&elsewhere, &backup, &key).await;
    elsewhere.restored(&backup, &key, &["--no-receipts"]).await;
    assert_eq!(
        beginning(&support::connect(&world.nats.url(), User::Projector).await).await,
        beginning(&elsewhere.broker().await).await,
        "every event is at its place"
    );
    let desk = elsewhere.desk().await;
    elsewhere.finish(&world, &desk, &acme, run).await;
    assert_eq!(support::shortlist(&desk, &acme, run).await, world.shortlist(&acme, run).await);
    let mut tx = desk.database().enter(&acme).await.unwrap();
    let outcomes: Vec<(String, i64)> =
        sqlx::query_as("select outcome, count(*) from admissions group by 1").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(outcomes, [("scored".to_owned(), i64::try_from(SITES).unwrap())]);
    let sealed: i64 = sqlx::query_scalar("select count(*) from lead_phones").fetch_one(&mut *tx).await.unwrap();
    assert!(sealed > 0, "keys of before and after the backup open");
    let signed_in: Vec<(String, bool)> =
        sqlx::query_as("select email, exists (select from sessions s where s.user_id = u.user_id) from users u")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert_eq!(
        signed_in,
        [("ops@acme.example".to_owned(), false)],
        "a session that may have been ended is not brought back"
    );
    assert_eq!(presdr_projections::stale_tenants(desk.database()).await.unwrap(), []);
    assert!(purge::events_of(&elsewhere.broker().await, &beta).await.unwrap() > 0);
}

async fn somebody_signs_in(world: &World, tenant: &TenantId) {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let (keyring, now) = (world.desk.keyring(), world.desk.now());
    let user = users::upsert(&mut tx, &keyring, "https://sso.example", "ops", Some("ops@acme.example")).await.unwrap();
    let new = sessions::NewSession {
        hash: sessions::SessionHash::of(b"cookie"),
        user,
        issuer: "https://sso.example",
        subject: "ops",
        provider_session: None,
        content: b"who they are",
        began_at: now,
        renew_at: now + chrono::TimeDelta::hours(12),
        expires_at: now + chrono::TimeDelta::hours(12),
    };
    sessions::begin(&mut tx, &keyring, &new, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// Killed once it has begun, a restore keeps everybody out until it is done again.
async fn killed_in_the_middle(elsewhere: &Elsewhere, backup: &Path, key: &Path) {
    let arguments = ["restore", backup.to_str().unwrap(), "--no-receipts"];
    let mut restoring = elsewhere.presdr(&arguments, key).stdout(Stdio::null()).spawn().unwrap();
    let begun = async {
        while restoring::look(elsewhere.database.url()).await.unwrap() == Found::Nothing {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    restoring.kill().await.unwrap();
    let late = elsewhere.presdr(&["tenant", "list"], key).output().await.unwrap();
    assert!(!late.status.success() && said(&late).contains("run the same `presdr restore` again"), "{}", said(&late));
    let migrated = elsewhere.presdr(&["migrate"], key).output().await.unwrap();
    assert!(said(&migrated).contains("run the same `presdr restore` again"), "{}", said(&migrated));
}

/// What stands at the first places of the log, and since when.
async fn beginning(broker: &Broker) -> Vec<(String, String, i128)> {
    let events = topology::events(broker).await.unwrap();
    let mut beginning = Vec::new();
    for sequence in 1..=40 {
        let message = events.get_raw_message(sequence).await.unwrap();
        let (subject, body) = (message.subject.to_string(), String::from_utf8(message.payload.to_vec()).unwrap());
        beginning.push((subject, body, message.time.unix_timestamp_nanos()));
    }
    beginning
}
