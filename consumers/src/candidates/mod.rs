//! Which companies fit a tenant's profile, and which of them a run takes.
//!
//! The candidates of a profile are a table of their own, refreshed per tenant in one transaction that writes the difference alone. How
//! the industries of a profile find companies: see [`Classification`].
//!
//! - [`refresh()`]: the candidates of a profile anew, with counts before and after each filter
//! - [`preview()`]: the same without writing anything
//! - [`choose()`]: a run's companies: never seen first, then the stalest
//! - [`named`]: the companies that a run is for by name
//! - [`Classification`]: what SSIC calls the industries of a profile

mod choose;
mod classification;
mod difference;
mod excluded;
mod listed;
mod refresh;
mod registry;
#[cfg(test)]
mod tests;

pub use choose::{Chosen, Target, choose, named};
pub use classification::Classification;
pub use refresh::{Preview, Refresh, preview, refresh};
