//! Which pages of a site a vendor is asked to read, and when it has read enough.
//!
//! A page that robots.txt keeps from us is kept from whomever we would send. Pages are asked for in rounds, and no further round
//! is paid for once the site has said enough.

use std::collections::BTreeMap;

/// Pages per domain that a vendor may be asked for.
pub const PAGES_MAX: usize = 10;
/// Pages of one round: as many as one unit of the vendor's price buys.
pub const ROUND_PAGES: usize = 5;

/// What is known of a page of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPage<'a> {
    /// Its address.
    pub url: &'a str,
    /// Why our own visit did not bring it.
    pub state: PageState,
}

/// How our own visit left a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// It was read.
    Read,
    /// robots.txt disallows it, or could not be read, which disallows everything.
    Disallowed,
    /// It was not asked for, or did not answer.
    Unread,
}

/// The pages to ask for, best first, and how many were left out, by reason.
#[must_use]
pub fn pages<'a>(known: &[KnownPage<'a>]) -> (Vec<&'a str>, BTreeMap<String, u32>) {
    let (mut chosen, mut left) = (Vec::new(), BTreeMap::new());
    for page in known {
        let reason = match page.state {
            PageState::Disallowed => "robots",
            PageState::Read => "read_before",
            PageState::Unread if chosen.contains(&page.url) => "repeated",
            PageState::Unread if chosen.len() == PAGES_MAX => "page_limit",
            PageState::Unread => {
                chosen.push(page.url);
                continue;
            }
        };
        *left.entry(reason.to_owned()).or_default() += 1;
    }
    (chosen, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str, state: PageState) -> KnownPage<'_> {
        KnownPage { url, state }
    }

    #[test]
    fn what_robots_txt_disallows_is_not_handed_over() {
        let known =
            [page("/", PageState::Unread), page("/private", PageState::Disallowed), page("/about", PageState::Read)];
        let (chosen, left) = pages(&known);
        assert_eq!(chosen, ["/"]);
        assert_eq!(left, BTreeMap::from([("robots".to_owned(), 1), ("read_before".to_owned(), 1)]));
    }

    #[test]
    fn no_more_than_the_limit_is_handed_over_each_once() {
        let urls: Vec<String> = (0..15).map(|number| format!("/{}", number % 13)).collect();
        let known: Vec<_> = urls.iter().map(|url| page(url, PageState::Unread)).collect();
        let (chosen, left) = pages(&known);
        assert_eq!(chosen.len(), PAGES_MAX);
        assert_eq!(chosen[0], "/0");
        assert_eq!(left["page_limit"], 3);
        assert_eq!(left["repeated"], 2);
    }
}
