//! Read models over a real broker and database: exactly once, whatever is killed, repeated or out of order.

use std::time::Duration;

use crate::support::{Teller, Told, World, company, whole_run};
use presdr_events::{Event, EventId, IdentifierKind, RunId, TenantId};
use presdr_projections::{ProjectError, ProjectorConfig, checkpoint, stale_tenants};
use presdr_store::Role;
use serde_json::{Value, json};

fn teller(tenant: &TenantId, run: i64) -> Teller<'_> {
    Teller { tenant, run: RunId::new(run).unwrap() }
}

#[tokio::test]
async fn the_counts_add_up_with_the_events() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let told = whole_run(&world, &tenant, 1, 20).await;
    world.publish(&told).await;
    world.project_all().await;

    let rows = world.rows(&tenant).await;
    assert_eq!(rows["run_event_logs"].len(), told.len());
    assert_eq!(rows["audit_log"].len(), told.len());
    let stages = &rows["run_stage_stats"];
    let crawl = stages.iter().find(|row| row["stage"] == "crawl").unwrap();
    // 19 thin sites of 10, 20, … 190 ms and one failure of 60 ms
    assert_eq!(
        (&crawl["count_total"], &crawl["count_success"], &crawl["count_error"]),
        (&json!(20), &json!(19), &json!(1))
    );
    assert_eq!((&crawl["p50_ms"], &crawl["p95_ms"], &crawl["p99_ms"]), (&json!(90), &json!(180), &json!(190)));
    let total: i64 = stages.iter().map(|row| row["count_total"].as_i64().unwrap()).sum();
    assert_eq!(total, i64::try_from(told.len()).unwrap(), "every event of a run is one of a stage's");

    let summary = &rows["run_summaries"][0];
    let counts = ["candidates", "selected", "admitted", "processed", "scored", "parked", "shortlisted"]
        .map(|name| &summary[name]);
    assert_eq!(counts, [99, 20, 20, 20, 19, 1, 19].map(|count| json!(count)).each_ref());
    assert_eq!(summary["degraded"], json!({ "site_thin": 19, "leads_lost": 1 }));
    let run = &rows["enrichment_runs"][0];
    assert_eq!((&run["status"], &run["degraded"]), (&json!("completed"), &json!(true)));
    assert_eq!(run["degraded_reasons"], json!(["leads_lost", "site_thin"]));
    assert_eq!(rows["run_manifests"][0]["selected_ids"].as_array().unwrap().len(), 20);
    assert_eq!(rows["shortlists"].len(), 19);
    let first = rows["shortlists"].iter().find(|row| row["rank"] == 1).unwrap();
    assert_eq!(
        (&first["company_id"], &first["score"], &first["domain"]),
        (&json!(19), &json!(0.019), &json!("acme.example"))
    );
    assert_eq!(rows["lead_emails"].len(), 19);
    assert!(rows["lead_emails"].iter().all(|row| row["verification_status"] == "valid" && row["first_name"] == "Jane"));
    assert_eq!(rows["lead_scores"].len(), 19);
    assert_eq!(rows["projection_parked"].len(), 0);
}

#[tokio::test]
async fn a_killed_projector_goes_on_where_its_last_batch_ended() {
    let mut world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let told = whole_run(&world, &tenant, 1, 60).await;
    world.config = ProjectorConfig { events_max: 7, ..ProjectorConfig::default() };
    world.publish(&told).await;
    let last = world.last_sequence().await;
    let mut kills = 0;
    loop {
        let reached = checkpoint(&world.projector).await.unwrap().map_or(0, |checkpoint| checkpoint.sequence);
        if reached >= i64::try_from(last).unwrap() {
            break;
        }
        let running = world.project();
        // Killed somewhere in the batches after it began to move.
        let moved = async {
            while checkpoint(&world.projector).await.unwrap().map_or(0, |checkpoint| checkpoint.sequence) <= reached {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::support::PATIENCE, moved).await.expect("the projector moves");
        running.kill().await;
        kills += 1;
    }
    assert!(kills > 1, "it was killed on its way");
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["run_event_logs"].len(), told.len());
    let killed = rows;
    world.rebuild().await;
    assert_eq!(killed, world.rows(&tenant).await);
}

