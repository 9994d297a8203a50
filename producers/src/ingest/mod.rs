//! Taking companies in: the registry's files, the industry classification, a tenant's own list.
//!
//! A load happens whole or not at all: whoever kills one half-way and starts it again gets what one clean run gives. A line that
//! cannot be used is quarantined with its file, line number and reason; a file without the needed columns is refused.
//!
//! - [`acra`]: the registry's published files, for all tenants
//! - [`ssic`]: the industry classification, which gives companies their industry label
//! - [`companies`]: a tenant's own list, for that tenant alone
//! - [`Summary`], [`Progress`]: what a load came to, and how far it is

mod acra;
mod companies;
mod error;
mod fields;
mod lines;
pub(crate) mod list;
mod loads;
mod repair;
mod ssic;
mod summary;
pub(crate) mod suppressions;
#[cfg(test)]
mod tests;

pub use acra::acra;
pub use companies::companies;
pub use error::IngestError;
pub use ssic::ssic;
pub use summary::{Phase, Progress, Source, Summary};
