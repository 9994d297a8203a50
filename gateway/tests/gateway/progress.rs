//! A run while it goes on, as a client follows it.

use std::{collections::BTreeMap, time::Duration};

use chrono::{TimeDelta, Utc};
use presdr_events::{Actor, CompanyId, Event, EventId, Header, RunId, Step, TenantId, lead, run};
use presdr_nats::topology::{EVENTS, User};
use presdr_producers::runs;
use presdr_projections::{ProjectorConfig, progress::run_progress, run_projector, wait_for};
use presdr_store::{Role, sessions};
use reqwest::Response;
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::support::{World, connect};

/// Nothing here takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells progress for as long as this lives.
async fn telling(world: &World) -> AbortOnDropHandle<()> {
    let projector = world.store.connect(Role::Projector).await.unwrap();
    let context = connect(&world.broker, User::Projector).await.jetstream().clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        run_progress(&projector, &context, EVENTS, CancellationToken::new()).await.unwrap();
    }))
}

/// Puts what happened to a company of the run, or to the run, into the log, and tells its place.
async fn happened(world: &World, tenant: &TenantId, run: RunId, company: Option<i64>, event: Event) -> u64 {
    let company = company.map(|id| CompanyId::new(id).unwrap());
    let id = EventId::of(tenant, Some(run), company, event.event_type().name, event.attempt());
    let header = Header {
        id,
        source: "test",
        time: Utc::now(),
        tenant: tenant.clone(),
        run: Some(run),
        company,
        actor: Actor::service("test"),
        correlation: id,
        causation: None,
        traceparent: None,
    };
    let broker = connect(&world.broker, User::Producer).await;
    let sent = broker.jetstream().publish(header.subject(&event).to_string(), header.encode(&event).unwrap().into());
    sent.await.unwrap().await.unwrap().sequence
}

fn admitted() -> Event {
    Event::LeadAdmitted(lead::Admitted { step: Step::done("admit", 0, 1, vec![]), position: 1, deadline: Utc::now() })
}

fn dropped() -> Event {
    Event::LeadDropped(lead::Dropped { step: Step::done("score", 0, 1, vec![]), reason: "cancelled".into() })
}

fn completed() -> Event {
    Event::RunCompleted(run::Completed {
        step: Step::done("complete", 0, 1, vec![]),
        status: "completed".into(),
        candidates: 2,
        outcomes: BTreeMap::new(),
        degraded: BTreeMap::new(),
    })
}

/// Server-sent events as they come.
struct Reader {
    answer: Response,
    text: String,
}

/// One of them: its name, its id, its data.
#[derive(Debug)]
struct Told {
    name: String,
    id: Option<i64>,
    data: Value,
}

impl Reader {
    async fn open(world: &World, run: RunId, token: &str, last: Option<i64>) -> Self {
        let mut request = world.get(&format!("/runs/{run}/events"), token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Self::of(request.send().await.unwrap())
    }

    fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Self { answer, text: String::new() }
    }

    /// The next event; `None` once the stream has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                    let id = field("id: ").map(|id| id.parse().unwrap());
                    return Some(Told { name, id, data: serde_json::from_str(&data).unwrap() });
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.unwrap().unwrap()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// Everything until the stream ends.
    async fn rest(mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(told) = self.next().await {
            all.push(told);
        }
        all
    }
}

