//! Facts about one lead: a company on its way through one run.
//!
//! Field names are the storage format: add, never edit. Personal values are [`Pii`]; page addresses stay out, since a path may
//! hold a name: a page is told by its kind and content hash.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Pii, Route, Step, SubjectId};

/// The lead may be worked on: one of its tenant's places in flight is its.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Admitted {
    /// How the admission was made.
    pub step: Step,
    /// Its place in the run's target set, from 1.
    pub position: u32,
    /// When the lead times out unless it is terminal by then.
    pub deadline: DateTime<Utc>,
}

/// The company's web domain is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DomainResolved {
    /// How it was found.
    pub step: Step,
    /// The registrable domain, lower case.
    pub domain: String,
    /// Where it came from: `tenant` (own list), `registry`, `guessed` (from the name, checked on the site), `search`.
    pub method: String,
    /// 0 to 1.
    pub confidence: f64,
    /// What spoke for it, in words, without personal data.
    pub evidence: Vec<String>,
    /// What comes next.
    pub route: Route,
}

/// No domain could be attributed to the company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DomainMissing {
    /// How it was looked for.
    pub step: Step,
    /// How many candidates were tried.
    pub tried: u32,
    /// Why the best of them were refused, in words.
    pub refused: Vec<String>,
    /// What comes next.
    pub route: Route,
}

/// One page of a visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Page {
    /// What kind of page: `home`, `about`, `contact`, ….
    pub kind: String,
    /// HTTP status (RFC 9110), 0 when there was no answer.
    pub status: u16,
    /// Body bytes read, after decompression.
    pub bytes: u64,
    /// SHA-256 of the body, lower-case hex.
    pub content_hash: String,
    /// Whether the site said it had not changed since the last visit (304).
    pub not_modified: bool,
    /// Why it was chosen.
    pub because: String,
}

/// What a visit to the company's site came to: the same shape for `lead.crawled`, `lead.thin` and `lead.blocked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visit {
    /// How the visit went.
    pub step: Step,
    /// The registrable domain that answered.
    pub domain: String,
    /// The pages read, in order.
    pub pages: Vec<Page>,
    /// How many pages were passed over, by reason.
    pub skipped: BTreeMap<String, u32>,
    /// What robots.txt said, in words.
    pub robots: String,
    /// Why the visit ended where it did: `complete`, `high_signal`, `thin`, or what blocked it.
    pub verdict: String,
    /// The measured values that the verdict rests on, such as `words` and `emails`.
    pub measured: BTreeMap<String, f64>,
    /// What comes next.
    pub route: Route,
}

/// A business e-mail address found for the company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundEmail {
    /// The address; field name for sealing: `email.address`.
    pub address: Pii<String>,
    /// First name, if known; `email.first_name`.
    pub first_name: Option<Pii<String>>,
    /// Last name, if known; `email.last_name`.
    pub last_name: Option<Pii<String>>,
    /// Title in the company, if known; `email.role_title`.
    pub role_title: Option<Pii<String>>,
    /// Whether it is a role's mailbox (`info@`) rather than a person's.
    pub role_account: bool,
    /// Whether it is at the company's own domain.
    pub own_domain: bool,
    /// Where it was found: `site`, the vendor that read the site, or `model` when a model pointed at it in the text.
    pub source: String,
}

/// A person whom the company's site names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundPerson {
    /// The name as it stands there; field name for sealing: `person.name`.
    pub name: Pii<String>,
    /// Title in the company; `person.role_title`.
    pub role_title: Option<Pii<String>>,
    /// Profile link; `person.profile`.
    pub profile: Option<Pii<String>>,
    /// Whether the title is one that the tenant looks for.
    pub wanted: bool,
    /// Where the person was found: `site`, or `model` when a model pointed at the name in the text.
    #[serde(default = "site")]
    pub source: String,
}

fn site() -> String {
    "site".to_owned()
}

/// What a model added to an extraction: only fields that were left empty, only values that stand in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filled {
    /// Which model.
    pub model: String,
    /// Which wording of the question.
    pub prompt_version: u32,
    /// The fields it filled, such as `about_text` and `emails`.
    pub fields: Vec<String>,
    /// How many of its claims were dropped, by reason: `email_not_in_text`, ….
    pub dropped: BTreeMap<String, u32>,
}

