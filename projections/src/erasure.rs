//! Removing a person from the read models, without a race.
//!
//! A batch reads a person's key, opens the values and commits rows; an erasure destroys the key and deletes rows. Were the two
//! unordered, rows of a batch in flight could be committed after the deletion looked for them. So:
//!
//! 1. the erasure first commits the tombstone (the key is gone: whoever reads keys from then on writes no row of this person);
//! 2. then calls [`forget`] (and, for texts that named the person, [`forget_texts`]), which takes the tenant's erasure lock exclusively.
//!    Every batch that names people holds that lock shared from before it reads keys until it commits, so after the wait each batch has
//!    either committed (its rows are seen and deleted) or will read the tombstone.
//!
//! A rebuild holds the same lock and its tables are cleared too, so it cannot bring a person back.

use std::collections::BTreeMap;

use presdr_events::{SubjectId, TenantId};
use presdr_store::{Database, erasures};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ProjectError;

/// Deletes every row about people whose erasure is committed, from the live tables and a rebuild's. `projector` is a pool of
/// [`Role::Projector`](presdr_store::Role). Tells how many rows of each table there were.
///
/// # Errors
/// What the database says; calling it again is harmless.
pub async fn forget(
    projector: &Database,
    tenant: &TenantId,
    subjects: &[SubjectId],
) -> Result<BTreeMap<String, u64>, ProjectError> {
    for _ in 1..TRIES {
        match delete(projector, tenant, subjects).await {
            Err(error) if has_no_table(&error) => {}
            done => return done,
        }
    }
    delete(projector, tenant, subjects).await
}

/// A rebuild that ends may take its tables away between looking for them and deleting from them.
const TRIES: usize = 3;

pub(crate) fn has_no_table(error: &ProjectError) -> bool {
    matches!(error, ProjectError::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01"))
}

async fn delete(
    projector: &Database,
    tenant: &TenantId,
    subjects: &[SubjectId],
) -> Result<BTreeMap<String, u64>, ProjectError> {
    let mut tx = projector.enter(tenant).await?;
    erasures::shut(&mut tx).await?;
    let ids: Vec<uuid::Uuid> = subjects.iter().map(|subject| subject.0).collect();
    let mut deleted = BTreeMap::new();
    for (schema, table) in with_subjects(&mut tx).await? {
        let statement = format!("delete from {schema}.{table} where tenant_id = $1 and subject_id = any($2)");
        let done = sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(&ids).execute(&mut *tx).await?;
        if schema == "public" {
            deleted.insert(table, done.rows_affected());
        }
    }
    tx.commit().await?;
    Ok(deleted)
}

/// Every read model whose rows belong to people, those of a rebuild included: one of tomorrow is cleared, too.
///
/// A rebuild's come first: should it put them in the place of the live ones meanwhile, they are met there once more. A rebuild of some
/// read models has only some of them.
async fn with_subjects(connection: &mut PgConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject_id' and not a.attisdropped
         where n.nspname in ('public', 'rebuild') and c.relkind in ('r', 'p') and not c.relispartition
           and obj_description(c.oid, 'pg_class') like 'projection: %'
         order by n.nspname desc, c.relname",
    )
    .fetch_all(connection)
    .await
}

/// Empties the text of these leads in the read models, as a rebuild would find it: their text is gone. Tells how many had one.
///
/// # Errors
/// What the database says; calling it again is harmless.
pub async fn forget_texts(projector: &Database, tenant: &TenantId, leads: &[(i64, i64)]) -> Result<u64, ProjectError> {
    for _ in 1..TRIES {
        match empty_texts(projector, tenant, leads).await {
            Err(error) if has_no_table(&error) => {}
            done => return done,
        }
    }
    empty_texts(projector, tenant, leads).await
}

async fn empty_texts(projector: &Database, tenant: &TenantId, leads: &[(i64, i64)]) -> Result<u64, ProjectError> {
    let (runs, companies): (Vec<i64>, Vec<i64>) = leads.iter().copied().unzip();
    let mut tx = projector.enter(tenant).await?;
    erasures::shut(&mut tx).await?;
    let rebuilding: bool = sqlx::query_scalar("select to_regclass('rebuild.company_enrichment_runs') is not null")
        .fetch_one(&mut *tx)
        .await?;
    let statement = |schema: &str| {
        format!(
            "update {schema}.company_enrichment_runs as kept set about_text = null
             from unnest($2::bigint[], $3::bigint[]) as gone (run_id, company_id)
             where kept.tenant_id = $1 and kept.run_id = gone.run_id and kept.company_id = gone.company_id and about_text is not null"
        )
    };
    let mut emptied = 0;
    for schema in ["rebuild", "public"].into_iter().skip(usize::from(!rebuilding)) {
        let emptying = sqlx::query(AssertSqlSafe(statement(schema))).bind(tenant.as_str()).bind(&runs).bind(&companies);
        emptied = emptied.max(emptying.execute(&mut *tx).await?.rows_affected());
    }
    tx.commit().await?;
    Ok(emptied)
}
