//! Streams, durables and users: what the broker holds, as code. `presdr topology apply` makes it so.
//!
//! EVENTS is a system of record: file storage, no age or count limit, `deny_delete`, and `discard = new`, so that a full stream refuses
//! rather than forgets. Few durables, none per tenant or run; each starts at a recorded sequence, so that a new or recreated worker
//! never redoes last year's leads.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{
    ErrorCode,
    consumer::{AckPolicy, DeliverPolicy, pull},
    context::GetStreamErrorKind,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream},
};
use presdr_events::{Event, EventType, Subject, event::types};

use crate::{
    Broker, BrokerError,
    callout::{self, CalloutKeys},
};

/// The system of record.
pub const EVENTS: &str = "EVENTS";
/// Short-lived progress for people who watch.
pub const PROGRESS: &str = "PROGRESS";

/// How long the broker knows an event's id. The first stored wins after that too: readers go by id.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// What one message may have: an event has 64 KiB at most, and headers.
const MESSAGE_BYTES_MAX: i32 = 96 * 1024;
const PROGRESS_AGE_MAX: Duration = Duration::from_secs(15 * 60);
const PROGRESS_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// More than any fleet's slots: the slots are the limit, not this.
const ACK_PENDING_MAX: i64 = 20_000;

/// What differs between a laptop and a fleet.
#[derive(Debug, Clone)]
pub struct TopologyConfig {
    /// Copies of each stream: 1, or 3 in a fleet.
    pub replicas: usize,
    /// How large EVENTS may grow, in bytes: the server sets so much of its disk aside. At 70% an operator is warned.
    pub events_bytes_max: i64,
    /// How long a delivery may go without a sign of life.
    pub ack_wait: Duration,
}

impl Default for TopologyConfig {
    fn default() -> Self {
        Self { replicas: 1, events_bytes_max: 4 << 30, ack_wait: Duration::from_secs(30) }
    }
}

/// A kind of worker: its durable's permanent name and the events that call for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durable {
    /// The permanent name.
    pub name: &'static str,
    /// What it answers.
    pub events: &'static [EventType],
}

/// Every durable there is.
pub const DURABLES: &[Durable] = &[
    Durable { name: "run", events: &[types::RunStarted, types::RunResumed, types::RunCancelled] },
    Durable { name: "resolve", events: &[types::LeadAdmitted] },
    Durable { name: "search", events: &[types::LeadDomainMissing] },
    Durable { name: "crawl", events: &[types::LeadDomainResolved] },
    Durable { name: "vendor_read", events: &[types::LeadThin, types::LeadBlocked] },
    Durable { name: "extract", events: &[types::LeadCrawled, types::LeadThin, types::LeadVendorRead] },
    Durable {
        name: "contacts",
        events: &[types::LeadDomainMissing, types::LeadBlocked, types::LeadVendorRead, types::LeadExtracted],
    },
    Durable { name: "verify", events: &[types::LeadExtracted, types::LeadContactsFound] },
    Durable {
        name: "score",
        events: &[
            types::LeadDomainMissing,
            types::LeadBlocked,
            types::LeadVendorRead,
            types::LeadExtracted,
            types::LeadContactsFound,
            types::LeadEmailsVerified,
        ],
    },
    Durable { name: "sync", events: &[types::RunShortlisted, types::RunSyncRequested] },
];

impl Durable {
    /// The durable of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        DURABLES.iter().copied().find(|durable| durable.name == name)
    }

    fn config(self, start_sequence: u64, ack_wait: Duration) -> pull::Config {
        pull::Config {
            durable_name: Some(self.name.to_owned()),
            description: Some(format!(
                "presdr: answers {}",
                self.events.iter().map(|event| event.name).collect::<Vec<_>>().join(", ")
            )),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            max_deliver: -1,
            max_ack_pending: ACK_PENDING_MAX,
            filter_subjects: self.events.iter().map(|event| Subject::filter(*event)).collect(),
            ..Default::default()
        }
    }
}

