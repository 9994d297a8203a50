//! Whom to look for at a company, and who of those whom a vendor names is kept.
//!
//! Only people with a wanted title are kept: a vendor's answer is bought for the tenant's purpose, and nobody else's details
//! are needed for it.

use crate::icp::title_is_wanted;

/// So many people of a company are worth their price.
pub const CONTACTS_MAX: usize = 5;

/// Why a person whom a vendor named is not kept. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The title is not one that the tenant looks for, or there is none.
    TitleNotWanted,
    /// There are enough already.
    Enough,
}

impl Left {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TitleNotWanted => "title_not_wanted",
            Self::Enough => "enough",
        }
    }
}

/// A person whom a vendor offers.
#[derive(Debug, Clone, Copy)]
pub struct Offered<'a> {
    /// The title, if it is known.
    pub title: Option<&'a str>,
    /// Whether the vendor has a business address of the person.
    pub has_email: bool,
    /// Whether the person was bought before, so that it costs nothing.
    pub is_ours: bool,
}

/// Decides about each of the offered, in their order: those with an address first, then those bought before, then the order in
/// which the tenant lists the titles.
#[must_use]
pub fn keep(offered: &[Offered<'_>], titles: &[&str]) -> Vec<Result<(), Left>> {
    let rank = |one: &Offered<'_>| {
        one.title.and_then(|title| titles.iter().position(|wanted| title_is_wanted(title, &[wanted])))
    };
    let mut wanted: Vec<(bool, bool, usize, usize)> = offered
        .iter()
        .enumerate()
        .filter_map(|(place, one)| Some((!one.has_email, !one.is_ours, rank(one)?, place)))
        .collect();
    wanted.sort_unstable();
    let mut decided = vec![Err(Left::TitleNotWanted); offered.len()];
    for (taken, (_, _, _, place)) in wanted.into_iter().enumerate() {
        decided[place] = if taken < CONTACTS_MAX { Ok(()) } else { Err(Left::Enough) };
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icp::TITLES_DEFAULT;

    fn offered(title: &str, has_email: bool) -> Offered<'_> {
        Offered { title: Some(title).filter(|title| !title.is_empty()), has_email, is_ours: false }
    }

    #[test]
    fn only_wanted_titles_are_kept() {
        let people = [
            offered("Managing Director", true),
            offered("Receptionist", true),
            offered("", true),
            offered("Assistant to CEO", true),
        ];
        let left = Err(Left::TitleNotWanted);
        assert_eq!(keep(&people, &TITLES_DEFAULT), [Ok(()), left, left, left]);
    }

    #[test]
    fn of_too_many_those_with_an_address_come_first_then_the_title_asked_for_first() {
        let people = [
            offered("Owner", false),
            offered("Sales Director", true),
            offered("CEO", true),
            offered("Founder", true),
            offered("General Manager", true),
            offered("Head of Marketing", true),
            offered("Director of Operations", true),
        ];
        let kept = keep(&people, &TITLES_DEFAULT);
        assert_eq!(kept, [Err(Left::Enough), Ok(()), Ok(()), Ok(()), Ok(()), Ok(()), Err(Left::Enough)]);
    }

    #[test]
    fn who_was_bought_before_is_kept_before_others_with_an_address() {
        let mut people = vec![offered("CEO", true); CONTACTS_MAX];
        people.push(Offered { is_ours: true, ..offered("Head of Sales", true) });
        assert_eq!(keep(&people, &TITLES_DEFAULT).last(), Some(&Ok(())));
        assert_eq!(keep(&people, &TITLES_DEFAULT)[CONTACTS_MAX - 1], Err(Left::Enough));
    }
}
