//! Servers and roles as processes of their own, to be killed and brought back.

use std::{
    collections::BTreeMap,
    fs::File,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_consumers::Clock;
use presdr_events::{Actor, RunId, TenantId};
use presdr_nats::{Broker, topology, topology::TopologyConfig};
use presdr_producers::{Desk, runs};
use presdr_sandbox::{
    Running, Sandbox, SandboxConfig, WebKind,
    vendors::{self as imitated, Limits, Vendor, VendorSandbox},
};
use presdr_servers::{Durability, Nats, NatsConfig, Postgres, testing};
use presdr_store::{Database, Role, keys::Keyring};

use super::asked::Interruption;
use crate::support;

const SECRET: [u8; 32] = [7; 32];
/// Far above what is asked here: nobody waits for a vendor's rate.
const PER_MINUTE: &str = "600000";

/// Servers and roles as processes of their own.
pub struct Fleet {
    postgres: testing::Own<Postgres>,
    nats: testing::Own<Nats>,
    pub sandbox: Running,
    /// The imitated vendors, where there are any.
    pub vendors: Option<VendorSandbox>,
    pub desk: Desk,
    pub files: tempfile::TempDir,
    roles: Vec<Process>,
    interruptions: Vec<Interruption>,
}

/// A role's process.
struct Process {
    name: &'static str,
    arguments: Vec<String>,
    process: Child,
}

impl Fleet {
    /// Starts the servers and roles, and vendors that take so long to answer.
    pub async fn start(companies: usize, roles: &[(&'static str, &[&str])], vendors: Option<Duration>) -> Self {
        // What was committed must survive: a database that forgets cannot be reasoned about.
        let postgres = testing::postgres_with(Durability::Full).await.unwrap();
        presdr_store::migrate(&postgres.url()).await.unwrap();
        let nats = testing::nats_with(NatsConfig { sync_always: true, ..NatsConfig::default() }).await.unwrap();
        let broker = Broker::connect(&nats.url(), None).await.unwrap();
        let ack_wait = Duration::from_secs(2);
        let limits = TopologyConfig { events_bytes_max: 1 << 30, ack_wait, ..TopologyConfig::default() };
        topology::apply(&broker, &limits).await.unwrap();
        let sandbox =
            Sandbox::start(SandboxConfig { web: WebKind::Varied { sites: companies }, ..SandboxConfig::default() });
        let sandbox = sandbox.await.unwrap();
        let vendors = match vendors {
            Some(latency) => {
                let config =
                    imitated::VendorConfig { limits: Limits::none(), latency, ..imitated::VendorConfig::default() };
                Some(VendorSandbox::start(config, imitated::World::of(&sandbox)).await.unwrap())
            }
            None => None,
        };
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("master.key"), STANDARD.encode(SECRET)).unwrap();
        let producer = Database::connect(&postgres.url(), Role::Producer, 4).await.unwrap();
        let keyring = Arc::new(Keyring::from_file(&files.path().join("master.key")).unwrap());
        let clock = Clock::system();
        let desk = Desk::new(producer, broker, keyring, Actor::service("test"), move || clock.now());
        let (none, interruptions) = (Vec::new(), Vec::new());
        let mut fleet = Self { postgres, nats, sandbox, vendors, desk, files, roles: none, interruptions };
        for (name, arguments) in roles {
            let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
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
            .envs(self.vendors.iter().flat_map(VendorSandbox::environment))
            .envs(
                Vendor::ALL.map(|vendor| (format!("PRESDR_{}_PER_MINUTE", vendor.as_str().to_uppercase()), PER_MINUTE)),
            )
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Kills a role or a server, and brings it and whatever else has ended back.
    pub async fn kill_one(&mut self, chance: &mut Chance) -> &'static str {
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
            role => self.kill(role),
        };
        if matches!(killed, "crawler" | "database") {
            self.interruptions.push(Interruption { from, to: Instant::now() });
        }
        self.revive();
        killed
    }

    /// Kills one of the workers, and brings it back.
    pub fn kill_worker(&mut self, chance: &mut Chance) -> (&'static str, Interruption) {
        let workers: Vec<usize> = (0..self.roles.len()).filter(|at| self.roles[*at].arguments[0] == "work").collect();
        let from = Instant::now();
        let killed = self.kill(workers[usize::try_from(chance.below(workers.len() as u64)).unwrap()]);
        let kill = Interruption { from, to: Instant::now() };
        self.revive();
        (killed, kill)
    }

    fn kill(&mut self, role: usize) -> &'static str {
        let role = &mut self.roles[role];
        role.process.kill().unwrap();
        role.process.wait().unwrap();
        role.name
    }

    /// Kills of what reads sites, or of the database on which its leases are.
    pub fn interruptions(&self) -> &[Interruption] {
        &self.interruptions
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

    pub async fn is_over(&self, tenant: &TenantId, run: RunId) -> bool {
        runs::show(&self.desk, tenant, run).await.is_ok_and(|run| run.finished_at.is_some())
    }

    /// Waits for the run's end, and for the read models to tell of it.
    pub async fn wait_until_over(&mut self, tenant: &TenantId, run: RunId) {
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

    pub async fn shortlist(&self, tenant: &TenantId, run: RunId) -> Vec<(i64, i64, Option<f64>, Option<String>)> {
        support::shortlist(&self.desk, tenant, run).await
    }

    pub async fn leads_by_outcome(&self, tenant: &TenantId, run: RunId) -> BTreeMap<String, i64> {
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

    /// Leads with more than one score, places with more than one lead, steps and bought things that are told of twice.
    pub async fn doubled_rows(&self, tenant: &TenantId, run: RunId) -> i64 {
        let mut tx = self.desk.database().enter(tenant).await.unwrap();
        sqlx::query_scalar(
            "select (select count(*) - count(distinct company_id) from lead_scores where tenant_id = $1 and run_id = $2)
                  + (select count(*) - count(distinct company_id) from shortlists where tenant_id = $1 and run_id = $2)
                  + (select count(*) - count(distinct (company_id, stage, attempt)) from run_event_logs
                     where tenant_id = $1 and run_id = $2 and company_id is not null and event_type <> 'vendor.called')
                  + (select count(ledger_id) - count(distinct ledger_id) from vendor_calls where tenant_id = $1 and run_id = $2)",
        )
        .bind(tenant.as_str())
        .bind(run.get())
        .fetch_one(&mut *tx)
        .await
        .unwrap()
    }

    pub async fn stop(mut self) {
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
pub struct Chance(u64);

impl Chance {
    pub fn seeded() -> Self {
        let given = std::env::var("PRESDR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from_le_bytes(presdr_store::keys::random()));
        println!("PRESDR_TEST_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
