//! One way through: registry rows and lists in, events, shortlists out.

use presdr_events::Event;
use presdr_nats::topology::User;
use presdr_producers::{companies, icp, parked, runs};
use presdr_rules::chat::{PageWish, company::Which};
use presdr_sandbox::DemoTenant;

use crate::support::{PATIENCE, World, connect, facts, scores};

const COMPANIES: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_run_at_once_and_each_gets_its_own_shortlist() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let globex = world.tenant(DemoTenant::Globex, COMPANIES).await;
    let roles = world.roles().await;
    let runs = [(&acme, world.start(&acme, 15).await), (&globex, world.start(&globex, 15).await)];
    for (tenant, run) in runs {
        let held = world.finished(tenant, run).await;
        assert_eq!(held.status, "completed");
    }
    roles.stop().await;
    let events = world.events().await;
    for (tenant, run) in runs {
        let shortlist = world.shortlist(tenant, run).await;
        let scores = scores(&events, tenant, run);
        assert_eq!(shortlist.len(), 15);
        assert_eq!(scores.len(), 15);
        for (at, (rank, company, score, _)) in shortlist.iter().enumerate() {
            assert_eq!(*rank, i64::try_from(at).unwrap() + 1);
            assert_eq!(*score, Some(scores[company]));
        }
        let told = facts(&events, |event| event.tenant == *tenant && event.run == Some(run));
        assert_eq!(told["lead.admitted"], 15);
        assert_eq!(told["lead.scored"], 15);
        assert_eq!(told["lead.domain_resolved"] + told.get("lead.domain_missing").unwrap_or(&0), 15);
        assert_eq!((told["run.shortlisted"], told["run.completed"]), (1, 1));
    }
    let companies = |tenant: &presdr_events::TenantId| {
        let of = |event: &&presdr_events::Envelope| event.tenant == *tenant && event.company.is_some();
        events.iter().filter(of).filter_map(|event| event.company).collect::<std::collections::BTreeSet<_>>()
    };
    assert_ne!(companies(&acme), companies(&globex), "different profiles choose different companies");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_branch_of_a_lead_says_why() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let roles = world.roles().await;
    let run = world.start(&acme, 40).await;
    world.finished(&acme, run).await;
    roles.stop().await;
    for event in world.events().await {
        let route = match &event.event {
            Event::LeadDomainResolved(found) => &found.route,
            Event::LeadDomainMissing(missing) => &missing.route,
            Event::LeadCrawled(visit) | Event::LeadThin(visit) | Event::LeadBlocked(visit) => &visit.route,
            Event::LeadExtracted(extracted) => &extracted.route,
            _ => continue,
        };
        assert!(!route.because.is_empty() && !route.next.is_empty(), "{:?}", event.event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_found_by_the_words_of_an_industry_scores_as_in_it() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    icp::set(&world.desk, &acme, r#"{"industries": ["software"]}"#).await.unwrap();
    let roles = world.roles().await;
    let run = world.start(&acme, 6).await;
    world.finished(&acme, run).await;
    roles.stop().await;
    let mut fits = Vec::new();
    for event in world.events().await {
        let Event::LeadScored(scored) = &event.event else { continue };
        fits.push(scored.features["industry_fit"].clone());
    }
    assert_eq!(fits, vec![serde_json::json!(1.0); 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_is_named_is_read_again_with_the_pages_asked_for() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let only_home = |config: &mut presdr_consumers::WorkConfig| config.crawl.pages_max = 1;
    let roles = world.roles_with(only_home).await;
    let first = world.start(&acme, 8).await;
    world.finished(&acme, first).await;
    let crawled = |event: &presdr_events::Envelope| match &event.event {
        Event::LeadCrawled(visit) => Some((event.run?, event.company?, visit.pages.clone())),
        _ => None,
    };
    let events = world.events().await;
    let (_, company, before) = events.iter().find_map(crawled).unwrap();
    assert_eq!(before.iter().filter(|page| page.kind == "services").count(), 0);

    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let (uen, name): (Option<String>, String) =
        sqlx::query_as("select uen, name from tenant_company where company_id = $1")
            .bind(company.get())
            .fetch_one(&mut *tx)
            .await
            .unwrap();
    for written in [Some(name.to_lowercase()), uen].into_iter().flatten() {
        let Which::One(found) = companies::find(&mut tx, &written).await.unwrap() else { panic!("{written}") };
        assert_eq!(found.id, company);
    }
    drop(tx);
    let again = runs::start_named(&world.desk, &acme, &[company], &[PageWish::Services]).await.unwrap().run;
    world.finished(&acme, again).await;
    roles.stop().await;
    let events = world.events().await;
    let told = facts(&events, |event| event.run == Some(again));
    assert_eq!((told["run.targeted"], told["lead.admitted"], told["lead.scored"]), (1, 1, 1));
    assert_eq!(told.get("run.candidates_refreshed"), None, "who names companies has chosen");
    let visits = events.iter().filter_map(crawled).filter(|(run, ..)| *run == again);
    let kinds: Vec<_> = visits.flat_map(|(_, of, pages)| pages.into_iter().map(move |page| (of, page.kind))).collect();
    assert!(kinds.contains(&(company, "services".to_owned())), "{kinds:?}");
    let stranger = presdr_events::CompanyId::new(1 << 50).unwrap();
    assert!(runs::start_named(&world.desk, &acme, &[stranger], &[]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_admits_nobody_and_goes_on_when_it_is_resumed() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let run = world.start(&acme, 10).await;
    runs::pause(&world.desk, &acme, run, None).await.unwrap();
    let roles = world.roles().await;
    let targeted = async {
        while runs::show(&world.desk, &acme, run).await.unwrap().targeted_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, targeted).await.unwrap();
    assert_eq!(world.outcomes(&acme, run).await, [("selected".to_owned(), 10)].into());
    runs::resume(&world.desk, &acme, run, Some("go on".to_owned())).await.unwrap();
    world.finished(&acme, run).await;
    assert_eq!(world.outcomes(&acme, run).await, [("scored".to_owned(), 10)].into());
    roles.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_with_what_it_has() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let run = world.start(&acme, 10).await;
    runs::pause(&world.desk, &acme, run, None).await.unwrap();
    let roles = world.roles().await;
    let targeted = async {
        while runs::show(&world.desk, &acme, run).await.unwrap().targeted_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, targeted).await.unwrap();
    runs::cancel(&world.desk, &acme, run, None).await.unwrap();
    let held = world.finished(&acme, run).await;
    assert_eq!(held.status, "cancelled");
    assert_eq!(world.outcomes(&acme, run).await, [("not_admitted".to_owned(), 10)].into());
    assert!(runs::resume(&world.desk, &acme, run, None).await.is_err());
    roles.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_cannot_be_done_is_parked_and_put_back_as_a_new_attempt() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let owner = world.store.connect(presdr_store::Role::Owner).await.unwrap();
    let allow = async |statement: &'static str| {
        let mut tx = owner.shared().await.unwrap();
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    allow("revoke insert on lead_texts from presdr_worker").await;
    let roles = world.roles_with(|config| config.deliveries_max = 2).await;
    let run = world.start(&acme, 8).await;
    world.finished(&acme, run).await;
    let outcomes = world.outcomes(&acme, run).await;
    assert!(outcomes["parked"] > 0, "{outcomes:?}");
    allow("grant insert on lead_texts to presdr_worker").await;
    let waiting = parked::list(&world.desk, &acme, 100).await.unwrap();
    assert_eq!(i64::try_from(waiting.len()).unwrap(), outcomes["parked"]);
    for message in &waiting {
        assert_eq!(message.consumer, "extract");
        parked::retry(&world.desk, &acme, message.id).await.unwrap();
    }
    assert!(parked::retry(&world.desk, &acme, waiting[0].id).await.is_err(), "once is enough");
    world.finished(&acme, run).await;
    assert_eq!(world.outcomes(&acme, run).await, [("scored".to_owned(), 8)].into());
    assert_eq!(world.shortlist(&acme, run).await.len(), 8);
    roles.stop().await;
}

/// A worker does not guess what a newer one meant: a person sees that it must be upgraded.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_newer_version_is_parked_by_its_worker_and_makes_the_read_models_stale() {
    let world = World::new(1).await;
    let acme = world.tenant_of("acme", &[("Tan Logistics".to_owned(), "tan.example".to_owned())]).await;
    let sample = include_str!("../../events/samples/run.started.v1.json");
    let mut event: serde_json::Value = serde_json::from_str(sample).unwrap();
    (event["tenantid"], event["schemaversion"]) = ("acme".into(), 9.into());
    let producer = connect(&world.nats.url(), User::Producer).await;
    let body = serde_json::to_vec(&event).unwrap();
    producer.jetstream().publish("evt.acme.run.started", body.into()).await.unwrap().await.unwrap();
    let roles = world.roles().await;
    let waiting = async {
        loop {
            let waiting = parked::list(&world.desk, &acme, 10).await.unwrap();
            if !waiting.is_empty() {
                return waiting;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waiting = tokio::time::timeout(PATIENCE, waiting).await.expect("it is parked");
    assert_eq!((waiting[0].consumer.as_str(), waiting[0].deliveries), ("run", 1), "at once: trying again helps nobody");
    assert!(waiting[0].error.contains("schema version 9, newer than 1: upgrade the reader"), "{}", waiting[0].error);
    world.projected().await;
    roles.stop().await;
    let reader = world.store.connect(presdr_store::Role::Projector).await.unwrap();
    let stale = presdr_projections::stale_tenants(&reader).await.unwrap();
    assert_eq!(stale.iter().map(|stale| stale.tenant.clone()).collect::<Vec<_>>(), std::slice::from_ref(&acme));
    assert!(runs::list(&world.desk, &acme, 10).await.unwrap().is_empty(), "it started no run");
}
