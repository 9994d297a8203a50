//! Having a site read by a vendor, where it says little to us or does not let us in. What robots.txt keeps from us is not handed over.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use presdr_events::{Digest, Envelope, Event, Step, vendor};
use presdr_nats::{Consumer, Delivery, Outcome};
use presdr_rules::{
    route::{self, Block, Reading, Silence},
    vendor_read::{self, KnownPage, PageState, ROUND_PAGES},
};
use presdr_sites::{PageKind, PageVisit, RobotsState, SkipReason, Visit, Weighed, extract, registrable_domain, weigh};
use presdr_store::texts;
use presdr_vendors::{Purpose, tavily};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    Services,
    asking::{self, Question},
    crawl::{measured, page_of},
    lead::{self as work, Lead, WorkError},
    suppressed,
};

const STEP: &str = "vendor_read";
/// One name per round: a lead asks once under each.
const ROUNDS: [&str; 2] = ["tavily.extract", "tavily.extract.more"];
/// Pages that most sites have, for a site that we could not read: they may be asked for where robots.txt allows everything.
const USUAL: [(&str, PageKind); 4] = [
    ("/contact", PageKind::Contact),
    ("/contact-us", PageKind::Contact),
    ("/about", PageKind::About),
    ("/about-us", PageKind::About),
];

/// Answers `lead.thin` and `lead.blocked` that ask for it with `lead.vendor_read`.
pub struct VendorReader {
    services: Services,
}

/// What a vendor read.
#[derive(Default)]
struct Read {
    pages: Vec<PageVisit>,
    skipped: BTreeMap<String, u32>,
    silent: Option<Silence>,
}

impl VendorReader {
    /// A reader of this process.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services }
    }

    async fn read(&self, envelope: Envelope) -> Result<(), WorkError> {
        let (told, before) = match &envelope.event {
            Event::LeadThin(told) => (told, route::Visit::Thin),
            Event::LeadBlocked(told) => (told, route::Visit::Blocked(Block::Http)),
            _ => return Ok(()),
        };
        if told.route.next != STEP {
            return Ok(());
        }
        let lead = Lead::of(&envelope)?;
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        let gone = || WorkError::Unfit(format!("the visit to company {} in run {} is gone", lead.company, lead.run));
        let place = self.services.pins.place(&mut tx, &lead).await?;
        let stored = texts::visit(&mut tx, place).await?.ok_or_else(gone)?;
        let mut visit: Visit = serde_json::from_value(stored).map_err(|_| gone())?;
        tx.commit().await?;
        let begun = Instant::now();
        let read = self.ask(&lead, &visit, &told.route.because).await?;
        let vendors = asking::vendors(&self.services, &lead).await?;
        let reading = match read.silent {
            _ if !read.pages.is_empty() => Reading::Read,
            Some(silence) => Reading::Silent(silence),
            None => Reading::Nothing,
        };
        let weighed = weigh(findings(&visit, &read.pages), &self.services.config.crawl);
        let decision = route::after_vendor_read(before, reading, vendors);
        let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let step = Step::done(STEP, elapsed, lead.attempt, decision.degraded.clone());
        let event = Event::LeadVendorRead(vendor::VendorRead {
            step: step.with("domain", &visit.domain).with("vendor", "tavily"),
            domain: visit.domain.clone(),
            pages: read.pages.iter().map(page_of).collect(),
            skipped: read.skipped,
            verdict: verdict(&read.pages, &weighed).to_owned(),
            measured: measured(&weighed.measured),
            route: decision.route(),
        });
        let Some(mut tx) = work::begin(&self.services, &lead, STEP).await? else { return Ok(()) };
        if !read.pages.is_empty() {
            visit.pages.extend(read.pages);
            let visit = suppressed::visit_without_erased(&self.services, &mut tx, &lead, visit).await?;
            let stored = serde_json::to_value(&visit)
                .map_err(|error| WorkError::Unfit(format!("a visit has no JSON form: {error}")))?;
            texts::store_visit(&mut tx, place, &visit.domain, &stored).await?;
        }
        work::conclude(&self.services, &lead, STEP, tx, &event).await
    }

    /// Asks round by round until the site has said enough.
    async fn ask(&self, lead: &Lead, visit: &Visit, because: &str) -> Result<Read, WorkError> {
        let known = known(visit);
        let pages: Vec<KnownPage<'_>> =
            known.iter().map(|(url, _, state)| KnownPage { url: url.as_str(), state: *state }).collect();
        let (chosen, skipped) = vendor_read::pages(&pages);
        let mut read = Read { skipped, ..Read::default() };
        for (place, (urls, step)) in chosen.chunks(ROUND_PAGES).zip(ROUNDS).enumerate() {
            let all = weigh(findings(visit, &read.pages), &self.services.config.crawl);
            if place > 0 && all.is_high_signal {
                *read.skipped.entry("enough_said".to_owned()).or_default() +=
                    u32::try_from(urls.len()).unwrap_or(u32::MAX);
                continue;
            }
            let question = Question { lead, step, purpose: Purpose::SiteText, because };
            match asking::ask(&self.services, &question, &tavily::Extract::new(urls.iter().copied())).await? {
                Ok(pages) => read.take(pages, visit, &known),
                Err(silence) => {
                    read.silent = Some(silence);
                    break;
                }
            }
        }
        Ok(read)
    }
}

