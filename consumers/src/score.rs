//! Score and rationale: the lead is terminal, its place goes to the next.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use presdr_events::{DegradedReason, Envelope, Event, Step, lead};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    features::{self, DomainFinding, EmailFindings, Features, LeadFacts, SiteFindings},
    rationale,
    score::{self, Score, Thresholds, Weights},
    similarity::Similarity,
};
use presdr_store::{TenantTx, admissions::Ending, settings, steps, texts};
use tokio_util::sync::CancellationToken;

use crate::{
    Services, company,
    lead::{self as work, Lead, WorkError},
    run::{endings::Endings, finish::Ended},
};

const STEP: &str = "score";

/// Answers what routes a lead here with `lead.scored`.
pub struct Scorer {
    services: Services,
    endings: Endings,
}

/// A lead's way so far, as its steps tell it.
#[derive(Default)]
struct Way {
    domain: DomainFinding,
    visit: Option<lead::Visit>,
    extracted: Option<lead::Extracted>,
    degraded: BTreeSet<DegradedReason>,
}

impl Scorer {
    /// A scorer of this process. Needs a Tokio runtime: leads are ended by a task of its own.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { endings: Endings::new(services.clone()), services }
    }

    async fn score(&self, envelope: Envelope) -> Result<(), WorkError> {
        let route = match &envelope.event {
            Event::LeadDomainMissing(missing) => &missing.route,
            Event::LeadBlocked(visit) => &visit.route,
            Event::LeadExtracted(extracted) => &extracted.route,
            _ => return Ok(()),
        };
        if route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let begun = Instant::now();
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let scored = self.scored(&mut tx, &lead, begun).await?;
        tx.commit().await?;
        let ending = Ending {
            outcome: "scored",
            score: Some(scored.score),
            confidence: Some(scored.confidence),
            bucket: Some(scored.bucket.clone()),
            degraded: scored.degraded_reasons.iter().map(|reason| reason.as_str().to_owned()).collect(),
        };
        self.endings.end(Ended { lead, step: STEP, ending, event: Event::LeadScored(scored) }).await
    }

    async fn scored(&self, tx: &mut TenantTx, lead: &Lead, begun: Instant) -> Result<lead::Scored, WorkError> {
        let way = way(tx, lead).await?;
        let company = company::read(tx, lead.company).await?;
        let icp = self.services.icps.of(tx, lead.run).await?;
        let settings = settings::all(tx).await?;
        let weights: Weights = settings.section("weights")?;
        let thresholds: Thresholds = settings.section("thresholds")?;
        let facts = facts(company.facts, &way);
        let features = features::features(&icp, &facts);
        let score = score::score(&features, &weights, &thresholds);
        let cache_key = rationale::cache_key(&features, &weights, score.bucket);
        let (text, cache) = rationale(tx, &score, &cache_key).await?;
        let degraded: Vec<DegradedReason> = way.degraded.into_iter().collect();
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(lead::Scored {
            step: Step::done(STEP, elapsed, lead.attempt, Vec::new()).with("rationale_cache", cache),
            score: score.value,
            confidence: score.confidence,
            bucket: score.bucket.as_str().to_owned(),
            contributions: score.contributions.iter().copied().map(Into::into).collect(),
            features: stored(&features)?,
            rationale: text,
            rationale_source: lead::RationaleSource::Deterministic,
            cache_key,
            degraded_reasons: degraded,
        })
    }
}

fn stored(features: &Features) -> Result<serde_json::Value, WorkError> {
    serde_json::to_value(features).map_err(|error| WorkError::Unfit(format!("features have no JSON form: {error}")))
}

/// The rationale: from the cache, or made and cached.
async fn rationale(tx: &mut TenantTx, score: &Score, key: &str) -> Result<(String, &'static str), WorkError> {
    if let Some(cached) = texts::cached_rationale(tx, key).await? {
        return Ok((cached, "hit"));
    }
    let text = rationale::rationale(score);
    texts::cache_rationale(tx, key, &text).await?;
    Ok((text, "miss"))
}

/// Reads the lead's steps back.
async fn way(tx: &mut TenantTx, lead: &Lead) -> Result<Way, WorkError> {
    let mut way = Way::default();
    for (step, subject, body) in steps::lead(tx, lead.run, lead.company, lead.attempt).await? {
        let envelope = Envelope::decode(&subject, &body)
            .map_err(|error| WorkError::Unfit(format!("stored step {step}: {error}")))?;
        if envelope.event.attempt() != lead.attempt {
            continue;
        }
        way.degraded.extend(&envelope.event.step().degraded_reasons);
        match envelope.event {
            Event::LeadDomainResolved(resolved) => {
                way.domain = DomainFinding::Resolved { confidence: resolved.confidence }
            }
            Event::LeadDomainMissing(_) => way.domain = DomainFinding::NotFound,
            Event::LeadCrawled(visit) | Event::LeadThin(visit) => way.visit = Some(visit),
            Event::LeadExtracted(extracted) => way.extracted = Some(extracted),
            _ => {}
        }
    }
    Ok(way)
}

fn facts(company: presdr_rules::icp::CompanyFacts, way: &Way) -> LeadFacts {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let pages =
        way.visit.as_ref().map_or(0, |visit| count(visit.pages.iter().filter(|page| page.status < 400).count()));
    let site = way.extracted.as_ref().map(|found| SiteFindings {
        pages,
        text_characters: found.text_characters,
        keywords_found: count(found.keywords.len()),
        technologies: count(found.technologies.len()),
        social_profiles: count(found.social_networks.len()),
        careers_pages: u32::from(found.careers),
        open_jobs: found.jobs_count,
    });
    let emails = way
        .extracted
        .as_ref()
        .map(|found| EmailFindings { unknown: count(found.emails.len()), ..EmailFindings::default() });
    let wanted =
        way.extracted.as_ref().map_or(0, |found| count(found.people.iter().filter(|person| person.wanted).count()));
    LeadFacts {
        company,
        domain: way.domain,
        site,
        emails,
        contacts: features::contact_lookup(wanted, None),
        similarity: Similarity::NotAsked,
    }
}

impl Consumer for Scorer {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        work::outcome_of(self.score(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The scorer as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<Scorer> {
    Arc::new(Scorer::new(services.clone()))
}
