//! A bundle read again: verified with the public keys, and nothing else.

use std::io::BufRead;

use base64::{Engine, engine::general_purpose::STANDARD};
use presdr_events::{
    EventId, TenantId,
    audit::{Checkpoint, SignedCheckpoint},
    chain::{self, Stored},
};

use super::{EventLine, FORMAT, Heading, Line};
use crate::{
    checkpoints,
    error::AuditError,
    finding::{Difference, Finding, Signed, Store},
    keys::PublicKeys,
    verify::Verified,
    walk::Head,
};

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
    if let Err(finding) = start.map_or(Ok(()), |start| reading.begin(start)) {
        return Ok(Err(finding));
    }
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

    fn broken(&self, checkpoint: &Checkpoint, why: String) -> Finding {
        self.finding(Some(checkpoint.sequence), None, Difference::Broken { checkpoint: checkpoint.number, why })
    }

    fn is_ours(&self, checkpoint: &Checkpoint) -> Result<(), Finding> {
        match checkpoint.tenant == self.tenant {
            true => Ok(()),
            false => Err(self.broken(checkpoint, format!("it is of tenant {}", checkpoint.tenant))),
        }
    }

    /// The checkpoint behind which it begins.
    fn begin(&self, start: &SignedCheckpoint) -> Result<(), Finding> {
        checkpoints::check(std::slice::from_ref(start), self.keys)?;
        self.is_ours(&start.checkpoint)
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
        let opens = self.signed.is_empty();
        self.signed.push(signed);
        // Together with the one before, so that it is seen to follow.
        checkpoints::check(&self.signed[self.signed.len().saturating_sub(2)..], self.keys)?;
        self.is_ours(&checkpoint)?;
        if opens && checkpoint.number != 1 {
            // Events that begin with the tenant's first are covered from its first checkpoint on.
            return Err(self.broken(&checkpoint, "the first was removed".to_owned()));
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
        let start = heading.starts_behind.as_ref().map(|start| &start.checkpoint);
        // A bundle has a checkpoint of its own: otherwise it would prove nothing.
        if number != heading.ends_with || number == start.map_or(0, |start| start.number) {
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
