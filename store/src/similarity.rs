//! Vectors of companies' texts, and the sample customers that leads are compared with.

use chrono::{DateTime, Utc};
use presdr_events::CompanyId;
use sqlx::{Row, postgres::PgRow};

use crate::{StoreError, TenantTx, erasures};

/// A customer that a tenant named as a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The customer's name or domain, as the tenant gave it.
    pub sample: String,
    /// What it does.
    pub description: String,
    /// Hash of the description.
    pub text_hash: String,
    /// The model that made the vector.
    pub model: Option<String>,
    /// The vector, once it is made.
    pub vector: Option<Vec<f32>>,
}

/// A customer as a tenant names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSample {
    /// Its name or domain.
    pub sample: String,
    /// What it does.
    pub description: String,
    /// Hash of the description.
    pub text_hash: String,
}

/// What setting samples came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// How often they were set, this time included.
    pub version: u32,
    /// Those that are new or have another text.
    pub changed: u32,
    /// Those that are no longer there.
    pub removed: u32,
}

/// The vector of a company's text, if it was made by this model of this text.
///
/// # Errors
/// What the database says.
pub async fn embedding(
    tx: &mut TenantTx,
    company: CompanyId,
    model: &str,
    text_hash: &str,
) -> Result<Option<Vec<f32>>, StoreError> {
    let tenant = tx.tenant().clone();
    let vector: Option<Vec<u8>> = sqlx::query_scalar(
        "select vector from embeddings where tenant_id = $1 and company_id = $2 and model = $3 and text_hash = $4",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(model)
    .bind(text_hash)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(vector.map(|bytes| floats(&bytes)))
}

/// Keeps the vector of a company's text, unless the text is gone: it may have named somebody who was erased meanwhile.
///
/// # Errors
/// What the database says.
pub async fn keep_embedding(
    tx: &mut TenantTx,
    company: CompanyId,
    (model, text_hash): (&str, &str),
    vector: &[f32],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    erasures::hold_off(tx).await?;
    let tenant = tx.tenant().clone();
    sqlx::query(
        "insert into embeddings (tenant_id, company_id, model, text_hash, vector, made_at)
         select $1, $2, $3, $4, $5, $6 where exists (select from lead_texts t where t.tenant_id = $1 and t.company_id = $2
             and encode(sha256(convert_to(t.about_text, 'UTF8')), 'hex') = $4)
         on conflict (tenant_id, company_id, model) do update set text_hash = excluded.text_hash, vector = excluded.vector, made_at = excluded.made_at",
    )
    .bind(tenant.as_str())
    .bind(company.get())
    .bind(model)
    .bind(text_hash)
    .bind(bytes(vector))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The tenant's samples, by name.
///
/// # Errors
/// What the database says.
pub async fn samples(tx: &mut TenantTx) -> Result<Vec<Sample>, StoreError> {
    let tenant = tx.tenant().clone();
    let rows = sqlx::query(
        "select sample, description, text_hash, model, vector from icp_samples where tenant_id = $1 order by sample",
    )
    .bind(tenant.as_str())
    .fetch_all(&mut **tx)
    .await?;
    let sample = |row: &PgRow| Sample {
        sample: row.get("sample"),
        description: row.get("description"),
        text_hash: row.get("text_hash"),
        model: row.get("model"),
        vector: row.get::<Option<Vec<u8>>, _>("vector").map(|bytes| floats(&bytes)),
    };
    Ok(rows.iter().map(sample).collect())
}

/// Replaces the tenant's samples; one whose text is as it was keeps its vector.
///
/// # Errors
/// What the database says.
pub async fn set_samples(tx: &mut TenantTx, samples: &[NewSample], now: DateTime<Utc>) -> Result<Replaced, StoreError> {
    let tenant = tx.tenant().clone();
    // First, for its lock: of two who set them at the same time, one comes after the other.
    let version: i32 = sqlx::query_scalar(
        "insert into tenant_settings as known (tenant_id, samples_version) values ($1, 1)
         on conflict (tenant_id) do update set samples_version = known.samples_version + 1 returning samples_version",
    )
    .bind(tenant.as_str())
    .fetch_one(&mut **tx)
    .await?;
    let names: Vec<&str> = samples.iter().map(|sample| sample.sample.as_str()).collect();
    let removed = sqlx::query("delete from icp_samples where tenant_id = $1 and sample <> all($2)")
        .bind(tenant.as_str())
        .bind(&names)
        .execute(&mut **tx)
        .await?;
    let changed = sqlx::query(
        "insert into icp_samples as s (tenant_id, sample, description, text_hash, updated_at)
         select $1, *, $5 from unnest($2::text[], $3::text[], $4::text[])
         on conflict (tenant_id, sample) do update set description = excluded.description, text_hash = excluded.text_hash,
             model = null, vector = null, updated_at = excluded.updated_at
         where s.text_hash <> excluded.text_hash",
    )
    .bind(tenant.as_str())
    .bind(&names)
    .bind(samples.iter().map(|sample| sample.description.as_str()).collect::<Vec<_>>())
    .bind(samples.iter().map(|sample| sample.text_hash.as_str()).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    let count = |rows: u64| u32::try_from(rows).unwrap_or(u32::MAX);
    Ok(Replaced {
        version: version.unsigned_abs(),
        changed: count(changed.rows_affected()),
        removed: count(removed.rows_affected()),
    })
}

/// Keeps the vector of a sample whose text is still the one it was made of.
///
/// # Errors
/// What the database says.
pub async fn keep_sample_vector(
    tx: &mut TenantTx,
    sample: &str,
    (model, text_hash): (&str, &str),
    vector: &[f32],
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query(
        "update icp_samples set model = $4, vector = $5 where tenant_id = $1 and sample = $2 and text_hash = $3",
    )
    .bind(tenant.as_str())
    .bind(sample)
    .bind(text_hash)
    .bind(model)
    .bind(bytes(vector))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}
