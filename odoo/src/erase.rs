//! Removing erased people from the tenant's Odoo, whatever anybody there made of their records.
//!
//! A contact that we made is deleted, or made nobody where Odoo does not let it be deleted. Of a contact that the tenant had before us, what
//! we filled in is emptied; the rest is the tenant's own to erase, and that is said.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use presdr_store::odoo::records::{self, Model, Origin, Record};
use serde_json::{Map, Value, json};

use crate::{
    client::{Call, Fault},
    desk::OdooError,
    fields::{self, Fields, PARTNER},
    rows::external_id,
    send::{self, Loaded},
    sync::Writer,
};

/// What a person's record is called once nobody may know whose it was.
const NOBODY: &str = "Erased person";
/// Fields of a contact that tell of somebody.
const TELLING: [&str; 7] =
    ["email", "phone", "function", "comment", "website", "x_pre_sdr_profile", "x_pre_sdr_email_status"];
/// What is left of a contact that the tenant had before.
const OWN: &str =
    "the tenant had this contact before presdr: what presdr wrote is gone, the rest is the tenant's to erase in Odoo";

/// What is left of one that Odoo keeps.
const KEPT: &str =
    "Odoo does not let it be deleted, nor archived (somebody signs in with it): it says nothing of the person any more";
/// A call that nobody waits for any more may go on in Odoo for so long: what was on its way when a person was erased could land after it.
const IN_FLIGHT_MAX: TimeDelta = TimeDelta::minutes(10);

/// How a record of an erased person ended.
enum End {
    Gone,
    /// Something of it is left, and what.
    Emptied(&'static str),
}

impl Writer<'_> {
    /// Removes what is owed in this database, and tells how many records that were. The caller holds the lease on the tenant's Odoo. What may
    /// still have been on its way stays owed, and is removed once more when nothing of it can come any more.
    ///
    /// # Errors
    /// [`OdooError`]: what was removed until then is; the rest stays owed. One record that cannot be removed keeps no other.
    pub async fn remove_owed(&self) -> Result<u64, OdooError> {
        let mut tx = self.database.enter(self.tenant).await?;
        let owed = records::owed(&mut tx, self.place).await?;
        tx.commit().await?;
        if owed.is_empty() {
            return Ok(0);
        }
        let fields = fields::look(self.odoo).await?;
        let (mut removed, mut failed) = (0, None);
        for (record, since) in owed {
            let end = match self.remove(&record, &fields).await {
                Ok(end) => end,
                Err(OdooError::Fault(fault)) if !fault.is_transient() => {
                    let mut tx = self.database.enter(self.tenant).await?;
                    records::still_owed(&mut tx, self.place, record.key, &fault.to_string()).await?;
                    tx.commit().await?;
                    failed.get_or_insert(fault);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if may_come(&record) && (self.now)() < since + IN_FLIGHT_MAX {
                continue;
            }
            let told = match end {
                End::Gone => None,
                End::Emptied(left) => Some(left),
            };
            let mut tx = self.database.enter(self.tenant).await?;
            records::erased(&mut tx, self.place, record.key, told, (self.now)()).await?;
            tx.commit().await?;
            removed += 1;
        }
        match failed {
            Some(fault) if removed == 0 => Err(fault.into()),
            _ => Ok(removed),
        }
    }

    async fn remove(&self, record: &Record, fields: &Fields) -> Result<End, OdooError> {
        match (record.origin, record.odoo_id) {
            (Origin::Adopted, Some(id)) => {
                let ours: BTreeSet<&'static str> = TELLING
                    .into_iter()
                    .filter(|field| {
                        record.fields.get(*field).is_some_and(|mark| mark.held.is_some() || mark.sending.is_some())
                    })
                    .collect();
                if !ours.is_empty() {
                    self.write(id, empty(&ours, fields)).await?;
                }
                Ok(End::Emptied(OWN))
            }
            (Origin::Made, Some(id)) => self.delete(id, fields).await,
            // Nobody saw it made: whether it was or not, its external id leads to it now, with nobody's name.
            (_, None) => match self.find(record).await? {
                Some(id) => self.delete(id, fields).await,
                None => Ok(End::Gone),
            },
        }
    }

    async fn find(&self, record: &Record) -> Result<Option<i64>, Fault> {
        if record.key.model != Model::Partner || record.origin == Origin::Adopted {
            return Ok(None);
        }
        let columns = ["id", "name"].map(str::to_owned);
        let row = vec![json!(external_id(self.tenant, &record.key)), json!(NOBODY)];
        let loaded = send::load(self.odoo, PARTNER, &columns, &[row]).await?;
        Ok(loaded.into_iter().find_map(|loaded| match loaded {
            Loaded::There(id) => Some(id),
            Loaded::Gone | Loaded::Refused(_) => None,
        }))
    }

    async fn delete(&self, id: i64, fields: &Fields) -> Result<End, OdooError> {
        let one = [id];
        let call = Call { model: PARTNER, method: "unlink", ids: Some(&one), arguments: Vec::new() };
        match self.odoo.call::<Value>(call).await {
            Ok(_) | Err(Fault::Missing) => Ok(End::Gone),
            // Something there refers to it, or the account may not delete.
            Err(Fault::Refused(_) | Fault::FixNeeded { .. }) => {
                let mut values = empty(&TELLING.into_iter().collect(), fields);
                values.insert("name".to_owned(), json!(NOBODY));
                self.write(id, values).await?;
                // By itself: what does not let it be archived must not keep what it says.
                match self.write(id, Map::from_iter([("active".to_owned(), json!(false))])).await {
                    Ok(()) => Ok(End::Gone),
                    Err(OdooError::Fault(Fault::Refused(_))) => Ok(End::Emptied(KEPT)),
                    Err(error) => Err(error),
                }
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn write(&self, id: i64, values: Map<String, Value>) -> Result<(), OdooError> {
        let one = [id];
        let arguments = vec![("vals", Value::Object(values))];
        match self.odoo.call::<Value>(Call { model: PARTNER, method: "write", ids: Some(&one), arguments }).await {
            Ok(_) | Err(Fault::Missing) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Whether something of the record may have been on its way when its removal was asked for.
fn may_come(record: &Record) -> bool {
    record.odoo_id.is_none() || record.fields.values().any(|mark| mark.sending.is_some())
}

fn empty(of: &BTreeSet<&'static str>, fields: &Fields) -> Map<String, Value> {
    let there = of.iter().filter(|field| fields.has(field));
    there.map(|field| ((*field).to_owned(), json!(false))).collect()
}
