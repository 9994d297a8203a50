//! Whether the buckets of a run look wrong: a run in which nearly all leads fall into one bucket ranks nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::score::Bucket;

/// From where a run's distribution is flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DistributionLimits {
    /// A bucket may hold up to this share of the leads, in percent.
    pub share_percent_max: u32,
    /// A run with fewer leads says nothing.
    pub leads_min: u32,
}

impl Default for DistributionLimits {
    fn default() -> Self {
        Self { share_percent_max: 70, leads_min: 10 }
    }
}

/// One bucket holds too much of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skewed {
    /// The bucket.
    pub bucket: Bucket,
    /// Leads in it.
    pub leads: u32,
    /// Leads in all.
    pub total: u32,
}

/// Flags the bucket that holds more than its share of a run's scored leads.
pub fn check(buckets: impl IntoIterator<Item = Bucket>, limits: DistributionLimits) -> Option<Skewed> {
    let mut counts = BTreeMap::<Bucket, u32>::new();
    for bucket in buckets {
        *counts.entry(bucket).or_default() += 1;
    }
    let total = counts.values().sum();
    let (bucket, leads) = counts.into_iter().max_by_key(|(_, leads)| *leads)?;
    let over = u64::from(leads) * 100 > u64::from(limits.share_percent_max) * u64::from(total);
    (total >= limits.leads_min && over).then_some(Skewed { bucket, leads, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(high: usize, medium: usize, low: usize) -> Option<Skewed> {
        let buckets = [(Bucket::High, high), (Bucket::Medium, medium), (Bucket::Low, low)];
        check(buckets.into_iter().flat_map(|(bucket, leads)| vec![bucket; leads]), DistributionLimits::default())
    }

    #[test]
    fn a_bucket_with_more_than_seven_in_ten_leads_is_flagged() {
        assert_eq!(run(15, 4, 1), Some(Skewed { bucket: Bucket::High, leads: 15, total: 20 }));
        assert_eq!(run(0, 0, 10), Some(Skewed { bucket: Bucket::Low, leads: 10, total: 10 }));
    }

    #[test]
    fn exactly_seven_in_ten_are_fine() {
        assert_eq!(run(7, 2, 1), None);
    }

    #[test]
    fn a_run_of_few_leads_or_none_says_nothing() {
        assert_eq!(run(9, 0, 0), None);
        assert_eq!(run(0, 0, 0), None);
    }
}
