//! A tenant's turn: one request, carried out in the name of whoever asked.

use std::time::Duration;

use chrono::TimeDelta;
use presdr_events::{Actor, Event, Step, TenantId, run::Alert};
use presdr_store::{
    StoreError, TenantTx,
    erasure_requests::{self, Meant, Request},
    leases::Leases,
    steps::StepKey,
    tenants,
};
use tokio::time::Instant;

use crate::{ComplianceError, Office, erase, find::Identity};

/// What could not be finished is tried again after so long, then after twice as long each time.
const RETRY_FIRST: Duration = Duration::from_secs(15);
/// It is tried that often at least.
const RETRY_MAX: Duration = Duration::from_secs(3600);
/// With this try somebody is told.
const ALERT_AT: u32 = 3;
/// The step of what they are told.
const ALERT: &str = "alert_erasure";

/// What a turn left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing of what it took up.
    Done,
    /// What it took up is due again in so long.
    PutOff(Duration),
    /// Everything: somebody else has the tenant's in hand.
    Held,
}

/// Takes up the request that is due longest. One process at a time carries out a tenant's, so that none is done beside itself.
pub(super) async fn take(office: &Office, leases: &Leases, tenant: &TenantId) -> Result<Left, ComplianceError> {
    let Some(lease) = leases.try_take(&format!("erasure requests/{tenant}")).await? else { return Ok(Left::Held) };
    let one = async {
        let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
        let taken = erasure_requests::take_up(&mut tx, &office.desk.keyring(), office.desk.now()).await?;
        tx.commit().await?;
        match taken {
            Some((request, meant)) => carry_out(office, tenant, &request, meant).await,
            None => Ok(Left::Done),
        }
    };
    tokio::select! {
        left = one => match left {
            Err(ComplianceError::Store(StoreError::NoTenant(_))) => Ok(Left::Done), // it was closed since
            left => left,
        },
        () = lease.lost().cancelled() => Ok(Left::Held),
    }
}

/// An erasure that was begun goes on; one that is done is told of again.
async fn carry_out(
    office: &Office,
    tenant: &TenantId,
    request: &Request,
    meant: Result<Meant, StoreError>,
) -> Result<Left, ComplianceError> {
    let began = Instant::now();
    let actor = Actor::new(&*request.actor).unwrap_or_else(|_| office.desk.actor().clone());
    let in_their_name = Office { desk: office.desk.acting(actor), ..office.clone() };
    let (erased, unread) = match meant {
        Ok(meant) => (Box::pin(erase::erase(&in_their_name, tenant, &identities(&meant))).await, None),
        Err(error) => (Err(error.into()), Some(UNREAD)),
    };
    let now = office.desk.now();
    let mut tx = tenants::enter_active(office.desk.database(), tenant).await?;
    let left = match &erased {
        Ok(receipts) => {
            let numbers: Vec<u32> = receipts.iter().map(|receipt| receipt.number).collect();
            erasure_requests::finish(&mut tx, request.id, Ok(&numbers), now).await?;
            tx.commit().await?;
            Left::Done
        }
        Err(ComplianceError::Refused(why)) => {
            erasure_requests::finish(&mut tx, request.id, Err(why), now).await?;
            tx.commit().await?;
            Left::Done
        }
        Err(error) => {
            put_off(office, tx, request, unread.unwrap_or_else(|| problem(error))).await?;
            Left::PutOff(wait(request.tries))
        }
    };
    let seconds = began.elapsed().as_secs();
    match erased {
        Ok(_) => tracing::info!(tenant.id = %tenant, request.id = %request.id, seconds, "erased somebody as asked"),
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, request.id = %request.id, tries = request.tries + 1, %error, "could not erase somebody as asked");
        }
    }
    Ok(left)
}

/// Commits that a try failed and when the next is due; the third with an alert.
async fn put_off(
    office: &Office,
    mut tx: TenantTx,
    request: &Request,
    problem: &'static str,
) -> Result<(), ComplianceError> {
    let tries = request.tries.saturating_add(1);
    let due_at = office.desk.now() + TimeDelta::from_std(wait(request.tries)).unwrap_or(TimeDelta::MAX);
    erasure_requests::put_off(&mut tx, request.id, problem, due_at).await?;
    if tries != ALERT_AT {
        return Ok(tx.commit().await?);
    }
    let key = StepKey { tenant: tx.tenant().clone(), run: None, company: None, step: ALERT, attempt: number(request) };
    let alert = Alert {
        step: Step::done("check", 0, 1, Vec::new()),
        alert: "erasure_delayed".to_owned(),
        value: Some(tries.into()),
        limit: None,
        message: format!(
            "erasure request {} could not be finished {tries} times: {problem}. It stays due and is done once that is over",
            request.id
        ),
        degraded: None,
    };
    office.desk.commit(tx, key, &Event::AlertRaised(alert)).await?;
    Ok(())
}

/// A number that tells a request's alert from others': part of its random id.
fn number(request: &Request) -> u32 {
    request.id.as_fields().0 & 0x7fff_ffff
}

/// How long to wait after so many tries before the one that failed.
fn wait(tries: u32) -> Duration {
    RETRY_FIRST.saturating_mul(2_u32.saturating_pow(tries)).min(RETRY_MAX)
}

fn identities(meant: &Meant) -> Vec<Identity> {
    let emails = meant.emails.iter().cloned().map(Identity::Email);
    let profiles = meant.profiles.iter().cloned().map(Identity::Profile);
    let phones = meant.phones.iter().cloned().map(Identity::Phone);
    emails.chain(profiles).chain(phones).chain(meant.subjects.iter().copied().map(Identity::Subject)).collect()
}

const UNREAD: &str = "who is meant cannot be read by the scheduler that runs: let it be of the gateway's version, or ask again; \
                      it is tried again by itself";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour() {
        let waits: Vec<u64> = [0, 1, 2, 7, 8, 40].map(|tries| wait(tries).as_secs()).to_vec();
        assert_eq!(waits, [15, 30, 60, 1920, 3600, 3600]);
    }
}
