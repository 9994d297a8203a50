//! Reserving: in one short transaction for all who ask at the same time, what each may buy is decided and set aside.
//!
//! Under the tenant's budget lock, so that what is read stays true until it is written. Deciding itself is [`crate::room`]'s.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use presdr_events::{Cause, TenantId};
use presdr_store::{
    Database, StoreError,
    breakers::{KeyId, Rate, Reason},
    keys::{Keyring, TenantKeys},
    ledger::{self, Charge, LeadKey, ThingHash},
    steps::Outgoing,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    Clock, Policy, Purpose, Unanswered, Vendor,
    availability::Known,
    batch::Batch,
    facts::Facts,
    record::{Claimed, Warning},
    state::Owner,
};

/// So many intents are reconciled with a reservation at most.
const RECONCILE_MAX: i64 = 1000;

/// What reserving and settling need.
pub(crate) struct Desk {
    pub database: Database,
    pub keyring: Arc<Keyring>,
    pub owner: Owner,
    pub claimed: Claimed,
    pub known: Known,
    pub clock: Clock,
    pub policy: Policy,
}

/// What one request is to buy.
pub(crate) struct Reservation {
    pub vendor: Vendor,
    pub operation: &'static str,
    pub key: KeyId,
    pub rate: Rate,
    /// How long after its slot a living process may need.
    pub lease: Duration,
    pub wanted: Vec<Wanted>,
    pub answer: oneshot::Sender<Result<Reserved, Unanswered>>,
}

/// A thing, and for whom it is.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub canonical: Vec<u8>,
    pub worst: Charge,
    pub lead: LeadKey,
    pub cause: Cause,
    pub step: &'static str,
    pub purpose: Purpose,
    pub because: String,
    /// The same for all that are asked together for one lead.
    pub ask: Uuid,
}

/// What a request may buy.
pub(crate) struct Reserved {
    /// When it may leave.
    pub slot: DateTime<Utc>,
    /// Thing by thing, in their order.
    pub verdicts: Vec<Verdict>,
    /// What was committed and is to be published.
    pub events: Vec<Outgoing>,
}

pub(crate) enum Verdict {
    /// There is an answer.
    Stored(Vec<u8>),
    /// It may be bought.
    Granted { intent: Uuid, thing: ThingHash },
    /// It may not.
    Refused(Unanswered),
}

pub(crate) async fn reserve(desk: &Desk, tenant: TenantId, jobs: Vec<Reservation>) {
    let (mut answers, mut asked) = (Vec::new(), Vec::new());
    for mut job in jobs {
        answers.push(std::mem::replace(&mut job.answer, oneshot::channel().0));
        asked.push(job);
    }
    match in_one(desk, &tenant, &asked).await {
        Ok(reserved) => {
            // Who no longer listens left an intent that nobody will send: it is released when its lease is over.
            answers.into_iter().zip(reserved).for_each(|(answer, reserved)| drop(answer.send(Ok(reserved))));
        }
        Err(error) => {
            let error = Unanswered::from(error);
            answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone()))));
        }
    }
}

async fn in_one(desk: &Desk, tenant: &TenantId, jobs: &[Reservation]) -> Result<Vec<Reserved>, StoreError> {
    let owner = desk.owner.number().await?;
    let mut tx = desk.database.enter(tenant).await?;
    let keys = desk.keyring.tenant(&mut tx, tenant).await?;
    let things: Vec<Vec<ThingHash>> = jobs.iter().map(|job| hashes(&keys, tenant, job)).collect();
    ledger::lock(&mut tx).await?;
    // The time is read under the lock: whoever holds it later sees a later time.
    let now = (desk.clock)();
    ledger::reconcile(&mut tx, now, RECONCILE_MAX).await?;
    let mut facts = Facts::read(desk, &mut tx, jobs, &things, now).await?;
    let mut batch = Batch::decide(&mut facts, jobs, &things, now);
    batch.take_slots(desk, &mut tx, jobs, now).await?;
    let events = batch.write(desk, &mut tx, &facts, jobs, (owner, now)).await?;
    let reserved = batch.reserved(&tx, &keys, facts, jobs, now, events)?;
    tx.commit().await?;
    let at_a_cap = |verdict: &Verdict| matches!(verdict, Verdict::Refused(Unanswered::CapReached { .. }));
    if reserved.iter().flat_map(|reserved| &reserved.verdicts).any(at_a_cap) {
        desk.known.forget(tenant);
    }
    Ok(reserved)
}

fn hashes(keys: &TenantKeys, tenant: &TenantId, job: &Reservation) -> Vec<ThingHash> {
    let context = ledger::thing_context(tenant, job.vendor.as_str(), job.operation);
    job.wanted.iter().map(|wanted| keys.index.hash_bytes(&context, &wanted.canonical)).collect()
}

/// An alert that a vendor cannot be asked.
pub(crate) fn unavailable(vendor: Vendor, reason: Reason) -> Warning {
    let message = match reason {
        Reason::Failures => format!(
            "{vendor} failed or limited us several times in a row: it is left alone for a while, leads go on without it"
        ),
        Reason::Quota => format!("{vendor}'s credits or quota are gone: leads go on without it until there are more"),
        Reason::Key => format!("{vendor} refuses the key: leads go on without it until there is another"),
    };
    Warning { about: vendor.as_str().to_owned(), kind: "vendor_unavailable", value: None, limit: None, message }
}
