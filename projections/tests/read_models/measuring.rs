//! Projecting beside `COPY`. How fast it must be is the bench's to say, on a quiet machine; here it is only made sure that it measures.

use presdr_projections::bench::{project_beside_copy, read_plainly};
use presdr_store::Role;

use crate::support::{World, whole_run};

/// How many leads to measure with; by hand: `PRESDR_BENCH_LEADS=20000 cargo nextest run --release -p presdr-projections --no-capture measuring`.
const LEADS: &str = "PRESDR_BENCH_LEADS";

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_are_projected_and_copied() {
    let leads = std::env::var(LEADS).map_or(20, |text| text.parse().unwrap());
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let told = whole_run(&world, &tenant, 1, leads).await;
    for few in told.chunks(500) {
        world.publish(few).await;
    }
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let context = world.broker.jetstream();
    let (read, _) = read_plainly(context, &world.config.stream).await.unwrap();
    assert_eq!(read, told.len() as u64);
    let scratch = tempfile::tempdir().unwrap();
    let (keyring, config) = (&world.keyring, &world.config);
    let measured =
        project_beside_copy(&owner, &world.projector, context, keyring, config, scratch.path()).await.unwrap();
    println!("{measured:?} ratio {:.2}", measured.ratio());
    let rows: usize = world.rows(&tenant).await.values().map(Vec::len).sum();
    assert_eq!(measured.events, i64::try_from(told.len()).unwrap());
    assert_eq!(measured.rows, rows as u64);
}
