//! A tenant's turn: whom an erasure left there is removed, then one sync is written. Between two turns nobody holds the tenant's Odoo, so that
//! no erasure waits for more than the sync that is under way.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use presdr_events::TenantId;
use presdr_odoo::{
    client::Fault,
    desk::{self, OdooError},
    sync::{Job, Report, Writer},
};
use presdr_store::{
    StoreError,
    leases::Lease,
    odoo::{
        connections::Connection,
        syncs::{self, Sync},
    },
};
use tokio_util::sync::CancellationToken;

use super::told;
use crate::{Services, lead::WorkError};

/// What somebody has to cure is tried again so much later than what cures itself.
const UNTIL_CURED: u32 = 30;
/// Waits grow up to so many times the first.
const WAITS_MAX: u32 = 15;
/// A call that is under way when the process is told to stop may end within so long: nobody holds the tenant's Odoo before it has landed.
const CALL_ENDS: Duration = Duration::from_secs(20);

/// Removes whom an erasure left there, if anybody, then writes the first sync that is due; tells whether another may be. Somebody else who is at it
/// is left to it.
pub(super) async fn take(
    services: &Services,
    tenant: &TenantId,
    is_owed: bool,
    stopping: &CancellationToken,
) -> Result<bool, WorkError> {
    let Some(lease) = services.leases.try_take(&format!("odoo/{tenant}")).await? else { return Ok(false) };
    if is_owed {
        remove_owed(services, tenant, (&lease, stopping)).await?;
    }
    let mut tx = services.database.enter(tenant).await?;
    let due = syncs::due(&mut tx, services.clock.now()).await?;
    tx.commit().await?;
    match due {
        Some(sync) if !stopping.is_cancelled() => {
            write_one(services, tenant, &sync, (&lease, stopping)).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

async fn remove_owed(
    services: &Services,
    tenant: &TenantId,
    (lease, stopping): (&Lease, &CancellationToken),
) -> Result<(), WorkError> {
    let removing = async {
        let (connection, odoo) = desk::open(&services.database, &services.keyring, tenant).await?;
        let now = || services.clock.now();
        let (database, keyring) = (&services.database, services.keyring.as_ref());
        Writer::new(database, keyring, tenant, (&connection, &odoo), &now).remove_owed().await
    };
    let removed = tokio::select! {
        removed = Box::pin(removing) => removed,
        () = lease.lost().cancelled() => return Ok(()),
        () = stopping.cancelled() => return Ok(()),
    };
    match removed {
        Ok(0) => {} // owed in a database that the tenant is not connected to any more, or not for good yet
        Ok(removed) => tracing::info!(tenant.id = %tenant, removed, "removed an erased person's records from Odoo"),
        Err(OdooError::Store(error)) => return Err(error.into()),
        Err(OdooError::NotConnected(_)) => {} // the receipt says that it is owed
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, %error, "an erased person is still in Odoo; it is tried again")
        }
    }
    Ok(())
}

/// Writes one run, and what came of it.
async fn write_one(
    services: &Services,
    tenant: &TenantId,
    sync: &Sync,
    (lease, stopping): (&Lease, &CancellationToken),
) -> Result<(), WorkError> {
    let begun = Instant::now();
    let stopped = async {
        stopping.cancelled().await;
        tokio::time::sleep(CALL_ENDS).await;
    };
    let written = tokio::select! {
        written = Box::pin(write(services, tenant, sync, stopping)) => written,
        // What was done until now stands; whoever comes next goes on from there.
        () = lease.lost().cancelled() => return Err(WorkError::Busy("the lease on the tenant's Odoo was lost".to_owned())),
        () = stopped => return Ok(()),
    };
    match written {
        Ok((connection, report)) => told::done(services, tenant, sync, &connection, &report, begun.elapsed()).await,
        Err(OdooError::Stopped) => Ok(()),
        Err(OdooError::Store(StoreError::Refused(problem))) => told::impossible(services, tenant, sync, &problem).await,
        Err(OdooError::Store(error)) if error.is_transient() || matches!(error, StoreError::Erased(_)) => {
            Err(error.into())
        }
        Err(error) => {
            let due_at = services.clock.now() + wait(services.config.sync_retry, sync.tries, &error);
            told::failed(services, tenant, sync, &error, due_at).await
        }
    }
}

async fn write(
    services: &Services,
    tenant: &TenantId,
    sync: &Sync,
    stopping: &CancellationToken,
) -> Result<(Connection, Report), OdooError> {
    let (connection, odoo) = desk::open(&services.database, &services.keyring, tenant).await?;
    let (now, goes_on) = (|| services.clock.now(), || !stopping.is_cancelled());
    let (database, keyring) = (&services.database, services.keyring.as_ref());
    let writer = Writer { goes_on: &goes_on, ..Writer::new(database, keyring, tenant, (&connection, &odoo), &now) };
    let actor = sync.cause.actor.as_str().to_owned();
    let job = Job { run: sync.run, attempt: sync.attempt, actor, tried_since: sync.first_failed_at };
    let report = writer.sync(&job).await?;
    Ok((connection, report))
}

/// How long to wait before the next try.
fn wait(first: Duration, tries: u32, error: &OdooError) -> TimeDelta {
    let times = match error {
        OdooError::Fault(Fault::Retry(_)) => 2_u32.saturating_pow(tries.min(8)).min(WAITS_MAX),
        _ => UNTIL_CURED,
    };
    TimeDelta::from_std(first * times).unwrap_or(TimeDelta::MAX)
}
