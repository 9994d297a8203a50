//! What to do about each row: what is wanted, what was sent before, and what Odoo holds now, in; what to write and what to leave, out. Pure.
//!
//! The policy: a field that a person changed since our last write stays theirs; what a person archived stays archived and is not written; what
//! a person deleted is not made again; of a partner that was there before us, only what is empty is filled, and our own fields.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::IndexKey;
use presdr_store::odoo::records::{Mark, Origin};
use serde_json::{Map, Value};

use crate::rows::{Cell, Row, hash, plain};

/// Whose word a field always is.
pub(crate) const OURS: &str = "x_pre_sdr_";

/// A record as Odoo holds it: its fields, as it told them.
#[derive(Debug, Clone, PartialEq)]
pub struct Present {
    /// Its number.
    pub id: i64,
    /// Its fields, `active` among them.
    pub told: Map<String, Value>,
}

impl Present {
    /// From a row of `search_read`.
    #[must_use]
    pub fn read(told: Map<String, Value>) -> Option<Self> {
        Some(Self { id: told.get("id")?.as_i64()?, told })
    }

    /// Whether a person put it away.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.told.get("active") == Some(&Value::Bool(false))
    }

    /// A field in one form.
    #[must_use]
    pub fn field(&self, field: &str) -> Value {
        self.told.get(field).map_or(Value::Null, plain)
    }
}

/// What is to be done about one record that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Fields to write.
    pub write: BTreeSet<&'static str>,
    /// Fields that a person changed: theirs.
    pub keep: BTreeSet<&'static str>,
    /// What is known of every field once nothing was written: to be remembered whether something is or not.
    pub marks: BTreeMap<String, Mark>,
}

/// Fields whose wanted value is another than when they were sent, or whose last write nobody saw end.
#[must_use]
pub fn changed(row: &Row, marks: &BTreeMap<String, Mark>, index: &IndexKey) -> BTreeSet<&'static str> {
    let differs = |(field, wanted): &(&'static str, String)| {
        marks.get(*field).is_none_or(|mark| mark.wanted.as_deref() != Some(wanted) || mark.sending.is_some())
    };
    row.hashes(index).into_iter().filter(differs).map(|(field, _)| field).collect()
}

/// What to do about the fields of `row` that changed, for a record that is there, whoever made it.
#[must_use]
pub fn change(
    row: &Row,
    (marks, origin): (&BTreeMap<String, Mark>, Origin),
    present: &Present,
    index: &IndexKey,
) -> Change {
    let mut change = Change { marks: marks.clone(), ..Change::default() };
    let hashes = row.hashes(index);
    for field in changed(row, marks, index) {
        let (Some(cell), Some(wanted)) = (row.cells.get(field), hashes.get(field)) else { continue };
        let now = present.field(field);
        let now_hash = hash(index, field, &now);
        let mark = marks.get(field).cloned().unwrap_or_default();
        let landed = landed(&mark, (field, cell), (&now, &now_hash), index);
        let held = if landed { Some(now_hash.clone()) } else { mark.held.clone() };
        let is_ours = match &held {
            Some(held) => *held == now_hash,
            // Odoo takes all of a row or nothing: what stands in one that we made and reads otherwise than it was sent, a person wrote.
            None if mark.sending.is_some() && origin == Origin::Made => now.is_null() || now.as_f64() == Some(0.0),
            None => now.is_null() || field.starts_with(OURS),
        };
        // A company may be another's child: Odoo would write its address to the parent, too.
        let is_ours =
            is_ours && (field != "country_id" || row.key.subject.is_some() || present.field("parent_id").is_null());
        // What stands there already is nobody's change.
        let stands = landed && mark.sending.as_ref() == Some(wanted) || *wanted == now_hash;
        let mut held = held;
        match (stands, is_ours) {
            (true, _) => {}
            (false, true) => drop(change.write.insert(field)),
            (false, false) => {
                change.keep.insert(field);
                // It was made with what was sent, so that what stands there is theirs from now on, too.
                held = held.or(mark.sending.filter(|_| origin == Origin::Made));
            }
        }
        change.marks.insert(field.to_owned(), Mark { wanted: Some(wanted.clone()), held, sending: None });
    }
    change
}

/// Whether a write that nobody saw end has landed: Odoo holds what was sent; where nobody can tell that, something else than before.
fn landed(mark: &Mark, (field, cell): (&str, &Cell), (now, now_hash): (&Value, &str), index: &IndexKey) -> bool {
    match (&mark.sending, cell.sent_as(now)) {
        (None, _) => false,
        (Some(sent), Some(as_sent)) => *sent == hash(index, field, &as_sent),
        (Some(_), None) => !now.is_null() && mark.held.as_deref() != Some(now_hash),
    }
}

#[cfg(test)]
mod tests;
