//! Settling: what calls came to, in one transaction for all that ended at the same time: ledger, answers, events, breaker.
//!
//! Touches no budget: what was reserved too much is given back by the next reservation.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use presdr_events::{Cause, TenantId, vendor::CallStatus};
use presdr_store::{
    StoreError, TenantTx,
    answers::{self, NewAnswer},
    breakers::{self, Breaker, KeyId, Reason},
    ledger::{self, Charge, Ended, LeadKey, ThingHash},
    steps::Outgoing,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    Unanswered, Vendor,
    erased::Erased,
    record::{self, Called, Telling},
    reserve::{Desk, unavailable},
    state::{day, delta, rest_of_day},
};

/// An answer is paid for: the database is given this long to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that is over.
pub(crate) struct Settlement {
    pub vendor: Vendor,
    pub operation: &'static str,
    pub key: KeyId,
    pub ended: Vec<EndedThing>,
    pub calls: Vec<CallOver>,
    pub verdict: Verdict,
    pub answer: oneshot::Sender<Result<Vec<Outgoing>, Unanswered>>,
}

/// One of its things.
#[derive(Clone)]
pub(crate) struct EndedThing {
    pub ended: Ended,
    pub thing: ThingHash,
    pub lead: LeadKey,
    pub ask: Uuid,
    /// The answer as JSON, and for how long it is fresh.
    pub answer: Option<(Vec<u8>, Duration)>,
}

/// What is told of it for each lead; the charge is added up here.
#[derive(Clone)]
pub(crate) struct CallOver {
    pub ask: Uuid,
    pub called: Called,
}

/// What it means for the vendor's breaker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answered.
    Works,
    /// Nothing new; failures that may pass were noted as they happened.
    Nothing,
    /// Credits or quota are gone.
    Quota(Option<Duration>),
    /// The key is refused.
    Key,
}

pub(crate) async fn settle(desk: &Desk, tenant: TenantId, jobs: Vec<Settlement>) {
    let backoff = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(usize::MAX)
        .with_total_delay(Some(PATIENCE));
    let settled = (|| in_one(desk, &tenant, &jobs)).retry(backoff).when(StoreError::is_transient).await;
    match settled {
        Ok(mut events) => {
            for job in jobs {
                // All events go with the first: whoever asked may have gone, and the sweep publishes then.
                let _ = job.answer.send(Ok(std::mem::take(&mut events)));
            }
        }
        Err(error) => {
            let error = Unanswered::from(error);
            jobs.into_iter().for_each(|job| drop(job.answer.send(Err(error.clone()))));
        }
    }
}

async fn in_one(desk: &Desk, tenant: &TenantId, jobs: &[Settlement]) -> Result<Vec<Outgoing>, StoreError> {
    let now = (desk.clock)();
    let mut tx = desk.database.enter(tenant).await?;
    let ended: Vec<Ended> = jobs.iter().flat_map(|job| job.ended.iter().map(|thing| thing.ended.clone())).collect();
    let ours = ledger::end(&mut tx, &ended, now).await?;
    store_answers(desk, &mut tx, jobs, now).await?;
    let mut events = Vec::new();
    for job in jobs {
        for call in &job.calls {
            // One that was given up meanwhile has its event, at the maximum.
            let Some(charge) = charge(job, call.ask, &ours) else { continue };
            let called = Called { charge, ..call.called.clone() };
            events.extend(record::called(&mut tx, &called, Telling::Always, now).await?);
        }
    }
    events.extend(feed_breakers(desk, &mut tx, jobs, now).await?);
    tx.commit().await?;
    if jobs.iter().any(|job| matches!(job.verdict, Verdict::Quota(_) | Verdict::Key)) {
        desk.known.forget(tenant);
    }
    Ok(events)
}

/// What those of an ask came to that were still ours to end; `None` when none was.
fn charge(job: &Settlement, ask: Uuid, ours: &HashSet<Uuid>) -> Option<Charge> {
    let mut things = job.ended.iter().filter(|thing| thing.ask == ask && ours.contains(&thing.ended.id)).peekable();
    things.peek()?;
    let mut sum = Charge::default();
    things.for_each(|thing| sum += thing.ended.charge);
    Some(sum)
}

