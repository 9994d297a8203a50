//! From features to a score, a confidence and a bucket.
//!
//! The score is the weighted mean of the features that are known: missing evidence lowers the confidence, which is the
//! known share of the weight, and leaves the score alone. Two rules hold a lead below High: contacts that could not be
//! looked up must not lift it there, and neither may a score that rests on too little.

mod weights;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::{Evidence, Feature, Features};

pub(crate) use weights::rounded;
pub use weights::{Thresholds, ThresholdsError, Weights, WeightsError};

/// How promising a lead is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Bucket {
    /// Hardly fits.
    Low,
    /// Fits in part.
    Medium,
    /// Worth a call.
    High,
}

impl Bucket {
    /// The name as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }

    /// The bucket of that name.
    pub fn read(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|bucket| bucket.as_str() == name)
    }
}

/// Why a lead is Medium although its score alone would make it High.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldBelowHigh {
    /// Contacts could not be looked up, and with none it would not be High.
    ContactsUnavailable,
    /// Less of the weight is known than High asks for.
    LowConfidence,
}

/// What one known feature adds to a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contribution {
    /// The feature.
    pub feature: Feature,
    /// Its share of the known weight, 0 to 1, four decimal places.
    pub weight: f64,
    /// Its value, 0 to 1.
    pub value: f64,
    /// Weight times value, four decimal places; but for rounding, the points of all features add up to the score.
    pub points: f64,
}

impl From<Contribution> for presdr_events::lead::Contribution {
    fn from(Contribution { feature, weight, value, points }: Contribution) -> Self {
        Self { feature: feature.as_str().to_owned(), weight, value, points }
    }
}

/// A lead's score, and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// 0 to 1, four decimal places.
    pub value: f64,
    /// The known share of the weight, 0 to 1, four decimal places.
    pub confidence: f64,
    /// Where the tenant's thresholds put it.
    pub bucket: Bucket,
    /// Set when a rule, not the value, decided the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_below_high: Option<HeldBelowHigh>,
    /// Every known feature that has weight, in the features' order.
    pub contributions: Vec<Contribution>,
    /// Every feature that has weight and whose evidence is missing.
    pub missing: Vec<Feature>,
}

/// Scores a lead. With no weight on what is known, the score and its confidence are 0.
pub fn score(features: &Features, weights: &Weights, thresholds: &Thresholds) -> Score {
    let asked: Vec<_> = features.asked().filter(|(feature, _)| weights.of(*feature) > 0.0).collect();
    let total: f64 = asked.iter().map(|(feature, _)| weights.of(*feature)).sum();
    let known = || asked.iter().filter_map(|(feature, value)| value.map(|value| (*feature, value)));
    let known_total: f64 = known().map(|(feature, _)| weights.of(feature)).sum();

    let contribution = |(feature, value): (Feature, f64)| {
        let weight = weights.of(feature) / known_total;
        Contribution { feature, weight, value, points: weight * value }
    };
    let contributions: Vec<_> = known().map(contribution).collect();
    let value = four_places(contributions.iter().map(|contribution| contribution.points).sum());
    let confidence = if total > 0.0 { four_places(known_total / total) } else { 0.0 };
    let held_below_high = held_below_high(features, weights, thresholds, value, confidence);
    Score {
        value,
        confidence,
        bucket: if held_below_high.is_some() { Bucket::Medium } else { thresholds.bucket(value) },
        held_below_high,
        contributions: known().map(contribution).collect(),
        missing: asked.iter().filter(|(_, value)| value.is_none()).map(|(feature, _)| *feature).collect(),
    }
}

fn held_below_high(
    features: &Features,
    weights: &Weights,
    thresholds: &Thresholds,
    value: f64,
    confidence: f64,
) -> Option<HeldBelowHigh> {
    if thresholds.bucket(value) != Bucket::High {
        return None;
    }
    if confidence < thresholds.high_confidence {
        return Some(HeldBelowHigh::LowConfidence);
    }
    if features.get(Feature::Contacts) != Evidence::Missing {
        return None;
    }
    let without_contacts = features.clone().with(Feature::Contacts, Evidence::Known(0.0));
    let would_be = score(&without_contacts, weights, thresholds).bucket;
    (would_be != Bucket::High).then_some(HeldBelowHigh::ContactsUnavailable)
}

/// Held within 0 and 1, since the last bit of a sum may stand outside.
fn four_places(value: f64) -> f64 {
    rounded(value.clamp(0.0, 1.0), 10_000.0)
}

#[cfg(test)]
mod tests;
