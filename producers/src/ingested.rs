//! Telling that companies were taken in: one event for the whole of a load.

use std::time::Duration;

use presdr_events::{Event, Step, TenantId};
use presdr_store::{StoreError, TenantTx};

use crate::{CommandError, Desk, desk::tenant_step, ingest::Summary};

const STEP: &str = "ingest";

/// Tells what a load of `tenant` (or of the platform) came to; answers with the event's sequence.
///
/// # Errors
/// What the database or the broker says; the load itself stands.
pub async fn tell(desk: &Desk, tenant: &TenantId, summary: Summary, took: Duration) -> Result<u64, CommandError> {
    let mut tx = desk.database.enter(tenant).await?;
    let number = loads_told(&mut tx).await? + 1;
    let elapsed = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let step = Step::done(STEP, elapsed, number, Vec::new()).with("source", summary.source.name());
    let event = Event::CompaniesIngested(summary.into_event(step));
    desk.commit(tx, tenant_step(tenant, STEP, number), &event).await
}

/// How many loads were told of. Takes a lock, so that two loads that end together get two numbers.
async fn loads_told(tx: &mut TenantTx) -> Result<u32, StoreError> {
    let tenant = tx.tenant().clone();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('ingest/' || $1, 0))")
        .bind(tenant.as_str())
        .execute(&mut **tx)
        .await?;
    let told: i64 = sqlx::query_scalar(
        "select count(*) from lead_steps where tenant_id = $1 and run_id = 0 and company_id = 0 and step = $2",
    )
    .bind(tenant.as_str())
    .bind(STEP)
    .fetch_one(&mut **tx)
    .await?;
    Ok(u32::try_from(told).unwrap_or(u32::MAX))
}
