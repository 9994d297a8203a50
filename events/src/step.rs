//! What a step's event says about the step itself, so that audit, statistics and run logs need no other source.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Attempt, DegradedReason};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// As intended.
    Ok,
    /// With less than intended; the reasons are listed.
    Degraded,
    /// Not at all.
    Failed,
    /// Not attempted, on purpose.
    Skipped,
}

impl StepStatus {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The step that an event reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Which tool did it, by permanent name: `crawl`, `score`, ….
    pub tool: String,
    /// What it was asked, redacted: never a name, address, phone number, full URL or secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
    /// How it ended.
    pub status: StepStatus,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Which try this was, from 1.
    pub attempt: Attempt,
    /// What was missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded_reasons: Vec<DegradedReason>,
}

impl Step {
    /// A step without arguments that ended `Ok`, or `Degraded` when there are reasons.
    #[must_use]
    pub fn done(tool: &str, duration_ms: u64, attempt: Attempt, degraded_reasons: Vec<DegradedReason>) -> Self {
        let status = if degraded_reasons.is_empty() { StepStatus::Ok } else { StepStatus::Degraded };
        Self { tool: tool.to_owned(), arguments: BTreeMap::new(), status, duration_ms, attempt, degraded_reasons }
    }

    /// The same with one more argument.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.arguments.insert(name.to_owned(), value.to_string());
        self
    }
}

/// Where the lead goes next, and why: written down so that anyone can see later why a vendor was or was not called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The next step's permanent name, such as `crawl`, `extract`, `verify`, `score`.
    pub next: String,
    /// The rule that chose it, in words.
    pub because: String,
}
