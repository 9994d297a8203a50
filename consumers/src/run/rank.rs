//! When a run's last lead is terminal: the shortlist, the checks on the run as a whole, and its end.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::{Cause, CompanyId, DegradedReason, Envelope, Event, RunId, Step, run};
use presdr_rules::{
    distribution, email_policy,
    ranking::{self, Ranked},
    score::Bucket,
    settings::{AlertLimits, Section},
};
use presdr_store::{
    StoreError, TenantTx,
    admissions::{self, TerminalLead},
    runs::{self, Run},
    settings,
    steps::{self, Outgoing, StepKey},
    suppressions::{self, Held},
};

use crate::{
    Services,
    lead::{WorkError, header},
};

/// The tenant's limits. Settings that cannot be read must not keep a run from ending: the defaults hold then.
pub(super) async fn alert_limits(tx: &mut TenantTx) -> Result<AlertLimits, StoreError> {
    match settings::section(tx, AlertLimits::NAME).await {
        Err(error @ StoreError::Settings { .. }) => {
            tracing::warn!(tenant.id = %tx.tenant(), %error, "the default limits hold for alerts");
            Ok(AlertLimits::default())
        }
        limits => limits,
    }
}

/// Ranks and ends the run if no lead of it is open. The caller holds the tenant's window lock.
pub(crate) async fn if_last(
    services: &Services,
    tx: &mut TenantTx,
    cause: &Cause,
    run: RunId,
) -> Result<Vec<Outgoing>, WorkError> {
    if admissions::any_open(tx, run).await? {
        return Ok(Vec::new());
    }
    let Some(held) = runs::lock(tx, run).await? else { return Ok(Vec::new()) };
    // A run that was cancelled before its targets were chosen has nothing to wait for.
    if held.finished_at.is_some() || (held.targeted_at.is_none() && held.status != "cancelled") {
        return Ok(Vec::new());
    }
    let leads = admissions::terminal(tx, run).await?;
    let limits = alert_limits(tx).await?;
    let alerts = alerts(&held, &leads, &limits);
    let mut facts: Vec<(&'static str, Event)> =
        alerts.into_iter().map(|alert| (alert.0, Event::AlertRaised(alert.1))).collect();
    let suppressed = suppressed_leads(services, tx, run, &leads).await?;
    facts.push(("shortlist", Event::RunShortlisted(shortlisted(&held, &leads, &suppressed))));
    facts.push(("complete", Event::RunCompleted(completed(&held, &leads, &facts))));
    runs::finish(tx, run, services.clock.now()).await?;
    commit(services, tx, cause, &held, facts).await
}

/// Records run-level events with the caller's transaction.
pub(crate) async fn commit(
    services: &Services,
    tx: &mut TenantTx,
    cause: &Cause,
    run: &Run,
    facts: Vec<(&'static str, Event)>,
) -> Result<Vec<Outgoing>, WorkError> {
    let tenant = tx.tenant().clone();
    let outcomes = facts
        .into_iter()
        .map(|(step, event)| {
            let key = StepKey { tenant: tenant.clone(), run: Some(run.id), company: None, step, attempt: run.attempt };
            Ok(steps::Outcome::new(key.clone(), &header(services, &key, cause), &event)?)
        })
        .collect::<Result<Vec<_>, WorkError>>()?;
    let recorded = steps::record(tx, &outcomes).await?;
    if recorded == u64::try_from(outcomes.len()).unwrap_or(u64::MAX) {
        return Ok(outcomes.iter().map(|outcome| outcome.outgoing().clone()).collect());
    }
    // Somebody was quicker: what is stored is what is published.
    let mut stored = Vec::with_capacity(outcomes.len());
    for outcome in &outcomes {
        stored.extend(steps::stored(tx, outcome.key()).await?);
    }
    Ok(stored)
}

/// Those of the leads whose company, or the domain that was found for it, the tenant suppresses by now.
async fn suppressed_leads(
    services: &Services,
    tx: &mut TenantTx,
    run: RunId,
    leads: &[TerminalLead],
) -> Result<BTreeSet<CompanyId>, WorkError> {
    let scored: Vec<CompanyId> = leads.iter().filter(|lead| lead.score.is_some()).map(|lead| lead.company).collect();
    let mut suppressed = suppressions::companies(tx, &scored).await?;
    if !suppressions::any_domain(tx).await? {
        return Ok(suppressed);
    }
    let mut domains = Vec::new();
    for (company, subject, body) in steps::of_run(tx, run, &["resolve", "search"]).await? {
        let found = Envelope::decode(&subject, &body).map_err(|error| WorkError::Unfit(error.to_string()))?;
        if let Event::LeadDomainResolved(found) = found.event {
            domains.push((company, found.domain));
        }
    }
    let tenant = tx.tenant().clone();
    let keys = services.keyring.tenant(tx, &tenant).await?;
    let held = Held::of(tx, &keys, |suppressed| {
        for (_, domain) in &domains {
            email_policy::is_domain_suppressed(domain, suppressed);
        }
    })
    .await?;
    let is_held = |domain: &str| email_policy::is_domain_suppressed(domain, &|what| held.holds(what));
    suppressed.extend(domains.iter().filter(|(_, domain)| is_held(domain)).map(|(company, _)| *company));
    Ok(suppressed)
}

fn shortlisted(run: &Run, leads: &[TerminalLead], suppressed: &BTreeSet<CompanyId>) -> run::Shortlisted {
    let ranked = leads.iter().filter(|lead| !suppressed.contains(&lead.company)).filter_map(|lead| {
        Some(Ranked {
            company_id: lead.company.get(),
            uen: lead.uen.clone(),
            bucket: bucket(lead)?,
            score: lead.score?,
            confidence: lead.confidence?,
        })
    });
    let top = usize::try_from(run.cap).unwrap_or(0);
    let company_ids = ranking::shortlist(ranked.collect(), top)
        .into_iter()
        .filter_map(|ranked| CompanyId::new(ranked.company_id).ok())
        .collect();
    let mut buckets = BTreeMap::new();
    for bucket in leads.iter().filter_map(|lead| lead.bucket.clone()) {
        *buckets.entry(bucket).or_default() += 1;
    }
    run::Shortlisted { step: Step::done("shortlist", 0, run.attempt, Vec::new()), company_ids, buckets }
}

fn completed(run: &Run, leads: &[TerminalLead], facts: &[(&'static str, Event)]) -> run::Completed {
    let mut outcomes = BTreeMap::new();
    let mut degraded = BTreeMap::new();
    for lead in leads {
        *outcomes.entry(lead.outcome.clone()).or_default() += 1;
        for reason in &lead.degraded {
            *degraded.entry(reason.clone()).or_default() += 1;
        }
    }
    let own = run.degraded.iter().cloned();
    let raised = facts.iter().filter_map(|(_, event)| match event {
        Event::AlertRaised(alert) => alert.degraded.map(|reason| reason.as_str().to_owned()),
        _ => None,
    });
    for reason in own.chain(raised) {
        degraded.entry(reason).or_insert(0);
    }
    let status = if run.status == "cancelled" { "cancelled" } else { "completed" };
    run::Completed {
        step: Step::done("complete", 0, run.attempt, Vec::new()),
        status: status.to_owned(),
        candidates: run.candidates.unwrap_or(0).unsigned_abs(),
        outcomes,
        degraded,
    }
}

/// What is wrong with the run as a whole, each under the name of its step.
fn alerts(run: &Run, leads: &[TerminalLead], limits: &AlertLimits) -> Vec<(&'static str, run::Alert)> {
    [skewed(run, leads, limits), crawl_errors(run, leads, limits)].into_iter().flatten().collect()
}

fn bucket(lead: &TerminalLead) -> Option<Bucket> {
    Bucket::read(lead.bucket.as_deref()?)
}

fn skewed(run: &Run, leads: &[TerminalLead], limits: &AlertLimits) -> Option<(&'static str, run::Alert)> {
    let skewed = distribution::check(leads.iter().filter_map(bucket), limits.distribution)?;
    let share = f64::from(skewed.leads) / f64::from(skewed.total) * 100.0;
    let message = format!(
        "{} of {} scored leads are {}: the thresholds or the ICP tell leads apart too little",
        skewed.leads,
        skewed.total,
        skewed.bucket.as_str()
    );
    Some((
        "alert_distribution",
        alert(run, DegradedReason::DistributionSkewed, share, limits.distribution.share_percent_max, message),
    ))
}

fn crawl_errors(run: &Run, leads: &[TerminalLead], limits: &AlertLimits) -> Option<(&'static str, run::Alert)> {
    let failed = |lead: &&TerminalLead| {
        lead.degraded.iter().any(|reason| {
            reason == DegradedReason::SiteUnreachable.as_str() || reason == DegradedReason::SiteBlockedHttp.as_str()
        })
    };
    let without_domain =
        |lead: &&TerminalLead| lead.degraded.iter().any(|reason| reason == DegradedReason::DomainMissing.as_str());
    let tried = leads.iter().filter(|lead| lead.score.is_some()).filter(|lead| !without_domain(lead)).count();
    let failed = leads.iter().filter(failed).count();
    is_over(failed, tried, limits.crawl_errors_percent_max).then(|| {
        let message =
            format!("{failed} of {tried} sites could not be read: check the network and the crawler's User-Agent");
        let count = |number| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let share = count(failed) / count(tried.max(1)) * 100.0;
        (
            "alert_crawl_errors",
            alert(run, DegradedReason::CrawlErrorsHigh, share, limits.crawl_errors_percent_max, message),
        )
    })
}

/// Whether `part` is more than so many percent of `whole`. Nothing is rounded: 30.1 % is over 30.
fn is_over(part: usize, whole: usize, percent_max: u32) -> bool {
    part.saturating_mul(100) > whole.saturating_mul(usize::try_from(percent_max).unwrap_or(usize::MAX))
}

/// An alert about a run.
pub(crate) fn alert(run: &Run, reason: DegradedReason, value: f64, limit: u32, message: String) -> run::Alert {
    run::Alert {
        step: Step::done("check", 0, run.attempt, vec![reason]),
        alert: reason.as_str().to_owned(),
        value: Some(value),
        limit: Some(f64::from(limit)),
        message,
        degraded: Some(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_over_its_limit_by_however_little() {
        assert!(is_over(17, 55, 30), "30.9 %");
        assert!(is_over(3_001, 10_000, 30), "30.01 %");
        assert!(!is_over(3, 10, 30), "30 %");
        assert!(!is_over(0, 0, 30), "nothing was tried");
    }
}
