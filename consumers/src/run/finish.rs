//! Ending a lead: its outcome, its place for the next lead, and the run's ranking after the last one, in one transaction.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use presdr_events::{Attempt, Cause, CompanyId, DegradedReason, Event, RunId, Step, StepStatus, TenantId, lead};
use presdr_rules::admission::{self, Gate};
use presdr_store::{
    StoreError, TenantTx,
    admissions::{self, Admission, Ending},
    runs::Run,
    steps::{self, Outgoing, StepKey},
};

use super::rank;
use crate::{
    Services,
    lead::{Lead, WorkError, header},
};

/// A lead at its end: the outcome of its last step.
pub(crate) struct Ended {
    pub lead: Lead,
    pub step: &'static str,
    pub ending: Ending,
    pub event: Event,
}

/// Ends leads of one tenant and gives their places away. What is to be published once the caller has committed; nothing of a lead
/// that is not admitted at that attempt.
pub(crate) async fn end(services: &Services, tx: &mut TenantTx, leads: &[Ended]) -> Result<Vec<Outgoing>, WorkError> {
    let now = services.clock.now();
    // The window's lock comes first everywhere, so that two endings of a tenant never wait for each other in a ring.
    let size = admissions::lock_window(tx).await?;
    let leads = once_each(leads);
    let endings: Vec<_> =
        leads.iter().map(|one| (one.lead.run, one.lead.company, one.lead.attempt, &one.ending)).collect();
    let ended = admissions::end(tx, &endings, now).await?;
    let leads: Vec<_> = leads.into_iter().filter(|one| ended.contains(&one.key())).collect();
    if leads.is_empty() {
        return Ok(Vec::new());
    }
    let outcomes = leads.iter().map(|one| one.outcome(services)).collect::<Result<Vec<_>, _>>()?;
    if steps::record(tx, &outcomes).await? < u64::try_from(outcomes.len()).unwrap_or(u64::MAX) {
        return Err(WorkError::Busy("a lead's last step has an outcome already".to_owned()));
    }
    let mut events: Vec<_> = outcomes.iter().map(|outcome| outcome.outgoing().clone()).collect();
    let causes: BTreeMap<RunId, &Cause> = leads.iter().map(|one| (one.lead.run, &one.lead.cause)).collect();
    events.extend(admit(services, tx, &causes, size).await?);
    for (run, cause) in causes {
        events.extend(rank::if_last(services, tx, cause, run).await?);
    }
    Ok(events)
}

/// A lead that is delivered twice may end twice at once: its first ending counts.
fn once_each(leads: &[Ended]) -> Vec<&Ended> {
    let mut seen = HashSet::new();
    leads.iter().filter(|one| seen.insert(one.key())).collect()
}

impl Ended {
    fn key(&self) -> (RunId, CompanyId, Attempt) {
        (self.lead.run, self.lead.company, self.lead.attempt)
    }

    fn outcome(&self, services: &Services) -> Result<steps::Outcome, WorkError> {
        let key = self.lead.key(self.step);
        Ok(steps::Outcome::new(key.clone(), &header(services, &key, &self.lead.cause), &self.event)?)
    }
}

/// Ends a lead whose work was set aside.
pub(crate) async fn park(
    services: &Services,
    tx: &mut TenantTx,
    lead: &Lead,
    consumer: &'static str,
    reason: &str,
) -> Result<Vec<Outgoing>, WorkError> {
    let event = Event::LeadParked(lead::Parked {
        step: failed(consumer, lead.attempt),
        event_id: lead.cause.id,
        error: reason.to_owned(),
    });
    end(services, tx, &[Ended { lead: lead.clone(), step: "park", ending: lost("parked"), event }]).await
}

/// Ends a lead that was not terminal at its deadline.
pub(crate) async fn time_out(
    services: &Services,
    tx: &mut TenantTx,
    overdue: &Admission,
    deadline: DateTime<Utc>,
) -> Result<Vec<Outgoing>, WorkError> {
    let lead = swept(tx.tenant(), overdue);
    let event = Event::LeadTimedOut(lead::TimedOut { step: failed("sweep", overdue.attempt), deadline });
    end(services, tx, &[Ended { lead, step: "time_out", ending: lost("timed_out"), event }]).await
}

