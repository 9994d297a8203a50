//! Asking the candidates: name servers first, then at most a few home pages, politely.

use std::future::Future;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::candidates::candidates;
use super::judge::{ACCEPT_CONFIDENCE, CompanyIdentity, Evidence, judge};
use super::page::HomePage;
use crate::crawl::{BlockReason, CrawlPolicy, Verdict, Visit, VisitRequest, visit};
use crate::web::{Web, registrable_domain};

/// How far a search goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResolvePolicy {
    /// At most so many names are looked up.
    pub names_max: usize,
    /// At most so many sites are visited, each for its home page alone.
    pub visits_max: usize,
    /// From this confidence on a domain is the company's.
    pub accept_confidence: f64,
    /// From this confidence on no other candidate is asked.
    pub certain_confidence: f64,
    /// How a site is visited; the number of pages is always one.
    pub crawl: CrawlPolicy,
}

impl Default for ResolvePolicy {
    fn default() -> Self {
        Self {
            names_max: 30,
            visits_max: 5,
            accept_confidence: ACCEPT_CONFIDENCE,
            certain_confidence: 0.97,
            crawl: CrawlPolicy::default(),
        }
    }
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "resolution", rename_all = "snake_case")]
pub enum Resolution {
    /// The company's domain.
    Resolved {
        /// The registrable domain.
        domain: String,
        /// From the accept confidence to 1.
        confidence: f64,
        /// What it rests on.
        evidence: Vec<Evidence>,
        /// What else was asked.
        tried: Vec<Tried>,
    },
    /// No domain was found that is surely the company's.
    Missing {
        /// What was asked.
        tried: Vec<Tried>,
    },
}

impl Resolution {
    /// Nothing was found, and some candidate was being visited by another: once that is over there may be an answer.
    pub fn was_kept_waiting(&self) -> bool {
        matches!(self, Self::Missing { tried } if tried.iter().any(|tried| matches!(tried.outcome, WhyNot::Busy)))
    }

    /// Nothing was found, and some candidate could not be asked this time: another try may find more.
    pub fn is_inconclusive(&self) -> bool {
        let is_open =
            |tried: &Tried| matches!(tried.outcome, WhyNot::Busy | WhyNot::LookupFailed | WhyNot::Unreachable);
        matches!(self, Self::Missing { tried } if tried.iter().any(is_open))
    }
}

/// A candidate that was asked and is not the answer. Names without an address are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The candidate.
    pub domain: String,
    /// Why it is not the answer.
    pub outcome: WhyNot,
}

/// Why a candidate is not the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum WhyNot {
    /// Its home page does not convince.
    Unconvincing {
        /// Below the accept confidence, or below that of the answer.
        confidence: f64,
        /// What spoke for and against.
        evidence: Vec<Evidence>,
    },
    /// Its robots.txt keeps us from the home page.
    Robots,
    /// It refuses us or has no page to read.
    Unreadable,
    /// It leads to a domain that was asked already, or further than one step.
    RedirectsOn,
    /// Name servers did not say whether it exists.
    LookupFailed,
    /// It has an address and did not answer in time.
    Unreachable,
    /// Somebody else is visiting it now.
    Busy,
}

/// Whoever sees to it that a domain has one visitor at a time, across all workers.
pub trait Turns: Sync {
    /// The right to be the only visitor, until it is dropped.
    type Turn: Send;

    /// The turn at `domain`; none when somebody else has it.
    fn take(&self, domain: &str) -> impl Future<Output = Option<Self::Turn>> + Send;
}

/// For a process that is the only visitor of the sites it asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Turns for Alone {
    type Turn = ();

    async fn take(&self, _domain: &str) -> Option<()> {
        Some(())
    }
}

/// Looks for the company's domain among those that its name suggests. Every turn is kept until the pause after its last request is over.
pub async fn resolve<T: Turns>(
    web: &Web,
    policy: &ResolvePolicy,
    company: &CompanyIdentity,
    turns: &T,
    cancel: &CancellationToken,
) -> Resolution {
    let candidates: Vec<String> =
        candidates(&company.name, &company.former_names).into_iter().map(|candidate| candidate.domain).collect();
    resolve_among(web, policy, company, &candidates, turns, cancel).await
}

/// The same among domains that somebody else suggests, likeliest first. Their home pages are judged as strictly.
pub async fn resolve_among<T: Turns>(
    web: &Web,
    policy: &ResolvePolicy,
    company: &CompanyIdentity,
    candidates: &[String],
    turns: &T,
    cancel: &CancellationToken,
) -> Resolution {
    let mut search = Search {
        web,
        policy,
        crawl: CrawlPolicy { pages_max: 1, sitemaps_max: 0, ..policy.crawl.clone() },
        company,
        turns,
        cancel,
        held: Vec::new(),
        quiet_until: None,
        visits: 0,
        judged: Vec::new(),
        tried: Vec::new(),
    };
    search.run(candidates).await;
    if let Some(quiet_until) = search.quiet_until {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = sleep_until(quiet_until) => {}
        }
    }
    search.answer()
}

