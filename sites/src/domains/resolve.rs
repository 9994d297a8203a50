//! Asking the candidates: name servers first, then at most a few home pages, politely.

use std::{collections::HashSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::candidates::candidates;
use super::judge::{ACCEPT_CONFIDENCE, CompanyIdentity, Evidence, judge};
use super::page::HomePage;
use super::visitor::{IfTaken, Visitor};
use crate::crawl::{BlockReason, CrawlPolicy, Verdict, Visit, VisitRequest};
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
    /// Nothing was found, and some candidate was being visited by another for longer than is waited: later there may be an answer.
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

/// Looks for the company's domain among those that its name suggests.
pub async fn resolve<V: Visitor>(
    web: &Web,
    policy: &ResolvePolicy,
    company: &CompanyIdentity,
    visitor: &V,
) -> Resolution {
    let candidates: Vec<String> =
        candidates(&company.name, &company.former_names).into_iter().map(|candidate| candidate.domain).collect();
    resolve_among(web, policy, company, &candidates, visitor).await
}

/// The same among domains that somebody else suggests, likeliest first. Their home pages are judged as strictly.
pub async fn resolve_among<V: Visitor>(
    web: &Web,
    policy: &ResolvePolicy,
    company: &CompanyIdentity,
    candidates: &[String],
    visitor: &V,
) -> Resolution {
    let mut search = Search {
        web,
        policy,
        crawl: CrawlPolicy { pages_max: 1, sitemaps_max: 0, ..policy.crawl.clone() },
        company,
        visitor,
        visited: HashSet::new(),
        taken: Vec::new(),
        judged: Vec::new(),
        tried: Vec::new(),
    };
    search.run(candidates).await;
    search.answer()
}

/// A search under way.
struct Search<'a, V: Visitor> {
    web: &'a Web,
    policy: &'a ResolvePolicy,
    crawl: CrawlPolicy,
    company: &'a CompanyIdentity,
    visitor: &'a V,
    /// Hosts that answered, whoever asked them.
    visited: HashSet<String>,
    /// Candidates that somebody else was visiting, with their places.
    taken: Vec<(usize, String)>,
    judged: Vec<Judged>,
    tried: Vec<Tried>,
}

/// What came of asking a candidate.
enum Asked {
    Answer(Arc<Visit>),
    Not(WhyNot),
    NoAddress,
    Taken,
}

/// A home page that was read: the candidate's place, the domain the page came from, and what the judge says.
struct Judged {
    place: usize,
    domain: String,
    confidence: f64,
    evidence: Vec<Evidence>,
}

impl<V: Visitor> Search<'_, V> {
    /// Asks in order. A candidate that somebody else is visiting is left until there is no other to ask, and then waited for: a less likely
    /// one must not be taken for the answer because the likelier one was not asked.
    async fn run(&mut self, candidates: &[String]) {
        for (place, candidate) in candidates.iter().take(self.policy.names_max).enumerate() {
            if self.is_certain() || self.visited.len() + self.taken.len() >= self.policy.visits_max {
                break;
            }
            if !self.is_known(candidate) && !self.ask(place, candidate, IfTaken::Leave).await {
                self.taken.push((place, candidate.clone()));
            }
        }
        for (place, candidate) in std::mem::take(&mut self.taken) {
            if !self.is_certain() && !self.ask(place, &candidate, IfTaken::Wait).await {
                self.note(&candidate, WhyNot::Busy);
            }
        }
    }

    fn is_certain(&self) -> bool {
        self.judged.iter().any(|judged| judged.confidence >= self.policy.certain_confidence)
    }

    fn is_known(&self, domain: &str) -> bool {
        self.judged.iter().any(|judged| judged.domain == domain)
            || self.tried.iter().any(|tried| tried.domain == domain)
    }

    /// Asks a candidate; `false` when somebody else is visiting it.
    async fn ask(&mut self, place: usize, domain: &str, if_taken: IfTaken) -> bool {
        match self.answer_of(domain, if_taken).await {
            Asked::Answer(answer) => self.weigh(place, domain, &answer),
            Asked::Not(why) => self.note(domain, why),
            Asked::NoAddress => {}
            Asked::Taken => return false,
        }
        true
    }

    /// Visits the candidate, and where its home page leads elsewhere, that.
    async fn answer_of(&mut self, domain: &str, if_taken: IfTaken) -> Asked {
        match self.web.resolves(domain).await {
            Ok(true) => {}
            Ok(false) => return Asked::NoAddress,
            Err(_) => return Asked::Not(WhyNot::LookupFailed),
        }
        let first = self.visit(domain, if_taken).await;
        let Asked::Answer(answer) = &first else { return first };
        let Verdict::Blocked { reason: BlockReason::RedirectsAway { to }, .. } = &answer.verdict else { return first };
        if self.is_known(&registrable_domain(to)) || self.visited.len() >= self.policy.visits_max {
            return Asked::Not(WhyNot::RedirectsOn);
        }
        self.visit(to, if_taken).await
    }

    async fn visit(&mut self, host: &str, if_taken: IfTaken) -> Asked {
        let Ok(request) = VisitRequest::new(host) else { return Asked::Not(WhyNot::Unreadable) };
        let Some(answer) = self.visitor.home_page(&self.crawl, request, if_taken).await else { return Asked::Taken };
        if answer.requests > 0 {
            self.visited.insert(host.to_owned());
        }
        Asked::Answer(answer)
    }

    /// Judges the home page that `answer` brought, if it brought one.
    fn weigh(&mut self, place: usize, domain: &str, answer: &Visit) {
        let findings = answer.pages.iter().find(|page| page.status == 200).and_then(|page| page.findings.as_ref());
        match (&answer.verdict, findings) {
            (_, Some(findings)) => {
                let page = HomePage::from_findings(domain, &answer.domain, findings);
                let judgement = judge(self.company, &page);
                self.judged.push(Judged {
                    place,
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
        self.judged.sort_by(|one, other| other.confidence.total_cmp(&one.confidence).then(one.place.cmp(&other.place)));
        let accepts = |judged: &Judged| judged.confidence >= self.policy.accept_confidence;
        let accepted = self.judged.first().is_some_and(accepts).then(|| self.judged.remove(0));
        self.tried.extend(self.judged.into_iter().map(|judged| Tried {
            domain: judged.domain,
            outcome: WhyNot::Unconvincing { confidence: judged.confidence, evidence: judged.evidence },
        }));
        match accepted {
            Some(Judged { domain, confidence, evidence, .. }) => {
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
