//! Whom a tenant must not contact: for what was found before, and for what is found next.

use std::fs;

use presdr_events::{Event, RunId, TenantId};
use presdr_producers::{
    consents, settings,
    suppressions::{self, Given, ListKind},
};
use presdr_sandbox::WebKind;

use crate::{
    hostile::{write_index, write_plain_site},
    support::World,
};

const DOMAINS: [&str; 3] = ["quillfeather.example", "inkwell.example", "blotter.example"];

#[tokio::test(flavor = "multi_thread")]
async fn a_list_holds_for_what_was_found_and_for_what_is_found_next() {
    let folder = tempfile::tempdir().unwrap();
    write_index(folder.path(), &DOMAINS);
    DOMAINS.iter().for_each(|domain| write_plain_site(&folder.path().join(domain), domain));
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let companies = DOMAINS.map(|domain| (format!("The {domain} Company"), domain.to_owned()));
    let acme = world.tenant_of("acme", &companies).await;
    let roles = world.roles().await;
    let before = world.start(&acme, 3).await;
    world.finished(&acme, before).await;
    assert_eq!(emails(&world, &acme).await.len(), 6);
    assert_eq!(ranked(&world, &acme, before).await.len(), 3);

    let list = folder.path().join("list.csv");
    let lines = format!(
        "kind,value,reason\nemail,MEI@{},left\ndomain,www.{},asked us to\nemail,no address,\n",
        DOMAINS[0], DOMAINS[1]
    );
    fs::write(&list, lines).unwrap();
    let added = suppressions::import(&world.desk, &acme, &list, (None, "unsubscribed")).await.unwrap();
    assert_eq!((added.added["email"], added.added["domain"], added.known), (1, 1, 0));
    assert_eq!(added.wrong, [(4, "that is no e-mail address".to_owned())]);
    world.projected().await;
    let left = ["info@blotter.example", "info@quillfeather.example", "mei@blotter.example"];
    assert_eq!(emails(&world, &acme).await, left);
    assert_eq!(ranked(&world, &acme, before).await, ["blotter.example", "quillfeather.example"]);

    let again = suppressions::import(&world.desk, &acme, &list, (None, "unsubscribed")).await.unwrap();
    assert!(again.added.is_empty() && again.known == 2, "a list that is taken in twice adds nothing");
    let next = world.start(&acme, 3).await;
    world.finished(&acme, next).await;
    roles.stop().await;
    assert_eq!(emails(&world, &acme).await, left);
    assert_eq!(ranked(&world, &acme, next).await, ["blotter.example", "quillfeather.example"]);
    let shortlisted = world.events().await.into_iter().find_map(|event| match event.event {
        Event::RunShortlisted(shortlisted) if event.run == Some(next) => Some(shortlisted.company_ids.len()),
        _ => None,
    });
    assert_eq!(shortlisted, Some(2), "the run itself ranks nobody whose domain is suppressed");
    everything_was_counted(&world, &acme, next).await;
    nothing_is_told_of_who_is_on_the_list(&world, &acme).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppressed_company_is_no_target_and_one_that_is_taken_off_is_one_again() {
    let folder = tempfile::tempdir().unwrap();
    write_index(folder.path(), &DOMAINS[..1]);
    write_plain_site(&folder.path().join(DOMAINS[0]), DOMAINS[0]);
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let acme = world.tenant_of("acme", &[("Quillfeather".to_owned(), DOMAINS[0].to_owned())]).await;
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let id: i64 = sqlx::query_scalar("select company_id from tenant_companies").fetch_one(&mut *tx).await.unwrap();
    drop(tx);
    let company = [Given::read(ListKind::Company, &id.to_string(), "a customer").unwrap()];
    suppressions::add(&world.desk, &acme, &company).await.unwrap();
    let roles = world.roles().await;
    let without = world.start(&acme, 1).await;
    world.finished(&acme, without).await;
    assert!(world.outcomes(&acme, without).await.is_empty(), "nobody is a target");
    let (lifted, _) = suppressions::lift(&world.desk, &acme, &company).await.unwrap();
    assert_eq!(lifted["company"], 1);
    let refused = suppressions::lift(&world.desk, &acme, &company).await.unwrap_err();
    assert_eq!(refused.to_string(), "nothing of that is suppressed");
    let with = world.start(&acme, 1).await;
    world.finished(&acme, with).await;
    roles.stop().await;
    assert_eq!(ranked(&world, &acme, with).await, [DOMAINS[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_kept_while_a_consent_is_on_record() {
    const PRIVATE: &str = "mei.ling.tan.quills@gmail.com";
    let folder = tempfile::tempdir().unwrap();
    write_index(folder.path(), &DOMAINS[..1]);
    let site = folder.path().join(DOMAINS[0]);
    write_plain_site(&site, DOMAINS[0]);
    let home = fs::read_to_string(site.join("index.html")).unwrap();
    fs::write(site.join("index.html"), home.replace("Write to ", &format!("Write to {PRIVATE} or "))).unwrap();
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let acme = world.tenant_of("acme", &[("Quillfeather".to_owned(), DOMAINS[0].to_owned())]).await;
    let with_consent = r#"{"email_policy": {"free_mail": "allow_with_consent"}}"#;
    settings::set(&world.desk, &acme, with_consent).await.unwrap();
    let roles = world.roles().await;
    let is_kept = async || {
        let run = world.start(&acme, 1).await;
        world.finished(&acme, run).await;
        emails(&world, &acme).await.iter().any(|email| email == PRIVATE)
    };
    assert!(!is_kept().await, "nobody agreed");
    let record = async || consents::record(&world.desk, &acme, PRIVATE, world.desk.now(), "form on our site").await;
    record().await.unwrap();
    assert!(is_kept().await);
    consents::withdraw(&world.desk, &acme, &PRIVATE.to_uppercase()).await.unwrap();
    world.projected().await;
    assert!(!emails(&world, &acme).await.iter().any(|email| email == PRIVATE), "it leaves what is shown");
    assert!(!is_kept().await);
    assert!(consents::withdraw(&world.desk, &acme, PRIVATE).await.is_err(), "it is taken back once");
    record().await.unwrap();
    assert!(is_kept().await, "who agrees anew may be written to");
    roles.stop().await;
    let events = world.events().await;
    let told = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(&event.event)).count();
    assert_eq!(told(|event| matches!(event, Event::ConsentRecorded(_))), 2);
    assert_eq!(told(|event| matches!(event, Event::ConsentWithdrawn(_))), 1);
}

async fn emails(world: &World, tenant: &TenantId) -> Vec<String> {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    sqlx::query_scalar("select email from lead_emails order by 1").fetch_all(&mut *tx).await.unwrap()
}

async fn ranked(world: &World, tenant: &TenantId, run: RunId) -> Vec<String> {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    let ranked = sqlx::query_scalar("select domain from shortlists where run_id = $1 order by 1").bind(run.get());
    ranked.fetch_all(&mut *tx).await.unwrap()
}

/// What the extraction of the run dropped, it counted.
async fn everything_was_counted(world: &World, tenant: &TenantId, run: RunId) {
    let dropped = world.events().await.into_iter().filter(|event| event.tenant == *tenant && event.run == Some(run));
    let dropped = dropped.filter_map(|event| match event.event {
        Event::LeadExtracted(found) => found.emails_dropped.get("suppressed").copied(),
        _ => None,
    });
    assert_eq!(dropped.sum::<u32>(), 3, "one of one company, two of the other");
}

/// Neither the list, nor its events, nor what could not be read of the file.
async fn nothing_is_told_of_who_is_on_the_list(world: &World, tenant: &TenantId) {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    for table in ["suppressions", "ingest_quarantine", "ingest_loads", "audit_log"] {
        let rows = format!("select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from {table} t");
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&mut *tx).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        for told in ["mei@", "no address"] {
            assert!(!rows.to_lowercase().contains(told), "{told} in {table}");
        }
    }
    let events = world.events().await;
    let told = events.iter().filter(|event| matches!(event.event, Event::SuppressionAdded(_))).count();
    assert_eq!(told, 2, "one for each time that the list was taken in");
}
