//! Kills: workers, run manager, projector, broker and database end with `kill -9` again and again while a run goes on.
//!
//! What comes of it is what comes of a run that nobody disturbs. The seed is printed; `PRESDR_TEST_SEED` sets it.

mod asked;

use std::{
    collections::BTreeMap,
    fs::File,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use asked::{Asked, Interruption};

use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_consumers::Clock;
use presdr_events::{Actor, RunId, TenantId};
use presdr_nats::{Broker, topology, topology::TopologyConfig};
use presdr_producers::{Desk, runs};
use presdr_sandbox::{DemoTenant, Running, Sandbox, SandboxConfig, WebKind};
use presdr_servers::{Durability, Nats, NatsConfig, Postgres, testing};
use presdr_store::{Database, Role, keys::Keyring};

use crate::support::{self, World};

const COMPANIES: usize = 240;
const LEADS: u32 = 70;
const KILLS_MIN: usize = 50;
/// Few visits at a time, so that the run lasts as long as the kills do.
const CRAWL_SLOTS: usize = 4;
const SECRET: [u8; 32] = [7; 32];

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_at_fifty_moments_comes_to_the_same() {
    let (expected, asked_undisturbed) = undisturbed().await;
    let mut chance = Chance::seeded();
    let mut fleet = Fleet::start().await;
    support::ingest_registry(&fleet.desk, fleet.files.path(), COMPANIES).await;
    let acme = support::tenant(&fleet.desk, fleet.files.path(), DemoTenant::Acme, COMPANIES).await;
    let run = runs::start(&fleet.desk, &acme, Some(LEADS)).await.unwrap().run;
    let mut kills: BTreeMap<&str, usize> = BTreeMap::new();
    while kills.values().sum::<usize>() < KILLS_MIN && !fleet.is_over(&acme, run).await {
        tokio::time::sleep(Duration::from_millis(chance.below(500))).await;
        *kills.entry(fleet.kill_one(&mut chance).await).or_default() += 1;
    }
    println!("killed {kills:?}");
    assert!(
        kills.values().sum::<usize>() >= KILLS_MIN,
        "the run was over before it was killed often enough: {kills:?}"
    );
    fleet.wait_until_over(&acme, run).await;

    assert_eq!(fleet.shortlist(&acme, run).await, expected);
    assert_eq!(fleet.leads_by_outcome(&acme, run).await, [("scored".to_owned(), i64::from(LEADS))].into());
    assert_eq!(fleet.doubled_rows(&acme, run).await, 0);
    let asked = asked::asked(&fleet.sandbox);
    let count = |asked: &Asked| asked.values().map(Vec::len).sum::<usize>();
    println!("asked {} times; undisturbed {}", count(&asked), count(&asked_undisturbed));
    let works = asked::works(&fleet.desk, &acme, run).await;
    assert!(asked.keys().all(|domain| works.contains_key(domain)), "every request was on behalf of a lead");
    let without_need = asked::without_need(&asked, &asked_undisturbed, &works, &fleet.interruptions);
    assert_eq!(without_need, Vec::<String>::new(), "sites were asked again without need");
    fleet.stop().await;
}

/// What the run comes to when nobody disturbs it, and which requests it takes.
async fn undisturbed() -> (Vec<(i64, i64, Option<f64>, Option<String>)>, Asked) {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let roles = world.roles().await;
    let run = world.start(&acme, LEADS).await;
    world.finished(&acme, run).await;
    roles.stop().await;
    (world.shortlist(&acme, run).await, asked::asked(&world.sandbox))
}

/// Servers and roles as processes of their own.
struct Fleet {
    postgres: testing::Own<Postgres>,
    nats: testing::Own<Nats>,
    sandbox: Running,
    desk: Desk,
    files: tempfile::TempDir,
    roles: Vec<Process>,
    /// Kills of what reads sites, or of the database on which its leases are.
    interruptions: Vec<Interruption>,
}

/// A role's process.
struct Process {
    name: &'static str,
    arguments: Vec<String>,
    process: Child,
}

impl Fleet {
    async fn start() -> Self {
        // What was committed must survive: a database that forgets cannot be reasoned about.
        let postgres = testing::postgres_with(Durability::Full).await.unwrap();
        presdr_store::migrate(&postgres.url()).await.unwrap();
        let nats = testing::nats_with(NatsConfig { sync_always: true, ..NatsConfig::default() }).await.unwrap();
        let broker = Broker::connect(&nats.url(), None).await.unwrap();
        let ack_wait = Duration::from_secs(2);
        let limits = TopologyConfig { events_bytes_max: 1 << 30, ack_wait, ..TopologyConfig::default() };
        topology::apply(&broker, &limits).await.unwrap();
        let sandbox =
            Sandbox::start(SandboxConfig { web: WebKind::Varied { sites: COMPANIES }, ..SandboxConfig::default() });
        let sandbox = sandbox.await.unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("master.key"), STANDARD.encode(SECRET)).unwrap();
        let producer = Database::connect(&postgres.url(), Role::Producer, 4).await.unwrap();
        let keyring = Arc::new(Keyring::from_file(&files.path().join("master.key")).unwrap());
        let clock = Clock::system();
        let desk = Desk::new(producer, broker, keyring, Actor::service("test"), move || clock.now());
        let mut fleet = Self { postgres, nats, sandbox, desk, files, roles: Vec::new(), interruptions: Vec::new() };
        let crawl_slots = CRAWL_SLOTS.to_string();
        for (name, arguments) in [
            ("crawler", vec!["work", "--only", "resolve,crawl", "--crawl-slots", &crawl_slots, "--min-interval", "5"]),
            ("worker", vec!["work", "--only", "extract,score"]),
            ("run manager", vec!["work", "--only", "run"]),
            ("projector", vec!["project"]),
        ] {
            let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            if arguments[0] == "work" {
                // Nobody's worker is killed so often in so short a time but here.
                arguments.extend(["--deliveries-max".to_owned(), "100".to_owned()]);
            }
            let process = fleet.launch(name, &arguments);
            fleet.roles.push(Process { name, arguments, process });
        }
        fleet
    }

    fn launch(&self, name: &str, arguments: &[String]) -> Child {
        let log =
            File::options().create(true).append(true).open(self.files.path().join(format!("{name}.log"))).unwrap();
        Command::new(env!("CARGO_BIN_EXE_presdr"))
            .args(arguments)
            .env("DATABASE_URL", self.postgres.url())
            .env("PRESDR_NATS_URL", self.nats.url())
            .env("PRESDR_MASTER_KEY_FILE", self.files.path().join("master.key"))
            .env("PRESDR_MODE", "development")
            .env("PRESDR_RESOLVE_TO", self.sandbox.address.to_string())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Kills a role or a server, and brings it and whatever else has ended back.
    async fn kill_one(&mut self, chance: &mut Chance) -> &'static str {
        let from = Instant::now();
        let killed = match usize::try_from(chance.below(6)).unwrap() {
            4 => {
                self.nats.kill_hard();
                self.nats.restart().await.unwrap();
                "broker"
            }
            5 => {
                self.postgres.kill_hard();
                self.postgres.restart().await.unwrap();
                "database"
            }
            role => {
                let role = &mut self.roles[role];
                role.process.kill().unwrap();
                role.process.wait().unwrap();
                role.name
            }
        };
        if matches!(killed, "crawler" | "database") {
            self.interruptions.push(Interruption { from, to: Instant::now() });
        }
        self.revive();
        killed
    }

    /// Starts every role anew whose process has ended: killed, or for want of a server when it started.
    fn revive(&mut self) {
        for at in 0..self.roles.len() {
            let killed_by_us = self.roles[at].process.try_wait().unwrap().is_some();
            if killed_by_us {
                let process = self.launch(self.roles[at].name, &self.roles[at].arguments);
                self.roles[at].process = process;
            }
        }
    }

    async fn is_over(&self, tenant: &TenantId, run: RunId) -> bool {
        runs::show(&self.desk, tenant, run).await.is_ok_and(|run| run.finished_at.is_some())
    }

    /// Waits for the run's end, and for the read models to tell of it.
    async fn wait_until_over(&mut self, tenant: &TenantId, run: RunId) {
        let until = tokio::time::Instant::now() + support::PATIENCE;
        while !self.is_over(tenant, run).await || self.shortlist(tenant, run).await.is_empty() {
            if tokio::time::Instant::now() > until {
                panic!("the run does not end\n{}\n{}", self.where_it_stands(tenant, run).await, self.last_words());
            }
            self.revive();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The last lines that each role wrote.
    fn last_words(&self) -> String {
        let logs = self.roles.iter().map(|role| {
            let text =
                std::fs::read_to_string(self.files.path().join(format!("{}.log", role.name))).unwrap_or_default();
            let tail: Vec<&str> = text.lines().rev().take(4).collect();
            format!("{}: {}", role.name, tail.join("\n"))
        });
        logs.collect::<Vec<_>>().join("\n")
    }

    /// The run, its open leads with their steps, and what the durables have before them.
    async fn where_it_stands(&self, tenant: &TenantId, run: RunId) -> String {
        let held = runs::show(&self.desk, tenant, run).await;
        let mut tx = self.desk.database().enter(tenant).await.unwrap();
        let leads: Vec<(i64, String, String)> = sqlx::query_as(
            "select a.company_id, a.state, coalesce(string_agg(s.step || '/' || s.attempt || case when s.published_at is null
                 then ' unpublished' else '' end, ', ' order by s.committed_at), '')
             from admissions a left join lead_steps s using (tenant_id, run_id, company_id)
             where a.tenant_id = $1 and a.run_id = $2 and a.state <> 'terminal' group by 1, 2",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        let broker = Broker::connect(&self.nats.url(), None).await.unwrap();
        let stream = topology::events(&broker).await.unwrap();
        let mut durables = String::new();
        for durable in topology::DURABLES {
            let info = stream.consumer_info(durable.name).await.unwrap();
            let standing = (info.num_pending, info.num_ack_pending, info.num_waiting, info.delivered.stream_sequence);
            durables.push_str(&format!("{}: {standing:?} ", durable.name));
        }
        let last = stream.cached_info().state.last_sequence;
        format!("{held:?}\n{leads:?}\nlast {last}; pending, unacknowledged, pulls, delivered: {durables}")
    }

    async fn shortlist(&self, tenant: &TenantId, run: RunId) -> Vec<(i64, i64, Option<f64>, Option<String>)> {
        support::shortlist(&self.desk, tenant, run).await
    }

    async fn leads_by_outcome(&self, tenant: &TenantId, run: RunId) -> BTreeMap<String, i64> {
        let mut tx = self.desk.database().enter(tenant).await.unwrap();
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select coalesce(outcome, state), count(*) from admissions where tenant_id = $1 and run_id = $2 group by 1",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        rows.into_iter().collect()
    }

    /// Leads with more than one score, or places with more than one lead.
    async fn doubled_rows(&self, tenant: &TenantId, run: RunId) -> i64 {
        let mut tx = self.desk.database().enter(tenant).await.unwrap();
        sqlx::query_scalar(
            "select (select count(*) - count(distinct company_id) from lead_scores where tenant_id = $1 and run_id = $2)
                  + (select count(*) - count(distinct company_id) from shortlists where tenant_id = $1 and run_id = $2)
                  + (select count(*) - count(distinct (company_id, stage, attempt)) from run_event_logs
                     where tenant_id = $1 and run_id = $2 and company_id is not null)",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .fetch_one(&mut *tx)
        .await
        .unwrap()
    }

    async fn stop(mut self) {
        for role in &mut self.roles {
            role.process.kill().unwrap();
            role.process.wait().unwrap();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for role in &mut self.roles {
            let _ = role.process.kill(); // it may have ended
            let _ = role.process.wait();
        }
    }
}

/// Numbers from a seed (SplitMix64, Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn seeded() -> Self {
        let given = std::env::var("PRESDR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from_le_bytes(presdr_store::keys::random()));
        println!("PRESDR_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
