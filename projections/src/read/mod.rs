//! What people ask of the read models, for every door alike: command line, gateway, chat.
//!
//! Whoever reads says with which [`Sight`]: personal data is masked here, where it is read, so that no door can forget to.
//!
//! - [`shortlist`]: a run's ranking
//! - [`run`]: a run with its leads, stages and alerts
//! - [`company`]: one company: what is known, why it scored so, why each vendor was asked
//! - [`costs`]: what paid vendors cost
//! - [`export`]: many rows, a page at a time

pub mod company;
pub mod costs;
pub mod export;
pub mod run;
pub mod shortlist;
mod sight;

pub use sight::Sight;
