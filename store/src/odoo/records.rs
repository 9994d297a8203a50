//! What presdr wrote to a tenant's Odoo: a row per record, as intent before it is sent and with what Odoo held after.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use presdr_events::{CompanyId, SubjectId};
use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::connections::Place;
use crate::{StoreError, TenantTx};

/// What kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Model {
    /// A company or a contact.
    Partner,
    /// An opportunity of Odoo's CRM.
    Lead,
}

impl Model {
    /// As Odoo calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "res.partner",
            Self::Lead => "crm.lead",
        }
    }
}

/// Which record: of a company, or of somebody there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What kind.
    pub model: Model,
    /// Which company.
    pub company: CompanyId,
    /// Of a contact: who.
    pub subject: Option<SubjectId>,
}

/// How a record came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// We made it, under an external id of our own.
    Made,
    /// The tenant had it.
    Adopted,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was about to be sent, and nobody saw how that ended.
    Sending,
    /// It is there.
    Held,
    /// A person put it away.
    Archived,
    /// A person deleted it.
    Deleted,
    /// A person has to say which partner it is.
    Ambiguous,
    /// Odoo refuses it as it is.
    Refused,
    /// Of an erased person: it has to be removed there.
    Owed,
    /// Of an erased person: it is removed there.
    Erased,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Sending,
        Self::Held,
        Self::Archived,
        Self::Deleted,
        Self::Ambiguous,
        Self::Refused,
        Self::Owed,
        Self::Erased,
    ];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Held => "held",
            Self::Archived => "archived",
            Self::Deleted => "deleted",
            Self::Ambiguous => "ambiguous",
            Self::Refused => "refused",
            Self::Owed => "owed",
            Self::Erased => "erased",
        }
    }
}

/// Keyed hashes of one field's values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What we wanted it to be when we last had a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What Odoo held after our last write; none of a field that we never wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// What was being sent when we last looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<String>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Of what.
    pub key: Key,
    /// Its number in Odoo; none while nobody saw it made.
    pub odoo_id: Option<i64>,
    /// How it came to be ours.
    pub origin: Origin,
    /// Where it stands.
    pub state: State,
    /// Its fields.
    pub fields: BTreeMap<String, Mark>,
    /// The run whose values it has.
    pub run: i64,
    /// The sync that touched it last.
    pub attempt: i32,
    /// What that sync did with it.
    pub outcome: String,
    /// What is wrong with it, in our own words.
    pub problem: Option<String>,
    /// When it came to stand so.
    pub changed_at: DateTime<Utc>,
}

/// The records of these companies and of people there.
///
/// # Errors
/// What the database says.
pub async fn of_companies(tx: &mut TenantTx, place: Place, companies: &[CompanyId]) -> Result<Vec<Record>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select * from odoo_records where tenant_id = $1 and place = $2 and model = any($3) and company_id = any($4)",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(["res.partner", "crm.lead"].as_slice())
    .bind(companies.iter().map(|company| company.get()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter_map(record).collect())
}

/// Those of the numbers that are records of ours, and which.
///
/// # Errors
/// What the database says.
pub async fn taken(tx: &mut TenantTx, place: Place, ids: &[i64]) -> Result<Vec<(i64, Key)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select * from odoo_records where tenant_id = $1 and place = $2 and odoo_id = any($3) and model = 'res.partner'",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(ids)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter_map(record).filter_map(|record| Some((record.odoo_id?, record.key))).collect())
}

/// How many records of ours have that number, those of the erased excepted.
///
/// # Errors
/// What the database says.
pub async fn holders(tx: &mut TenantTx, place: Place, id: i64) -> Result<i64, StoreError> {
    let tenant = tx.tenant().clone();
    let holders = sqlx::query_scalar(
        "select count(*) from odoo_records
         where tenant_id = $1 and place = $2 and odoo_id = $3 and model = 'res.partner' and state <> 'erased'",
    );
    Ok(holders.bind(tenant.as_str()).bind(place.as_slice()).bind(id).fetch_one(&mut **tx).await?)
}

