//! `kill -9` of the worker that writes to Odoo, in the middle of a batch, again and again: what is counted in Odoo is what was sent, once.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use presdr_consumers::Clock;
use presdr_events::{Actor, Clear, CompanyId, TenantId};
use presdr_nats::{Broker, topology, topology::TopologyConfig};
use presdr_odoo::{
    client::{Call, Odoo},
    rehearsal::{Rehearsed, rehearse},
};
use presdr_producers::{Desk, odoo};
use presdr_sandbox::odoo::{OdooSandbox, Rights};
use presdr_servers::{NatsConfig, testing};
use presdr_store::{Role, odoo::connections::Flavour, testing::TestStore};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::PATIENCE;

const COMPANIES: i64 = 300;
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_in_the_middle_of_a_batch_makes_no_partner_twice() {
    let sandbox = OdooSandbox::start(&["acme"]).await.unwrap();
    sandbox.set_latency(Duration::from_millis(300));
    let account = sandbox.account("acme", Rights::Admin).unwrap();
    kill_and_count((&sandbox.url(), "acme", &account.login, &account.key)).await;
}

mod real_odoo {
    use presdr_servers::testing;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a real Odoo: make test-odoo"]
    async fn the_same_is_counted_in_a_real_one() {
        let told = testing::odoo().unwrap();
        let (tenant, account) = (&told.tenants[0], &told.tenants[0].service);
        super::kill_and_count((&tenant.url, &tenant.db, &account.login, &account.api_key)).await;
    }
}

async fn kill_and_count((url, database, login, key): (&str, &str, &str, &str)) {
    let store = TestStore::new().await.unwrap();
    let nats = testing::nats_with(NatsConfig::default()).await.unwrap();
    let broker = Broker::connect(&nats.url(), None).await.unwrap();
    let limits =
        TopologyConfig { events_bytes_max: 1 << 30, ack_wait: Duration::from_secs(2), ..TopologyConfig::default() };
    topology::apply(&broker, &limits).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("master.key"), STANDARD.encode([7; 32])).unwrap();
    let clock = Clock::system();
    let producer = store.connect(Role::Producer).await.unwrap();
    let desk = Desk::new(producer, broker, Arc::new(store.keyring()), Actor::service("test"), move || clock.now());
    // A real Odoo keeps what earlier tests left: everything of this one is called by its mark.
    let mark = format!("k{}", &Uuid::new_v4().simple().to_string()[..10]);
    let tenant = store.tenant(&mark).await.unwrap();
    let given = odoo::Given {
        base_url: url.to_owned(),
        database: database.to_owned(),
        login: login.to_owned(),
        key: Clear(key.to_owned()),
        flavour: Flavour::Json2,
    };
    odoo::connect(&desk, &tenant, &given).await.unwrap();
    let shortlist: Vec<Rehearsed> = (0..COMPANIES).map(|number| company(&mark, number)).collect();
    let run = rehearse(desk.database(), &desk.keyring(), &tenant, &shortlist, Utc::now()).await.unwrap();
    let (attempt, _) = odoo::request_sync(&desk, &tenant, run).await.unwrap();
    for _ in 0..KILLS {
        let (mut worker, begun) = (launch(&store, &nats.url(), files.path()), Utc::now());
        until(|| is_sending(&desk, &tenant, begun)).await;
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let mut worker = launch(&store, &nats.url(), files.path());
    until(async || {
        let syncs = odoo::list_syncs(&desk, &tenant, Some(run), 1).await.unwrap();
        syncs[0].attempt == attempt && syncs[0].finished_at.is_some()
    })
    .await;
    worker.kill().unwrap();
    worker.wait().unwrap();
    let connection = odoo::connection(&desk, &tenant).await.unwrap().unwrap();
    let odoo = Odoo::new(&connection, Clear(key.to_owned())).unwrap();
    let arguments = vec![("domain", json!([["name", "ilike", mark]]))];
    let count: i64 =
        odoo.call(Call { model: "res.partner", method: "search_count", ids: None, arguments }).await.unwrap();
    assert_eq!(count, COMPANIES * 3, "companies and their two people, each once");
    let arguments = vec![("domain", json!([["name", "ilike", mark]]))];
    let ids: Vec<i64> = odoo.call(Call { model: "res.partner", method: "search", ids: None, arguments }).await.unwrap();
    odoo.call::<Value>(Call { model: "res.partner", method: "unlink", ids: Some(&ids), arguments: Vec::new() })
        .await
        .unwrap();
}

fn company(mark: &str, number: i64) -> Rehearsed {
    let domain = format!("c{number}-{mark}.example");
    let person = |name: &str| (format!("{name} {mark} {number}"), format!("{name}@{domain}"));
    Rehearsed {
        company: CompanyId::new(4_000_000 + number).unwrap(),
        name: format!("{mark} Company {number}"),
        uen: None,
        people: vec![person("jane"), person("tan")],
        domain: Some(domain),
        score: 0.5,
    }
}

fn launch(store: &TestStore, nats: &str, files: &Path) -> Child {
    let log = File::options().create(true).append(true).open(files.join("worker.log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_presdr"))
        .args(["work", "--only", "sync", "--deliveries-max", "100"])
        .env("DATABASE_URL", store.url())
        .env("PRESDR_NATS_URL", nats)
        .env("PRESDR_MASTER_KEY_FILE", files.join("master.key"))
        .env("PRESDR_MODE", "development")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Whether rows are on their way that were not when the worker began.
async fn is_sending(desk: &Desk, tenant: &TenantId, since: DateTime<Utc>) -> bool {
    let mut tx = desk.database().enter(tenant).await.unwrap();
    let sending =
        "select exists (select from odoo_records where tenant_id = $1 and state = 'sending' and changed_at >= $2)";
    sqlx::query_scalar(sending).bind(tenant.as_str()).bind(since).fetch_one(&mut *tx).await.unwrap()
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE * 2, waiting).await.expect("it does not come to that");
}
