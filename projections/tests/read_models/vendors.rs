//! What vendors were asked, what that cost, and whom they named.

use std::collections::BTreeMap;

use presdr_events::{
    Actor, Clear, Event, EventId, Header, IdentifierKind, Route, RunId, TenantId,
    vendor::{CallStatus, ContactsFound, FoundContact, VendorCalled, VendorRead},
};
use presdr_projections::erasure;
use presdr_store::keys::DataSubject;
use serde_json::{Value, json};

use crate::support::{Teller, Told, World, at, company, step};

/// A question of one lead, under the step that it has its id from.
fn called(teller: &Teller<'_>, number: i64, step_name: &'static str, change: impl FnOnce(&mut VendorCalled)) -> Told {
    let (vendor, operation) = step_name.split_once('.').unwrap();
    let mut call = VendorCalled {
        step: step(step_name, 12, 1),
        vendor: vendor.to_owned(),
        operation: operation.to_owned(),
        purpose: "domain".to_owned(),
        because: "no domain was found by our own means".to_owned(),
        units: 1.into(),
        tokens_input: 0,
        tokens_output: 0,
        cost_usd: "0.008".parse().unwrap(),
        latency_ms: 12,
        status: CallStatus::Answered,
        http_status: Some(200),
        requests: 1,
        rate_limit_hits: 0,
        quota_exhausted: false,
        cache_hit: false,
        ledger_id: None,
    };
    change(&mut call);
    let event = Event::VendorCalled(call);
    let id = EventId::of(teller.tenant, Some(teller.run), Some(company(number)), step_name, 1);
    let header = Header {
        id,
        source: "test",
        time: at(30),
        tenant: teller.tenant.clone(),
        run: Some(teller.run),
        company: Some(company(number)),
        actor: Actor::service("test"),
        correlation: id,
        causation: None,
        traceparent: None,
    };
    Told { subject: header.subject(&event).to_string(), body: header.encode(&event).unwrap() }
}

fn refused(call: &mut VendorCalled, status: CallStatus) {
    call.status = status;
    (call.units, call.cost_usd, call.requests, call.http_status) = (0.into(), 0.into(), 0, None);
}

/// One of every kind: (0.008 + 0.016) + 0.008 of an answer that was lost, and what is free.
fn calls(teller: &Teller<'_>) -> Vec<Told> {
    vec![
        called(teller, 1, "tavily.search", |_| {}),
        called(teller, 2, "tavily.search", |call| {
            (call.units, call.cost_usd) = (2.into(), "0.016".parse().unwrap());
            (call.requests, call.rate_limit_hits) = (3, 2);
        }),
        called(teller, 3, "tavily.search", |call| {
            refused(call, CallStatus::Cached);
            call.cache_hit = true;
        }),
        called(teller, 4, "tavily.search", |call| refused(call, CallStatus::RefusedCap)),
        called(teller, 5, "tavily.search", |call| (call.status, call.http_status) = (CallStatus::Unknown, None)),
        called(teller, 1, "openai.chat", |call| {
            (call.tokens_input, call.tokens_output) = (1_200, 80);
            (call.units, call.cost_usd) = (1_280.into(), "0.000228".parse().unwrap());
        }),
        called(teller, 1, "lusha.people", |call| {
            refused(call, CallStatus::Quota);
            (call.requests, call.http_status, call.quota_exhausted) = (1, Some(402), true);
        }),
    ]
}

#[tokio::test]
async fn what_a_run_used_of_each_vendor_adds_up_with_its_calls() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let (one, other) = (
        Teller { tenant: &tenant, run: RunId::new(1).unwrap() },
        Teller { tenant: &tenant, run: RunId::new(2).unwrap() },
    );
    let told =
        [vec![one.started()], calls(&one), vec![other.started(), called(&other, 1, "tavily.search", |_| {})]].concat();
    world.publish(&told).await;
    world.publish(&told).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["vendor_calls"].len(), 8, "told twice, counted once");
    let used = |vendor: &str, run: i64| {
        rows["run_vendor_usage"].iter().find(|row| row["vendor"] == vendor && row["run_id"] == run).unwrap()
    };
    let numbers = |row: &Value| {
        ["calls", "errors", "cache_hits", "refused", "requests", "rate_limit_hits"]
            .map(|name| row[name].as_i64().unwrap())
    };
    assert_eq!(numbers(used("tavily", 1)), [3, 1, 1, 1, 5, 2]);
    assert_eq!(used("tavily", 1)["cost_usd"], json!(0.032));
    assert_eq!(numbers(used("tavily", 2)), [1, 0, 0, 0, 1, 0]);
    assert_eq!(numbers(used("lusha", 1)), [1, 1, 0, 0, 1, 0]);
    assert_eq!(used("lusha", 1)["quota_exhausted"], json!(true));
    let model = used("openai", 1);
    assert_eq!(
        (&model["tokens_input"], &model["tokens_output"], &model["cost_usd"]),
        (&json!(1_200), &json!(80), &json!(0.000_228))
    );
    let daily = world.count(&tenant, "select count(*) from vendor_costs_daily where day = '2026-11-23'").await;
    assert_eq!(daily, 3, "17:00 UTC is the next day in Singapore");
    let sums = "select count(*) from (select sum(cost_usd) as of_days from vendor_costs_daily) d, (select sum(cost_usd) as of_runs from run_vendor_usage) r,
                    (select sum(cost_usd) as of_calls from vendor_calls) c where of_days = of_runs and of_runs = of_calls and of_calls = 0.040228";
    assert_eq!(world.count(&tenant, sums).await, 1, "days, runs and calls come to the same money");
    let stages =
        rows["run_stage_stats"].iter().find(|row| row["stage"] == "tavily.search" && row["run_id"] == 1).unwrap();
    assert_eq!(stages["count_total"], json!(5), "questions to vendors are a run's stages, too");
    world.rebuild().await;
    assert_eq!(rows, world.rows(&tenant).await);
}

