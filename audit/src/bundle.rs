//! What an auditor takes away: a stretch of a tenant's log with the checkpoints that cover it, as JSON lines. It is verified with the public
//! key alone, without a database or a broker. Personal values in it are sealed.

use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
};

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
    checkpoints,
    error::AuditError,
    finding::{Difference, Finding, Signed, Store},
    firsts::Firsts,
    keys::PublicKeys,
    log::Message,
    verify::{STRETCH, Stores, Verified},
    walk::Head,
};

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

/// Verifies a bundle with nothing else than the public keys. `known` are checkpoints that were kept elsewhere, of any tenant.
///
/// # Errors
/// [`AuditError`] when it cannot be read as a bundle. What was found is the inner error.
pub fn verify(
    file: impl BufRead,
    keys: &PublicKeys,
    known: &[SignedCheckpoint],
) -> Result<Result<Verified, Finding>, AuditError> {
    let mut lines = lines(file);
    let Some((_, Line::Bundle(heading))) = lines.next().transpose()? else {
        return Err(malformed(1, format!("a bundle begins with a line of format {FORMAT:?}")));
    };
    if heading.format != FORMAT {
        return Err(malformed(1, format!("its format is {:?}, and {FORMAT:?} can be read here", heading.format)));
    }
    let start = heading.starts_behind.as_ref();
    let head = start.map_or_else(|| Head::genesis(&heading.tenant), |start| Head::of(&start.checkpoint));
    let mut reading = Reading {
        tenant: heading.tenant.clone(),
        good: head.sequence,
        start: head,
        head,
        signed: start.cloned().into_iter().collect(),
        keys,
    };
    for line in lines {
        let (number, line) = line?;
        let took = match line {
            Line::Event(event) => reading.event(&event).map_err(|why| malformed(number, why))?,
            Line::Checkpoint(signed) => reading.checkpoint(signed),
            Line::Bundle(_) => return Err(malformed(number, "a second beginning".to_owned())),
        };
        if let Err(finding) = took {
            return Ok(Err(finding));
        }
    }
    Ok(reading.end(&heading, known))
}

/// How far a bundle was read.
struct Reading<'a> {
    tenant: TenantId,
    start: Head,
    head: Head,
    /// The place of the last event that a checkpoint covers.
    good: u64,
    signed: Vec<SignedCheckpoint>,
    keys: &'a PublicKeys,
}

