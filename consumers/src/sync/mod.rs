//! A run's shortlist, written to the tenant's Odoo: at once when the run is ranked, or when somebody asks for it.
//!
//! What is to be written is a row with a time; an Odoo that is away, or a key that is wrong, moves the time and loses nothing. One process at a
//! time writes to a tenant's Odoo.

mod told;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use presdr_events::{Cause, Envelope, Event, TenantId};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_odoo::{
    client::{Fault, Odoo},
    desk::{self, OdooError},
    sync::{Job, Now, Report, Writer},
};
use presdr_rules::settings::{OdooSettings, Push, Section};
use presdr_store::{
    StoreError,
    leases::Lease,
    odoo::{
        connections::{self, Connection},
        syncs::{self, Sync},
    },
    settings, tenants,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Services,
    lead::{WorkError, outcome_of, park},
};

const NAME: &str = "sync";
/// What somebody has to cure is tried again so much later than what cures itself.
const UNTIL_CURED: u32 = 30;
/// Waits grow up to so many times the first.
const WAITS_MAX: u32 = 15;

/// Answers `run.shortlisted` and `run.sync_requested`.
pub struct OdooSync {
    services: Services,
}

impl OdooSync {
    /// One of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn answer(&self, envelope: Envelope, stopping: &CancellationToken) -> Result<(), WorkError> {
        if let Event::RunShortlisted(_) = &envelope.event
            && !self.ask(&envelope).await?
        {
            return Ok(());
        }
        write_due(&self.services, &envelope.tenant, stopping).await
    }

    /// Notes that the run is to be written; `false` when the tenant has no Odoo, or wants to be asked first.
    async fn ask(&self, envelope: &Envelope) -> Result<bool, WorkError> {
        let Some(run) = envelope.run else {
            return Err(WorkError::Unfit(format!("event {} names no run", envelope.id)));
        };
        let mut tx = self.services.database.enter(&envelope.tenant).await?;
        let connected = connections::get(&mut tx).await?.is_some_and(|connection| connection.active);
        let settings: OdooSettings = settings::section(&mut tx, OdooSettings::NAME).await?;
        if !connected || settings.push == Push::AfterApproval {
            return Ok(false);
        }
        syncs::ask(&mut tx, run, &Cause::of(envelope), self.services.clock.now()).await?;
        tx.commit().await?;
        Ok(true)
    }
}

impl Consumer for OdooSync {
    const NAME: &'static str = NAME;

    async fn handle(&self, envelope: Envelope, stopping: &CancellationToken) -> Outcome {
        outcome_of(self.answer(envelope, stopping)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        park(&self.services, NAME, delivery, reason).await
    }
}

/// The worker as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<OdooSync> {
    Arc::new(OdooSync::new(services.clone()))
}

/// Writes what is due and removes what is owed, again and again until `stopping` is cancelled. A tenant whose Odoo is slow keeps no other
/// waiting.
pub(crate) async fn keep_up(services: &Services, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(services.config.sweep_every);
    let mut writing = JoinSet::new();
    // What is owed has no row with a time: after a try a tenant's is left alone for a while.
    let mut left_alone: HashMap<TenantId, Instant> = HashMap::new();
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => break,
        }
        while writing.try_join_next().is_some() {}
        left_alone.retain(|_, until| *until > Instant::now());
        let waiting = match waiting(services, &left_alone).await {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(%error, "could not look for what is to be written to Odoo; the next look tries again");
                continue;
            }
        };
        for Waiting { tenant, is_owed } in waiting {
            if is_owed {
                left_alone.insert(tenant.clone(), Instant::now() + services.config.sync_retry);
            }
            let (services, stopping) = (services.clone(), stopping.clone());
            writing.spawn(async move {
                if let Err(error) = catch_up(&services, &tenant, is_owed, &stopping).await {
                    tracing::warn!(tenant.id = %tenant, %error, "could not write to Odoo; the next look tries again");
                }
            });
        }
    }
    while writing.join_next().await.is_some() {}
}

/// A tenant of whom something is to be written or removed.
struct Waiting {
    tenant: TenantId,
    is_owed: bool,
}

async fn waiting(services: &Services, left_alone: &HashMap<TenantId, Instant>) -> Result<Vec<Waiting>, StoreError> {
    let mut waiting = Vec::new();
    for tenant in tenants::active(&services.database).await? {
        let looked = async {
            let mut tx = services.database.enter(&tenant.id).await?;
            let (is_due, is_owed) = syncs::waiting(&mut tx, services.clock.now()).await?;
            tx.commit().await?;
            Ok::<_, StoreError>((is_due, is_owed && !left_alone.contains_key(&tenant.id)))
        };
        match looked.await {
            Ok((false, false)) | Err(StoreError::Erased(_)) => {}
            Ok((_, is_owed)) => waiting.push(Waiting { tenant: tenant.id, is_owed }),
            Err(error) => return Err(error),
        }
    }
    Ok(waiting)
}

