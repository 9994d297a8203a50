//! What is about to be sent, committed before it is: with whom it may not be sent to any more left out.

use std::collections::BTreeSet;

use presdr_events::{SubjectId, Suppression};
use presdr_store::{
    erasures,
    odoo::{
        connections,
        records::{self, Key, Mark, Origin, Record, State},
    },
    suppressions,
};

use super::{Done, Running};
use crate::{desk::OdooError, rows::Row};

impl Running<'_> {
    /// That a row is about to be made, or, by its number, was.
    pub(super) fn intent(&self, row: &Row, id: Option<i64>) -> Record {
        let record = self.record(row.key, id, Origin::Made, State::Sending, "created");
        let marks = row.hashes(&self.index).into_iter().map(|(field, wanted)| (field.to_owned(), sending(wanted)));
        Record { fields: marks.collect(), ..record }
    }

    /// Commits intents; tells which of them may be sent: not those of people who were erased meanwhile, nor of whoever was suppressed. An
    /// erasure that comes later finds the intent.
    pub(super) async fn intend(&mut self, intents: Vec<(&Row, Record)>) -> Result<BTreeSet<Key>, OdooError> {
        if !(self.writer.goes_on)() {
            return Err(OdooError::Stopped);
        }
        let mut tx = self.writer.database.enter(self.writer.tenant).await?;
        if !connections::stands(&mut tx, self.writer.version).await? {
            return Err(OdooError::NotConnected(self.writer.tenant.clone()));
        }
        erasures::hold_off(&mut tx).await?;
        let people: Vec<SubjectId> = intents.iter().filter_map(|(row, _)| row.key.subject).collect();
        let alive = self.writer.keyring.subjects(&mut tx, self.writer.tenant, &people).await?;
        let asked: BTreeSet<Suppression> = intents.iter().flat_map(|(row, _)| row.asked.iter().copied()).collect();
        let held = suppressions::in_force(&mut tx, &asked).await?;
        let mut may_go = Vec::new();
        for (row, record) in intents {
            if row.asked.iter().any(|one| held.contains_key(one)) {
                self.done.insert(row.key, Done::new("suppressed"));
            } else if row.key.subject.is_none_or(|subject| alive.contains_key(&subject)) {
                may_go.push(record);
            }
        }
        records::put(&mut tx, self.writer.place, &may_go, (self.writer.now)()).await?;
        tx.commit().await?;
        Ok(may_go.iter().map(|record| record.key).collect())
    }
}

fn sending(wanted: String) -> Mark {
    Mark { sending: Some(wanted), ..Mark::default() }
}
