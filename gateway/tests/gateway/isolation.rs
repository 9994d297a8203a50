//! Every route with another tenant's token and another tenant's ids: always the same answer as for what does not exist.

use std::collections::BTreeMap;

use presdr_events::TenantId;
use presdr_gateway::{
    identity::roles,
    routes::{self, Access, Surface},
};
use presdr_producers::erasures;
use presdr_store::{Role, erasure_requests::Meant, purge::tables};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{chat, rest::filled, support::World};

/// Nobody's.
const NOWHERE: i64 = 9_007_199_254_740_000;

/// What an answer is, as far as one who asks can tell.
async fn told(world: &World, method: &Method, path: &str, token: &str) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let request = world.client.request(method.clone(), world.url(path)).bearer_auth(token);
    let request = match (method == Method::GET, path.starts_with("/threads/") && path.contains("/runs")) {
        (true, _) => request,
        (false, true) => request.body(r#"{"assistant_id": "agent", "if_not_exists": "reject"}"#),
        (false, false) => request.body("{}"),
    };
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let mut headers: Vec<(String, String)> = answer
        .headers()
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (status, headers, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn another_tenants_ids_are_nobodys() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let (ours, theirs) = (filled(&world, &acme, 1000).await, filled(&world, &globex, 2000).await);
    let said = chat::said(&world, &world.token("acme", "admin"), "help").await;
    let meant = Meant { emails: vec!["jane@people.example".to_owned()], ..Meant::default() };
    let erasure = erasures::ask(&world.desk, &acme, &meant).await.unwrap();
    let ids = Ids { run: ours.run, company: ours.company, erasure, said };
    let before = rows(&world, &acme).await;
    for role in ["viewer", "ops", "admin"] {
        let token = world.token("globex", role);
        for route in routes::list() {
            let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            let places = places(&route, &ids);
            assert!(!(route.has_id() && places.is_empty()), "{} takes an id and is not walked", route.path);
            for (path, foreign, nowhere) in places {
                let foreign = told(&world, &method, &foreign, &token).await;
                assert_eq!(foreign, told(&world, &method, &nowhere, &token).await, "{method} {path} as {role}");
                assert_eq!(foreign.0, if may(&route, role) { 404 } else { 403 }, "{method} {path} as {role}");
            }
            // Where no id is asked for, nothing of the other tenant may be in the answer.
            if !route.has_id() && route.method == "GET" && !matches!(route.access, Access::Public | Access::Provider) {
                let (_, _, body) = told(&world, &method, route.path, &token).await;
                let body = String::from_utf8_lossy(&body).into_owned();
                assert!(!body.contains("acme") && !body.contains(&ours.mark), "{} shows another tenant's", route.path);
            }
        }
        in_bodies(&world, &token, &ids).await;
        let own = world.get(&format!("/runs/{}", theirs.run), &token).send().await.unwrap();
        assert_eq!(own.status(), 200, "what is their own is there");
    }
    made_under_anothers_ids(&world, &world.token("globex", "admin"), &ids).await;
    assert_eq!(rows(&world, &acme).await, before, "something was written to another tenant");
    // A colleague's conversation is as far away as another tenant's.
    for role in ["viewer", "ops"] {
        let token = world.token("acme", role);
        for route in routes::list().into_iter().filter(|route| route.path.contains("{thread_id}")) {
            let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            for (path, foreign, nowhere) in places(&route, &ids) {
                let foreign = told(&world, &method, &foreign, &token).await;
                assert_eq!(foreign, told(&world, &method, &nowhere, &token).await, "{method} {path} as {role}");
                assert_eq!(foreign.0, 404, "{method} {path} as {role}");
            }
        }
        in_bodies(&world, &token, &ids).await;
    }
    let mine = world.get(&format!("/threads/{}", ids.said.thread), &world.token("acme", "admin")).send().await.unwrap();
    assert_eq!(mine.status(), 200, "nobody has changed or deleted it");
}

/// What one tenant has.
struct Ids {
    run: i64,
    company: i64,
    erasure: Uuid,
    said: chat::Said,
}

/// What is made under an id that another tenant has, too, is one's own: nothing tells that there is another.
async fn made_under_anothers_ids(world: &World, token: &str, ids: &Ids) {
    let post = async |path: &str, asked: Value| {
        let answer = world.client.post(world.url(path)).bearer_auth(token).body(asked.to_string());
        let answer = answer.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap())
    };
    let (status, made) = post("/threads", json!({ "thread_id": ids.said.thread })).await;
    assert_eq!((status, &made["values"]), (200, &Value::Null), "{made}");
    let said = json!({ "messages": [{ "type": "human", "content": "costs this week" }] });
    let asked = json!({ "assistant_id": "agent", "input": said, "if_not_exists": "create" });
    let (status, values) = post(&format!("/threads/{}/runs/wait", ids.said.thread), asked).await;
    assert_eq!((status, values["messages"].as_array().unwrap().len()), (200, 2), "{values}");
    let (_, found) = post("/threads/search", json!({ "ids": [ids.said.thread] })).await;
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
}

