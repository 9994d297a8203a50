//! Who asks, and with what.

use async_nats::jetstream;
use presdr_producers::{CommandError, Desk};
use presdr_projections::ProjectError;
use presdr_store::{Database, StoreError};

/// Why something could not be done. Never holds personal data.
#[derive(Debug, thiserror::Error)]
pub enum ComplianceError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The read models could not be cleared.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The command was not carried out.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The log could not be read.
    #[error("reading the event log: {0}")]
    Log(String),
    /// What was asked for is not possible as things are.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for ComplianceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What is at hand. Cheap to clone.
#[derive(Clone)]
pub struct Office {
    /// Where commands are given: records, keys, who asks.
    pub desk: Desk,
    /// A pool of [`Role::Projector`](presdr_store::Role): read models are the projector's to change.
    pub projector: Database,
    /// The broker as the projector may use it: the log is read from it.
    pub context: jetstream::Context,
}
