//! A stage's rows, sorted by what is to be done about each: looked at in Odoo, matched with what a tenant had before, planned.

use std::collections::BTreeSet;

use presdr_store::odoo::records::{Model, Record, State};
use serde_json::{Map, Value, json};

use super::{Done, Running};
use crate::{
    client::{Call, Fault},
    desk::OdooError,
    matching::{Found, Sought},
    plan::{self, Change, Present},
    rows::{Lead, Row},
};

/// How rows that are new to us are looked for before any is made.
pub(super) enum Look {
    /// By UEN, then by domain.
    Companies(Vec<Sought>),
    /// By address, then by name, under partners that were there before this sync.
    Contacts,
    /// Not at all.
    Nowhere,
}

/// A record that is there and is to be written.
pub(super) struct Update {
    pub row: Row,
    pub record: Record,
    pub id: i64,
    pub write: BTreeSet<&'static str>,
    pub kept: BTreeSet<&'static str>,
    pub outcome: &'static str,
}

/// What is to be written in a stage.
#[derive(Default)]
pub(super) struct Planned {
    /// New records.
    pub make: Vec<Row>,
    /// Records that were about to be made when a sync ended: by the same external ids once more.
    pub again: Vec<Row>,
    /// Records that are there.
    pub update: Vec<Update>,
    /// Records of which something is to be remembered, and nothing written.
    pub remember: Vec<Record>,
}

/// How a company is looked for.
pub(super) fn sought(lead: &Lead) -> Sought {
    Sought { company: lead.company, uen: lead.uen.clone(), domain: lead.domain.clone() }
}

impl Running<'_> {
    /// Plans the rows and does what is planned.
    pub(super) async fn stage(&mut self, rows: Vec<Row>, look: Look) -> Result<(), OdooError> {
        let mut planned = Planned::default();
        let (mut there, mut fresh, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            match self.known.get(&row.key).cloned() {
                Some(record) if record.run > self.job.run.get() => self.is_done(&row, Done::new("superseded")),
                Some(record) if matches!(record.state, State::Owed | State::Erased) => {}
                Some(record) => match record.odoo_id {
                    Some(id) => there.push((row, record, id)),
                    None if record.state == State::Sending => unseen.push((row, record)),
                    None => fresh.push(row),
                },
                None => fresh.push(row),
            }
        }
        let found = self.find_unseen(unseen, &mut fresh).await?;
        there.extend(found);
        let gone = self.look_at(there, &mut planned, &mut fresh).await?;
        if matches!(look, Look::Companies(_)) {
            self.believe(gone)?;
        }
        match look {
            Look::Companies(sought) => self.match_companies(fresh, &sought, &mut planned).await?,
            Look::Contacts => self.match_contacts(fresh, &mut planned).await?,
            Look::Nowhere => {
                fresh.into_iter().for_each(|row| self.matched(row, Found::Nothing, &BTreeSet::new(), &mut planned))
            }
        }
        self.apply(planned).await
    }

    pub(super) fn is_done(&mut self, row: &Row, done: Done) {
        self.done.insert(row.key, done);
    }

    /// What a person deleted or put away is remembered as such, and left.
    pub(super) fn put_aside(&mut self, row: &Row, record: &Record, state: State, planned: &mut Planned) {
        self.is_done(row, Done::new(state.as_str()));
        if record.state != state {
            let run = self.record(row.key, record.odoo_id, record.origin, state, state.as_str());
            planned.remember.push(Record { fields: record.fields.clone(), ..run });
        }
    }

    /// Plans a record that is there.
    pub(super) fn plan(&mut self, row: Row, record: &Record, present: &Present, planned: &mut Planned) {
        let change = plan::change(&row, (&record.fields, record.origin), present, &self.index);
        self.decide(row, record, present.id, change, planned);
    }

    pub(super) fn decide(&mut self, row: Row, record: &Record, id: i64, change: Change, planned: &mut Planned) {
        let is_known = self.known.contains_key(&row.key) && record.state != State::Ambiguous;
        let next = self.record(row.key, Some(id), record.origin, State::Held, "");
        let next = Record { fields: change.marks, ..next };
        if change.write.is_empty() {
            let told = self.told_before(record);
            let outcome = match (change.keep.is_empty(), is_known) {
                (_, false) => "adopted",
                (false, true) => "kept",
                (true, true) => told.unwrap_or("unchanged"),
            };
            self.is_done(&row, Done { kept: change.keep.iter().copied().collect(), ..Done::new(outcome) });
            if next.fields != record.fields || record.state != State::Held || !is_known {
                planned.remember.push(Record { outcome: outcome.to_owned(), ..next });
            }
            return;
        }
        let outcome = if is_known { "updated" } else { "adopted" };
        let (write, kept) = (change.write, change.keep);
        planned.update.push(Update { row, record: next, id, write, kept, outcome });
    }

    /// What this same sync did with the record before it was cut off.
    fn told_before(&self, record: &Record) -> Option<&'static str> {
        let same = record.run == self.job.run.get() && u32::try_from(record.attempt) == Ok(self.job.attempt);
        ["created", "updated", "adopted", "kept"].into_iter().find(|outcome| same && record.outcome == *outcome)
    }

    /// Records as Odoo holds them.
    pub(super) async fn read(
        &self,
        model: Model,
        domain: Value,
        fields: &BTreeSet<&str>,
    ) -> Result<Vec<Present>, Fault> {
        let arguments = vec![("domain", domain), ("fields", json!(fields))];
        let call = Call { model: model.as_str(), method: "search_read", ids: None, arguments };
        let rows: Vec<Map<String, Value>> = self.writer.odoo.call(call).await?;
        Ok(rows.into_iter().filter_map(Present::read).collect())
    }
}
