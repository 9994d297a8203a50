//! The HTTP side: JSON-2, JSON-RPC, and the pages that need no account.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State as Shared},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use super::{
    Account, State,
    answer::Failure,
    data::Rights,
    methods::{self, Call},
};

type Of = Shared<Arc<Mutex<State>>>;

/// The order in which methods take their arguments, for JSON-RPC. Methods of records take those first.
const SIGNATURES: &[(&str, &[&str])] = &[
    ("fields_get", &["allfields", "attributes"]),
    ("search", &["domain"]),
    ("search_count", &["domain"]),
    ("search_read", &["domain", "fields"]),
    ("read", &["ids", "fields"]),
    ("create", &["vals_list"]),
    ("write", &["ids", "vals"]),
    ("unlink", &["ids"]),
    ("action_archive", &["ids"]),
    ("get_external_id", &["ids"]),
    ("load", &["fields", "data"]),
    ("context_get", &[]),
];

pub(super) fn router(state: Arc<Mutex<State>>) -> Router {
    Router::new()
        .route(
            "/web/version",
            get(|of: Of| async move {
                open(&of, || json!({ "version_info": [19, 0, 0, "final", 0, ""], "version": "19.0" }))
            }),
        )
        .route("/web/health", get(|of: Of| async move { open(&of, || json!({ "status": "pass" })) }))
        .route("/json/2/{model}/{method}", post(json2))
        .route("/jsonrpc", post(jsonrpc))
        .with_state(state)
}

fn open(of: &Of, answer: impl FnOnce() -> Value) -> Response {
    let state = lock(of);
    if state.is_down { away() } else { told(200, &answer()) }
}

fn away() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Html("<html>upstream is away</html>")).into_response()
}

