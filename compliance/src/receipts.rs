//! What an older backup cannot know: who was erased since it was taken, and who must not be contacted. Kept outside of both stores, it lets
//! a restore of both do the same again.
//!
//! A receipt is an event, taken with its exact bytes, and names people by random id alone. A suppression is a row with a keyed hash. Neither
//! tells anybody who is meant.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::jetstream;
use presdr_events::{Envelope, Event, TenantId, event::types};
use presdr_store::{Database, TenantTx, tenants};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ComplianceError, erase, log};

/// Something that a restore must do again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kept {
    /// That a person or a tenant was erased.
    Receipt {
        /// Where the event stood.
        subject: String,
        /// Its exact bytes.
        body: String,
    },
    /// Somebody who must not be contacted.
    Suppression {
        /// Whose.
        tenant: TenantId,
        /// The row.
        row: Value,
    },
}

/// All that is kept, each thing once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Receipts {
    /// Receipts by what they say. A restore that did not know of an erasure gives its number, and with it its receipt's id, to another one.
    told: BTreeMap<String, Told>,
    /// Suppressions by tenant, kind and hash. Of two, the one that was taken in later stands.
    suppressions: BTreeMap<(TenantId, String, String), Value>,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What it says.
    pub envelope: Envelope,
    /// Where it stood.
    pub subject: String,
    /// Its exact bytes.
    pub body: String,
}

impl Receipts {
    /// Takes one in.
    ///
    /// # Errors
    /// [`ComplianceError::Refused`] when it is neither a receipt nor a suppression that this version can read.
    pub fn take(&mut self, kept: Kept) -> Result<(), ComplianceError> {
        match kept {
            Kept::Receipt { subject, body } => {
                let envelope = Envelope::decode(&subject, body.as_bytes())
                    .map_err(|error| ComplianceError::Refused(format!("a receipt cannot be read: {error}")))?;
                if !matches!(envelope.event, Event::SubjectErased(_) | Event::TenantPurged(_)) {
                    let kind = envelope.event.event_type().name;
                    return Err(ComplianceError::Refused(format!("an event {kind} is no receipt of an erasure")));
                }
                self.told.entry(body.clone()).or_insert(Told { envelope, subject, body });
            }
            Kept::Suppression { tenant, row } => {
                let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
                let (Some(kind), Some(hash)) = (text("kind"), text("hash")) else {
                    return Err(ComplianceError::Refused("a suppression has no kind or no hash".to_owned()));
                };
                if text("tenant_id").as_deref() != Some(tenant.as_str()) {
                    return Err(ComplianceError::Refused("a suppression is of another tenant than it says".to_owned()));
                }
                self.suppressions.insert((tenant, kind, hash), row);
            }
        }
        Ok(())
    }