/// What `apply` found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The thing's name.
    pub name: String,
    /// `created`, `updated` or `unchanged`.
    pub change: &'static str,
    /// In words.
    pub detail: String,
}

/// Makes streams and durables as this version needs them. What is there already and right stays untouched; a durable's
/// place in the log is never moved.
///
/// # Errors
/// [`BrokerError`] when the broker refuses, or holds something that must not be changed in place.
pub async fn apply(broker: &Broker, config: &TopologyConfig) -> Result<Vec<Applied>, BrokerError> {
    apply_from(broker, config, &BTreeMap::new()).await
}

/// The same, and durables that are not there begin at these places, for a log that was read in: see [`unanswered`].
///
/// # Errors
/// As [`apply`].
pub async fn apply_from(
    broker: &Broker,
    config: &TopologyConfig,
    starts: &BTreeMap<String, u64>,
) -> Result<Vec<Applied>, BrokerError> {
    let mut applied =
        vec![stream(broker, events_stream(config)).await?, stream(broker, progress_stream(config)).await?];
    let events = events(broker).await?;
    for durable in DURABLES {
        applied.push(self::durable(&events, *durable, config, starts.get(durable.name).copied()).await?);
    }
    Ok(applied)
}

/// From where on each durable has events that it may not have answered: begun there, it misses nothing and meets some again.
///
/// # Errors
/// [`BrokerError`] when the broker does not tell.
pub async fn unanswered(events: &Stream) -> Result<BTreeMap<String, u64>, BrokerError> {
    let mut places = BTreeMap::new();
    for durable in DURABLES {
        let what = || BrokerError::api(format!("asking where durable {} stands", durable.name));
        let held = events.consumer_info(durable.name).await.map_err(|error| what()(error.to_string()))?;
        let next = held.ack_floor.stream_sequence + 1;
        places.insert(durable.name.to_owned(), next.max(start_of(&held.config.deliver_policy)));
    }
    Ok(places)
}

/// The EVENTS stream.
///
/// # Errors
/// [`BrokerError::NoStream`] when the topology was not applied.
pub async fn events(broker: &Broker) -> Result<Stream, BrokerError> {
    broker.jetstream().get_stream(EVENTS).await.map_err(|_| BrokerError::NoStream(EVENTS))
}

/// Where EVENTS ends, if there is one.
///
/// # Errors
/// [`BrokerError`] when the broker does not tell.
pub async fn end_of_events(broker: &Broker) -> Result<Option<u64>, BrokerError> {
    match broker.jetstream().get_stream(EVENTS).await {
        Ok(stream) => Ok(Some(stream.cached_info().state.last_sequence)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(refused) if refused.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            _ => Err(BrokerError::api(format!("looking for stream {EVENTS}"))(error.to_string())),
        },
    }
}

/// From this share of its size on (0 to 1) EVENTS is nearly full: an operator is told to give it more room.
pub const NEARLY_FULL: f64 = 0.7;

/// How much of its size EVENTS has used, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// What it holds.
    pub bytes: u64,
    /// What it may hold.
    pub bytes_max: i64,
}

impl Fill {
    /// 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub fn share(self) -> f64 {
        self.bytes as f64 / self.bytes_max.max(1) as f64
    }
}

/// How full EVENTS is.
///
/// # Errors
/// [`BrokerError::NoStream`] when the topology was not applied.
pub async fn fill(broker: &Broker) -> Result<Fill, BrokerError> {
    let stream = events(broker).await?;
    let info = stream.cached_info();
    Ok(Fill { bytes: info.state.bytes, bytes_max: info.config.max_bytes })
}

