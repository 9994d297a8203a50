//! What happened: the facts presdr stores, the envelope around each, and how personal data travels in them.
//!
//! Pure data. Nothing here reads a clock, a socket or a file, and this crate depends on no other of ours.
//!
//! - [`Envelope`]: who, when and why around every fact (CloudEvents 1.0, structured mode)
//! - [`Event`]: every kind of fact, one line each, in [`event`]
//! - [`Pii`]: a personal value, readable only with its data subject's key
//! - [`Suppressible`], [`Suppression`]: what suppression lists name, and the keyed hashes that stand for it
//! - [`Subject`]: where a fact is published
//! - [`chain`]: how each tenant's events are linked, so that none can be changed unseen
//! - [`schema`]: JSON Schema and AsyncAPI documents made from these types

pub mod audit;
pub mod chain;
mod degraded;
mod digest;
mod envelope;
pub mod event;
mod identifiers;
mod ids;
pub mod lead;
mod personal;
mod pii;
pub mod privacy;
pub mod run;
pub mod schema;
mod step;
mod subject;
pub mod tenant;
mod upcast;
pub mod vendor;

pub use degraded::DegradedReason;
pub use digest::{Digest, DigestError};
pub use envelope::{Cause, DecodeError, EVENT_BYTES_MAX, EncodeError, Envelope, Header};
pub use event::{Event, EventType};
pub use identifiers::{Suppressible, Suppression, SuppressionKind, words};
pub use ids::{Actor, Attempt, CompanyId, EventId, IdError, RunId, SubjectId, TenantId};
pub use pii::{Clear, IdentifierKind, IndexKey, Key, Pii, PiiContext, PiiError, unwrap_key, wrap_key};
pub use step::{Route, Step, StepStatus};
pub use subject::{Subject, SubjectError};
