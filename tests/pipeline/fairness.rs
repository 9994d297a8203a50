//! One tenant's many leads do not stand before another's few.

use presdr_events::{Envelope, RunId, TenantId};
use presdr_sandbox::WebKind;
use presdr_store::Role;

use crate::support::{PATIENCE, World};

const BIG: usize = 160;
const SMALL: usize = 5;
/// The big tenant's leads in flight.
const WINDOW: i32 = 8;
/// More than the window, and far fewer than the big tenant's leads: without the window they would hold every slot.
const CRAWL_SLOTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_small_tenants_run_begins_after_a_big_ones_and_ends_before_it() {
    let world = World::with(WebKind::Uniform { sites: BIG + SMALL, pages: 3 }).await;
    let hosts: Vec<(String, String)> =
        world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let (few, many) = hosts.split_at(SMALL);
    let (big, small) = (world.tenant_of("big", many).await, world.tenant_of("small", few).await);
    narrow_window(&world, &big).await;
    let roles = world.roles_with(|config| config.crawl_slots = CRAWL_SLOTS).await;

    let big_run = world.start(&big, u32::try_from(BIG).unwrap()).await;
    let under_way = async {
        while !world.outcomes(&big, big_run).await.contains_key("scored") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.unwrap();
    let small_run = world.start(&small, u32::try_from(SMALL).unwrap()).await;
    world.finished(&small, small_run).await;
    world.finished(&big, big_run).await;
    roles.stop().await;

    let events = world.events().await;
    let place = |tenant: &TenantId, run: RunId, name: &str| {
        let is_it = |event: &Envelope| event.tenant == *tenant && event.run == Some(run) && named(event) == name;
        events.iter().position(is_it).unwrap()
    };
    assert!(place(&big, big_run, "lead.scored") < place(&small, small_run, "run.started"));
    let (begun, over) = (place(&small, small_run, "run.started"), place(&small, small_run, "run.completed"));
    assert!(over < place(&big, big_run, "run.completed"));
    // Meanwhile the big tenant had its window's leads and some that took their places, not all that waited.
    let scored = |event: &&Envelope| event.tenant == big && named(event) == "lead.scored";
    let meanwhile = events[begun..over].iter().filter(scored).count();
    assert!(meanwhile < BIG / 2, "{meanwhile} of the big tenant's leads came first");
}

fn named(event: &Envelope) -> &'static str {
    event.event.event_type().name
}

async fn narrow_window(world: &World, tenant: &TenantId) {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.enter(tenant).await.unwrap();
    let statement = "update admission_windows set size = $1 where tenant_id = $2";
    let done = sqlx::query(statement).bind(WINDOW).bind(tenant.as_str()).execute(&mut *tx).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
    tx.commit().await.unwrap();
}