impl Reading<'_> {
    fn finding(&self, sequence: Option<u64>, event_id: Option<EventId>, difference: Difference) -> Finding {
        Finding { tenant: self.tenant.clone(), sequence, event_id, difference }
    }

    /// The outer error is of a line that cannot be read.
    fn event(&mut self, event: &EventLine) -> Result<Result<(), Finding>, String> {
        let body = match (&event.body, &event.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => STANDARD.decode(text).map_err(|_| "body_base64 is not base64".to_owned())?,
            _ => return Err("an event has either body or body_base64".to_owned()),
        };
        if event.sequence <= self.head.sequence {
            let columns = vec!["sequence".to_owned()];
            let difference = Difference::Differs { columns, signed: Signed::NotYet };
            return Ok(Err(self.finding(Some(event.sequence), Some(event.id), difference)));
        }
        let id = chain::identify(&event.subject, &body, event.sequence);
        let stored =
            Stored { tenant: &self.tenant, sequence: event.sequence, id, subject: &event.subject, body: &body };
        self.head.link(event.sequence, chain::leaf(&stored));
        if self.head.chain != event.chain || id != event.id {
            return Ok(Err(self.finding(Some(event.sequence), Some(event.id), Difference::Unchained)));
        }
        Ok(Ok(()))
    }

    fn checkpoint(&mut self, signed: SignedCheckpoint) -> Result<(), Finding> {
        let checkpoint = signed.checkpoint.clone();
        self.signed.push(signed);
        // Together with the one before, so that it is seen to follow.
        checkpoints::check(&self.signed[self.signed.len().saturating_sub(2)..], self.keys)?;
        if checkpoint.tenant != self.tenant {
            let why = format!("it is of tenant {}", checkpoint.tenant);
            let broken = Difference::Broken { checkpoint: checkpoint.number, why };
            return Err(self.finding(Some(checkpoint.sequence), None, broken));
        }
        if Head::of(&checkpoint) != self.head {
            return Err(self.finding(
                None,
                None,
                Difference::Recomputed {
                    after: self.good,
                    checkpoint: checkpoint.number,
                    signed_events: checkpoint.events,
                    events: self.head.events,
                },
            ));
        }
        self.good = checkpoint.sequence;
        Ok(())
    }

    fn end(self, heading: &Heading, known: &[SignedCheckpoint]) -> Result<Verified, Finding> {
        let newest = self.signed.last().map(|newest| &newest.checkpoint);
        let number = newest.map_or(0, |newest| newest.number);
        if number != heading.ends_with {
            let known_from = "the bundle's first line".to_owned();
            let removed = Difference::NoCheckpoint { checkpoint: heading.ends_with, known_from };
            return Err(self.finding(None, None, removed));
        }
        if self.head.sequence != self.good {
            let truncated = Difference::Truncated {
                checkpoint: number,
                covers: self.good,
                ends: self.head.sequence,
                of: Store::Bundle,
            };
            return Err(self.finding(Some(self.head.sequence), None, truncated));
        }
        self.compare(known)?;
        let start = heading.starts_behind.as_ref().map(|start| &start.checkpoint);
        Ok(Verified {
            from_checkpoint: start.map(|start| start.number),
            from_day: start.map(|start| start.day),
            to_checkpoint: newest.map(|newest| newest.number),
            to_day: newest.map(|newest| newest.day),
            events: self.head.events - self.start.events,
            sequence: self.head.sequence,
            not_signed_yet: 0,
            tenant: self.tenant,
        })
    }

    /// Checkpoints that were kept elsewhere and that the bundle says it has.
    fn compare(&self, known: &[SignedCheckpoint]) -> Result<(), Finding> {
        for known in known.iter().filter(|known| known.checkpoint.tenant == self.tenant && self.keys.verify(known)) {
            let checkpoint = known.checkpoint.number;
            let here = self.signed.iter().find(|signed| signed.checkpoint.number == checkpoint);
            if here.is_some_and(|here| here.checkpoint != known.checkpoint) {
                let known_from = "the checkpoints that were given".to_owned();
                let difference = Difference::TwoCheckpoints { checkpoint, known_from };
                return Err(self.finding(Some(known.checkpoint.sequence), None, difference));
            }
        }
        Ok(())
    }
}

/// Checkpoints that somebody kept: a JSON object a line, as `presdr audit checkpoint --json` prints them, or a bundle.
///
/// # Errors
/// [`AuditError::Format`] for a line that is neither.
pub fn known_checkpoints(file: impl BufRead) -> Result<Vec<SignedCheckpoint>, AuditError> {
    let mut known = Vec::new();
    for (number, line) in (1..).zip(file.lines()) {
        let line = line.map_err(|source| AuditError::File { what: "reading checkpoints".to_owned(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<SignedCheckpoint>(&line) {
            Ok(signed) => known.push(signed),
            Err(_) => match serde_json::from_str(&line).map_err(|error| malformed(number, error.to_string()))? {
                Line::Checkpoint(signed) => known.push(signed),
                Line::Bundle(heading) => known.extend(heading.starts_behind),
                Line::Event(_) => {}
            },
        }
    }
    Ok(known)
}

fn lines(file: impl BufRead) -> impl Iterator<Item = Result<(usize, Line), AuditError>> {
    (1..).zip(file.lines()).map(|(number, line)| {
        let line = line.map_err(|source| AuditError::File { what: "reading the bundle".to_owned(), source })?;
        let line = serde_json::from_str(&line).map_err(|error| malformed(number, error.to_string()))?;
        Ok((number, line))
    })
}

fn malformed(line: usize, why: String) -> AuditError {
    AuditError::Format { what: "the bundle".to_owned(), line, why }
}
