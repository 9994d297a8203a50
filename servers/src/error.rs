//! Why a server could not be started or asked.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a server could not be started, stopped or asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The tests' Odoo is not at hand.
    #[error("{0}")]
    Odoo(String),
    /// No usable program of that name is on this machine.
    #[error("found no {program} of version {version_min} or newer{seen}; {cure}")]
    NotInstalled {
        /// What was looked for.
        program: &'static str,
        /// The oldest version that will do.
        version_min: &'static str,
        /// The unusable ones that were found, or nothing.
        seen: String,
        /// What to do about it.
        cure: &'static str,
    },
    /// The data was written by a major version of PostgreSQL that is not installed.
    #[error(
        "the data in {dir} was written by PostgreSQL {version}, which is not installed here; install it, or remove the directory to start anew"
    )]
    OtherVersion {
        /// The data directory.
        dir: PathBuf,
        /// The major version that wrote it.
        version: String,
    },
    /// Another living process runs a server on this directory.
    #[error("{dir} is in use by process {pid}; stop that first, or choose another directory")]
    InUse {
        /// The directory both want.
        dir: PathBuf,
        /// Who has it, as far as known.
        pid: String,
    },
    /// A file or directory could not be read or written.
    #[error("could not {action} {path}")]
    File {
        /// What was attempted, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program could not be run at all.
    #[error("could not run {program}")]
    Run {
        /// The program.
        program: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program ended though it should not have, or failed.
    #[error("{program} ended with {status}; the end of what it said:\n{said}")]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log or output.
        said: String,
    },
    /// A server runs, but does not answer in time.
    #[error("{program} was not ready after {seconds} s; the end of what it said:\n{said}")]
    NotReady {
        /// The program.
        program: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The last lines of its log.
        said: String,
    },
    /// A statement that sets up or clears away a database failed.
    #[error("could not {action} on the database server")]
    Database {
        /// What was attempted, as a verb phrase.
        action: String,
        /// Why it failed.
        #[source]
        source: sqlx::Error,
    },
    /// The caller's migration of a test database failed.
    #[error("could not migrate the template of the test databases: {message}")]
    Migrate {
        /// What the caller's migration said.
        message: String,
    },
}

impl ServerError {
    /// Wraps an I/O error with what was attempted on which path; for `map_err`.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// Wraps a database error with what was attempted; for `map_err`.
    pub(crate) fn database(action: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let action = action.into();
        move |source| Self::Database { action, source }
    }
}
