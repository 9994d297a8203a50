//! What the routes answer: masked by role, in pages, as files of any size, and writes with who did them.

use presdr_events::TenantId;
use presdr_gateway::{
    identity::roles,
    routes::{self, Access},
};
use presdr_producers::{icp, runs};
use presdr_store::{Database, Role};
use serde_json::{Value, json};

use crate::{
    chat::{MASKED, Talk},
    support::{PATIENCE, World, body},
};

/// A tenant with a run, a scored company with people, and steps.
pub struct Filled {
    pub run: i64,
    pub company: i64,
    /// Stands in whatever is of this tenant.
    pub mark: String,
}

/// Fills a tenant's read models directly: what is tested is how they are read.
pub async fn filled(world: &World, tenant: &TenantId, company: i64) -> Filled {
    icp::set(&world.desk, tenant, r#"{"keywords": ["services"]}"#).await.unwrap();
    let run = runs::start(&world.desk, tenant, Some(5)).await.unwrap().run.get();
    let mark = format!("mark-of-{tenant}");
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let statements = [
        "insert into tenant_companies (tenant_id, company_id, identity, name, website_domain) select $1, $3, $4, '=' || $4, $4 || '.example'",
        "insert into enrichment_runs (tenant_id, run_id, started_at, ended_at, status) select $1, $2, now(), now(), 'completed'",
        "insert into company_enrichment_runs (tenant_id, company_id, run_id, domain, about_text) select $1, $3, $2, $4, 'write to jane@people.example'",
        "insert into lead_scores (tenant_id, company_id, run_id, score, bucket, confidence, rationale, contributions, cache_key, created_at, version)
         select $1, $3, $2, 0.9, 'High', 0.8, $4, '[]', 'k', now(), 1",
        "insert into shortlists (tenant_id, run_id, rank, company_id, score, bucket, confidence, domain, rationale) select $1, $2, 1, $3, 0.9, 'High', 0.8, $4, $4",
        "insert into shortlists (tenant_id, run_id, rank, company_id, score, bucket, confidence, domain, rationale) select $1, $2, 2, $3 + 1, 0.3, 'Low', 0.8, $4, $4",
        "insert into contacts (tenant_id, company_id, subject_id, name, role_title, wanted_title, email, phone, profile_url, source, run_id, version, last_seen_at)
         select $1, $3, gen_random_uuid(), 'Jane Doe', 'CEO', true, 'jane@people.example', '+65 6123 4567', 'https://people.example/' || $4, 'site', $2, 1, now()",
        "insert into lead_emails (tenant_id, company_id, email, subject_id, first_name, last_name, role_account, own_domain, source, run_id, version, last_seen_at)
         select $1, $3, 'jane@people.example', gen_random_uuid(), 'Jane', 'Doe', false, true, $4, $2, 1, now()",
        "insert into lead_phones (tenant_id, company_id, phone, subject_id, run_id, version, last_seen_at) select $1, $3, '+6561234567', gen_random_uuid(), $2, 1, now()",
        "insert into run_event_logs (tenant_id, run_id, sequence, event_id, event_type, stage, company_id, attempt, status, duration_ms, degraded_reasons, tool, arguments, occurred_at)
         select $1, $2, n, gen_random_uuid(), 'lead.scored', 'score', $3, 1, 'ok', 5, '{}', $4, '{}', now() from generate_series(1, 1234) n",
    ];
    let mut tx = enter(&owner, tenant).await;
    for statement in statements {
        sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(run)
            .bind(company)
            .bind(&mark)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    owner.close().await;
    Filled { run, company, mark }
}

async fn enter(database: &Database, tenant: &TenantId) -> presdr_store::TenantTx {
    database.enter(tenant).await.unwrap()
}

async fn json_of(world: &World, path: &str, role: &str) -> Value {
    let answer = world.get(path, &world.token("acme", role)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path} as {role}");
    body(answer).await
}

#[tokio::test]
async fn a_viewer_sees_no_personal_value_anywhere() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let held = filled(&world, &acme, 1000).await;
    let company = format!("/companies/{}", held.company);
    let viewer = world.token("acme", "viewer");
    let talk = Talk::begin(&world, &viewer).await;
    talk.say("Show today's shortlist").await;
    let state = talk.get("/state").await;
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let assistants = world.client.post(world.url("/assistants/search")).bearer_auth(&viewer).send().await.unwrap();
    let assistant = body(assistants).await[0]["assistant_id"].clone();
    let ids = [
        ("/threads/{thread_id}", format!("/threads/{}", talk.thread)),
        ("/runs/{run_id}/join", format!("/runs/{}/join", id(&state["metadata"]["run_id"]))),
        ("{checkpoint_id}", id(&state["checkpoint_id"])),
        ("{assistant_id}", id(&assistant)),
        ("{company_id}", held.company.to_string()),
        ("{run_id}", held.run.to_string()),
    ];
    // Every route that a viewer may read, by itself.
    let mut shown = 0;
    for route in routes::list().into_iter().filter(|route| route.method == "GET") {
        let read = match route.access {
            Access::Allowed(permission) => roles::allows(&[roles::Role::Viewer], permission),
            Access::SignedIn => true,
            Access::Public | Access::Provider => false,
        };
        if !read {
            continue;
        }
        let ids = ids.iter().map(|(name, id)| match route.path.contains("/threads/") && *name == "{run_id}" {
            true => (*name, state["metadata"]["run_id"].as_str().unwrap()),
            false => (*name, id.as_str()),
        });
        let path = ids.fold(route.path.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{}: say here what this id is", route.path);
        let mut answer = world.get(&path, &viewer).header("last-event-id", "-1").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let text = match route.path {
            // It goes on until the run ends.
            "/runs/{run_id}/events" => {
                let first = tokio::time::timeout(PATIENCE, answer.chunk()).await.unwrap().unwrap().unwrap();
                String::from_utf8(first.to_vec()).unwrap()
            }
            _ => answer.text().await.unwrap(),
        };
        for personal in ["jane@", "Jane", "Doe", "6123 4567", "61234567", "people.example/"] {
            assert!(!text.contains(personal), "{path} shows {personal} to a viewer: {text}");
        }
        shown += usize::from(text.contains("***") || text.contains(MASKED));
    }
    assert!(shown >= 6, "what is masked is there to be seen: {shown}");
    let masked = json_of(&world, &company, "viewer").await;
    assert_eq!(masked["emails"][0]["email"], "j***@people.example");
    assert_eq!(masked["contacts"][0]["name"], "J*** D***");
    assert_eq!((&masked["lead"]["about_text"], &masked["contacts"][0]["profile_url"]), (&Value::Null, &Value::Null));
    assert_eq!(json_of(&world, "/shortlist", "viewer").await["items"][0]["contact"]["email"], "j***@people.example");
    for role in ["ops", "admin"] {
        let clear = json_of(&world, &company, role).await;
        assert_eq!(clear["emails"][0]["email"], "jane@people.example");
        assert_eq!(clear["lead"]["about_text"], "write to jane@people.example");
        assert_eq!(json_of(&world, "/shortlist", role).await["items"][0]["contact"]["name"], "Jane Doe");
    }
}

#[tokio::test]
async fn shortlist_and_runs_come_in_pages() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    assert_eq!(
        json_of(&world, "/shortlist", "viewer").await["run_id"],
        Value::Null,
        "before the first run there is nothing, and that is no fault"
    );
    assert_eq!(json_of(&world, "/shortlist/status", "viewer").await["newest"], Value::Null);
    let held = filled(&world, &acme, 1000).await;
    let page = json_of(&world, "/shortlist?limit=1", "viewer").await;
    assert_eq!((&page["items"][0]["rank"], &page["next"], &page["run_id"]), (&json!(1), &json!(1), &json!(held.run)));
    let page = json_of(&world, "/shortlist?limit=1&after=1", "viewer").await;
    assert_eq!((&page["items"][0]["rank"], &page["next"]), (&json!(2), &Value::Null));
    for (filter, ranks) in
        [("bucket=High", json!([1])), ("min_score=0.5", json!([1])), ("q=MARK", json!([1, 2])), ("q=%25", json!([]))]
    {
        let page = json_of(&world, &format!("/shortlist?{filter}"), "viewer").await;
        let found: Vec<_> = page["items"].as_array().unwrap().iter().map(|place| place["rank"].clone()).collect();
        assert_eq!(json!(found), ranks, "{filter}");
    }
    for wrong in ["limit=0", "limit=201", "limit=x", "bucket=high", "min_score=2", "min_score=nan", "unknown=1", "q="] {
        let answer = world.get(&format!("/shortlist?{wrong}"), &world.token("acme", "viewer")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    runs::start(&world.desk, &acme, Some(1)).await.unwrap();
    let newest = json_of(&world, "/runs?limit=1", "viewer").await;
    let next = newest["next"].as_i64().unwrap();
    let oldest = json_of(&world, &format!("/runs?limit=1&before={next}"), "viewer").await;
    assert_eq!((&oldest["items"][0]["run_id"], &oldest["next"]), (&json!(held.run), &Value::Null));
    assert_eq!(json_of(&world, &format!("/runs/{}/stats", held.run), "viewer").await["stages"], json!([]));
    assert_eq!(json_of(&world, "/costs?by=day", "viewer").await["leads"], 1);
}

#[tokio::test]
async fn files_have_every_row_once_and_no_formula() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let held = filled(&world, &acme, 1000).await;
    let token = world.token("acme", "viewer");
    let answer = world.get("/export/run_events.csv", &token).send().await.unwrap();
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"run_events.csv\"");
    let text = answer.text().await.unwrap();
    let sequences: Vec<i64> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(sequences, (1..=1234).collect::<Vec<_>>());
    let of_run = world
        .get(&format!("/export/run_events.csv?run_id={}", held.run), &token)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(of_run, text);
    let scores = world.get("/export/latest_scores.csv", &token).send().await.unwrap().text().await.unwrap();
    assert!(scores.lines().nth(1).unwrap().contains(",'=mark-of-acme,"), "{scores}");
    let scores = json_of(&world, "/export/latest_scores.json", "viewer").await;
    assert_eq!((scores.as_array().unwrap().len(), &scores[0]["company"]), (1, &json!("=mark-of-acme")));
}

#[tokio::test]
async fn a_write_says_who_did_it_and_only_who_may_writes() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let profile = json!({ "keywords": ["services"] });
    let put = |role: &str| {
        world.client.put(world.url("/icp")).bearer_auth(world.token("acme", role)).body(profile.to_string())
    };
    assert_eq!(put("viewer").send().await.unwrap().status(), 403);
    assert_eq!(world.get("/icp", &world.token("acme", "viewer")).send().await.unwrap().status(), 404);
    assert_eq!(put("ops").send().await.unwrap().status(), 200);
    assert_eq!(json_of(&world, "/icp", "viewer").await["version"], 1);
    let post = |path: String, role: &str, body: Value| {
        world.client.post(world.url(&path)).bearer_auth(world.token("acme", role)).body(body.to_string())
    };
    let preview: Value = body(post("/icp/preview".into(), "viewer", profile.clone()).send().await.unwrap()).await;
    assert_eq!(preview["candidates"], 0, "{preview}");
    assert_eq!(json_of(&world, "/icp", "viewer").await["version"], 1, "a preview sets nothing");
    let wrong = post("/icp/preview".into(), "viewer", json!({ "keyword": [] })).send().await.unwrap();
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.unwrap().contains("keyword"), "the offending key is named");
    let run: Value = body(post("/runs/start".into(), "ops", json!({ "cap": 3 })).send().await.unwrap()).await;
    let run = run["run_id"].as_i64().unwrap();
    for (verb, status) in [("pause", 200), ("pause", 409), ("resume", 200), ("cancel", 200), ("cancel", 409)] {
        let answer = post(format!("/runs/{run}/{verb}"), "admin", json!({ "reason": "test" })).send().await.unwrap();
        assert_eq!(answer.status(), status, "{verb}");
    }
    for (body, status) in [(json!({ "cap": 0 }), 422), (json!({ "cap": "x" }), 422), (json!([]), 422)] {
        assert_eq!(post("/runs/start".into(), "ops", body).send().await.unwrap().status(), status);
    }
    let broken = world
        .client
        .post(world.url("/runs/start"))
        .bearer_auth(world.token("acme", "ops"))
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(broken.status(), 400);
    let huge = world
        .client
        .put(world.url("/icp"))
        .bearer_auth(world.token("acme", "ops"))
        .body("x".repeat(300_000))
        .send()
        .await
        .unwrap();
    assert_eq!(huge.status(), 413);

    let mut tx = world.desk.database().enter(&acme).await.unwrap();
    let users: Vec<(String, String)> =
        sqlx::query_as("select 'user:' || user_id, email from users where tenant_id = $1 order by email")
            .bind(acme.as_str())
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    let [(admin, _), (ops, address)] = users.as_slice() else { panic!("{users:?}") };
    assert_eq!(address, "ops@acme.example");
    let bodies: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select step, body from lead_steps where tenant_id = $1 and step in ('icp', 'start', 'pause')")
            .bind(acme.as_str())
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert_eq!(bodies.len(), 3);
    for (step, body) in bodies {
        let body = String::from_utf8(body).unwrap();
        let who = if step == "pause" { admin } else { ops };
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["actor"], json!(who));
        assert!(!body.contains("@acme.example") && !body.contains("ops-of-acme"), "an event names nobody");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_answered_if_they_are_known() {
    let world = World::new().await;
    world.tenant("acme").await;
    let preflight = |origin: &'static str| {
        world
            .client
            .request(reqwest::Method::OPTIONS, world.url("/whoami"))
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "x-api-key,content-type")
            .send()
    };
    let known = preflight("https://chat.example").await.unwrap();
    assert_eq!(known.status(), 200);
    assert_eq!(known.headers()["access-control-allow-origin"], "https://chat.example");
    assert_eq!(known.headers()["access-control-allow-headers"], "x-api-key,content-type");
    assert!(!preflight("https://evil.example").await.unwrap().headers().contains_key("access-control-allow-origin"));
    let refused = world.client.get(world.url("/whoami")).header("origin", "https://chat.example").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "https://chat.example",
        "a page can read why it was refused"
    );
    assert!(refused.headers()["access-control-expose-headers"].to_str().unwrap().contains("content-location"));
}

