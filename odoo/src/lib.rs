//! A tenant's Odoo: what is sent there, what a person there changed, and every way in which it can fail.
//!
//! - [`client`]: asking an Odoo, in either flavour
//! - [`fields`]: the fields of our own: made once, if the account may
//! - [`check`]: whether a connection works, with the cure for what does not
//! - [`desk`]: the Odoo of a tenant's active connection
//! - [`gather`]: what a run's shortlist is made of
//! - [`rows`]: the row of each company, contact and lead
//! - [`matching`]: which partner a company is that a tenant had before
//! - [`plan`]: what to write, and what is a person's to keep
//! - [`send`]: many rows at once, and the bad ones among them
//! - `identity`: whether a number there is still the record that we made
//! - [`rehearsal`]: a run that never was, for measuring and testing
//! - [`erase`]: removing erased people there
//! - [`sync`]: all of it together, safe to be done again after a crash anywhere

pub mod check;
pub mod client;
pub mod desk;
pub mod erase;
pub mod fields;
pub mod gather;
mod identity;
pub mod matching;
pub mod plan;
pub mod rehearsal;
pub mod rows;
pub mod send;
pub mod sync;
