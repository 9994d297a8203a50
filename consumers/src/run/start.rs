//! The beginning of a run: candidates refreshed, the target set chosen, the first leads admitted.
//!
//! Each part is committed with its event and is skipped when it was done before, so a redelivery goes on where a crash stopped.

use std::time::Instant;

use presdr_events::{Cause, CompanyId, DegradedReason, Envelope, Event, RunId, Step, run};
use presdr_rules::settings::AlertLimits;
use presdr_store::{
    StoreError, TenantTx, admissions,
    runs::{self, Run},
    steps::{self, Outgoing, StepKey},
};

use super::{finish, rank};
use crate::{
    Services,
    candidates::{self, Refresh},
    lead::WorkError,
};

/// Begins the run that `envelope` started.
pub(super) async fn start(services: &Services, envelope: &Envelope, run: RunId) -> Result<(), WorkError> {
    let cause = Cause::of(envelope);
    let Some(held) = open(services, envelope, run).await? else { return Ok(()) };
    if held.targeted_at.is_none() {
        // Who names companies has chosen: the candidates stay as they are.
        if held.company_ids.is_empty() {
            refresh(services, envelope, &held, &cause).await?;
        }
        target(services, envelope, &held, &cause).await?;
    }
    Ok(())
}

/// The run, if it is there and was not ended before it began.
async fn open(services: &Services, envelope: &Envelope, run: RunId) -> Result<Option<Run>, WorkError> {
    let mut tx = services.database.enter(&envelope.tenant).await?;
    let held = runs::get(&mut tx, run).await?;
    Ok(held.filter(|run| matches!(run.status.as_str(), "open" | "paused")))
}

/// Chooses the tenant's candidates afresh and tells how that went.
async fn refresh(services: &Services, envelope: &Envelope, run: &Run, cause: &Cause) -> Result<(), WorkError> {
    let mut tx = services.database.enter(&envelope.tenant).await?;
    let key = StepKey {
        tenant: envelope.tenant.clone(),
        run: Some(run.id),
        company: None,
        step: "candidates",
        attempt: run.attempt,
    };
    if let Some(stored) = steps::stored(&mut tx, &key).await? {
        tx.commit().await?;
        services.outbox.publish(vec![stored]).await?;
        return Ok(());
    }
    let begun = Instant::now();
    let pin = services.pins.of(&mut tx, run.id).await?;
    tx.commit().await?;
    let refreshed = candidates::refresh(&services.database, &envelope.tenant, run.icp_rule, &pin.icp).await;
    let mut tx = services.database.enter(&envelope.tenant).await?;
    let limits = rank::alert_limits(&mut tx).await?;
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let facts = match refreshed {
        Ok(refreshed) => facts(run, refreshed, &limits, elapsed),
        Err(error) if error.is_transient() => return Err(error.into()),
        // The old set stands; the run goes on with it and says so.
        Err(error) => vec![("alert_refresh", Event::AlertRaised(refresh_failed(run, &error)))],
    };
    let events = rank::commit(services, &mut tx, cause, run, facts).await?;
    tx.commit().await?;
    services.outbox.publish(events).await?;
    Ok(())
}

fn facts(run: &Run, refreshed: Refresh, limits: &AlertLimits, elapsed_ms: u64) -> Vec<(&'static str, Event)> {
    let mut degraded = Vec::new();
    let mut facts = Vec::new();
    if refreshed.fallback {
        degraded.push(DegradedReason::CandidatesFallback);
    }
    if refreshed.candidates < limits.candidates_min {
        degraded.push(DegradedReason::CandidatesFew);
        let message = format!("the ICP matches {} companies: widen it, or ingest more companies", refreshed.candidates);
        let floor = u32::try_from(limits.candidates_min).unwrap_or(u32::MAX);
        let found = f64::from(u32::try_from(refreshed.candidates).unwrap_or(u32::MAX));
        facts.push((
            "alert_candidates",
            Event::AlertRaised(rank::alert(run, DegradedReason::CandidatesFew, found, floor, message)),
        ));
    }
    let event = run::CandidatesRefreshed {
        step: Step::done("candidates", elapsed_ms, run.attempt, degraded),
        before: refreshed.before,
        after_filters: refreshed.after_filters,
        candidates: refreshed.candidates,
        added: refreshed.added,
        removed: refreshed.removed,
        fallback: refreshed.fallback,
    };
    facts.insert(0, ("candidates", Event::RunCandidatesRefreshed(event)));
    facts
}

fn refresh_failed(run: &Run, error: &StoreError) -> run::Alert {
    run::Alert {
        step: Step::done("check", 0, run.attempt, vec![DegradedReason::CandidatesStale]),
        alert: "refresh_failed".to_owned(),
        value: None,
        limit: None,
        message: format!("the candidates could not be refreshed, the old ones are used: {error}"),
        degraded: Some(DegradedReason::CandidatesStale),
    }
}

/// Chooses the target set and admits its first leads, in one transaction.
async fn target(services: &Services, envelope: &Envelope, run: &Run, cause: &Cause) -> Result<(), WorkError> {
    let begun = Instant::now();
    let mut tx = services.database.enter(&envelope.tenant).await?;
    admissions::lock_window(&mut tx).await?;
    let Some(held) = runs::lock(&mut tx, run.id).await? else { return Ok(()) };
    if held.targeted_at.is_some() || !matches!(held.status.as_str(), "open" | "paused") {
        return Ok(());
    }
    let chosen = match held.company_ids.as_slice() {
        [] => candidates::choose(&mut tx, run.icp_rule, held.cap.unsigned_abs()).await?,
        named => candidates::named(&mut tx, named).await?,
    };
    let targets: Vec<(CompanyId, Option<String>)> =
        chosen.targets.iter().map(|target| (target.company, target.uen.clone())).collect();
    admissions::select(&mut tx, run.id, &targets).await?;
    let degraded = degraded_so_far(&mut tx, &held).await?;
    let candidates = i64::try_from(chosen.candidates).unwrap_or(i64::MAX);
    runs::set_targeted(&mut tx, run.id, candidates, &degraded, services.clock.now()).await?;
    let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let event = Event::RunTargeted(run::Targeted {
        step: Step::done("target", elapsed, run.attempt, Vec::new()),
        company_ids: targets.into_iter().map(|(company, _)| company).collect(),
        candidates: chosen.candidates,
        never_seen: chosen.never_seen,
    });
    let mut events: Vec<Outgoing> = rank::commit(services, &mut tx, cause, &held, vec![("target", event)]).await?;
    events.extend(finish::admit_next(services, &mut tx, (run.id, cause)).await?);
    events.extend(rank::if_last(services, &mut tx, cause, run.id).await?);
    tx.commit().await?;
    services.outbox.publish(events).await?;
    Ok(())
}

/// What the refresh left degraded, as its stored event says.
async fn degraded_so_far(tx: &mut TenantTx, run: &Run) -> Result<Vec<String>, WorkError> {
    let mut degraded = Vec::new();
    for step in ["candidates", "alert_refresh"] {
        let key = StepKey { tenant: tx.tenant().clone(), run: Some(run.id), company: None, step, attempt: run.attempt };
        let Some(stored) = steps::stored(tx, &key).await? else { continue };
        let envelope =
            Envelope::decode(&stored.subject, &stored.body).map_err(|error| WorkError::Unfit(error.to_string()))?;
        degraded.extend(envelope.event.step().degraded_reasons.iter().map(|reason| reason.as_str().to_owned()));
    }
    Ok(degraded)
}