#[tokio::test]
async fn an_event_that_is_stored_twice_counts_once() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let told = whole_run(&world, &tenant, 1, 5).await;
    world.publish(&told).await;
    world.project_all().await;
    let once = world.rows(&tenant).await;
    world.publish(&told).await; // without their ids as message ids, as after the broker's window
    world.project_all().await;
    assert_eq!(once, world.rows(&tenant).await);
}

#[tokio::test]
async fn of_two_events_with_one_id_in_one_batch_the_first_stored_wins() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let teller = teller(&tenant, 1);
    let told = [teller.started(), teller.scored(company(1), 1, 0.1), teller.scored(company(1), 1, 0.9)];
    world.publish(&told).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["lead_scores"].len(), 1);
    assert_eq!(rows["lead_scores"][0]["score"], json!(0.1));
    assert_eq!(rows["run_event_logs"].len(), 2);
}

#[tokio::test]
async fn a_lower_attempt_never_overwrites_a_higher() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let teller = teller(&tenant, 1);
    let jane = world.subject(&tenant, IdentifierKind::Email, "jane@acme.example").await;
    let later = [
        teller.started(),
        teller.resolved(company(1), 2, "second.example"),
        teller.verified(company(1), 2, &jane, "valid"),
        teller.extracted(company(1), 2, &jane, "jane@acme.example"),
        teller.scored(company(1), 2, 0.2),
    ];
    let earlier = [
        teller.resolved(company(1), 1, "first.example"),
        teller.parked(company(1), 1),
        teller.verified(company(1), 1, &jane, "unknown"),
        teller.scored(company(1), 1, 0.9),
    ];
    world.publish(&later).await;
    world.project_all().await;
    world.publish(&earlier).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    let lead = &rows["company_enrichment_runs"][0];
    assert_eq!((&lead["domain"], &lead["outcome"]), (&json!("second.example"), &json!("scored")));
    assert_eq!(lead["degraded_reasons"], json!(["site_thin"]), "what the first try lacked is not lacking any more");
    assert_eq!(rows["lead_scores"][0]["score"], json!(0.2));
    assert_eq!(rows["lead_emails"][0]["verification_status"], json!("valid"));
    world.rebuild().await; // all in one batch
    assert_eq!(rows, world.rows(&tenant).await);
}

#[tokio::test]
async fn what_a_person_did_last_holds_wherever_it_stands_in_the_log() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let teller = teller(&tenant, 1);
    let resumed = teller.steered(8, 1, Event::RunResumed);
    let paused_before = teller.steered(5, 1, Event::RunPaused);
    world.publish(&[teller.started(), resumed, paused_before]).await;
    world.project_all().await;
    assert_eq!(world.rows(&tenant).await["enrichment_runs"][0]["status"], json!("running"));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_parked_and_marks_its_tenant_alone() {
    let world = World::new().await;
    let (acme, beta) = (world.store.tenant("acme").await.unwrap(), world.store.tenant("beta").await.unwrap());
    let good = teller(&beta, 2);
    let unknown = Told { subject: "evt.acme.lead.teleported".to_owned(), body: b"{}".to_vec() };
    world.publish(&[teller(&acme, 1).started(), unknown, good.started(), good.scored(company(1), 1, 0.5)]).await;
    world.project_all().await;
    let producer = world.store.connect(Role::Producer).await.unwrap();
    let stale = stale_tenants(&producer).await.unwrap();
    assert_eq!(stale.len(), 1, "{stale:?}");
    assert_eq!((&stale[0].tenant, stale[0].events, stale[0].first_sequence), (&acme, 1, 2));
    assert_eq!(world.rows(&beta).await["lead_scores"].len(), 1);
    assert_eq!(world.rows(&acme).await["enrichment_runs"].len(), 1);
}

