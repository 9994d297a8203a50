//! Reading a company's site: one visitor per registrable domain across the fleet.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc, time::Duration};

use presdr_events::{DegradedReason, Envelope, Event, RunId, Step, lead};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::route::{self, Block, Vendors};
use presdr_sites::{
    BlockReason, CrawlPolicy, KnownPage, Measured, PageKind, SkipReason, Verdict, Visit, VisitRequest,
    registrable_domain,
};
use presdr_store::{TenantTx, leases, leases::Lease, runs, texts};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Services, asking,
    lead::{self as work, Lead, WorkError},
    suppressed,
};

const STEP: &str = "crawl";
/// How long a visit waits for another visitor of the same domain before the delivery is put back.
const DOMAIN_WAIT: Duration = Duration::from_secs(60);

/// Answers `lead.domain_resolved` with `lead.crawled`, `lead.thin` or `lead.blocked`.
pub struct Crawler {
    services: Services,
}

impl Crawler {
    /// A crawler of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn crawl(&self, envelope: Envelope, stopping: &CancellationToken) -> Result<(), WorkError> {
        let Event::LeadDomainResolved(resolved) = &envelope.event else { return Ok(()) };
        let lead = Lead::of(&envelope)?;
        let domain = registrable_domain(&resolved.domain);
        // The lease comes before the look at what is done: a repeat waits here until the first is done, and then asks for nothing.
        let lease = domain_lease(&self.services, &domain, stopping).await?;
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let mut request = VisitRequest::new(&domain).map_err(|error| WorkError::Unfit(error.to_string()))?;
        request.known = known_pages(&mut tx, &lead, &domain).await?;
        let asked = asked_pages(&mut tx, lead.run).await?;
        drop(tx);
        let mut policy = self.services.config.crawl.clone();
        if !asked.is_empty() {
            // What was asked for has room beside the home page.
            policy.pages_max = policy.pages_max.max(asked.len() + 1);
        }
        // Whether a company hires is worth a page even when the rest has said enough.
        request.extra = asked.into_iter().chain([PageKind::Careers]).collect();
        let visit = visit_under(&self.services, &policy, request, &lease, stopping).await?;
        let vendors = asking::vendors(&self.services, &lead).await?;
        let mut tx = self.services.database.enter(&lead.tenant).await?;
        let visit = suppressed::visit_without_erased(&self.services, &mut tx, &lead, visit).await?;
        let stored = serde_json::to_value(&visit)
            .map_err(|error| WorkError::Unfit(format!("a visit has no JSON form: {error}")))?;
        let place = self.services.pins.place(&mut tx, &lead).await?;
        texts::store_visit(&mut tx, place, &visit.domain, &stored).await?;
        work::conclude(&self.services, &lead, STEP, tx, &event_of(&visit, vendors, lead.attempt)).await
    }
}

/// The kinds of pages that whoever started the run wants read.
async fn asked_pages(tx: &mut TenantTx, run: RunId) -> Result<Vec<PageKind>, WorkError> {
    let asked = runs::include(tx, run).await?;
    Ok(asked.into_iter().filter_map(|kind| serde_json::from_value(kind.into()).ok()).collect())
}

/// Makes a visit under the lease on its domain, spaced from whoever asked before; whoever asks next is told how long to wait.
pub(crate) async fn visit_under(
    services: &Services,
    policy: &CrawlPolicy,
    mut request: VisitRequest,
    lease: &Lease,
    stopping: &CancellationToken,
) -> Result<Visit, WorkError> {
    let domain = request.domain();
    let wait = leases::note_visit(&services.database, &domain, policy.min_interval).await?;
    request.not_before = Some(Instant::now() + wait).filter(|_| !wait.is_zero());
    let cancel = CancellationToken::new();
    // Boxed, since futures that hold one another grow deeper than the compiler follows.
    let visit = Box::pin(presdr_sites::visit(&services.web, policy, request, &cancel));
    let visit = tokio::select! {
        visit = visit => visit,
        () = stopping.cancelled() => return Err(WorkError::Busy("the worker stops; the visit is left to another".to_owned())),
        () = lease.lost().cancelled() => return Err(WorkError::Busy("the lease on the domain was lost".to_owned())),
    };
    let quiet =
        visit.next_request_not_before.map_or(Duration::ZERO, |free| free.saturating_duration_since(Instant::now()));
    leases::note_visit(&services.database, &domain, quiet).await?;
    Ok(visit)
}

/// What the tenant kept of the last visit, for conditional requests.
async fn known_pages(tx: &mut TenantTx, lead: &Lead, domain: &str) -> Result<HashMap<String, KnownPage>, WorkError> {
    let Some((_, stored)) = texts::last_visit(tx, lead.company, domain).await? else {
        return Ok(HashMap::new());
    };
    let Ok(visit) = serde_json::from_value::<Visit>(stored) else {
        // A visit stored by an older version is not worth failing for: its pages are read anew.
        return Ok(HashMap::new());
    };
    let known = |page: presdr_sites::PageVisit| {
        let known = KnownPage {
            etag: page.etag,
            last_modified: page.last_modified,
            content_hash: page.content_hash,
            findings: page.findings,
        };
        (page.url.to_string(), known)
    };
    // What a vendor read, the site has sent nobody: there is nothing to ask it about.
    Ok(visit.pages.into_iter().filter(|page| page.read_by.is_none()).map(known).collect())
}

