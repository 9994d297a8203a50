//! What a tenant may set differently from the defaults: a type per section, one place for whoever reads a section and whoever sets it.
//!
//! A section that is missing, or a key of it that is missing, means the default; an unknown key is an error that names it. What no type
//! can say, such as a share above a hundred percent, [`Section::problem`] says. The section `vendors` is the crate `presdr-vendors`'.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    distribution::DistributionLimits,
    email_policy::FreeMail,
    features::Feature,
    score::{Thresholds, Weights},
};

/// A section of a tenant's settings.
pub trait Section: Serialize + DeserializeOwned + Default {
    /// Its permanent name: the key under which it is stored.
    const NAME: &'static str;

    /// What makes no sense although it can be read: names the key and what it may be.
    fn problem(&self) -> Option<String> {
        None
    }
}

impl Section for Weights {
    const NAME: &'static str = "weights";

    fn problem(&self) -> Option<String> {
        let counts = Feature::ALL.into_iter().any(|feature| self.of(feature) > 0.0);
        (!counts).then(|| "every weight is 0, and then no lead has a score".to_owned())
    }
}

impl Section for Thresholds {
    const NAME: &'static str = "thresholds";
}

/// A tenant's choices about addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmailPolicy {
    /// What becomes of addresses at free-mail providers.
    pub free_mail: FreeMail,
}

impl Section for EmailPolicy {
    const NAME: &'static str = "email_policy";
}

/// From where on a run as a whole is worth an operator's look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlertLimits {
    /// Crawls that fail, in percent of those that were tried.
    pub crawl_errors_percent_max: u32,
    /// Fewer candidates than this are too few.
    pub candidates_min: u64,
    /// When the buckets look wrong.
    pub distribution: DistributionLimits,
}

impl Default for AlertLimits {
    fn default() -> Self {
        Self { crawl_errors_percent_max: 30, candidates_min: 20, distribution: DistributionLimits::default() }
    }
}

impl Section for AlertLimits {
    const NAME: &'static str = "alerts";

    fn problem(&self) -> Option<String> {
        let percents = [
            ("crawl_errors_percent_max", self.crawl_errors_percent_max),
            ("distribution.share_percent_max", self.distribution.share_percent_max),
        ];
        percents.into_iter().find_map(|(key, percent)| within(key, percent, 0, 100))
    }
}

/// The most leads one run may have: its target set is one event.
pub const CAP_MAX: u32 = 5_000;

/// When and how much a tenant's runs do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    /// Leads per run unless a command says otherwise.
    pub daily_cap: u32,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { daily_cap: 20 }
    }
}

impl Section for RunSettings {
    const NAME: &'static str = "schedule";

    fn problem(&self) -> Option<String> {
        within("daily_cap", self.daily_cap, 1, CAP_MAX)
    }
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Pages read and the text made of them, in days: 90, 180 or 365.
    pub text_days: u16,
    /// The audit log and other logs, in days.
    pub log_days: u16,
    /// People, their addresses and numbers, in days after they were last found or verified.
    pub email_days: u16,
    /// Conversations with the chat agent, in days after something was said in them.
    pub thread_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { text_days: 90, log_days: 180, email_days: 365, thread_days: 90 }
    }
}

impl Section for Retention {
    const NAME: &'static str = "retention";

    fn problem(&self) -> Option<String> {
        /// A month: a run that waits for a person is still explained.
        const DAYS_MIN: u32 = 30;
        /// Ten years: longer is for ever.
        const DAYS_MAX: u32 = 3_650;
        if ![90, 180, 365].contains(&self.text_days) {
            return Some(format!("text_days is 90, 180 or 365, not {}", self.text_days));
        }
        within("log_days", self.log_days.into(), DAYS_MIN, DAYS_MAX)
            .or_else(|| within("email_days", self.email_days.into(), DAYS_MIN, DAYS_MAX))
            .or_else(|| within("thread_days", self.thread_days.into(), 1, DAYS_MAX))
    }
}

/// When a run's shortlist is written to the tenant's Odoo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// Once the run is ranked.
    #[default]
    AfterRun,
    /// Only when somebody asks for it.
    AfterApproval,
}

/// What of a run goes to the tenant's Odoo, and when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OdooSettings {
    /// When the shortlist is written there.
    pub push: Push,
    /// From which score on, 0 to 1, a company is a lead in Odoo's CRM, too; none is when this is not set.
    pub leads_from: Option<f64>,
}

impl Section for OdooSettings {
    const NAME: &'static str = "odoo";

    fn problem(&self) -> Option<String> {
        let wrong = self.leads_from.filter(|score| !(0.0..=1.0).contains(score))?;
        Some(format!("leads_from is a score between 0 and 1, not {wrong}"))
    }
}

fn within(key: &str, number: u32, least: u32, most: u32) -> Option<String> {
    (!(least..=most).contains(&number)).then(|| format!("{key} is between {least} and {most}, not {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with the section, read or not.
    fn wrong<T: Section>(json: &str) -> Option<String> {
        match serde_json::from_str::<T>(json) {
            Ok(section) => section.problem(),
            Err(error) => Some(error.to_string()),
        }
    }

    #[test]
    fn the_defaults_hold() {
        assert_eq!(wrong::<Weights>("{}"), None);
        assert_eq!(wrong::<Thresholds>("{}"), None);
        assert_eq!(wrong::<EmailPolicy>("{}"), None);
        assert_eq!(wrong::<AlertLimits>("{}"), None);
        assert_eq!(wrong::<RunSettings>("{}"), None);
        assert_eq!(wrong::<Retention>("{}"), None);
        assert_eq!(wrong::<OdooSettings>("{}"), None);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let said = |wrong: Option<String>, part: &str| {
            let wrong = wrong.unwrap_or_default();
            assert!(wrong.contains(part), "{part:?} is not in {wrong:?}");
        };
        let none = Feature::ALL.into_iter().map(|feature| format!("\"{}\": 0", feature.as_str())).collect::<Vec<_>>();
        said(wrong::<Weights>(&format!("{{{}}}", none.join(","))), "every weight is 0");
        said(wrong::<Weights>(r#"{"industry_fit": -1}"#), "industry_fit");
        said(wrong::<Weights>(r#"{"industrie_fit": 1}"#), "industrie_fit");
        said(wrong::<Thresholds>(r#"{"medium": 0.9}"#), "0.9");
        said(wrong::<EmailPolicy>(r#"{"freemail": "exclude"}"#), "freemail");
        said(wrong::<AlertLimits>(r#"{"crawl_errors_percent_max": 101}"#), "crawl_errors_percent_max");
        said(wrong::<AlertLimits>(r#"{"distribution": {"share_percent_max": 700}}"#), "share_percent_max");
        said(wrong::<AlertLimits>(r#"{"distribution": {"leads": 7}}"#), "leads");
        said(wrong::<RunSettings>(r#"{"daily_cap": 0}"#), "daily_cap");
        said(wrong::<RunSettings>(r#"{"daily_cap": 5001}"#), "5000");
        said(wrong::<Retention>(r#"{"text_days": 91}"#), "90, 180 or 365");
        said(wrong::<Retention>(r#"{"log_days": 29}"#), "log_days");
        said(wrong::<Retention>(r#"{"email_days": 3651}"#), "email_days");
        said(wrong::<OdooSettings>(r#"{"leads_from": 70}"#), "leads_from");
        said(wrong::<OdooSettings>(r#"{"push": "at_noon"}"#), "at_noon");
    }
}