#[tokio::test]
async fn an_event_that_the_database_refuses_is_parked_alone_and_stays_in_the_audit_log() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let teller = teller(&tenant, 1);
    let mut told = whole_run(&world, &tenant, 1, 10).await;
    // PostgreSQL keeps no NUL in a text.
    told.insert(9, teller.resolved(company(500), 1, "nul\0.example"));
    world.publish(&told).await;
    world.project_all().await;
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["projection_parked"].len(), 1);
    let parked = &rows["projection_parked"][0];
    assert_eq!(parked["sequence"], json!(10));
    assert!(
        parked["error"].as_str().unwrap().contains("company_enrichment_runs refused it with SQLSTATE 22021"),
        "{parked}"
    );
    assert_eq!(rows["audit_log"].len(), told.len());
    assert_eq!(rows["run_event_logs"].len(), told.len() - 1);
    assert_eq!(rows["lead_scores"].len(), 9);
}

#[tokio::test]
async fn two_projectors_take_turns() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let told = whole_run(&world, &tenant, 1, 40).await;
    let (first, second) = (world.project(), world.project());
    let (before, after) = told.split_at(told.len() / 2);
    let reached = world.publish(before).await;
    world.wait(reached).await;
    first.stop().await.unwrap(); // whichever leads, the other goes on
    let reached = world.publish(after).await;
    world.wait(reached).await;
    second.stop().await.unwrap();
    let rows = world.rows(&tenant).await;
    assert_eq!(rows["run_event_logs"].len(), told.len());
    world.rebuild().await;
    assert_eq!(rows, world.rows(&tenant).await);
}

#[tokio::test]
async fn a_log_that_ends_before_the_checkpoint_stops_the_projector_with_the_cure() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&[teller(&tenant, 1).started()]).await;
    world.project_all().await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    sqlx::query("update projection_checkpoints set sequence = 5").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let error =
        tokio::time::timeout(crate::support::PATIENCE, world.project().task).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, ProjectError::LogTooShort { checkpoint: 5, last: 1 }), "{error}");
    assert!(error.to_string().contains("presdr project rebuild"), "{error}");
}

#[tokio::test]
async fn a_log_that_was_replaced_stops_the_projector_and_a_rebuild_is_the_cure() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    world.publish(&whole_run(&world, &tenant, 1, 3).await).await;
    world.project_all().await;
    // As if the stream there is now were made after the one that was read.
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    let earlier = "update projection_checkpoints set stream_created_at = stream_created_at - interval '1 day'";
    sqlx::query(earlier).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let error =
        tokio::time::timeout(crate::support::PATIENCE, world.project().task).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, ProjectError::OtherLog { .. }), "{error}");
    world.rebuild().await;
    assert_eq!(world.rows(&tenant).await["lead_scores"].len(), 2);
    world.project_all().await;
}

#[tokio::test]
async fn the_text_of_a_site_comes_from_its_record() {
    let world = World::new().await;
    let tenant = world.store.tenant("acme").await.unwrap();
    let jane = world.subject(&tenant, IdentifierKind::Email, "jane@acme.example").await;
    let producer = world.store.connect(Role::Producer).await.unwrap();
    let mut tx = producer.enter(&tenant).await.unwrap();
    presdr_store::texts::ensure_partitions(&mut tx, chrono::NaiveDate::from_ymd_opt(2027, 2, 15).unwrap())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let worker = world.store.connect(Role::Worker).await.unwrap();
    let mut tx = worker.enter(&tenant).await.unwrap();
    let text = presdr_store::texts::LeadText {
        corpus_hash: "c0ffee",
        about_text: "We move freight.",
        corpus: "We move freight. A lot.",
    };
    let expires_on = chrono::NaiveDate::from_ymd_opt(2027, 2, 15).unwrap();
    let place = presdr_store::texts::Place { run: RunId::new(1).unwrap(), company: company(1), attempt: 1, expires_on };
    presdr_store::texts::store_text(&mut tx, place, &text).await.unwrap();
    tx.commit().await.unwrap();
    let teller = teller(&tenant, 1);
    world.publish(&[teller.started(), teller.extracted(company(1), 1, &jane, "jane@acme.example")]).await;
    world.project_all().await;
    let lead = world.rows(&tenant).await["company_enrichment_runs"][0].clone();
    assert_eq!(lead["about_text"], json!("We move freight."));
    assert_eq!(lead["tech_stack"], json!(["wordpress", "say \"hi\""]));
}

