//! Why a lead or a run is less than it could be.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every fallback leaves one of these on the lead and the run. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DegradedReason {
    /// No domain could be attributed to the company with enough confidence.
    DomainMissing,
    /// The site has little readable text and no contacts.
    SiteThin,
    /// robots.txt disallows what we would read.
    SiteBlockedRobots,
    /// The site answered 401, 403 or 429.
    SiteBlockedHttp,
    /// The site answered with a challenge page.
    SiteBlockedChallenge,
    /// The site did not answer in time, or not at all.
    SiteUnreachable,
    /// Neither site nor vendors gave a business contact.
    NoContacts,
    /// Contacts could not be looked up (vendor off, capped or out of quota).
    ContactsUnavailable,
    /// No verifier was available: addresses stay `unknown`.
    VerificationUnavailable,
    /// The tenant has web search off, or it is not configured.
    SearchUnavailable,
    /// The ICP matched nothing; its industries alone were used.
    CandidatesFallback,
    /// Fewer candidates than the tenant's floor.
    CandidatesFew,
    /// The candidates could not be refreshed; the old ones were used.
    CandidatesStale,
    /// More crawls failed than the tenant's limit allows.
    CrawlErrorsHigh,
    /// One bucket holds more than its share of the run.
    DistributionSkewed,
    /// Some leads were parked or timed out.
    LeadsLost,
    /// A vendor was not asked, since the tenant's cap is reached.
    VendorCapReached,
    /// A vendor's quota or credits are gone.
    VendorQuotaExhausted,
    /// A vendor could not be asked, or did not answer.
    VendorUnavailable,
    /// The model could not be asked: what it would have added is missing, or stands in plainer words.
    AiUnavailable,
    /// Part of the shortlist is not in Odoo: it waits for a person.
    SyncIncomplete,
    /// Odoo could not be written to; it is tried again.
    SyncDelayed,
    /// The model's rationale said more than the features do; the plain one is used.
    RationaleRefused,
}

impl DegradedReason {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DomainMissing => "domain_missing",
            Self::SiteThin => "site_thin",
            Self::SiteBlockedRobots => "site_blocked_robots",
            Self::SiteBlockedHttp => "site_blocked_http",
            Self::SiteBlockedChallenge => "site_blocked_challenge",
            Self::SiteUnreachable => "site_unreachable",
            Self::NoContacts => "no_contacts",
            Self::ContactsUnavailable => "contacts_unavailable",
            Self::VerificationUnavailable => "verification_unavailable",
            Self::SearchUnavailable => "search_unavailable",
            Self::CandidatesFallback => "candidates_fallback",
            Self::CandidatesFew => "candidates_few",
            Self::CandidatesStale => "candidates_stale",
            Self::CrawlErrorsHigh => "crawl_errors_high",
            Self::DistributionSkewed => "distribution_skewed",
            Self::LeadsLost => "leads_lost",
            Self::VendorCapReached => "vendor_cap_reached",
            Self::VendorQuotaExhausted => "vendor_quota_exhausted",
            Self::VendorUnavailable => "vendor_unavailable",
            Self::AiUnavailable => "ai_unavailable",
            Self::SyncIncomplete => "sync_incomplete",
            Self::SyncDelayed => "sync_delayed",
            Self::RationaleRefused => "rationale_refused",
        }
    }
}

impl fmt::Display for DegradedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
