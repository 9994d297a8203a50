//! A gateway over a world, and conversations with its agent.

use std::collections::VecDeque;

use chrono::Utc;
use presdr_events::{Actor, TenantId};
use presdr_gateway::{
    Gateway, GatewayConfig, LimitPolicy, Mode, Transport,
    identity::{keys::KeyPolicy, provider::Registration},
};
use presdr_nats::topology::User;
use presdr_producers::Desk;
use presdr_store::Role;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{World, connect};

/// A gateway in development mode: whoever asks it is of the tenant that they name, with every role.
pub struct Served {
    root: String,
    client: Client,
    stopping: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Served {
    pub async fn over(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = listener.local_addr().unwrap();
        let root = format!("http://{listen}");
        let connection = connect(&world.nats.url(), User::Gateway).await;
        let (database, keyring) = (world.store.connect(Role::Producer).await.unwrap(), world.desk.keyring());
        let desk = Desk::new(database, connection.clone(), keyring, Actor::service("gateway"), Utc::now);
        let config = GatewayConfig {
            listen,
            mode: Mode::Development,
            transport: Transport::Plain,
            public_url: root.parse().unwrap(),
            // Nobody here has a token, so nobody asks the provider.
            registration: Registration {
                issuer: "http://127.0.0.1:9/".parse().unwrap(),
                client_id: "presdr".into(),
                client_secret: None,
            },
            audiences: vec!["presdr".into()],
            origins: Vec::new(),
            keys: KeyPolicy::default(),
            limits: LimitPolicy::default(),
            websocket: None,
        };
        let gateway = Gateway::new(config, desk, connection, None).unwrap();
        let stopping = CancellationToken::new();
        let until = stopping.clone();
        tokio::spawn(async move { presdr_gateway::serve(gateway, listener, until).await.unwrap() });
        Self { root, client: Client::new(), stopping }
    }

    /// What is at a path.
    pub async fn get(&self, tenant: &TenantId, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.root)).header("x-tenant-id", tenant.as_str());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// What is answered, whatever that is.
    pub async fn ask(&self, tenant: &TenantId, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.root));
        let request = request.header("x-tenant-id", tenant.as_str());
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), read(answer).await)
    }

    async fn post(&self, tenant: &TenantId, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.root)).header("x-tenant-id", tenant.as_str());
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer
    }

    pub async fn begin<'a>(&'a self, tenant: &'a TenantId) -> Talk<'a> {
        let made: Value = read(self.post(tenant, "/threads", &json!({})).await).await;
        Talk { served: self, tenant, thread: made["thread_id"].as_str().unwrap().to_owned() }
    }
}

async fn read(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// One conversation.
pub struct Talk<'a> {
    served: &'a Served,
    tenant: &'a TenantId,
    thread: String,
}

impl Talk<'_> {
    async fn ask(&self, how: &str, line: &str) -> Response {
        let said = json!({ "messages": [{ "type": "human", "content": line }] });
        let asked = json!({
            "assistant_id": "agent", "input": said, "stream_mode": ["messages-tuple", "custom", "values", "updates"],
            "multitask_strategy": "interrupt",
        });
        self.served.post(self.tenant, &format!("/threads/{}/runs{how}", self.thread), &asked).await
    }

    /// What is answered to a line, when it is all said.
    pub async fn say(&self, line: &str) -> String {
        last(&read(self.ask("/wait", line).await).await)
    }

    /// The answer to a line while it is given.
    pub async fn follow(&self, line: &str) -> Following {
        Following { answer: self.ask("/stream", line).await, rest: String::new(), events: VecDeque::new() }
    }
}

/// The agent's last message.
pub fn last(values: &Value) -> String {
    let messages = values["messages"].as_array().unwrap_or_else(|| panic!("{values}"));
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "ai", "{last}");
    last["content"].as_str().unwrap().to_owned()
}

/// An answer while it is given, event by event.
pub struct Following {
    answer: Response,
    rest: String,
    events: VecDeque<(String, Value)>,
}

impl Following {
    /// The next event; nothing when the answer is over.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        while self.events.is_empty() {
            let chunk = self.answer.chunk().await.unwrap()?;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((event, rest)) = self.rest.split_once("\r\n\r\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                    self.events.push_back((name.trim().to_owned(), serde_json::from_str(data.trim()).unwrap()));
                }
                self.rest = rest.to_owned();
            }
        }
        self.events.pop_front()
    }
}
