//! What a sync came to, as events: one per company of which something changed, and one for the run; or an alert, once.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use presdr_events::{DegradedReason, Event, Step, StepStatus, TenantId, lead, run};
use presdr_odoo::{
    client::Fault,
    desk::OdooError,
    sync::{Company, Report},
};
use presdr_store::{
    odoo::{
        connections::{self, Connection},
        syncs::{self, Sync},
    },
    steps::{self, Outcome, StepKey},
};

use crate::{Services, lead::WorkError};

const STEP: &str = "sync";
const ALERT: &str = "alert_sync";
/// From this try on an Odoo that is away is told of.
const TRIES_BEFORE_ALERT: u32 = 3;

/// Commits that a sync is done with what it tells, and publishes that.
pub(super) async fn done(
    services: &Services,
    tenant: &TenantId,
    sync: &Sync,
    connection: &Connection,
    report: &Report,
    took: Duration,
) -> Result<(), WorkError> {
    let now = services.clock.now();
    let mut tx = services.database.enter(tenant).await?;
    if !syncs::finish(&mut tx, sync, (&report.counts, None), now).await? {
        return Ok(());
    }
    connections::note(&mut tx, connection.version, None, now).await?;
    let mut facts: Vec<(StepKey, Event)> = Vec::new();
    for company in report.companies.iter().filter(|company| !company.is_unchanged()) {
        let key = StepKey { company: Some(company.company_id), ..key(tenant, sync, STEP) };
        facts.push((key, Event::LeadSynced(of_company(company, sync))));
    }
    facts.push((key(tenant, sync, STEP), Event::RunSynced(of_run(report, sync, took))));
    let outcomes = facts
        .into_iter()
        .map(|(key, event)| Ok(Outcome::new(key.clone(), &key.header(STEP, &sync.cause, now), &event)?))
        .collect::<Result<Vec<_>, WorkError>>()?;
    steps::record(&mut tx, &outcomes).await?;
    tx.commit().await?;
    tracing::info!(tenant.id = %tenant, run.id = %sync.run, calls = report.asked.calls, "wrote a shortlist to Odoo");
    services.outbox.publish(outcomes.iter().map(|outcome| outcome.outgoing().clone()).collect()).await?;
    Ok(())
}

/// Commits that a sync never can be done, and says so: nothing that anybody does to Odoo cures what is wrong with a run.
pub(super) async fn impossible(
    services: &Services,
    tenant: &TenantId,
    sync: &Sync,
    problem: &str,
) -> Result<(), WorkError> {
    let now = services.clock.now();
    let mut tx = services.database.enter(tenant).await?;
    if !syncs::finish(&mut tx, sync, (&BTreeMap::new(), Some(problem)), now).await? {
        return Ok(());
    }
    let event = Event::RunSynced(run::Synced {
        step: Step::done(STEP, 0, sync.attempt, vec![DegradedReason::SyncIncomplete]),
        counts: BTreeMap::new(),
        incomplete: 0,
        missing_fields: Vec::new(),
        problem: Some(problem.to_owned()),
    });
    let key = key(tenant, sync, STEP);
    let outcome = Outcome::new(key.clone(), &key.header(STEP, &sync.cause, now), &event)?;
    steps::record(&mut tx, std::slice::from_ref(&outcome)).await?;
    tx.commit().await?;
    tracing::warn!(tenant.id = %tenant, run.id = %sync.run, %problem, "a shortlist cannot be written to Odoo, now or later");
    services.outbox.publish(vec![outcome.outgoing().clone()]).await?;
    Ok(())
}

/// Commits that a try failed, when the next is due, and, once, an alert.
pub(super) async fn failed(
    services: &Services,
    tenant: &TenantId,
    sync: &Sync,
    error: &OdooError,
    due_at: DateTime<Utc>,
) -> Result<(), WorkError> {
    let now = services.clock.now();
    let problem = error.to_string();
    tracing::warn!(tenant.id = %tenant, run.id = %sync.run, tries = sync.tries + 1, %problem, "a shortlist waits for Odoo");
    let mut tx = services.database.enter(tenant).await?;
    syncs::failed(&mut tx, sync, &problem, due_at, now).await?;
    // What is wrong with a run says nothing of the connection.
    let of_odoo = matches!(error, OdooError::Fault(_));
    if let Some(connection) = connections::get(&mut tx).await?.filter(|_| of_odoo) {
        connections::note(&mut tx, connection.version, Some(&problem), now).await?;
    }
    let is_passing = matches!(error, OdooError::Fault(Fault::Retry(_)));
    let mut alert = None;
    if !is_passing || sync.tries + 1 >= TRIES_BEFORE_ALERT {
        let key = key(tenant, sync, ALERT);
        let event = Event::AlertRaised(alert_of(sync, &problem));
        let outcome = Outcome::new(key.clone(), &key.header(STEP, &sync.cause, now), &event)?;
        let is_new = steps::record(&mut tx, std::slice::from_ref(&outcome)).await? == 1;
        alert = is_new.then(|| outcome.outgoing().clone());
    }
    tx.commit().await?;
    services.outbox.publish(alert.into_iter().collect()).await?;
    Ok(())
}

fn key(tenant: &TenantId, sync: &Sync, step: &'static str) -> StepKey {
    StepKey { tenant: tenant.clone(), run: Some(sync.run), company: None, step, attempt: sync.attempt }
}

fn of_company(company: &Company, sync: &Sync) -> lead::Synced {
    let status = match company.outcome {
        _ if company.is_incomplete() => StepStatus::Degraded,
        "archived" | "deleted" | "superseded" | "suppressed" | "left_out" => StepStatus::Skipped,
        _ => StepStatus::Ok,
    };
    let reasons = if company.is_incomplete() { vec![DegradedReason::SyncIncomplete] } else { Vec::new() };
    let names = |fields: &[&'static str]| fields.iter().map(|field| (*field).to_owned()).collect();
    lead::Synced {
        step: Step { status, ..Step::done(STEP, 0, sync.attempt, reasons) },
        outcome: company.outcome.to_owned(),
        partner_id: company.partner_id,
        wrote: names(&company.wrote),
        kept: names(&company.kept),
        contacts: company
            .contacts
            .iter()
            .map(|(outcome, count)| ((*outcome).to_owned(), *count))
            .collect::<BTreeMap<_, _>>(),
        lead: company.lead.map(str::to_owned),
        problem: company.problem.clone(),
    }
}

fn of_run(report: &Report, sync: &Sync, took: Duration) -> run::Synced {
    let incomplete = report.companies.iter().filter(|company| company.is_incomplete()).count();
    let reasons = if incomplete > 0 { vec![DegradedReason::SyncIncomplete] } else { Vec::new() };
    let step = Step::done(STEP, u64::try_from(took.as_millis()).unwrap_or(u64::MAX), sync.attempt, reasons);
    run::Synced {
        step: step.with("calls", report.asked.calls).with("writes", report.asked.writes),
        counts: report.counts.clone(),
        incomplete: u32::try_from(incomplete).unwrap_or(u32::MAX),
        missing_fields: report.missing_fields.iter().map(|field| (*field).to_owned()).collect(),
        problem: None,
    }
}

fn alert_of(sync: &Sync, problem: &str) -> run::Alert {
    let reason = DegradedReason::SyncDelayed;
    run::Alert {
        step: Step::done("check", 0, sync.attempt, vec![reason]),
        alert: reason.as_str().to_owned(),
        value: Some(f64::from(sync.tries + 1)),
        limit: None,
        message: format!("the shortlist is not in Odoo: {problem}; it stays due and is written once that is over"),
        degraded: Some(reason),
    }
}
