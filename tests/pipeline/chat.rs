//! Working from the chat, over the whole pipeline: what is said is done, and what is done is told.

pub mod talk;

use std::collections::BTreeMap;

use presdr_events::{CompanyId, Envelope, Event, RunId, TenantId};
use presdr_nats::topology::{EVENTS, User};
use presdr_producers::{ingest, runs};
use presdr_projections::progress::run_progress;
use presdr_sandbox::{DemoTenant, web::profile::PageKind};
use presdr_store::Role;
use serde_json::Value;
use talk::{Served, last};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::support::{World, connect, facts};

const COMPANIES: usize = 80;
const LEADS: usize = 6;
/// In the order in which an answer tells them.
const STAGES: [&str; 5] = ["crawl", "merge", "extract", "verify", "score"];

/// Tells progress until it is dropped.
async fn telling_progress(world: &World) -> AbortOnDropHandle<()> {
    let database = world.store.connect(Role::Projector).await.unwrap();
    let broker = connect(&world.nats.url(), User::Projector).await;
    AbortOnDropHandle::new(tokio::spawn(async move {
        run_progress(&database, broker.jetstream(), EVENTS, CancellationToken::new()).await.unwrap();
    }))
}

async fn newest(world: &World, tenant: &TenantId) -> RunId {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    presdr_store::runs::list(&mut tx, 1).await.unwrap()[0].id
}

