//! The sweep: publishes what a crash left unpublished, ends leads past their deadline, gives up questions to vendors whose process died,
//! and moves what was left standing.
//!
//! Every worker process sweeps; a lease per tenant keeps them from doing the same at once. Doing it twice would be harmless.

use chrono::TimeDelta;
use presdr_events::{Cause, TenantId};
use presdr_store::{StoreError, admissions, runs, steps, tenants};
use tokio_util::sync::CancellationToken;

use crate::{Services, lead::WorkError, room, run::finish};

/// More sweeps than this in a row are missed only when no worker runs.
const SWEEPS_MISSED_MAX: u32 = 15;
/// How much of each one sweep takes on per tenant.
const BATCH: i64 = 500;

/// Sweeps every tenant, again and again, until `stopping` is cancelled.
pub async fn sweep(services: &Services, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(services.config.sweep_every);
    loop {
        let swept = tokio::select! {
            _ = beat.tick() => sweep_once(services).await,
            () = stopping.cancelled() => return,
        };
        if let Err(error) = swept {
            tracing::warn!(%error, "a sweep failed; the next one tries again");
        }
    }
}

/// Sweeps every tenant once.
///
/// # Errors
/// What the database or the broker says; what was swept until then stands.
pub async fn sweep_once(services: &Services) -> Result<(), StoreError> {
    let tenants = tenants::active(&services.database).await?.into_iter().map(|tenant| tenant.id);
    // The platform has no leads, but events of its own.
    for tenant in tenants.chain([TenantId::platform()]) {
        let Some(_lease) = services.leases.try_take(&format!("sweep/{tenant}")).await? else { continue };
        // What is wrong with one tenant must not keep the others from being swept.
        if let Err(error) = tenant_once(services, &tenant).await {
            tracing::warn!(tenant.id = %tenant, %error, "a tenant could not be swept; the next sweep tries again");
        }
        if tenant == TenantId::platform() {
            room::check(services).await?;
        }
    }
    Ok(())
}

async fn tenant_once(services: &Services, tenant: &TenantId) -> Result<(), WorkError> {
    publish_left_behind(services, tenant).await?;
    forgive_gap(services, tenant).await?;
    end_overdue(services, tenant).await?;
    move_on(services, tenant).await?;
    if let Some(desk) = &services.vendors {
        desk.sweep(tenant).await?;
    }
    Ok(())
}

/// A stop of the whole fleet does not count against the leads in flight: their deadlines move by as long as nobody swept.
async fn forgive_gap(services: &Services, tenant: &TenantId) -> Result<(), WorkError> {
    let gap_min = TimeDelta::from_std(services.config.sweep_every * SWEEPS_MISSED_MAX).unwrap_or(TimeDelta::MAX);
    let mut tx = services.database.enter(tenant).await?;
    let gap = admissions::forgive_gap(&mut tx, services.clock.now(), gap_min).await?;
    tx.commit().await?;
    if let Some(gap) = gap {
        tracing::info!(tenant.id = %tenant, "nobody worked for {} s: leads in flight have so much more time", gap.num_seconds());
    }
    Ok(())
}

async fn publish_left_behind(services: &Services, tenant: &TenantId) -> Result<(), WorkError> {
    let before = services.clock.now() - services.config.unpublished_after;
    let mut tx = services.database.enter(tenant).await?;
    let left = steps::unpublished(&mut tx, before, BATCH).await?;
    tx.commit().await?;
    if !left.is_empty() {
        tracing::info!(tenant.id = %tenant, events = left.len(), "publishing what was left unpublished");
        services.outbox.publish(left).await?;
    }
    Ok(())
}

async fn end_overdue(services: &Services, tenant: &TenantId) -> Result<(), WorkError> {
    let mut tx = services.database.enter(tenant).await?;
    let overdue = admissions::overdue(&mut tx, services.clock.now(), BATCH).await?;
    tx.commit().await?;
    for (admission, deadline) in overdue {
        let mut tx = services.database.enter(tenant).await?;
        let events = finish::time_out(services, &mut tx, &admission, deadline).await?;
        tx.commit().await?;
        tracing::warn!(tenant.id = %tenant, run.id = %admission.run, company.id = %admission.company, "a lead timed out");
        services.outbox.publish(events).await?;
    }
    Ok(())
}

/// Gives free places away and ends runs whose last lead is terminal: both happen when a lead ends, unless a fault came between.
async fn move_on(services: &Services, tenant: &TenantId) -> Result<(), WorkError> {
    let mut tx = services.database.enter(tenant).await?;
    let unfinished = runs::unfinished(&mut tx).await?;
    let mut events = Vec::new();
    for run in unfinished {
        let cause = Cause::start_of(tenant, Some(run.id), "sweep");
        match (run.status.as_str(), run.targeted_at) {
            ("cancelled", _) => events.extend(finish::cancel(services, &mut tx, &cause, &run).await?),
            (_, Some(_)) => events.extend(finish::move_on(services, &mut tx, &cause, &run).await?),
            (_, None) => {} // it is being started
        }
    }
    tx.commit().await?;
    services.outbox.publish(events).await?;
    Ok(())
}
