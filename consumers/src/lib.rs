//! What does the work: each worker answers the events that call for it with the next event.
//!
//! A worker first commits its outcome, the exact bytes of its event, then publishes it, then acknowledges. A redelivery publishes
//! what is stored. Workers act only on leads that are admitted in an open run at that attempt, and take a lead's state from its steps,
//! never from a projection.
//!
//! In the order of a lead's way:
//!
//! - [`candidates`]: which companies fit the profile, which of them a run takes
//! - [`RunManager`]: a run starts: candidates, targets, the first admissions; steering
//! - [`Resolver`]: which domain is the company's
//! - [`Searcher`]: searching the web for it
//! - [`Crawler`]: reading its site politely
//! - [`VendorReader`]: having it read where we cannot
//! - [`Extractor`]: what the site says, after the tenant's policy, sealed
//! - [`ContactFinder`]: whom to talk to, where the site does not say
//! - [`Verifier`]: whether mail arrives
//! - [`Scorer`]: score and rationale; the lead is terminal, the next is admitted, the last one ranks the run
//! - [`OdooSync`]: the shortlist, written to the tenant's Odoo
//! - [`sweep`]: what a crash left unpublished, leads past their deadline
//! - [`work`]: all of them, or some, in one process

mod addresses;
mod asking;
pub mod candidates;
mod clock;
mod company;
mod contacts;
mod crawl;
mod extract;
mod home_pages;
mod lead;
mod outbox;
mod pins;
mod resolve;
mod room;
mod run;
mod score;
mod search;
mod services;
mod suppressed;
pub mod sweep;
mod sync;
mod vendor_read;
mod verify;
mod way;
mod work;

pub use clock::Clock;
pub use contacts::ContactFinder;
pub use crawl::Crawler;
pub use extract::Extractor;
pub use home_pages::HomePages;
pub use outbox::Outbox;
pub use pins::Pins;
pub use resolve::Resolver;
pub use run::RunManager;
pub use score::Scorer;
pub use search::Searcher;
pub use services::{Services, WorkConfig};
pub use sync::OdooSync;
pub use vendor_read::VendorReader;
pub use verify::Verifier;
pub use work::{WORKERS, work};
