//! Erasures that were asked for over HTTP, carried out where the log can be read. Cut off anywhere, the next look goes on; whoever was meant is
//! forgotten when it is done.

use std::time::Duration;

use chrono::TimeDelta;
use presdr_events::{Actor, TenantId};
use presdr_store::{
    StoreError,
    erasure_requests::{self, Meant, Request},
    leases::Leases,
    tenants,
};
use sqlx::postgres::PgListener;
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::{ComplianceError, Office, erase, find::Identity};

/// Requests wake whoever carries them out. What nobody heard of, and what is tried again, is found so often.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// What somebody else had in hand is looked at again so soon: they may have gone.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What could not be finished is tried again after so long.
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(15);

/// Carries out requests, each soon after it is asked for, until `stopping` is cancelled. What is in hand then is gone on with by the next.
pub async fn run(office: &Office, stopping: CancellationToken) {
    let work = async {
        let leases = Leases::new(office.desk.database().clone());
        let (mut beat, mut listener) = (interval(LOOK_EVERY), None);
        loop {
            if listener.is_none() {
                listener = listening(office).await;
            }
            let whose = tokio::select! {
                _ = beat.tick() => None,
                tenant = heard(&mut listener) => tenant,
            };
            match Box::pin(look(office, &leases, whose)).await {
                Ok(true) => {}
                Ok(false) => beat.reset_after(LOOK_AGAIN),
                Err(error) => tracing::warn!(%error, "could not look for erasures that were asked for; trying again"),
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stopping.cancelled() => {}
    }
}

async fn listening(office: &Office) -> Option<PgListener> {
    match erasure_requests::listen(office.desk.database()).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "cannot hear of erasures that are asked for; looking for them meanwhile");
            None
        }
    }
}

/// The tenant that a request was asked for; `None` when some may have been missed.
async fn heard(listener: &mut Option<PgListener>) -> Option<TenantId> {
    let Some(hearing) = listener else {
        sleep(LOOK_AGAIN).await;
        return None;
    };
    match hearing.try_recv().await {
        Ok(Some(told)) => TenantId::new(told.payload()).ok(),
        Ok(None) => None,
        Err(_) => {
            *listener = None;
            None
        }
    }
}

/// Carries out what is due, of one tenant or of all; `false` when something is left that somebody else has in hand.
async fn look(office: &Office, leases: &Leases, whose: Option<TenantId>) -> Result<bool, ComplianceError> {
    let whose = match whose {
        Some(tenant) => vec![tenant],
        None => tenants::active(office.desk.database()).await?.into_iter().map(|tenant| tenant.id).collect(),
    };
    let mut all = true;
    for tenant in whose {
        match of_tenant(office, leases, &tenant).await {
            Ok(done) => all &= done,
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, %error, "an erasure that was asked for could not be looked at; trying again");
            }
        }
    }
    Ok(all)
}

/// One process at a time carries out a tenant's, so that none is done beside itself.
async fn of_tenant(office: &Office, leases: &Leases, tenant: &TenantId) -> Result<bool, ComplianceError> {
    let mut tx = match tenants::enter_active(office.desk.database(), tenant).await {
        Ok(tx) => tx,
        Err(StoreError::NoTenant(_)) => return Ok(true), // it was closed since
        Err(error) => return Err(error.into()),
    };
    let due = erasure_requests::is_due(&mut tx, office.desk.now()).await?;
    tx.commit().await?;
    if !due {
        return Ok(true);
    }
    let Some(lease) = leases.try_take(&format!("erasure requests/{tenant}")).await? else { return Ok(false) };
    let one_after_the_other = async {
        while let Some((request, meant)) = take_up(office, tenant).await? {
            carry_out(office, tenant, &request, &meant).await?;
        }
        Ok(true)
    };
    tokio::select! {
        done = one_after_the_other => done,
        () = lease.lost().cancelled() => Ok(false),
    }
}

async fn take_up(office: &Office, tenant: &TenantId) -> Result<Option<(Request, Meant)>, ComplianceError> {
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let taken = erasure_requests::take_up(&mut tx, &office.desk.keyring(), office.desk.now()).await?;
    tx.commit().await?;
    Ok(taken)
}

/// Erases in the name of whoever asked. An erasure that was begun goes on; one that is done is told of again.
async fn carry_out(
    office: &Office,
    tenant: &TenantId,
    request: &Request,
    meant: &Meant,
) -> Result<(), ComplianceError> {
    let began = Instant::now();
    let actor = Actor::new(&*request.actor).unwrap_or_else(|_| office.desk.actor().clone());
    let in_their_name = Office { desk: office.desk.acting(actor), ..office.clone() };
    let erased = Box::pin(erase::erase(&in_their_name, tenant, &identities(meant))).await;
    let now = office.desk.now();
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    match &erased {
        Ok(receipts) => {
            let numbers: Vec<u32> = receipts.iter().map(|receipt| receipt.number).collect();
            erasure_requests::finish(&mut tx, request.id, Ok(&numbers), now).await?;
        }
        Err(ComplianceError::Refused(why)) => erasure_requests::finish(&mut tx, request.id, Err(why), now).await?,
        Err(error) => {
            erasure_requests::put_off(&mut tx, request.id, problem(error), now + RETRY_AFTER).await?;
        }
    }
    tx.commit().await?;
    let seconds = began.elapsed().as_secs();
    match erased {
        Ok(_) => tracing::info!(tenant.id = %tenant, request.id = %request.id, seconds, "erased somebody as asked"),
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, request.id = %request.id, %error, "could not erase somebody as asked");
        }
    }
    Ok(())
}

fn identities(meant: &Meant) -> Vec<Identity> {
    let emails = meant.emails.iter().cloned().map(Identity::Email);
    let profiles = meant.profiles.iter().cloned().map(Identity::Profile);
    let phones = meant.phones.iter().cloned().map(Identity::Phone);
    emails.chain(profiles).chain(phones).chain(meant.subjects.iter().copied().map(Identity::Subject)).collect()
}

/// Why it has to be tried again, for whoever asked: the rest is for whoever reads the log.
fn problem(error: &ComplianceError) -> &'static str {
    match error {
        ComplianceError::Log(_) => "the event log cannot be read now; it is tried again by itself",
        ComplianceError::Store(error) if error.is_transient() => {
            "the database cannot be reached now; it is tried again by itself"
        }
        _ => "it could not be finished; it is tried again by itself, and the scheduler's log says why",
    }
}