fn events_stream(config: &TopologyConfig) -> Config {
    Config {
        name: EVENTS.to_owned(),
        description: Some("presdr: every pipeline action, for good".to_owned()),
        subjects: vec![Subject::ALL.to_owned()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        max_bytes: config.events_bytes_max,
        max_message_size: MESSAGE_BYTES_MAX,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: config.replicas,
        deny_delete: true,
        allow_direct: true,
        ..Default::default()
    }
}

fn progress_stream(config: &TopologyConfig) -> Config {
    Config {
        name: PROGRESS.to_owned(),
        description: Some("presdr: what people watch, for a quarter of an hour".to_owned()),
        subjects: vec!["progress.>".to_owned()],
        storage: StorageType::Memory,
        max_age: PROGRESS_AGE_MAX,
        max_bytes: PROGRESS_BYTES_MAX,
        max_message_size: MESSAGE_BYTES_MAX,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: config.replicas,
        allow_direct: true,
        ..Default::default()
    }
}

async fn stream(broker: &Broker, wanted: Config) -> Result<Applied, BrokerError> {
    let name = wanted.name.clone();
    let before = broker.jetstream().get_stream(&name).await.ok().map(|stream| stream.cached_info().config.clone());
    let change = match &before {
        None => "created",
        Some(held) if same_stream(held, &wanted) => {
            return Ok(Applied { name, change: "unchanged", detail: String::new() });
        }
        Some(_) => "updated",
    };
    let made = match before {
        None => broker.jetstream().create_stream(wanted).await.map(|_| ()).map_err(|error| error.to_string()),
        Some(_) => broker.jetstream().update_stream(wanted).await.map(|_| ()).map_err(|error| error.to_string()),
    };
    made.map_err(BrokerError::api(format!("making stream {name}")))?;
    Ok(Applied { name, change, detail: "stream".to_owned() })
}

fn same_stream(held: &Config, wanted: &Config) -> bool {
    held.subjects == wanted.subjects
        && held.max_bytes == wanted.max_bytes
        && held.max_message_size == wanted.max_message_size
        && held.num_replicas == wanted.num_replicas
        && held.duplicate_window == wanted.duplicate_window
        && held.deny_delete == wanted.deny_delete
        && held.allow_direct == wanted.allow_direct
        && held.discard == wanted.discard
}

/// Creates a durable at `start`, or at the end of the log as it stands, which is the beginning of an empty one.
async fn durable(
    events: &Stream,
    durable: Durable,
    config: &TopologyConfig,
    start: Option<u64>,
) -> Result<Applied, BrokerError> {
    let name = durable.name.to_owned();
    let failed = |error: String| BrokerError::Api { what: format!("making durable {}", durable.name), error };
    if let Ok(held) = events.consumer_info(&name).await {
        let wanted: Vec<String> = durable.events.iter().map(|event| Subject::filter(*event)).collect();
        let filters = match held.config.filter_subject.is_empty() {
            true => held.config.filter_subjects.clone(),
            false => vec![held.config.filter_subject.clone()],
        };
        if filters == wanted && held.config.ack_wait == config.ack_wait {
            return Ok(Applied { name, change: "unchanged", detail: String::new() });
        }
        let start = start_of(&held.config.deliver_policy);
        events
            .create_consumer(durable.config(start, config.ack_wait))
            .await
            .map_err(|error| failed(error.to_string()))?;
        return Ok(Applied { name, change: "updated", detail: format!("still from sequence {start}") });
    }
    let info = events.get_info().await.map_err(|error| failed(error.to_string()))?;
    let start = start.unwrap_or(info.state.last_sequence + 1);
    events.create_consumer(durable.config(start, config.ack_wait)).await.map_err(|error| failed(error.to_string()))?;
    Ok(Applied { name, change: "created", detail: format!("from sequence {start}") })
}

fn start_of(policy: &DeliverPolicy) -> u64 {
    match policy {
        DeliverPolicy::ByStartSequence { start_sequence } => *start_sequence,
        _ => 1,
    }
}

/// A broker user: one per kind of service, with only the subjects it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Changes streams: nobody else may.
    Topology,
    /// Consumes work and publishes events.
    Worker,
    /// Reads EVENTS.
    Projector,
    /// Publishes events: ingest, scheduler, command line.
    Producer,
    /// Publishes events, and hears what people watch.
    Gateway,
    /// Reads EVENTS as evidence, and publishes nothing.
    Auditor,
    /// Removes a tenant's messages: its password is for `presdr tenant purge` alone.
    Eraser,
    /// Writes the log out: its password is for `presdr backup` alone.
    Backup,
    /// Reads a log in, in the place of the one that is there: its password is for `presdr restore` alone.
    Restore,
}

