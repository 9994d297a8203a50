//! A stage's rows, sorted by what is to be done about each: looked at in Odoo, matched with what a tenant had before, planned.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use presdr_events::CompanyId;
use presdr_store::odoo::records::{self, Model, Origin, Record, State};
use serde_json::{Map, Value, json};

use super::{Done, Running};
use crate::{
    client::{Call, Fault},
    desk::OdooError,
    identity,
    matching::{self, Found, Sought},
    plan::{self, Change, Present},
    rows::{Lead, Row, external_id},
    send::BATCH,
};

/// Records that are looked at in one call when their fields do not matter.
const LOOK: usize = 5_000;
/// Companies that are looked for in one call.
const SEEK: usize = 100;

/// Odoo's clock and ours are no further apart.
const CLOCKS_APART: TimeDelta = TimeDelta::days(1);
/// So many companies that are all gone at once were hardly deleted by people: more likely the account sees them no more, or Odoo is another.
const GONE_MIN: usize = 5;
/// For so long nothing is concluded from that.
const GONE_WAIT: TimeDelta = TimeDelta::days(1);

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

/// A record that is there, its number, and the fields of which something else is wanted than before.
type There = (Row, Record, i64, BTreeSet<&'static str>);

/// Of the records that were looked for: how many were there when they were looked at before, and how many of those are gone.
#[derive(Default)]
struct Gone {
    looked_for: usize,
    gone: usize,
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

    fn is_done(&mut self, row: &Row, done: Done) {
        self.done.insert(row.key, done);
    }

    /// Records that were about to be made when a sync ended, of which nobody saw whether they were: found by their external ids among all that
    /// Odoo made since. What is not among them was not made, or somebody deleted it before anybody looked.
    async fn find_unseen(
        &self,
        unseen: Vec<(Row, Record)>,
        fresh: &mut Vec<Row>,
    ) -> Result<Vec<(Row, Record, i64)>, Fault> {
        let Some(since) = unseen.iter().map(|(_, record)| record.changed_at).min() else { return Ok(Vec::new()) };
        let Some(model) = unseen.first().map(|(row, _)| row.key.model) else { return Ok(Vec::new()) };
        let since: DateTime<Utc> = since - CLOCKS_APART;
        let domain = json!([["create_date", ">=", since.format("%F %T").to_string()]]);
        let call = Call { model: model.as_str(), method: "search", ids: None, arguments: vec![("domain", domain)] };
        let made: Vec<i64> = self.writer.odoo.call(call).await?;
        let made = identity::external_ids(self.writer.odoo, model.as_str(), &made).await?;
        let by_name: BTreeMap<String, i64> = made.into_iter().map(|(id, name)| (name, id)).collect();
        let mut found = Vec::new();
        for (row, record) in unseen {
            match by_name.get(&external_id(self.writer.tenant, &row.key)) {
                Some(id) => found.push((row, Record { odoo_id: Some(*id), ..record }, *id)),
                None => fresh.push(row),
            }
        }
        Ok(found)
    }

    /// Nothing is remembered of companies that are all gone at once before somebody could say why.
    fn believe(&self, gone: Gone) -> Result<(), Fault> {
        let waited = self.job.tried_since.is_some_and(|since| since + GONE_WAIT <= (self.writer.now)());
        if gone.gone < GONE_MIN || gone.gone < gone.looked_for || waited {
            return Ok(());
        }
        Err(Fault::FixNeeded {
            what: format!("the service account sees none of the {} companies that were there", gone.gone),
            cure: "let it see them again (its companies and record rules), or bring the database back; if people deleted them all, do nothing: in a \
                   day that is believed"
                .to_owned(),
        })
    }

    /// Reads the records that are there: what a person deleted or put away, and, of those that are to change, what a person changed. One that was
    /// gone may be there again: who may see it was changed. One whose number is another record's by now is as new.
    async fn look_at(
        &mut self,
        there: Vec<(Row, Record, i64)>,
        planned: &mut Planned,
        fresh: &mut Vec<Row>,
    ) -> Result<Gone, Fault> {
        let mut gone = Gone::default();
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
                self.look_at_some(rows, planned, fresh, &mut gone).await?;
            }
        }
        Ok(gone)
    }

    async fn look_at_some(
        &mut self,
        rows: &[There],
        planned: &mut Planned,
        fresh: &mut Vec<Row>,
        gone: &mut Gone,
    ) -> Result<(), Fault> {
        let ids: Vec<i64> = rows.iter().map(|(_, _, id, _)| *id).collect();
        let fields: BTreeSet<&str> =
            rows.iter().flat_map(|(.., fields)| fields.iter().copied()).chain(["active"]).collect();
        let Some(model) = rows.first().map(|(row, ..)| row.key.model) else { return Ok(()) };
        let fields = if model == Model::Partner { &fields | &BTreeSet::from(["parent_id"]) } else { fields };
        let present = self.read(model, json!([["id", "in", ids]]), &fields).await?;
        let present: BTreeMap<i64, Present> = present.into_iter().map(|present| (present.id, present)).collect();
        let strangers = self.strangers(model, rows, &present).await?;
        for (row, record, id, fields) in rows {
            let was_there = record.state != State::Deleted;
            gone.looked_for += usize::from(was_there);
            match present.get(id) {
                Some(_) if strangers.contains(id) => {
                    self.known.remove(&row.key);
                    fresh.push(row.clone());
                }
                None => {
                    gone.gone += usize::from(was_there);
                    self.put_aside(row, record, State::Deleted, planned);
                }
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

    /// Of what we made and are about to write to: numbers that are another record's by now, as those are that a restored Odoo gives anew.
    async fn strangers(
        &self,
        model: Model,
        rows: &[There],
        present: &BTreeMap<i64, Present>,
    ) -> Result<BTreeSet<i64>, Fault> {
        let asked = rows.iter().filter(|(row, record, id, fields)| {
            let is_used = !fields.is_empty() || record.state == State::Deleted || self.grows.contains(&row.key.company);
            let is_there = present.get(id).is_some_and(|present| !present.is_archived());
            record.origin == Origin::Made && is_used && is_there
        });
        let asked: Vec<i64> = asked.map(|(_, _, id, _)| *id).collect();
        let told = identity::external_ids(self.writer.odoo, model.as_str(), &asked).await?;
        let is_strange = |id: &i64| !identity::is_ours(self.writer.tenant, told.get(id));
        Ok(asked.into_iter().filter(is_strange).collect())
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
        let change = plan::change(&row, (&record.fields, record.origin), present, &self.index);
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
        let found = fresh.into_iter().map(|row| {
            let found = found.remove(&row.key.company).unwrap_or(Found::Nothing);
            (row, found)
        });
        self.match_all(found.collect(), planned).await
    }

    /// What was found of each row. A record that carries an external id of ours is our own, whatever became of what we remembered of it.
    async fn match_all(&mut self, found: Vec<(Row, Found)>, planned: &mut Planned) -> Result<(), OdooError> {
        let ids = found.iter().filter_map(|(_, found)| match found {
            Found::One(present) => Some(present.id),
            _ => None,
        });
        let ids: Vec<i64> = ids.collect();
        let told = identity::external_ids(self.writer.odoo, Model::Partner.as_str(), &ids).await?;
        let ours = ids.into_iter().filter(|id| identity::is_ours(self.writer.tenant, told.get(id))).collect();
        for (row, found) in found {
            self.matched(row, found, &ours, planned);
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

    fn matched(&mut self, row: Row, found: Found, ours: &BTreeSet<i64>, planned: &mut Planned) {
        match found {
            Found::Nothing => match self.known.get(&row.key) {
                // It was on its way once: should it come to be there after all, nothing of it is emptied.
                Some(record) if record.state == State::Sending => planned.again.push(row),
                _ => planned.make.push(row),
            },
            Found::One(present) => {
                let origin = if ours.contains(&present.id) { Origin::Made } else { Origin::Adopted };
                let record = self.record(row.key, Some(present.id), origin, State::Ambiguous, "adopted");
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

    /// Contacts of partners that were just made are new; under one that was there before, somebody may be there already.
    async fn match_contacts(&mut self, fresh: Vec<Row>, planned: &mut Planned) -> Result<(), OdooError> {
        let (new, looked_for): (Vec<Row>, Vec<Row>) =
            fresh.into_iter().partition(|row| self.fresh.contains(&row.key.company));
        for row in new {
            self.matched(row, Found::Nothing, &BTreeSet::new(), planned);
        }
        let parents: BTreeSet<i64> = looked_for.iter().filter_map(|row| self.partner(row.key.company)).collect();
        let parents: Vec<i64> = parents.into_iter().collect();
        let mut fields: BTreeSet<&str> = looked_for.iter().flat_map(|row| row.cells.keys().copied()).collect();
        fields.extend(["active", "parent_id", "email", "name"]);
        let mut people = Vec::new();
        for some in parents.chunks(BATCH) {
            people.extend(self.read(Model::Partner, json!([["parent_id", "in", some]]), &fields).await?);
        }
        let taken = self.taken(&people).await?;
        people.retain(|person| !taken.contains(&person.id));
        let found = looked_for.into_iter().map(|row| {
            let found = same_person(&row, &people);
            (row, found)
        });
        self.match_all(found.collect(), planned).await
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
