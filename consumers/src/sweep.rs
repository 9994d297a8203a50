//! The sweep: publishes what a crash left unpublished, ends leads past their deadline, and moves what was left standing.
//!
//! Every worker process sweeps; a lease per tenant keeps them from doing the same at once. Doing it twice would be harmless.

use presdr_events::TenantId;
use presdr_store::{StoreError, admissions, runs, steps, tenants};
use tokio_util::sync::CancellationToken;

use crate::{
    Services,
    lead::{Cause, WorkError},
    room,
    run::finish,
};

/// How much of each one sweep takes on per tenant.
const BATCH: i64 = 500;

/// Sweeps every tenant, again and again, until `stopping` is cancelled.
pub async fn sweep(services: &Services, stopping: CancellationToken) {
    let mut beat = tokio::time::interval(services.config.sweep_every);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stopping.cancelled() => return,
        }
        if let Err(error) = sweep_once(services).await {
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
        tenant_once(services, &tenant).await?;
        if tenant == TenantId::platform() {
            room::check(services).await?;
        }
    }
    Ok(())
}

async fn tenant_once(services: &Services, tenant: &TenantId) -> Result<(), WorkError> {
    publish_left_behind(services, tenant).await?;
    end_overdue(services, tenant).await?;
    move_on(services, tenant).await
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
    for run in unfinished.into_iter().filter(|run| run.targeted_at.is_some()) {
        let cause = Cause::sweep(tenant, run.id);
        events.extend(finish::move_on(services, &mut tx, &cause, &run).await?);
    }
    tx.commit().await?;
    services.outbox.publish(events).await?;
    Ok(())
}
