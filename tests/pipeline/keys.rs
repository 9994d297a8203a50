//! The master key is changed while a run goes on.

use std::sync::Arc;

use presdr_consumers::{Services, WorkConfig};
use presdr_events::{Actor, Key};
use presdr_nats::topology::User;
use presdr_producers::{Desk, icp, ingest, keys::rotate, tenants};
use presdr_sandbox::WebKind;
use presdr_sites::CrawlPolicy;
use presdr_store::{
    Role,
    keys::{Keyring, MasterKey},
};

use crate::support::{World, connect};

const SITES: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_while_the_master_key_is_changed_and_running_processes_take_up_the_new_one() {
    let world = World::with(WebKind::Uniform { sites: SITES, pages: 2 }).await;
    let hosts: Vec<_> = world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let acme = world.tenant_of("acme", &hosts).await;
    let file = world.files.path().join("master.key");
    let (old, new) = (MasterKey::new(Key::new([7; 32])), MasterKey::new(Key::new([8; 32])));
    std::fs::write(&file, old.line()).unwrap();
    let crawl = CrawlPolicy { min_interval: std::time::Duration::from_millis(1), ..CrawlPolicy::default() };
    let services = world.services(WorkConfig { crawl, crawl_slots: 2, ..WorkConfig::default() }).await;
    let roles = world.roles_of(Services { keyring: Arc::new(Keyring::from_file(&file).unwrap()), ..services }).await;
    let run = world.start(&acme, u32::try_from(SITES).unwrap()).await;
    let under_way = async {
        while !world.outcomes(&acme, run).await.contains_key("scored") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, under_way).await.unwrap();

    std::fs::write(&file, format!("{}\n{}\n", old.line(), new.line())).unwrap();
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let both = Keyring::from_file(&file).unwrap();
    let rotated = rotate(&world.desk, &owner, &both, &new, |_, _| {}).await.unwrap();
    assert_eq!((rotated.tenants, rotated.rewrapped, rotated.retired), (1, 1, vec![old.id().clone()]));
    assert!(rotated.sequence.is_some());
    let again = rotate(&world.desk, &owner, &both, &new, |_, _| {}).await.unwrap();
    assert_eq!((again.rewrapped, again.sequence), (0, None), "there is nothing left to do or to tell");
    std::fs::write(&file, new.line()).unwrap();

    // Made under the new key, which the running workers and the projector have not met.
    let desk = desk_with(&world, Keyring::from_file(&file).unwrap()).await;
    let globex = presdr_events::TenantId::new("globex").unwrap();
    tenants::create(&desk, &globex, "Globex").await.unwrap();
    let list = world.files.path().join("globex.csv");
    let rows: String = hosts.iter().map(|(name, domain)| format!("\"{name}\",{domain}\n")).collect();
    std::fs::write(&list, format!("name,domain\n{rows}")).unwrap();
    ingest::companies(desk.database(), &globex, &list).await.unwrap();
    icp::set(&desk, &globex, r#"{"keywords": ["services"]}"#).await.unwrap();
    let of_globex = world.start(&globex, 3).await;
    for (tenant, run, leads) in [(&acme, run, SITES), (&globex, of_globex, 3)] {
        world.finished(tenant, run).await;
        assert_eq!(world.shortlist(tenant, run).await.len(), leads);
        let phones = "select count(*) from lead_phones";
        let mut tx = world.desk.database().enter(tenant).await.unwrap();
        let phones: i64 = sqlx::query_scalar(phones).fetch_one(&mut *tx).await.unwrap();
        assert!(phones > 0, "{tenant}");
    }
    roles.stop().await;
    assert_eq!(presdr_projections::stale_tenants(world.desk.database()).await.unwrap(), []);
}

async fn desk_with(world: &World, keyring: Keyring) -> Desk {
    let clock = presdr_consumers::Clock::system();
    Desk::new(
        world.store.connect(Role::Producer).await.unwrap(),
        connect(&world.nats.url(), User::Producer).await,
        Arc::new(keyring),
        Actor::new("user:test").unwrap(),
        move || clock.now(),
    )
}
