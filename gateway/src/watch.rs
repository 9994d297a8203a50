//! What runs publish of themselves while they go on: heard once per process, handed on to whoever watches that run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::{Subscriber, jetstream::stream::DirectGetErrorKind};
use bytes::Bytes;
use futures::StreamExt;
use presdr_events::{RunId, TenantId};
use presdr_nats::{Broker, topology::PROGRESS};
use presdr_projections::progress::{self, Progress};
use presdr_store::{StoreError, TenantTx};
use tokio::{
    sync::{OnceCell, broadcast},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

/// News that one who watches may be behind: more are summed up by the newest, since counts are absolute.
const BEHIND_MAX: usize = 64;
/// Runs whose counts are remembered.
const COUNTED_MAX: usize = 1000;
/// Before listening again when the broker would not have it.
const RETRY: Duration = Duration::from_secs(1);

/// What is heard. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Inner>);

struct Inner {
    broker: Broker,
    runs: Arc<Runs>,
    listening: OnceCell<Listening>,
    /// What was counted of runs, by subject.
    counted: Mutex<HashMap<String, Progress>>,
}

/// Ends with the last of the gateway.
struct Listening {
    _task: AbortOnDropHandle<()>,
}

/// The runs that somebody watches, by subject.
#[derive(Default)]
struct Runs(Mutex<HashMap<String, broadcast::Sender<Arc<News>>>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, broadcast::Sender<Arc<News>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Progress as those who watch are told it: written once for all of them.
pub(crate) struct News {
    /// The place in the log up to which it counts.
    pub(crate) sequence: i64,
    /// Whether nothing more will happen.
    pub(crate) over: bool,
    /// The event of the stream.
    pub(crate) event: Bytes,
}

impl News {
    pub(crate) fn of(progress: &Progress) -> Result<Self, serde_json::Error> {
        let (sequence, over) = (progress.sequence, progress.over);
        let data = serde_json::to_string(progress)?;
        let event = format!("event: progress\ndata: {data}\nid: {sequence}\n\n").into();
        Ok(Self { sequence, over, event })
    }
}

/// Somebody who watches a run.
pub(crate) struct Watching {
    pub(crate) news: broadcast::Receiver<Arc<News>>,
    subject: String,
    runs: Arc<Runs>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut runs = self.runs.lock();
        // Two that leave together leave one after the other.
        self.news = broadcast::channel(1).1;
        if runs.get(&self.subject).is_some_and(|sender| sender.receiver_count() == 0) {
            runs.remove(&self.subject);
        }
    }
}

impl Watch {
    /// `broker` is a connection of [`User::Gateway`](presdr_nats::topology::User::Gateway). Nothing is heard before somebody watches.
    pub(crate) fn new(broker: Broker) -> Self {
        Self(Arc::new(Inner { broker, runs: Arc::default(), listening: OnceCell::new(), counted: Mutex::default() }))
    }

    /// Watches a run from now on: what is published after an answer to [`newest`](Self::newest) that was asked for later is heard.
    pub(crate) async fn run(&self, tenant: &TenantId, run: RunId) -> Watching {
        let Inner { broker, runs, listening, .. } = &*self.0;
        let subject = progress::subject(tenant, run.get());
        let news = {
            let mut watched = runs.lock();
            let sender = watched.entry(subject.clone()).or_insert_with(|| broadcast::channel(BEHIND_MAX).0);
            sender.subscribe()
        };
        let watching = Watching { news, subject, runs: Arc::clone(runs) };
        let listen = async || {
            let first = subscribe(broker).await;
            let task = tokio::spawn(listen(broker.clone(), first, Arc::clone(runs)));
            Listening { _task: AbortOnDropHandle::new(task) }
        };
        listening.get_or_init(listen).await;
        watching
    }

    /// What the read models know of a run, which is in them up to a place in the log. Counted once for all who ask until there is more.
    pub(crate) async fn counted(
        &self,
        tx: &mut TenantTx,
        run: RunId,
        up_to: i64,
    ) -> Result<Option<Progress>, StoreError> {
        let subject = progress::subject(tx.tenant(), run.get());
        let known = self.counts().get(&subject).filter(|counted| counted.sequence >= up_to).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let counted = progress::standing(tx, run).await?;
        let mut counts = self.counts();
        if counts.len() >= COUNTED_MAX {
            counts.clear();
        }
        counts.extend(counted.iter().map(|counted| (subject.clone(), counted.clone())));
        Ok(counted)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, Progress>> {
        self.0.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest that a run has published, if it has lately. `None` as well when the broker cannot be asked: the read models know, too.
    pub(crate) async fn newest(&self, tenant: &TenantId, run: RunId) -> Option<Progress> {
        let stream = self.0.broker.jetstream().get_stream_no_info(PROGRESS).await.ok()?;
        match stream.direct_get_last_for_subject(progress::subject(tenant, run.get())).await {
            Ok(message) => serde_json::from_slice(&message.payload).ok(),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, "the newest progress could not be read from the broker");
                None
            }
        }
    }
}

/// The server takes what one connection says in turn: it has the subscription before anything that is asked of it afterwards.
async fn subscribe(broker: &Broker) -> Option<Subscriber> {
    let subscribed = broker.client().subscribe("progress.>").await;
    subscribed.inspect_err(|error| tracing::warn!(%error, "progress cannot be heard")).ok()
}

/// Hears everything, and hands on what somebody watches. The connection subscribes again by itself when it was lost.
async fn listen(broker: Broker, mut messages: Option<Subscriber>, runs: Arc<Runs>) {
    loop {
        if let Some(mut messages) = messages {
            while let Some(message) = messages.next().await {
                hand_on(&runs, &message);
            }
        }
        sleep(RETRY).await;
        messages = subscribe(&broker).await;
    }
}

fn hand_on(runs: &Runs, message: &async_nats::Message) {
    let Some(sender) = runs.lock().get(message.subject.as_str()).cloned() else { return };
    match serde_json::from_slice(&message.payload).and_then(|progress| News::of(&progress)) {
        Ok(news) => drop(sender.send(Arc::new(news))), // whoever watched may have left
        Err(error) => tracing::warn!(%error, "progress of another version is passed over"),
    }
}
