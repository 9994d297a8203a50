//! Events about calls, committed with what they are about.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, NaiveDate, Utc};
use presdr_events::{
    Cause, Event, Step, StepStatus, TenantId,
    run::Alert,
    vendor::{CallStatus, VendorCalled},
};
use presdr_store::{
    StoreError, TenantTx, breakers,
    ledger::{self, Charge, GivenUp, LeadKey},
    steps::{self, Outcome, Outgoing, StepKey},
};
use uuid::Uuid;

/// The service that says it, as events name it.
const SOURCE: &str = "vendors";
/// A step that already stands under its name is told under the next; more than this there never are.
const NAMES_MAX: u32 = 64;

/// What the event of a call says.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    pub lead: LeadKey,
    pub cause: Cause,
    pub step: &'static str,
    pub vendor: String,
    pub operation: String,
    pub purpose: String,
    pub because: String,
    pub charge: Charge,
    pub latency_ms: u64,
    pub status: CallStatus,
    pub http_status: Option<u16>,
    pub requests: u32,
    pub rate_limit_hits: u32,
    pub ledger: Option<Uuid>,
}

/// Whether an event must be written even when one stands under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// It tells of money: under the next free name.
    Always,
    /// It tells of nothing bought: once is enough.
    Once,
}

impl Called {
    /// The event of something that a dead process bought: nobody knows what it brought.
    pub fn given_up(tenant: &TenantId, given: GivenUp) -> Self {
        // Nobody's event led here: it belongs to the run's first.
        Self {
            cause: Cause::start_of(tenant, given.lead.run, SOURCE),
            lead: given.lead,
            step: name(&given.step, 1),
            vendor: given.vendor,
            operation: given.operation,
            purpose: given.purpose,
            because: given.because,
            charge: given.charge,
            latency_ms: 0,
            status: CallStatus::Unknown,
            http_status: None,
            requests: 1,
            rate_limit_hits: 0,
            ledger: Some(given.ask),
        }
    }

    fn event(&self, attempt: u32) -> Event {
        let mut step = Step::done(self.step, self.latency_ms, attempt, vec![]);
        step.status = match self.status {
            CallStatus::Answered | CallStatus::Cached => StepStatus::Ok,
            CallStatus::RefusedCap | CallStatus::BreakerOpen => StepStatus::Skipped,
            _ => StepStatus::Failed,
        };
        Event::VendorCalled(VendorCalled {
            step,
            vendor: self.vendor.clone(),
            operation: self.operation.clone(),
            purpose: self.purpose.clone(),
            because: self.because.clone(),
            units: self.charge.units.normalize(),
            tokens_input: self.charge.tokens_input,
            tokens_output: self.charge.tokens_output,
            cost_usd: self.charge.usd.normalize(),
            latency_ms: self.latency_ms,
            status: self.status,
            http_status: self.http_status,
            requests: self.requests,
            rate_limit_hits: self.rate_limit_hits,
            quota_exhausted: self.status == CallStatus::Quota,
            cache_hit: self.status == CallStatus::Cached,
            ledger_id: self.ledger,
        })
    }
}

/// Commits the event of a call with the caller's transaction. `None` when one tells it already.
pub(crate) async fn called(
    tx: &mut TenantTx,
    called: &Called,
    telling: Telling,
    now: DateTime<Utc>,
) -> Result<Option<Outgoing>, StoreError> {
    tell(tx, &called.lead, called.step, &called.cause, telling, now, |attempt| called.event(attempt)).await
}

/// An alert of the kind of which there is one a day.
pub(crate) struct Warning {
    /// A vendor, or a meter with its period.
    pub about: String,
    pub kind: &'static str,
    pub value: Option<f64>,
    pub limit: Option<f64>,
    pub message: String,
}

