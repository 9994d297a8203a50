//! A lead's next step: what each finding leads to, why, and what was degraded on the way.
//!
//! A vendor is asked only where our own findings leave a gap. Every vendor may be off; then the lead goes on without it
//! and a degraded reason says so. What robots.txt disallows is neither fetched by us nor handed to a vendor to fetch.
//!
//! | After | finding | next (first that is available) |
//! |---|---|---|
//! | domain | resolved | crawl |
//! | | missing | search the web, look up contacts, score |
//! | search | resolved | crawl |
//! | | missing, or the search could not be made | look up contacts, score |
//! | crawl | read | extract |
//! | | thin | have it read by a vendor, extract |
//! | | blocked by robots.txt | look up contacts, score |
//! | | there is no site of its own | look up contacts, score |
//! | | blocked otherwise, unreachable | have it read by a vendor, look up contacts, score |
//! | reading by a vendor | read, or our own visit read something | extract |
//! | | nothing | look up contacts, score |
//! | extraction | addresses | verify, score |
//! | | people, no address | score |
//! | | neither | look up contacts, score |
//! | contacts | addresses | verify, score |
//! | | none, or they could not be looked up | score |
//! | verification | any | score |
//!
//! So contacts are bought only where the site or contacts are missing.

use presdr_events::{DegradedReason, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a vendor can be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// It can.
    On,
    /// It is not configured, or the tenant switched it off.
    #[default]
    Off,
    /// The tenant's cap or the vendor's quota is used up.
    Exhausted,
}

/// Why a vendor that was to be asked gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The tenant switched it off meanwhile, or it is not configured.
    Off,
    /// A cap of the tenant has no room.
    Cap,
    /// The vendor's quota or credits are gone.
    Quota,
    /// It refused the key, its breaker is open, or it failed.
    Fault,
}

impl Silence {
    /// What it leaves degraded, beside what is missing.
    #[must_use]
    pub fn degraded(self) -> Option<DegradedReason> {
        match self {
            Self::Off => None,
            Self::Cap => Some(DegradedReason::VendorCapReached),
            Self::Quota => Some(DegradedReason::VendorQuotaExhausted),
            Self::Fault => Some(DegradedReason::VendorUnavailable),
        }
    }
}

/// What can be asked beyond our own means. The default is nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Vendors {
    /// Finds sites, and reads those that we cannot.
    pub search: Availability,
    /// Knows people and their addresses.
    pub contacts: Availability,
    /// Verifies addresses.
    pub verification: Availability,
}

/// A step of a lead's way. The names are stored in events: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Look for the company's site on the web.
    Search,
    /// Visit its site.
    Crawl,
    /// Have its site read by a vendor.
    VendorRead,
    /// Make features of what was read.
    Extract,
    /// Ask a vendor for people.
    Contacts,
    /// Verify its addresses.
    Verify,
    /// Score it.
    Score,
}

impl Next {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Crawl => "crawl",
            Self::VendorRead => "vendor_read",
            Self::Extract => "extract",
            Self::Contacts => "contacts",
            Self::Verify => "verify",
            Self::Score => "score",
        }
    }
}

/// Where a lead goes next, and what was missing at this step. The caller adds the reasons to those of earlier steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The next step.
    pub next: Next,
    /// The rule that chose it, in words.
    pub because: &'static str,
    /// What this step leaves degraded, each reason once.
    pub degraded: Vec<DegradedReason>,
}

impl Decision {
    fn to(next: Next, because: &'static str) -> Self {
        Self { next, because, degraded: Vec::new() }
    }

    /// The same, with more that is left degraded, told before its own reasons.
    fn leaving(mut self, reasons: impl IntoIterator<Item = DegradedReason>) -> Self {
        self.degraded.splice(0..0, reasons);
        self
    }

    /// The decision as events carry it.
    #[must_use]
    pub fn route(&self) -> Route {
        Route { next: self.next.as_str().to_owned(), because: self.because.to_owned() }
    }
}

/// Whether a domain could be attributed to the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// With enough confidence.
    Resolved,
    /// Not by our own means.
    Missing,
}

/// What a visit to a site came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Enough was read.
    Rich,
    /// Little was read.
    Thin,
    /// Nothing was read, for this reason.
    Blocked(Block),
}

