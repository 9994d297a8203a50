//! One tenant's chain, walked twice at the same time: as the log makes it, and as the audit log says it is.
//!
//! Pure. Whoever calls gives both sides in order, a stretch at a time; the walk finds the first place where they part, and goes on to the
//! next checkpoint to tell which side is the one that was signed.

use std::{cmp::Ordering, collections::VecDeque, iter::Peekable};

use presdr_events::{
    Digest, EventId, TenantId,
    audit::{Checkpoint, SignedCheckpoint},
    chain,
};

use crate::finding::{Difference, Finding, Signed, Store};

/// How far a chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The place of its last event.
    pub sequence: u64,
    /// How many events it has.
    pub events: u64,
    /// The chain after the last.
    pub chain: Digest,
}

impl Head {
    /// Before a tenant's first event.
    pub(crate) fn genesis(tenant: &TenantId) -> Self {
        Self { sequence: 0, events: 0, chain: chain::genesis(tenant) }
    }

    /// Where a checkpoint stands.
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        Self { sequence: checkpoint.sequence, events: checkpoint.events, chain: checkpoint.chain }
    }

    pub(crate) fn link(&mut self, sequence: u64, leaf: Digest) {
        *self = Self { sequence, events: self.events + 1, chain: chain::link(self.chain, leaf) };
    }

    /// Whether this is what the checkpoint signed.
    fn comes_to(&self, checkpoint: &Checkpoint) -> bool {
        (self.events, self.chain) == (checkpoint.events, checkpoint.chain)
    }
}

/// An event of the log, each id once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub sequence: u64,
    pub id: EventId,
    pub leaf: Digest,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub sequence: u64,
    pub id: EventId,
    /// None when it holds something that is no digest.
    pub leaf: Option<Digest>,
    pub chain: Option<Digest>,
    /// The columns that say something else than the event of the same place.
    pub altered: Vec<&'static str>,
}

/// What is at one place.
enum Place {
    Same(Event, Row),
    EventAlone(Event),
    RowAlone(Row),
}

/// The walk of one tenant's chain.
#[derive(Debug)]
pub(crate) struct Walk {
    tenant: TenantId,
    log: Head,
    rows: Head,
    /// The chain as the rows' own column says it is.
    said: Digest,
    checkpoints: VecDeque<SignedCheckpoint>,
    /// The last place that is as a checkpoint signed it, or where the walk began.
    good: u64,
    /// The first difference, until it is known which side was signed.
    open: Option<Finding>,
    found: Option<Finding>,
}

impl Walk {
    /// Begins at `start`. `checkpoints` are signed, in order, and stand at `start` or behind it.
    pub(crate) fn new(tenant: TenantId, start: Head, checkpoints: impl IntoIterator<Item = SignedCheckpoint>) -> Self {
        let checkpoints = checkpoints.into_iter().collect();
        let mut walk = Self {
            tenant,
            log: start,
            rows: start,
            said: start.chain,
            checkpoints,
            good: start.sequence,
            open: None,
            found: None,
        };
        walk.pass(start.sequence);
        walk
    }

    /// How far the walk has come.
    pub(crate) fn head(&self) -> Head {
        self.log
    }

    /// Whether the first difference is known with all that can be said of it.
    pub(crate) fn is_over(&self) -> bool {
        self.found.is_some()
    }

    /// Walks over what both sides have up to place `to`.
    pub(crate) fn walk(&mut self, events: Vec<Event>, rows: Vec<Row>, to: u64) {
        let (mut events, mut rows) = (events.into_iter().peekable(), rows.into_iter().peekable());
        while let Some((sequence, place)) = next(&mut events, &mut rows) {
            self.pass(sequence.saturating_sub(1));
            if self.is_over() {
                return;
            }
            self.step(place);
        }
        self.pass(to);
    }

    fn step(&mut self, place: Place) {
        match place {
            Place::Same(event, row) => {
                self.log.link(event.sequence, event.leaf);
                self.link_row(&row);
                self.compare(&event, row);
            }
            Place::EventAlone(event) => {
                self.log.link(event.sequence, event.leaf);
                self.differ(event.sequence, event.id, Difference::NoRow { signed: Signed::NotYet });
            }
            Place::RowAlone(row) => {
                self.link_row(&row);
                self.differ(row.sequence, row.id, Difference::NoEvent { signed: Signed::NotYet });
            }
        }
    }