/// Alerts that this process knows to be claimed: the database is not asked again.
#[derive(Default)]
pub(crate) struct Claimed(Mutex<HashSet<(TenantId, String, &'static str, NaiveDate)>>);

impl Claimed {
    /// Raises an alert unless the day has it. The claim is remembered when it is known to stand.
    pub async fn raise(
        &self,
        tx: &mut TenantTx,
        warning: &Warning,
        (lead, cause): (&LeadKey, &Cause),
        (day, now): (NaiveDate, DateTime<Utc>),
    ) -> Result<Option<Outgoing>, StoreError> {
        let claim = (tx.tenant().clone(), warning.about.clone(), warning.kind, day);
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&claim) {
            return Ok(None);
        }
        if !breakers::claim_alert(tx, &warning.about, warning.kind, day).await? {
            let mut claimed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            claimed.retain(|(.., of)| *of == day); // nobody claims for a day that is over
            claimed.insert(claim);
            return Ok(None);
        }
        tracing::warn!(tenant.id = %tx.tenant(), about = warning.about, alert = warning.kind, "{}", warning.message);
        let lead = LeadKey { run: lead.run, company: None, attempt: 1 };
        let meter = warning.about.split(' ').next().unwrap_or_default();
        let step = name(&format!("alert.{meter}.{}", warning.kind), 1);
        let alert = |attempt| {
            Event::AlertRaised(Alert {
                step: Step::done(SOURCE, 0, attempt, vec![]).with("about", &warning.about),
                alert: warning.kind.to_owned(),
                value: warning.value,
                limit: warning.limit,
                message: warning.message.clone(),
                degraded: None,
            })
        };
        tell(tx, &lead, step, cause, Telling::Always, now, alert).await
    }
}

async fn tell(
    tx: &mut TenantTx,
    lead: &LeadKey,
    step: &'static str,
    cause: &Cause,
    telling: Telling,
    now: DateTime<Utc>,
    event: impl Fn(u32) -> Event,
) -> Result<Option<Outgoing>, StoreError> {
    // A lead's step is told again under another name. Outside of runs there is no lead's attempt: each is the next.
    let (names, first) = match (telling, lead.run) {
        (Telling::Once, _) => (1, lead.attempt.max(1)),
        (Telling::Always, Some(_)) => (NAMES_MAX, lead.attempt.max(1)),
        (Telling::Always, None) => (NAMES_MAX, ledger::told_outside_runs(tx, step).await? + 1),
    };
    for number in 1..=names {
        let (name, attempt) = match lead.run {
            Some(_) => (name(step, number), first),
            None => (step, first + number - 1),
        };
        let key = StepKey { tenant: tx.tenant().clone(), run: lead.run, company: lead.company, step: name, attempt };
        let header = key.header(SOURCE, cause, now);
        let outcome = Outcome::new(key, &header, &event(attempt))?;
        if steps::record(tx, std::slice::from_ref(&outcome)).await? == 1 {
            return Ok(Some(outcome.outgoing().clone()));
        }
    }
    match telling {
        Telling::Once => Ok(None),
        Telling::Always => Err(StoreError::Refused(format!("step {step} was told {NAMES_MAX} times for one lead"))),
    }
}

/// A step's name that lives as long as the process: `step`, `step.again`, `step.3`, …. There are few, and each is made once.
pub(crate) fn name(step: &str, number: u32) -> &'static str {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let wanted = match number {
        1 => step.to_owned(),
        2 => format!("{step}.again"),
        _ => format!("{step}.{number}"),
    };
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(wanted.as_str()) {
        return known;
    }
    let made: &'static str = Box::leak(wanted.into_boxed_str());
    names.insert(made);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_once() {
        assert_eq!(name("tavily.search", 1), "tavily.search");
        assert_eq!(name("tavily.search", 2), "tavily.search.again");
        assert_eq!(name("tavily.search", 3), "tavily.search.3");
        assert!(std::ptr::eq(name("tavily.search", 3), name("tavily.search", 3)));
    }
}
