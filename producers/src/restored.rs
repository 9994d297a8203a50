//! Telling that the database, or both stores, were restored from a backup.

use presdr_events::{Event, Step, TenantId, tenant::Restored};

use crate::{
    CommandError, Desk,
    desk::{next_number, tenant_step},
};

const STEP: &str = "restore";

/// Tells what a restore came to, the step of which is filled in here; answers with the event's sequence.
///
/// # Errors
/// What the database or the broker says.
pub async fn tell(desk: &Desk, restored: impl FnOnce(Step) -> Restored) -> Result<u64, CommandError> {
    let platform = TenantId::platform();
    let mut tx = desk.database.enter(&platform).await?;
    let number = next_number(&mut tx, STEP).await?;
    let event = Event::BackupRestored(restored(Step::done(STEP, 0, number, Vec::new())));
    desk.commit(tx, tenant_step(&platform, STEP, number), &event).await
}
