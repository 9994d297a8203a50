//! The ideal customer profile (ICP): which companies a tenant wants, and whom to talk to there.
//!
//! Every key is optional, a key left out (or `null`) asks for nothing. Labels are compared in [`normalise_label`]'s form.
//!
//! | Key | Asks for | A company of which it is not known |
//! |---|---|---|
//! | `industries` | one of these industries (`industry_norm`), or one of `ssic_codes` | is left out |
//! | `ssic_codes` | an SSIC section (`G`) or a code of 2 to 5 digits, which covers all codes below it | is left out |
//! | `employee_range` | `employees_est` from `min` to `max`, both included | passes |
//! | `incorporation_year` | incorporated from `min` to `max`, both included | passes |
//! | `revenue_bucket` | this revenue label, as the tenant's own company list writes it (the registry has none) | passes |
//! | `geography` | a country or town; `sg` means `singapore` | passes |
//! | `keywords` | words on the site: never a filter, counted in the score | has lower confidence |
//! | `exclude` | words in the name or industry, a web domain or a UEN that rule a company out | passes |
//! | `titles` | the roles worth contacting; without it, [`TITLES_DEFAULT`] | - |
//! | `schedule` | `nightly`, `nightly at HH:MM` (Singapore time) or `off`; without it, `nightly` | - |
//!
//! A company that passes for want of evidence gets a lower confidence, not a lower score.

mod admits;
mod errors;
mod read;
mod schedule;
mod stems;
mod words;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

pub use admits::{CompanyFacts, Refusal};
pub use errors::{IcpError, IcpErrors};
pub use schedule::{Schedule, UnknownSchedule};
pub use stems::{has_all, may_have_all, stems};
pub use words::{Words, normalise_label, title_is_wanted};

/// The roles worth contacting when a tenant names none.
pub const TITLES_DEFAULT: [&str; 11] = [
    "founder",
    "owner",
    "ceo",
    "managing director",
    "general manager",
    "head of sales",
    "director of sales",
    "head of marketing",
    "director of marketing",
    "head of operations",
    "director of operations",
];

/// A tenant's ideal customer profile, read and checked: no unknown key, no reversed range, no empty label.
///
/// Deserialising checks as much as [`IcpDocument::parse`] does; only the SSIC reference needs [`IcpDocument::check_ssic`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct IcpDocument {
    /// Industries, normalised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub industries: Vec<String>,
    /// SSIC sections (a letter) or codes of 2 to 5 digits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssic_codes: Vec<String>,
    /// Estimated number of employees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_range: Option<Bounds>,
    /// Year of incorporation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incorporation_year: Option<Bounds>,
    /// Revenue label, normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenue_bucket: Option<String>,
    /// Countries or towns, normalised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub geography: Vec<String>,
    /// Words looked for on the site, normalised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Words, domains or UENs that rule a company out, normalised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Contact titles, normalised; empty means [`TITLES_DEFAULT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<String>,
    /// When runs start by themselves; absent means nightly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

impl IcpDocument {
    /// Reads a document; on refusal returns every error in it, by the names of its keys, not only the first.
    pub fn parse(text: &str) -> Result<Self, IcpErrors> {
        Self::parse_with(text, &|_| true)
    }

    /// Reads a document and checks its SSIC codes in one go, so that a person sees all there is to cure at once.
    pub fn parse_with(text: &str, known_ssic: &dyn Fn(&str) -> bool) -> Result<Self, IcpErrors> {
        let value = serde_json::from_str(text).map_err(|error| IcpErrors::not_json(&error))?;
        read::document(&value, known_ssic)
    }

    /// Refuses SSIC codes that the reference does not have.
    pub fn check_ssic(&self, known: &dyn Fn(&str) -> bool) -> Result<(), IcpErrors> {
        let unknown = self.ssic_codes.iter().enumerate().filter(|(_, code)| !known(code));
        IcpErrors::none_or(unknown.map(|(index, code)| IcpError::unknown_ssic(index, code)).collect())
    }

    /// The titles to look for: the tenant's, or the default ones.
    pub fn wanted_titles(&self) -> Vec<&str> {
        if self.titles.is_empty() { TITLES_DEFAULT.to_vec() } else { self.titles.iter().map(String::as_str).collect() }
    }

    /// The profile's keywords that occur in a text.
    pub fn keywords_found(&self, text: &str) -> Vec<&str> {
        let words = Words::of(text);
        let found = self.keywords.iter().filter(|keyword| words.contain(keyword));
        found.map(String::as_str).collect()
    }
}

impl<'de> Deserialize<'de> for IcpDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        read::document(&value, &|_| true).map_err(de::Error::custom)
    }
}

/// A range with both ends included; an end left out is open. Never reversed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The smallest number that is inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// The largest number that is inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

impl Bounds {
    /// Whether the number is inside.
    pub fn contains(self, number: u32) -> bool {
        self.nearest(number) == number
    }

    /// The number inside the range that is nearest to `number`.
    pub fn nearest(self, number: u32) -> u32 {
        let raised = self.min.map_or(number, |min| number.max(min));
        self.max.map_or(raised, |max| raised.min(max))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (Some(min), None) => write!(f, "{min} or more"),
            (None, Some(max)) => write!(f, "up to {max}"),
            (None, None) => write!(f, "any"),
        }
    }
}

#[cfg(test)]
mod tests;
