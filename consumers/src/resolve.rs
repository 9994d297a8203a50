//! Which domain is the company's: what is known, else what its name suggests and its home page confirms.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use presdr_events::{Envelope, Event, Step, lead};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::route::{self, Domain, Vendors};
use presdr_sites::domains::{self, CompanyIdentity, Resolution, ResolvePolicy, Tried, WhyNot};
use presdr_store::leases::Lease;
use tokio_util::sync::CancellationToken;

use crate::{
    Services, asking,
    company::{self, Company},
    crawl::{lease_within, name_of},
    home_pages::FleetVisitor,
    lead::{self as work, Lead, WorkError},
};

const STEP: &str = "resolve";
/// The step before may have told what it came to and not yet let its lease go.
const STEP_BEFORE: Duration = Duration::from_secs(2);

/// Answers `lead.admitted` with `lead.domain_resolved` or `lead.domain_missing`.
pub struct Resolver {
    services: Services,
}

impl Resolver {
    /// A resolver of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn resolve(&self, envelope: Envelope, stopping: &CancellationToken) -> Result<(), WorkError> {
        let Event::LeadAdmitted(_) = &envelope.event else { return Ok(()) };
        let lead = Lead::of(&envelope)?;
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let company = company::read(&mut tx, lead.company).await?;
        if let Some(domain) = &company.facts.domain {
            return work::conclude(&self.services, &lead, STEP, tx, &known(&company, domain, lead.attempt)).await;
        }
        drop(tx);
        let look = async || concluded(self.look_for(&lead, &company).await);
        let Some(Looked { found, begun, lease: _lease }) =
            undisturbed(&self.services, &lead, STEP, stopping, look).await?
        else {
            return Ok(());
        };
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let vendors = asking::vendors(&self.services, &lead).await?;
        let tx = self.services.database.enter(&lead.tenant).await?;
        work::conclude(&self.services, &lead, STEP, tx, &event_of(found, vendors, elapsed, lead.attempt)).await
    }

    async fn look_for(&self, lead: &Lead, company: &Company) -> Resolution {
        let (identity, policy) = (identity(company), policy(&self.services));
        let visitor = FleetVisitor { services: &self.services, tenant: &lead.tenant };
        domains::resolve(&self.services.web, &policy, &identity, &visitor).await
    }
}

/// What a look for a company's domain brought. The lease is held until the step is concluded.
pub(crate) struct Looked<T> {
    pub found: T,
    pub begun: Instant,
    pub lease: Lease,
}

/// One look for a company's domain at a time, across the fleet and all tenants: a repeat that comes while the first is at work finds
/// the lease taken and comes again later, and two tenants do not keep each other from the same candidates. `None` when there is nothing
/// left to do.
pub(crate) async fn undisturbed<T>(
    services: &Services,
    lead: &Lead,
    step: &'static str,
    stopping: &CancellationToken,
    look: impl AsyncFnOnce() -> Result<T, WorkError>,
) -> Result<Option<Looked<T>>, WorkError> {
    let name = format!("search/{}", lead.company);
    let Some(lease) = lease_within(services, &name, STEP_BEFORE, stopping).await? else {
        return Err(WorkError::Busy("another worker looks for this company's domain".to_owned()));
    };
    // Under the lease: a repeat that took it after the first was done has nothing left to do.
    if work::begin(services, lead, step).await?.is_none() {
        return Ok(None);
    }
    let begun = Instant::now();
    let found = tokio::select! {
        biased;
        () = stopping.cancelled() => return Err(WorkError::Busy("the worker stops".to_owned())),
        () = lease.lost().cancelled() => return Err(WorkError::Busy("the lease on the step was lost".to_owned())),
        found = look() => found?,
    };
    Ok(Some(Looked { found, begun, lease }))
}

/// A look that is told to stop would say that there is no domain: it is dropped instead.
pub(crate) fn never_cancelled() -> CancellationToken {
    CancellationToken::new()
}

/// What was found, unless a candidate was being visited by another.
pub(crate) fn concluded(found: Resolution) -> Result<Resolution, WorkError> {
    match found.was_kept_waiting() {
        true => Err(WorkError::Busy("a domain that may be this company's is being visited".to_owned())),
        false => Ok(found),
    }
}

/// Whose home page is looked for.
pub(crate) fn identity(company: &Company) -> CompanyIdentity {
    CompanyIdentity { name: company.facts.name.clone(), uen: company.facts.uen.clone(), former_names: Vec::new() }
}

/// How it is looked for here.
pub(crate) fn policy(services: &Services) -> ResolvePolicy {
    ResolvePolicy { crawl: services.config.crawl.clone(), ..ResolvePolicy::default() }
}

fn known(company: &Company, domain: &str, attempt: u32) -> Event {
    let decision = route::after_domain(Domain::Resolved, Vendors::default());
    let (method, evidence) = match company.domain_is_tenants {
        true => ("tenant", "the tenant's own list names it"),
        false => ("registry", "the registry's data name it"),
    };
    Event::LeadDomainResolved(lead::DomainResolved {
        step: Step::done(STEP, 0, attempt, decision.degraded.clone()),
        domain: domain.to_lowercase(),
        method: method.to_owned(),
        confidence: 1.0,
        evidence: vec![evidence.to_owned()],
        route: decision.route(),
    })
}

fn event_of(found: Resolution, vendors: Vendors, elapsed_ms: u64, attempt: u32) -> Event {
    match found {
        Resolution::Resolved { domain, confidence, evidence, .. } => {
            let decision = route::after_domain(Domain::Resolved, Vendors::default());
            Event::LeadDomainResolved(lead::DomainResolved {
                step: Step::done(STEP, elapsed_ms, attempt, decision.degraded.clone()),
                domain,
                method: "guessed".to_owned(),
                confidence,
                evidence: evidence.iter().map(name_of).collect(),
                route: decision.route(),
            })
        }
        Resolution::Missing { tried, .. } => {
            let decision = route::after_domain(Domain::Missing, vendors);
            Event::LeadDomainMissing(lead::DomainMissing {
                step: Step::done(STEP, elapsed_ms, attempt, decision.degraded.clone()),
                tried: u32::try_from(tried.len()).unwrap_or(u32::MAX),
                refused: tried.iter().map(refused).collect(),
                route: decision.route(),
            })
        }
    }
}

/// A candidate that is not the answer, and why, in words.
pub(crate) fn refused(tried: &Tried) -> String {
    format!("{}: {}", tried.domain, why_not(&tried.outcome))
}

/// Why a candidate is not the answer, in words.
fn why_not(outcome: &WhyNot) -> String {
    match outcome {
        WhyNot::Unconvincing { confidence, evidence } => {
            let evidence: Vec<String> = evidence.iter().map(name_of).collect();
            format!("confidence {confidence:.2} ({})", evidence.join(", "))
        }
        WhyNot::Robots => "robots.txt disallows it".to_owned(),
        WhyNot::Unreadable => "no page to read".to_owned(),
        WhyNot::RedirectsOn => "leads elsewhere".to_owned(),
        WhyNot::LookupFailed => "name servers did not say".to_owned(),
        WhyNot::Unreachable => "did not answer".to_owned(),
        WhyNot::Busy => "was being visited".to_owned(),
    }
}

impl Consumer for Resolver {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, stopping: &CancellationToken) -> Outcome {
        work::outcome_of(self.resolve(envelope, stopping)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The resolver as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<Resolver> {
    Arc::new(Resolver::new(services.clone()))
}
