//! Facts about paid vendors: every question that was asked or refused, with its cost, and what vendors told about a lead.
//!
//! What was asked, what was answered and any secret stay out of `vendor.called`; personal values are [`Pii`].

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Pii, Route, Step, lead::Page};

/// How a question to a vendor ended. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// The vendor answered.
    Answered,
    /// An answer bought before was used: nothing was asked and nothing paid.
    Cached,
    /// A cap of the tenant has no room for the worst case: nothing was asked.
    RefusedCap,
    /// The vendor's rate limit persisted.
    RateLimited,
    /// The vendor's quota or credits are gone.
    Quota,
    /// The vendor refused the key.
    KeyRefused,
    /// The vendor's breaker is open: nothing was asked.
    BreakerOpen,
    /// The vendor answered with an error, or not at all; nothing is charged.
    Failed,
    /// It was asked and no answer is known: charged at the maximum.
    Unknown,
}

impl CallStatus {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Cached => "cached",
            Self::RefusedCap => "refused_cap",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::KeyRefused => "key_refused",
            Self::BreakerOpen => "breaker_open",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether there is no answer.
    #[must_use]
    pub fn is_error(self) -> bool {
        !matches!(self, Self::Answered | Self::Cached)
    }
}

/// A vendor was asked a question for a lead, or was not, and what that cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VendorCalled {
    /// How the question went.
    pub step: Step,
    /// Which vendor: `tavily`, `lusha`, `zerobounce`, `openai`.
    pub vendor: String,
    /// What it was asked to do: `search`, `extract`, `contacts`, `validate`, `chat`, `embed`.
    pub operation: String,
    /// What for: `domain`, `site_text`, `contacts`, `verification`, `extraction`, `rationale`, `similarity`.
    pub purpose: String,
    /// The rule that allowed or refused it, in words.
    pub because: String,
    /// What the vendor counts, such as credits or addresses. A decimal in a string.
    #[schemars(with = "String", regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub units: Decimal,
    /// Tokens read by a model.
    pub tokens_input: u64,
    /// Tokens written by a model.
    pub tokens_output: u64,
    /// What it cost in US dollars. A decimal in a string.
    #[schemars(with = "String", regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"))]
    pub cost_usd: Decimal,
    /// From the first request to the answer, in milliseconds; 0 when nothing was asked.
    pub latency_ms: u64,
    /// How it ended.
    pub status: CallStatus,
    /// The last HTTP status (RFC 9110), where there was one.
    pub http_status: Option<u16>,
    /// Requests sent for it, retries included. A batch shared by several leads is counted on one of them.
    pub requests: u32,
    /// How many of them met the vendor's rate limit.
    pub rate_limit_hits: u32,
    /// Whether the vendor said that its quota or credits are gone.
    pub quota_exhausted: bool,
    /// Whether an answer bought before was used.
    pub cache_hit: bool,
    /// The ledger's row, where money was set aside for it.
    pub ledger_id: Option<Uuid>,
}

/// What a vendor read of the company's site, beside what we read ourselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VendorRead {
    /// How the reading went; `vendor` is among its arguments.
    pub step: Step,
    /// The registrable domain.
    pub domain: String,
    /// The pages that the vendor read, in order.
    pub pages: Vec<Page>,
    /// How many pages were not read, by reason.
    #[serde(default)]
    pub skipped: BTreeMap<String, u32>,
    /// What it came to together with our own visit: `complete`, `high_signal`, `thin`, `nothing`.
    pub verdict: String,
    /// The measured values that the verdict rests on, such as `words` and `emails`.
    pub measured: BTreeMap<String, f64>,
    /// What comes next.
    pub route: Route,
}

/// A person whom a vendor named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoundContact {
    /// The name; field name for sealing: `contact.name`.
    pub name: Pii<String>,
    /// First name, if told apart; `contact.first_name`.
    #[serde(default)]
    pub first_name: Option<Pii<String>>,
    /// Last name, if told apart; `contact.last_name`.
    #[serde(default)]
    pub last_name: Option<Pii<String>>,
    /// Title in the company; `contact.role_title`.
    pub role_title: Option<Pii<String>>,
    /// Business address that passed the tenant's policy; `contact.email`.
    pub email: Option<Pii<String>>,
    /// Phone in E.164; `contact.phone`.
    pub phone: Option<Pii<String>>,
    /// Profile link; `contact.profile`.
    pub profile: Option<Pii<String>>,
    /// The vendor's own id of the person, to ask again without paying again; `contact.vendor_id`.
    pub vendor_id: Option<Pii<String>>,
    /// Whether the address is a role's mailbox rather than a person's.
    #[serde(default)]
    pub role_account: bool,
    /// Whether the address is at the company's own domain.
    #[serde(default)]
    pub own_domain: bool,
    /// The vendor.
    pub source: String,
    /// Why the vendor was asked, in words.
    pub because: String,
    /// Whether the title is one that the tenant looks for.
    pub wanted: bool,
}

/// What a vendor told about whom to talk to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContactsFound {
    /// How the look-up went.
    pub step: Step,
    /// The vendor's own id of the company.
    #[serde(default)]
    pub vendor_company_id: Option<String>,
    /// People with wanted titles first.
    pub contacts: Vec<FoundContact>,
    /// How many were left out, by reason: the tenant's policy, an erased person, ….
    #[serde(default)]
    pub dropped: BTreeMap<String, u32>,
    /// What comes next.
    pub route: Route,
}
