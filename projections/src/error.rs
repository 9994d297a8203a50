//! Why the read models could not be brought forward.

use presdr_events::TenantId;
use presdr_store::{StoreError, is_of_erased_tenant, keys::MasterId};

/// Why events could not be projected.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The database could not be reached, or refused.
    #[error("writing read models: {0}")]
    Database(#[from] sqlx::Error),
    /// Keys could not be loaded.
    #[error("reading keys for the read models: {0}")]
    Store(#[from] StoreError),
    /// No tenant's keys open.
    #[error(
        "every tenant's keys are under another master key than this process's, such as {0}: bring the file that holds it"
    )]
    OtherMaster(MasterId),
    /// The log could not be read.
    #[error("reading the event log: {0}")]
    Log(String),
    /// The read models were made from another log.
    #[error(
        "the read models were made from stream {known}, but the broker has {found}: the log was replaced. Restore the log that belongs to \
         this database, or run `presdr project rebuild` to make the read models from the new one"
    )]
    OtherLog {
        /// The stream in the checkpoint, with the time of its creation.
        known: String,
        /// The stream on the broker, with the time of its creation.
        found: String,
    },
    /// The log ends before the checkpoint.
    #[error(
        "the read models have read the log up to {checkpoint}, but it ends at {last}: events were lost. Restore the log from its backup, \
         or run `presdr project rebuild` to make the read models from what is left of it"
    )]
    LogTooShort {
        /// How far the read models have read.
        checkpoint: i64,
        /// Where the log ends.
        last: i64,
    },
    /// The audit log was written before events were linked.
    #[error(
        "the audit log of tenant {0} was written by a version that did not link events: run `presdr project rebuild` once, which links them \
         from the first on"
    )]
    NoChain(TenantId),
    /// Another projector wrote since this one read the checkpoint.
    #[error("another projector moved the checkpoint")]
    Moved,
    /// There is no such read model.
    #[error("there is no read model {name:?}; there are {known}")]
    NoModel {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The audit log is of all events.
    #[error(
        "the audit log links all events of a tenant, so it cannot be fed with some: name read models that are about leads and runs"
    )]
    NotFed,
    /// Only some read models were to be made anew, and there is nothing that they would belong to.
    #[error(
        "the live read models are not of this log: run `presdr project rebuild` without names, which makes all of them anew"
    )]
    NotOfThisLog,
    /// The live read models do not come to rest.
    #[error("so much happens that the live read models could not be looked at in one state; try again when less does")]
    Busy,
    /// Another rebuild is running.
    #[error("another rebuild is running: wait for it, or stop it first")]
    RebuildRuns,
    /// Stopped on request before the end.
    #[error("stopped before the end; the same command goes on from there")]
    Stopped,
}

impl ProjectError {
    /// Whether the same may work a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => is_transient(error),
            // A tenant was closed in the middle of a batch: the next try leaves its events out.
            Self::Store(error) => error.is_transient() || matches!(error, StoreError::Erased(_)),
            Self::Log(_) | Self::Moved | Self::Busy => true,
            Self::OtherMaster(_)
            | Self::OtherLog { .. }
            | Self::LogTooShort { .. }
            | Self::NoChain(_)
            | Self::NoModel { .. }
            | Self::NotFed
            | Self::NotOfThisLog
            | Self::RebuildRuns
            | Self::Stopped => false,
        }
    }
}

/// Why a projection could not take in a batch.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database refused the rows, or could not be reached.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// A sealed value did not open, or its keys are missing.
    #[error("{0}")]
    Sealed(StoreError),
}

impl ApplyError {
    /// What went wrong with keys.
    pub(crate) fn of_keys(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            error => Self::Sealed(error),
        }
    }

    /// Whether the events are at fault: they will never apply as they are, and others would.
    pub(crate) fn is_of_the_events(&self) -> bool {
        match self {
            // 22: data exceptions, 23: integrity constraints, 54: limits such as an index entry's size
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
            }
            Self::Database(_) => false,
            Self::Sealed(error) => {
                !matches!(error, StoreError::Database(_) | StoreError::Erased(_) | StoreError::NoMaster(_))
            }
        }
    }

    /// What is written down about a parked event: the kind of fault, never the values, which may be personal.
    pub(crate) fn described(&self, projection: &str, tenant: &TenantId) -> String {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                let constraint = error.constraint().map(|name| format!(" of constraint {name}")).unwrap_or_default();
                format!("{projection} refused it with SQLSTATE {code}{constraint}")
            }
            Self::Database(error) => format!("{projection}: {error}"),
            Self::Sealed(StoreError::NoKeys(_)) => format!("{projection}: tenant {tenant} has no keys"),
            Self::Sealed(_) => format!("{projection}: a sealed value does not open with its subject's key"),
        }
    }
}

impl From<ApplyError> for ProjectError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Database(error) => Self::Database(error),
            ApplyError::Sealed(error) => Self::Store(error),
        }
    }
}

fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        error if is_of_erased_tenant(error) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // connection, transaction rollback, resources, lock not available, operator intervention
            ["08", "40", "53", "55P03", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}