#[tokio::test]
async fn one_tenants_costs_are_not_anothers() {
    let world = World::new().await;
    let (acme, beta) = (world.store.tenant("acme").await.unwrap(), world.store.tenant("beta").await.unwrap());
    let (one, other) =
        (Teller { tenant: &acme, run: RunId::new(1).unwrap() }, Teller { tenant: &beta, run: RunId::new(2).unwrap() });
    world.publish(&[one.started(), called(&one, 1, "tavily.search", |_| {}), other.started()]).await;
    world.project_all().await;
    assert_eq!(world.count(&acme, "select count(*) from vendor_costs_daily").await, 1);
    assert_eq!(world.count(&beta, "select count(*) from vendor_costs_daily").await, 0);
}

/// A person whom a vendor named, with an address.
fn contacts(teller: &Teller<'_>, number: i64, subject: &DataSubject) -> Told {
    let id = EventId::of(teller.tenant, Some(teller.run), Some(company(number)), "lead.contacts_found", 1);
    let seal = |field, value: &str| subject.seal(teller.tenant, id, field, &Clear(value.to_owned())).unwrap();
    let contact = FoundContact {
        name: seal("contact.name", "Jane Example"),
        first_name: Some(seal("contact.first_name", "Jane")),
        last_name: Some(seal("contact.last_name", "Example")),
        role_title: Some(seal("contact.role_title", "Owner")),
        email: Some(seal("contact.email", "jane@acme.example")),
        phone: Some(seal("contact.phone", "+6561234567")),
        profile: None,
        vendor_id: Some(seal("contact.vendor_id", "v-77")),
        role_account: false,
        own_domain: true,
        source: "lusha".to_owned(),
        because: "the site was read and gives no contact".to_owned(),
        wanted: true,
    };
    let route = Route { next: "verify".to_owned(), because: "addresses were found".to_owned() };
    let event = ContactsFound {
        step: step("contacts", 9, 1),
        vendor_company_id: Some("16300001".to_owned()),
        contacts: vec![contact],
        dropped: BTreeMap::new(),
        route,
    };
    teller.tell(12, Some(company(number)), &Event::LeadContactsFound(event))
}

fn vendor_read(teller: &Teller<'_>, number: i64) -> Told {
    let event = VendorRead {
        step: step("vendor_read", 900, 1),
        domain: "acme.example".to_owned(),
        pages: vec![],
        skipped: BTreeMap::new(),
        verdict: "thin".to_owned(),
        measured: BTreeMap::new(),
        route: Route { next: "extract".to_owned(), because: "the vendor read the site".to_owned() },
    };
    teller.tell(11, Some(company(number)), &Event::LeadVendorRead(event))
}

#[tokio::test]
async fn whom_a_vendor_named_is_a_contact_with_where_from_and_why() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let subject = world.subject(&tenant, IdentifierKind::Email, "jane@acme.example").await;
    let teller = Teller { tenant: &tenant, run: RunId::new(1).unwrap() };
    let told = [
        teller.started(),
        vendor_read(&teller, 1),
        contacts(&teller, 1, &subject),
        teller.verified(company(1), 1, &subject, "valid"),
    ];
    world.publish(&told).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    let texts = |row: &Value, names: &[&str]| {
        names.iter().map(|name| row[*name].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let because = "the site was read and gives no contact";
    assert_eq!(
        texts(&rows["contacts"][0], &["name", "role_title", "email", "phone", "source", "vendor_id", "because"]),
        ["Jane Example", "Owner", "jane@acme.example", "+6561234567", "lusha", "v-77", because]
    );
    assert_eq!(
        texts(
            &rows["lead_emails"][0],
            &["email", "first_name", "source", "vendor_id", "because", "verification_status"]
        ),
        ["jane@acme.example", "Jane", "lusha", "v-77", because, "valid"]
    );
    assert_eq!(rows["lead_phones"].len(), 1);
    let lead = &rows["company_enrichment_runs"][0];
    assert_eq!((&lead["contacts_found"], &lead["vendor_read_verdict"]), (&json!(1), &json!("thin")));
    // A later run finds the address on the site: what the vendor told stays.
    let later = Teller { tenant: &tenant, run: RunId::new(2).unwrap() };
    world.publish(&[later.started(), later.extracted(company(1), 1, &subject, "jane@acme.example")]).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(texts(&rows["lead_emails"][0], &["source", "vendor_id", "because"]), ["site", "v-77", because]);
    assert_eq!(texts(&rows["contacts"][0], &["vendor_id", "because"]), ["v-77", because]);
    world.rebuild().await;
    assert_eq!(rows, world.rows(&tenant).await);
    forgotten(&world, &tenant, &subject).await;
}

async fn forgotten(world: &World, tenant: &TenantId, subject: &DataSubject) {
    erasure::forget(&world.projector, tenant, &[subject.id]).await.unwrap();
    let rows = world.rows(tenant).await;
    for table in ["contacts", "lead_emails", "lead_phones", "lead_email_verifications"] {
        assert!(rows[table].is_empty(), "{table}");
    }
}