impl User {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Topology,
        Self::Worker,
        Self::Projector,
        Self::Producer,
        Self::Gateway,
        Self::Auditor,
        Self::Eraser,
        Self::Backup,
        Self::Restore,
    ];

    /// The user's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::Worker => "worker",
            Self::Projector => "projector",
            Self::Producer => "producer",
            Self::Gateway => "gateway",
            Self::Auditor => "auditor",
            Self::Eraser => "eraser",
            Self::Backup => "backup",
            Self::Restore => "restore",
        }
    }

    /// Where its answers go: nobody else may listen there.
    #[must_use]
    pub fn inbox(self) -> String {
        format!("_INBOX.{}", self.name())
    }

    /// The subjects it may publish to.
    fn publishes(self) -> Vec<String> {
        let info = [format!("$JS.API.STREAM.INFO.{EVENTS}"), "$JS.API.INFO".to_owned()];
        let own: Vec<String> = match self {
            Self::Topology => vec![
                "$JS.API.STREAM.CREATE.*".to_owned(),
                "$JS.API.STREAM.UPDATE.*".to_owned(),
                "$JS.API.STREAM.INFO.*".to_owned(),
                "$JS.API.CONSUMER.>".to_owned(),
            ],
            Self::Worker => vec!["evt.>".to_owned(), format!("$JS.API.CONSUMER.INFO.{EVENTS}.*")]
                .into_iter()
                .chain(DURABLES.iter().flat_map(|durable| {
                    [
                        format!("$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.{}", durable.name),
                        format!("$JS.ACK.{EVENTS}.{}.>", durable.name),
                    ]
                }))
                .collect(),
            Self::Projector => reading().into_iter().chain(["progress.>".to_owned()]).collect(),
            Self::Auditor => reading(),
            Self::Producer => vec![
                "evt.>".to_owned(),
                format!("$JS.API.CONSUMER.INFO.{EVENTS}.*"),
                format!("$JS.API.CONSUMER.LIST.{EVENTS}"),
            ],
            Self::Gateway => vec!["evt.>".to_owned(), format!("$JS.API.DIRECT.GET.{PROGRESS}.progress.>")],
            Self::Eraser => vec![
                format!("$JS.API.STREAM.PURGE.{EVENTS}"),
                format!("$JS.API.STREAM.PURGE.{PROGRESS}"),
                format!("$JS.API.STREAM.INFO.{PROGRESS}"),
            ],
            Self::Backup => vec![
                format!("$JS.API.STREAM.SNAPSHOT.{EVENTS}"),
                format!("$JS.SNAPSHOT.ACK.{EVENTS}.>"),
                format!("$JS.API.CONSUMER.INFO.{EVENTS}.*"),
                format!("$JS.API.STREAM.MSG.GET.{EVENTS}"),
                format!("$JS.API.DIRECT.GET.{EVENTS}"),
            ],
            Self::Restore => vec![
                format!("$JS.API.STREAM.DELETE.{EVENTS}"),
                format!("$JS.API.STREAM.RESTORE.{EVENTS}"),
                format!("$JS.SNAPSHOT.RESTORE.{EVENTS}.>"),
            ],
        };
        info.into_iter().chain(own).collect()
    }

    /// What it may not publish to even so: who reads makes and ends consumers of its own, and leaves the workers' alone.
    fn never_publishes(self) -> Vec<String> {
        match self {
            Self::Projector | Self::Auditor => DURABLES
                .iter()
                .flat_map(|durable| {
                    ["CREATE", "DELETE", "MSG.NEXT"]
                        .map(|verb| format!("$JS.API.CONSUMER.{verb}.{EVENTS}.{}", durable.name))
                        .into_iter()
                        .chain([format!("$JS.API.CONSUMER.CREATE.{EVENTS}.{}.>", durable.name)])
                })
                .collect(),
            Self::Topology
            | Self::Worker
            | Self::Producer
            | Self::Gateway
            | Self::Eraser
            | Self::Backup
            | Self::Restore => Vec::new(),
        }
    }

    /// What it hears: its own answers, and the gateway what people watch.
    fn hears(self) -> Vec<String> {
        let own = format!("{}.>", self.inbox());
        match self {
            Self::Gateway => vec![own, "progress.>".to_owned(), callout::SUBJECT.to_owned()],
            _ => vec![own],
        }
    }
}

