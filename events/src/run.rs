//! Facts about one run of a tenant's pipeline.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CompanyId, DegradedReason, Step};

/// Why a run exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// The schedule's: one per tenant and local date.
    Nightly,
    /// A person asked for it.
    Manual,
    /// A person asked for certain companies.
    Named,
}

impl RunKind {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nightly => "nightly",
            Self::Manual => "manual",
            Self::Named => "named",
        }
    }
}

/// A run was claimed and begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    /// The command that started it.
    pub step: Step,
    /// Why there is this run.
    pub kind: RunKind,
    /// The date in Singapore that a nightly run is for.
    pub local_date: Option<NaiveDate>,
    /// At most so many leads.
    pub cap: u32,
    /// The ICP rule that the run is pinned to.
    pub icp_rule: i64,
    /// And its version.
    pub icp_version: u32,
    /// The companies that were asked for, in order; none when the run takes its pick of the candidates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub company_ids: Vec<CompanyId>,
    /// Kinds of pages that must be read, beside the usual choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
}

/// The tenant's candidate companies were chosen afresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidatesRefreshed {
    /// How the refresh went.
    pub step: Step,
    /// Live companies looked at.
    pub before: u64,
    /// How many were left after each filter, by the filter's name.
    pub after_filters: BTreeMap<String, u64>,
    /// The candidates now.
    pub candidates: u64,
    /// How many were not candidates before.
    pub added: u64,
    /// How many are candidates no more.
    pub removed: u64,
    /// Whether the industries alone were used, since the whole ICP matched nothing.
    pub fallback: bool,
}

/// The run's target set was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Targeted {
    /// How the choice went.
    pub step: Step,
    /// The companies, in the order in which they will be admitted.
    pub company_ids: Vec<CompanyId>,
    /// How many candidates there were to choose from.
    pub candidates: u64,
    /// How many of the chosen were never seen before.
    pub never_seen: u32,
}

/// A person changed the course of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Steered {
    /// The command.
    pub step: Step,
    /// Why, if they said so.
    pub reason: Option<String>,
}

/// The run's last lead was terminal and its scored leads were ranked, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shortlisted {
    /// How the ranking went.
    pub step: Step,
    /// The shortlist, best first.
    pub company_ids: Vec<CompanyId>,
    /// How many scored leads each bucket holds.
    pub buckets: BTreeMap<String, u32>,
}

/// Somebody asked for the run's shortlist to be written to the tenant's Odoo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyncRequested {
    /// The command; its attempt is the sync's.
    pub step: Step,
}

/// The run's shortlist was written to the tenant's Odoo, as far as it could be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Synced {
    /// How the sync went.
    pub step: Step,
    /// Records by kind and by what was done with them: `company.created`, `contact.unchanged`, ….
    pub counts: BTreeMap<String, u32>,
    /// Companies of which something waits for a person.
    pub incomplete: u32,
    /// Fields of presdr's own that this Odoo does not have and the account may not make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_fields: Vec<String>,
    /// Why nothing of it could be written, and never can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The run is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Completed {
    /// How it ended.
    pub step: Step,
    /// `completed` or `cancelled`.
    pub status: String,
    /// Candidates there were.
    pub candidates: u64,
    /// Leads that became terminal, by outcome: `scored`, `dropped`, `parked`, `timed_out`.
    pub outcomes: BTreeMap<String, u32>,
    /// Every degraded reason of the run and how many leads have it.
    pub degraded: BTreeMap<String, u32>,
}

/// Something an operator should look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// The check that raised it.
    pub step: Step,
    /// Which alert: `candidates_few`, `crawl_errors_high`, `refresh_failed`, `distribution_skewed`, ….
    pub alert: String,
    /// The measured value, if it has one.
    pub value: Option<f64>,
    /// The limit that it passed.
    pub limit: Option<f64>,
    /// What happened and what to do about it.
    pub message: String,
    /// The degraded reason that it leaves on the run, if any.
    pub degraded: Option<DegradedReason>,
}
