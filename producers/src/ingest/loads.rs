//! The record of loads: one at a time per tenant, each either done whole or abandoned.

use presdr_events::TenantId;
use presdr_store::{Database, TenantTx};
use sqlx::PgConnection;

use super::{IngestError, Source, Summary};

/// Ids are given out under this lock: a registry load holds it alone while it numbers companies, tenants' lists share it.
const IDS_LOCK: i64 = 0x7072_6573_6964;

/// A load that has begun, on a connection of its own.
///
/// Dropping it closes the connection: whatever it was doing is undone, and its lock is free.
pub(super) struct Load {
    pub(super) connection: PgConnection,
    pub(super) ticket: Ticket,
}

/// What a load's rows are filed under.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) tenant: TenantId,
    pub(super) load_id: i64,
    files: Vec<String>,
}

/// Waits for other loads of the tenant, and writes down that this one has begun. Loads that never ended are marked abandoned.
pub(super) async fn begin(
    database: &Database,
    tenant: &TenantId,
    source: Source,
    files: Vec<String>,
) -> Result<Load, IngestError> {
    let mut connection = database.dedicated().await?;
    sqlx::query(
        "select set_config('request.tenant_id', $1, false), pg_advisory_lock(hashtextextended('ingest of ' || $1, 0))",
    )
    .bind(tenant.as_str())
    .execute(&mut connection)
    .await?;
    sqlx::query(
        "update ingest_loads set state = 'abandoned', finished_at = now() where tenant_id = $1 and state = 'loading'",
    )
    .bind(tenant.as_str())
    .execute(&mut connection)
    .await?;
    let load_id =
        sqlx::query_scalar("insert into ingest_loads (tenant_id, source, files) values ($1, $2, $3) returning load_id")
            .bind(tenant.as_str())
            .bind(source.name())
            .bind(&files)
            .fetch_one(&mut connection)
            .await?;
    Ok(Load { connection, ticket: Ticket { tenant: tenant.clone(), load_id, files } })
}

/// Writes down a load that is done within one transaction of its tenant.
pub(super) async fn done_at_once(
    tx: &mut TenantTx,
    source: Source,
    file: &str,
    summary: &Summary,
) -> Result<Ticket, sqlx::Error> {
    let (tenant, files) = (tx.tenant().clone(), vec![file.to_owned()]);
    let load_id =
        sqlx::query_scalar("insert into ingest_loads (tenant_id, source, files) values ($1, $2, $3) returning load_id")
            .bind(tenant.as_str())
            .bind(source.name())
            .bind(&files)
            .fetch_one(&mut **tx)
            .await?;
    let ticket = Ticket { tenant, load_id, files };
    clear_quarantine(tx, &ticket).await?;
    finish(tx, &ticket, summary).await?;
    Ok(ticket)
}

/// Writes down, in the load's own transaction, that it is done.
pub(super) async fn finish(tx: &mut PgConnection, ticket: &Ticket, summary: &Summary) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ingest_loads set state = 'done', finished_at = now(), content_hash = $3, rows = $4, quarantined = $5, inserted = $6,
             updated = $7
         where tenant_id = $1 and load_id = $2",
    )
    .bind(ticket.tenant.as_str())
    .bind(ticket.load_id)
    .bind(&summary.content_hash)
    .bind(count(summary.rows))
    .bind(count(summary.quarantined))
    .bind(count(summary.inserted))
    .bind(count(summary.updated))
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets what earlier loads found wrong with the files of this one.
pub(super) async fn clear_quarantine(tx: &mut PgConnection, ticket: &Ticket) -> Result<(), sqlx::Error> {
    sqlx::query("delete from ingest_quarantine where tenant_id = $1 and file = any($2)")
        .bind(ticket.tenant.as_str())
        .bind(&ticket.files)
        .execute(tx)
        .await?;
    Ok(())
}

/// Moves the staged lines that cannot be used to the quarantine.
pub(super) async fn quarantine_staged(tx: &mut PgConnection, ticket: &Ticket) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ingest_quarantine (tenant_id, load_id, file, line, reason, raw)
         select $1, $2, ($3::text[])[file + 1], line, reason, raw from staging_acra_companies where reason is not null
         on conflict do nothing",
    )
    .bind(ticket.tenant.as_str())
    .bind(ticket.load_id)
    .bind(&ticket.files)
    .execute(tx)
    .await?;
    Ok(())
}

/// Quarantines lines of a list, without their text.
pub(super) async fn quarantine(
    tx: &mut PgConnection,
    ticket: &Ticket,
    wrong: &[(i64, String)],
) -> Result<(), sqlx::Error> {
    let (lines, reasons): (Vec<i64>, Vec<&str>) = wrong.iter().map(|(line, reason)| (*line, reason.as_str())).unzip();
    sqlx::query(
        "insert into ingest_quarantine (tenant_id, load_id, file, line, reason)
         select $1, $2, $3, line, reason from unnest($4::bigint[], $5::text[]) as wrong(line, reason)
         on conflict do nothing",
    )
    .bind(ticket.tenant.as_str())
    .bind(ticket.load_id)
    .bind(ticket.files.first())
    .bind(lines)
    .bind(reasons)
    .execute(tx)
    .await?;
    Ok(())
}

/// Until the transaction ends, nobody else gives out company ids.
pub(super) async fn lock_ids(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(IDS_LOCK).execute(tx).await?;
    Ok(())
}

/// Until the transaction ends, no registry load numbers companies; other lists may.
pub(super) async fn share_ids(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock_shared($1)").bind(IDS_LOCK).execute(tx).await?;
    Ok(())
}

/// A count as Postgres stores it.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
