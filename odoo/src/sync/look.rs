//! Looking at what is there: found by number, or by external id, and told from another record that has its number by now.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use presdr_store::odoo::records::{Key, Model, Origin, Record, State};
use serde_json::json;

use super::{Running, sort::Planned};
use crate::{
    client::{Call, Fault},
    desk::OdooError,
    identity,
    plan::{self, Change, Present},
    rows::{Row, external_id},
    send::{self, BATCH, Loaded},
};

/// Records that are looked at in one call when their fields do not matter.
const LOOK: usize = 5_000;
/// Odoo's clock and ours are no further apart.
const CLOCKS_APART: TimeDelta = TimeDelta::days(1);
/// So many companies that are all gone at once were hardly deleted by people: more likely the account sees them no more, or Odoo is another.
const GONE_MIN: usize = 5;
/// For so long nothing is concluded from that.
const GONE_WAIT: TimeDelta = TimeDelta::days(1);

/// A record that is there, its number, and the fields of which something else is wanted than before.
type There = (Row, Record, i64, BTreeSet<&'static str>);

/// Of the records that were looked for: how many were there when they were looked at before, and how many of those are gone.
#[derive(Default)]
pub(super) struct Gone {
    looked_for: usize,
    gone: usize,
}

impl Running<'_> {
    /// Records that were about to be made when a sync ended, of which nobody saw whether they were: found by their external ids among all that
    /// Odoo made since. What is not among them was not made, or somebody deleted it before anybody looked.
    pub(super) async fn find_unseen(
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
    pub(super) fn believe(&self, gone: Gone) -> Result<(), Fault> {
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
    pub(super) async fn look_at(
        &mut self,
        there: Vec<(Row, Record, i64)>,
        planned: &mut Planned,
        fresh: &mut Vec<Row>,
    ) -> Result<Gone, OdooError> {
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

    pub(super) async fn look_at_some(
        &mut self,
        rows: &[There],
        planned: &mut Planned,
        fresh: &mut Vec<Row>,
        gone: &mut Gone,
    ) -> Result<(), OdooError> {
        let ids: Vec<i64> = rows.iter().map(|(_, _, id, _)| *id).collect();
        let fields: BTreeSet<&str> =
            rows.iter().flat_map(|(.., fields)| fields.iter().copied()).chain(["active"]).collect();
        let Some(model) = rows.first().map(|(row, ..)| row.key.model) else { return Ok(()) };
        let fields = if model == Model::Partner { &fields | &BTreeSet::from(["parent_id"]) } else { fields };
        let present = self.read(model, json!([["id", "in", ids]]), &fields).await?;
        let present: BTreeMap<i64, Present> = present.into_iter().map(|present| (present.id, present)).collect();
        let strangers = self.strangers(model, rows, &present).await?;
        self.lost.extend(strangers.iter().copied());
        for (row, record, id, fields) in rows {
            let was_there = record.state != State::Deleted;
            gone.looked_for += usize::from(was_there);
            match present.get(id) {
                Some(_) if strangers.contains(&row.key) => {
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

    /// Of what we made and are about to write to: numbers that are another record's by now, as those are that a restored Odoo gives anew, to
    /// another record of ours, too.
    async fn strangers(
        &self,
        model: Model,
        rows: &[There],
        present: &BTreeMap<i64, Present>,
    ) -> Result<BTreeSet<Key>, OdooError> {
        let asked = rows.iter().filter(|(row, record, id, fields)| {
            let grows = model == Model::Partner && row.key.subject.is_none() && self.grows.contains(&row.key.company);
            let is_used = !fields.is_empty() || record.state == State::Deleted || grows;
            let is_there = present.get(id).is_some_and(|present| !present.is_archived());
            record.origin == Origin::Made && is_used && is_there
        });
        let asked: Vec<(Key, i64)> = asked.map(|(row, _, id, _)| (row.key, *id)).collect();
        let ids: Vec<i64> = asked.iter().map(|(_, id)| *id).collect();
        let told = identity::external_ids(self.writer.odoo, model.as_str(), &ids).await?;
        let mut strange = Vec::new();
        for (key, id) in asked {
            if !self.writer.is_still_called(key, id, told.get(&id)).await? {
                strange.push((key, id));
            }
        }
        let kept = self.led_to(model, &strange).await?;
        Ok(strange.into_iter().map(|(key, _)| key).filter(|key| !kept.contains(key)).collect())
    }

    /// Those whose external id leads to their number all the same: a record may have several, and Odoo tells the oldest.
    async fn led_to(&self, model: Model, strange: &[(Key, i64)]) -> Result<BTreeSet<Key>, OdooError> {
        // A lead is made without a name, and a preview sends nothing.
        if strange.is_empty() || model != Model::Partner || self.looks_only {
            return Ok(BTreeSet::new());
        }
        let rows: Vec<_> = strange.iter().map(|(key, _)| vec![json!(external_id(self.writer.tenant, key))]).collect();
        let loaded = send::load(self.writer.odoo, model.as_str(), &["id".to_owned()], &rows).await?;
        let led = strange.iter().zip(loaded).filter(|((_, id), loaded)| *loaded == Loaded::There(*id));
        Ok(led.map(|((key, _), _)| *key).collect())
    }
}