#[tokio::test]
async fn a_tenant_that_asks_too_often_is_slowed_down_alone() {
    let world = World::with(|config| config.limits.tenant_per_second = std::num::NonZeroU32::MIN).await;
    world.tenant("acme").await;
    world.tenant("globex").await;
    let token = world.token("acme", "viewer");
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.status(&token).await);
    }
    assert!(statuses.starts_with(&[200, 200]) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(world.status(&world.token("globex", "viewer")).await, 200);
}

#[tokio::test]
async fn admins_say_whom_not_to_contact_and_the_list_tells_nobody_who_is_on_it() {
    let world = World::new().await;
    world.tenant("acme").await;
    let post = async |path: &str, role: &str, body: Value| {
        let request = world.client.post(world.url(path)).bearer_auth(world.token("acme", role));
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    };
    let jane = json!({ "email": ["Jane@people.example"], "domain": ["kelmora.example"], "reason": "asked us to stop" });
    for role in ["viewer", "ops"] {
        for path in ["/suppressions", "/suppressions/check", "/suppressions/lift"] {
            assert_eq!(post(path, role, jane.clone()).await.0, 403, "{path} as {role}");
        }
        let list = world.get("/suppressions", &world.token("acme", role)).send().await.unwrap();
        assert_eq!(list.status(), 403);
    }
    for (wrong, where_) in [
        (json!({}), "name 1 to 1000"),
        (json!({ "email": vec!["a@b.example"; 1001] }), "name 1 to 1000"),
        (json!({ "email": ["a@b.example", "nobody"] }), "email[1]"),
        (json!({ "phone": ["12"] }), "phone[0]"),
        (json!({ "email": ["a@b.example"], "reason": "write to c@d.example" }), "email[0]"),
    ] {
        let (status, text) = post("/suppressions", "admin", wrong).await;
        assert!(status == 422 && text.contains(where_), "{status} {text}");
        assert!(!text.contains("nobody") && !text.contains("d.example"), "{text}");
    }
    let (status, text) = post("/suppressions", "admin", jane.clone()).await;
    let added: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &added["added"], &added["known"]), (200, &json!({ "domain": 1, "email": 1 }), &json!(0)));
    let checked: Value = serde_json::from_str(
        &post("/suppressions/check", "admin", json!({ "email": ["jane@people.example"] })).await.1,
    )
    .unwrap();
    assert_eq!((&checked["suppressed"], &checked["entries"][0]["source"]), (&json!(true), &json!("command")));
    assert!(checked["entries"][0]["actor"].as_str().unwrap().starts_with("user:"), "who did it is on record");
    let list = world.get("/suppressions?kind=email", &world.token("acme", "admin")).send().await.unwrap();
    let list = list.text().await.unwrap();
    assert!(list.contains("asked us to stop") && !list.to_lowercase().contains("jane"), "{list}");
    let (status, lifted) = post("/suppressions/lift", "admin", jane.clone()).await;
    assert!(status == 200 && lifted.contains("\"email\":1"), "{lifted}");
    assert_eq!(post("/suppressions/lift", "admin", jane).await.0, 409);
}