    fn compare(&mut self, event: &Event, row: Row) {
        if !row.altered.is_empty() || row.leaf != Some(event.leaf) || row.id != event.id {
            let mut columns: Vec<String> = row.altered.into_iter().map(str::to_owned).collect();
            if columns.is_empty() {
                columns.push("event_hash".to_owned());
            }
            self.differ(event.sequence, event.id, Difference::Differs { columns, signed: Signed::NotYet });
        } else if row.chain != Some(self.said) {
            self.differ(event.sequence, event.id, Difference::Unlinked);
        }
        // From here on its neighbours are compared with what it says, so that only the first that does not follow is told.
        self.said = row.chain.unwrap_or(self.said);
    }

    fn link_row(&mut self, row: &Row) {
        let leaf = row.leaf.unwrap_or_else(|| Digest::of(b""));
        self.rows.link(row.sequence, leaf);
        self.said = chain::link(self.said, leaf);
    }

    fn differ(&mut self, sequence: u64, id: EventId, difference: Difference) {
        if self.open.is_none() {
            let (sequence, event_id) = (Some(sequence), Some(id));
            self.open = Some(Finding { tenant: self.tenant.clone(), sequence, event_id, difference });
        }
    }

    /// Everything up to `place` has been walked over.
    fn pass(&mut self, place: u64) {
        while !self.is_over() && self.checkpoints.front().is_some_and(|next| next.checkpoint.sequence <= place) {
            if let Some(next) = self.checkpoints.pop_front() {
                self.reach(&next.checkpoint);
            }
        }
    }

    fn reach(&mut self, checkpoint: &Checkpoint) {
        let (log, rows) = (self.log.comes_to(checkpoint), self.rows.comes_to(checkpoint));
        match self.open.take() {
            Some(mut finding) => {
                finding.difference.decide(match (log, rows) {
                    (true, _) => Signed::Log,
                    (false, true) => Signed::AuditLog,
                    (false, false) => Signed::Neither,
                });
                self.found = Some(finding);
            }
            None if log => self.good = checkpoint.sequence,
            None => {
                self.found = Some(Finding {
                    tenant: self.tenant.clone(),
                    sequence: None,
                    event_id: None,
                    difference: Difference::Recomputed {
                        after: self.good,
                        checkpoint: checkpoint.number,
                        signed_events: checkpoint.events,
                        events: self.log.events,
                    },
                });
            }
        }
    }

    /// Ends the walk where `of` ends. The difference that was found first, if any; otherwise what is covered by signatures.
    pub(crate) fn end(mut self, ends: u64, of: Store) -> Result<u64, Finding> {
        if let Some(found) = self.found.take().or_else(|| self.open.take()) {
            return Err(found);
        }
        match self.checkpoints.front() {
            None => Ok(self.good),
            Some(next) => Err(Finding {
                tenant: self.tenant.clone(),
                sequence: None,
                event_id: None,
                difference: Difference::Truncated {
                    checkpoint: next.checkpoint.number,
                    covers: next.checkpoint.sequence,
                    ends,
                    of,
                },
            }),
        }
    }
}

/// What is next on either side.
fn next(
    events: &mut Peekable<impl Iterator<Item = Event>>,
    rows: &mut Peekable<impl Iterator<Item = Row>>,
) -> Option<(u64, Place)> {
    let order = match (events.peek(), rows.peek()) {
        (None, None) => return None,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(event), Some(row)) => event.sequence.cmp(&row.sequence),
    };
    match order {
        Ordering::Less => events.next().map(|event| (event.sequence, Place::EventAlone(event))),
        Ordering::Greater => rows.next().map(|row| (row.sequence, Place::RowAlone(row))),
        Ordering::Equal => events.next().zip(rows.next()).map(|(event, row)| (event.sequence, Place::Same(event, row))),
    }
}

#[cfg(test)]
mod tests;
