//! Nightly runs with many schedulers at once, each with connections of its own, as processes have.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Days, NaiveDate, Utc};
use presdr_events::{Actor, Event, TenantId, run::RunKind};
use presdr_nats::topology::User;
use presdr_producers::{Desk, icp, schedule};
use presdr_sandbox::WebKind;
use presdr_store::Role;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, World, connect};

const SCHEDULERS: usize = 6;
const TENANTS: usize = 3;
const COMPANIES: usize = 2;
/// 02:30 in Singapore.
const PROFILE: &str = r#"{"keywords": ["services"], "schedule": "nightly at 02:30"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn many_schedulers_start_one_run_per_tenant_and_date_and_catch_the_latest_missed_one_up_once() {
    let world = World::with(WebKind::Uniform { sites: TENANTS * COMPANIES, pages: 2 }).await;
    let hosts: Vec<_> = world.sandbox.hosts().into_iter().map(|host| (format!("Company of {host}"), host)).collect();
    let mut tenants = Vec::new();
    for (number, companies) in hosts.chunks(COMPANIES).enumerate() {
        let tenant = world.tenant_of(&format!("tenant-{number}"), companies).await;
        icp::set(&world.desk, &tenant, PROFILE).await.unwrap();
        tenants.push(tenant);
    }
    let roles = world.roles().await;
    let night = Night::of_tomorrow();
    let desks = desks(&world, &night).await;

    // Every scheduler wakes at once, as the roles do.
    let stopping = CancellationToken::new();
    let running: Vec<_> = desks
        .iter()
        .map(|desk| {
            let (desk, stopping) = (desk.clone(), stopping.clone());
            tokio::spawn(async move { schedule::run(&desk, stopping).await })
        })
        .collect();
    let all_started = async {
        while nights(&world).await.len() < TENANTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_started).await.expect("no scheduler started the night");
    stopping.cancel();
    for one in running {
        one.await.unwrap();
    }
    assert_eq!(look_at_once(&desks).await, 0, "the night is claimed");
    assert_eq!(nights(&world).await, each_once(&tenants, &[night.local_date(0)]));

    // All schedulers were down for three nights.
    night.skip(3);
    assert_eq!(look_at_once(&desks).await, u32::try_from(TENANTS).unwrap());
    assert_eq!(look_at_once(&desks).await, 0, "the older nights stay missed");
    assert_eq!(nights(&world).await, each_once(&tenants, &[night.local_date(0), night.local_date(3)]));

    for tenant in &tenants {
        for run in presdr_producers::runs::list(&world.desk, tenant, 10).await.unwrap() {
            let held = world.finished(tenant, run.id).await;
            assert_eq!((held.kind.as_str(), held.status.as_str()), ("nightly", "completed"));
            assert_eq!(world.shortlist(tenant, run.id).await.len(), COMPANIES, "a night ends in a shortlist");
        }
    }
    roles.stop().await;
}

/// The schedulers' common clock: the time at which tomorrow's night begins, and nights after it.
#[derive(Clone)]
struct Night {
    /// The date in Greenwich; in Singapore the next day has begun.
    first: NaiveDate,
    seconds: Arc<AtomicI64>,
}

impl Night {
    fn of_tomorrow() -> Self {
        let first = Utc::now().date_naive().checked_add_days(Days::new(1)).unwrap();
        let begins = first.and_hms_opt(18, 30, 0).unwrap().and_utc();
        Self { first, seconds: Arc::new(AtomicI64::new(begins.timestamp())) }
    }

    fn skip(&self, days: i64) {
        self.seconds.fetch_add(days * 24 * 3600, Ordering::SeqCst);
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.seconds.load(Ordering::SeqCst), 0).unwrap()
    }

    /// The date in Singapore, so many days later.
    fn local_date(&self, later: u64) -> NaiveDate {
        self.first.checked_add_days(Days::new(1 + later)).unwrap()
    }
}

async fn desks(world: &World, night: &Night) -> Vec<Desk> {
    let mut desks = Vec::new();
    for _ in 0..SCHEDULERS {
        let night = night.clone();
        desks.push(Desk::new(
            world.store.connect(Role::Producer).await.unwrap(),
            connect(&world.nats.url(), User::Producer).await,
            Arc::new(world.store.keyring()),
            Actor::service("schedule"),
            move || night.now(),
        ));
    }
    desks
}

/// Every scheduler looks at the same time; tells how many runs they started together.
async fn look_at_once(desks: &[Desk]) -> u32 {
    let looking: Vec<_> = desks
        .iter()
        .map(|desk| {
            let desk = desk.clone();
            tokio::spawn(async move { schedule::look(&desk).await.unwrap() })
        })
        .collect();
    let mut started = 0;
    for one in looking {
        started += one.await.unwrap();
    }
    started
}

/// How often the log tells of a nightly run, by tenant and date.
async fn nights(world: &World) -> BTreeMap<(TenantId, NaiveDate), usize> {
    let mut nights = BTreeMap::new();
    for event in world.events().await {
        if let Event::RunStarted(started) = &event.event {
            assert_eq!(started.kind, RunKind::Nightly);
            *nights.entry((event.tenant.clone(), started.local_date.unwrap())).or_default() += 1;
        }
    }
    nights
}

fn each_once(tenants: &[TenantId], dates: &[NaiveDate]) -> BTreeMap<(TenantId, NaiveDate), usize> {
    tenants.iter().flat_map(|tenant| dates.iter().map(move |date| ((tenant.clone(), *date), 1))).collect()
}
