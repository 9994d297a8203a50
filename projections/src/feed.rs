//! What a read model would hold if only some events had happened: filled in tables of one session, read, and gone.
//!
//! No key is opened: what is personal makes no row, as if everyone had been erased.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use presdr_events::TenantId;
use presdr_store::Database;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::models::Selection;
use crate::suppressed::Suppressed;
use crate::{ApplyError, Entry, ProjectError, Recorded, TenantBatch};

/// Events that are applied together.
const BATCH: usize = 2_000;

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fed {
    /// The table.
    pub table: &'static str,
    /// Its rows as JSON objects, in the order of their columns.
    pub rows: Vec<Value>,
}

/// Fills the named read models with these events of one tenant, each once and in the order of the log, and tells their rows.
///
/// `projector` is a pool of [`Role::Projector`](presdr_store::Role::Projector). Events that cannot be read are left out.
///
/// # Errors
/// [`ProjectError::NoModel`] for a name that is none, [`ProjectError::NotFed`] for the audit log; otherwise what the database says.
pub async fn feed(
    projector: &Database,
    tenant: &TenantId,
    names: &[String],
    entries: &[Entry],
) -> Result<Vec<Fed>, ProjectError> {
    let selection = Selection::of(names)?;
    if selection.audit {
        return Err(ProjectError::NotFed);
    }
    let mut connection = projector.dedicated().await?;
    // Never committed: the tables go with the transaction.
    let mut tx = connection.begin().await?;
    sqlx::query("select set_config('request.tenant_id', $1, true), set_config('search_path', 'public', true)")
        .bind(tenant.as_str())
        .execute(&mut *tx)
        .await?;
    for table in selection.filled.iter().flat_map(|model| model.tables()) {
        let made = format!("create temporary table {table} (like public.{table} including all) on commit drop");
        sqlx::query(AssertSqlSafe(made)).execute(&mut *tx).await?;
    }
    // Temporary tables, and records as `public.x`: a table that was not made above is an error, never the live one.
    sqlx::query("select set_config('search_path', 'pg_temp', true)").execute(&mut *tx).await?;
    let events: Vec<Arc<Recorded>> =
        entries.iter().filter_map(|entry| entry.read.as_ref().ok().map(Arc::clone)).collect();
    for events in events.chunks(BATCH) {
        let (tenant, events, subjects) = (tenant.clone(), events.to_vec(), HashMap::new());
        let batch = TenantBatch { tenant, events, subjects, suppressed: Suppressed::default() };
        for model in &selection.filled {
            for statement in model.statements(&batch)? {
                statement.execute(&mut tx).await?;
            }
        }
    }
    let runs: BTreeSet<i64> = events.iter().filter_map(|event| event.run()).collect();
    let runs: Vec<i64> = runs.into_iter().collect();
    for model in &selection.filled {
        model.settle(&mut tx, tenant, &runs).await?;
    }
    let mut fed = Vec::new();
    for table in selection.named.iter().flat_map(|model| model.tables()) {
        fed.push(Fed { table, rows: rows(&mut tx, table).await? });
    }
    tx.rollback().await?;
    Ok(fed)
}

async fn rows(connection: &mut PgConnection, table: &str) -> Result<Vec<Value>, ApplyError> {
    let statement = format!("select to_jsonb(kept) - 'tenant_id' from {table} as kept order by kept");
    Ok(sqlx::query_scalar(AssertSqlSafe(statement)).fetch_all(connection).await?)
}
