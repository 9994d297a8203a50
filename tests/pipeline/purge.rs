//! Erasing a tenant: in the middle of its run, after a stop at any stage, and whatever comes late.

use std::collections::BTreeMap;

use presdr_events::{EventId, TenantId};
use presdr_nats::{Message, Publisher, purge as log, topology, topology::User};
use presdr_producers::{
    CommandError, icp,
    purge::{Purge, Receipt, Stage, purge},
    runs, tenants,
};
use presdr_projections::rebuild::rebuild;
use presdr_sandbox::WebKind;
use presdr_store::{Role, purge::tables};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, World, connect, rebuilding};

const SITES: usize = 30;

/// Every tenant's rows by table, counted by the superuser, whom no policy keeps from any.
async fn rows(world: &World) -> BTreeMap<(String, String), u64> {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut connection = PgConnection::connect(world.store.url()).await.unwrap();
    let mut rows = BTreeMap::new();
    for table in tables(&owner).await.unwrap() {
        let count = format!("select tenant_id, count(*) from {table} group by 1");
        let counts: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(count)).fetch_all(&mut connection).await.unwrap();
        rows.extend(counts.into_iter().map(|(tenant, rows)| ((tenant, table.clone()), rows.unsigned_abs())));
    }
    rows
}

fn of(rows: &BTreeMap<(String, String), u64>, tenant: &TenantId) -> BTreeMap<String, u64> {
    let own = rows.iter().filter(|((of, _), _)| of == tenant.as_str());
    own.map(|((_, table), rows)| (table.clone(), *rows)).collect()
}

/// Erases `tenant`, and stops after `stop`.
async fn erase(world: &World, tenant: &TenantId, stop: Option<Stage>) -> Result<Receipt, CommandError> {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let eraser = connect(&world.nats.url(), User::Eraser).await;
    let cancel = CancellationToken::new();
    let work = Purge { desk: &world.desk, owner: &owner, eraser: &eraser, cancel: cancel.clone() };
    let told = |stage| {
        if Some(stage) == stop {
            cancel.cancel();
        }
    };
    tokio::time::timeout(PATIENCE, purge(&work, tenant, told)).await.unwrap()
}