#[tokio::test]
async fn a_run_is_followed_to_its_end_and_on_from_where_a_client_was() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    presdr_producers::icp::set(&world.desk, &acme, r#"{"keywords": ["services"]}"#).await.unwrap();
    let run = runs::start(&world.desk, &acme, Some(5)).await.unwrap().run;
    let token = world.token("acme", "viewer");
    let _telling = telling(&world).await;
    let mut reader = Reader::open(&world, run, &token, None).await;
    let first = reader.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["status"]), ("progress", &json!("running")));
    for company in [1, 2] {
        happened(&world, &acme, run, Some(company), admitted()).await;
        happened(&world, &acme, run, Some(company), dropped()).await;
    }
    let end = i64::try_from(happened(&world, &acme, run, None, completed()).await).unwrap();
    let mut all = reader.rest().await;
    let last = all.pop().unwrap();
    assert_eq!((last.name.as_str(), &last.data), ("end", &json!({ "reason": "run_over" })));
    let ids: Vec<i64> = std::iter::once(&first).chain(&all).map(|told| told.id.unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b) && ids.last() == Some(&end), "{ids:?}");
    let newest = &all.last().unwrap().data;
    assert_eq!((&newest["admitted"], &newest["done"], &newest["over"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!((&newest["stages"], &newest["event"]), (&json!({ "score": 2 }), &json!("run.completed")));

    // Whoever comes back gets what they have not seen, summed up.
    let again = Reader::open(&world, run, &token, first.id).await.rest().await;
    let seen: Vec<_> = again.iter().map(|told| (told.name.as_str(), told.id)).collect();
    assert_eq!(seen, [("progress", Some(end)), ("end", None)]);
    let nothing_new = Reader::open(&world, run, &token, Some(end)).await.rest().await;
    assert_eq!(nothing_new.iter().map(|told| told.name.as_str()).collect::<Vec<_>>(), ["end"]);
}

#[tokio::test]
async fn who_joins_when_nothing_is_told_any_more_gets_what_the_read_models_know() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    presdr_producers::icp::set(&world.desk, &acme, r#"{"keywords": ["services"]}"#).await.unwrap();
    let run = runs::start(&world.desk, &acme, Some(5)).await.unwrap().run;
    happened(&world, &acme, run, Some(1), admitted()).await;
    let end = happened(&world, &acme, run, None, completed()).await;
    let projector = world.store.connect(Role::Projector).await.unwrap();
    let context = connect(&world.broker, User::Projector).await.jetstream().clone();
    let (pool, keyring, cancel) = (projector.clone(), world.desk.keyring(), CancellationToken::new());
    let projecting = tokio::spawn({
        let cancel = cancel.clone();
        async move { run_projector(&pool, &context, keyring, cancel, ProjectorConfig::default()).await }
    });
    wait_for(&projector, end, PATIENCE).await.unwrap();
    cancel.cancel();
    projecting.await.unwrap().unwrap();
    let all = Reader::open(&world, run, &world.token("acme", "viewer"), None).await.rest().await;
    assert_eq!((all[0].id, &all[0].data["admitted"]), (i64::try_from(end).ok(), &json!(1)));
    assert_eq!(all[1].data["reason"], "run_over");
}

#[tokio::test]
async fn a_stream_ends_with_the_reason_once_its_reader_may_read_on_no_longer() {
    let world = World::with(|config| config.limits.stream_look = Duration::from_millis(50)).await;
    let acme = world.tenant("acme").await;
    presdr_producers::icp::set(&world.desk, &acme, r#"{"keywords": ["services"]}"#).await.unwrap();
    let run = runs::start(&world.desk, &acme, Some(5)).await.unwrap().run;
    let reason = async |reader: Reader| reader.rest().await.pop().unwrap().data["reason"].clone();

    let mut claims = world.provider.claims("acme", "viewer");
    claims["exp"] = json!(Utc::now().timestamp() + 1);
    let short = Reader::open(&world, run, &world.signer.sign(&claims), None).await;
    assert_eq!(reason(short).await, "expired");

    let (hash, cookie) = world.session(&acme, "viewer", Utc::now() + TimeDelta::hours(1)).await;
    let request = world.client.get(world.url(&format!("/runs/{run}/events"))).header("cookie", cookie);
    let signed_in = Reader::of(request.send().await.unwrap());
    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    sessions::end(&mut tx, hash).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reason(signed_in).await, "signed_out");

    let open = Reader::open(&world, run, &world.token("acme", "viewer"), None).await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = owner.shared().await.unwrap();
    sqlx::query("update tenants set status = 'suspended'").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(reason(open).await, "tenant_closed");
}

#[tokio::test]
async fn a_tenant_watches_so_much_at_once() {
    let world = World::with(|config| config.limits.tenant_streams = 1).await;
    let mut held = Vec::new();
    for slug in ["acme", "globex"] {
        let tenant = world.tenant(slug).await;
        presdr_producers::icp::set(&world.desk, &tenant, r#"{"keywords": ["services"]}"#).await.unwrap();
        let run = runs::start(&world.desk, &tenant, Some(5)).await.unwrap().run;
        let token = world.token(slug, "viewer");
        held.push(Reader::open(&world, run, &token, None).await);
        let second = world.get(&format!("/runs/{run}/events"), &token).send().await.unwrap();
        assert_eq!(second.status(), 429, "and another tenant does not feel it");
        assert!(second.headers().contains_key("retry-after"));
        assert_eq!(world.status(&token).await, 200, "asking goes on");
    }
}
