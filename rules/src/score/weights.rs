//! What a tenant holds important, and from where a lead counts as High or Medium.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Bucket;
use crate::features::Feature;

/// How much each feature counts against the others; only their proportions matter. What a tenant leaves out keeps its
/// default, 0 takes a feature out. Weights are kept in thousandths, so that stored ones read back as the same numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<Feature, f64>")]
pub struct Weights(BTreeMap<Feature, f64>);

/// The heaviest weight there is, which keeps sums far from the ends of a float.
const WEIGHT_MAX: f64 = 1_000.0;

/// A weight cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the weight {weight} of {} is not a number from 0 to {WEIGHT_MAX}", .feature.as_str())]
pub struct WeightsError {
    /// Whose weight it is.
    pub feature: Feature,
    /// The weight.
    pub weight: f64,
}

impl Weights {
    /// The default weights with some of them changed.
    pub fn new(changed: BTreeMap<Feature, f64>) -> Result<Self, WeightsError> {
        if let Some((&feature, &weight)) = changed.iter().find(|(_, weight)| !(0.0..=WEIGHT_MAX).contains(*weight)) {
            return Err(WeightsError { feature, weight });
        }
        let mut weights = Self::default();
        weights.0.extend(changed.into_iter().map(|(feature, weight)| (feature, rounded(weight, 1_000.0))));
        Ok(weights)
    }

    /// The weight of a feature.
    pub fn of(&self, feature: Feature) -> f64 {
        self.0.get(&feature).copied().unwrap_or(0.0)
    }
}

impl Default for Weights {
    fn default() -> Self {
        let weight = |feature| match feature {
            Feature::IndustryFit => 20.0,
            Feature::KeywordFit | Feature::Contacts => 15.0,
            Feature::EmployeeFit | Feature::BusinessEmail => 10.0,
            Feature::SiteQuality | Feature::Similarity => 8.0,
            Feature::VerifiedEmail => 7.0,
            Feature::GeographyFit | Feature::HasSite | Feature::AgeFit | Feature::Hiring => 5.0,
            Feature::RevenueFit => 4.0,
            Feature::DomainConfidence | Feature::Technologies | Feature::SocialPresence => 3.0,
        };
        Self(Feature::ALL.into_iter().map(|feature| (feature, weight(feature))).collect())
    }
}

impl TryFrom<BTreeMap<Feature, f64>> for Weights {
    type Error = WeightsError;

    fn try_from(changed: BTreeMap<Feature, f64>) -> Result<Self, WeightsError> {
        Self::new(changed)
    }
}

/// Rounds to whole parts. Adding zero turns -0 into 0, which would otherwise print and hash as another value.
pub(crate) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts + 0.0
}

/// From which score on a lead is in a bucket. Kept to four decimal places, as scores are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Unchecked")]
pub struct Thresholds {
    /// High from this score on.
    pub high: f64,
    /// Medium from this score on.
    pub medium: f64,
    /// High only from this confidence on.
    pub high_confidence: f64,
}

/// The thresholds cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ThresholdsError {
    /// A threshold stands outside its range.
    #[error("the thresholds must be numbers from 0 to 1")]
    OutOfRange,
    /// Medium would begin above High.
    #[error("the threshold of Medium ({medium}) is above that of High ({high})")]
    Reversed {
        /// Given for High.
        high: f64,
        /// Given for Medium.
        medium: f64,
    },
}

impl Thresholds {
    /// Checked thresholds.
    pub fn new(high: f64, medium: f64, high_confidence: f64) -> Result<Self, ThresholdsError> {
        if ![high, medium, high_confidence].iter().all(|number| (0.0..=1.0).contains(number)) {
            return Err(ThresholdsError::OutOfRange);
        }
        if medium > high {
            return Err(ThresholdsError::Reversed { high, medium });
        }
        Ok(Self { high, medium, high_confidence })
    }

    /// Where a score belongs by its value alone.
    pub fn bucket(&self, value: f64) -> Bucket {
        if value >= self.high {
            Bucket::High
        } else if value >= self.medium {
            Bucket::Medium
        } else {
            Bucket::Low
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { high: 0.7, medium: 0.45, high_confidence: 0.5 }
    }
}

/// Thresholds as a tenant writes them, before they are checked.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Thresholds")]
struct Unchecked {
    /// High from this score on.
    high: f64,
    /// Medium from this score on.
    medium: f64,
    /// High only from this confidence on.
    high_confidence: f64,
}

impl Default for Unchecked {
    fn default() -> Self {
        let Thresholds { high, medium, high_confidence } = Thresholds::default();
        Self { high, medium, high_confidence }
    }
}

impl TryFrom<Unchecked> for Thresholds {
    type Error = ThresholdsError;

    fn try_from(given: Unchecked) -> Result<Self, ThresholdsError> {
        Self::new(given.high, given.medium, given.high_confidence)
    }
}
