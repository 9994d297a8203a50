//! Score and rationale: the lead is terminal, its place goes to the next.

mod likeness;
mod wording;

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use presdr_events::{DegradedReason, Envelope, Event, Step, SubjectId, lead, vendor};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    email_policy::{Standing, VerificationStatus},
    features::{self, EmailFindings, Features, LeadFacts, SiteFindings},
    score::{self, Thresholds, Weights},
    settings::Section,
    similarity::Similarity,
};
use presdr_store::{TenantTx, admissions::Ending, settings};
use tokio_util::sync::CancellationToken;

use crate::{
    Services, company,
    lead::{self as work, Lead, WorkError},
    run::{endings::Endings, finish::Ended},
    way::Way,
};

const STEP: &str = "score";

/// Answers what routes a lead here with `lead.scored`.
pub struct Scorer {
    services: Services,
    endings: Endings,
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
            Event::LeadVendorRead(read) => &read.route,
            Event::LeadExtracted(extracted) => &extracted.route,
            Event::LeadContactsFound(found) => &found.route,
            Event::LeadEmailsVerified(verified) => &verified.route,
            _ => return Ok(()),
        };
        if route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let begun = Instant::now();
        let Some(tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let scored = self.scored(tx, &lead, begun).await?;
        let ending = Ending {
            outcome: "scored",
            score: Some(scored.score),
            confidence: Some(scored.confidence),
            bucket: Some(scored.bucket.clone()),
            degraded: scored.degraded_reasons.iter().map(|reason| reason.as_str().to_owned()).collect(),
        };
        self.endings.end(Ended { lead, step: STEP, ending, event: Event::LeadScored(scored) }).await
    }

    async fn scored(&self, mut tx: TenantTx, lead: &Lead, begun: Instant) -> Result<lead::Scored, WorkError> {
        let way = Way::of(&mut tx, lead).await?;
        let company = company::read(&mut tx, lead.company).await?;
        let pin = self.services.pins.of(&mut tx, lead.run).await?;
        let settings = settings::stored(&mut tx).await?;
        let weights: Weights = settings.section(Weights::NAME)?;
        let thresholds: Thresholds = settings.section(Thresholds::NAME)?;
        let mut facts = facts(company.facts, &way);
        let mut degraded = way.degraded;
        let (features, score, wording) = match self.services.vendors {
            None => {
                let features = features::features(&pin.icp, &facts);
                let score = score::score(&features, &weights, &thresholds);
                let wording = wording::by_rule(&mut tx, &score, &features, &weights).await?;
                tx.commit().await?;
                (features, score, wording)
            }
            Some(_) => {
                tx.commit().await?;
                let (similarity, missing) = likeness::measure(&self.services, lead).await?;
                facts.similarity = similarity;
                degraded.extend(missing);
                let features = features::features(&pin.icp, &facts);
                let score = score::score(&features, &weights, &thresholds);
                let wording = wording::by_model(&self.services, lead, &score, &features, &weights).await?;
                (features, score, wording)
            }
        };
        degraded.extend(&wording.degraded);
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let step = Step::done(STEP, elapsed, lead.attempt, wording.degraded).with("rationale_cache", wording.cache);
        Ok(lead::Scored {
            step: wording.refused.map_or(step.clone(), |refused| step.with("rationale_refused", refused)),
            score: score.value,
            confidence: score.confidence,
            bucket: score.bucket.as_str().to_owned(),
            contributions: score.contributions.iter().copied().map(Into::into).collect(),
            features: stored(&features)?,
            rationale: wording.text,
            rationale_source: wording.source,
            cache_key: wording.cache_key,
            degraded_reasons: degraded.into_iter().collect(),
        })
    }
}

fn stored(features: &Features) -> Result<serde_json::Value, WorkError> {
    serde_json::to_value(features).map_err(|error| WorkError::Unfit(format!("features have no JSON form: {error}")))
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
    let on_site = way.extracted.as_ref().map_or(0, |found| count(found.people.iter().filter(|one| one.wanted).count()));
    let from_vendor = way.contacts.as_ref().filter(|found| was_answered(found));
    let from_vendor = from_vendor.map(|found| count(found.contacts.iter().filter(|one| one.wanted).count()));
    LeadFacts {
        company,
        domain: way.domain,
        site,
        emails: emails(way),
        contacts: features::contact_lookup(on_site, from_vendor),
        similarity: Similarity::NotAsked,
    }
}

/// A vendor that could not be asked has not said that there is nobody.
fn was_answered(found: &vendor::ContactsFound) -> bool {
    !found.contacts.is_empty() || !found.step.degraded_reasons.contains(&DegradedReason::ContactsUnavailable)
}

/// The addresses found, by what a verifier said of them; none when neither site nor vendor could be asked.
fn emails(way: &Way) -> Option<EmailFindings> {
    let on_site = way.extracted.iter().flat_map(|found| found.emails.iter().map(|email| email.address.subject));
    let from_vendor = way.contacts.iter().flat_map(|found| &found.contacts);
    let from_vendor = from_vendor.filter_map(|contact| Some(contact.email.as_ref()?.subject));
    let subjects: BTreeSet<SubjectId> = on_site.chain(from_vendor).collect();
    if way.extracted.is_none() && !way.contacts.as_ref().is_some_and(was_answered) {
        return None;
    }
    let said = |subject: &SubjectId| {
        let checked = way.verified.iter().flat_map(|verified| &verified.emails).find(|email| email.subject == *subject);
        checked.map_or(VerificationStatus::Unknown, |email| VerificationStatus::read(&email.status))
    };
    let mut findings = EmailFindings::default();
    for subject in &subjects {
        let counted = match said(subject) {
            VerificationStatus::Valid => &mut findings.valid,
            VerificationStatus::CatchAll => &mut findings.catch_all,
            VerificationStatus::Unknown => &mut findings.unknown,
            status if status.standing() == Standing::Refused => &mut findings.refused,
            _ => &mut findings.unknown,
        };
        *counted += 1;
    }
    Some(findings)
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
