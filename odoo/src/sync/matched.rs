//! Which record of the tenant's own a row is that is new to us.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::CompanyId;
use presdr_store::odoo::records::{self, Model, Origin, Record, State};
use serde_json::{Value, json};

use super::{Done, Running, sort::Planned};
use crate::{
    desk::OdooError,
    identity,
    matching::{self, Found, Sought},
    plan::Present,
    rows::Row,
    send::BATCH,
};

/// Companies that are looked for in one call.
const SEEK: usize = 100;

impl Running<'_> {
    pub(super) async fn match_companies(
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

    /// Partners that are other records of ours. Whose number is another's by now has none.
    async fn taken(&self, partners: &[Present]) -> Result<BTreeSet<i64>, OdooError> {
        let ids: Vec<i64> = partners.iter().map(|partner| partner.id).collect();
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut tx = self.writer.database.enter(self.writer.tenant).await?;
        let taken = records::taken(&mut tx, self.writer.place, &ids).await?;
        tx.commit().await?;
        Ok(taken.into_iter().filter(|(_, key)| !self.lost.contains(key)).map(|(id, _)| id).collect())
    }

    pub(super) fn matched(&mut self, row: Row, found: Found, ours: &BTreeSet<i64>, planned: &mut Planned) {
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
    pub(super) async fn match_contacts(&mut self, fresh: Vec<Row>, planned: &mut Planned) -> Result<(), OdooError> {
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
