//! A stage's rows, sorted by what is to be done about each: looked at in Odoo, matched with what a tenant had before, planned.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::CompanyId;
use presdr_store::odoo::records::{self, Key, Model, Origin, Record, State};
use serde_json::{Map, Value, json};

use super::{Done, Running};
use crate::{
    client::{Call, Fault},
    desk::OdooError,
    matching::{self, Found, Sought},
    plan::{self, Change, Present},
    rows::{Lead, Row},
    send::BATCH,
};

/// Records that are looked at in one call when their fields do not matter.
const LOOK: usize = 5_000;
/// Companies that are looked for in one call.
const SEEK: usize = 100;

/// How rows that are new to us are looked for before any is made.
pub(super) enum Look {
    /// By UEN, then by domain.
    Companies(Vec<Sought>),
    /// By address, then by name, under partners that the tenant had before.
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

/// A record that is there, its number, and the fields of which something else is wanted than before.
type There = (Row, Record, i64, BTreeSet<&'static str>);

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
        let (mut there, mut fresh) = (Vec::new(), Vec::new());
        for row in rows {
            match self.known.get(&row.key).cloned() {
                Some(record) if record.run > self.job.run.get() => self.is_done(&row, Done::new("superseded")),
                Some(record) if matches!(record.state, State::Owed | State::Erased) => {}
                Some(record) if record.state == State::Deleted => self.is_done(&row, Done::new("deleted")),
                Some(record) => match record.odoo_id {
                    Some(id) => there.push((row, record, id)),
                    None if record.state == State::Sending => planned.again.push(row),
                    None => fresh.push(row),
                },
                None => fresh.push(row),
            }
        }
        self.look_at(there, &mut planned).await?;
        match look {
            Look::Companies(sought) => self.match_companies(fresh, &sought, &mut planned).await?,
            Look::Contacts => self.match_contacts(fresh, &mut planned).await?,
            Look::Nowhere => planned.make.extend(fresh),
        }
        self.apply(planned).await
    }

    fn is_done(&mut self, row: &Row, done: Done) {
        self.done.insert(row.key, done);
    }

    /// Reads the records that are there: what a person deleted or put away, and, of those that are to change, what a person changed.
    async fn look_at(&mut self, there: Vec<(Row, Record, i64)>, planned: &mut Planned) -> Result<(), Fault> {
        let (mut changed, mut same) = (Vec::new(), Vec::new());
        for (row, record, id) in there {
            let fields = plan::changed(&row, &record.fields, &self.index);
            if fields.is_empty() {
                same.push((row, record, id, fields))
            } else {
                changed.push((row, record, id, fields))
            }
        }
        for (batch, size) in [(changed, BATCH), (same, LOOK)] {
            for rows in batch.chunks(size) {
                self.look_at_some(rows, planned).await?;
            }
        }
        Ok(())
    }

    async fn look_at_some(&mut self, rows: &[There], planned: &mut Planned) -> Result<(), Fault> {
        let ids: Vec<i64> = rows.iter().map(|(_, _, id, _)| *id).collect();
        let fields: BTreeSet<&str> =
            rows.iter().flat_map(|(.., fields)| fields.iter().copied()).chain(["active"]).collect();
        let Some(model) = rows.first().map(|(row, ..)| row.key.model) else { return Ok(()) };
        let present = self.read(model, json!([["id", "in", ids]]), &fields).await?;
        let present: BTreeMap<i64, Present> = present.into_iter().map(|present| (present.id, present)).collect();
        for (row, record, id, fields) in rows {
            match present.get(id) {
                None => self.put_aside(row, record, State::Deleted, planned),
                Some(present) if present.is_archived() => self.put_aside(row, record, State::Archived, planned),
                Some(_) if fields.is_empty() => {
                    let nothing = Change { marks: record.fields.clone(), ..Change::default() };
                    self.decide(row.clone(), record, *id, nothing, planned);
                }
                Some(present) => self.plan(row.clone(), record, present, planned),
            }
        }
        Ok(())
    }

    /// What a person deleted or put away is remembered as such, and left.
    fn put_aside(&mut self, row: &Row, record: &Record, state: State, planned: &mut Planned) {
        self.is_done(row, Done::new(state.as_str()));
        if record.state != state {
            let run = self.record(row.key, record.odoo_id, record.origin, state, state.as_str());
            planned.remember.push(Record { fields: record.fields.clone(), ..run });
        }
    }

    /// Plans a record that is there.
    fn plan(&mut self, row: Row, record: &Record, present: &Present, planned: &mut Planned) {
        let change = plan::change(&row, &record.fields, present, &self.index);
        self.decide(row, record, present.id, change, planned);
    }