/// Waits for the domain's lease.
pub(crate) async fn domain_lease(
    services: &Services,
    domain: &str,
    stopping: &CancellationToken,
) -> Result<Lease, WorkError> {
    let lease = lease_within(services, &format!("domain/{domain}"), DOMAIN_WAIT, stopping).await?;
    lease.ok_or_else(|| WorkError::Busy(format!("{domain} is being visited")))
}

/// Waits for a lease, for so long.
pub(crate) async fn lease_within(
    services: &Services,
    name: &str,
    patience: Duration,
    stopping: &CancellationToken,
) -> Result<Option<Lease>, WorkError> {
    let until = Instant::now() + patience;
    let mut wait = Duration::from_millis(20);
    loop {
        if let Some(lease) = services.leases.try_take(name).await? {
            return Ok(Some(lease));
        }
        if Instant::now() > until {
            return Ok(None);
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_secs(1)),
            () = stopping.cancelled() => return Err(WorkError::Busy("the worker stops".to_owned())),
        }
    }
}

fn event_of(visit: &Visit, vendors: Vendors, attempt: u32) -> Event {
    let (found, verdict) = match &visit.verdict {
        Verdict::Rich { .. } => (route::Visit::Rich, if visit.stopped_early { "high_signal" } else { "complete" }),
        Verdict::Thin { .. } => (route::Visit::Thin, "thin"),
        Verdict::Blocked { reason, .. } => {
            let (block, verdict) = block_of(reason);
            (route::Visit::Blocked(block), verdict)
        }
    };
    let decision = route::after_visit(found, vendors);
    let report = lead::Visit {
        step: step_of(visit, attempt, decision.degraded.clone()),
        domain: visit.domain.clone(),
        pages: visit.pages.iter().map(page_of).collect(),
        skipped: skipped(visit),
        robots: visit
            .robots
            .as_ref()
            .map_or_else(|| "not reached".to_owned(), |robots| format!("{:?}", robots.state).to_lowercase()),
        verdict: verdict.to_owned(),
        measured: measured(visit.verdict.measured()),
        route: decision.route(),
    };
    match found {
        route::Visit::Rich => Event::LeadCrawled(report),
        route::Visit::Thin => Event::LeadThin(report),
        route::Visit::Blocked(_) => Event::LeadBlocked(report),
    }
}

fn block_of(reason: &BlockReason) -> (Block, &'static str) {
    match reason {
        BlockReason::Robots { .. } => (Block::Robots, "robots"),
        BlockReason::RobotsUnreachable => (Block::Robots, "robots_unreachable"),
        BlockReason::Status { .. } => (Block::Http, "http_status"),
        BlockReason::Challenge => (Block::Challenge, "challenge"),
        BlockReason::TimedOut => (Block::Unreachable, "timed_out"),
        BlockReason::NoAddress => (Block::Elsewhere, "no_address"),
        BlockReason::Unreachable { .. } => (Block::Unreachable, "unreachable"),
        BlockReason::RedirectsAway { .. } => (Block::Elsewhere, "redirects_away"),
        BlockReason::Refused { .. } => (Block::Elsewhere, "refused_address"),
        BlockReason::Cancelled => (Block::Unreachable, "cancelled"),
    }
}

fn step_of(visit: &Visit, attempt: u32, degraded: Vec<DegradedReason>) -> Step {
    Step::done(STEP, visit.duration_ms, attempt, degraded)
        .with("domain", &visit.domain)
        .with("requests", visit.requests)
}

/// A page as events tell of it.
pub(crate) fn page_of(page: &presdr_sites::PageVisit) -> lead::Page {
    lead::Page {
        kind: name_of(&page.kind),
        status: page.status,
        bytes: u64::try_from(page.bytes).unwrap_or(u64::MAX),
        content_hash: page.content_hash.clone(),
        not_modified: page.not_modified,
        because: page.chosen_because.clone(),
    }
}

/// An enum's stored name.
pub(crate) fn name_of<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "other".to_owned(),
    }
}

fn skipped(visit: &Visit) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for page in &visit.skipped {
        let reason = match &page.reason {
            SkipReason::Robots { .. } => "robots",
            SkipReason::RobotsUnreachable => "robots_unreachable",
            SkipReason::PageLimit => "page_limit",
            SkipReason::EnoughSaid => "enough_said",
            SkipReason::OutOfTime => "out_of_time",
            SkipReason::Refusals => "refusals",
            SkipReason::Cancelled => "cancelled",
            SkipReason::Repeated => "repeated",
            SkipReason::RedirectsAway { .. } => "redirects_away",
            SkipReason::Failed { .. } => "failed",
        };
        *counts.entry(reason.to_owned()).or_default() += 1;
    }
    counts
}

/// Measured values by their stored names.
pub(crate) fn measured(measured: &Measured) -> BTreeMap<String, f64> {
    let values = [
        ("pages", measured.pages),
        ("words", measured.words),
        ("emails", measured.emails),
        ("phones", measured.phones),
        ("refusals", measured.refusals),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), f64::from(value))).collect()
}

impl Consumer for Crawler {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, stopping: &CancellationToken) -> Outcome {
        work::outcome_of(self.crawl(envelope, stopping)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The crawler as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<Crawler> {
    Arc::new(Crawler::new(services.clone()))
}
