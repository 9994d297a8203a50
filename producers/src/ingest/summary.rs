//! What a load came to, and how far it is.

use presdr_events::{Step, tenant::Ingested};

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The registry's files.
    Acra,
    /// The industry classification.
    Ssic,
    /// A tenant's own list.
    Companies,
    /// A list of whom a tenant must not contact.
    Suppressions,
}

impl Source {
    /// Its name in events and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Acra => "acra",
            Self::Ssic => "ssic",
            Self::Companies => "companies",
            Self::Suppressions => "suppressions",
        }
    }
}

/// What a finished load came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What was read.
    pub source: Source,
    /// How many files.
    pub files: u32,
    /// Lines read, without the headers and blank lines.
    pub rows: u64,
    /// Lines that could not be used.
    pub quarantined: u64,
    /// Rows that were new.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
    /// SHA-256 over the files' bytes in the order given, lower-case hex.
    pub content_hash: String,
}

impl Summary {
    /// The event that tells of it.
    #[must_use]
    pub fn into_event(self, step: Step) -> Ingested {
        Ingested {
            step,
            source: self.source.name().to_owned(),
            files: self.files,
            rows: self.rows,
            quarantined: self.quarantined,
            inserted: self.inserted,
            updated: self.updated,
            content_hash: self.content_hash,
        }
    }
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Bytes read so far.
    pub bytes_read: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Lines read so far.
    pub rows: u64,
}

/// What a load is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading the files.
    Reading,
    /// Bringing the companies up to date.
    Merging,
}

/// A hash as lower-case hex.
pub(super) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