/// The counts of a progress event, by stage.
fn counts(data: &Value) -> Option<Vec<i64>> {
    let stages: BTreeMap<String, i64> =
        serde_json::from_value::<Vec<(String, i64)>>(data["stages"].clone()).ok()?.into_iter().collect();
    Some(STAGES.map(|stage| stages[stage]).to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_the_chat_is_steered_tells_its_stages_and_ends_with_its_shortlist() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let served = Served::over(&world).await;
    let talk = served.begin(&acme).await;
    let status = async |run| runs::show(&world.desk, &acme, run).await.unwrap().status;

    // Nobody works yet: a run stands where it is told to.
    assert!(talk.say("Run with 5 leads").await.starts_with("Start a run of at most 5 leads"));
    let mut answer = talk.follow("yes").await;
    while answer.next().await.is_some_and(|(event, _)| event != "updates") {}
    let first = newest(&world, &acme).await;
    for (line, now, told) in [("pause the run", "paused", "is paused."), ("resume the run", "open", "is resumed.")] {
        assert!(talk.say(line).await.contains(&format!("run {first}, which is ")), "{line}");
        assert!(talk.say("yes").await.ends_with(told), "{line}");
        assert_eq!(status(first).await, now, "{line}");
    }
    assert!(talk.say("cancel the run").await.starts_with(&format!("Cancel run {first}")));
    assert_eq!(talk.say("no").await, "Nothing was changed.");
    assert_eq!(status(first).await, "open");
    talk.say("cancel the run").await;
    assert_eq!(talk.say("yes").await, format!("Run {first} is cancelled."));

    talk.say(&format!("Run with {LEADS} leads")).await;
    let mut answer = talk.follow("yes").await;
    let (mut told, mut text, mut values, mut roles) = (Vec::new(), String::new(), Value::Null, None);
    while let Some((event, data)) = answer.next().await {
        match event.as_str() {
            "custom" => told.extend(counts(&data)),
            "messages" => text.push_str(data[0]["content"].as_str().unwrap()),
            "values" => values = data,
            _ => {}
        }
        if roles.is_none() && !told.is_empty() {
            // Whoever works begins when the answer has told of nothing done: what comes, it tells.
            roles = Some((world.roles().await, telling_progress(&world).await));
        }
    }
    let run = newest(&world, &acme).await;
    assert_eq!(told[0], [0; 5], "{told:?}");
    assert!(
        told.windows(2).all(|pair| pair[0].iter().zip(&pair[1]).all(|(before, after)| before <= after)),
        "{told:?}"
    );
    let end = told.last().unwrap();
    let leads = i64::try_from(LEADS).unwrap();
    assert!(end[0] > 0 && end[1] == end[2] && end[4] == leads, "{told:?}");
    assert!(text.contains("crawl 0 → merge 0 → extract 0 → verify 0 → score 0"), "{text}");
    let kept = last(&values);
    let done = format!("score {LEADS} of {LEADS}\n\nRun {run} is completed.\n\n| # | Company | Score | Contact |");
    assert!(text.contains(&done) && kept.contains(&done), "{kept}");
    let shortlist = world.shortlist(&acme, run).await;
    let rows: Vec<&str> = kept.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")).collect();
    assert_eq!((rows.len(), shortlist.len()), (LEADS, LEADS), "{kept}");
    for (row, (rank, _, score, bucket)) in rows.iter().zip(&shortlist) {
        let cells: Vec<&str> = row.split(" | ").collect();
        assert_eq!(cells[0], format!("| {rank}"));
        assert_eq!(cells[2], format!("{:.2} {}", score.unwrap(), bucket.as_deref().unwrap()));
    }
    world.finished(&acme, first).await;
    assert_eq!(status(first).await, "cancelled");
    // The same table, asked for.
    assert!(talk.say("Show today's shortlist (top 50)").await.contains(&rows.join("\n")));
    let (roles, _progress) = roles.unwrap();
    roles.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_companies_is_done() {
    let world = World::new(COMPANIES).await;
    world.ingest_registry(COMPANIES).await;
    let acme = world.tenant(DemoTenant::Acme, COMPANIES).await;
    let list = world.files.path().join("twins.csv");
    std::fs::write(&list, "name,domain\nTwinmast Marine Pte Ltd,\nTwinmast Logistics Pte Ltd,\n").unwrap();
    ingest::companies(world.desk.database(), &acme, &list).await.unwrap();
    let roles = world.roles_with(|config| config.crawl.pages_max = 1).await;
    let _progress = telling_progress(&world).await;
    let run = world.start(&acme, 8).await;
    world.finished(&acme, run).await;
    let ranked = ranked(&world, &acme, run).await;
    let served = Served::over(&world).await;
    let talk = served.begin(&acme).await;

    // A page beyond the usual choice, which here is the home page alone.
    let events = world.events().await;
    let has_services = |visit: &&Visited| {
        let profile = world.sandbox.profiles().iter().find(|profile| profile.company.domain == visit.domain);
        profile.is_some_and(|profile| profile.pages.contains(&PageKind::Services))
    };
    let visits: Vec<Visited> = events.iter().filter_map(visited).collect();
    let before = visits.iter().find(has_services).unwrap();
    assert!(!before.pages.contains(&"services".to_owned()), "{:?}", before.pages);
    let name = ranked.iter().find(|(company, ..)| *company == before.company.get()).unwrap().1.clone();
    let shown = talk.say(&format!("Re-enrich {name}; include services page")).await;
    assert!(shown.contains("reading its pages on services"), "{shown}");
    let told = talk.say("yes").await;
    let again = newest(&world, &acme).await;
    assert!(again != run && told.contains(&format!("Run {again} is completed.")) && told.contains(&name), "{told}");
    let events = world.events().await;
    let visits: Vec<Visited> = events.iter().filter_map(visited).filter(|visit| visit.run == again).collect();
    assert_eq!(visits.iter().map(|visit| visit.company).collect::<Vec<_>>(), [before.company]);
    assert!(visits[0].pages.contains(&"services".to_owned()), "{:?}", visits[0].pages);
    assert_eq!(facts(&events, |event| event.run == Some(again))["lead.scored"], 1);

    // Whom nobody shall write to leaves what is shown: by domain, and by name.
    let shown = async || talk.say("Show today's shortlist (top 50)").await;
    let (by_domain, _, domain) = ranked.iter().find(|(.., domain)| domain.is_some()).unwrap();
    let domain = domain.as_ref().unwrap();
    let (_, name, _) = ranked.iter().find(|(company, ..)| company != by_domain).unwrap();
    assert!(shown().await.contains(&format!("(https://{domain})")) && shown().await.contains(name));
    assert_eq!(
        talk.say(&format!("Suppress {domain}")).await.lines().next().unwrap(),
        format!("Never contact anyone at {domain} again")
    );
    assert!(talk.say("yes").await.starts_with("It is on the suppression list"));
    assert!(talk.say(&format!("Suppress {name}")).await.starts_with(&format!("Never contact {name} ")));
    assert!(talk.say("yes").await.starts_with("It is on the suppression list"));
    world.projected().await;
    let left = shown().await;
    assert!(!left.contains(domain) && !left.contains(name) && left.contains("| 3 |"), "{left}");

    // What can be downloaded is where it is said to be.
    for (line, path) in [
        ("Export scores as CSV", "/export/latest_scores.csv"),
        ("Export scores as JSON", "/export/latest_scores.json"),
        ("Export the run events", "/export/run_events.csv"),
    ] {
        assert!(talk.say(line).await.contains(&format!("[{path}](")), "{line}");
        let file = served.get(&acme, path).await;
        assert!(file.lines().count() > 1 || file.starts_with("[{"), "{path}: {file}");
        assert!(!file.contains(name), "{path}");
    }

    // When several companies fit it asks which, and what is no command gets the nearest that are.
    let which = talk.say("Re-enrich Twinmast").await;
    assert!(which.starts_with("Which of these do you mean?"), "{which}");
    assert!(which.contains("- Twinmast Marine Pte Ltd") && which.contains("- Twinmast Logistics Pte Ltd"), "{which}");
    assert_eq!(talk.say("yes").await, "There is nothing that waits for a yes.");
    assert!(talk.say("Re-enrich twinmast marine").await.starts_with("Visit the site of Twinmast Marine Pte Ltd again"));
    let nearest = talk.say("Shove the shortlst over to the printers").await;
    assert!(nearest.starts_with("I did not understand that. The nearest that I do:"), "{nearest}");
    assert_eq!(nearest.lines().filter(|line| line.starts_with("- ")).count(), 3, "{nearest}");
    assert_eq!(newest(&world, &acme).await, again, "none of it began a run");
    roles.stop().await;
}

/// One visit to a site.
struct Visited {
    run: RunId,
    company: CompanyId,
    domain: String,
    /// The kinds of the pages read.
    pages: Vec<String>,
}

fn visited(event: &Envelope) -> Option<Visited> {
    let Event::LeadCrawled(visit) = &event.event else { return None };
    let pages = visit.pages.iter().map(|page| page.kind.clone()).collect();
    Some(Visited { run: event.run?, company: event.company?, domain: visit.domain.clone(), pages })
}

/// The companies of a ranking by name and domain, best first.
async fn ranked(world: &World, tenant: &TenantId, run: RunId) -> Vec<(i64, String, Option<String>)> {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    sqlx::query_as(
        "select s.company_id, c.name, s.domain from shortlists s join tenant_company c using (company_id)
         where s.tenant_id = $1 and s.run_id = $2 order by s.rank",
    )
    .bind(tenant.as_str())
    .bind(run.get())
    .fetch_all(&mut *tx)
    .await
    .unwrap()
}
