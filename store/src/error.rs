//! What can go wrong at the database, and whether trying again can help.

use presdr_events::{EncodeError, PiiError, TenantId};

use crate::keys::MasterId;

/// The SQLSTATE with which `request_tenant()` refuses a tenant that is being erased, or was.
const ERASED: &str = "PR001";

/// Whether a statement was refused because its tenant is being erased, or was.
#[must_use]
pub fn is_of_erased_tenant(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some(ERASED))
}

/// Why the store could not do what it was asked. Never holds personal data: no values, only names of things.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached, or refused.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// The tenant is being erased, or was: there is nothing to do for it any more.
    #[error("{0}")]
    Erased(String),
    /// A migration failed.
    #[error("migrating the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A service was given a DSN that enters a tenant.
    #[error(
        "the database URL sets request.tenant_id: that is for people's tools; take `options` out of the URL of a service"
    )]
    TenantInUrl,
    /// The role could bypass row level security.
    #[error(
        "database role {role} may bypass row level security or owns tables: give services the presdr_* roles that `presdr migrate` makes"
    )]
    RoleTooStrong {
        /// The role.
        role: String,
    },
    /// A restore is under way, or was cut off.
    #[error(
        "the database is being restored, or a restore was cut off: run the same `presdr restore` again, and start when it says so"
    )]
    Restoring,
    /// No such tenant, or not active.
    #[error("tenant {0} does not exist or is not active: `presdr tenant create {0} --name ...` makes one")]
    NoTenant(TenantId),
    /// The tenant has no keys.
    #[error("tenant {0} has no keys: create it with `presdr tenant create`, with the same master key")]
    NoKeys(TenantId),
    /// A tenant's keys are wrapped with a master key that this process does not know.
    #[error(
        "a tenant's keys are under master key {0}, which this process's master key file does not hold: add that key to the file as a line of its \
         own; it is read again by itself"
    )]
    NoMaster(MasterId),
    /// A key or sealed value does not open.
    #[error("tenant {tenant}: {source}; was the master key changed?")]
    Pii {
        /// Whose.
        tenant: TenantId,
        /// What failed.
        source: PiiError,
    },
    /// An event could not be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A setting does not have the shape it should.
    #[error("settings of tenant {tenant}, section {section}: {error}")]
    Settings {
        /// Whose.
        tenant: TenantId,
        /// Which section.
        section: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// What was asked for does not fit the state things are in.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refused) if is_of_erased_tenant(&error) => Self::Erased(refused.message().to_owned()),
            _ => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Whether the same call may succeed later: the connection went away, or two transactions met.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let error = match self {
            Self::Database(error) => error,
            // The file is about to be brought.
            Self::NoMaster(_) => return true,
            _ => return false,
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                true
            }
            sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                // connection exceptions, serialization failure, deadlock, insufficient resources, shutdown
                code.starts_with("08")
                    || code.starts_with("53")
                    || code.starts_with("57P")
                    || code == "40001"
                    || code == "40P01"
            }),
            _ => false,
        }
    }
}
