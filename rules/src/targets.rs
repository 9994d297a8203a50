//! Which candidates a nightly run takes, up to the tenant's cap: those never seen first, then the stalest, then the rest.

/// A candidate, and when a lead of this tenant last came to an end for it (in any unit that orders in time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<T> {
    /// Identifies the company, and decides between equals: lower first.
    pub company_id: i64,
    /// `None` when it was never seen.
    pub last_seen_at: Option<T>,
}

/// The run's companies in the order in which they are taken. A company listed twice is taken once.
///
/// Equals `order by last_seen_at asc nulls first, company_id asc limit $cap` over one row per company; large candidate
/// sets are chosen by that query, which a test holds against this function.
pub fn choose<T: Ord>(mut candidates: Vec<Candidate<T>>, cap: usize) -> Vec<i64> {
    // `None` orders before every `Some`. Of a company listed twice, the latest sight counts.
    candidates.sort_unstable_by(|one, other| {
        one.company_id.cmp(&other.company_id).then_with(|| other.last_seen_at.cmp(&one.last_seen_at))
    });
    candidates.dedup_by_key(|candidate| candidate.company_id);
    candidates.sort_by(|one, other| one.last_seen_at.cmp(&other.last_seen_at));
    candidates.truncate(cap);
    candidates.into_iter().map(|candidate| candidate.company_id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(candidates: &[(i64, Option<u32>)], cap: usize) -> Vec<i64> {
        let candidate = |&(company_id, last_seen_at): &(i64, Option<u32>)| Candidate { company_id, last_seen_at };
        choose(candidates.iter().map(candidate).collect(), cap)
    }

    #[test]
    fn the_never_seen_come_first_then_the_stalest_then_the_rest() {
        assert_eq!(chosen(&[(1, Some(30)), (2, None), (3, Some(10)), (4, Some(20)), (5, None)], 4), [2, 5, 3, 4]);
    }

    #[test]
    fn equals_are_taken_by_company_id() {
        assert_eq!(chosen(&[(9, Some(1)), (3, Some(1)), (5, Some(1))], 2), [3, 5]);
    }

    #[test]
    fn a_company_listed_twice_is_taken_once_by_its_latest_sight() {
        assert_eq!(chosen(&[(1, Some(10)), (1, Some(40)), (1, None), (2, Some(20))], 5), [2, 1]);
    }

    #[test]
    fn a_cap_of_zero_takes_nothing() {
        assert_eq!(chosen(&[(1, None)], 0), [0_i64; 0]);
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_does_not_matter(
            rows in proptest::collection::vec((0_i64..50, proptest::option::of(0_u32..10)), 0..60).prop_shuffle(),
            cap in 0_usize..40,
        ) {
            let mut reversed = rows.clone();
            reversed.reverse();
            let taken = chosen(&rows, cap);
            prop_assert!(taken.len() <= cap);
            prop_assert_eq!(taken, chosen(&reversed, cap));
        }
    }
}