/// Writes records as they stand from `now` on. One whose person was erased meanwhile stays owed, with the number that was learnt of it.
///
/// # Errors
/// What the database says.
pub async fn put(tx: &mut TenantTx, place: Place, records: &[Record], now: DateTime<Utc>) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant().clone();
    let column = |read: fn(&Record) -> i64| records.iter().map(read).collect::<Vec<_>>();
    let texts = |read: fn(&Record) -> &str| records.iter().map(read).collect::<Vec<_>>();
    sqlx::query(
        "insert into odoo_records as kept
             (tenant_id, place, model, company_id, subject_id, odoo_id, origin, state, fields, run_id, attempt, outcome, problem, changed_at)
         select $1, $2, w.*, $14
         from unnest($3::text[], $4::bigint[], $5::uuid[], $6::bigint[], $7::text[], $8::text[], $9::jsonb[], $10::bigint[], $11::int[],
                     $12::text[], $13::text[]) as w
         on conflict (tenant_id, place, model, company_id, subject_id) do update set
             odoo_id = coalesce(excluded.odoo_id, kept.odoo_id), origin = excluded.origin,
             state = case when kept.state in ('owed', 'erased') then 'owed' else excluded.state end,
             fields = case when kept.state = 'erased' then '{}' else excluded.fields end,
             run_id = excluded.run_id, attempt = excluded.attempt, outcome = excluded.outcome, problem = excluded.problem,
             changed_at = excluded.changed_at",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(texts(|record| record.key.model.as_str()))
    .bind(column(|record| record.key.company.get()))
    .bind(records.iter().map(|record| subject(record.key)).collect::<Vec<_>>())
    .bind(records.iter().map(|record| record.odoo_id).collect::<Vec<_>>())
    .bind(texts(|record| match record.origin {
        Origin::Made => "made",
        Origin::Adopted => "adopted",
    }))
    .bind(texts(|record| record.state.as_str()))
    .bind(records.iter().map(|record| Json(&record.fields)).collect::<Vec<_>>())
    .bind(column(|record| record.run))
    .bind(records.iter().map(|record| record.attempt).collect::<Vec<_>>())
    .bind(texts(|record| record.outcome.as_str()))
    .bind(records.iter().map(|record| record.problem.as_deref()).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that a run found these as they should be: which, and in which of its syncs.
///
/// # Errors
/// What the database says.
pub async fn touch(
    tx: &mut TenantTx,
    place: Place,
    keys: &[Key],
    (run, attempt): (i64, u32),
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update odoo_records r set run_id = $6, attempt = $7, outcome = 'unchanged'
         from unnest($3::text[], $4::bigint[], $5::uuid[]) as w (model, company_id, subject_id)
         where r.tenant_id = $1 and r.place = $2 and r.model = w.model and r.company_id = w.company_id and r.subject_id = w.subject_id",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(keys.iter().map(|key| key.model.as_str()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.company.get()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| subject(*key)).collect::<Vec<_>>())
    .bind(run)
    .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Marks every record of these people as to be removed, in whichever database; tells how many are, those from before included.
///
/// # Errors
/// What the database says.
pub async fn owe(tx: &mut TenantTx, subjects: &[SubjectId], now: DateTime<Utc>) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update odoo_records set state = 'owed', changed_at = $3
         where tenant_id = $1 and subject_id = any($2) and subject_id <> $4 and state not in ('owed', 'erased')",
    )
    .bind(tenant.as_str())
    .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
    .bind(now)
    .bind(Uuid::nil())
    .execute(&mut **tx)
    .await?;
    owed_of(tx, subjects).await
}

/// How many records of these people are still to be removed, in whichever database.
///
/// # Errors
/// What the database says.
pub async fn owed_of(tx: &mut TenantTx, subjects: &[SubjectId]) -> Result<u64, StoreError> {
    let tenant = tx.tenant().clone();
    let owed: i64 = sqlx::query_scalar(
        "select count(*) from odoo_records where tenant_id = $1 and subject_id = any($2) and subject_id <> $3 and state = 'owed'",
    )
    .bind(tenant.as_str())
    .bind(subjects.iter().map(|subject| subject.0).collect::<Vec<_>>())
    .bind(Uuid::nil())
    .fetch_one(&mut **tx)
    .await?;
    Ok(owed.unsigned_abs())
}

/// Records that are to be removed from a database: those without a problem first.
///
/// # Errors
/// What the database says.
pub async fn owed(tx: &mut TenantTx, place: Place) -> Result<Vec<Record>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select * from odoo_records where tenant_id = $1 and place = $2 and state = 'owed'
         order by problem is not null, changed_at limit 500",
    );
    let rows = rows.bind(tenant.as_str()).bind(place.as_slice()).fetch_all(&mut **tx).await?;
    Ok(rows.iter().filter_map(record).collect())
}

