//! Events as they came from the log, and one tenant's share of a batch.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use presdr_events::{
    Attempt, Digest, Envelope, Event, EventId, Pii, Subject, SubjectId, TenantId,
    chain::{self, Stored},
};
use presdr_store::keys::DataSubject;

use crate::ApplyError;
use crate::models::json;
use crate::suppressed::Suppressed;

/// Sequences are below this (2^47): at a million events a second the log lasts four years, at a thousand four millennia.
const SEQUENCE_BITS: u32 = 47;

/// Orders what was said about the same thing: a higher attempt wins over a lower, and within one the later place in the log.
///
/// Attempts above 65,535 count as that. Being one total order, it makes the outcome independent of where batches begin and end.
#[must_use]
pub fn version(attempt: Attempt, sequence: i64) -> i64 {
    let attempt = i64::from(attempt.min(u32::from(u16::MAX)));
    (attempt << SEQUENCE_BITS) | (sequence & ((1 << SEQUENCE_BITS) - 1))
}

/// An event and its place in the log.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its place in the log.
    pub sequence: i64,
    /// What happened.
    pub envelope: Envelope,
    /// The step's redacted arguments as JSON text.
    pub(crate) arguments: String,
    /// Everything that the event says is missing, as stored names, sorted.
    pub(crate) degraded_reasons: Vec<String>,
}

impl Recorded {
    /// The event at a place of the log.
    #[must_use]
    pub fn new(sequence: i64, envelope: Envelope) -> Self {
        let step = envelope.event.step();
        let arguments: BTreeMap<_, _> =
            step.arguments.iter().map(|(name, value)| (storable(name), storable(value))).collect();
        Self { arguments: json(&arguments), degraded_reasons: degraded_reasons(&envelope.event), sequence, envelope }
    }

    /// Orders it among what was said about the same thing in the same run.
    #[must_use]
    pub fn version(&self) -> i64 {
        version(self.envelope.event.attempt(), self.sequence)
    }

    /// The run it belongs to.
    #[must_use]
    pub fn run(&self) -> Option<i64> {
        self.envelope.run.map(i64::from)
    }

    /// The lead it is about: run and company.
    #[must_use]
    pub fn lead(&self) -> Option<(i64, i64)> {
        Some((self.run()?, self.envelope.company?.get()))
    }
}

fn degraded_reasons(event: &Event) -> Vec<String> {
    let mut reasons: Vec<String> = event.step().degraded_reasons.iter().map(ToString::to_string).collect();
    match event {
        Event::LeadScored(scored) => reasons.extend(scored.degraded_reasons.iter().map(ToString::to_string)),
        Event::AlertRaised(alert) => reasons.extend(alert.degraded.iter().map(ToString::to_string)),
        Event::RunCompleted(completed) => {
            reasons.extend(completed.degraded.keys().map(|reason| storable(reason).into_owned()))
        }
        _ => {}
    }
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

/// A text as the database keeps it: PostgreSQL has no place for NUL.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// What stood at one place of the log, and what it is in its tenant's audit chain, whether or not it can be read.
#[derive(Debug)]
pub struct Entry {
    /// Whose it is: [`Subject::owner`].
    pub tenant: TenantId,
    /// Its place in the log.
    pub sequence: i64,
    /// What it is known by: an id that is there twice is one event, and the first stored is it.
    pub id: EventId,
    /// Its digest at its place, which the chain links.
    pub leaf: Digest,
    /// When the broker stored it.
    pub stored_at: DateTime<Utc>,
    /// The event, unless it cannot be read.
    pub(crate) read: Result<Arc<Recorded>, Unreadable>,
}

/// Why an event cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub subject: String,
    /// Holds nothing of the event's data.
    pub error: String,
}

impl Entry {
    /// Reads what stands at place `sequence` of the log.
    #[must_use]
    pub fn read(sequence: i64, subject: &str, body: &[u8], stored_at: DateTime<Utc>) -> Self {
        let (tenant, place) = (Subject::owner(subject), sequence.unsigned_abs());
        // An envelope that can be read tells the id that `identify` finds: only what cannot is read a second time.
        let (id, read) = match Envelope::decode(subject, body) {
            Ok(envelope) => (envelope.id, Ok(Arc::new(Recorded::new(sequence, envelope)))),
            Err(error) => {
                let unreadable = Unreadable { subject: subject.to_owned(), error: error.to_string() };
                (chain::identify(subject, body, place), Err(unreadable))
            }
        };
        let leaf = chain::leaf(&Stored { tenant: &tenant, sequence: place, id, subject, body });
        Self { tenant, sequence, id, leaf, stored_at, read }
    }

