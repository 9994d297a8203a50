//! What an auditor takes away: a stretch of a tenant's log with the checkpoints that cover it, as JSON lines. It is verified with the public
//! key alone, without a database or a broker. Personal values in it are sealed.

mod verify;

use std::{collections::BTreeSet, io::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, NaiveDate, Utc};
use futures::{StreamExt, TryStreamExt};
use presdr_events::{
    Digest, EventId, TenantId,
    audit::SignedCheckpoint,
    chain::{self, Stored},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::AuditError,
    firsts::Firsts,
    log::Message,
    verify::{STRETCH, Stores},
    walk::Head,
};

pub use self::verify::{known_checkpoints, verify};

/// The permanent name of the format.
const FORMAT: &str = "presdr audit bundle v1";
/// What a person who opens the file should know.
const ABOUT: [&str; 6] = [
    "One JSON object a line. `event` lines hold what was published, in the order of the log, each event once; personal values are sealed.",
    "`checkpoint` lines stand behind the last event that they cover. Verify with: presdr audit verify --bundle THIS_FILE --public-key FILE.pem",
    "By hand: leaf = SHA-256('presdr audit event v1' 00, sequence as 8 bytes, event id as 16 bytes, length of the tenant's name as 2 bytes and \
     the name, length of the subject as 2 bytes and the subject, SHA-256 of the body as 32 bytes); numbers are big endian.",
    "chain of an event = SHA-256('presdr audit link v1' 00, chain before, leaf). It begins with the chain of the checkpoint in \
     `starts_behind`, or with SHA-256('presdr audit chain v1' 00, tenant).",
    "A checkpoint is signed with Ed25519 over the text of eight lines: 'presdr audit checkpoint v1', 'tenant T', 'number N', 'day D', \
     'sequence S', 'events E', 'chain C', 'previous P' (SHA-256 of the text of the checkpoint before, or 'none'), each ending in a line feed.",
    "The key that signed must be the auditor's own copy; a key that came with the bundle proves nothing.",
];

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first.
    Bundle(Box<Heading>),
    /// An event.
    Event(EventLine),
    /// A checkpoint that covers everything above.
    Checkpoint(SignedCheckpoint),
}

#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    format: String,
    about: Vec<String>,
    tenant: TenantId,
    exported_at: DateTime<Utc>,
    /// The checkpoint behind which the events begin; none: with the tenant's first.
    starts_behind: Option<SignedCheckpoint>,
    /// The checkpoint with which it ends.
    ends_with: u32,
    /// SHA-256 of the public keys (DER) that signed.
    keys: Vec<Digest>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EventLine {
    sequence: u64,
    id: EventId,
    subject: String,
    stored_at: DateTime<Utc>,
    chain: Digest,
    /// The exact bytes, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The exact bytes, where they are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Whose.
    pub tenant: TenantId,
    /// The checkpoint behind which it begins; none: with the tenant's first event.
    pub from_checkpoint: Option<u32>,
    /// The checkpoint with which it ends.
    pub to_checkpoint: u32,
    /// That checkpoint's day.
    pub to_day: NaiveDate,
    /// How many events, each once.
    pub events: u64,
}

impl Stores<'_> {
    /// Writes a tenant's bundle: everything that happened from day `from` to day `to`, and as much around it as whole checkpoints take.
    ///
    /// # Errors
    /// [`AuditError::NoCheckpoint`] before there is one; otherwise what the stores or the file say.
    pub async fn export(
        &self,
        tenant: &TenantId,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        exported_at: DateTime<Utc>,
        file: &mut (dyn Write + Send),
    ) -> Result<Exported, AuditError> {
        let (_, kept) = self.read(tenant).await?;
        let (start, covering) = covering(&kept, from, to).ok_or_else(|| AuditError::NoCheckpoint(tenant.clone()))?;
        let Some(end) = covering.last() else { return Err(AuditError::NoCheckpoint(tenant.clone())) };
        let keys: BTreeSet<Digest> = start.into_iter().chain(covering).map(|signed| signed.key).collect();
        let heading = Heading {
            format: FORMAT.to_owned(),
            about: ABOUT.map(str::to_owned).to_vec(),
            tenant: tenant.clone(),
            exported_at,
            starts_behind: start.cloned(),
            ends_with: end.checkpoint.number,
            keys: keys.into_iter().collect(),
        };
        write(file, &Line::Bundle(Box::new(heading)))?;
        let mut head = start.map_or_else(|| Head::genesis(tenant), |start| Head::of(&start.checkpoint));
        let before = head.events;
        let mut open = covering.iter().peekable();
        let messages = self.log.of_tenant(tenant, head.sequence, end.checkpoint.sequence).await?;
        let mut stretches = std::pin::pin!(messages.try_chunks(STRETCH));
        let mut firsts = Firsts::new(*self, tenant, head.sequence);
        while let Some(stretch) = stretches.next().await {
            for (_, message) in firsts.keep(stretch.map_err(|error| error.1)?).await? {
                while let Some(passed) = open.next_if(|next| next.checkpoint.sequence < message.sequence) {
                    write(file, &Line::Checkpoint(passed.clone()))?;
                }
                write(file, &Line::Event(event(tenant, message, &mut head)))?;
            }
        }
        for passed in open {
            write(file, &Line::Checkpoint(passed.clone()))?;
        }
        file.flush().map_err(unwritable)?;
        Ok(Exported {
            tenant: tenant.clone(),
            from_checkpoint: start.map(|start| start.checkpoint.number),
            to_checkpoint: end.checkpoint.number,
            to_day: end.checkpoint.day,
            events: head.events - before,
        })
    }
}

/// The checkpoint behind which the days begin, and those that cover them: a checkpoint of a day may have been made at any time of it.
fn covering(
    kept: &[SignedCheckpoint],
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> Option<(Option<&SignedCheckpoint>, &[SignedCheckpoint])> {
    let oldest = kept.first()?;
    let before = from.map_or(0, |from| kept.partition_point(|signed| signed.checkpoint.day < from));
    // Behind the oldest that is kept there is nothing to begin with, unless it is the first.
    let begin = if before == 0 && oldest.checkpoint.number > 1 { 1 } else { before };
    let after = to.map_or(kept.len(), |to| kept.partition_point(|signed| signed.checkpoint.day <= to) + 1);
    let end = after.min(kept.len());
    let start = begin.checked_sub(1).and_then(|at| kept.get(at));
    (begin < end).then(|| (start, &kept[begin..end]))
}

fn event(tenant: &TenantId, message: Message, head: &mut Head) -> EventLine {
    let Message { sequence, subject, body, stored_at } = message;
    let id = chain::identify(&subject, &body, sequence);
    head.link(sequence, chain::leaf(&Stored { tenant, sequence, id, subject: &subject, body: &body }));
    let text = std::str::from_utf8(&body).ok().map(str::to_owned);
    let body_base64 = text.is_none().then(|| STANDARD.encode(&body));
    EventLine { sequence, id, subject, stored_at, chain: head.chain, body: text, body_base64 }
}

fn write(file: &mut (dyn Write + Send), line: &Line) -> Result<(), AuditError> {
    let mut bytes = serde_json::to_vec(line).map_err(|error| AuditError::Refused(error.to_string()))?;
    bytes.push(b'\n');
    file.write_all(&bytes).map_err(unwritable)
}

fn unwritable(source: std::io::Error) -> AuditError {
    AuditError::File { what: "writing the bundle".to_owned(), source }
}
