//! Clearing place after place of people whose keys are gone. Every step may be done again: what is gone is not found.

use std::collections::BTreeSet;

use presdr_events::{IdentifierKind, SubjectId, TenantId};
use presdr_projections::erasure;
use presdr_store::{TenantTx, erasures, keys::TenantKeys, threads};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    ComplianceError, Office, PLACES, Path, Place, odoo,
    rows::{Hit, Search},
    target::{self, Target},
};

/// An erasure on its way: the tombstones stand.
pub(crate) struct Clearing<'a> {
    pub office: &'a Office,
    pub tenant: &'a TenantId,
    pub number: u32,
    pub subjects: BTreeSet<SubjectId>,
}

impl Clearing<'_> {
    /// Clears every place, counting what was removed with each removal.
    pub async fn clear(&mut self) -> Result<(), ComplianceError> {
        let database = self.office.desk.database();
        // Whoever read keys or suppressions before the tombstone has committed after this; who comes later finds it.
        erasures::barrier(database, self.tenant).await?;
        self.destroy_strays().await?;
        let forms = target::suppressed(self.office, self.tenant, &self.subjects).await?;
        let target = Target { subjects: self.subjects.clone(), forms, ..Target::default() };
        let mut tx = database.enter(self.tenant).await?;
        let keys = self.office.desk.keyring().tenant(&mut tx, self.tenant).await?;
        tx.commit().await?;
        self.clear_records(&target, &keys).await?;
        self.clear_read_models(&target, &keys).await?;
        let subjects: Vec<SubjectId> = self.subjects.iter().copied().collect();
        self.note([("odoo".to_owned(), odoo::remove(self.office, self.tenant, &subjects).await?)]).await
    }

    /// People who were made anew from the same identifiers by work that was in flight: found again by what they are known by.
    async fn destroy_strays(&mut self) -> Result<(), ComplianceError> {
        let mut tx = self.office.desk.database().enter(self.tenant).await?;
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "select distinct i.subject_id from suppressions s join subject_identifiers i
                 on i.tenant_id = $1 and i.kind = s.kind and i.hash = s.hash
             where s.tenant_id = $1 and s.subject_id = any($2) and i.kind <> $3",
        )
        .bind(self.tenant.as_str())
        .bind(self.subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
        .bind(IdentifierKind::Company.as_str())
        .fetch_all(&mut *tx)
        .await?;
        let strays: Vec<SubjectId> = ids.into_iter().map(SubjectId).collect();
        if !strays.is_empty() {
            let actor = self.office.desk.actor().clone();
            let destroyed = destroy(&mut tx, &strays, &actor).await?;
            erasures::extend(&mut tx, self.number, &strays).await?;
            erasures::note(&mut tx, self.number, "keys", destroyed).await?;
            self.subjects.extend(strays);
        }
        tx.commit().await?;
        Ok(())
    }

    async fn clear_records(&self, target: &Target, keys: &TenantKeys) -> Result<(), ComplianceError> {
        let (office, tenant) = (self.office, self.tenant);
        // Where the person had a name: an erasure that was cut off may have cleared the texts already.
        let companies = target.forms.values().flatten().map(|company| company.get()).collect();
        let mut search = Search { office, tenant, keys, target, companies };
        for place in PLACES {
            let hits = match place.path {
                Path::Text
                | Path::Pages
                | Path::Said
                | Path::Answers
                | Path::AddressHash
                | Path::Asked
                | Path::Vectors => search.hits(place).await?,
                _ => continue,
            };
            if hits.is_empty() {
                continue;
            }
            let mut tx = office.desk.database().enter(tenant).await?;
            let rows = remove(&mut tx, place, &hits).await?;
            erasures::note(&mut tx, self.number, place.table, rows).await?;
            tx.commit().await?;
        }
        // Whom they name is sealed: all go, since who meant another says it again.
        let mut tx = office.desk.database().enter(tenant).await?;
        threads::forget_named(&mut tx, None).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn clear_read_models(&self, target: &Target, keys: &TenantKeys) -> Result<(), ComplianceError> {
        let (office, tenant) = (self.office, self.tenant);
        let subjects: Vec<SubjectId> = self.subjects.iter().copied().collect();
        self.note(erasure::forget(&office.projector, tenant, &subjects).await?).await?;
        let mut search = Search { office, tenant, keys, target, companies: BTreeSet::new() };
        for place in PLACES.iter().filter(|place| place.path == Path::ShownText) {
            let hits = search.hits(place).await?;
            let leads: Vec<(i64, i64)> = hits.iter().filter_map(|hit| lead(&hit.key)).collect();
            let emptied = erasure::forget_texts(&office.projector, tenant, &leads).await?;
            self.note([(place.table.to_owned(), emptied)]).await?;
        }
        Ok(())
    }

    async fn note(&self, removed: impl IntoIterator<Item = (String, u64)>) -> Result<(), ComplianceError> {
        let mut tx = self.office.desk.database().enter(self.tenant).await?;
        for (table, rows) in removed {
            erasures::note(&mut tx, self.number, &table, rows).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn lead(key: &Value) -> Option<(i64, i64)> {
    Some((key["run_id"].as_i64()?, key["company_id"].as_i64()?))
}

/// Destroys the keys of people, and turns what led to them into suppressions. Tells how many keys there were.
pub(crate) async fn destroy(
    tx: &mut TenantTx,
    subjects: &[SubjectId],
    actor: &presdr_events::Actor,
) -> Result<u64, ComplianceError> {
    let tenant = tx.tenant().clone();
    let ids: Vec<Uuid> = subjects.iter().map(|subject| subject.0).collect();
    // A company's own mailboxes and switchboard are led to by the company: that is nobody's mark.
    sqlx::query(
        "insert into suppressions (tenant_id, kind, hash, reason, subject_id, source, actor)
         select $1, kind, hash, 'erased', subject_id, 'erasure', $3 from subject_identifiers
         where tenant_id = $1 and subject_id = any($2) and kind <> $4
         on conflict (tenant_id, kind, hash) do update
             set subject_id = coalesce(suppressions.subject_id, excluded.subject_id), lifted_at = null",
    )
    .bind(tenant.as_str())
    .bind(&ids)
    .bind(actor.as_str())
    .bind(IdentifierKind::Company.as_str())
    .execute(&mut **tx)
    .await?;
    sqlx::query("delete from subject_identifiers where tenant_id = $1 and subject_id = any($2)")
        .bind(tenant.as_str())
        .bind(&ids)
        .execute(&mut **tx)
        .await?;
    let destroyed = sqlx::query(
        "update data_subjects set wrapped_key = null, erased_at = now()
         where tenant_id = $1 and subject_id = any($2) and erased_at is null",
    )
    .bind(tenant.as_str())
    .bind(&ids)
    .execute(&mut **tx)
    .await?;
    Ok(destroyed.rows_affected())
}

/// Removes rows, or what of them names the person.
async fn remove(tx: &mut TenantTx, place: &Place, hits: &[Hit]) -> Result<u64, ComplianceError> {
    let tenant = tx.tenant().clone();
    let (changed, gone): (Vec<&Hit>, Vec<&Hit>) = hits.iter().partition(|hit| hit.left.is_some());
    let keys: Value = gone.iter().map(|hit| hit.key.clone()).collect();
    let columns: Vec<String> = place.key.iter().map(|column| format!("t.{column} = k.{column}")).collect();
    let (table, same) = (place.table, columns.join(" and "));
    let statement = match place.path {
        // The ledger stays whole: only what was asked is forgotten.
        Path::Asked => format!(
            "update {table} t set thing = sha256(convert_to('forgotten ' || t.intent_id, 'UTF8'))
             from jsonb_populate_recordset(null::{table}, $2) k where t.tenant_id = $1 and {same} and t.state not in ('reserved', 'sent')"
        ),
        _ => format!("delete from {table} t using jsonb_populate_recordset(null::{table}, $2) k where t.tenant_id = $1 and {same}"),
    };
    let removed = sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(keys).execute(&mut **tx).await?;
    let mut rows = removed.rows_affected();
    for hit in changed {
        let statement = format!(
            "update {table} t set {} = $3 from jsonb_populate_record(null::{table}, $2) k where t.tenant_id = $1 and {same}",
            place.columns[0]
        );
        let update = sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(&hit.key).bind(&hit.left);
        rows += update.execute(&mut **tx).await?.rows_affected();
    }
    Ok(rows)
}