impl Read {
    fn take(&mut self, answer: tavily::Pages, visit: &Visit, known: &[(Url, PageKind, PageState)]) {
        let mut skip = |reason: &str, count: u32| {
            if count > 0 {
                *self.skipped.entry(reason.to_owned()).or_default() += count;
            }
        };
        skip("failed", answer.failed);
        for page in answer.pages {
            let Ok(url) = Url::parse(&page.url) else { continue };
            if registrable_domain(url.host_str().unwrap_or_default()) != visit.domain {
                skip("redirects_away", 1);
                continue;
            }
            let kind = known.iter().find(|(asked, _, _)| *asked == url).map_or(PageKind::Other, |(_, kind, _)| *kind);
            let read = page_visit(url, kind, &page.text);
            match read.findings.as_ref().is_some_and(|findings| findings.word_count > 0) {
                true => self.pages.push(read),
                false => skip("empty", 1),
            }
        }
    }
}

fn page_visit(url: Url, kind: PageKind, text: &str) -> PageVisit {
    let findings = extract::markdown(text, &url, extract::Region::SINGAPORE);
    PageVisit {
        url,
        kind,
        chosen_because: "our own visit did not bring it".to_owned(),
        status: 200,
        bytes: text.len(),
        truncated: false,
        content_hash: Digest::of(text.as_bytes()).to_string(),
        etag: None,
        last_modified: None,
        not_modified: false,
        charset: None,
        challenge: findings.challenge,
        read_by: Some("tavily".to_owned()),
        findings: Some(findings).filter(|findings| !findings.challenge),
    }
}

/// The pages of the site that we know of, the likeliest first, and how our own visit left each. A home page that was read and says
/// little is asked for again: a vendor runs its scripts.
fn known(visit: &Visit) -> Vec<(Url, PageKind, PageState)> {
    let mut known = vec![(visit.final_url.clone(), PageKind::Home, PageState::Unread)];
    let robots = visit.robots.as_ref();
    if robots.is_some_and(|robots| robots.home_disallowed_by.is_some() || robots.state == RobotsState::Unreachable) {
        known[0].2 = PageState::Disallowed;
    }
    for page in visit.pages.iter().filter(|page| page.kind != PageKind::Home) {
        let state = if page.findings.is_some() { PageState::Read } else { PageState::Unread };
        known.push((page.url.clone(), page.kind, state));
    }
    for skipped in &visit.skipped {
        let state = match &skipped.reason {
            SkipReason::Robots { .. } | SkipReason::RobotsUnreachable => PageState::Disallowed,
            SkipReason::Repeated | SkipReason::RedirectsAway { .. } => continue,
            _ => PageState::Unread,
        };
        known.push((skipped.url.clone(), skipped.kind, state));
    }
    // Which paths a robots.txt allows, the visit found out for the pages it knew; where there is no such file, all are.
    if robots.is_some_and(|robots| robots.state == RobotsState::Missing) {
        for (path, kind) in USUAL {
            known.extend(visit.final_url.join(path).ok().map(|url| (url, kind, PageState::Unread)));
        }
    }
    known.sort_by_key(|(_, kind, _)| *kind);
    known
}

fn findings<'a>(
    visit: &'a Visit,
    read: &'a [PageVisit],
) -> impl Iterator<Item = &'a presdr_sites::extract::PageFindings> {
    visit.pages.iter().chain(read).filter_map(|page| page.findings.as_ref())
}

fn verdict(pages: &[PageVisit], weighed: &Weighed) -> &'static str {
    match weighed {
        _ if pages.is_empty() => "nothing",
        Weighed { is_thin: true, .. } => "thin",
        Weighed { is_high_signal: true, .. } => "high_signal",
        Weighed { .. } => "complete",
    }
}

impl Consumer for VendorReader {
    const NAME: &'static str = STEP;

    async fn handle(&self, envelope: Envelope, _: &CancellationToken) -> Outcome {
        work::outcome_of(self.read(envelope)).await
    }

    async fn park(&self, delivery: Delivery<'_>, reason: &str) -> bool {
        work::park(&self.services, STEP, delivery, reason).await
    }
}

/// The reader as the loop wants it.
pub(crate) fn worker(services: &Services) -> Arc<VendorReader> {
    Arc::new(VendorReader::new(services.clone()))
}