#[tokio::test]
async fn an_event_of_the_platform_is_audited_and_nothing_more() {
    let world = World::new().await;
    let platform = TenantId::platform();
    let step = crate::support::step("ingest", 1_000, 1);
    let ingested = presdr_events::tenant::Ingested {
        step,
        source: "acra".to_owned(),
        files: 27,
        rows: 10,
        quarantined: 1,
        inserted: 9,
        updated: 0,
        content_hash: "ab".to_owned(),
    };
    let event = Event::CompaniesIngested(ingested);
    let id = EventId::of(&platform, None, None, "companies.ingested", 1);
    let header = presdr_events::Header {
        id,
        source: "test",
        time: crate::support::at(0),
        tenant: platform.clone(),
        run: None,
        company: None,
        actor: presdr_events::Actor::service("test"),
        correlation: id,
        causation: None,
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    };
    world.publish(&[Told { subject: header.subject(&event).to_string(), body: header.encode(&event).unwrap() }]).await;
    world.project_all().await;
    let rows = world.rows(&platform).await;
    assert_eq!(rows["audit_log"][0]["trace_id"], json!("4bf92f3577b34da6a3ce929d0e0e4736"));
    let filled: Vec<&String> = rows.iter().filter(|(_, rows)| !rows.is_empty()).map(|(table, _)| table).collect();
    assert_eq!(filled, ["audit_heads", "audit_log"]);
}

#[tokio::test]
async fn a_wait_is_bounded_and_says_how_far_the_read_models_are() {
    let world = World::new().await;
    let error = presdr_projections::wait_for(&world.projector, 7, Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("presdr project"), "{error}");
}

#[tokio::test]
async fn a_projector_with_another_master_key_does_not_begin() {
    let mut world = World::new().await;
    world.store.tenant("acme").await.unwrap();
    world.keyring = std::sync::Arc::new(presdr_store::keys::Keyring::new(presdr_events::Key::new([8; 32])));
    let error =
        tokio::time::timeout(crate::support::PATIENCE, world.project().task).await.unwrap().unwrap().unwrap_err();
    assert!(error.to_string().contains("master key"), "{error}");
}

#[tokio::test]
async fn no_value_of_a_parked_event_is_written_down() {
    let world = World::new().await;
    let (acme, beta) = (world.store.tenant("acme").await.unwrap(), world.store.tenant("beta").await.unwrap());
    let jane = world.subject(&acme, IdentifierKind::Email, "jane@acme.example").await;
    let other = teller(&beta, 3);
    let mut told = other.extracted(company(1), 1, &jane, "jane@acme.example");
    // Sealed for one tenant, told by another: the subject is unknown there, so there is nothing to open.
    world.publish(&[told.clone()]).await;
    // Sealed for another event of the same tenant: the key is there, the place is wrong.
    let mine = teller(&acme, 4).extracted(company(1), 1, &jane, "jane@acme.example");
    let mut moved: Value = serde_json::from_slice(&mine.body).unwrap();
    moved["id"] = json!(uuid::Uuid::nil());
    told = Told { subject: mine.subject, body: serde_json::to_vec(&moved).unwrap() };
    world.publish(&[told]).await;
    world.project_all().await;
    assert_eq!(world.rows(&beta).await["lead_emails"].len(), 0);
    let rows = world.rows(&acme).await;
    assert_eq!(rows["lead_emails"].len(), 0);
    let error = rows["projection_parked"][0]["error"].as_str().unwrap();
    assert!(error.contains("does not open") && !error.contains("jane"), "{error}");
}
