//! The order of a shortlist: bucket (High first), score, then confidence (both highest first), then UEN.
//!
//! The bucket comes first since it heeds how well founded a score is: see `docs/decisions/ranking.md`.

use std::cmp::Ordering;

use crate::score::Bucket;

/// What a scored lead is ranked by.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The lead's company, the last resort between equals.
    pub company_id: i64,
    /// Unique entity number; companies without one come after those with one.
    pub uen: Option<String>,
    /// Where the tenant's thresholds and the confidence put it.
    pub bucket: Bucket,
    /// 0 to 1.
    pub score: f64,
    /// 0 to 1.
    pub confidence: f64,
}

/// The order between two leads of one run; total, so that every run ranks the same way every time.
///
/// Equals `order by array_position(array['High', 'Medium', 'Low'], bucket), score desc, confidence desc, uen collate "C" asc nulls last, company_id asc`.
pub fn order(one: &Ranked, other: &Ranked) -> Ordering {
    let without_uen_last = |ranked: &Ranked| ranked.uen.is_none();
    other
        .bucket
        .cmp(&one.bucket)
        .then(other.score.total_cmp(&one.score))
        .then(other.confidence.total_cmp(&one.confidence))
        .then(without_uen_last(one).cmp(&without_uen_last(other)))
        .then_with(|| one.uen.cmp(&other.uen))
        .then(one.company_id.cmp(&other.company_id))
}

/// The best leads of a run, at most `top`.
pub fn shortlist(mut leads: Vec<Ranked>, top: usize) -> Vec<Ranked> {
    leads.sort_by(order);
    leads.truncate(top);
    leads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(company_id: i64, score: f64, confidence: f64, uen: Option<&str>) -> Ranked {
        Ranked { company_id, uen: uen.map(str::to_owned), bucket: Bucket::Medium, score, confidence }
    }

    fn ranked(leads: Vec<Ranked>, top: usize) -> Vec<i64> {
        shortlist(leads, top).iter().map(|lead| lead.company_id).collect()
    }

    #[test]
    fn the_score_decides_then_the_confidence_then_the_uen_then_the_company() {
        let leads = vec![
            lead(1, 0.5, 0.9, Some("201900001A")),
            lead(2, 0.9, 0.4, Some("201900002B")),
            lead(3, 0.9, 0.8, Some("201900004D")),
            lead(4, 0.9, 0.8, Some("201900003C")),
            lead(6, 0.9, 0.8, None),
            lead(5, 0.9, 0.8, None),
        ];
        assert_eq!(ranked(leads, 10), [4, 3, 5, 6, 2, 1]);
    }

    #[test]
    fn a_well_founded_high_stands_above_a_medium_that_scores_more_on_less() {
        let high = Ranked { bucket: Bucket::High, ..lead(1, 0.8, 0.9, None) };
        let low = Ranked { bucket: Bucket::Low, ..lead(3, 0.99, 0.1, None) };
        assert_eq!(ranked(vec![lead(2, 1.0, 0.3, None), low, high], 10), [1, 2, 3]);
    }

    #[test]
    fn no_more_than_the_top_are_listed() {
        assert_eq!(ranked(vec![lead(1, 0.1, 0.1, None), lead(2, 0.2, 0.1, None)], 1), [2]);
    }
}