    /// Everything again, to be kept.
    pub fn kept(&self) -> impl Iterator<Item = Kept> + '_ {
        let told = self.told.values();
        let receipts = told.map(|told| Kept::Receipt { subject: told.subject.clone(), body: told.body.clone() });
        let rows = self.suppressions.iter();
        receipts.chain(rows.map(|((tenant, ..), row)| Kept::Suppression { tenant: tenant.clone(), row: row.clone() }))
    }

    /// Takes in the receipts that a log holds.
    ///
    /// # Errors
    /// What the broker says.
    pub async fn read_log(&mut self, context: &jetstream::Context) -> Result<(), ComplianceError> {
        for kind in [types::SubjectErased, types::TenantPurged] {
            let mut log = log::of_kind(context, kind).await?;
            while let Some(logged) = log.next().await? {
                let body = String::from_utf8_lossy(&logged.body).into_owned();
                self.take(Kept::Receipt { subject: logged.subject, body })?;
            }
        }
        Ok(())
    }

    /// Takes in the receipts and suppressions that a database holds; a pool of the producer's.
    ///
    /// # Errors
    /// What the database says.
    pub async fn read_database(&mut self, database: &Database) -> Result<(), ComplianceError> {
        for tenant in tenants::with_events(database).await? {
            let mut tx = database.enter(&tenant).await?;
            let told: Vec<(String, Vec<u8>)> = sqlx::query_as(
                "select subject, body from lead_steps where tenant_id = $1 and run_id = 0 and company_id = 0 and step in ($2, 'purge')",
            )
            .bind(tenant.as_str())
            .bind(erase::STEP)
            .fetch_all(&mut *tx)
            .await?;
            let rows: Vec<Value> = sqlx::query_scalar("select to_jsonb(s) from suppressions s where tenant_id = $1")
                .bind(tenant.as_str())
                .fetch_all(&mut *tx)
                .await?;
            tx.commit().await?;
            for (subject, body) in told {
                self.take(Kept::Receipt { subject, body: String::from_utf8_lossy(&body).into_owned() })?;
            }
            for row in rows {
                self.take(Kept::Suppression { tenant: tenant.clone(), row })?;
            }
        }
        Ok(())
    }

    /// How many receipts there are.
    #[must_use]
    pub fn receipts(&self) -> usize {
        self.told.len()
    }

    /// How many suppressions there are.
    #[must_use]
    pub fn suppressions(&self) -> usize {
        self.suppressions.len()
    }

    /// The tenants that were erased.
    #[must_use]
    pub fn purged(&self) -> BTreeSet<TenantId> {
        let purged = self.told.values().filter_map(|told| match &told.envelope.event {
            Event::TenantPurged(purged) => Some(purged.purged.clone()),
            _ => None,
        });
        purged.collect()
    }

    /// The receipts of people of these tenants that the log does not hold yet.
    ///
    /// # Errors
    /// What the broker says.
    pub async fn missing(
        &self,
        context: &jetstream::Context,
        of: &BTreeSet<TenantId>,
    ) -> Result<Vec<Told>, ComplianceError> {
        let mut held = Self::default();
        held.read_log(context).await?;
        let erased = self.told.values().filter(|told| matches!(told.envelope.event, Event::SubjectErased(_)));
        let missing = erased.filter(|told| of.contains(&told.envelope.tenant) && !held.told.contains_key(&told.body));
        Ok(missing.cloned().collect())
    }

    /// Puts back the suppressions of these tenants: what is kept here is newer than what the database has. Tells how many that database
    /// did not have, or had otherwise.
    ///
    /// # Errors
    /// What the database says.
    pub async fn put_back(&self, database: &Database, of: &BTreeSet<TenantId>) -> Result<u64, ComplianceError> {
        let mut changed = 0;
        for tenant in of {
            let rows: Vec<&Value> =
                self.suppressions.iter().filter(|((whose, ..), _)| whose == tenant).map(|(_, row)| row).collect();
            if rows.is_empty() {
                continue;
            }
            let mut tx = database.enter(tenant).await?;
            changed += put_back(&mut tx, &serde_json::json!(rows)).await?;
            tx.commit().await?;
        }
        Ok(changed)
    }
}

/// An erased person's suppression is never lifted, whichever of the two says that it is one.
async fn put_back(tx: &mut TenantTx, rows: &Value) -> Result<u64, ComplianceError> {
    let tenant = tx.tenant().clone();
    let done = sqlx::query(
        "insert into suppressions as held (tenant_id, kind, hash, reason, created_at, company_id, subject_id, source, actor, lifted_at)
         select $1, kind, hash, reason, created_at, company_id, subject_id, source, actor, lifted_at
         from jsonb_populate_recordset(null::suppressions, $2)
         on conflict (tenant_id, kind, hash) do update set
             subject_id = coalesce(held.subject_id, excluded.subject_id),
             lifted_at = case when coalesce(held.subject_id, excluded.subject_id) is null then excluded.lifted_at end
         where held.lifted_at is distinct from excluded.lifted_at or (held.subject_id is null and excluded.subject_id is not null)",
    )
    .bind(tenant.as_str())
    .bind(rows)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(hash: &str, lifted: Option<&str>) -> Kept {
        let tenant = TenantId::new("acme").unwrap();
        Kept::Suppression {
            row: json!({ "tenant_id": "acme", "kind": "email", "hash": hash, "lifted_at": lifted }),
            tenant,
        }
    }

    #[test]
    fn of_two_rows_about_the_same_the_later_stands_and_each_is_kept_once() {
        let mut receipts = Receipts::default();
        for kept in [row("a", None), row("b", None), row("a", Some("2026-11-27T00:00:00Z"))] {
            receipts.take(kept).unwrap();
        }
        assert_eq!(receipts.suppressions(), 2);
        let kept: Vec<Kept> = receipts.kept().collect();
        assert_eq!(kept, [row("a", Some("2026-11-27T00:00:00Z")), row("b", None)]);
    }

    #[test]
    fn what_is_no_receipt_is_refused() {
        let sample = include_str!("../../events/samples/icp.set.v1.json");
        let tenant: Value = serde_json::from_str(sample).unwrap();
        let subject = format!("evt.{}.icp.set", tenant["tenantid"].as_str().unwrap());
        let refused = Receipts::default().take(Kept::Receipt { subject, body: sample.to_owned() }).unwrap_err();
        assert!(refused.to_string().contains("icp.set is no receipt"), "{refused}");
        let other = Kept::Suppression {
            tenant: TenantId::new("beta").unwrap(),
            row: json!({ "tenant_id": "acme", "kind": "email", "hash": "a" }),
        };
        assert!(Receipts::default().take(other).is_err());
    }
}