#[tokio::test]
async fn what_is_suppressed_is_in_no_file_and_says_so_on_its_page() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let held = filled(&world, &acme, 1000).await;
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut tx = enter(&owner, &acme).await;
    sqlx::query("insert into suppressed_companies (tenant_id, company_id) values ($1, $2)")
        .bind(acme.as_str())
        .bind(held.company)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(json_of(&world, "/export/latest_scores.json", "ops").await, json!([]));
    assert_eq!(json_of(&world, &format!("/companies/{}", held.company), "ops").await["suppressed"], true);
}

#[tokio::test]
async fn admins_set_budgets_and_ops_have_companies_looked_at_again() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let held = filled(&world, &acme, 1000).await;
    presdr_producers::settings::set(&world.desk, &acme, r#"{"vendors": {"contacts": false}}"#).await.unwrap();
    let put = async |role: &str, caps: Value| {
        let request = world.client.put(world.url("/budgets")).bearer_auth(world.token("acme", role));
        request.body(caps.to_string()).send().await.unwrap()
    };
    let caps = json!({ "usd": { "day": "12.50" }, "openai_tokens": { "day": 1000 } });
    for role in ["viewer", "ops"] {
        assert_eq!(put(role, caps.clone()).await.status(), 403, "{role}");
    }
    for wrong in [json!({ "usd": { "day": -1 } }), json!({ "euro": {} }), json!({ "usd": { "week": 1 } }), json!([])] {
        assert_eq!(put("admin", wrong.clone()).await.status(), 422, "{wrong}");
    }
    let set = put("admin", caps).await;
    assert_eq!((set.status().as_u16(), &body(set).await["version"]), (200, &json!(2)));
    let shown = json_of(&world, "/budgets", "viewer").await;
    assert_eq!(
        (&shown["caps"]["usd"]["day"], &shown["caps"]["openai_tokens"]["day"]),
        (&json!("12.50"), &json!("1000"))
    );
    let settings = presdr_producers::settings::show(&world.desk, &acme).await.unwrap();
    assert_eq!(settings.sections["vendors"]["contacts"], false, "what was set beside it stays");

    let enrich = async |role: &str, company: i64, asked: Value| {
        let request = world.client.post(world.url(&format!("/companies/{company}/enrich")));
        request.bearer_auth(world.token("acme", role)).body(asked.to_string()).send().await.unwrap()
    };
    assert_eq!(enrich("viewer", held.company, json!({})).await.status(), 403);
    assert_eq!(enrich("ops", held.company, json!({ "include": ["moon"] })).await.status(), 422);
    assert_eq!(enrich("ops", 77, json!({})).await.status(), 404);
    let begun = body(enrich("ops", held.company, json!({ "include": ["careers"] })).await).await;
    let run = presdr_events::RunId::new(begun["run_id"].as_i64().unwrap()).unwrap();
    let run = runs::show(&world.desk, &acme, run).await.unwrap();
    assert_eq!((run.kind.as_str(), run.cap), ("named", 1));
}