/// Ends every lead of a cancelled run that is not terminal, then the run.
pub(crate) async fn cancel(
    services: &Services,
    tx: &mut TenantTx,
    cause: &Cause,
    run: &Run,
) -> Result<Vec<Outgoing>, WorkError> {
    let now = services.clock.now();
    admissions::lock_window(tx).await?;
    admissions::let_go_selected(tx, run.id, now).await?;
    let tenant = tx.tenant().clone();
    let dropped = |admitted: &Admission| {
        let lead = Lead { cause: cause.clone(), ..swept(&tenant, admitted) };
        let step = Step { status: StepStatus::Skipped, ..Step::done("cancel", 0, admitted.attempt, Vec::new()) };
        let event = Event::LeadDropped(lead::Dropped { step, reason: "cancelled".to_owned() });
        Ended { lead, step: "drop", ending: Ending::without_score("dropped"), event }
    };
    let in_flight = admissions::in_flight(tx, run.id).await?;
    let leads: Vec<_> = in_flight.iter().map(dropped).collect();
    let mut events = end(services, tx, &leads).await?;
    events.extend(rank::if_last(services, tx, cause, run.id).await?);
    Ok(events)
}

/// Gives free places of the tenant's window to the leads that wait.
pub(crate) async fn admit_next(
    services: &Services,
    tx: &mut TenantTx,
    (run, cause): (RunId, &Cause),
) -> Result<Vec<Outgoing>, WorkError> {
    let size = admissions::lock_window(tx).await?;
    admit(services, tx, &BTreeMap::from([(run, cause)]), size).await
}

/// What an ending would have done, had no fault come between: places given away, the run ranked.
pub(crate) async fn move_on(
    services: &Services,
    tx: &mut TenantTx,
    cause: &Cause,
    run: &Run,
) -> Result<Vec<Outgoing>, WorkError> {
    let mut events = admit_next(services, tx, (run.id, cause)).await?;
    events.extend(rank::if_last(services, tx, cause, run.id).await?);
    Ok(events)
}

/// Gives free places away. A lead's admission belongs to what happened in its own run: to the cause given for it, or to the run's start.
async fn admit(
    services: &Services,
    tx: &mut TenantTx,
    causes: &BTreeMap<RunId, &Cause>,
    size: i64,
) -> Result<Vec<Outgoing>, WorkError> {
    let (in_flight, waiting) = admissions::load(tx, size).await?;
    let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let room = admission::admit(Gate::Open, small(size), small(in_flight), small(waiting));
    if room == 0 {
        return Ok(Vec::new());
    }
    let now = services.clock.now();
    let deadline = now + services.config.lead_deadline;
    let admitted = admissions::admit(tx, i64::from(room), now, deadline).await?;
    let tenant = tx.tenant().clone();
    let outcomes = admitted
        .iter()
        .map(|admission| {
            let key = StepKey {
                tenant: tenant.clone(),
                run: Some(admission.run),
                company: Some(admission.company),
                step: "admit",
                attempt: admission.attempt,
            };
            let event = Event::LeadAdmitted(lead::Admitted {
                step: Step::done("admit", 0, admission.attempt, Vec::new()),
                position: admission.position.unsigned_abs(),
                deadline,
            });
            let start = Cause::start_of(&tenant, Some(admission.run), "sweep");
            let cause = causes.get(&admission.run).copied().unwrap_or(&start);
            Ok(steps::Outcome::new(key.clone(), &header(services, &key, cause), &event)?)
        })
        .collect::<Result<Vec<_>, WorkError>>()?;
    steps::record(tx, &outcomes).await?;
    Ok(outcomes.iter().map(|outcome| outcome.outgoing().clone()).collect())
}

/// A lead as the sweep sees it: nobody's event led to its end, so the run's own first event stands for the cause.
fn swept(tenant: &TenantId, admission: &Admission) -> Lead {
    Lead {
        tenant: tenant.clone(),
        run: admission.run,
        company: admission.company,
        attempt: admission.attempt,
        cause: Cause::start_of(tenant, Some(admission.run), "sweep"),
    }
}

fn failed(tool: &str, attempt: u32) -> Step {
    Step { status: StepStatus::Failed, ..Step::done(tool, 0, attempt, vec![DegradedReason::LeadsLost]) }
}

fn lost(outcome: &'static str) -> Ending {
    Ending { degraded: vec![DegradedReason::LeadsLost.as_str().to_owned()], ..Ending::without_score(outcome) }
}

impl From<WorkError> for StoreError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Store(error) => error,
            other => Self::Refused(other.to_string()),
        }
    }
}