/// What the company's site says, merged over its pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extracted {
    /// How the extraction went.
    pub step: Step,
    /// SHA-256 of the merged text, lower-case hex; the text has a table of its own.
    pub corpus_hash: String,
    /// Words in the merged text.
    pub words: u32,
    /// Characters in the merged text: what tells its length in languages without spaces.
    #[serde(default)]
    pub text_characters: u32,
    /// ISO 639-3 code of the main language.
    pub language: Option<String>,
    /// Technology fingerprints.
    pub technologies: Vec<String>,
    /// Networks on which the company has a profile.
    pub social_networks: Vec<String>,
    /// Whether there is a careers page.
    pub careers: bool,
    /// Open jobs seen.
    pub jobs_count: u32,
    /// ICP keywords that the text holds.
    pub keywords: Vec<String>,
    /// Whether the site shows the company's own UEN or name.
    pub identity_confirmed: bool,
    /// Addresses that passed the tenant's policy.
    pub emails: Vec<FoundEmail>,
    /// People whom the site names.
    #[serde(default)]
    pub people: Vec<FoundPerson>,
    /// Phones in E.164; field name `phone`.
    pub phones: Vec<Pii<String>>,
    /// How many addresses the policy dropped, by reason.
    pub emails_dropped: BTreeMap<String, u32>,
    /// What a model added, if one was asked.
    #[serde(default)]
    pub ai: Option<Filled>,
    /// What comes next.
    pub route: Route,
}

/// What became of one address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedEmail {
    /// Whose address: the subject under which `lead.extracted` sealed it.
    pub subject: SubjectId,
    /// `valid`, `invalid`, `unknown`, ….
    pub status: String,
    /// 0 to 1, where the verifier tells.
    pub confidence: Option<f64>,
    /// Who verified it.
    pub source: String,
    /// The verifier's finer word, such as `role_based`.
    #[serde(default)]
    pub sub_status: Option<String>,
    /// When it was verified: earlier than the event for a verdict that was bought before.
    #[serde(default)]
    pub checked_at: Option<DateTime<Utc>>,
}

/// The lead's addresses were checked as far as was possible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EmailsVerified {
    /// How the check went.
    pub step: Step,
    /// One per address.
    pub emails: Vec<VerifiedEmail>,
    /// What comes next.
    pub route: Route,
}

/// How much one feature moved the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contribution {
    /// The feature.
    pub feature: String,
    /// Its weight after renormalisation.
    pub weight: f64,
    /// Its value, 0 to 1.
    pub value: f64,
    /// weight times value.
    pub points: f64,
}

/// Who worded a rationale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RationaleSource {
    /// Our own rule.
    #[default]
    Deterministic,
    /// A model, for this lead.
    Model,
    /// A model, for a lead with the same features.
    Cache,
}

impl RationaleSource {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deterministic => "deterministic",
            Self::Model => "model",
            Self::Cache => "cache",
        }
    }
}

/// The lead has its score: it is terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// How the scoring went.
    pub step: Step,
    /// 0 to 1, four decimals.
    pub score: f64,
    /// 0 to 1: the share of the weight for which there was evidence.
    pub confidence: f64,
    /// `High`, `Medium` or `Low`.
    pub bucket: String,
    /// What made the score.
    pub contributions: Vec<Contribution>,
    /// The features it was made from.
    pub features: serde_json::Value,
    /// At most two sentences, without personal data.
    pub rationale: String,
    /// Who worded it.
    #[serde(default)]
    pub rationale_source: RationaleSource,
    /// SHA-256 over the quantised features, the model and the prompt version: what the rationale is cached under.
    pub cache_key: String,
    /// Every degraded reason of the lead's way.
    pub degraded_reasons: Vec<crate::DegradedReason>,
}

/// A company of the shortlist was written to the tenant's Odoo, or was not, and why. Companies of which nothing changed have no such event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Synced {
    /// How it went.
    pub step: Step,
    /// `created`, `adopted`, `updated`, `kept`, `unchanged`, `archived`, `deleted`, `ambiguous`, `refused`, `superseded`, `suppressed`,
    /// `left_out`.
    pub outcome: String,
    /// The company's number in Odoo.
    pub partner_id: Option<i64>,
    /// Fields that were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrote: Vec<String>,
    /// Fields that a person changed in Odoo, which were left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// Its contacts by what was done with them.
    pub contacts: BTreeMap<String, u32>,
    /// What was done with its lead in Odoo's CRM, where the tenant wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<String>,
    /// What waits for a person, in presdr's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The lead was let go on purpose: it is terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// The step that let it go.
    pub step: Step,
    /// Why: `cancelled`, `suppressed`, ….
    pub reason: String,
}

/// A step could not be done and waits for a person: the lead is terminal for this run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parked {
    /// The step that could not be done.
    pub step: Step,
    /// The event that it could not answer.
    pub event_id: crate::EventId,
    /// What went wrong, without personal data.
    pub error: String,
}

/// The lead was not terminal at its deadline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimedOut {
    /// The sweep that noticed.
    pub step: Step,
    /// When it should have been done.
    pub deadline: DateTime<Utc>,
}
