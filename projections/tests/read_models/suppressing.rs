//! What a tenant suppresses leaves the read models, whenever it was found, and a rebuild gives the same rows.

use presdr_events::{Actor, Event, EventId, Header, IdentifierKind, RunId, Step, Suppressible, TenantId, privacy};
use presdr_store::suppressions::{self, By, New};

use crate::support::{Teller, Told, World, at, company, whole_run};

const ADDRESSES: &str = "select string_agg(email, ' ' order by email) from lead_emails";
const RANKED: &str = "select string_agg(company_id::text, ' ' order by rank) from shortlists";

async fn suppress(world: &World, tenant: &TenantId, what: Suppressible<'_>) {
    let producer = world.store.connect(presdr_store::Role::Producer).await.unwrap();
    let mut tx = producer.enter(tenant).await.unwrap();
    let keys = world.keyring.tenant(&mut tx, tenant).await.unwrap();
    let company = if let Suppressible::Company(company) = what { Some(company) } else { None };
    let new = New { what: keys.index.suppression(what), company, reason: "asked us to".to_owned(), subject: None };
    let by = By { actor: &Actor::service("test"), source: "command" };
    assert_eq!(suppressions::add(&mut tx, &[new], by).await.unwrap().values().sum::<u64>(), 1);
    tx.commit().await.unwrap();
}

/// The event that tells so, the `number`th.
fn told(tenant: &TenantId, number: u32, second: u32) -> Told {
    let step = Step::done("suppress", 0, number, vec![]);
    let added = [("email".to_owned(), 1)].into();
    let event =
        Event::SuppressionAdded(privacy::Suppressed { step, added, known: 0, quarantined: 0, content_hash: None });
    let id = EventId::of(tenant, None, None, "suppress", number);
    let header = Header {
        id,
        source: "test",
        time: at(second),
        tenant: tenant.clone(),
        run: None,
        company: None,
        actor: Actor::service("test"),
        correlation: id,
        causation: None,
        traceparent: None,
    };
    Told { subject: header.subject(&event).to_string(), body: header.encode(&event).unwrap() }
}

async fn text(world: &World, tenant: &TenantId, statement: &'static str) -> String {
    let mut tx = world.projector.enter(tenant).await.unwrap();
    sqlx::query_scalar::<_, Option<String>>(statement).fetch_one(&mut *tx).await.unwrap().unwrap_or_default()
}

/// Five leads, of which the first four are ranked: jane1 to jane4 at acme.example.
async fn projected() -> (World, TenantId) {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 5).await).await;
    world.project_all().await;
    let four = "jane1@acme.example jane2@acme.example jane3@acme.example jane4@acme.example";
    assert_eq!(text(&world, &tenant, ADDRESSES).await, four);
    assert_eq!(text(&world, &tenant, RANKED).await, "4 3 2 1");
    (world, tenant)
}

async fn a_rebuild_is_the_same(world: &World, tenant: &TenantId) {
    let rows = world.rows(tenant).await;
    world.rebuild().await;
    assert_eq!(rows, world.rows(tenant).await);
}

#[tokio::test]
async fn an_address_a_number_and_a_company_leave_what_is_there_already() {
    let (world, tenant) = projected().await;
    suppress(&world, &tenant, Suppressible::Address("jane2@acme.example")).await;
    suppress(&world, &tenant, Suppressible::Company(company(3))).await;
    world.publish(&[told(&tenant, 1, 20)]).await;
    world.project_all().await;
    assert_eq!(text(&world, &tenant, ADDRESSES).await, "jane1@acme.example jane4@acme.example");
    let people =
        "select string_agg(email || coalesce(phone, ''), ' ' order by email) from contacts where email is not null";
    assert_eq!(text(&world, &tenant, people).await, "jane1@acme.example jane4@acme.example");
    assert_eq!(text(&world, &tenant, RANKED).await, "4 2 1", "the others keep their ranks");
    assert_eq!(world.count(&tenant, "select max(rank) from shortlists").await, 4);
    assert_eq!(world.count(&tenant, "select count(*) from lead_phones").await, 3, "of the companies that are left");
    a_rebuild_is_the_same(&world, &tenant).await;

    suppress(&world, &tenant, Suppressible::Phone("6000 0000")).await;
    world.publish(&[told(&tenant, 2, 21)]).await;
    world.project_all().await;
    assert_eq!(world.count(&tenant, "select count(*) from lead_phones").await, 0);
    a_rebuild_is_the_same(&world, &tenant).await;
}

#[tokio::test]
async fn with_its_domain_a_company_leaves_shortlists_and_everybody_at_it_goes() {
    let (world, tenant) = projected().await;
    suppress(&world, &tenant, Suppressible::Domain("acme.example")).await;
    world.publish(&[told(&tenant, 1, 20)]).await;
    world.project_all().await;
    for (table, rows) in world.rows(&tenant).await {
        let of_people = ["lead_emails", "contacts", "lead_phones", "shortlists"].contains(&table.as_str());
        assert!(!of_people || rows.is_empty(), "{table}");
    }
    assert_eq!(world.count(&tenant, "select count(*) from suppressed_companies").await, 5);
    a_rebuild_is_the_same(&world, &tenant).await;
}

#[tokio::test]
async fn what_is_found_while_a_suppression_holds_is_never_shown_and_what_is_found_later_is() {
    let (world, tenant) = projected().await;
    suppress(&world, &tenant, Suppressible::Address("jane2@acme.example")).await;
    let jane = world.subject(&tenant, IdentifierKind::Email, "jane2@acme.example").await;
    let found = |run: i64| Teller { tenant: &tenant, run: RunId::new(run).unwrap() };
    // Extracted before the suppression was written, projected after: its own event comes later still.
    world.publish(&[found(2).extracted(company(2), 1, &jane, "jane2@acme.example")]).await;
    world.project_all().await;
    world.publish(&[told(&tenant, 1, 20)]).await;
    world.project_all().await;
    assert!(!text(&world, &tenant, ADDRESSES).await.contains("jane2"));
    // Lifted: what was found until then stays away.
    let producer = world.store.connect(presdr_store::Role::Producer).await.unwrap();
    let mut tx = producer.enter(&tenant).await.unwrap();
    let keys = world.keyring.tenant(&mut tx, &tenant).await.unwrap();
    let what = [keys.index.suppression(Suppressible::Address("jane2@acme.example"))].into();
    assert_eq!(suppressions::lift(&mut tx, &what, at(30)).await.unwrap()["email"], 1);
    tx.commit().await.unwrap();
    a_rebuild_is_the_same(&world, &tenant).await;
    assert!(!text(&world, &tenant, ADDRESSES).await.contains("jane2"));
    world.publish(&[found(3).extracted_at(40, company(2), 1, &jane, "jane2@acme.example")]).await;
    world.project_all().await;
    assert!(text(&world, &tenant, ADDRESSES).await.contains("jane2"));
    a_rebuild_is_the_same(&world, &tenant).await;
}