/// Why nothing of a site was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// robots.txt disallows it.
    Robots,
    /// The site refused.
    Http,
    /// The site asks for proof of a human.
    Challenge,
    /// The site did not answer.
    Unreachable,
    /// There is no site of its own at that address: it has none, leads to somebody else's, or is one that nobody is sent to.
    Elsewhere,
}

/// How much of the site an extraction could work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// Enough.
    Rich,
    /// Little.
    Thin,
}

/// Who can be written to, after the tenant's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reachable {
    /// Business addresses kept.
    pub addresses: u32,
    /// People known by other means.
    pub people: u32,
}

/// Whether addresses were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// The verifier answered for all of them.
    Answered,
    /// It answered for some of them.
    Partly(Silence),
    /// It could not be asked.
    Unavailable(Silence),
}

/// After the company's domain was looked for by our own means.
pub fn after_domain(domain: Domain, vendors: Vendors) -> Decision {
    match (domain, vendors.search) {
        (Domain::Resolved, _) => Decision::to(Next::Crawl, "the domain is known"),
        (Domain::Missing, Availability::On) => Decision::to(Next::Search, "no domain was found by our own means"),
        (Domain::Missing, Availability::Off | Availability::Exhausted) => {
            without_site(vendors).leaving([DegradedReason::DomainMissing, DegradedReason::SearchUnavailable])
        }
    }
}

/// After the company's domain was looked for on the web.
pub fn after_search(domain: Domain, vendors: Vendors) -> Decision {
    match domain {
        Domain::Resolved => Decision::to(Next::Crawl, "the search found the domain"),
        Domain::Missing => without_site(vendors).leaving([DegradedReason::DomainMissing]),
    }
}

/// After the web was to be searched and could not be.
pub fn after_search_failed(silence: Silence, vendors: Vendors) -> Decision {
    let reasons = [DegradedReason::DomainMissing, DegradedReason::SearchUnavailable];
    without_site(vendors).leaving(reasons.into_iter().chain(silence.degraded()))
}

/// After a visit to the site.
pub fn after_visit(visit: Visit, vendors: Vendors) -> Decision {
    match (visit, vendors.search) {
        (Visit::Rich, _) => Decision::to(Next::Extract, "the site was read"),
        (Visit::Thin, Availability::On) => {
            Decision::to(Next::VendorRead, "the site says little to us").leaving([DegradedReason::SiteThin])
        }
        (Visit::Thin, Availability::Off | Availability::Exhausted) => {
            Decision::to(Next::Extract, "the site says little, and nobody else can read it")
                .leaving([DegradedReason::SiteThin, DegradedReason::SearchUnavailable])
        }
        // Not even when a vendor could: the owner's word counts for whomever we would send.
        (Visit::Blocked(Block::Robots), _) => {
            let decision = without_site(vendors);
            let because = match decision.next {
                Next::Contacts => "robots.txt disallows the site, so no vendor is sent to read it either",
                _ => {
                    "robots.txt disallows the site, so no vendor is sent to read it either, and nobody else can be asked"
                }
            };
            Decision { because, ..decision }.leaving([DegradedReason::SiteBlockedRobots])
        }
        (Visit::Blocked(Block::Elsewhere), Availability::On) => {
            without_site(vendors).leaving([DegradedReason::SiteUnreachable])
        }
        (Visit::Blocked(block), Availability::On) => {
            Decision::to(Next::VendorRead, "the site does not answer us").leaving([reason(block)])
        }
        (Visit::Blocked(block), Availability::Off | Availability::Exhausted) => {
            without_site(vendors).leaving([reason(block), DegradedReason::SearchUnavailable])
        }
    }
}

/// What a vendor's reading of a site came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It read something.
    Read,
    /// It read nothing, or there was nothing that it might be asked to read.
    Nothing,
    /// It could not be asked.
    Silent(Silence),
}

