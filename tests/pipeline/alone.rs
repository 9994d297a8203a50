//! Kills: workers, run manager, projector, broker and database end with `kill -9` again and again while a run goes on.
//!
//! What comes of it is what comes of a run that nobody disturbs. The seed is printed; `PRESDR_TEST_SEED` sets it.

mod asked;
mod fleet;
mod paid;

use std::{collections::BTreeMap, time::Duration};

use asked::Asked;
use fleet::{Chance, Fleet};
use presdr_producers::runs;
use presdr_sandbox::DemoTenant;

use crate::support::{self, World};

const COMPANIES: usize = 240;
const LEADS: u32 = 70;
const KILLS_MIN: usize = 50;
/// Few visits at a time, so that the run lasts as long as the kills do.
const ROLES: &[(&str, &[&str])] = &[
    ("crawler", &["work", "--only", "resolve,crawl", "--crawl-slots", "4", "--min-interval", "5"]),
    ("worker", &["work", "--only", "extract,score"]),
    ("run manager", &["work", "--only", "run"]),
    ("projector", &["project"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_at_fifty_moments_comes_to_the_same() {
    let (expected, asked_undisturbed) = undisturbed().await;
    let mut chance = Chance::seeded();
    let mut fleet = Fleet::start(COMPANIES, ROLES, None).await;
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
    let without_need = asked::without_need(&asked, &asked_undisturbed, &works, fleet.interruptions());
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
