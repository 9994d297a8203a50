//! How like a tenant's sample customers a company describes itself: the angle between embeddings of their texts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::Evidence;

/// What is known of a company's likeness to the samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// The tenant has named no samples, or has it switched off.
    #[default]
    NotAsked,
    /// It has, but there is no text or no embedding of it.
    Unavailable,
    /// The mean cosine to the nearest samples, -1 to 1.
    Of(f64),
}

/// More samples tell no more.
pub const SAMPLES_MAX: usize = 20;
/// So many of the nearest samples count: a tenant may have several kinds of customers.
const NEAREST: usize = 3;
/// Texts about nothing common have about this cosine in the models in use; from the other on they are as good as alike.
const UNLIKE_BELOW: f64 = 0.2;
const ALIKE_FROM: f64 = 0.7;

impl Similarity {
    /// Of a company's vector to the samples' vectors, those of another length left out.
    #[must_use]
    pub fn measure(company: &[f32], samples: &[Vec<f32>]) -> Self {
        if samples.is_empty() {
            return Self::NotAsked;
        }
        let mut cosines: Vec<f64> = samples.iter().filter_map(|sample| cosine(company, sample)).collect();
        cosines.sort_by(|one, other| other.total_cmp(one));
        cosines.truncate(NEAREST);
        match cosines.len() {
            0 => Self::Unavailable,
            count => Self::Of(cosines.iter().sum::<f64>() / count as f64),
        }
    }

    /// What it says for a lead.
    #[must_use]
    pub fn evidence(self) -> Evidence {
        match self {
            Self::NotAsked => Evidence::NotAsked,
            Self::Unavailable => Evidence::Missing,
            Self::Of(cosine) => Evidence::Known((cosine - UNLIKE_BELOW) / (ALIKE_FROM - UNLIKE_BELOW)),
        }
    }
}

/// The cosine of the angle between two vectors; none when their lengths differ or one is nothing.
#[must_use]
pub fn cosine(one: &[f32], other: &[f32]) -> Option<f64> {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (product(one, one) * product(other, other)).sqrt();
    let cosine = product(one, other) / lengths;
    (one.len() == other.len() && cosine.is_finite()).then_some(cosine.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_tells_direction_and_not_length() {
        assert_eq!(cosine(&[1.0, 0.0], &[5.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), Some(0.0));
        assert_eq!(cosine(&[1.0], &[-1.0]), Some(-1.0));
        assert_eq!(cosine(&[0.0], &[1.0]), None);
        assert_eq!(cosine(&[], &[]), None);
        assert_eq!(cosine(&[1.0], &[1.0, 0.0]), None);
    }

    #[test]
    fn the_nearest_samples_count() {
        let samples = [vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0], vec![1.0, 0.0], vec![1.0, 0.0]];
        assert_eq!(Similarity::measure(&[1.0, 0.0], &samples), Similarity::Of(1.0));
        assert_eq!(Similarity::measure(&[1.0, 0.0], &samples[..2]), Similarity::Of(0.5));
    }

    #[test]
    fn without_samples_it_counts_neither_way_and_without_a_text_it_is_missing() {
        assert_eq!(Similarity::measure(&[1.0], &[]).evidence(), Evidence::NotAsked);
        assert_eq!(Similarity::measure(&[], &[vec![1.0]]).evidence(), Evidence::Missing);
        assert_eq!(Similarity::Of(UNLIKE_BELOW).evidence(), Evidence::Known(0.0));
        assert_eq!(Similarity::Of(ALIKE_FROM).evidence(), Evidence::Known(1.0));
    }
}
