//! Progress straight from the broker, over a WebSocket, with a token of the identity provider.

use std::{sync::Arc, time::Duration};

use async_nats::{Client, ConnectOptions, Event};
use chrono::{TimeDelta, Utc};
use futures::StreamExt;
use presdr_gateway::callout;
use presdr_nats::{
    Broker,
    callout::CalloutKeys,
    topology::{self, User},
};
use presdr_servers::{Nats, NatsConfig, testing};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{PATIENCE, World};

/// A broker that asks the world's gateway about connections with a token.
struct Asking {
    nats: testing::Own<Nats>,
    _stopping: DropGuard,
}

impl Asking {
    async fn new(world: &World) -> Self {
        let keys = Arc::new(CalloutKeys::new(&[9; 32]).unwrap());
        let access = topology::authorization_with_callout(|user| user.name().to_owned(), &keys);
        let nats = testing::nats_with(NatsConfig { access, websocket: true, ..NatsConfig::default() }).await.unwrap();
        let broker = Broker::connect(&nats.url(), Some((User::Gateway, "gateway"))).await.unwrap();
        let stopping = CancellationToken::new();
        let (gateway, until) = (world.gateway.clone(), stopping.clone());
        tokio::spawn(async move { callout::serve(&gateway, &broker, keys, until).await.unwrap() });
        Self { nats, _stopping: stopping.drop_guard() }
    }

    /// A connection with a token, and what the broker holds against it. Tried again while nobody answers questions yet.
    async fn connect(&self, token: &str) -> Option<(Client, mpsc::UnboundedReceiver<String>)> {
        let (told, complaints) = mpsc::unbounded_channel();
        let options =
            ConnectOptions::with_token(token.to_owned()).max_reconnects(Some(1)).event_callback(move |event| {
                let told = told.clone();
                async move {
                    if let Event::ServerError(_) | Event::Disconnected = event {
                        drop(told.send(event.to_string()));
                    }
                }
            });
        let client = options.connect(self.nats.websocket_url().unwrap()).await.ok()?;
        Some((client, complaints))
    }

    /// The first connection waits for the gateway to be listening.
    async fn first(&self, token: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
        let connected = async {
            loop {
                if let Some(connected) = self.connect(token).await {
                    return connected;
                }
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.unwrap()
    }
}

async fn next<T>(waited: impl Future<Output = Option<T>>) -> T {
    tokio::time::timeout(PATIENCE, waited).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_hears_its_own_tenants_progress_and_can_do_nothing_else() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("globex").await;
    let asking = Asking::new(&world).await;
    let projector = Broker::connect(&asking.nats.url(), Some((User::Topology, "topology"))).await.unwrap();
    topology::apply(&projector, &topology::TopologyConfig { events_bytes_max: 1 << 26, ..Default::default() })
        .await
        .unwrap();
    let projector = Broker::connect(&asking.nats.url(), Some((User::Projector, "projector"))).await.unwrap();
    let (client, mut complaints) = asking.first(&world.token("acme", "viewer")).await;

    let mut progress = client.subscribe("progress.acme.>").await.unwrap();
    // The broker may hear of the subscription after what is published on another connection.
    let heard = next(async {
        loop {
            for tenant in ["globex", "acme"] {
                let subject = format!("progress.{tenant}.run.1");
                projector.client().publish(subject, tenant.into()).await.unwrap();
            }
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(200), progress.next()).await {
                return heard;
            }
        }
    })
    .await;
    assert_eq!((heard.subject.as_str(), heard.payload.as_ref()), ("progress.acme.run.1", b"acme".as_slice()));

    // Everything else that such a client could try.
    for subject in
        ["progress.globex.>", "progress.>", "evt.acme.>", ">", "_INBOX.>", "$JS.EVENT.>", "$SYS.>", "progress.*.run.1"]
    {
        drop(client.subscribe(subject).await.unwrap());
        let complaint = next(complaints.recv()).await;
        assert!(complaint.to_lowercase().contains("subscription"), "{subject}: {complaint}");
    }
    for subject in [
        "progress.acme.run.1",
        "evt.acme.lead.scored",
        "$JS.API.INFO",
        "$JS.API.STREAM.NAMES",
        "$SYS.REQ.USER.AUTH",
        "_INBOX.x",
    ] {
        client.publish(subject, "x".into()).await.unwrap();
        let complaint = next(complaints.recv()).await;
        assert!(complaint.to_lowercase().contains("publish"), "{subject}: {complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_good_token_is_not_let_in_and_a_connection_ends_with_its_token() {
    let world = World::new().await;
    world.tenant("acme").await;
    let asking = Asking::new(&world).await;
    let good = world.provider.claims("acme", "viewer");
    drop(asking.first(&world.signer.sign(&good)).await);
    let changed = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        world.signer.sign(&claims)
    };
    let now = Utc::now();
    let bad = [
        changed("exp", json!((now - TimeDelta::minutes(5)).timestamp())),
        changed("aud", json!("another")),
        changed("tenant_id", json!("nobody")),
        changed("tenant_id", json!("*")),
        changed("tenant_id", json!(">")),
        changed("roles", json!([])),
        changed("sub", json!("x".repeat(9_000))),
        "gateway".to_owned(),
        String::new(),
    ];
    for token in bad {
        assert!(asking.connect(&token).await.is_none(), "{token}");
    }
    let soon = Utc::now() + TimeDelta::seconds(5);
    let (client, mut complaints) = asking.connect(&changed("exp", json!(soon.timestamp()))).await.unwrap();
    let mut progress = client.subscribe("progress.acme.>").await.unwrap();
    let complaint = next(complaints.recv()).await;
    assert!(complaint.to_lowercase().contains("expired"), "{complaint}");
    assert!(tokio::time::timeout(PATIENCE, progress.next()).await.unwrap().is_none(), "and it is over");
}
