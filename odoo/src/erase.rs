//! Removing erased people from the tenant's Odoo, whatever anybody there made of their records.
//!
//! A contact that we made is deleted, or made nobody where Odoo does not let it be deleted. Of a contact that the tenant had before us, what
//! we filled in is emptied; the rest is the tenant's own to erase, and that is said.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use presdr_store::odoo::records::{self, Key, Mark, Model, Origin, Record};
use serde_json::{Map, Value, json};

use crate::{
    client::{Call, Fault},
    desk::OdooError,
    fields::{self, Fields, PARTNER, PERSONAL},
    identity,
    plan::Present,
    rows::{external_id, hash},
    send::{self, Loaded, NAMELESS},
    sync::Writer,
};

/// What a person's record is called once nobody may know whose it was.
const NOBODY: &str = "Erased person";
/// Fields of a contact that tell of somebody, beside the name, and that presdr writes.
const TELLING: [&str; 7] =
    ["email", "phone", "function", "comment", "website", "x_pre_sdr_profile", "x_pre_sdr_email_status"];
/// What is left of a contact that the tenant had before.
const OWN: &str =
    "the tenant had this contact before presdr: what presdr wrote is gone, the rest is the tenant's to erase in Odoo";

/// What is left of one that nobody can say any more whose it is.
const UNMARKED: &str = "somebody took presdr's external id from this contact: what presdr wrote is gone, the rest is the tenant's to erase in Odoo";
/// What is left of one that Odoo keeps.
const ARCHIVED: &str = "Odoo does not let it be deleted: it is archived, and says nothing of the person any more";
/// What is left of one that Odoo does not even let be archived.
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
        for record in owed {
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
            if may_come(&record) && (self.now)() < record.changed_at + IN_FLIGHT_MAX {
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
                self.empty_ours(record, id, fields).await?;
                Ok(End::Emptied(OWN))
            }
            (Origin::Made, Some(id)) if self.is_still(record.key, id).await? => self.delete(id, fields).await,
            // Nobody saw it made, or its number is another record's by now: if it is there, its external id leads to it.
            (_, id) => match (self.find(record).await?, id) {
                (Some(id), _) => self.delete(id, fields).await,
                (None, Some(id)) if self.empty_ours(record, id, fields).await? => Ok(End::Emptied(UNMARKED)),
                (None, _) => Ok(End::Gone),
            },
        }
    }

    /// Empties what still reads as we wrote it, and tells whether anything did: what a person wrote since is theirs, and so is a record that has
    /// the number by now.
    async fn empty_ours(&self, record: &Record, id: i64, fields: &Fields) -> Result<bool, OdooError> {
        let telling: BTreeSet<&str> = TELLING.into_iter().chain(["name"]).filter(|field| fields.has(field)).collect();
        // Read by its number: one that the account may not see is not one that is gone.
        let one = [id];
        let arguments = vec![("fields", json!(telling))];
        let call = Call { model: PARTNER, method: "read", ids: Some(&one), arguments };
        let found: Vec<Map<String, Value>> = self.odoo.call(call).await?;
        let Some(present) = found.into_iter().find_map(Present::read) else { return Ok(false) };
        let mut tx = self.database.enter(self.tenant).await?;
        let index = self.keyring.tenant(&mut tx, self.tenant).await?.index;
        tx.commit().await?;
        let is_ours = |field: &&'static str| {
            let now = present.field(field);
            let read = hash(&index, field, &now);
            let is_known = |mark: &Mark| mark.held.iter().chain(&mark.sending).any(|known| *known == read);
            !now.is_null() && record.fields.get(*field).is_some_and(is_known)
        };
        let ours: BTreeSet<&'static str> = TELLING.into_iter().chain(["name"]).filter(is_ours).collect();
        let values = empty(ours, fields);
        if values.is_empty() {
            return Ok(false);
        }
        self.write(id, values).await?;
        Ok(true)
    }

    /// Whether the number is still the contact that we made, and not another that a restored Odoo gave it to.
    async fn is_still(&self, key: Key, id: i64) -> Result<bool, OdooError> {
        let told = identity::external_ids(self.odoo, PARTNER, &[id]).await?;
        self.is_still_called(key, id, told.get(&id)).await
    }

    /// The same, when what the record's external id is was asked already.
    pub(crate) async fn is_still_called(&self, key: Key, id: i64, told: Option<&String>) -> Result<bool, OdooError> {
        if told == Some(&external_id(self.tenant, &key)) {
            return Ok(true);
        }
        if key.subject.is_none() || !identity::is_contact_of(self.tenant, key.company, told) {
            return Ok(false);
        }
        let mut tx = self.database.enter(self.tenant).await?;
        let holders = records::holders(&mut tx, self.place, id).await?;
        tx.commit().await?;
        Ok(holders == 1)
    }

    /// The record that the external id leads to. Without a name none is made where there is none.
    async fn find(&self, record: &Record) -> Result<Option<i64>, Fault> {
        if record.key.model != Model::Partner || record.origin == Origin::Adopted {
            return Ok(None);
        }
        let row = vec![json!(external_id(self.tenant, &record.key))];
        let loaded = send::load(self.odoo, PARTNER, &["id".to_owned()], &[row]).await?;
        match loaded.into_iter().next() {
            Some(Loaded::There(id)) => Ok(Some(id)),
            Some(Loaded::Refused(why)) if why == NAMELESS => Ok(None),
            // Whether it is there, this does not say.
            Some(Loaded::Refused(why)) => Err(Fault::Refused(why)),
            Some(Loaded::Failed(why)) => Err(Fault::Failed(why)),
            Some(Loaded::Gone) | None => Err(Fault::Missing),
        }
    }

    async fn delete(&self, id: i64, fields: &Fields) -> Result<End, OdooError> {
        let one = [id];
        let call = Call { model: PARTNER, method: "unlink", ids: Some(&one), arguments: Vec::new() };
        match self.odoo.call::<Value>(call).await {
            Ok(_) | Err(Fault::Missing) => Ok(End::Gone),
            // Something there refers to it, or the account may not delete.
            Err(Fault::Refused(_) | Fault::Failed(_) | Fault::FixNeeded { .. }) => {
                // In one write: of an address that is emptied as a whole Odoo passes nothing on to the company.
                let telling = TELLING.into_iter().chain(PERSONAL).chain(["name"]);
                self.write(id, empty(telling.collect(), fields)).await?;
                // By itself: what does not let it be archived must not keep what it says.
                match self.write(id, Map::from_iter([("active".to_owned(), json!(false))])).await {
                    Ok(()) => Ok(End::Emptied(ARCHIVED)),
                    Err(OdooError::Fault(Fault::Refused(_) | Fault::Failed(_))) => Ok(End::Emptied(KEPT)),
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

/// These fields, as far as this Odoo has them, without what they said.
fn empty(of: BTreeSet<&'static str>, fields: &Fields) -> Map<String, Value> {
    let emptied = |field: &'static str| if field == "name" { json!(NOBODY) } else { json!(false) };
    of.into_iter().filter(|field| fields.has(field)).map(|field| (field.to_owned(), emptied(field))).collect()
}
