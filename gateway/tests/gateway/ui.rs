//! What the unmodified Agent Chat UI asks, in its order and with its headers, as it was recorded against the reference server: in a browser,
//! from another origin, with a key in `X-Api-Key`.

use reqwest::{Method, Response, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{World, body};

const ORIGIN: &str = "https://chat.example";

/// The UI in somebody's browser.
struct Browser<'w> {
    world: &'w World,
    key: String,
}

impl Browser<'_> {
    /// What a browser asks before it lets a page ask.
    async fn preflight(&self, path: &str, method: &str, headers: &str) {
        let request = self.world.client.request(Method::OPTIONS, self.world.url(path)).header("origin", ORIGIN);
        let request = request.header("access-control-request-method", method);
        let answer = request.header("access-control-request-headers", headers).send().await.unwrap();
        let of = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((answer.status().as_u16(), of("access-control-allow-origin")), (200, ORIGIN.to_owned()), "{path}");
        assert!(of("access-control-allow-methods").contains(method), "{path}");
        assert_eq!(of("access-control-allow-headers"), headers, "{path}");
    }

    async fn ask(&self, method: Method, path: &str, asked: Option<Value>) -> Response {
        let request =
            self.world.client.request(method, self.world.url(path)).header("origin", ORIGIN).header("accept", "*/*");
        let request = request.header("x-api-key", &self.key);
        let request = match asked {
            Some(asked) => request.header("content-type", "application/json").body(asked.to_string()),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN, "{path}");
        answer
    }

    async fn post(&self, path: &str, asked: Value) -> Value {
        body(self.ask(Method::POST, path, Some(asked)).await).await
    }

    /// Says a line, with the state to go on from after the first.
    async fn submit(&self, thread: &str, line: &str, checkpoint: Option<&Value>) -> (HeaderMap, Vec<(String, Value)>) {
        let message = json!({ "id": Uuid::new_v4(), "type": "human", "content": [{ "type": "text", "text": line }] });
        let mut asked = json!({
            "input": { "messages": [message] }, "stream_mode": ["values", "messages-tuple", "custom"], "stream_subgraphs": true,
            "stream_resumable": true, "assistant_id": "agent", "on_disconnect": "continue",
        });
        if let Some(checkpoint) = checkpoint {
            asked["checkpoint"] = checkpoint.clone();
        }
        let answer = self.ask(Method::POST, &format!("/threads/{thread}/runs/stream"), Some(asked)).await;
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        let field = |event: &str, name: &str| {
            event.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(|value| value.trim().to_owned()))
        };
        let events = text.split("\r\n\r\n").filter(|event| event.contains("event: ")).map(|event| {
            (field(event, "event").unwrap(), serde_json::from_str(&field(event, "data").unwrap()).unwrap())
        });
        (headers, events.collect())
    }

    /// The states that the UI builds its branches from, newest first.
    async fn history(&self, thread: &str) -> Vec<Value> {
        let states = self.post(&format!("/threads/{thread}/history"), json!({ "limit": 10 })).await;
        serde_json::from_value(states).unwrap()
    }
}

fn messages(state: &Value) -> usize {
    state["values"]["messages"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn the_chat_ui_gets_what_it_was_recorded_to_get() {
    let world = World::new().await;
    world.tenant("acme").await;
    let ui = Browser { world: &world, key: world.token("acme", "ops") };
    ui.preflight("/threads/search", "POST", "content-type,x-api-key").await;
    ui.preflight("/info", "GET", "x-api-key").await;
    ui.ask(Method::GET, "/info", None).await;
    let sidebar = json!({ "metadata": { "graph_id": "agent" }, "limit": 100, "offset": 0 });
    assert_eq!(ui.post("/threads/search", sidebar.clone()).await, json!([]));

    // The first line: a thread without anything attached, then the stream.
    ui.preflight("/threads", "POST", "content-type,x-api-key").await;
    let thread = ui.post("/threads", json!({ "metadata": {} })).await["thread_id"].as_str().unwrap().to_owned();
    ui.preflight(&format!("/threads/{thread}/runs/stream"), "POST", "content-type,x-api-key").await;
    let (headers, events) = ui.submit(&thread, "Show today's shortlist (top 10)", None).await;
    let exposed = headers["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(exposed.contains("content-location") && exposed.contains("x-pagination-total"), "{exposed}");
    assert_eq!(
        (&headers["cache-control"], &headers["x-accel-buffering"]),
        (&"no-store".parse().unwrap(), &"no".parse().unwrap())
    );
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        (names[..3].to_vec(), names.last()),
        (vec!["metadata", "values", "custom"], Some(&"values")),
        "{names:?}"
    );
    assert!(
        names.contains(&"messages")
            && names.iter().all(|name| ["metadata", "values", "custom", "messages"].contains(name))
    );

    // It reads history at once, twice in a row the same, with the chain that its branches hang on.
    let states = ui.history(&thread).await;
    let counts: Vec<(usize, &Value)> =
        states.iter().map(|state| (messages(state), &state["metadata"]["step"])).collect();
    assert_eq!(counts, [(2, &json!(1)), (1, &json!(0)), (0, &json!(-1))]);
    assert!(states.iter().all(|state| state["next"] == json!([]) && state["tasks"] == json!([])));
    for name in
        ["values", "next", "tasks", "metadata", "created_at", "checkpoint", "parent_checkpoint", "checkpoint_id"]
    {
        assert!(states.iter().all(|state| state.get(name).is_some()), "{name}");
    }
    let listed = ui.post("/threads/search", sidebar.clone()).await;
    assert_eq!(listed[0]["values"]["messages"][0]["content"], "Show today's shortlist (top 10)", "the sidebar's title");

    // The next line names the head; an edit of the first names the state before it; "regenerate" says nothing.
    let head = states[0]["checkpoint"].clone();
    let (_, events) = ui.submit(&thread, "tool please", Some(&head)).await;
    assert_eq!(messages(&json!({ "values": events.last().unwrap().1 })), 4);
    let before_first = states[1]["parent_checkpoint"].clone();
    assert_ne!(before_first, Value::Null);
    let (_, events) = ui.submit(&thread, "help", Some(&before_first)).await;
    assert_eq!(messages(&json!({ "values": events.last().unwrap().1 })), 2, "in the place of the first line");
    let branches = ui.history(&thread).await;
    let children = branches.iter().filter(|state| state["parent_checkpoint"] == before_first).count();
    assert_eq!(children, 2, "the arrows of a branch stand beside the first line");

    // Its cancel button only leaves: the answer is there when it looks again.
    let leaving = json!({
        "input": { "messages": [{ "id": "left", "type": "human", "content": [{ "type": "text", "text": "costs this week" }] }] },
        "stream_mode": ["values"], "stream_resumable": true, "assistant_id": "agent", "on_disconnect": "continue",
    });
    let answer = ui.ask(Method::POST, &format!("/threads/{thread}/runs/stream"), Some(leaving)).await;
    let run = answer.headers()["content-location"].to_str().unwrap().to_owned();
    drop(answer);
    body(ui.ask(Method::GET, &format!("{run}/join"), None).await).await;
    assert_eq!(body(ui.ask(Method::GET, &run, None).await).await["status"], "success");
    assert_eq!(messages(&ui.history(&thread).await[0]), 4);
}