async fn store_answers(
    desk: &Desk,
    tx: &mut TenantTx,
    jobs: &[Settlement],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().clone();
    let keys = desk.keyring.tenant(tx, &tenant).await?;
    let mut stored = Vec::new();
    let mut known = HashSet::new();
    let answers = jobs.iter().flat_map(|job| &job.ended);
    let answers = answers.filter_map(|thing| Some((thing.lead.company, thing.answer.as_ref()?.0.as_slice())));
    let erased = Erased::among(tx, &keys, &answers.collect::<Vec<_>>()).await?;
    for job in jobs {
        for thing in &job.ended {
            let Some((answer, fresh_for)) = &thing.answer else { continue };
            let (vendor, operation) = (job.vendor.as_str(), job.operation);
            if !known.insert((vendor, operation, thing.thing)) {
                continue;
            }
            let Some(answer) = erased.taken_out(thing.lead.company, answer) else { continue };
            stored.push(NewAnswer {
                vendor,
                operation,
                thing: thing.thing,
                lead: thing.lead,
                sealed: answers::seal(tx, &keys, (vendor, operation, &thing.thing), &answer)?,
                expires_at: now + delta(*fresh_for),
            });
        }
    }
    match stored.is_empty() {
        true => Ok(()),
        false => answers::store(tx, &stored, now).await,
    }
}

/// Each vendor once, in one order everywhere: two transactions never wait for each other in a ring.
async fn feed_breakers(
    desk: &Desk,
    tx: &mut TenantTx,
    jobs: &[Settlement],
    now: DateTime<Utc>,
) -> Result<Vec<Outgoing>, StoreError> {
    let mut events = Vec::new();
    for vendor in Vendor::ALL {
        let of_vendor: Vec<&Settlement> = jobs.iter().filter(|job| job.vendor == vendor).collect();
        let refused = of_vendor.iter().find(|job| matches!(job.verdict, Verdict::Quota(_) | Verdict::Key));
        if let Some(job) = refused {
            let (reason, until) = match job.verdict {
                Verdict::Quota(lasts) => (Reason::Quota, Some(now + lasts.map_or(rest_of_day(now), delta))),
                _ => (Reason::Key, None),
            };
            let open = Breaker::Open { reason, until, key: Some(job.key) };
            breakers::write(tx, vendor.as_str(), &open).await?;
            events.extend(warn(desk, tx, vendor, reason, job.calls.first(), now).await?);
        } else if of_vendor.iter().any(|job| job.verdict == Verdict::Works) {
            breakers::succeeded(tx, vendor.as_str()).await?;
        }
    }
    Ok(events)
}

async fn warn(
    desk: &Desk,
    tx: &mut TenantTx,
    vendor: Vendor,
    reason: Reason,
    call: Option<&CallOver>,
    now: DateTime<Utc>,
) -> Result<Option<Outgoing>, StoreError> {
    let Some(CallOver { called, .. }) = call else { return Ok(None) };
    desk.claimed.raise(tx, &unavailable(vendor, reason), (&called.lead, &called.cause), (day(now), now)).await
}

/// Notes failures that may pass, as they happen.
pub(crate) struct Failures<'a> {
    pub desk: &'a Desk,
    pub tenant: &'a TenantId,
    pub vendor: Vendor,
    pub lead: LeadKey,
    pub cause: &'a Cause,
    /// Alerts that were committed and are to be published.
    pub alerts: Mutex<Vec<Outgoing>>,
}

impl Failures<'_> {
    /// Notes one; tells whether the breaker stands open now.
    pub async fn note(&self) -> bool {
        match self.try_note().await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(tenant.id = %self.tenant, %error, "a vendor's failure could not be noted");
                false
            }
        }
    }

    async fn try_note(&self) -> Result<bool, StoreError> {
        let (desk, now) = (self.desk, (self.desk.clock)());
        let mut tx = desk.database.enter(self.tenant).await?;
        let (before, after) = breakers::failed(&mut tx, self.vendor.as_str(), now, &desk.policy.breaker).await?;
        let mut alert = None;
        if after.is_open() && after != before {
            let (warning, who) = (unavailable(self.vendor, Reason::Failures), (&self.lead, self.cause));
            alert = desk.claimed.raise(&mut tx, &warning, who, (day(now), now)).await?;
        }
        tx.commit().await?;
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner).extend(alert);
        Ok(after.is_open())
    }
}

/// How a call ended, as its event says it.
pub(crate) fn status_of(why: Option<&Unanswered>) -> CallStatus {
    match why {
        None => CallStatus::Answered,
        Some(Unanswered::Quota) => CallStatus::Quota,
        Some(Unanswered::KeyRefused) => CallStatus::KeyRefused,
        Some(Unanswered::BreakerOpen) => CallStatus::BreakerOpen,
        Some(Unanswered::RateLimited) => CallStatus::RateLimited,
        Some(Unanswered::Unknown) => CallStatus::Unknown,
        Some(_) => CallStatus::Failed,
    }
}
