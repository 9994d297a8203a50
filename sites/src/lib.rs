//! Company web sites: finding them, reading them politely, and understanding what they say.
//!
//! Talks HTTP and DNS; knows nothing of tenants, the broker or the database.
//!
//! - [`Web`]: the only HTTP client, which cannot be led to private addresses
//! - [`robots`]: what a site's robots.txt asks of us
//! - [`visit`]: a polite visit to one site; [`crawl_list`]: to many
//! - [`extract`]: what a page says
//! - [`domains`]: which domain belongs to a registered company

pub mod domains;
pub mod extract;
pub mod robots;

mod choose;
mod crawl;
mod web;

pub use choose::PageKind;
pub use crawl::{
    BlockReason, BlockedThresholds, CrawlPolicy, HighSignalThresholds, KnownPage, Measured, PageVisit, RobotsReport,
    RobotsState, SiteReport, SkipReason, Skipped, StartError, ThinThresholds, Verdict, Visit, VisitRequest, Weighed,
    crawl_list, visit, weigh,
};
pub use web::{
    DevelopmentOnly, FetchError, Fetched, PageRequest, Refusal, ResolveTo, UserAgent, Wanted, Web, WebConfig, WebError,
    registrable_domain,
};