    /// The event, unless it cannot be read.
    #[must_use]
    pub fn event(&self) -> Option<&Recorded> {
        self.read.as_deref().ok()
    }
}

/// Consecutive entries of the log.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub entries: Vec<Entry>,
    /// The place of the last entry, or where reading began.
    pub last_sequence: i64,
    /// Whether the log had no more when this was read.
    pub caught_up: bool,
}

impl Batch {
    /// The same without what comes after place `last` of the log.
    pub(crate) fn up_to(mut self, last: i64) -> Self {
        self.entries.retain(|entry| entry.sequence <= last);
        self.last_sequence = self.last_sequence.min(last);
        self
    }

    /// By tenant, each tenant's in the order of the log.
    pub(crate) fn by_tenant(self) -> BTreeMap<TenantId, Vec<Entry>> {
        let mut tenants: BTreeMap<TenantId, Vec<Entry>> = BTreeMap::new();
        for entry in self.entries {
            match tenants.get_mut(&entry.tenant) {
                Some(entries) => entries.push(entry),
                None => drop(tenants.insert(entry.tenant.clone(), vec![entry])),
            }
        }
        tenants
    }
}

/// Some events of one tenant, in the order of the log, none of which was ever applied before.
#[derive(Debug)]
pub struct TenantBatch {
    /// Whose.
    pub tenant: TenantId,
    /// What happened.
    pub events: Vec<Arc<Recorded>>,
    /// The people whose values can be opened. An erased person is not among them.
    pub(crate) subjects: HashMap<SubjectId, DataSubject>,
    /// What the tenant suppresses of what they tell.
    pub(crate) suppressed: Suppressed,
}

impl TenantBatch {
    /// Whether rows about this person may be written: they were not erased.
    #[must_use]
    pub fn may_name(&self, subject: SubjectId) -> bool {
        self.subjects.contains_key(&subject)
    }

    /// Whether the tenant suppresses nothing of what the events tell.
    pub(crate) fn is_unsuppressed(&self) -> bool {
        self.suppressed.is_empty()
    }

    /// Whether rows may be written of whom `event` found at its company: the tenant does not suppress it.
    pub(crate) fn may_contact(&self, event: &Recorded) -> bool {
        !event.lead().is_some_and(|(_, company)| self.suppressed.company(company, event.envelope.time))
    }

    /// Whether a row may be written of an address that `event` found.
    pub(crate) fn may_write_to(&self, event: &Recorded, address: &str) -> bool {
        !self.suppressed.address(address, event.envelope.time)
    }

    /// Whether a row may hold a number that `event` found.
    pub(crate) fn may_call(&self, event: &Recorded, number: &str) -> bool {
        !self.suppressed.phone(number, event.envelope.time)
    }

    /// Whether a row may be written of a person whom `event` found.
    pub(crate) fn may_list(&self, event: &Recorded, name: Option<&str>, profile: Option<&str>) -> bool {
        let Some((_, company)) = event.lead() else { return true };
        !self.suppressed.person(company, name, profile, event.envelope.time)
    }

    /// A personal value of `event` in the clear, or nothing when its subject was erased.
    ///
    /// # Errors
    /// [`ApplyError::Sealed`] when the value was not sealed for this place with this key.
    pub fn open(
        &self,
        event: &Recorded,
        field: &'static str,
        value: &Pii<String>,
    ) -> Result<Option<String>, ApplyError> {
        let Some(subject) = self.subjects.get(&value.subject) else { return Ok(None) };
        let opened = subject.open(&self.tenant, event.envelope.id, field, value).map_err(ApplyError::Sealed)?;
        Ok(Some(opened.0))
    }
}

/// Everyone whom the events name.
pub(crate) fn subjects_of(events: &[Arc<Recorded>]) -> Vec<SubjectId> {
    let mut subjects: Vec<SubjectId> = events.iter().flat_map(|event| event.envelope.event.subjects()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_attempt_wins_wherever_it_stands_in_the_log() {
        assert!(version(2, 10) > version(1, 1_000_000));
    }

    #[test]
    fn within_an_attempt_the_later_place_in_the_log_wins() {
        assert!(version(1, 11) > version(1, 10));
    }

    #[test]
    fn no_attempt_overflows() {
        assert!(version(u32::MAX, i64::MAX) > version(3, 1));
        assert!(version(0, 1) > 0);
    }
}
