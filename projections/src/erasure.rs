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
use sqlx::PgConnection;

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
    let mut tx = projector.enter(tenant).await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('presdr erasure ' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut *tx)
        .await?;
    let rebuilding: bool =
        sqlx::query_scalar("select to_regclass('rebuild.lead_emails') is not null").fetch_one(&mut *tx).await?;
    let mut deleted = 0;
    for statement in if rebuilding { [LIVE, REBUILD].concat() } else { LIVE.to_vec() } {
        deleted +=
            sqlx::query(statement).bind(tenant.as_str()).bind(subject.0).execute(&mut *tx).await?.rows_affected();
    }
    tx.commit().await?;
    Ok(deleted)
}

const LIVE: &[&str] = &[
    "delete from public.lead_emails where tenant_id = $1 and subject_id = $2",
    "delete from public.lead_email_verifications where tenant_id = $1 and subject_id = $2",
    "delete from public.contacts where tenant_id = $1 and subject_id = $2",
    "delete from public.lead_phones where tenant_id = $1 and subject_id = $2",
];

const REBUILD: &[&str] = &[
    "delete from rebuild.lead_emails where tenant_id = $1 and subject_id = $2",
    "delete from rebuild.lead_email_verifications where tenant_id = $1 and subject_id = $2",
    "delete from rebuild.contacts where tenant_id = $1 and subject_id = $2",
    "delete from rebuild.lead_phones where tenant_id = $1 and subject_id = $2",
];
