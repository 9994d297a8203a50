//! An event log that fills up: somebody is told in time, and what does not fit waits instead of being lost.

use presdr_events::{Envelope, Event, TenantId};
use presdr_nats::topology::{self, TopologyConfig, User};
use presdr_producers::icp;
use presdr_sandbox::WebKind;

use crate::support::{PATIENCE, World, connect, facts};

const LEADS: usize = 12;
/// Room for a run's first event or two, and not for those of its leads.
const ROOM_BYTES: i64 = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_nearly_full_log_is_told_of_once_and_a_full_one_loses_nothing() {
    let world = World::with(WebKind::Uniform { sites: LEADS, pages: 2 }).await;
    let hosts: Vec<_> = world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let acme = world.tenant_of("acme", &hosts).await;
    // Enough of a log for an alert to fit into a third of it.
    for _ in 0..10 {
        icp::set(&world.desk, &acme, r#"{"keywords": ["services"]}"#).await.unwrap();
    }
    narrow(&world, |held| held / 3).await;
    let roles = world.roles().await;
    until(async || !alerts(&world).await.is_empty()).await;
    assert_eq!(alerts(&world).await, [("log_nearly_full".to_owned(), Some(70.0))]);

    narrow(&world, |_| ROOM_BYTES).await;
    let run = world.start(&acme, u32::try_from(LEADS).unwrap()).await;
    // Every admission is committed, and the log holds none or few of them.
    until(async || committed(&world, &acme, "admit").await == LEADS).await;
    let told = facts(&world.events().await, |event| event.run == Some(run));
    assert!(*told.get("lead.admitted").unwrap_or(&0) < LEADS, "{told:?}");
    assert!(!told.contains_key("run.completed"));

    give_room(&world, 1 << 30).await;
    world.finished(&acme, run).await;
    roles.stop().await;
    let told = facts(&world.events().await, |event| event.run == Some(run));
    assert_eq!((told["lead.admitted"], told["lead.scored"], told["run.completed"]), (LEADS, LEADS, 1));
    assert_eq!(world.shortlist(&acme, run).await.len(), LEADS);
    assert_eq!(alerts(&world).await.len(), 1, "the log was narrowed within the same MiB: told once");
}

/// Gives the log so much more than it holds.
async fn narrow(world: &World, room: impl Fn(i64) -> i64) {
    let broker = connect(&world.nats.url(), User::Topology).await;
    let held = i64::try_from(topology::fill(&broker).await.unwrap().bytes).unwrap();
    give_room(world, held + room(held)).await;
}

async fn give_room(world: &World, bytes: i64) {
    let broker = connect(&world.nats.url(), User::Topology).await;
    let ack_wait = std::time::Duration::from_secs(3);
    topology::apply(&broker, &TopologyConfig { events_bytes_max: bytes, ack_wait, ..TopologyConfig::default() })
        .await
        .unwrap();
}

/// The platform's alerts: which, and from what on.
async fn alerts(world: &World) -> Vec<(String, Option<f64>)> {
    let of_platform = |event: Envelope| match event.event {
        Event::AlertRaised(alert) if event.tenant == TenantId::platform() => Some((alert.alert, alert.limit)),
        _ => None,
    };
    world.events().await.into_iter().filter_map(of_platform).collect()
}

async fn committed(world: &World, tenant: &TenantId, step: &str) -> usize {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let count: i64 = sqlx::query_scalar("select count(*) from lead_steps where step = $1")
        .bind(step)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    usize::try_from(count).unwrap()
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it does not come to that");
}