    fn decide(&mut self, row: Row, record: &Record, id: i64, change: Change, planned: &mut Planned) {
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

    async fn match_companies(
        &mut self,
        fresh: Vec<Row>,
        sought: &[Sought],
        planned: &mut Planned,
    ) -> Result<(), OdooError> {
        let wanted: BTreeSet<CompanyId> = fresh.iter().map(|row| row.key.company).collect();
        let sought: Vec<Sought> = sought.iter().filter(|one| wanted.contains(&one.company)).cloned().collect();
        let mut fields: BTreeSet<&str> = fresh.iter().flat_map(|row| row.cells.keys().copied()).collect();
        fields.extend(matching::asked(&self.fields));
        fields.insert("active");
        let mut partners: BTreeMap<i64, Present> = BTreeMap::new();
        for some in sought.chunks(SEEK).filter(|some| some.iter().any(|one| one.uen.is_some() || one.domain.is_some()))
        {
            let found = self.read(Model::Partner, matching::question(some, &self.fields), &fields).await?;
            partners.extend(found.into_iter().map(|partner| (partner.id, partner)));
        }
        let partners: Vec<Present> = partners.into_values().collect();
        let taken = self.taken(&partners).await?;
        let mut found = matching::pick(&sought, &partners, &taken);
        for row in fresh {
            let found = found.remove(&row.key.company).unwrap_or(Found::Nothing);
            self.matched(row, found, planned);
        }
        Ok(())
    }

    /// Partners that are other records of ours.
    async fn taken(&self, partners: &[Present]) -> Result<BTreeSet<i64>, OdooError> {
        let ids: Vec<i64> = partners.iter().map(|partner| partner.id).collect();
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut tx = self.writer.database.enter(self.writer.tenant).await?;
        let taken = records::taken(&mut tx, self.writer.place, &ids).await?;
        tx.commit().await?;
        Ok(taken)
    }

    fn matched(&mut self, row: Row, found: Found, planned: &mut Planned) {
        match found {
            Found::Nothing => planned.make.push(row),
            Found::One(present) => {
                let record = self.record(row.key, Some(present.id), Origin::Adopted, State::Ambiguous, "adopted");
                match present.is_archived() {
                    true => self.put_aside(&row, &record, State::Archived, planned),
                    false => self.plan(row, &record, &present, planned),
                }
            }
            Found::Many(count, by) => {
                let problem = format!(
                    "{count} partners may be it, by {by}: merge them in Odoo, or say which with `presdr odoo link`"
                );
                self.is_done(&row, Done { problem: Some(problem.clone()), ..Done::new("ambiguous") });
                let record = self.record(row.key, None, Origin::Adopted, State::Ambiguous, "ambiguous");
                planned.remember.push(Record { problem: Some(problem), ..record });
            }
        }
    }

    /// Contacts of partners that we made are new; under one that the tenant had before, somebody may be there already.
    async fn match_contacts(&mut self, fresh: Vec<Row>, planned: &mut Planned) -> Result<(), OdooError> {
        let adopted = |company: CompanyId| {
            let company = self.known.get(&Key { model: Model::Partner, company, subject: None });
            company.filter(|record| record.origin == Origin::Adopted).and_then(|record| record.odoo_id)
        };
        let (looked_for, new): (Vec<Row>, Vec<Row>) =
            fresh.into_iter().partition(|row| adopted(row.key.company).is_some());
        planned.make.extend(new);
        let parents: BTreeSet<i64> = looked_for.iter().filter_map(|row| adopted(row.key.company)).collect();
        let parents: Vec<i64> = parents.into_iter().collect();
        let mut fields: BTreeSet<&str> = looked_for.iter().flat_map(|row| row.cells.keys().copied()).collect();
        fields.extend(["active", "parent_id", "email", "name"]);
        let mut people = Vec::new();
        for some in parents.chunks(BATCH) {
            people.extend(self.read(Model::Partner, json!([["parent_id", "in", some]]), &fields).await?);
        }
        let taken = self.taken(&people).await?;
        people.retain(|person| !taken.contains(&person.id));
        for row in looked_for {
            let found = same_person(&row, &people);
            self.matched(row, found, planned);
        }
        Ok(())
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

/// Whoever has the same address under the same partner, or, without one, the same name.
fn same_person(row: &Row, people: &[Present]) -> Found {
    let cell = |field: &str| row.cells.get(field).and_then(|cell| cell.read_again());
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(|text| text.trim().to_lowercase()));
    let (parent, email, name) = (cell("parent_id"), text(cell("email")), text(cell("name")));
    let under =
        people.iter().filter(|person| Some(person.field("parent_id")) == parent.as_ref().map(crate::rows::plain));
    let same = |field: &str, wanted: &Option<String>| -> Vec<&Present> {
        let is_same = |person: &&Present| wanted.is_some() && text(Some(person.field(field))) == *wanted;
        under.clone().filter(is_same).collect()
    };
    let by_email = same("email", &email);
    let found = if by_email.is_empty() { same("name", &name) } else { by_email };
    match found[..] {
        [] => Found::Nothing,
        [one] => Found::One(one.clone()),
        _ => Found::Many(found.len(), "address or name"),
    }
}