/// What reading EVENTS takes: ordered consumers of one's own, and single messages.
fn reading() -> Vec<String> {
    vec![
        format!("$JS.API.CONSUMER.CREATE.{EVENTS}.>"),
        format!("$JS.API.CONSUMER.INFO.{EVENTS}.*"),
        format!("$JS.API.CONSUMER.DELETE.{EVENTS}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.*"),
        format!("$JS.API.DIRECT.GET.{EVENTS}"),
        format!("$JS.API.DIRECT.GET.{EVENTS}.>"),
        format!("$JS.API.STREAM.MSG.GET.{EVENTS}"),
        format!("$JS.FC.{EVENTS}.>"),
    ]
}

/// The `authorization` block of a server's configuration: every user with its password and its subjects.
///
/// `password` gives each user's; the block holds secrets and belongs into a file that only the server reads.
#[must_use]
pub fn authorization(password: impl Fn(User) -> String) -> String {
    block(password, "")
}

/// The same for servers that ask about everybody else who connects: whoever has a token is let in to listen ([`callout`]).
pub fn authorization_with_callout(password: impl Fn(User) -> String, keys: &CalloutKeys) -> String {
    block(password, &callout_block(keys))
}

/// What stands in `authorization` for servers that ask about everybody but our users.
#[must_use]
pub fn callout_block(keys: &CalloutKeys) -> String {
    let names: Vec<&str> = User::ALL.into_iter().map(User::name).collect();
    let (issuer, curve) = (keys.issuer(), keys.curve());
    format!("  auth_callout {{ issuer: {issuer:?}, xkey: {curve:?}, auth_users: [{}] }}\n", names.join(", "))
}

fn block(password: impl Fn(User) -> String, callout: &str) -> String {
    let quoted =
        |subjects: Vec<String>| subjects.iter().map(|subject| format!("{subject:?}")).collect::<Vec<_>>().join(", ");
    let users: Vec<String> = User::ALL
        .iter()
        .map(|user| {
            // Who answers servers' questions answers where each asks to be answered.
            let answers = if *user == User::Gateway { ", allow_responses: { max: 1, expires: \"10s\" }" } else { "" };
            format!(
                "    {{ user: {:?}, password: {:?}, permissions: {{ publish: {{ allow: [{}], deny: [{}] }}, subscribe: {{ allow: [{}] }}{answers} }} }}",
                user.name(),
                password(*user),
                quoted(user.publishes()),
                quoted(user.never_publishes()),
                quoted(user.hears()),
            )
        })
        .collect();
    format!("authorization {{\n{callout}  users: [\n{}\n  ]\n}}\n", users.join(",\n"))
}

/// Every event type that some durable answers, for the documents.
#[must_use]
pub fn answered() -> Vec<(EventType, &'static str)> {
    Event::TYPES
        .iter()
        .flat_map(|event| {
            DURABLES.iter().filter(|durable| durable.events.contains(event)).map(|durable| (*event, durable.name))
        })
        .collect()
}
