//! `bench rebuild`: all read models made anew, beside a plain reading of the log and a COPY of the rows.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use async_nats::jetstream::{self, message::PublishMessage};
use futures::{StreamExt, TryStreamExt, stream};
use presdr_nats::{
    Broker, Message,
    topology::{self, EVENTS, TopologyConfig},
};
use presdr_producers::bench::report::{Aim, Report};
use presdr_projections::{
    ProjectorConfig,
    bench::{copy_rows, read_plainly},
    rebuild::{Progress, Rebuild, rebuild},
};
use presdr_store::{Database, Role};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    author::{Author, EVENTS_OF_LEAD},
    own::Folder,
};

/// Events of the product's measure.
pub const EVENTS_DEFAULT: u32 = 1_000_000;
/// Messages that are not acknowledged yet.
const IN_FLIGHT: usize = 512;
/// A rebuild's share of the slower of reading and copying.
const SHARE_MIN: f64 = 0.4;
/// Memory at the end, as a multiple of what there is when a tenth is done.
const GROWTH_MAX: f64 = 1.25;

/// Stores `count` events, makes all read models of them, and does each half of that plainly.
///
/// # Errors
/// When a server cannot be started, or does not take the events.
pub async fn measure(folder: &Path, count: u32) -> anyhow::Result<Report> {
    let folder = Folder::new(folder)?;
    let postgres = folder.postgres().await?;
    let nats = folder.nats("nats", false).await?;
    let broker = Broker::connect(&nats.url(), None).await?;
    topology::apply(&broker, &TopologyConfig::default()).await?;
    let leads = count.div_ceil(EVENTS_OF_LEAD);
    let author = Author::new(&postgres, leads).await?;
    publish(&author, &broker, leads).await?;

    let owner = Database::connect(&postgres.url(), Role::Owner, 2).await?;
    let projector = Database::connect(&postgres.url(), Role::Projector, 4).await?;
    let mut memory = Memory::default();
    let work = Rebuild {
        owner: &owner,
        projector: &projector,
        context: broker.jetstream(),
        keyring: &author.keyring,
        only: &[],
        config: ProjectorConfig { stream: EVENTS.to_owned(), ..ProjectorConfig::default() },
        cancel: CancellationToken::new(),
    };
    let rebuilt = rebuild(work, |progress| memory.look(progress)).await?;
    let (read, reading) = read_plainly(broker.jetstream(), EVENTS).await?;
    let copied = copy_rows(&owner, &projector, folder.path()).await?;

    let settings = BTreeMap::from([
        ("events".to_owned(), json!(read)),
        ("leads of a run".to_owned(), json!(super::author::LEADS_OF_RUN)),
        ("rows".to_owned(), json!(copied.rows)),
        ("bytes of rows".to_owned(), json!(copied.bytes)),
    ]);
    let mut report = Report::new("rebuild", settings, count == EVENTS_DEFAULT);
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let rate = |took: Duration| read as f64 / took.as_secs_f64();
    let slower = rate(reading).min(rate(copied.took));
    report.compared(
        "events rebuilt into all read models",
        rate(rebuilt.took),
        "1/s",
        "the slower of the two below",
        slower,
        ("the ratio value / beside is", rate(rebuilt.took) / slower),
        Some(Aim::AtLeast(SHARE_MIN)),
    );
    report.value("read by an ordered consumer alone", rate(reading), "1/s", None);
    report.value("a COPY of the same rows, in events", rate(copied.took), "1/s", None);
    report.compared(
        "memory at most, after a tenth",
        memory.later,
        "MB",
        "at most, in the first tenth",
        memory.first,
        ("the ratio value / beside is", memory.later / memory.first.max(f64::EPSILON)),
        Some(Aim::AtMost(GROWTH_MAX)),
    );
    broker.close().await;
    nats.stop().await;
    postgres.stop().await;
    Ok(report)
}

async fn publish(author: &Author, broker: &Broker, leads: u32) -> anyhow::Result<()> {
    let context = broker.jetstream();
    stream::iter(0..leads)
        .map(|company| author.lead(company + 1))
        .map_ok(|messages| stream::iter(messages.map(anyhow::Ok)))
        .try_flatten()
        .try_for_each_concurrent(IN_FLIGHT, |message| send(context, message))
        .await
}

async fn send(context: &jetstream::Context, message: Message) -> anyhow::Result<()> {
    let publish = PublishMessage::build().message_id(message.id.to_string()).payload(message.body);
    context.send_publish(message.subject, publish).await?.await?;
    Ok(())
}

/// What this process holds in memory while a rebuild goes on, in MB.
#[derive(Default)]
struct Memory {
    first: f64,
    later: f64,
}

impl Memory {
    fn look(&mut self, Progress { done, last, .. }: Progress) {
        let now = resident().unwrap_or(0.0);
        let most = if done <= last / 10 { &mut self.first } else { &mut self.later };
        *most = most.max(now);
    }
}

/// `VmRSS` of Linux, in MB.
fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}
