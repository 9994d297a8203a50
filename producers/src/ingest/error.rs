//! Why a load did not happen.

use std::path::{Path, PathBuf};

/// Why files could not be taken in. Nothing of them was stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// There was nothing to read.
    #[error("no file was named to take in")]
    NoFile,
    /// One load numbers its files in 16 bits.
    #[error("{count} files are more than one load takes: at most {max}")]
    TooManyFiles {
        /// How many there were.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A file cannot be read.
    #[error("could not read {}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first line does not name the columns that are needed.
    #[error("{} has no column {}: its first line must name the columns", file.display(), missing.join(", "))]
    Header {
        /// Which file.
        file: PathBuf,
        /// What is missing.
        missing: Vec<&'static str>,
    },
    /// Lists are read whole; registry files are not and may have any size.
    #[error("{} has {bytes} bytes, more than the {max} of a list: split it", file.display())]
    TooLarge {
        /// Which file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most there may be.
        max: u64,
    },
    /// A classification without one usable line would take every industry away.
    #[error("{} has no usable line", file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
    },
    /// The thread that reads the files ended without an answer.
    #[error("reading the files stopped unexpectedly")]
    ReaderStopped,
    /// The database could not do it.
    #[error("storing what was read: {0}")]
    Database(#[from] sqlx::Error),
}

impl IngestError {
    /// Turns what the system says of a file into an error.
    pub(super) fn read(file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Read { file, source }
    }
}
