//! What a tenant allows: switches and caps, the section `vendors` of its settings.

use presdr_rules::settings::Section;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Purpose, Vendor, prices::amount};

/// The section's name.
pub(crate) const SECTION: &str = VendorSettings::NAME;

/// What a tenant allows; what is not said is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VendorSettings {
    /// Whether the web may be searched for domains, and sites be read, by a vendor.
    pub search: bool,
    /// Whether people may be looked up.
    pub contacts: bool,
    /// Whether addresses may be verified.
    pub verification: bool,
    /// Whether a model may fill fields that our own extraction left empty.
    pub ai_extraction: bool,
    /// Whether a model may word rationales.
    pub ai_rationale: bool,
    /// Whether texts may be compared with those of sample customers.
    pub similarity: bool,
    /// Whether a model may be asked what a line of a conversation means.
    pub ai_chat: bool,
    /// What may be used up.
    pub caps: Caps,
}

impl Default for VendorSettings {
    fn default() -> Self {
        Self {
            search: true,
            contacts: true,
            verification: true,
            ai_extraction: true,
            ai_rationale: true,
            similarity: true,
            ai_chat: true,
            caps: Caps::default(),
        }
    }
}

impl Section for VendorSettings {
    const NAME: &'static str = "vendors";

    fn problem(&self) -> Option<String> {
        /// More than the ledger counts, and than anyone buys.
        const AMOUNT_MAX: u64 = 1_000_000_000_000;
        let Caps { tavily_calls, lusha_lookups, zerobounce_verifications, openai_tokens, usd } = &self.caps;
        let caps = [
            ("tavily_calls", tavily_calls),
            ("lusha_lookups", lusha_lookups),
            ("zerobounce_verifications", zerobounce_verifications),
            ("openai_tokens", openai_tokens),
            ("usd", usd),
        ];
        let most = Decimal::from(AMOUNT_MAX);
        let over = caps.iter().find(|(_, cap)| [cap.day, cap.run].into_iter().flatten().any(|amount| amount > most));
        over.map(|(name, _)| format!("caps.{name} is at most {AMOUNT_MAX}; null means no limit"))
    }
}

impl VendorSettings {
    /// Whether a vendor may be asked for this.
    #[must_use]
    pub fn allows(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Domain | Purpose::SiteText => self.search,
            Purpose::Contacts => self.contacts,
            Purpose::Verification => self.verification,
            Purpose::Extraction => self.ai_extraction,
            Purpose::Rationale => self.ai_rationale,
            Purpose::Similarity => self.similarity,
            Purpose::Chat => self.ai_chat,
        }
    }
}

/// What may be used up of each meter, and of money in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Calls to Tavily.
    pub tavily_calls: Cap,
    /// Companies and people looked up at Lusha.
    pub lusha_lookups: Cap,
    /// Addresses verified by ZeroBounce.
    pub zerobounce_verifications: Cap,
    /// Tokens read and written by OpenAI.
    pub openai_tokens: Cap,
    /// US dollars, over all vendors.
    pub usd: Cap,
}

/// What may be used up in a day (in Singapore) and in a run; none means no limit of that kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cap {
    /// In a day.
    #[serde(deserialize_with = "cap")]
    pub day: Option<Decimal>,
    /// In a run.
    #[serde(deserialize_with = "cap")]
    pub run: Option<Decimal>,
}

fn cap<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    #[derive(Deserialize)]
    struct Amount(#[serde(deserialize_with = "amount")] Decimal);
    Ok(Option::<Amount>::deserialize(deserializer)?.map(|amount| amount.0))
}

impl Cap {
    /// So much a day.
    #[must_use]
    pub fn day(amount: u64) -> Self {
        Self { day: Some(amount.into()), run: None }
    }

    /// So much a run.
    #[must_use]
    pub fn run(amount: u64) -> Self {
        Self { day: None, run: Some(amount.into()) }
    }
}

impl Default for Caps {
    /// Enough for a nightly run of twenty leads and some on demand; a tenant with more says so.
    fn default() -> Self {
        Self {
            tavily_calls: Cap { day: Some(500.into()), run: Some(200.into()) },
            lusha_lookups: Cap::run(200),
            zerobounce_verifications: Cap::day(1_000),
            openai_tokens: Cap::day(5_000_000),
            usd: Cap::day(25),
        }
    }
}

impl Caps {
    /// The cap on a vendor's meter.
    #[must_use]
    pub fn of(&self, vendor: Vendor) -> &Cap {
        match vendor {
            Vendor::Tavily => &self.tavily_calls,
            Vendor::Lusha => &self.lusha_lookups,
            Vendor::ZeroBounce => &self.zerobounce_verifications,
            Vendor::OpenAi => &self.openai_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_default() {
        let settings: VendorSettings = serde_json::from_str(
            r#"{"contacts": false, "caps": {"usd": {"day": "1.50"}, "tavily_calls": {"day": 7}}}"#,
        )
        .unwrap();
        assert!(settings.allows(Purpose::Domain) && !settings.allows(Purpose::Contacts));
        assert_eq!(settings.caps.usd, Cap { day: Some("1.50".parse().unwrap()), run: None });
        assert_eq!(settings.caps.tavily_calls, Cap::day(7));
        assert_eq!(settings.caps.lusha_lookups, Caps::default().lusha_lookups);
        let stored = serde_json::to_value(&settings).unwrap();
        assert_eq!(serde_json::from_value::<VendorSettings>(stored).unwrap(), settings);
    }

    #[test]
    fn an_amount_that_nobody_buys_is_a_problem() {
        let settings = |json: &str| serde_json::from_str::<VendorSettings>(json).unwrap();
        assert_eq!(VendorSettings::default().problem(), None);
        assert_eq!(settings(r#"{"caps": {"usd": {"day": null}}}"#).problem(), None);
        let problem = settings(r#"{"caps": {"openai_tokens": {"run": 1000000000001}}}"#).problem().unwrap();
        assert!(problem.contains("caps.openai_tokens"), "{problem}");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = serde_json::from_str::<VendorSettings>(r#"{"serach": false}"#).unwrap_err().to_string();
        assert!(error.contains("serach"), "{error}");
    }
}
