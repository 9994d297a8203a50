//! A tenant's Odoo: what is sent there, what a person there changed, and every way in which it can fail.
//!
//! - [`client`]: asking an Odoo, in either flavour
//! - [`fields`]: the fields of our own: made once, if the account may
//! - [`check`]: whether a connection works, with the cure for what does not
//! - [`desk`]: the Odoo of a tenant's active connection

pub mod check;
pub mod client;
pub mod desk;
pub mod fields;