/// After a vendor was asked to read the site; `before` is what our own visit came to.
pub fn after_vendor_read(before: Visit, reading: Reading, vendors: Vendors) -> Decision {
    let decision = match (reading, before) {
        (Reading::Read, _) => Decision::to(Next::Extract, "the vendor read the site"),
        (_, Visit::Rich | Visit::Thin) => Decision::to(Next::Extract, "the vendor added nothing to what we read"),
        (_, Visit::Blocked(_)) => without_site(vendors),
    };
    match reading {
        Reading::Silent(silence) => {
            decision.leaving([DegradedReason::SearchUnavailable].into_iter().chain(silence.degraded()))
        }
        Reading::Read | Reading::Nothing => decision,
    }
}

/// After features and addresses were made of what was read, by us or by a vendor.
pub fn after_extraction(site: Site, reachable: Reachable, vendors: Vendors) -> Decision {
    match (reachable, site) {
        (Reachable { addresses: 1.., .. }, _) => verify(vendors),
        (Reachable { addresses: 0, people: 1.. }, _) => Decision::to(Next::Score, "people are known, but no address"),
        (Reachable { addresses: 0, people: 0 }, Site::Thin) => without_site(vendors),
        (Reachable { addresses: 0, people: 0 }, Site::Rich) => without_contacts(vendors),
    }
}

/// After a vendor was asked for people.
pub fn after_contacts(reachable: Reachable, vendors: Vendors) -> Decision {
    match reachable {
        Reachable { addresses: 1.., .. } => verify(vendors),
        Reachable { addresses: 0, people: 1.. } => Decision::to(Next::Score, "people are known, but no address"),
        Reachable { addresses: 0, people: 0 } => {
            Decision::to(Next::Score, "no contact is to be had").leaving([DegradedReason::NoContacts])
        }
    }
}

/// After a vendor was to be asked for people and could not be. The lead goes on without them: their weight is left out of its score.
pub fn after_contacts_failed(silence: Silence) -> Decision {
    let reasons = [DegradedReason::NoContacts, DegradedReason::ContactsUnavailable];
    Decision::to(Next::Score, "contacts could not be looked up").leaving(reasons.into_iter().chain(silence.degraded()))
}

/// After addresses were given to a verifier.
pub fn after_verification(verification: Verification) -> Decision {
    match verification {
        Verification::Answered => Decision::to(Next::Score, "the addresses are verified"),
        Verification::Partly(silence) => Decision::to(Next::Score, "some addresses could not be verified")
            .leaving([DegradedReason::VerificationUnavailable].into_iter().chain(silence.degraded())),
        Verification::Unavailable(silence) => Decision::to(Next::Score, "the addresses could not be verified")
            .leaving([DegradedReason::VerificationUnavailable].into_iter().chain(silence.degraded())),
    }
}

fn without_site(vendors: Vendors) -> Decision {
    match vendors.contacts {
        Availability::On => Decision::to(Next::Contacts, "neither the site nor contacts are at hand"),
        Availability::Off | Availability::Exhausted => {
            Decision::to(Next::Score, "neither the site nor contacts are at hand, and nobody can be asked")
                .leaving([DegradedReason::NoContacts, DegradedReason::ContactsUnavailable])
        }
    }
}

/// A site that was read and names nobody.
fn without_contacts(vendors: Vendors) -> Decision {
    let alone = || Decision::to(Next::Score, "the site was read and gives no contact");
    match vendors.contacts {
        Availability::On => Decision::to(Next::Contacts, "the site was read and gives no contact"),
        Availability::Off => alone().leaving([DegradedReason::NoContacts]),
        Availability::Exhausted => alone().leaving([DegradedReason::NoContacts, DegradedReason::ContactsUnavailable]),
    }
}

fn verify(vendors: Vendors) -> Decision {
    match vendors.verification {
        Availability::On => Decision::to(Next::Verify, "addresses were found"),
        Availability::Off | Availability::Exhausted => {
            Decision::to(Next::Score, "addresses were found, and nobody can verify them")
                .leaving([DegradedReason::VerificationUnavailable])
        }
    }
}

fn reason(block: Block) -> DegradedReason {
    match block {
        Block::Robots => DegradedReason::SiteBlockedRobots,
        Block::Http => DegradedReason::SiteBlockedHttp,
        Block::Challenge => DegradedReason::SiteBlockedChallenge,
        Block::Unreachable | Block::Elsewhere => DegradedReason::SiteUnreachable,
    }
}

#[cfg(test)]
mod tests;
