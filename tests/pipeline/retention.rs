//! What was kept long enough goes, table by table, and neither a rebuild nor the next run brings it back.

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use presdr_audit::{Log, PublicKeys, Signer, SigningKey, Stores};
use presdr_compliance::{Office, retention};
use presdr_events::{Actor, Event, TenantId};
use presdr_nats::topology::User;
use presdr_producers::{Desk, settings};
use presdr_projections::rebuild::{rebuild, verify};
use presdr_sandbox::WebKind;
use presdr_store::{Role, retention::Pass};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    personal_data::{COMPANY, DOMAIN, write_site},
    support::{World, connect, rebuilding},
};

/// An office whose clock is so many days ahead.
async fn office(world: &World, days: i64) -> Office {
    let ahead = TimeDelta::days(days);
    let clock = presdr_consumers::Clock::system();
    let desk = Desk::new(
        world.store.connect(Role::Producer).await.unwrap(),
        connect(&world.nats.url(), User::Producer).await,
        Arc::new(world.store.keyring()),
        Actor::service("schedule"),
        move || clock.now() + ahead,
    );
    let context = connect(&world.nats.url(), User::Projector).await.jetstream().clone();
    Office { desk, projector: world.store.connect(Role::Projector).await.unwrap(), context }
}

/// A world with a tenant that ran once, and what it holds.
async fn run_once() -> (World, TenantId, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path());
    let world = World::with(WebKind::Folder(folder.path().to_owned())).await;
    let acme = world.tenant_of("acme", &[(COMPANY.to_owned(), DOMAIN.to_owned())]).await;
    run_again(&world, &acme).await;
    (world, acme, folder)
}

async fn run_again(world: &World, tenant: &TenantId) {
    let roles = world.roles().await;
    let run = world.start(tenant, 1).await;
    world.finished(tenant, run).await;
    roles.stop().await;
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[5; 32]).unwrap()
}

/// Signs what was not signed yet.
async fn sign(world: &World, office: &Office, tenant: &TenantId) {
    let log = Log::open(&connect(&world.nats.url(), User::Auditor).await).await.unwrap();
    Signer::new(office.desk.clone(), log, key(), None).unwrap().sign(tenant).await.unwrap().unwrap();
    project(world).await;
}

/// Lets the read models catch up without workers.
async fn project(world: &World) {
    let roles = world.roles().await;
    world.projected().await;
    roles.stop().await;
}

async fn pass(office: &Office, tenant: &TenantId) -> Pass {
    let mut told = retention::pass(office, None).await.unwrap().unwrap();
    told.remove(tenant).unwrap().unwrap().pop().unwrap()
}

/// Rows of a tenant, as the superuser counts them. A table may have a condition behind it: `contacts where name is null`.
async fn rows(world: &World, tenant: &TenantId, table: &str) -> i64 {
    let mut connection = PgConnection::connect(world.store.url()).await.unwrap();
    let (table, which) = table.split_once(" where ").unwrap_or((table, "true"));
    let count = format!("select count(*) from {table} where tenant_id = $1 and {which}");
    sqlx::query_scalar(AssertSqlSafe(count)).bind(tenant.as_str()).fetch_one(&mut connection).await.unwrap()
}

async fn change(world: &World, statement: &'static str) {
    PgConnection::connect(world.store.url()).await.unwrap().execute(statement).await.unwrap();
}

/// What is kept for minutes, a few hours ago.
async fn kept_for_minutes(world: &World) {
    change(
        world,
        "insert into session_ends values ('acme', decode(repeat('01', 32), 'hex'), now() - interval '2 hours')",
    )
    .await;
    change(world, "insert into threads (tenant_id, thread_id, owner) values ('acme', gen_random_uuid(), 'user:jane')")
        .await;
    let waiting = r#"insert into thread_checkpoints (tenant_id, thread_id, checkpoint_id, source, step, messages, pending, created_at)
                     select 'acme', thread_id, gen_random_uuid(), 'loop', 0, '[]', '{"command": "erase", "sealed": "AA=="}',
                            now() - interval '2 hours' from threads"#;
    change(world, waiting).await;
}

