//! Facts about what people are entitled to: suppression, consent, a copy of their data, erasure. Told in counts and random ids: none of them
//! holds personal data, and none can hold any.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Step, SubjectId};

/// Addresses, domains, companies or numbers must not be contacted from now on, and what was found of them is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suppressed {
    /// The command; `source` is among its arguments: `import` or `command`.
    pub step: Step,
    /// How many are new, by kind.
    pub added: BTreeMap<String, u64>,
    /// How many were suppressed already.
    pub known: u64,
    /// Lines that could not be used.
    pub quarantined: u64,
    /// SHA-256 over the file's bytes, lower-case hex, where there was one.
    pub content_hash: Option<String>,
}

/// Suppressions were lifted: what is found from now on may be contacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lifted {
    /// The command.
    pub step: Step,
    /// How many, by kind.
    pub lifted: BTreeMap<String, u64>,
}

/// A consent was recorded, or withdrawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consent {
    /// The command.
    pub step: Step,
    /// The record's random id: who agreed is found through it alone.
    pub consent_id: Uuid,
    /// When the person agreed, or took it back.
    pub at: DateTime<Utc>,
}

/// A copy of what is known of a person was made for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// The command.
    pub step: Step,
    /// Under which random ids the person was known.
    pub subjects: Vec<SubjectId>,
    /// Events in the copy.
    pub events: u64,
    /// Rows in the copy.
    pub rows: u64,
}

/// What was kept for as long as the tenant's settings say is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forgotten {
    /// The pass; its attempt is the pass's number.
    pub step: Step,
    /// The day in Singapore on which it was written down what was to go.
    pub day: NaiveDate,
    /// Rows that were to go, by table, counted before anything was removed.
    pub planned: BTreeMap<String, u64>,
    /// Rows that went, by table; `keys` are people whose key was destroyed. A pass that was cut off may have removed more than it tells.
    pub removed: BTreeMap<String, u64>,
}

/// A person was erased: their keys are gone, and so is what named them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// The command; its attempt is the erasure's number.
    pub step: Step,
    /// Under which random ids the person was known: the tombstones.
    pub subjects: Vec<SubjectId>,
    /// What was removed or cleared, by place.
    pub removed: BTreeMap<String, u64>,
    /// What keeps them from coming back, by kind.
    pub suppressed: BTreeMap<String, u64>,
    /// What could not be removed yet, by place elsewhere, such as `odoo`: it is tried again until it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<String, u64>,
}
