//! Searching the web for a company's domain, where our own means found none. The judge of home pages decides as strictly as ever.

use std::sync::Arc;

use presdr_events::{Envelope, Event, Step, lead};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    route::{self, Domain, Silence, Vendors},
    search,
};
use presdr_sites::domains::{self, Resolution};
use presdr_vendors::{Purpose, tavily};
use tokio_util::sync::CancellationToken;

use crate::{
    Services,
    asking::{self, Question},
    company::{self, Company},
    crawl::name_of,
    home_pages::FleetVisitor,
    lead::{self as work, Lead, WorkError},
    resolve::{self, Looked, undisturbed},
};

const STEP: &str = "search";
/// One credit buys as many.
const RESULTS_MAX: u8 = 8;

/// Answers `lead.domain_missing` that asks for a search with `lead.domain_resolved`, or `lead.domain_missing` for good.
pub struct Searcher {
    services: Services,
}

/// What the search came to.
enum Sought {
    Found(Resolution),
    /// Nobody answered.
    Silent(Silence),
}

impl Searcher {
    /// A searcher of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn search(&self, envelope: Envelope, stopping: &CancellationToken) -> Result<(), WorkError> {
        let Event::LeadDomainMissing(missing) = &envelope.event else { return Ok(()) };
        if missing.route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let company = company::read(&mut tx, lead.company).await?;
        tx.commit().await?;
        let seek = async || self.seek(&lead, &company, missing).await;
        let Some(Looked { found, begun, lease: _lease }) =
            undisturbed(&self.services, &lead, STEP, stopping, seek).await?
        else {
            return Ok(());
        };
        let vendors = asking::vendors(&self.services, &lead).await?;
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = event_of(found, vendors, elapsed, lead.attempt);
        let Some(tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        work::conclude(&self.services, &lead, STEP, tx, &event).await
    }

    async fn seek(&self, lead: &Lead, company: &Company, missing: &lead::DomainMissing) -> Result<Sought, WorkError> {
        let call = tavily::Search::new(&search::query(&company.facts.name), RESULTS_MAX);
        let because = &missing.route.because;
        let question = Question { lead, step: "tavily.search", purpose: Purpose::Domain, because };
        let found = match asking::ask(&self.services, &question, &call).await? {
            Ok(found) => found,
            Err(silence) => return Ok(Sought::Silent(silence)),
        };
        let mut candidates = search::candidates(found.results.iter().map(|page| page.url.as_str()));
        // What was asked before answers as it did before.
        candidates.retain(|domain| !missing.refused.iter().any(|refused| refused.starts_with(&format!("{domain}:"))));
        let (identity, policy) = (resolve::identity(company), resolve::policy(&self.services));
        let visitor = FleetVisitor { services: &self.services, tenant: &lead.tenant };
        let found = domains::resolve_among(&self.services.web, &policy, &identity, &candidates, &visitor).await;
        resolve::concluded(found).map(Sought::Found)
    }
}

fn event_of(sought: Sought, vendors: Vendors, elapsed_ms: u64, attempt: u32) -> Event {
    let (decision, tried) = match sought {
        Sought::Found(Resolution::Resolved { domain, confidence, evidence, .. }) => {
            let decision = route::after_search(Domain::Resolved, vendors);
            return Event::LeadDomainResolved(lead::DomainResolved {
                step: Step::done(STEP, elapsed_ms, attempt, decision.degraded.clone()),
                domain,
                method: "search".to_owned(),
                confidence,
                evidence: evidence.iter().map(name_of).collect(),
                route: decision.route(),
            });
        }
        Sought::Found(Resolution::Missing { tried }) => (route::after_search(Domain::Missing, vendors), tried),
        Sought::Silent(silence) => (route::after_search_failed(silence, vendors), Vec::new()),
    };
    Event::LeadDomainMissing(lead::DomainMissing {
        step: Step::done(STEP, elapsed_ms, attempt, decision.degraded.clone()),
        tried: u32::try_from(tried.len()).unwrap_or(u32::MAX),
        refused: tried.iter().map(resolve::refused).collect(),
        route: decision.route(),
    })
}

impl Consumer for Searcher {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, stopping: &CancellationToken) -> Outcome {
        work::outcome_of(self.search(envelope, stopping)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The searcher as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<Searcher> {
    Arc::new(Searcher::new(services.clone()))
}
