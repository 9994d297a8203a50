//! Redelivery and crashes: what was paid for is not paid for again.

use std::collections::BTreeMap;

use presdr_events::{Envelope, Event, TenantId, lead::RationaleSource};
use presdr_nats::topology::{self, User};
use presdr_sandbox::vendors::Vendor;
use rust_decimal::Decimal;
use serde_json::json;

use super::world::VendorWorld;
use crate::support::{connect, facts};

const LEADS: usize = 12;

/// A tenant with leads of every kind.
async fn tenant(world: &VendorWorld) -> TenantId {
    let profiles = world.world.sandbox.profiles();
    let companies: Vec<(String, String)> = profiles
        .iter()
        .take(LEADS)
        .enumerate()
        .map(|(number, profile)| {
            let domain = if number % 4 == 0 { String::new() } else { profile.company.domain.clone() };
            (profile.company.name.clone(), domain)
        })
        .collect();
    world.world.tenant_of("acme", &companies).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_delivered_again_cause_no_further_paid_call() {
    let world = VendorWorld::new().await;
    let tenant = tenant(&world).await;
    let roles = world.world.roles_of(world.services().await).await;
    let run = world.world.start(&tenant, u32::try_from(LEADS).unwrap()).await;
    world.world.finished(&tenant, run).await;
    roles.stop().await;
    let before = world.world.events().await;
    let bought = world.vendors.calls().bought();
    assert!(
        Vendor::ALL.into_iter().all(|vendor| world.vendors.calls().totals(vendor).paid > 0),
        "every vendor was asked"
    );
    again(&world, &before).await;
    let roles = world.world.roles_of(world.services().await).await;
    world.world.projected().await;
    // Another run ends only after the workers have been through what stood before it.
    let other = world.world.start(&tenant, u32::try_from(LEADS).unwrap()).await;
    world.world.finished(&tenant, other).await;
    roles.stop().await;
    let after = world.world.events().await;
    let of_run = |events: &[Envelope]| facts(events, |event| event.run == Some(run));
    assert_eq!(of_run(&before), of_run(&after), "the first run's facts are what they were");
    assert_eq!(bought, world.vendors.calls().bought(), "the second run uses what the first has bought");
    assert!(Vendor::ALL.into_iter().all(|vendor| world.vendors.calls().paid_again(vendor) == 0));
    let mut seen = std::collections::HashSet::new();
    let sources: Vec<RationaleSource> = after
        .iter()
        .filter(|event| event.run == Some(other) && seen.insert(event.id))
        .filter_map(|event| match &event.event {
            Event::LeadScored(scored) => Some(scored.rationale_source),
            _ => None,
        })
        .collect();
    let cached = sources.iter().filter(|source| **source == RationaleSource::Cache).count();
    assert!(
        cached * 10 > sources.len() * 8,
        "{cached} of {} rationales of repeated features were cached",
        sources.len()
    );
}

/// Every event that calls for work comes again, as new messages.
async fn again(world: &VendorWorld, events: &[Envelope]) {
    let broker = connect(&world.world.nats.url(), User::Producer).await;
    let reader = connect(&world.world.nats.url(), User::Projector).await;
    let stream = topology::events(&reader).await.unwrap();
    for sequence in 1..=u64::try_from(events.len()).unwrap() {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let sent = broker.jetstream().publish(message.subject.clone(), message.payload.clone()).await.unwrap();
        sent.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_cut_off_pay_for_nothing_twice_but_what_was_on_its_way() {
    let world = VendorWorld::new().await;
    let tenant = tenant(&world).await;
    world.vendors.set_latency(std::time::Duration::from_millis(30));
    let run = world.world.start(&tenant, u32::try_from(LEADS).unwrap()).await;
    let mut cuts: u32 = 0;
    let ended = loop {
        let roles = world.world.roles_of(world.services().await).await;
        let enough = async {
            let paid = |world: &VendorWorld| {
                Vendor::ALL.map(|vendor| world.vendors.calls().totals(vendor).paid).iter().sum::<u64>()
            };
            let before = paid(&world);
            while paid(&world) < before + 6 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            held = world.world.finished(&tenant, run), if cuts >= 4 => { roles.stop().await; break held }
            () = enough, if cuts < 4 => { drop(roles); cuts += 1; }
            () = tokio::time::sleep(std::time::Duration::from_secs(10)), if cuts < 4 => { drop(roles); cuts += 1; }
        }
    };
    assert_eq!(ended.status, "completed");
    let again: u32 = Vendor::ALL.into_iter().map(|vendor| world.vendors.calls().paid_again(vendor)).sum();
    let in_flight_max = cuts * 16;
    println!("{cuts} cuts, {again} answers paid for again");
    assert!(again <= in_flight_max, "{again} answers were paid for again in {cuts} cuts");
    adds_up(&world, &tenant).await;
}

/// What the events say that vendors cost, the ledger says too, and so do the read models.
async fn adds_up(world: &VendorWorld, tenant: &TenantId) {
    world.world.projected().await;
    let mut seen = std::collections::HashSet::new();
    let mut told: BTreeMap<String, Decimal> = BTreeMap::new();
    for event in world.world.events().await.iter().filter(|event| event.tenant == *tenant && seen.insert(event.id)) {
        if let Event::VendorCalled(call) = &event.event {
            *told.entry(call.vendor.clone()).or_default() += call.cost_usd;
        }
    }
    let mut tx = world.world.desk.database().enter(tenant).await.unwrap();
    let sums = |rows: Vec<(String, Decimal)>| {
        rows.into_iter().map(|(vendor, usd)| (vendor, usd.normalize())).collect::<BTreeMap<_, _>>()
    };
    let told: BTreeMap<_, _> = told.into_iter().map(|(vendor, usd)| (vendor, usd.normalize())).collect();
    for statement in [
        "select vendor, sum(cost_usd) from vendor_intents where tenant_id = $1 group by vendor",
        "select vendor, sum(cost_usd) from vendor_calls where tenant_id = $1 group by vendor",
        "select vendor, sum(cost_usd) from run_vendor_usage where tenant_id = $1 group by vendor",
        "select vendor, sum(cost_usd) from vendor_costs_daily where tenant_id = $1 group by vendor",
    ] {
        let rows = sqlx::query_as(statement).bind(tenant.as_str()).fetch_all(&mut *tx).await.unwrap();
        assert_eq!(sums(rows), told, "{statement}");
    }
    assert!(told.values().any(|usd| !usd.is_zero()), "{}", json!(told.keys().collect::<Vec<_>>()));
}