fn told(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

async fn json2(of: Of, path: Path<(String, String)>, headers: HeaderMap, body: Bytes) -> Response {
    // On a task of its own: what was asked is done whether or not anybody still waits for the answer.
    let answered = tokio::spawn(json2_in_time(of, path, headers, body)).await;
    answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn json2_in_time(
    of: Of,
    Path((model, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (latency, gate) = match (method.as_str(), &mut *lock(&of)) {
        ("load", state) => (state.latency / 2, state.gate.take()),
        _ => (Duration::ZERO, None),
    };
    if let Some(gate) = gate {
        gate.pass().await;
    }
    tokio::time::sleep(latency).await;
    let answer = json2_now(&of, (&model, &method), &headers, &body);
    tokio::time::sleep(latency).await;
    let is_lost = lock(&of).lost.get_mut(&method).and_then(VecDeque::pop_front).unwrap_or_default();
    if is_lost { StatusCode::BAD_GATEWAY.into_response() } else { answer }
}

fn lock(of: &Of) -> MutexGuard<'_, State> {
    of.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn json2_now(of: &Of, (model, method): (&str, &str), headers: &HeaderMap, body: &[u8]) -> Response {
    let mut state = lock(of);
    if state.is_down {
        return away();
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !header("content-type").starts_with("application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, Html("<!doctype html>Unsupported Media Type")).into_response();
    }
    let name = header("x-odoo-database").to_owned();
    if !state.databases.contains_key(&name) {
        let page = Html("<!doctype html>No database is selected and the requested URL was not found on the server.");
        return (StatusCode::NOT_FOUND, page).into_response();
    }
    let answered = authorized(&state, &name, header("authorization")).and_then(|account| {
        let arguments: Map<String, Value> = match body.is_empty() {
            true => Map::new(),
            false => serde_json::from_slice(body)
                .map_err(|_| Failure::new(400, "werkzeug.exceptions.BadRequest", "could not parse the body as json"))?,
        };
        call(&mut state, &name, &account, model, method, arguments)
    });
    match answered {
        Ok(answer) => told(200, &answer),
        Err(failure) => told(failure.status, &failure.body()),
    }
}

fn authorized(state: &State, name: &str, authorization: &str) -> Result<Account, Failure> {
    let Some((_, key)) = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
    else {
        let message = "User not authenticated, use an API Key with a Bearer Authorization header.";
        return Err(Failure::unauthorized(message));
    };
    let accounts = state.databases.get(name).map(|database| database.accounts.as_slice()).unwrap_or_default();
    let account = accounts.iter().find(|account| account.key == key);
    account.cloned().ok_or_else(|| Failure::unauthorized("Invalid apikey"))
}

fn call(
    state: &mut State,
    name: &str,
    account: &Account,
    model: &str,
    method: &str,
    arguments: Map<String, Value>,
) -> Result<Value, Failure> {
    *state.calls.entry(format!("{model}.{method}")).or_default() += 1;
    let call = Call { rights: account.rights, uid: account.uid, model, method, arguments };
    // `load` itself tells that the account may not, and that with status 200.
    if method == "load" && account.rights == Rights::Limited {
        let failure = Failure::denied("create", model);
        let message =
            json!({ "type": "error", "message": failure.message, "rows": { "from": 0, "to": 0 }, "record": 0 });
        return Ok(json!({ "ids": false, "messages": [message], "nextrow": 0 }));
    }
    methods::answer(state, name, &call)
}

async fn jsonrpc(of: Of, body: Bytes) -> Response {
    let mut state = lock(&of);
    if state.is_down {
        return away();
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parameters = &request["params"];
    let empty = Vec::new();
    let arguments = parameters["args"].as_array().unwrap_or(&empty);
    let answered = match (parameters["service"].as_str(), parameters["method"].as_str()) {
        (Some("common"), Some("version")) => {
            Ok(json!({ "server_version": "19.0", "server_version_info": [19, 0, 0, "final", 0, ""] }))
        }
        (Some("common"), Some("authenticate")) => database_of(&state, arguments).map(|name| {
            let account = state.databases[&name].accounts.iter();
            let is_it = |account: &&Account| json!(account.login) == arguments[1] && json!(account.key) == arguments[2];
            account.clone().find(is_it).map_or(json!(false), |account| json!(account.uid))
        }),
        (Some("object"), Some("execute_kw")) => execute(&mut state, arguments),
        _ => Err(Failure::new(500, "builtins.ValueError", "no such service")),
    };
    let answer = match answered {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
        Err(failure) => {
            let error = json!({ "code": 0, "message": "Odoo Server Error", "data": failure.body() });
            json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })
        }
    };
    told(200, &answer)
}

/// The database that the arguments begin with. One that is not there is told as its driver tells it, host and port included.
fn database_of(state: &State, arguments: &[Value]) -> Result<String, Failure> {
    let name = arguments.first().and_then(Value::as_str).unwrap_or("");
    if arguments.len() >= 3 && state.databases.contains_key(name) {
        return Ok(name.to_owned());
    }
    let message = format!(
        "connection to server at \"127.0.0.1\", port 5469 failed: FATAL:  database \"{name}\" does not exist\n"
    );
    Err(Failure::new(500, "psycopg2.OperationalError", message))
}

fn execute(state: &mut State, arguments: &[Value]) -> Result<Value, Failure> {
    let name = database_of(state, arguments)?;
    let accounts = &state.databases[&name].accounts;
    let account =
        accounts.iter().find(|account| json!(account.uid) == arguments[1] && json!(account.key) == arguments[2]);
    let Some(account) = account.cloned() else {
        return Err(Failure::new(403, "odoo.exceptions.AccessDenied", "Access Denied"));
    };
    let (model, method) = (arguments.get(3).and_then(Value::as_str), arguments.get(4).and_then(Value::as_str));
    let (Some(model), Some(method)) = (model, method) else { return Err(Failure::argument("model")) };
    let mut named = arguments.get(6).and_then(Value::as_object).cloned().unwrap_or_default();
    let order = SIGNATURES.iter().find(|(known, _)| *known == method).map(|(_, order)| *order).unwrap_or_default();
    let placed = arguments.get(5).and_then(Value::as_array).cloned().unwrap_or_default();
    named.extend(order.iter().map(|name| (*name).to_owned()).zip(placed));
    call(state, &name, &account, model, method, named)
}
