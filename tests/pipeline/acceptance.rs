//! `presdr acceptance` over whole runs with all vendors: the demonstration's companies meet every line; what the real sites come to, where
//! they are at hand, is printed and gates nothing.

use std::process::{Command, Output};

use presdr_events::TenantId;
use presdr_producers::{icp, ingest, settings, tenants};
use presdr_sandbox::{DemoTenant, WebKind};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::{real_sites, support::World, vendors::world::VendorWorld};

/// As many as the demonstration has.
const COMPANIES: usize = 800;
/// As many as a run of the demonstration takes.
const LEADS: u32 = 40;
/// What each tenant's lines measure, in their order.
const MEASURED: [&str; 10] = [
    "candidates",
    "leads delivered",
    "shortlisted with a domain",
    "shortlisted with an about text",
    "shortlisted with a valid or unknown address",
    "largest bucket",
    "shortlisted with a rationale",
    "cache hits on repeated features",
    "lookups where they were not allowed",
    "minutes per 1,000 leads",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstrations_companies_meet_every_line() {
    let outside = VendorWorld::with(WebKind::Varied { sites: COMPANIES }).await;
    let world = &outside.world;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let globex = world.tenant(DemoTenant::Globex, COMPANIES).await;
    let roles = world.roles_of(outside.services().await).await;
    let runs = [(&acme, world.start(&acme, LEADS).await), (&globex, world.start(&globex, LEADS).await)];
    for (tenant, run) in runs {
        world.finished(tenant, run).await;
    }
    roles.stop().await;
    let told = presdr(world, &["acceptance", "--json"]);
    let lines: Vec<Value> = serde_json::from_slice(&told.stdout).unwrap();
    let of = |tenant: &str| {
        lines
            .iter()
            .filter(|line| line["tenant"] == tenant)
            .map(|line| line["what"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!((of("all"), of("acme"), of("globex")), (vec!["candidates"], MEASURED.to_vec(), MEASURED.to_vec()));
    let failed: Vec<&Value> = lines.iter().filter(|line| line["pass"] == false).collect();
    assert!(failed.is_empty() && told.status.success(), "{failed:#?}");
    let measured = |what: &str| lines.iter().filter(|line| line["what"] == what && !line["value"].is_null()).count();
    assert!(measured("cache hits on repeated features") > 0, "some features repeat");
    assert!(
        lines.iter().any(|line| line["what"] == MEASURED[8] && line["aim"] != "none of 0"),
        "people were looked up"
    );

    for tenant in [&acme, &globex] {
        costs_add_up(world, tenant).await;
    }

    // A tenant of which too much is asked: its lines say so, and so does the exit code.
    let alone = presdr(world, &["acceptance", "--json", "--tenant", "acme"]);
    let lines: Vec<Value> = serde_json::from_slice(&alone.stdout).unwrap();
    assert!(
        lines.iter().any(|line| line["tenant"] == "all" && line["pass"] == false),
        "one tenant has fewer candidates"
    );
    assert!(!alone.status.success());
    assert!(presdr(world, &["acceptance", "--no-gate", "--tenant", "acme"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_real_sites_come_to_is_told_with_free_mail_and_without() {
    let Some(folder) = real_sites::folder() else { return };
    let outside = VendorWorld::with(WebKind::Folder(folder.clone())).await;
    let world = &outside.world;
    let mut runs = Vec::new();
    let roles = world.roles_of(outside.services().await).await;
    for (slug, free_mail) in [("without-free-mail", "exclude"), ("with-free-mail", "allow_low_confidence")] {
        let tenant = TenantId::new(slug).unwrap();
        tenants::create(&world.desk, &tenant, slug).await.unwrap();
        ingest::companies(world.desk.database(), &tenant, &folder.join("index.csv")).await.unwrap();
        icp::set(&world.desk, &tenant, r#"{"keywords": ["services", "software", "design"]}"#).await.unwrap();
        // The imitated vendor of contacts makes people up for sites that it does not know, and those would be counted.
        let wanted = format!(r#"{{"email_policy": {{"free_mail": "{free_mail}"}}, "vendors": {{"contacts": false}}}}"#);
        settings::set(&world.desk, &tenant, &wanted).await.unwrap();
        runs.push((tenant.clone(), world.start(&tenant, 150).await));
    }
    for (tenant, run) in runs {
        world.finished(&tenant, run).await;
    }
    roles.stop().await;
    let told = presdr(world, &["acceptance", "--no-gate"]);
    println!("{}", String::from_utf8_lossy(&told.stdout));
    assert!(told.status.success());
    let told = presdr(world, &["acceptance", "--no-gate", "--json"]);
    let lines: Vec<Value> = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(lines.len(), 1 + 2 * MEASURED.len());
    let delivered = lines.iter().filter(|line| line["what"] == "leads delivered" && line["pass"] == true).count();
    assert_eq!(delivered, 2, "both runs took all 150");
}

/// However costs are shown, they come to what the ledger holds, to the last digit; what a lead and a verified contact cost follows from it.
async fn costs_add_up(world: &World, tenant: &TenantId) {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let (ledger, verified): (Decimal, i64) = sqlx::query_as(
        "select (select sum(cost_usd) from vendor_intents where tenant_id = $1),
                (select count(*) from lead_emails where tenant_id = $1 and verification_status = 'valid')",
    )
    .bind(tenant.as_str())
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    let read = |value: &Value| value.as_str().unwrap().parse::<Decimal>().unwrap();
    for by in ["vendor", "day", "run", "purpose"] {
        let told = presdr(world, &["costs", "--json", "--tenant", tenant.as_str(), "--by", by]);
        let costs: Value = serde_json::from_slice(&told.stdout).unwrap();
        let lines: Decimal = costs["lines"].as_array().unwrap().iter().map(|line| read(&line["cost_usd"])).sum();
        assert_eq!((lines, read(&costs["cost_usd"])), (ledger, ledger), "by {by}");
        assert_eq!((&costs["leads"], &costs["verified_contacts"]), (&LEADS.into(), &verified.into()));
        assert_eq!(read(&costs["usd_per_lead"]), (ledger / Decimal::from(LEADS)).round_dp(6));
        assert_eq!(read(&costs["usd_per_verified_contact"]), (ledger / Decimal::from(verified)).round_dp(6));
        assert!(costs["fallbacks"].as_array().unwrap().len() >= 3, "{costs}");
    }
}

fn presdr(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presdr"));
    command.args(arguments).env("DATABASE_URL", world.store.url());
    command.env("PRESDR_DATA", world.files.path()).output().unwrap()
}
