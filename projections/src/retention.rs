//! Read models that are logs: what was kept long enough goes, and no rebuild brings it back.
//!
//! The log itself keeps its events, so a rebuild makes every row: it needs them to tell repeats from news and to count. What the passes of the
//! retention job took from the live tables is removed from the rebuilt ones before they are compared or change places.

use std::collections::BTreeMap;

use presdr_events::TenantId;
use presdr_store::{Database, TenantTx, tenants};
use sqlx::AssertSqlSafe;

use crate::{ProjectError, erasure::has_no_table};

/// Rows that one transaction removes, at most.
const BATCH: i64 = 5_000;

/// A log: its rows are one for an event, and have its place in the stream.
struct Kept {
    table: &'static str,
    key: &'static str,
    /// Whether its key begins with the run: nothing else would find the oldest rows without reading all.
    by_run: bool,
}

const LOGS: [Kept; 2] = [
    Kept { table: "audit_log", key: "event_id", by_run: false },
    Kept { table: "run_event_logs", key: "run_id, sequence", by_run: true },
];

/// Removes rows of the live logs up to the event at `sequence`. `run` is the id of the newest run that had started by then. Tells how many rows of
/// which table.
///
/// # Errors
/// What the database says; calling it again goes on.
pub async fn forget_logs(
    projector: &Database,
    tenant: &TenantId,
    sequence: i64,
    run: i64,
) -> Result<BTreeMap<&'static str, u64>, ProjectError> {
    let mut removed = BTreeMap::new();
    for log in &LOGS {
        loop {
            let rows = match remove_some(projector, tenant, log, "public", (sequence, run)).await {
                // A rebuild has put another table in its place.
                Err(error) if has_no_table(&error) => continue,
                rows => rows?,
            };
            *removed.entry(log.table).or_default() += rows;
            if rows == 0 {
                break;
            }
        }
    }
    Ok(removed)
}

/// Removes from a rebuild's tables what passes took from the live ones.
pub(crate) async fn keep_gone(projector: &Database) -> Result<(), ProjectError> {
    for tenant in tenants::with_events(projector).await? {
        let mut tx = projector.enter(&tenant).await?;
        let floor: Option<i64> =
            sqlx::query_scalar("select max(log_sequence) from retention_passes where tenant_id = $1")
                .bind(tenant.as_str())
                .fetch_one(&mut *tx)
                .await?;
        let there = tables(&mut tx).await?;
        tx.commit().await?;
        let Some(floor) = floor else { continue };
        for log in LOGS.iter().filter(|log| there.iter().any(|table| table == log.table)) {
            while remove_some(projector, &tenant, log, "rebuild", (floor, i64::MAX)).await? > 0 {}
        }
    }
    Ok(())
}

async fn tables(tx: &mut TenantTx) -> Result<Vec<String>, ProjectError> {
    let names: Vec<&str> = LOGS.iter().map(|log| log.table).collect();
    let there = "select name from unnest($1::text[]) as name where to_regclass('rebuild.' || name) is not null";
    Ok(sqlx::query_scalar(there).bind(names).fetch_all(&mut **tx).await?)
}

async fn remove_some(
    projector: &Database,
    tenant: &TenantId,
    log: &Kept,
    schema: &str,
    (sequence, run): (i64, i64),
) -> Result<u64, ProjectError> {
    let Kept { table, key, by_run } = log;
    let old = if *by_run { "run_id <= $3 and sequence <= $2" } else { "sequence <= $2" };
    let statement = format!(
        "delete from {schema}.{table} where tenant_id = $1
             and ({key}) in (select {key} from {schema}.{table} where tenant_id = $1 and {old} order by sequence limit {BATCH})"
    );
    let mut tx = projector.enter(tenant).await?;
    let mut deleting = sqlx::query(AssertSqlSafe(statement)).bind(tenant.as_str()).bind(sequence);
    if *by_run {
        deleting = deleting.bind(run);
    }
    let done = deleting.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}
