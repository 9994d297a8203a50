//! Why the audit could not be done, as opposed to what it found.

use presdr_events::TenantId;
use presdr_producers::CommandError;
use presdr_projections::ProjectError;
use presdr_store::StoreError;

use crate::{finding::Finding, keys::KeyError, log::LogError};

/// Why something could not be verified, signed, exported or replayed.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The audit log could not be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The checkpoint could not be told.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Nothing was signed, since something is not as it was.
    #[error("nothing was signed: {0}")]
    NotSigned(Box<Finding>),
    /// There is no checkpoint to export up to.
    #[error(
        "tenant {0} has no checkpoint yet, and only what one covers can be verified: `presdr audit checkpoint --tenant {0}` makes one"
    )]
    NoCheckpoint(TenantId),
    /// A file cannot be read or written.
    #[error("{what}: {source}")]
    File {
        /// Which file, and what was done with it.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{what}, line {line}: {why}")]
    Format {
        /// Which file.
        what: String,
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// What was asked for cannot be answered.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for AuditError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
