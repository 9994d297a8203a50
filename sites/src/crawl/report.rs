//! What a visit found, in full.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use crate::choose::PageKind;
use crate::extract::PageFindings;

/// What was kept of a page from an earlier visit, so that an unchanged page need not be sent again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KnownPage {
    /// As the site sent it.
    pub etag: Option<String>,
    /// As the site sent it.
    pub last_modified: Option<String>,
    /// SHA-256 of the body, in hex.
    pub content_hash: String,
    /// What the page said. Without it the page is asked for anew: its links and contacts are needed.
    pub findings: Option<PageFindings>,
}

/// One visit to one site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Visit {
    /// Where the home page was in the end; where it was sought when none answered.
    pub final_url: Url,
    /// The registrable domain.
    pub domain: String,
    /// What robots.txt said; `None` when the site was never reached.
    pub robots: Option<RobotsReport>,
    /// Pages asked for and answered, in order.
    pub pages: Vec<PageVisit>,
    /// Pages known and not read, the likeliest first; at most [`Visit::SKIPPED_MAX`].
    pub skipped: Vec<Skipped>,
    /// What it comes to.
    pub verdict: Verdict,
    /// The visit ended before its page limit because the site had said enough.
    pub stopped_early: bool,
    /// HTTP requests sent, robots.txt, sitemaps and redirects included.
    pub requests: u32,
    /// From the first step to the last, waiting included.
    pub duration_ms: u64,
    /// The site may not be asked again before this.
    #[serde(skip)]
    pub next_request_not_before: Option<Instant>,
}

impl Visit {
    /// How many skipped pages are reported.
    pub const SKIPPED_MAX: usize = 50;

    /// Takes out whatever `named` says names somebody: pages whose address does, whole, and what the others say; tells whether there was
    /// any. Every text is asked about, whatever the answers. The site's own address stays: it is the company's.
    pub fn forget(&mut self, named: &dyn Fn(&str) -> bool) -> bool {
        let before = self.pages.len() + self.skipped.len();
        self.pages.retain(|page| !named(page.url.as_str()));
        self.skipped.retain(|page| !named(page.url.as_str()));
        let mut found = self.pages.len() + self.skipped.len() < before;
        for findings in self.pages.iter_mut().filter_map(|page| page.findings.as_mut()) {
            found |= findings.forget(named);
        }
        found
    }
}

/// One page that was asked for and answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageVisit {
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// What the page is for.
    pub kind: PageKind,
    /// Why it was read, in a few words.
    pub chosen_because: String,
    /// The HTTP status; 304 for an unchanged page.
    pub status: u16,
    /// Bytes of the body, decompressed; 0 for an unchanged page.
    pub bytes: usize,
    /// The page is longer than the limit and was read up to it.
    pub truncated: bool,
    /// SHA-256 of the body, in hex; for an unchanged page that of the known body, for an unread body empty.
    pub content_hash: String,
    /// To be kept for the next visit.
    pub etag: Option<String>,
    /// To be kept for the next visit.
    pub last_modified: Option<String>,
    /// The site says that the known page still holds; `findings` are the known ones.
    pub not_modified: bool,
    /// The name of the encoding the text was read in; `None` when no text was.
    pub charset: Option<String>,
    /// The page is a bot check and not the page.
    pub challenge: bool,
    /// Who read it for us; `None` when we did.
    #[serde(default)]
    pub read_by: Option<String>,
    /// What it says; `None` for errors, bot checks, repetitions of a page already read, and what is no page.
    pub findings: Option<PageFindings>,
}

/// A page that was known and not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its address.
    pub url: Url,
    /// What it seems to be for.
    pub kind: PageKind,
    /// Why it was left out.
    pub reason: SkipReason,
}

