//! Every route with another tenant's token and another tenant's ids: always the same answer as for what does not exist.

use presdr_events::TenantId;
use presdr_gateway::routes::{self, Access, Surface};
use reqwest::Method;
use serde_json::Value;
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
    let (mut with_id, mut walked) = (0, 0);
    for role in ["viewer", "ops", "admin"] {
        let token = world.token("globex", role);
        for route in routes::list() {
            let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            for (path, foreign, nowhere) in places(&route, ours.run, ours.company, &said) {
                walked += 1;
                with_id += usize::from(route.has_id());
                let foreign = told(&world, &method, &foreign, &token).await;
                assert_eq!(foreign, told(&world, &method, &nowhere, &token).await, "{method} {path} as {role}");
                let allowed = match route.access {
                    Access::Allowed(permission) => presdr_gateway::identity::roles::allows(
                        &[presdr_gateway::identity::roles::Role::named(role).unwrap()],
                        permission,
                    ),
                    Access::Public | Access::Provider | Access::SignedIn => true,
                };
                assert_eq!(foreign.0, if allowed { 404 } else { 403 }, "{method} {path} as {role}");
            }
            // Where no id is asked for, nothing of the other tenant may be in the answer.
            if !route.has_id() && route.method == "GET" && !matches!(route.access, Access::Public | Access::Provider) {
                let (_, _, body) = told(&world, &method, route.path, &token).await;
                let body = String::from_utf8_lossy(&body).into_owned();
                assert!(!body.contains("acme") && !body.contains(&ours.mark), "{} shows another tenant's", route.path);
            }
        }
        // A colleague's conversation is as far away as another tenant's.
        let token = world.token("acme", if role == "admin" { "ops" } else { role });
        for route in routes::list().into_iter().filter(|route| route.path.contains("{thread_id}")) {
            let method = Method::from_bytes(route.method.as_str().as_bytes()).unwrap();
            for (path, foreign, nowhere) in places(&route, ours.run, ours.company, &said) {
                let foreign = told(&world, &method, &foreign, &token).await;
                assert_eq!(foreign, told(&world, &method, &nowhere, &token).await, "{method} {path} as {role}");
                assert_eq!(foreign.0, 404, "{method} {path} as {role}");
            }
        }
        let token = world.token("globex", role);
        let own = world.get(&format!("/runs/{}", theirs.run), &token).send().await.unwrap();
        assert_eq!(own.status(), 200, "what is their own is there");
    }
    assert!(with_id >= 6 && walked > with_id, "{with_id} {walked}");
    let mine = world.get(&format!("/threads/{}", said.thread), &world.token("acme", "admin")).send().await.unwrap();
    assert_eq!(mine.status(), 200, "nobody has changed or deleted it");
    assert!(writes(&world, &acme).await == ours.steps, "something was written to another tenant");
}

/// Where a route takes an id, in its path or its query: told of the other tenant's id, and of an id that is nobody's.
fn places(route: &routes::Route, run: i64, company: i64, said: &chat::Said) -> Vec<(&'static str, String, String)> {
    if route.has_id() && route.surface == Surface::LangGraph {
        let with = |said: &chat::Said| {
            let ids = [("{thread_id}", said.thread), ("{run_id}", said.run), ("{checkpoint_id}", said.checkpoint)];
            let path = ids.iter().fold(route.path.to_owned(), |path, (name, id)| path.replace(name, &id.to_string()));
            // There is one assistant, everybody's: only an id that is nobody's can be told.
            path.replace("{assistant_id}", &Uuid::nil().to_string())
        };
        let nowhere = chat::Said { thread: Uuid::now_v7(), run: Uuid::now_v7(), checkpoint: Uuid::now_v7() };
        assert!(!with(said).contains('{'), "{}: say here what this id is", route.path);
        return vec![(route.path, with(said), with(&nowhere))];
    }
    if route.has_id() {
        let with = |run: i64, company: i64| {
            route.path.replace("{run_id}", &run.to_string()).replace("{company_id}", &company.to_string())
        };
        let path = with(run, company);
        assert!(!path.contains('{'), "{}: say here what this id is", route.path);
        return vec![(route.path, path, with(NOWHERE, NOWHERE))];
    }
    let document = presdr_gateway::openapi::document();
    let pointer =
        format!("/paths/{}/{}/parameters", route.path.replace('/', "~1"), route.method.as_str().to_lowercase());
    let parameters = document.pointer(&pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let takes_run = parameters.iter().any(|parameter| parameter["name"] == "run_id");
    let with = |run: i64| format!("{}?run_id={run}", route.path);
    if takes_run { vec![(route.path, with(run), with(NOWHERE))] } else { Vec::new() }
}

/// How many outcomes a tenant has: every command leaves one.
async fn writes(world: &World, tenant: &TenantId) -> i64 {
    let mut tx = world.desk.database().enter(tenant).await.unwrap();
    sqlx::query_scalar("select count(*) from lead_steps where tenant_id = $1")
        .bind(tenant.as_str())
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}
