//! What verification finds: the first difference, and which side of it is the one that was signed.

use std::fmt;

use presdr_events::{EventId, TenantId};
use serde::Serialize;

/// The first thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose.
    pub tenant: TenantId,
    /// The place in the log, where there is one.
    pub sequence: Option<u64>,
    /// The event, where there is one.
    pub event_id: Option<EventId>,
    /// What differs.
    #[serde(flatten)]
    pub difference: Difference,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Difference {
    /// An event of the log has no row.
    NoRow {
        /// What a checkpoint says of it.
        signed: Signed,
    },
    /// A row has no event in the log.
    NoEvent {
        /// What a checkpoint says of it.
        signed: Signed,
    },
    /// Both are there, and are not the same event.
    Differs {
        /// The columns that say something else than the event.
        columns: Vec<String>,
        /// What a checkpoint says of it.
        signed: Signed,
    },
    /// The row's chain does not follow from the rows before it.
    Unlinked,
    /// An event of a bundle does not come to the chain that stands beside it.
    Unchained,
    /// Log and audit log agree, and do not come to what was signed: both were changed, and the chain computed anew.
    Recomputed {
        /// The place of the last event that is as it was signed.
        after: u64,
        /// The checkpoint that the chain does not come to.
        checkpoint: u32,
        /// How many events it covers, as signed.
        signed_events: u64,
        /// How many there are.
        events: u64,
    },
    /// What a checkpoint covers is not there any more.
    Truncated {
        /// The checkpoint.
        checkpoint: u32,
        /// Up to where it covers the log.
        covers: u64,
        /// Where the log ends, or where the audit log has read to.
        ends: u64,
        /// Which of the two.
        of: Store,
    },
    /// The end of the chain that is kept beside the rows is not the end of the rows.
    Head,
    /// A checkpoint is not as it was signed, or was signed by another key.
    Signature {
        /// Its number.
        checkpoint: u32,
    },
    /// A checkpoint does not follow the one before it.
    Broken {
        /// Its number.
        checkpoint: u32,
        /// Why not.
        why: String,
    },
    /// A checkpoint that is known from elsewhere is not among those kept.
    NoCheckpoint {
        /// Its number.
        checkpoint: u32,
        /// Where it is known from.
        known_from: String,
    },
    /// Two signed checkpoints have one number: the signer was made to sign another history.
    TwoCheckpoints {
        /// Their number.
        checkpoint: u32,
        /// Where the other one is known from.
        known_from: String,
    },
}

/// Which of two that differ comes to what the next checkpoint signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// The log is as signed: the audit log was changed.
    Log,
    /// The audit log is as signed: the log was changed.
    AuditLog,
    /// Neither: both were changed.
    Neither,
    /// No checkpoint covers it yet.
    NotYet,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// EVENTS.
    Log,
    /// Postgres.
    AuditLog,
    /// A file.
    Bundle,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "the log",
            Self::AuditLog => "the audit log",
            Self::Bundle => "the bundle",
        })
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "the log is as signed, so the audit log was changed",
            Self::AuditLog => "the audit log is as signed, so the log was changed",
            Self::Neither => "neither comes to what was signed, so both were changed",
            Self::NotYet => "no checkpoint covers it yet, so which of the two was changed cannot be told",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRow { signed } => write!(f, "is in the log and not in the audit log: {signed}"),
            Self::NoEvent { signed } => write!(f, "is in the audit log and not in the log: {signed}"),
            Self::Differs { columns, signed } => {
                write!(f, "its audit row says something else than the log ({}): {signed}", columns.join(", "))
            }
            Self::Unlinked => f.write_str("its audit row's chain_hash does not follow from the rows before it: it was changed"),
            Self::Unchained => f.write_str("does not come to the chain that stands beside it: it, or an event before it, was changed, removed or added"),
            Self::Recomputed { after, checkpoint, signed_events, events } => write!(
                f,
                "events behind {after} are not those that checkpoint {checkpoint} signed ({signed_events} then, {events} now): they were \
                 changed, and the chain computed anew"
            ),
            Self::Truncated { checkpoint, covers, ends, of } => write!(
                f,
                "checkpoint {checkpoint} covers events up to {covers}, and {of} ends at {ends}: {}",
                if covers > ends { "the newest events were removed" } else { "the checkpoint that covers the rest was removed" }
            ),
            Self::Head => f.write_str("the end of the chain in audit_heads is not the end of the rows: it was changed"),
            Self::Signature { checkpoint } => {
                write!(f, "checkpoint {checkpoint} is not as this key signed it: it was changed, or signed with another key")
            }
            Self::Broken { checkpoint, why } => write!(f, "checkpoint {checkpoint} does not follow the one before it: {why}"),
            Self::NoCheckpoint { checkpoint, known_from } => {
                write!(f, "checkpoint {checkpoint} is known from {known_from} and is not kept any more: it was removed")
            }
            Self::TwoCheckpoints { checkpoint, known_from } => {
                write!(f, "checkpoint {checkpoint} is another than the one known from {known_from}: one of them replaced the other")
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenant {}", self.tenant)?;
        if let Some(sequence) = self.sequence {
            write!(f, ", event {sequence}")?;
        }
        if let Some(id) = self.event_id {
            write!(f, " ({id})")?;
        }
        write!(f, ": {}", self.difference)
    }
}
