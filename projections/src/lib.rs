//! What people read: Postgres read models, filled from the event log exactly once, and rebuilt from it at will.
//!
//! One pass over the log fills all of them: a batch of events, the rows it makes and the checkpoint behind it are one transaction.
//! Nothing here decides anything about a lead, calls out, or writes a record: every table can be emptied and made anew.
//!
//! - [`run_projector`]: keeps the live read models up with the log; of several, one leads
//! - [`rebuild`](rebuild::rebuild): makes all of them, or some, anew beside the live ones and swaps them in; [`verify`](rebuild::verify)
//!   compares the two instead
//! - [`feed`]: what read models would hold if only some events had happened
//! - [`wait_for`]: lets a read wait for the event it depends on
//! - [`stale_tenants`]: whose read models lack an event that could not be applied
//! - [`erasure`]: removes a person's rows, without a race against a batch in flight
//! - [`retention`]: removes what logs kept long enough
//! - [`audit`]: the audit log read back, to be compared with the log
//! - [`mod@bench`]: projecting measured beside a plain `COPY` of the same rows
//! - [`progress`]: how far runs are, published ahead of the read models for people who watch
//! - [`read`]: what people ask of the read models, masked for who may not see personal data
//! - [`Projection`] and `models`: one file per read model; adding one is told in `docs/projections.md`

mod apply;
mod batch;
pub mod bench;
mod checkpoint;
pub mod erasure;
mod error;
mod feed;
mod models;
pub mod progress;
mod projection;
mod projector;
pub mod read;
mod reader;
pub mod rebuild;
pub mod retention;
mod stale;
mod statement;
mod suppressed;
mod table;
mod wait;

pub use batch::{Entry, Recorded, TenantBatch, version};
pub use checkpoint::{CHECKPOINT, Checkpoint, checkpoint};
pub use error::{ApplyError, ProjectError};
pub use feed::{Fed, feed};
pub use models::audit::kept as audit;
pub use projection::Projection;
pub use projector::{ProjectorConfig, run_projector};
pub use stale::{Stale, stale_tenants};
pub use statement::Statement;
pub use wait::{WaitError, wait_for};
