//! Every limit and threshold of a visit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// How a site is visited. As JSON, durations are in milliseconds and say so in their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrawlPolicy {
    /// At most so many pages, the home page included; robots.txt and sitemaps are not pages, nor is what is not there (404, 410).
    /// At most twice as many are asked for, whatever comes back.
    pub pages_max: usize,
    /// Between two requests to one registrable domain, from the end of one to the start of the next.
    #[serde(with = "millis", rename = "min_interval_ms")]
    pub min_interval: Duration,
    /// A `Crawl-delay` is honoured up to this; a site that asks for more gets this.
    #[serde(with = "millis", rename = "crawl_delay_max_ms")]
    pub crawl_delay_max: Duration,
    /// A refusal's `Retry-After` is honoured up to this; a site that asks for more gets this, and whoever comes next is told again.
    #[serde(with = "millis", rename = "retry_after_max_ms")]
    pub retry_after_max: Duration,
    /// How much of a page is read, decompressed.
    pub page_bytes_max: usize,
    /// How much of a sitemap is read, decompressed.
    pub sitemap_bytes_max: usize,
    /// How many sitemap files are read.
    pub sitemaps_max: usize,
    /// From the first request on. What was read until then counts.
    #[serde(with = "millis", rename = "visit_timeout_ms")]
    pub visit_timeout: Duration,
    /// How many redirects a page may take, all within the registrable domain.
    pub redirects_max: usize,
    /// When a site says too little.
    pub thin: ThinThresholds,
    /// When a site does not want us.
    pub blocked: BlockedThresholds,
    /// When a site has said enough.
    pub high_signal: HighSignalThresholds,
}

impl Default for CrawlPolicy {
    fn default() -> Self {
        Self {
            pages_max: 8,
            min_interval: Duration::from_millis(500),
            crawl_delay_max: Duration::from_secs(10),
            retry_after_max: Duration::from_secs(120),
            page_bytes_max: crate::web::PAGE_BYTES_MAX,
            sitemap_bytes_max: 1024 * 1024,
            sitemaps_max: 3,
            visit_timeout: Duration::from_secs(90),
            redirects_max: crate::web::REDIRECTS_MAX,
            thin: ThinThresholds::default(),
            blocked: BlockedThresholds::default(),
            high_signal: HighSignalThresholds::default(),
        }
    }
}

/// A site is thin when both hold: it says too little to judge the company by, and not how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThinThresholds {
    /// Fewer readable words than this on all pages together.
    pub words_below: u32,
    /// Fewer e-mail addresses and phone numbers than this.
    pub contacts_below: u32,
}

impl Default for ThinThresholds {
    fn default() -> Self {
        Self { words_below: 120, contacts_below: 1 }
    }
}

/// When a site is taken to refuse us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockedThresholds {
    /// HTTP statuses that are a refusal.
    pub statuses: Vec<u16>,
    /// After so many refusals, challenges or time-outs in a row we go away.
    pub refusals_in_row: u32,
    /// A page with the marks of a bot check is one when it has fewer readable words than this.
    pub challenge_words_below: u32,
}

impl Default for BlockedThresholds {
    fn default() -> Self {
        Self { statuses: vec![401, 403, 407, 429, 451, 503], refusals_in_row: 2, challenge_words_below: 150 }
    }
}

/// A visit stops early when all of these are reached and every asked-for kind was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HighSignalThresholds {
    /// Pages read.
    pub pages: u32,
    /// Readable words.
    pub words: u32,
    /// Different e-mail addresses.
    pub emails: u32,
    /// Different phone numbers.
    pub phones: u32,
}

impl Default for HighSignalThresholds {
    fn default() -> Self {
        Self { pages: 4, words: 600, emails: 1, phones: 1 }
    }
}