/// Notes why a record is still to be removed.
///
/// # Errors
/// What the database says.
pub async fn still_owed(tx: &mut TenantTx, place: Place, key: Key, problem: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update odoo_records set problem = $6
         where tenant_id = $1 and place = $2 and model = $3 and company_id = $4 and subject_id = $5 and state = 'owed'",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(key.model.as_str())
    .bind(key.company.get())
    .bind(subject(key))
    .bind(problem)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that a record is removed, or what is left of it; nothing is remembered of its values.
///
/// # Errors
/// What the database says.
pub async fn erased(
    tx: &mut TenantTx,
    place: Place,
    key: Key,
    left: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update odoo_records set state = 'erased', outcome = 'erased', fields = '{}', problem = $6, changed_at = $7
         where tenant_id = $1 and place = $2 and model = $3 and company_id = $4 and subject_id = $5",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(key.model.as_str())
    .bind(key.company.get())
    .bind(subject(key))
    .bind(left)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The records that a sync of the run touched last, for people: companies first.
///
/// # Errors
/// What the database says.
pub async fn of_run(tx: &mut TenantTx, run: i64) -> Result<Vec<Record>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select * from odoo_records where tenant_id = $1 and run_id = $2 order by company_id, subject_id, model desc",
    )
    .bind(tenant.as_str())
    .bind(run)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.iter().filter_map(record).collect())
}

/// How many records there are, by model, whether they are people's, and state.
///
/// # Errors
/// What the database says.
pub async fn count(tx: &mut TenantTx, place: Place) -> Result<Vec<(&'static str, String, i64)>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows: Vec<(String, bool, String, i64)> = sqlx::query_as(
        "select model, subject_id <> $3, state, count(*) from odoo_records where tenant_id = $1 and place = $2
         group by 1, 2, 3 order by 1 desc, 2, 3",
    )
    .bind(tenant.as_str())
    .bind(place.as_slice())
    .bind(Uuid::nil())
    .fetch_all(&mut **tx)
    .await?;
    let kind = |model: &str, of_person: bool| match (model, of_person) {
        ("crm.lead", _) => "lead",
        (_, true) => "contact",
        (_, false) => "company",
    };
    Ok(rows.into_iter().map(|(model, of_person, state, count)| (kind(&model, of_person), state, count)).collect())
}

fn subject(key: Key) -> Uuid {
    key.subject.map_or(Uuid::nil(), |subject| subject.0)
}

fn record(row: &PgRow) -> Option<Record> {
    let model = match row.get("model") {
        "res.partner" => Model::Partner,
        _ => Model::Lead,
    };
    let subject: Uuid = row.get("subject_id");
    let state: &str = row.get("state");
    let Json(fields) = row.get("fields");
    Some(Record {
        key: Key {
            model,
            company: CompanyId::new(row.get("company_id")).ok()?,
            subject: (!subject.is_nil()).then_some(SubjectId(subject)),
        },
        odoo_id: row.get("odoo_id"),
        origin: if row.get::<&str, _>("origin") == "adopted" { Origin::Adopted } else { Origin::Made },
        state: State::ALL.into_iter().find(|known| known.as_str() == state)?,
        fields,
        run: row.get("run_id"),
        attempt: row.get("attempt"),
        outcome: row.get("outcome"),
        problem: row.get("problem"),
        changed_at: row.get("changed_at"),
    })
}
