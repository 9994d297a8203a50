//! The log as evidence: whether it is as it was, what was signed of it, and what it tells.
//!
//! Nothing here decides about a lead, calls a vendor or changes a read model. The only thing written is a checkpoint.
//!
//! - [`Stores::verify`]: a tenant's log, its audit log and its checkpoints compared; a [`Finding`] names the first difference
//! - [`Signer`]: verifies and signs a checkpoint a day
//! - [`bundle`]: what an auditor takes away, verified without a database or a broker
//! - [`PublicKeys`]: all that verification needs beside the evidence
//! - [`replay`]: the log read again: a timeline, a lead's story, a past run under other weights
//! - [`Log`]: the log as it is stored

pub mod bundle;
pub mod checkpoints;
mod error;
mod finding;
mod firsts;
mod keys;
mod log;
pub mod replay;
mod sign;
mod verify;
mod walk;

pub use error::AuditError;
pub use finding::{Difference, Finding, Signed, Store};
pub use keys::{KeyError, PublicKey, PublicKeys, SigningKey};
pub use log::{Log, LogError, Message};
pub use sign::Signer;
pub use verify::{Stores, Verified};
