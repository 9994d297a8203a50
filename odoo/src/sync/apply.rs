//! Doing what is planned: intents committed, rows sent, and each settled with what Odoo holds after.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use presdr_store::odoo::records::{self, Key, Mark, Origin, Record, State};
use serde_json::{Value, json};

use super::{
    Done, Running,
    sort::{Planned, Update},
};
use crate::{
    desk::OdooError,
    plan::{OURS, Present},
    rows::{Row, external_id, hash, riders},
    send::{self, BATCH, Loaded},
};

impl Running<'_> {
    pub(super) async fn apply(&mut self, planned: Planned) -> Result<(), OdooError> {
        let Planned { make, again, update, remember } = planned;
        if self.looks_only {
            for row in make.iter().chain(&again) {
                self.done.insert(row.key, Done::new("created"));
            }
            for update in update {
                self.done.insert(update.row.key, told(&update));
            }
            return Ok(());
        }
        for some in remember.chunks(BATCH) {
            self.put(some.to_vec()).await?;
        }
        for rows in make.chunks(BATCH) {
            self.make(rows).await?;
        }
        // What is known of these may be more than we send: only columns that all rows of a batch have are sent.
        for rows in alike(again, |row| row.cells.keys().copied().collect()) {
            self.make(&rows).await?;
        }
        for updates in alike(update, |update| update.write.clone()) {
            self.update(&updates).await?;
        }
        Ok(())
    }

    /// Makes records under external ids of our own.
    async fn make(&mut self, rows: &[Row]) -> Result<(), OdooError> {
        let intents: Vec<Record> = rows.iter().map(|row| self.intent(row, None)).collect();
        let alive = self.intend(rows.iter().zip(intents).collect()).await?;
        let rows: Vec<&Row> = rows.iter().filter(|row| alive.contains(&row.key)).collect();
        let Some(first) = rows.first() else { return Ok(()) };
        let model = first.key.model;
        let fields: BTreeSet<&'static str> = rows.iter().flat_map(|row| row.cells.keys().copied()).collect();
        // Which kind of column a field has, any row that has the field says.
        let columns =
            fields.iter().filter_map(|field| rows.iter().find_map(|row| Some(row.cells.get(field)?.column(field))));
        let riders = self.riders(first.key);
        let columns: Vec<String> = std::iter::once("id".to_owned())
            .chain(columns)
            .chain(riders.iter().map(|(field, _)| (*field).to_owned()))
            .collect();
        let data: Vec<Vec<Value>> = rows
            .iter()
            .map(|row| {
                let cells = fields.iter().map(|field| row.cells.get(field).map_or(json!(""), |cell| cell.loaded()));
                let id = json!(external_id(self.writer.tenant, &row.key));
                std::iter::once(id).chain(cells).chain(riders.iter().map(|(_, value)| value.clone())).collect()
            })
            .collect();
        let loaded = send::load(self.writer.odoo, model.as_str(), &columns, &data).await?;
        // Their numbers at once: whatever comes between, they are looked at by those from now on, and never made again.
        let numbered = rows.iter().zip(&loaded).filter_map(|(row, loaded)| match loaded {
            Loaded::There(id) => Some(self.intent(row, Some(*id))),
            _ => None,
        });
        let numbered: Vec<Record> = numbered.collect();
        self.put(numbered).await?;
        let present = self.read_back(&loaded, &fields, first.key).await?;
        let mut settled = Vec::new();
        for (row, loaded) in rows.into_iter().zip(loaded) {
            let outcome = match loaded {
                Loaded::There(id) => {
                    let record = self.record(row.key, Some(id), Origin::Made, State::Held, "created");
                    let marks = marks(row, &row.cells.keys().copied().collect(), present.get(&id), &self.index);
                    settled.push(Record { fields: marks, ..record });
                    if row.key.subject.is_none() {
                        self.fresh.insert(row.key.company);
                    }
                    Done::new("created")
                }
                Loaded::Gone => {
                    self.refused(row, None, Origin::Made, "it refers to a record that is gone", &mut settled)
                }
                Loaded::Refused(why) | Loaded::Failed(why) => self.refused(row, None, Origin::Made, &why, &mut settled),
            };
            self.done.insert(row.key, outcome);
        }
        self.put(settled).await
    }

    /// Writes the same fields of records that are there.
    async fn update(&mut self, updates: &[Update]) -> Result<(), OdooError> {
        let Some(first) = updates.first() else { return Ok(()) };
        let (model, write, sample) = (first.row.key.model, first.write.clone(), first.row.key);
        let intents = updates.iter().map(|update| {
            let mut record =
                Record { state: State::Sending, outcome: update.outcome.to_owned(), ..update.record.clone() };
            for field in &write {
                if let Some(mark) = record.fields.get_mut(*field) {
                    mark.sending = mark.wanted.take();
                }
            }
            record
        });
        let intents: Vec<Record> = intents.collect();
        let alive = self.intend(updates.iter().map(|update| &update.row).zip(intents).collect()).await?;
        let updates: Vec<&Update> = updates.iter().filter(|update| alive.contains(&update.row.key)).collect();
        let riders = self.riders(sample);
        let columns = write.iter().filter_map(|field| Some(first.row.cells.get(field)?.column(field)));
        let columns: Vec<String> = std::iter::once(".id".to_owned())
            .chain(columns)
            .chain(riders.iter().map(|(field, _)| (*field).to_owned()))
            .collect();
        let data: Vec<Vec<Value>> = updates
            .iter()
            .map(|update| {
                let cells = write.iter().filter_map(|field| update.row.cells.get(field)).map(|cell| cell.loaded());
                std::iter::once(json!(update.id))
                    .chain(cells)
                    .chain(riders.iter().map(|(_, value)| value.clone()))
                    .collect()
            })
            .collect();
        let loaded = send::load(self.writer.odoo, model.as_str(), &columns, &data).await?;
        // Our own fields are texts and numbers that nothing there writes in another way: what was sent is what is held.
        let is_ours = write.iter().all(|field| field.starts_with(OURS));
        let present = if is_ours { None } else { Some(self.read_back(&loaded, &write, sample).await?) };
        let mut settled = Vec::new();
        for (update, loaded) in updates.into_iter().zip(loaded) {
            let (row, origin) = (&update.row, update.record.origin);
            let outcome = match loaded {
                Loaded::There(_) => {
                    let mut record = Record { outcome: update.outcome.to_owned(), ..update.record.clone() };
                    record.fields.extend(match &present {
                        Some(present) => marks(row, &write, present.get(&update.id), &self.index),
                        None => as_sent(row, &write, &self.index),
                    });
                    settled.push(record);
                    told(update)
                }
                Loaded::Gone => {
                    let gone = self.record(row.key, Some(update.id), origin, State::Deleted, "deleted");
                    settled.push(gone);
                    Done::new("deleted")
                }
                Loaded::Refused(why) | Loaded::Failed(why) => {
                    self.refused(row, Some(update.id), origin, &why, &mut settled)
                }
            };
            self.done.insert(row.key, outcome);
        }
        self.put(settled).await
    }

    /// A row that Odoo does not take: it is tried again with the next sync, other rows go on.
    fn refused(&self, row: &Row, id: Option<i64>, origin: Origin, why: &str, settled: &mut Vec<Record>) -> Done {
        let record = self.record(row.key, id, origin, State::Refused, "refused");
        let fields = self.known.get(&row.key).map(|known| known.fields.clone()).unwrap_or_default();
        let unsent = |mark: Mark| Mark { sending: None, ..mark };
        let fields = fields.into_iter().map(|(field, mark)| (field, unsent(mark))).collect();
        settled.push(Record { fields, problem: Some(why.to_owned()), ..record });
        Done { problem: Some(why.to_owned()), ..Done::new("refused") }
    }

    async fn put(&mut self, records: Vec<Record>) -> Result<(), OdooError> {
        let mut tx = self.writer.database.enter(self.writer.tenant).await?;
        records::put(&mut tx, self.writer.place, &records, (self.writer.now)()).await?;
        tx.commit().await?;
        self.known.extend(records.into_iter().map(|record| (record.key, record)));
        Ok(())
    }

    /// Writes down that this run found records as they should be: an older run that is written later must not take them back.
    pub(super) async fn touch(&mut self) -> Result<(), OdooError> {
        if self.looks_only {
            return Ok(());
        }
        let run = self.job.run.get();
        let unchanged = self.done.iter().filter(|(_, done)| done.outcome == "unchanged").map(|(key, _)| *key);
        let keys: Vec<Key> =
            unchanged.filter(|key| self.known.get(key).is_some_and(|record| record.run < run)).collect();
        let mut tx = self.writer.database.enter(self.writer.tenant).await?;
        records::touch(&mut tx, self.writer.place, &keys, (run, self.job.attempt)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What Odoo holds of these fields after they were written.
    async fn read_back(
        &self,
        loaded: &[Loaded],
        fields: &BTreeSet<&'static str>,
        sample: Key,
    ) -> Result<HashMap<i64, Present>, OdooError> {
        let there = loaded.iter().filter_map(|loaded| match loaded {
            Loaded::There(id) => Some(*id),
            _ => None,
        });
        let ids: Vec<i64> = there.collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let fields = fields.iter().copied().collect();
        let present = self.read(sample.model, json!([["id", "in", ids]]), &fields).await?;
        Ok(present.into_iter().map(|present| (present.id, present)).collect())
    }

    fn riders(&self, sample: Key) -> Vec<(&'static str, Value)> {
        match sample.model {
            records::Model::Partner => riders(&self.fields, self.job.run, &self.job.actor),
            records::Model::Lead => Vec::new(),
        }
    }
}

fn told(update: &Update) -> Done {
    let of = |fields: &BTreeSet<&'static str>| fields.iter().copied().collect();
    Done { wrote: of(&update.write), kept: of(&update.kept), ..Done::new(update.outcome) }
}

/// What is remembered of fields that were written, with what Odoo holds now. A record that is gone again has none.
fn marks(
    row: &Row,
    wrote: &BTreeSet<&'static str>,
    present: Option<&Present>,
    index: &presdr_events::IndexKey,
) -> BTreeMap<String, Mark> {
    let hashes = row.hashes(index);
    let mark = |field: &&'static str| {
        let held = present.map(|present| hash(index, field, &present.field(field)));
        Some(((*field).to_owned(), Mark { wanted: Some(hashes.get(field)?.clone()), held, sending: None }))
    };
    wrote.iter().filter_map(mark).collect()
}

/// The same of fields that Odoo holds as they were sent.
fn as_sent(row: &Row, wrote: &BTreeSet<&'static str>, index: &presdr_events::IndexKey) -> BTreeMap<String, Mark> {
    let hashes = row.hashes(index).into_iter().filter(|(field, _)| wrote.contains(field));
    let mark = |wanted: String| Mark { held: Some(wanted.clone()), wanted: Some(wanted), sending: None };
    hashes.map(|(field, wanted)| (field.to_owned(), mark(wanted))).collect()
}

/// Batches of what has the same columns, in the order in which they came.
fn alike<T>(all: Vec<T>, columns: impl Fn(&T) -> BTreeSet<&'static str>) -> Vec<Vec<T>> {
    let mut open: BTreeMap<BTreeSet<&'static str>, Vec<T>> = BTreeMap::new();
    let mut full = Vec::new();
    for one in all {
        let batch = open.entry(columns(&one)).or_default();
        batch.push(one);
        if batch.len() == BATCH {
            full.push(std::mem::take(batch));
        }
    }
    full.extend(open.into_values());
    full
}