/// A search under way.
struct Search<'a, T: Turns> {
    web: &'a Web,
    policy: &'a ResolvePolicy,
    crawl: CrawlPolicy,
    company: &'a CompanyIdentity,
    turns: &'a T,
    cancel: &'a CancellationToken,
    held: Vec<T::Turn>,
    quiet_until: Option<Instant>,
    visits: usize,
    judged: Vec<Judged>,
    tried: Vec<Tried>,
}

/// A home page that was read: the domain asked, the domain it came from, and what the judge says.
struct Judged {
    domain: String,
    confidence: f64,
    evidence: Vec<Evidence>,
}

impl<T: Turns> Search<'_, T> {
    async fn run(&mut self, candidates: &[String]) {
        for candidate in candidates.iter().take(self.policy.names_max) {
            let certain = self.judged.iter().any(|judged| judged.confidence >= self.policy.certain_confidence);
            if certain || self.visits >= self.policy.visits_max || self.cancel.is_cancelled() {
                return;
            }
            if !self.is_known(candidate) {
                self.ask(candidate).await;
            }
        }
    }

    fn is_known(&self, domain: &str) -> bool {
        self.judged.iter().any(|judged| judged.domain == domain)
            || self.tried.iter().any(|tried| tried.domain == domain)
    }

    async fn ask(&mut self, domain: &str) {
        match self.web.resolves(domain).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => return self.note(domain, WhyNot::LookupFailed),
        }
        let Some(answer) = self.visit(domain, domain).await else { return };
        let Verdict::Blocked { reason: BlockReason::RedirectsAway { to }, .. } = &answer.verdict else {
            return self.weigh(domain, &answer);
        };
        let target = registrable_domain(to);
        if self.is_known(&target) || self.visits >= self.policy.visits_max {
            return self.note(domain, WhyNot::RedirectsOn);
        }
        if let Some(answer) = self.visit(to, domain).await {
            self.weigh(domain, &answer);
        }
    }

    /// Visits the home page of `host` on behalf of candidate `domain`; none when that was not possible now.
    async fn visit(&mut self, host: &str, domain: &str) -> Option<Visit> {
        let Ok(request) = VisitRequest::new(host) else {
            self.note(domain, WhyNot::Unreadable);
            return None;
        };
        let Some(turn) = self.turns.take(&request.domain()).await else {
            self.note(domain, WhyNot::Busy);
            return None;
        };
        self.held.push(turn);
        let answer = visit(self.web, &self.crawl, request, self.cancel).await;
        self.quiet_until = self.quiet_until.max(answer.next_request_not_before);
        if answer.requests > 0 {
            self.visits += 1;
        }
        Some(answer)
    }

    /// Judges the home page that `answer` brought, if it brought one.
    fn weigh(&mut self, domain: &str, answer: &Visit) {
        let findings = answer.pages.iter().find(|page| page.status == 200).and_then(|page| page.findings.as_ref());
        match (&answer.verdict, findings) {
            (_, Some(findings)) => {
                let page = HomePage::from_findings(domain, &answer.domain, findings);
                let judgement = judge(self.company, &page);
                self.judged.push(Judged {
                    domain: answer.domain.clone(),
                    confidence: judgement.confidence,
                    evidence: judgement.evidence,
                });
            }
            (Verdict::Blocked { reason, .. }, None) => {
                if let Some(why) = why_not(reason) {
                    self.note(domain, why);
                }
            }
            (Verdict::Rich { .. } | Verdict::Thin { .. }, None) => self.note(domain, WhyNot::Unreadable),
        }
    }

    fn note(&mut self, domain: &str, outcome: WhyNot) {
        self.tried.push(Tried { domain: domain.to_owned(), outcome });
    }

    fn answer(mut self) -> Resolution {
        // Of equals the earlier one wins: candidates come likeliest first.
        let best = self.judged.iter().enumerate().max_by(|(one_place, one), (other_place, other)| {
            one.confidence.total_cmp(&other.confidence).then(other_place.cmp(one_place))
        });
        let accepted =
            best.filter(|(_, judged)| judged.confidence >= self.policy.accept_confidence).map(|(place, _)| place);
        let accepted = accepted.map(|place| self.judged.remove(place));
        self.tried.extend(self.judged.into_iter().map(|judged| Tried {
            domain: judged.domain,
            outcome: WhyNot::Unconvincing { confidence: judged.confidence, evidence: judged.evidence },
        }));
        match accepted {
            Some(Judged { domain, confidence, evidence }) => {
                Resolution::Resolved { domain, confidence, evidence, tried: self.tried }
            }
            None => Resolution::Missing { tried: self.tried },
        }
    }
}

/// Why a blocked site is not the answer; none when there is no site at all.
fn why_not(reason: &BlockReason) -> Option<WhyNot> {
    match reason {
        BlockReason::NoAddress | BlockReason::Refused { .. } => None,
        BlockReason::Robots { .. } | BlockReason::RobotsUnreachable => Some(WhyNot::Robots),
        BlockReason::Status { .. } | BlockReason::Challenge => Some(WhyNot::Unreadable),
        BlockReason::RedirectsAway { .. } => Some(WhyNot::RedirectsOn),
        BlockReason::TimedOut | BlockReason::Unreachable { .. } | BlockReason::Cancelled => Some(WhyNot::Unreachable),
    }
}
