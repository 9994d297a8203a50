//! The read models, one file each.

mod alerts;
pub(crate) mod audit;
mod contacts;
mod emails;
mod leads;
mod log;
mod manifests;
mod phones;
mod runs;
mod scores;
mod shortlists;
mod stages;
mod summaries;

use presdr_events::Event;

use crate::{Projection, Recorded};

/// Every read model, in the order in which they are written and then counted: counts come after the rows that they count.
pub(crate) const ALL: &[&dyn Projection] = &[
    &log::RunLog,
    &runs::Runs,
    &manifests::Manifests,
    &leads::Leads,
    &scores::Scores,
    &emails::Emails,
    &contacts::Contacts,
    &phones::Phones,
    &alerts::Alerts,
    &stages::Stages,
    &shortlists::Shortlists,
    &summaries::Summaries,
];

/// Everything that an event says is missing, as stored names, sorted.
fn degraded_reasons(event: &Recorded) -> Vec<String> {
    let step = event.envelope.event.step();
    let mut reasons: Vec<String> = step.degraded_reasons.iter().map(ToString::to_string).collect();
    match &event.envelope.event {
        Event::LeadScored(scored) => reasons.extend(scored.degraded_reasons.iter().map(ToString::to_string)),
        Event::AlertRaised(alert) => reasons.extend(alert.degraded.iter().map(ToString::to_string)),
        Event::RunCompleted(completed) => reasons.extend(completed.degraded.keys().cloned()),
        _ => {}
    }
    reasons.sort_unstable();
    reasons.dedup();
    reasons
}

/// A step's redacted arguments as JSON text.
fn arguments(event: &Recorded) -> String {
    json(&event.envelope.event.step().arguments)
}

/// JSON text of a value that always has one: maps with text keys, lists, numbers.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("maps with text keys have a JSON form: {error}"))
}

/// A count or duration as the database has it.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
