//! What is known about a lead, as numbers from 0 (speaks against it) to 1 (speaks for it).
//!
//! Missing is not negative: evidence that could not be had is `null`, what the profile does not ask for is absent. Values
//! are kept in whole hundredths, so that equal evidence gives equal bytes and an equal cache key.

mod measure;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::score::rounded;

pub use measure::{DomainFinding, EmailFindings, LeadFacts, SiteFindings, contact_lookup, features};

/// One thing that speaks for or against a lead. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The company is in a wanted industry.
    IndustryFit,
    /// Its number of employees is in the range, or near it.
    EmployeeFit,
    /// It was incorporated in the range of years, or near it.
    AgeFit,
    /// It has the wanted revenue label.
    RevenueFit,
    /// It is in a wanted place.
    GeographyFit,
    /// Its site uses the profile's keywords.
    KeywordFit,
    /// It has a web site.
    HasSite,
    /// How sure it is that the web site is this company's.
    DomainConfidence,
    /// Its site says enough about it.
    SiteQuality,
    /// A business address was found.
    BusinessEmail,
    /// The addresses found were verified.
    VerifiedEmail,
    /// People with wanted titles were found.
    Contacts,
    /// It looks for staff.
    Hiring,
    /// Its site shows the technologies it uses.
    Technologies,
    /// It keeps social profiles.
    SocialPresence,
    /// It describes itself as the tenant's sample customers do.
    Similarity,
}

impl Feature {
    /// All features, in the order in which ties are broken.
    pub const ALL: [Self; 16] = [
        Self::IndustryFit,
        Self::EmployeeFit,
        Self::AgeFit,
        Self::RevenueFit,
        Self::GeographyFit,
        Self::KeywordFit,
        Self::HasSite,
        Self::DomainConfidence,
        Self::SiteQuality,
        Self::BusinessEmail,
        Self::VerifiedEmail,
        Self::Contacts,
        Self::Hiring,
        Self::Technologies,
        Self::SocialPresence,
        Self::Similarity,
    ];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IndustryFit => "industry_fit",
            Self::EmployeeFit => "employee_fit",
            Self::AgeFit => "age_fit",
            Self::RevenueFit => "revenue_fit",
            Self::GeographyFit => "geography_fit",
            Self::KeywordFit => "keyword_fit",
            Self::HasSite => "has_site",
            Self::DomainConfidence => "domain_confidence",
            Self::SiteQuality => "site_quality",
            Self::BusinessEmail => "business_email",
            Self::VerifiedEmail => "verified_email",
            Self::Contacts => "contacts",
            Self::Hiring => "hiring",
            Self::Technologies => "technologies",
            Self::SocialPresence => "social_presence",
            Self::Similarity => "similarity",
        }
    }
}

/// The evidence for one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// From 0 to 1.
    Known(f64),
    /// It matters, but could not be had.
    Missing,
    /// The profile does not ask for it, so it counts neither way.
    NotAsked,
}

/// The features of one lead: a number where known, `null` where missing, absent where not asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "BTreeMap<Feature, Option<f64>>")]
pub struct Features(BTreeMap<Feature, Option<f64>>);

impl Features {
    /// Sets one feature; a number is held within 0 and 1 and rounded to hundredths, and what is no number is missing.
    pub fn set(&mut self, feature: Feature, evidence: Evidence) {
        match evidence {
            Evidence::Known(value) if !value.is_nan() => self.0.insert(feature, Some(hundredths(value))),
            Evidence::Known(_) | Evidence::Missing => self.0.insert(feature, None),
            Evidence::NotAsked => self.0.remove(&feature),
        };
    }

    /// The same features with one of them changed.
    #[must_use]
    pub fn with(mut self, feature: Feature, evidence: Evidence) -> Self {
        self.set(feature, evidence);
        self
    }

    /// The evidence for one feature.
    pub fn get(&self, feature: Feature) -> Evidence {
        match self.0.get(&feature) {
            Some(Some(value)) => Evidence::Known(*value),
            Some(None) => Evidence::Missing,
            None => Evidence::NotAsked,
        }
    }

    /// Every feature that is asked for, in [`Feature::ALL`]'s order; `None` where its evidence is missing.
    pub fn asked(&self) -> impl Iterator<Item = (Feature, Option<f64>)> {
        self.0.iter().map(|(feature, value)| (*feature, *value))
    }
}

impl From<BTreeMap<Feature, Option<f64>>> for Features {
    fn from(stored: BTreeMap<Feature, Option<f64>>) -> Self {
        let evidence = |value: Option<f64>| value.map_or(Evidence::Missing, Evidence::Known);
        stored.into_iter().fold(Self::default(), |features, (feature, value)| features.with(feature, evidence(value)))
    }
}

fn hundredths(value: f64) -> f64 {
    rounded(value.clamp(0.0, 1.0), 100.0)
}

/// What is known of people with wanted titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactLookup {
    /// So many were found.
    Found(u32),
    /// They were looked for, and there are none to be had.
    None,
    /// They could not be looked for.
    Unavailable,
}

impl ContactLookup {
    /// One person is worth most of it, a third completes it.
    pub fn evidence(self) -> Evidence {
        match self {
            Self::Found(0) | Self::None => Evidence::Known(0.0),
            Self::Found(1) => Evidence::Known(0.7),
            Self::Found(2) => Evidence::Known(0.85),
            Self::Found(_) => Evidence::Known(1.0),
            Self::Unavailable => Evidence::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_listed_in_their_order_under_their_stored_names() {
        assert!(Feature::ALL.is_sorted());
        assert_eq!(serde_json::to_value(Feature::ALL).unwrap(), serde_json::json!(Feature::ALL.map(Feature::as_str)));
    }

    #[test]
    fn stored_features_tell_known_missing_and_not_asked_apart() {
        let features = Features::default()
            .with(Feature::IndustryFit, Evidence::Known(0.123_456))
            .with(Feature::Contacts, Evidence::Missing)
            .with(Feature::AgeFit, Evidence::NotAsked);
        let json = serde_json::to_string(&features).unwrap();
        insta::assert_snapshot!(json, @r#"{"industry_fit":0.12,"contacts":null}"#);
        assert_eq!(serde_json::from_str::<Features>(&json).unwrap(), features);
    }

    #[test]
    fn numbers_from_outside_are_held_within_bounds() {
        let features: Features = serde_json::from_str(r#"{"has_site": 7, "hiring": -0.001}"#).unwrap();
        assert_eq!(features.get(Feature::HasSite), Evidence::Known(1.0));
        assert_eq!(serde_json::to_string(&features).unwrap(), r#"{"has_site":1.0,"hiring":0.0}"#);
        assert_eq!(features.with(Feature::Hiring, Evidence::Known(f64::NAN)).get(Feature::Hiring), Evidence::Missing);
    }
}
