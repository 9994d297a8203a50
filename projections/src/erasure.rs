//! Removing a person from the read models, without a race.
//!
//! A batch reads a person's key, opens the values and commits rows; an erasure destroys the key and deletes rows. Were the two
//! unordered, rows of a batch in flight could be committed after the deletion looked for them. So:
//!
//! 1. the erasure first commits the tombstone (the key is gone: whoever reads keys from then on writes no row of this person);
//! 2. then calls [`forget`], which takes the tenant's erasure lock exclusively. Every batch that names people holds that lock
//!    shared from before it reads keys until it commits, so after the wait each batch has either committed (its rows are seen and
//!    deleted) or will read the tombstone.
//!
//! A rebuild holds the same lock and its tables are cleared too, so it cannot bring a person back.

use presdr_events::{SubjectId, TenantId};
use presdr_store::Database;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::ProjectError;

/// Keeps erasures of the tenant's people waiting until this transaction ends.
pub(crate) async fn hold_off(connection: &mut PgConnection, tenant: &TenantId) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock_shared(hashtextextended('presdr erasure ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes every row about a person whose erasure is committed. `projector` is a pool of [`Role::Projector`](presdr_store::Role).
/// Tells how many rows there were.
///
/// # Errors
/// What the database says; calling it again is harmless.
pub async fn forget(projector: &Database, tenant: &TenantId, subject: SubjectId) -> Result<u64, ProjectError> {
    for _ in 1..TRIES {
        match delete(projector, tenant, subject).await {
            Err(ProjectError::Database(sqlx::Error::Database(error))) if error.code().as_deref() == Some(NO_TABLE) => {}
            done => return done,
        }
    }
    delete(projector, tenant, subject).await
}

/// A rebuild that ends may take its tables away between looking for them and deleting from them.
const TRIES: usize = 3;
const NO_TABLE: &str = "42P01";
/// A rebuild's come first: should it put them in the place of the live ones meanwhile, they are met there once more. A rebuild of some
/// read models has only some of them.
const SCHEMAS: [&str; 2] = ["rebuild", "public"];
/// Tables with rows about people.
const TABLES: [&str; 4] = ["lead_emails", "lead_email_verifications", "contacts", "lead_phones"];

async fn delete(projector: &Database, tenant: &TenantId, subject: SubjectId) -> Result<u64, ProjectError> {
    let mut tx = projector.enter(tenant).await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('presdr erasure ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut *tx)
        .await?;
    let mut deleted = 0;
    for table in SCHEMAS.into_iter().flat_map(|schema| TABLES.map(|table| format!("{schema}.{table}"))) {
        let exists: bool =
            sqlx::query_scalar("select to_regclass($1) is not null").bind(&table).fetch_one(&mut *tx).await?;
        if !exists {
            continue;
        }
        let statement = format!("delete from {table} where tenant_id = $1 and subject_id = $2");
        let gone =
            sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(subject.0).execute(&mut *tx).await?;
        deleted += gone.rows_affected();
    }
    tx.commit().await?;
    Ok(deleted)
}