async fn assert_rows(world: &World, tenant: &TenantId, wanted: &[(&str, bool)]) {
    for (table, there) in wanted {
        assert_eq!(rows(world, tenant, table).await > 0, *there, "{table}");
    }
}

/// The log makes what is there, and nothing that is gone.
async fn assert_as_the_log_makes_it(world: &World) {
    project(world).await;
    let compared = rebuilding(world, async |work| verify(work, |_| {}).await.unwrap()).await;
    for table in compared {
        assert_eq!(table.different, 0, "{table:?}");
    }
}

async fn assert_audit_verifies(world: &World, tenant: &TenantId, from: Option<u32>) {
    let log = Log::open(&connect(&world.nats.url(), User::Auditor).await).await.unwrap();
    let keys: PublicKeys = key().public().unwrap().into();
    let verified =
        Stores { database: world.desk.database(), log: &log }.verify(tenant, &keys, &[]).await.unwrap().unwrap();
    assert_eq!(verified.from_checkpoint, from, "{verified:?}");
}

fn planned(pass: &Pass, tables: &[&str]) -> BTreeMap<String, u64> {
    pass.planned.iter().filter(|(table, _)| tables.contains(&table.as_str())).map(|(t, n)| (t.clone(), *n)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn text_then_logs_then_people_go_when_their_window_is_over_and_no_rebuild_brings_them_back() {
    let (world, acme, _folder) = run_once().await;
    let today = office(&world, 0).await;
    sign(&world, &today, &acme).await;
    sign(&world, &today, &acme).await; // of the first checkpoint's own event: verifying can begin here
    kept_for_minutes(&world).await;
    let minutes = ["session_ends", "thread_checkpoints where pending is not null"];
    assert_rows(&world, &acme, &minutes.map(|table| (table, true))).await;
    assert_eq!(pass(&today, &acme).await.planned, BTreeMap::new(), "nothing is old yet");
    assert_rows(&world, &acme, &minutes.map(|table| (table, false))).await;
    change(&world, "delete from threads").await;
    let requests = "insert into erasure_requests (tenant_id, request_id, state, sealed, actor, asked_at, due_at, finished_at)
                    select 'acme', gen_random_uuid(), state, sealed, 'user:jane', now(), now(), finished_at
                    from (values ('failed', null, now()), ('under_way', '\\x00'::bytea, null)) as given (state, sealed, finished_at)";
    change(&world, requests).await;

    let text = ["site_visits", "lead_texts"];
    let gone = pass(&office(&world, 91).await, &acme).await;
    assert_eq!(planned(&gone, &text).len(), 2, "{gone:?}");
    assert_eq!(planned(&gone, &text), gone.planned, "text alone is old: {gone:?}");
    assert_eq!(gone.removed["company_enrichment_runs"], 1, "what is shown of it: {gone:?}");
    assert_rows(&world, &acme, &[("site_visits", false), ("lead_texts", false), ("audit_log", true)]).await;
    assert_rows(&world, &acme, &[("company_enrichment_runs where about_text is not null", false)]).await;
    assert_as_the_log_makes_it(&world).await;

    let gone = pass(&office(&world, 181).await, &acme).await;
    for table in ["audit_log", "run_event_logs", "lead_steps", "audit_checkpoints", "erasure_requests"] {
        assert_eq!(gone.removed.get(table), gone.planned.get(table), "{table}: {gone:?}");
        assert!(gone.removed[table] > 0, "{table}");
    }
    assert_rows(&world, &acme, &[("run_event_logs", false), ("lead_emails", true), ("lead_scores", true)]).await;
    let requests = [("erasure_requests where finished_at is not null", false), ("erasure_requests", true)];
    assert_rows(&world, &acme, &requests).await;
    assert_audit_verifies(&world, &acme, Some(2)).await;
    assert_as_the_log_makes_it(&world).await;

    let gone = pass(&office(&world, 366).await, &acme).await;
    assert!(gone.removed["keys"] > 0 && gone.removed["lead_emails"] > 0, "{gone:?}");
    let people = [("lead_emails", false), ("contacts", false), ("lead_phones", false), ("subject_identifiers", false)];
    assert_rows(&world, &acme, &people).await;
    assert_rows(&world, &acme, &[("data_subjects where wrapped_key is not null", false)]).await;
    project(&world).await;
    rebuilding(&world, async |work| rebuild(work, |_| {}).await.unwrap()).await;
    assert_rows(&world, &acme, &people).await;
    assert_rows(&world, &acme, &[("run_event_logs", false), ("lead_scores", true)]).await;
    assert_audit_verifies(&world, &acme, Some(2)).await;

    let told = world.events().await;
    let told = told.iter().filter(|event| matches!(event.event, Event::RetentionEnforced(_))).count();
    assert_eq!(told, 3, "a pass that removed something is told of");
    run_again(&world, &acme).await;
    assert_rows(&world, &acme, &[("lead_emails", true), ("lead_texts", true)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_is_cut_off_goes_on_a_person_who_is_found_again_stays_and_a_shorter_window_holds_for_what_is_there()
{
    let (world, acme, _folder) = run_once().await;
    let superuser = |statement: &'static str| {
        let url = world.store.url().to_owned();
        async move {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        }
    };
    // Everybody was found two years ago, and once more by a run today.
    superuser("update data_subjects set seen_at = seen_at - interval '2 years'").await;
    run_again(&world, &acme).await;
    let today = office(&world, 0).await;
    assert_eq!(retention::plan(&today, &acme).await.unwrap().planned.get("keys"), None);

    // Half a year of text, made shorter while it is there.
    settings::set(&world.desk, &acme, r#"{"retention": {"text_days": 180}}"#).await.unwrap();
    run_again(&world, &acme).await;
    superuser("insert into threads (tenant_id, thread_id, owner) values ('acme', gen_random_uuid(), 'user:jane')")
        .await;
    superuser(
        "insert into threads (tenant_id, thread_id, owner, updated_at) values ('acme', gen_random_uuid(), 'user:joe', now() + interval '2 days')",
    )
    .await;
    superuser(
        "insert into threads (tenant_id, thread_id, owner, hidden, status, updated_at) values ('acme', gen_random_uuid(), 'user:jane', true, 'busy', now() - interval '2 days')",
    )
    .await;
    let later = office(&world, 91).await;
    let early = retention::plan(&later, &acme).await.unwrap();
    assert_eq!(early.planned.get("lead_texts"), Some(&2), "those of the runs before: {early:?}");
    settings::set(&world.desk, &acme, r#"{"retention": {"text_days": 90}}"#).await.unwrap();
    let all = retention::plan(&later, &acme).await.unwrap();
    assert_eq!(all.planned.get("lead_texts"), Some(&3), "{all:?}");

    superuser("revoke delete on lead_texts from presdr_producer").await;
    let cut_off = retention::pass(&later, None).await.unwrap().unwrap();
    assert!(cut_off[&acme].is_err(), "{cut_off:?}");
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let begun = presdr_store::retention::unfinished(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(begun[0].planned, all.planned);
    superuser("grant delete on lead_texts to presdr_producer").await;
    let done = retention::pass(&later, Some(begun[0].day)).await.unwrap().unwrap();
    let done = done[&acme].as_ref().unwrap();
    assert_eq!((done.len(), done[0].number), (1, begun[0].number), "the same goes on, and no other begins that day");
    assert_eq!(done[0].removed["lead_texts"], 3, "{done:?}");
    assert_eq!((done[0].removed["threads"], rows(&world, &acme, "threads").await), (2, 1), "one was spoken in since");
    assert_rows(&world, &acme, &[("lead_texts", false), ("site_visits", false), ("lead_emails", true)]).await;
    assert_as_the_log_makes_it(&world).await;
}