/// Why a page was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// robots.txt disallows it, by this rule.
    Robots {
        /// The deciding line.
        rule: String,
    },
    /// robots.txt of its host could not be read, which disallows everything there.
    RobotsUnreachable,
    /// Better pages filled the limit.
    PageLimit,
    /// The site had already said enough.
    EnoughSaid,
    /// The visit's time was over.
    OutOfTime,
    /// The site had begun to refuse us.
    Refusals,
    /// The visit was called off.
    Cancelled,
    /// It leads to a page that was read already.
    Repeated,
    /// It leads to another registrable domain.
    RedirectsAway {
        /// The host it leads to.
        to: String,
    },
    /// Asking for it failed.
    Failed {
        /// How.
        error: String,
    },
}

/// What robots.txt of the site's own host said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotsReport {
    /// Where it was sought.
    pub url: Url,
    /// What came of it.
    pub state: RobotsState,
    /// The status of its answer; `None` when there was none, or it was remembered.
    pub status: Option<u16>,
    /// The rule that keeps us from the home page.
    pub home_disallowed_by: Option<String>,
    /// The pause it asks for.
    pub crawl_delay_ms: Option<u64>,
    /// The pause that was kept.
    pub interval_ms: u64,
    /// How many sitemaps it names.
    pub sitemaps: usize,
}

/// What came of asking for robots.txt (RFC 9309, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotsState {
    /// Read: its rules hold.
    Read,
    /// Read within the last day.
    Remembered,
    /// The site has none (4xx, or too many redirects): everything is allowed.
    Missing,
    /// The site failed to answer (5xx, broken off, time-out): everything is disallowed.
    Unreachable,
}

/// What a visit comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// There is something to judge the company by.
    Rich {
        /// The values that decided.
        measured: Measured,
    },
    /// The site was read and says too little.
    Thin {
        /// The values that decided.
        measured: Measured,
    },
    /// The site could not or may not be read.
    Blocked {
        /// Why.
        reason: BlockReason,
        /// What was measured all the same.
        measured: Measured,
    },
}

impl Verdict {
    /// The measured values, whatever the verdict.
    pub fn measured(&self) -> &Measured {
        match self {
            Self::Rich { measured } | Self::Thin { measured } | Self::Blocked { measured, .. } => measured,
        }
    }
}

/// What the thresholds of [`CrawlPolicy`](super::CrawlPolicy) are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// Pages that said something.
    pub pages: u32,
    /// Their readable words.
    pub words: u32,
    /// Different e-mail addresses on them.
    pub emails: u32,
    /// Different phone numbers on them.
    pub phones: u32,
    /// Refusals, bot checks and time-outs.
    pub refusals: u32,
}

impl Measured {
    /// Ways to reach the company.
    pub fn contacts(&self) -> u32 {
        self.emails + self.phones
    }
}

/// Why a site could not or may not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum BlockReason {
    /// robots.txt disallows it.
    Robots {
        /// The deciding line.
        rule: String,
    },
    /// robots.txt could not be read, which disallows everything.
    RobotsUnreachable,
    /// The site answers with a refusal or a failure.
    Status {
        /// The HTTP status.
        status: u16,
        /// How long the site asks us to stay away.
        retry_after_seconds: Option<u64>,
    },
    /// The site tests whether visitors are human.
    Challenge,
    /// The site, or the visit as a whole, took too long.
    TimedOut,
    /// The name has no address.
    NoAddress,
    /// No connection came about, or the answer broke off.
    Unreachable {
        /// What was attempted.
        error: String,
    },
    /// The home page has moved to another registrable domain.
    RedirectsAway {
        /// The host it leads to.
        to: String,
    },
    /// The address is not one that we reach: private, numbered, at an odd port.
    Refused {
        /// Why.
        error: String,
    },
    /// The visit was called off; nothing is known of the site.
    Cancelled,
}

impl BlockReason {
    /// Whether another visit may well end differently.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 429 | 500..),
            Self::RobotsUnreachable | Self::TimedOut | Self::Unreachable { .. } | Self::Cancelled => true,
            Self::Robots { .. }
            | Self::Challenge
            | Self::NoAddress
            | Self::RedirectsAway { .. }
            | Self::Refused { .. } => false,
        }
    }
}
