//! `bench events`: publishing beside a raw client with the same bytes, projecting beside a COPY of the rows.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, message::PublishMessage};
use futures::{TryStreamExt, stream};
use presdr_nats::{
    Broker, Message, Publisher,
    topology::{self, DURABLES, EVENTS, TopologyConfig},
};
use presdr_producers::bench::report::{Aim, Report};
use presdr_projections::{ProjectorConfig, bench::project_beside_copy};
use presdr_servers::Postgres;
use presdr_store::{Database, Role, keys::Keyring};
use serde_json::json;
use tokio::task::JoinSet;

use super::{author::Author, own::Folder};

/// Tasks that publish at the same time, raw and ours alike: a worker process has many.
const PUBLISHERS: usize = 4;
/// Their messages that are not acknowledged yet, of all together.
const IN_FLIGHT: usize = 256;
/// Each way is measured so often, in turns, on events of its own.
const ROUNDS: u32 = 3;
/// Events of the product's measure.
pub const EVENTS_DEFAULT: u32 = 20_000;

/// Publishes `count` events a round in each sync mode, and projects those of the durable one.
///
/// # Errors
/// When a server cannot be started, or does not take the events.
pub async fn measure(folder: &Path, count: u32) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let postgres = folder.postgres().await?;
    let author = Arc::new(Author::new(&postgres, 2 * count * ROUNDS).await?);
    let settings = BTreeMap::from([
        ("events a round".to_owned(), json!(count)),
        ("rounds".to_owned(), json!(ROUNDS)),
        ("bytes of an event".to_owned(), json!(author.event(1)?.body.len())),
        ("messages in flight".to_owned(), json!(IN_FLIGHT)),
        ("publishing tasks".to_owned(), json!(PUBLISHERS)),
    ]);
    let mut report = Report::new("events", settings, count == EVENTS_DEFAULT);
    for (mode, always) in [("two minutes", false), ("always", true)] {
        let nats = folder.nats(&format!("nats-{always}"), always).await?;
        let broker = Broker::connect(&nats.url(), None).await?;
        topology::apply(&broker, &TopologyConfig::default()).await?;
        publish(&author, &broker, count, mode, &mut report).await?;
        if always {
            project(&postgres, (&author.keyring, folder.path()), &broker, &mut report).await?;
        } else {
            encrypt(&author, &broker, count, &mut report).await?;
        }
        broker.close().await;
        nats.stop().await;
    }
    postgres.stop().await;
    Ok(report)
}

async fn publish(
    author: &Arc<Author>,
    broker: &Broker,
    count: u32,
    mode: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let raw = raw_stream(broker).await?;
    let publisher = Publisher::new(broker.clone());
    let (mut ours, mut beside) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=ROUNDS {
        // Companies of its own: a lead is extracted once in a run.
        let companies: Vec<u32> = ((round - 1) * count + 1..=round * count).collect();
        let messages: Vec<Message> = companies.iter().map(|at| author.event(*at)).collect::<Result<_, _>>()?;
        beside += together(shares(&messages), |messages| send_raw(raw.clone(), messages)).await?;
        let send = |companies| send(Arc::clone(author), publisher.clone(), companies, Author::event);
        ours += together(shares(&companies), send).await?;
    }
    let rate = |took: Duration| f64::from(count * ROUNDS) / took.as_secs_f64();
    report.compared(
        format!("sealed, encoded and published, sync_interval {mode}"),
        rate(ours),
        "1/s",
        "a raw client with the same bytes, ids and window",
        rate(beside),
        ("the ratio value / beside is", rate(ours) / rate(beside)),
        Some(Aim::AtLeast(0.8)),
    );
    Ok(())
}

/// A stream like EVENTS with the same durables, for the raw client alone: the broker has the same work with each message.
async fn raw_stream(broker: &Broker) -> anyhow::Result<jetstream::Context> {
    let events = topology::events(broker).await?;
    let mut config = events.get_info().await?.config;
    config.name = "RAW".to_owned();
    config.subjects = config.subjects.iter().map(|subject| raw(subject)).collect();
    let stream = broker.jetstream().create_stream(config).await?;
    for durable in DURABLES {
        let mut config = events.consumer_info(durable.name).await?.config;
        config.filter_subject =
            Some(config.filter_subject).filter(|one| !one.is_empty()).map(|one| raw(&one)).unwrap_or_default();
        config.filter_subjects = config.filter_subjects.iter().map(|subject| raw(subject)).collect();
        stream.create_consumer(config).await?;
    }
    Ok(broker.jetstream().clone())
}

