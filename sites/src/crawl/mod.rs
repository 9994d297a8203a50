//! A polite visit to one site, and to many.
//!
//! - [`visit`]: robots.txt, the home page, then the pages worth reading, one request at a time with a pause between
//! - [`CrawlPolicy`]: every limit and threshold by name
//! - [`Visit`]: what was read, what was left out and why, and what it all comes to
//! - [`crawl_list`]: many sites at once, each domain one visit at a time

mod asker;
mod conclusion;
mod list;
mod millis;
mod pace;
mod policy;
mod reading;
mod report;
mod site_map;
mod site_robots;
mod start;
mod verdict;
mod visit;

pub use list::{SiteReport, crawl_list};
pub use policy::{BlockedThresholds, CrawlPolicy, HighSignalThresholds, ThinThresholds};
pub use report::{
    BlockReason, KnownPage, Measured, PageVisit, RobotsReport, RobotsState, SkipReason, Skipped, Verdict, Visit,
};
pub use start::{StartError, VisitRequest};
pub use verdict::{Weighed, weigh};
pub use visit::visit;