/// Removes whom an erasure left there, then writes what is due.
async fn catch_up(
    services: &Services,
    tenant: &TenantId,
    is_owed: bool,
    stopping: &CancellationToken,
) -> Result<(), WorkError> {
    if is_owed {
        remove_owed(services, tenant, stopping).await?;
    }
    write_due(services, tenant, stopping).await
}

async fn remove_owed(services: &Services, tenant: &TenantId, stopping: &CancellationToken) -> Result<(), WorkError> {
    let Some(lease) = services.leases.try_take(&format!("odoo/{tenant}")).await? else { return Ok(()) };
    let removing = async {
        let (connection, odoo) = desk::open(&services.database, &services.keyring, tenant).await?;
        let now = || services.clock.now();
        writer(services, tenant, &connection, &odoo, &now).remove_owed().await
    };
    let removed = tokio::select! {
        removed = Box::pin(removing) => removed,
        () = lease.lost().cancelled() => return Ok(()),
        () = stopping.cancelled() => return Ok(()),
    };
    match removed {
        Ok(0) => {} // owed in a database that the tenant is not connected to any more
        Ok(removed) => tracing::info!(tenant.id = %tenant, removed, "removed an erased person's records from Odoo"),
        Err(OdooError::Store(error)) => return Err(error.into()),
        Err(OdooError::NotConnected(_)) => {} // the receipt says that it is owed
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, %error, "an erased person is still in Odoo; it is tried again")
        }
    }
    Ok(())
}

/// Writes what is due for a tenant, unless somebody is at it.
async fn write_due(services: &Services, tenant: &TenantId, stopping: &CancellationToken) -> Result<(), WorkError> {
    let Some(lease) = services.leases.try_take(&format!("odoo/{tenant}")).await? else { return Ok(()) };
    while !stopping.is_cancelled() {
        let mut tx = services.database.enter(tenant).await?;
        let due = syncs::due(&mut tx, services.clock.now()).await?;
        tx.commit().await?;
        if due.is_empty() {
            return Ok(());
        }
        for sync in due {
            write_one(services, tenant, &sync, (&lease, stopping)).await?;
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
    let begun = std::time::Instant::now();
    let written = tokio::select! {
        written = Box::pin(write(services, tenant, sync)) => written,
        // What was done until now stands; whoever comes next goes on from there.
        () = lease.lost().cancelled() => return Err(WorkError::Busy("the lease on the tenant's Odoo was lost".to_owned())),
        () = stopping.cancelled() => return Ok(()),
    };
    match written {
        Ok((connection, report)) => told::done(services, tenant, sync, &connection, &report, begun.elapsed()).await,
        Err(OdooError::Store(error)) if error.is_transient() || matches!(error, StoreError::Erased(_)) => {
            Err(error.into())
        }
        Err(error) => {
            let due_at = services.clock.now() + wait(services.config.sync_retry, sync.tries, &error);
            told::failed(services, tenant, sync, &error, due_at).await
        }
    }
}

async fn write(services: &Services, tenant: &TenantId, sync: &Sync) -> Result<(Connection, Report), OdooError> {
    let (connection, odoo) = desk::open(&services.database, &services.keyring, tenant).await?;
    let now = || services.clock.now();
    let writer = writer(services, tenant, &connection, &odoo, &now);
    let job = Job { run: sync.run, attempt: sync.attempt, actor: sync.cause.actor.as_str().to_owned() };
    let report = writer.sync(&job).await?;
    Ok((connection, report))
}

fn writer<'a>(
    services: &'a Services,
    tenant: &'a TenantId,
    connection: &Connection,
    odoo: &'a Odoo,
    now: Now<'a>,
) -> Writer<'a> {
    let (database, keyring) = (&services.database, services.keyring.as_ref());
    Writer { database, keyring, tenant, odoo, place: connection.place(), now }
}

/// How long to wait before the next try.
fn wait(first: Duration, tries: u32, error: &OdooError) -> TimeDelta {
    let times = match error {
        OdooError::Fault(Fault::Retry(_)) => 2_u32.saturating_pow(tries.min(8)).min(WAITS_MAX),
        _ => UNTIL_CURED,
    };
    TimeDelta::from_std(first * times).unwrap_or(TimeDelta::MAX)
}
