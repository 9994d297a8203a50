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
mod suppressed;
mod vendor_calls;
mod vendor_usage;

use crate::Projection;

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
    &suppressed::SuppressedCompanies,
    &alerts::Alerts,
    &vendor_calls::VendorCalls,
    &stages::Stages,
    &shortlists::Shortlists,
    &summaries::Summaries,
    &vendor_usage::VendorUsage,
];

/// JSON text of a value that always has one: maps with text keys, lists, numbers.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("maps with text keys have a JSON form: {error}"))
}

/// A count or duration as the database has it.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