fn may(route: &routes::Route, role: &str) -> bool {
    match route.access {
        Access::Allowed(permission) => roles::allows(&[roles::Role::named(role).unwrap()], permission),
        Access::Public | Access::Provider | Access::SignedIn => true,
    }
}

/// Another's ids in bodies: the same answer as for ids that are nobody's, save for ids of what the caller made.
async fn in_bodies(world: &World, token: &str, ids: &Ids) {
    let own = chat::said(world, token, "help").await;
    let bodies = |said: &chat::Said, company: i64| {
        let (thread, checkpoint) = (said.thread, json!({ "checkpoint_id": said.checkpoint, "checkpoint_ns": "" }));
        let say = json!({ "messages": [{ "type": "human", "content": "help" }] });
        let own = own.thread;
        [
            ("/threads/search".to_owned(), json!({ "ids": [thread] })),
            ("/threads/count".to_owned(), json!({ "ids": [thread] })),
            (format!("/threads/{own}/state/checkpoint"), json!({ "checkpoint": checkpoint })),
            (format!("/threads/{own}/state"), json!({ "values": say, "checkpoint": checkpoint })),
            (
                format!("/threads/{own}/runs/wait"),
                json!({ "assistant_id": "agent", "input": say, "checkpoint": checkpoint }),
            ),
            ("/suppressions/check".to_owned(), json!({ "company": [company.to_string()] })),
        ]
    };
    let nowhere = chat::Said { thread: Uuid::now_v7(), run: Uuid::now_v7(), checkpoint: Uuid::now_v7() };
    for ((path, foreign), (_, nobodys)) in bodies(&ids.said, ids.company).iter().zip(bodies(&nowhere, NOWHERE)) {
        let ask = async |body: &Value| {
            let answer = world.client.post(world.url(path)).bearer_auth(token).body(body.to_string());
            let answer = answer.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(ask(foreign).await, ask(&nobodys).await, "{path}");
    }
}

/// Where a route takes an id, in its path or its query: told of the other tenant's id, and of an id that is nobody's.
fn places(route: &routes::Route, ids: &Ids) -> Vec<(&'static str, String, String)> {
    if route.has_id() && route.surface == Surface::LangGraph {
        let with = |said: &chat::Said| {
            let ids = [("{thread_id}", said.thread), ("{run_id}", said.run), ("{checkpoint_id}", said.checkpoint)];
            let path = ids.iter().fold(route.path.to_owned(), |path, (name, id)| path.replace(name, &id.to_string()));
            // There is one assistant, everybody's: only an id that is nobody's can be told.
            path.replace("{assistant_id}", &Uuid::nil().to_string())
        };
        let nowhere = chat::Said { thread: Uuid::now_v7(), run: Uuid::now_v7(), checkpoint: Uuid::now_v7() };
        assert!(!with(&ids.said).contains('{'), "{}: say here what this id is", route.path);
        return vec![(route.path, with(&ids.said), with(&nowhere))];
    }
    if route.has_id() {
        let with = |run: i64, company: i64, erasure: Uuid| {
            let path = route.path.replace("{run_id}", &run.to_string()).replace("{company_id}", &company.to_string());
            path.replace("{erasure_id}", &erasure.to_string())
        };
        let path = with(ids.run, ids.company, ids.erasure);
        assert!(!path.contains('{'), "{}: say here what this id is", route.path);
        return vec![(route.path, path, with(NOWHERE, NOWHERE, Uuid::new_v4()))];
    }
    let document = presdr_gateway::openapi::document();
    let pointer =
        format!("/paths/{}/{}/parameters", route.path.replace('/', "~1"), route.method.as_str().to_lowercase());
    let parameters = document.pointer(&pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let takes_run = parameters.iter().any(|parameter| parameter["name"] == "run_id");
    let with = |run: i64| format!("{}?run_id={run}", route.path);
    if takes_run { vec![(route.path, with(ids.run), with(NOWHERE))] } else { Vec::new() }
}

/// Everything that a tenant has, by table: how many rows, and a digest of what they say.
async fn rows(world: &World, tenant: &TenantId) -> BTreeMap<String, (i64, String)> {
    let owner = world.store.connect(Role::Owner).await.unwrap();
    let mut rows = BTreeMap::new();
    for table in tables(&owner).await.unwrap() {
        let mut tx = owner.enter(tenant).await.unwrap();
        let statement = format!(
            "select count(*), coalesce(md5(string_agg(t::text, ' ' order by t::text)), '') from {table} t where tenant_id = $1"
        );
        let told = sqlx::query_as(AssertSqlSafe(statement)).bind(tenant.as_str()).fetch_one(&mut *tx).await.unwrap();
        rows.insert(table, told);
    }
    owner.close().await;
    assert!(rows.values().filter(|(count, _)| *count > 0).count() > 12, "{rows:?}");
    rows
}