/// An event's subject as the raw client has it: of the same length, so that both store the same bytes.
fn raw(subject: &str) -> String {
    subject.replacen("evt.", "raw.", 1)
}

/// Runs the shares at the same time, each in a task of its own as workers are; tells how long that took.
async fn together<T, Sending>(shares: Vec<T>, send: impl Fn(T) -> Sending) -> anyhow::Result<Duration>
where
    Sending: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let started = Instant::now();
    for share in shares {
        tasks.spawn(send(share));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(started.elapsed())
}

async fn send_raw(context: jetstream::Context, messages: Vec<Message>) -> anyhow::Result<()> {
    let context = &context;
    stream::iter(messages.into_iter().map(anyhow::Ok))
        .try_for_each_concurrent(IN_FLIGHT / PUBLISHERS, |message| async move {
            let publish = PublishMessage::build().message_id(message.id.to_string()).payload(message.body);
            context.send_publish(raw(&message.subject), publish).await?.await?;
            Ok(())
        })
        .await
}

/// What personal data costs where the disk costs least: events that name somebody beside as many bytes that name nobody.
async fn encrypt(author: &Arc<Author>, broker: &Broker, count: u32, report: &mut Report) -> anyhow::Result<()> {
    let publisher = Publisher::new(broker.clone());
    let (mut sealed, mut plain) = (Duration::ZERO, Duration::ZERO);
    for round in 1..=ROUNDS {
        // Behind those that were published already: an event that is stored again is cheaper.
        let companies: Vec<u32> = ((ROUNDS + round - 1) * count + 1..=(ROUNDS + round) * count).collect();
        let ways: [(Make, &mut Duration); 2] = [(Author::event_of_nobody, &mut plain), (Author::event, &mut sealed)];
        for (make, took) in ways {
            let shares = shares(&companies);
            *took += together(shares, |companies| send(Arc::clone(author), publisher.clone(), companies, make)).await?;
        }
    }
    let rate = |took: Duration| f64::from(count * ROUNDS) / took.as_secs_f64();
    report.compared(
        "the same with personal data, sync_interval two minutes",
        rate(sealed),
        "1/s",
        "events of as many bytes without personal data",
        rate(plain),
        ("the ratio value / beside is", rate(sealed) / rate(plain)),
        Some(Aim::AtLeast(0.85)),
    );
    Ok(())
}

/// How an event is made.
type Make = fn(&Author, u32) -> anyhow::Result<Message>;

/// What each publishing task has to do.
fn shares<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    (0..PUBLISHERS).map(|one| all.iter().skip(one).step_by(PUBLISHERS).cloned().collect()).collect()
}

async fn send(author: Arc<Author>, publisher: Publisher, companies: Vec<u32>, make: Make) -> anyhow::Result<()> {
    let (author, publisher) = (&author, &publisher);
    stream::iter(companies.into_iter().map(anyhow::Ok))
        .try_for_each_concurrent(IN_FLIGHT / PUBLISHERS, |company| async move {
            publisher.publish(&make(author, company)?).await?;
            Ok(())
        })
        .await
}

async fn project(
    postgres: &Postgres,
    (keyring, scratch): (&Keyring, &Path),
    broker: &Broker,
    report: &mut Report,
) -> anyhow::Result<()> {
    let owner = Database::connect(&postgres.url(), Role::Owner, 2).await?;
    let projector = Database::connect(&postgres.url(), Role::Projector, 2).await?;
    let config = ProjectorConfig { stream: EVENTS.to_owned(), ..ProjectorConfig::default() };
    let measured = project_beside_copy(&owner, &projector, broker.jetstream(), keyring, &config, scratch).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let rate = |took: Duration| measured.rows as f64 / took.as_secs_f64();
    report.compared(
        "projected rows",
        rate(measured.project),
        "1/s",
        "COPY of the same rows",
        rate(measured.copy),
        ("the ratio value / beside is", measured.ratio()),
        Some(Aim::AtLeast(0.5)),
    );
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    report.value("projected events", measured.events as f64 / measured.project.as_secs_f64(), "1/s", None);
    Ok(())
}
