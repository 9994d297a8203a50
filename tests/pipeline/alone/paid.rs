//! Kills of workers while all vendors are on: what was paid for, how often, held against the kills that account for it.
//!
//! A vendor's work is paid for as it is done. A worker that is killed between that and the commit of what came of it leaves an intent that
//! nobody settles: it is charged at its maximum, and the question is asked once more. Nothing else may be paid for twice.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use presdr_producers::runs;
use presdr_sandbox::{
    DemoTenant,
    vendors::{Calls, Vendor},
};
use rust_decimal::Decimal;
use sqlx::AssertSqlSafe;

use super::{
    asked::Interruption,
    fleet::{Chance, Fleet},
};
use crate::support;

const COMPANIES: usize = 400;
const LEADS: u32 = 110;
const KILLS_MIN: usize = 50;
const KILLS_MAX: usize = 52;
/// How long a vendor takes: long enough that kills meet questions under way.
const LATENCY: Duration = Duration::from_millis(150);
const ROLES: &[(&str, &[&str])] = &[
    ("crawler", &["work", "--only", "resolve,crawl", "--crawl-slots", "4", "--min-interval", "5"]),
    ("finder", &["work", "--only", "search,vendor_read,contacts"]),
    ("verifier", &["work", "--only", "verify"]),
    ("thinker", &["work", "--only", "extract,score"]),
    ("run manager", &["work", "--only", "run"]),
    ("projector", &["project"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_with_all_vendors_on_lose_no_lead_and_pay_again_only_for_what_they_cut_off() {
    let mut chance = Chance::seeded();
    let mut fleet = Fleet::start(COMPANIES, ROLES, Some(LATENCY)).await;
    support::ingest_registry(&fleet.desk, fleet.files.path(), COMPANIES).await;
    let acme = support::tenant(&fleet.desk, fleet.files.path(), DemoTenant::Acme, COMPANIES).await;
    let run = runs::start(&fleet.desk, &acme, Some(LEADS)).await.unwrap().run;
    let (mut killed, mut kills, begun) = (BTreeMap::<&str, usize>::new(), Vec::new(), Instant::now());
    while kills.len() < KILLS_MAX && !fleet.is_over(&acme, run).await {
        tokio::time::sleep(Duration::from_millis(chance.below(300))).await;
        let (who, kill) = fleet.kill_worker(&mut chance);
        *killed.entry(who).or_default() += 1;
        kills.push(kill);
    }
    assert!(kills.len() >= KILLS_MIN, "the run was over before it was killed often enough: {killed:?}");
    let killing = begun.elapsed();
    fleet.wait_until_over(&acme, run).await;

    let vendors = fleet.vendors.as_ref().unwrap();
    let paid = paid(vendors.calls());
    let cut_off = cut_off(&fleet, &acme).await;
    let again: usize = paid.iter().map(Paid::again).sum();
    let landed = kills.iter().filter(|kill| cut_off.iter().any(|one| one.was_met_by(kill))).count();
    println!(
        "{LEADS} leads, {} kills of workers in {killing:?} ({killed:?}), {landed} of them while a vendor was asked, and the run over after {:?}; \
         {} things paid for, {again} of them again; {} questions cut off",
        kills.len(),
        begun.elapsed(),
        paid.len(),
        cut_off.len()
    );
    assert_eq!(fleet.leads_by_outcome(&acme, run).await, [("scored".to_owned(), i64::from(LEADS))].into());
    assert_eq!(fleet.doubled_rows(&acme, run).await, 0);
    assert_eq!(without_need(&paid, &kills), Vec::<String>::new(), "paid for again though no kill came in between");
    let given_up = cut_off.iter().filter(|one| !kills.iter().any(|kill| one.was_met_by(kill)));
    assert_eq!(
        given_up.collect::<Vec<_>>(),
        Vec::<&CutOff>::new(),
        "questions were given up that no kill cut off: {kills:?}"
    );
    for vendor in Vendor::ALL {
        let of_vendor = |paid: &&Paid| paid.vendor == vendor;
        assert!(paid.iter().any(|one| of_vendor(&one)), "{vendor} was asked");
        let again: usize = paid.iter().filter(of_vendor).map(Paid::again).sum();
        let lost = cut_off.iter().filter(|one| one.vendor == vendor.as_str()).count();
        assert!(again <= lost, "{vendor}: {again} answers were paid for again, and {lost} were lost");
    }
    nothing_is_unaccounted_for(&fleet, &acme).await;
    fleet.stop().await;
}

/// A thing as the ledger counts it, with the times at which it was paid for.
struct Paid {
    vendor: Vendor,
    what: String,
    times: Vec<Instant>,
}

impl Paid {
    fn again(&self) -> usize {
        self.times.len().saturating_sub(1)
    }
}

/// Addresses and people are bought one by one, whatever batch they are in; of all else, the request is what is bought.
fn paid(calls: &Calls) -> Vec<Paid> {
    let one_by_one = |operation: &str| ["validatebatch", "validate", "contacts_enrich"].contains(&operation);
    let things = calls.bought().into_iter().filter(|bought| one_by_one(&bought.operation));
    let requests = calls.all().into_iter().filter(|call| call.paid > 0 && !one_by_one(&call.operation));
    let thing = things.map(|one| Paid { vendor: one.vendor, what: one.thing, times: one.bought_at });
    let request = requests.map(|one| Paid {
        vendor: one.vendor,
        what: format!("{} {}", one.route, one.request),
        times: one.paid_at,
    });
    thing.chain(request).collect()
}

/// What was paid for again with no kill in between.
fn without_need(paid: &[Paid], kills: &[Interruption]) -> Vec<String> {
    let needless = |pair: &[Instant]| !kills.iter().any(|kill| kill.to >= pair[0] && kill.from <= pair[1]);
    let named = paid.iter().filter(|one| one.times.windows(2).any(needless));
    named.map(|one| format!("{} {}: {} times", one.vendor, one.what, one.times.len())).collect()
}

/// An intent that its process did not live to settle.
#[derive(Debug, PartialEq)]
struct CutOff {
    vendor: String,
    from: Instant,
    to: Instant,
}

impl CutOff {
    fn was_met_by(&self, kill: &Interruption) -> bool {
        kill.to >= self.from && kill.from <= self.to
    }
}

async fn cut_off(fleet: &Fleet, tenant: &TenantId) -> Vec<CutOff> {
    let mut tx = fleet.desk.database().enter(tenant).await.unwrap();
    let rows: Vec<(String, DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
        "select vendor, created_at, ended_at from vendor_intents where tenant_id = $1 and state = 'unknown'",
    )
    .bind(tenant.as_str())
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    let clock = (Instant::now(), DateTime::<Utc>::from(SystemTime::now()));
    let at = |time: DateTime<Utc>| clock.0.checked_sub((clock.1 - time).to_std().unwrap_or_default()).unwrap();
    rows.into_iter().map(|(vendor, from, to)| CutOff { vendor, from: at(from), to: at(to) }).collect()
}

/// What was used of each vendor: money, units, tokens.
type Sums = BTreeMap<String, (Decimal, Decimal, i64)>;

/// No question is left open, events and read models say what the ledger says, and the ledger holds no less than the vendors charged.
async fn nothing_is_unaccounted_for(fleet: &Fleet, tenant: &TenantId) {
    let until = Instant::now() + support::PATIENCE;
    let sums = loop {
        let (open, sums) = accounts(fleet, tenant).await;
        if open == 0 && sums.windows(2).all(|pair| pair[0] == pair[1]) {
            break sums;
        }
        // What the last kill cut off is given up by the sweep, and told of by the projector.
        assert!(Instant::now() < until, "{open} questions are open; ledger, calls, runs, days: {sums:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for vendor in Vendor::ALL {
        let (_, units, tokens) = sums[0][vendor.as_str()];
        let held = if vendor == Vendor::OpenAi { Decimal::from(tokens) } else { units };
        let charged = Decimal::from(fleet.vendors.as_ref().unwrap().calls().totals(vendor).credits);
        assert!(held >= charged, "{vendor} charged {charged}, and the ledger holds {held}");
    }
}

/// How many questions nobody settled or gave up, and what the ledger and each read model of it holds.
async fn accounts(fleet: &Fleet, tenant: &TenantId) -> (i64, Vec<Sums>) {
    let mut tx = fleet.desk.database().enter(tenant).await.unwrap();
    let open = "select count(*) from vendor_intents where tenant_id = $1 and state in ('reserved', 'sent')";
    let open: i64 = sqlx::query_scalar(open).bind(tenant.as_str()).fetch_one(&mut *tx).await.unwrap();
    let mut sums = Vec::new();
    for table in ["vendor_intents", "vendor_calls", "run_vendor_usage", "vendor_costs_daily"] {
        let statement = format!(
            "select vendor, sum(cost_usd), sum(units), sum(tokens_input + tokens_output)::bigint from {table} where tenant_id = $1 group by 1"
        );
        let rows: Vec<(String, Decimal, Decimal, i64)> =
            sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).fetch_all(&mut *tx).await.unwrap();
        let of = |(vendor, usd, units, tokens): (String, Decimal, Decimal, i64)| {
            (vendor, (usd.normalize(), units.normalize(), tokens))
        };
        sums.push(rows.into_iter().map(of).collect());
    }
    (open, sums)
}

#[test]
fn what_is_paid_for_again_without_a_kill_is_named() {
    let start = Instant::now();
    let at = |second: u64| start + Duration::from_secs(second);
    let paid = |times: &[u64]| {
        [Paid {
            vendor: Vendor::Tavily,
            what: "a search".to_owned(),
            times: times.iter().map(|time| at(*time)).collect(),
        }]
    };
    let kill = |second| Interruption { from: at(second), to: at(second) };
    assert_eq!(without_need(&paid(&[1]), &[]).len(), 0);
    assert_eq!(without_need(&paid(&[1, 5]), &[]).len(), 1);
    assert_eq!(without_need(&paid(&[1, 5]), &[kill(3)]).len(), 0);
    assert_eq!(without_need(&paid(&[1, 5]), &[kill(7)]).len(), 1);
    assert_eq!(without_need(&paid(&[1, 5, 9]), &[kill(3)]).len(), 1, "one kill is no reason for two");
}