async fn two_tenants(sites: usize) -> (World, TenantId, TenantId) {
    let world = World::with(WebKind::Uniform { sites, pages: 2 }).await;
    let hosts: Vec<_> = world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let (acme, globex) = (world.tenant_of("acme", &hosts).await, world.tenant_of("globex", &hosts).await);
    (world, acme, globex)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_erased_in_the_middle_of_its_run_leaves_nothing_and_others_run_on() {
    let (world, acme, globex) = two_tenants(SITES).await;
    let cap = u32::try_from(SITES).unwrap();
    let roles = world.roles_with(|config| config.crawl_slots = 6).await;
    let run = world.start(&acme, cap).await;
    let of_globex = world.start(&globex, cap).await;
    // The projector may be behind the workers: the run counts as under way once a table of each kind holds something of it.
    let tables = ["tenant_keys", "data_subjects", "lead_steps", "audit_log", "lead_texts", "admissions"];
    let under_way = async {
        loop {
            let held = of(&rows(&world).await, &acme);
            if tables.iter().all(|table| held.contains_key(*table)) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.unwrap();
    assert!(!world.outcomes(&acme, run).await.is_empty());

    let receipt = erase(&world, &acme, None).await.unwrap();
    for table in tables {
        assert!(receipt.rows.get(table).is_some_and(|rows| *rows > 0), "{table}: {receipt:?}");
    }
    assert!(receipt.events > 0 && receipt.rows_of_others > 0, "{receipt:?}");

    world.finished(&globex, of_globex).await;
    assert_eq!(world.shortlist(&globex, of_globex).await.len(), SITES);
    assert_eq!(world.outcomes(&globex, of_globex).await, [("scored".to_owned(), i64::from(cap))].into());
    // Workers let go of what they had in hand: nothing of it comes back for ever.
    let broker = connect(&world.nats.url(), User::Projector).await;
    let events = topology::events(&broker).await.unwrap();
    for durable in topology::DURABLES {
        let done = async {
            loop {
                let info = events.consumer_info(durable.name).await.unwrap();
                if info.num_pending == 0 && info.num_ack_pending == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap();
    }
    assert_eq!(of(&rows(&world).await, &acme), BTreeMap::new());
    assert_eq!(log::events_of(&broker, &acme).await.unwrap(), 0);
    assert_eq!(presdr_projections::stale_tenants(world.desk.database()).await.unwrap(), []);
    roles.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_stopped_after_any_stage_goes_on_and_its_receipt_tells_the_whole() {
    let (world, acme, globex) = two_tenants(4).await;
    let roles = world.roles().await;
    for tenant in [&acme, &globex] {
        let run = world.start(tenant, 4).await;
        world.finished(tenant, run).await;
    }
    roles.stop().await;
    let before = rows(&world).await;
    let broker = connect(&world.nats.url(), User::Eraser).await;
    let events = log::events_by_tenant(&broker).await.unwrap();

    for stop in
        [Stage::Closed, Stage::Drained, Stage::KeysDestroyed, Stage::EventsRemoved, Stage::RowsRemoved, Stage::Counted]
    {
        let stopped = erase(&world, &acme, Some(stop)).await.unwrap_err();
        assert!(stopped.to_string().contains("goes on from there"), "{stop:?}: {stopped}");
        let refused = icp::set(&world.desk, &acme, r#"{"keywords": ["x"]}"#).await.unwrap_err();
        assert!(refused.to_string().contains("acme"), "{stop:?}: {refused}");
        assert!(runs::start(&world.desk, &acme, None).await.is_err(), "{stop:?}");
    }
    let receipt = erase(&world, &acme, None).await.unwrap();
    assert_eq!(receipt.rows, of(&before, &acme));
    assert_eq!(receipt.events, events[&acme]);
    let after = rows(&world).await;
    assert_eq!(of(&after, &acme), BTreeMap::new());
    assert_eq!(of(&after, &globex), of(&before, &globex));
    assert_eq!(log::events_by_tenant(&broker).await.unwrap().get(&globex), events.get(&globex));
    let again = tenants::create(&world.desk, &acme, "Another").await.unwrap_err();
    assert!(again.to_string().contains("never used again"), "{again}");
    rebuilding(&world, async |work| rebuild(work, |_| {}).await.unwrap()).await;
    let rebuilt = rows(&world).await;
    assert_eq!(of(&rebuilt, &acme), BTreeMap::new(), "read models are made anew as if the tenant had never been");
    assert_eq!(of(&rebuilt, &globex), of(&after, &globex));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_of_an_erased_tenant_is_not_projected_and_the_next_erasure_takes_it() {
    let (world, acme, globex) = two_tenants(1).await;
    // Committed before the tenant is closed, and held by a process that publishes it when all is over.
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(&acme).await.unwrap();
    let (id, subject, body): (sqlx::types::Uuid, String, Vec<u8>) = sqlx::query_as(
        "update lead_steps set published_at = null where tenant_id = 'acme' and step = 'icp' returning event_id, subject, body",
    )
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let held = Message { id: EventId(id), subject, body: body.into() };
    assert!(erase(&world, &acme, None).await.unwrap().events > 0);

    let broker = connect(&world.nats.url(), User::Producer).await;
    let publisher = Publisher::new(broker.clone());
    publisher.publish(&held).await.unwrap();
    assert_eq!(log::events_of(&broker, &acme).await.unwrap(), 0, "the broker knew its id");

    let very_late = Message { id: EventId::of(&acme, None, None, "late", 1), ..held };
    publisher.publish(&very_late).await.unwrap();
    assert_eq!(log::events_of(&broker, &acme).await.unwrap(), 1);
    icp::set(&world.desk, &globex, r#"{"keywords": ["one more"]}"#).await.unwrap();
    let roles = world.roles().await;
    world.projected().await;
    roles.stop().await;
    assert_eq!(of(&rows(&world).await, &acme), BTreeMap::new());
    let receipt = erase(&world, &acme, None).await.unwrap();
    assert_eq!((receipt.rows, receipt.events), (BTreeMap::new(), 1));
    assert_eq!(log::events_of(&broker, &acme).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_would_take_anothers_rows_takes_none() {
    let (world, acme, globex) = two_tenants(1).await;
    let before = rows(&world).await;
    let mut connection = PgConnection::connect(world.store.url()).await.unwrap();
    let reaching = "create function reach() returns trigger language plpgsql as $$ begin
                        perform set_config('request.tenant_id', 'globex', true);
                        delete from icp_rule_versions where tenant_id = 'globex';
                        perform set_config('request.tenant_id', 'acme', true);
                        return old;
                    end $$;
                    create trigger reach after delete on icp_rule_versions for each row when (old.tenant_id = 'acme') execute function reach()";
    sqlx::raw_sql(reaching).execute(&mut connection).await.unwrap();
    let refused = erase(&world, &acme, None).await.unwrap_err();
    assert!(refused.to_string().contains("would change those of globex"), "{refused}");
    let after = rows(&world).await;
    assert_eq!(of(&after, &globex), of(&before, &globex));
    assert_eq!(of(&after, &acme)["icp_rule_versions"], of(&before, &acme)["icp_rule_versions"]);
}
