//! What puts intent into the system: commands, the schedule, registry ingest.
//!
//! A command commits its effect and its event together, publishes, and answers with the event's sequence, so that a read that depends
//! on it can wait for the projections. Every write says who did it.
//!
//! - [`Desk`]: who commands, and with what
//! - [`tenants`], [`settings`], [`icp`], [`samples`], [`runs`], [`parked`]: the commands
//! - [`companies`]: which company a person means by a name
//! - [`suppressions`]: whom a tenant must not contact
//! - [`erasures`]: asking for a person to be erased
//! - [`mod@purge`], [`keys`]: erasing a tenant, changing the master key
//! - [`restored`]: telling of a restore
//! - [`consents`]: who agreed to be written to
//! - [`odoo`]: connecting a tenant to its Odoo
//! - [`schedule`]: nightly runs, one per tenant and date
//! - [`ingest`]: registry files and tenants' own lists
//! - [`mod@bench`]: how fast ingest is beside the limit

pub mod bench;
pub mod companies;
pub mod consents;
mod desk;
pub mod erasures;
pub mod icp;
pub mod ingest;
pub mod ingested;
pub mod keys;
pub mod odoo;
pub mod parked;
pub mod purge;
pub mod restored;
pub mod runs;
pub mod samples;
pub mod schedule;
pub mod settings;
pub mod suppressions;
pub mod tenants;

pub use desk::{CommandError, Desk, next_number};
