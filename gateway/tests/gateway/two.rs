//! Two gateways of one deployment: a conversation is the same at both, whatever becomes of one.

use std::{net::SocketAddr, time::Duration};

use presdr_gateway::Gateway;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{human, last},
    rest::filled,
    support::{PATIENCE, World, body},
};

/// Another gateway beside a world's own, on threads of its own, so that it can die.
struct Another {
    address: SocketAddr,
    stopping: CancellationToken,
    runtime: Option<Runtime>,
}

impl Another {
    async fn beside(world: &World) -> Self {
        let runtime = Runtime::new().unwrap();
        let (stopping, listener) = (CancellationToken::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let listener = listener.into_std().unwrap();
        let (store, broker, mut config) =
            (world.store.url().to_owned(), world.broker.clone(), world.gateway.config().clone());
        config.listen = address;
        let (keyring, until) = (world.desk.keyring(), stopping.clone());
        let begun = runtime.spawn(async move {
            let (desk, connection) = crate::support::desk(&store, &broker, keyring).await;
            let gateway = Gateway::new(config, desk, connection, None).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            tokio::spawn(async move { presdr_gateway::serve(gateway, listener, until).await.unwrap() });
        });
        begun.await.unwrap();
        Self { address, stopping, runtime: Some(runtime) }
    }

    /// Nothing that it was at is finished.
    fn dies(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Another {
    fn drop(&mut self) {
        self.dies();
    }
}

async fn ask(world: &World, at: SocketAddr, method: Method, path: &str, asked: Value) -> Response {
    let request = world.client.request(method, format!("http://{at}{path}"));
    let request = request.header("x-api-key", world.token("acme", "ops"));
    let request = if asked.is_null() { request } else { request.body(asked.to_string()) };
    request.send().await.unwrap()
}

async fn get(world: &World, path: &str) -> Value {
    let answer = ask(world, world.address, Method::GET, path, Value::Null).await;
    assert_eq!(answer.status(), 200, "{path}");
    body(answer).await
}

fn turn(line: &str, more: Value) -> Value {
    let mut asked = json!({ "assistant_id": "agent", "input": human(line), "stream_mode": ["messages-tuple"] });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

/// A turn that follows a run that nobody works on, told by a gateway: its thread, its path, and the stream after it has said so.
async fn followed(world: &World, at: SocketAddr) -> (String, String, Response) {
    let made = body(ask(world, at, Method::POST, "/threads", json!({})).await).await;
    let thread = format!("/threads/{}", made["thread_id"].as_str().unwrap());
    let shown = ask(world, at, Method::POST, &format!("{thread}/runs/wait"), turn("run with 3 leads", json!({}))).await;
    assert!(last(&body(shown).await).starts_with("Start a run"));
    let asked = turn("yes", json!({ "stream_resumable": true }));
    let mut stream = ask(world, at, Method::POST, &format!("{thread}/runs/stream"), asked).await;
    let path = stream.headers()["content-location"].to_str().unwrap().to_owned();
    let mut told = String::new();
    while !told.contains("score 0") {
        let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap().unwrap();
        told.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    (thread, path, stream)
}

async fn world() -> World {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    filled(&world, &acme, 1000).await;
    world
}

#[tokio::test]
async fn a_run_that_is_followed_at_one_is_told_at_the_other_and_ended_by_what_is_said_there() {
    let world = world().await;
    let another = Another::beside(&world).await;
    let (thread, path, stream) = followed(&world, another.address).await;
    let request = world.get(&format!("{path}/stream"), &world.token("acme", "ops")).header("last-event-id", "-1");
    let mut again = request.send().await.unwrap();
    let mut told = String::new();
    while !told.contains("score 0") {
        let chunk = tokio::time::timeout(PATIENCE, again.chunk()).await.unwrap().unwrap().unwrap();
        told.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(!told.contains("event: values") && told.contains("event: messages\r"), "in the modes of who asked: {told}");
    // What is said at the one waits a little, then ends what is told at the other. Who waits for a turn gets what that one came to.
    let (join, wait) = (format!("{path}/join"), format!("{thread}/runs/wait"));
    let joined = ask(&world, world.address, Method::GET, &join, Value::Null);
    let said = ask(&world, world.address, Method::POST, &wait, turn("pause the run", json!({})));
    let (waited, said) = tokio::join!(joined, said);
    assert!(last(&body(said).await).starts_with("Pause run "));
    let waited = last(&body(waited).await);
    assert!(waited.contains("is started.") && !waited.contains("Pause run "), "{waited}");
    assert_eq!(get(&world, &path).await["status"], "interrupted");
    let rest = tokio::time::timeout(PATIENCE, stream.text()).await.unwrap().unwrap();
    assert!(!rest.contains("event: error") && !rest.contains("Pause run "), "{rest}");
    assert_eq!(get(&world, &thread).await["status"], "idle");
}

#[tokio::test]
async fn a_gateway_that_stops_says_how_to_go_on_and_one_that_dies_leaves_nothing_busy() {
    let world = world().await;
    let another = Another::beside(&world).await;
    let (thread, path, stream) = followed(&world, another.address).await;
    another.stopping.cancel();
    let rest = tokio::time::timeout(PATIENCE, stream.text()).await.unwrap().unwrap();
    assert!(!rest.contains("event: end") && !rest.contains("event: error"), "{rest}");
    let over = async {
        while get(&world, &path).await["status"] == "running" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, over).await.unwrap();
    assert_eq!(get(&world, &path).await["status"], "success");
    let stands = last(&get(&world, &format!("{thread}/state")).await["values"]);
    assert!(stands.contains("is started.") && stands.contains("It goes on. Ask: status of run "), "{stands}");
    let told = world.get(&format!("{path}/stream"), &world.token("acme", "ops")).header("last-event-id", "-1");
    let told = told.send().await.unwrap().text().await.unwrap();
    assert!(told.contains("It goes on."), "whoever comes back is told the rest: {told}");

    let mut third = Another::beside(&world).await;
    let (thread, path, stream) = followed(&world, third.address).await;
    third.dies();
    drop(stream);
    assert_eq!(get(&world, &thread).await["status"], "busy");
    // A minute later, by the database's clock.
    let owner = world.store.connect(presdr_store::Role::Owner).await.unwrap();
    let acme = presdr_events::TenantId::new("acme").unwrap();
    let mut tx = owner.enter(&acme).await.unwrap();
    let later = "update chat_runs set alive_at = now() - interval '2 minutes' where status = 'running'";
    sqlx::query(later).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(get(&world, &thread).await["status"], "error");
    assert_eq!(get(&world, &path).await["status"], "error");
    let said = ask(&world, world.address, Method::POST, &format!("{thread}/runs/wait"), turn("help", json!({}))).await;
    assert!(last(&body(said).await).starts_with("This is what I understand"));
    assert_eq!(get(&world, &thread).await["status"], "idle");
}
