//! Asking paid vendors: what is asked, what it may cost, and the one policy that every question passes.
//!
//! A question is bought at most once while its answer is fresh, never past a cap, and never by two at a time. Nothing here decides
//! whether a vendor is wanted (that is `rules/`), and no secret or personal value reaches a log, an error, an event or `Debug`.
//!
//! - [`VendorDesk`]: the one policy layer: stored answers, caps, rates, breakers, retries, the ledger
//! - [`Call`], [`BatchCall`]: one kind of question; a vendor is added by implementing one of them and listing its prices
//! - [`tavily`], [`lusha`], [`zerobounce`], [`openai`]: the vendors' questions
//! - [`Prices`], [`VendorSettings`], [`VendorConfig`]: what things cost, what a tenant allows, where vendors are
//! - [`check`]: whether each vendor can be asked, what it has left, and today's use

mod availability;
mod batch;
mod call;
pub mod check;
mod config;
mod desk;
mod erased;
mod facts;
mod gather;
pub mod lusha;
pub mod openai;
mod outcome;
mod person;
mod prices;
mod record;
mod reserve;
mod room;
mod round;
mod secrets;
mod settings;
mod settle;
mod state;
pub mod tavily;
#[cfg(test)]
mod testing;
mod text;
mod tries;
mod vendor;
mod wire;
pub mod zerobounce;

pub use call::{Answered, BatchCall, Call, Class, Failure, Method, Reply, RequestSpec};
pub use config::{ConfigError, Endpoint, Terms, VendorConfig};
pub use desk::{Asking, Clock, Policy, Publish, Unanswered, VendorDesk};
pub use person::things_about;
pub use presdr_events::Cause;
pub use presdr_store::ledger::Charge;
pub use prices::{Prices, PricesError, Unpriced};
pub use secrets::Secrets;
pub use settings::{Cap, Caps, VendorSettings};
pub use state::day;
pub use vendor::{Purpose, Vendor};