/// What is logged, for a test that reads it.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn development_says_so_in_the_log_on_the_page_and_to_whoever_asks() {
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || written.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let world = World::with(|config| {
        config.mode = presdr_gateway::Mode::Development;
        config.transport = presdr_gateway::Transport::Plain;
    })
    .await;
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("WARN") && logged.contains("development mode: whoever asks"), "{logged}");
    world.tenant("acme").await;
    let page = world.client.get(world.url("/")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<strong>Development mode: whoever asks is believed to be who they say.</strong>"), "{page}");
    let info = body(world.client.get(world.url("/info")).send().await.unwrap()).await;
    assert_eq!(info["mode"], "development");
    assert!(info["warning"].as_str().unwrap().contains("whoever asks is believed"));
    let whoami = async |host: Option<&str>| {
        let request = world.client.get(world.url("/whoami")).header("x-tenant-id", "acme");
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((whoami(None).await, whoami(Some("localhost:1")).await), (200, 200));
    assert_eq!(
        whoami(Some("evil.example:8080")).await,
        403,
        "a name that was made to lead here is somebody else's page"
    );
    for path in ["/whoami", "/info"] {
        let by_key = |key: &str| world.client.get(world.url(path)).header("x-api-key", key.to_owned()).send();
        assert_eq!(by_key("acme").await.unwrap().status(), 200, "a chat UI has a field for a key and no other");
        assert_eq!(by_key("acme.b.c").await.unwrap().status(), 401, "what looks like a token is one");
        let elsewhere = world.client.get(world.url(path)).header("x-api-key", "acme").header("host", "evil.example");
        assert_eq!(elsewhere.send().await.unwrap().status(), 403);
    }
    let production = World::new().await;
    production.tenant("acme").await;
    for path in ["/whoami", "/info"] {
        let by_name = production.client.get(production.url(path)).header("x-api-key", "acme").send().await.unwrap();
        assert_eq!(by_name.status(), 401);
    }
    let page = production.client.get(production.url("/")).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("Development"), "{page}");
}
