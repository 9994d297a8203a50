//! Telling that companies were taken in: one event for the whole of a load.

use std::time::Duration;

use presdr_events::{Event, Step, TenantId};

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
    ingest::Summary,
};

const STEP: &str = "ingest";

/// Tells what a load of `tenant` (or of the platform) came to; answers with the event's sequence.
///
/// # Errors
/// What the database or the broker says; the load itself stands.
pub async fn tell(desk: &Desk, tenant: &TenantId, summary: Summary, took: Duration) -> Result<u64, CommandError> {
    let mut tx = desk.database.enter(tenant).await?;
    let number = next_number(&mut tx, STEP).await?;
    let elapsed = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let step = Step::done(STEP, elapsed, number, Vec::new()).with("source", summary.source.name());
    let event = Event::CompaniesIngested(summary.into_event(step));
    desk.commit(tx, tenant_step(tenant, STEP, number), &event).await
}
