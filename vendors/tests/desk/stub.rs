//! A vendor that answers as a test tells it to, and counts.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};
use url::Url;

/// What the stub does with a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers as the vendor would.
    Answer,
    /// Answers so much later.
    Late(Duration),
    /// Answers with a status, a header and a body.
    Say(u16, Option<(&'static str, String)>, &'static str),
    /// Answers 200 with the beginning of an answer.
    Half,
    /// Never answers.
    Hang,
    /// Answers when the test gives leave.
    When(Arc<Semaphore>),
}

#[derive(Debug, Default)]
struct Script {
    acts: Mutex<VecDeque<Act>>,
    then: Mutex<Option<Act>>,
    requests: AtomicU32,
    answered: AtomicU32,
    under_way: AtomicU32,
    most_under_way: AtomicU32,
    bodies: Mutex<Vec<Value>>,
}

/// A stub of Tavily's search and of ZeroBounce's batches.
pub struct Stub {
    script: Arc<Script>,
    url: Url,
    server: JoinHandle<()>,
}

impl Stub {
    pub async fn start() -> Self {
        let script = Arc::new(Script::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(handle).with_state(Arc::clone(&script));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { script, url, server }
    }

    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// What it does with the next requests, in order; then it answers.
    pub fn will(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.acts.lock().unwrap().extend(acts);
    }

    /// What it does with every request for which nothing is said.
    pub fn always(&self, act: Act) {
        *self.script.then.lock().unwrap() = Some(act);
    }

    pub fn requests(&self) -> u32 {
        self.script.requests.load(Ordering::SeqCst)
    }

    pub fn answered(&self) -> u32 {
        self.script.answered.load(Ordering::SeqCst)
    }

    /// How many requests there were at a time at most.
    pub fn most_under_way(&self) -> u32 {
        self.script.most_under_way.load(Ordering::SeqCst)
    }

    pub fn bodies(&self) -> Vec<Value> {
        self.script.bodies.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn handle(State(script): State<Arc<Script>>, uri: Uri, _headers: HeaderMap, body: Bytes) -> Response {
    script.requests.fetch_add(1, Ordering::SeqCst);
    let now = script.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    script.most_under_way.fetch_max(now, Ordering::SeqCst);
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let next = script.acts.lock().unwrap().pop_front();
    let act = next.or_else(|| script.then.lock().unwrap().clone()).unwrap_or(Act::Answer);
    let response = act_out(&script, &act, uri.path(), &body).await;
    script.bodies.lock().unwrap().push(body);
    script.under_way.fetch_sub(1, Ordering::SeqCst);
    response
}

async fn act_out(script: &Script, act: &Act, path: &str, body: &Value) -> Response {
    match act {
        Act::Late(after) => tokio::time::sleep(*after).await,
        Act::Hang => std::future::pending().await,
        Act::When(leave) => leave.acquire().await.unwrap().forget(),
        Act::Half => return (StatusCode::OK, r#"{"results": [{"url": "#).into_response(),
        Act::Say(status, header, text) => {
            let mut response = (StatusCode::from_u16(*status).unwrap(), *text).into_response();
            if let Some((name, value)) = header {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            return response;
        }
        Act::Answer => {}
    }
    script.answered.fetch_add(1, Ordering::SeqCst);
    let answer = match path {
        "/getcredits" => json!({"Credits": "0"}),
        "/validatebatch" => {
            let batch = body["email_batch"].as_array().unwrap();
            let items: Vec<Value> = batch.iter().rev().map(|item| verdict(&item["email_address"])).collect();
            json!({"email_batch": items, "errors": []})
        }
        _ => {
            json!({"query": body["query"], "results": [{"url": "https://jane-roe.example/", "title": "Jane Roe", "content": "", "score": 0.9}],
            "usage": {"credits": 1}, "a_field_of_tomorrow": {}})
        }
    };
    (StatusCode::OK, answer.to_string()).into_response()
}

fn verdict(address: &Value) -> Value {
    json!({"address": address, "status": "valid", "sub_status": "", "free_email": false, "mx_found": "true"})
}
