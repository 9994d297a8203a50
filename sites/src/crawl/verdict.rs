//! What a visit comes to: measuring pages, and judging by thresholds. Pure.

use std::collections::HashSet;

use super::policy::{CrawlPolicy, HighSignalThresholds};
use super::report::{BlockReason, Measured, Verdict};
use crate::extract::PageFindings;

/// Adds up what pages say, each contact once.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pages: u32,
    words: u32,
    emails: HashSet<String>,
    phones: HashSet<String>,
    pub refusals: u32,
}

impl Tally {
    /// Counts one page.
    pub fn add(&mut self, findings: &PageFindings) {
        self.pages += 1;
        self.words = self.words.saturating_add(findings.word_count);
        self.emails.extend(findings.emails.iter().map(|email| email.address.clone()));
        self.phones
            .extend(findings.phones.iter().map(|phone| phone.e164.clone().unwrap_or_else(|| phone.digits.clone())));
    }

    /// The sums so far.
    pub fn measured(&self) -> Measured {
        Measured {
            pages: self.pages,
            words: self.words,
            emails: count(&self.emails),
            phones: count(&self.phones),
            refusals: self.refusals,
        }
    }
}

fn count(different: &HashSet<String>) -> u32 {
    u32::try_from(different.len()).unwrap_or(u32::MAX)
}

/// Whether a site has said enough to stop asking.
pub(super) fn is_high_signal(measured: &Measured, enough: &HighSignalThresholds) -> bool {
    measured.pages >= enough.pages
        && measured.words >= enough.words
        && measured.emails >= enough.emails
        && measured.phones >= enough.phones
}

/// What pages come to together, whoever read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// The measured values.
    pub measured: Measured,
    /// They say too little to judge the company by, and not how to reach it.
    pub is_thin: bool,
    /// They say enough to stop asking.
    pub is_high_signal: bool,
}

/// Weighs pages by the thresholds of a visit.
pub fn weigh<'a>(pages: impl IntoIterator<Item = &'a PageFindings>, policy: &CrawlPolicy) -> Weighed {
    let mut tally = Tally::default();
    pages.into_iter().for_each(|page| tally.add(page));
    let measured = tally.measured();
    Weighed {
        is_thin: is_thin(&measured, policy),
        is_high_signal: is_high_signal(&measured, &policy.high_signal),
        measured,
    }
}

fn is_thin(measured: &Measured, policy: &CrawlPolicy) -> bool {
    measured.words < policy.thin.words_below && measured.contacts() < policy.thin.contacts_below
}

/// The verdict. An obstacle decides only where too little was read despite it.
pub(super) fn judge(measured: Measured, obstacle: Option<BlockReason>, policy: &CrawlPolicy) -> Verdict {
    let is_thin = is_thin(&measured, policy);
    match obstacle {
        // A visit called off says nothing about the site.
        Some(reason @ BlockReason::Cancelled) => Verdict::Blocked { reason, measured },
        Some(reason) if is_thin => Verdict::Blocked { reason, measured },
        _ if is_thin => Verdict::Thin { measured },
        _ => Verdict::Rich { measured },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(words: u32, emails: u32, obstacle: Option<BlockReason>) -> Verdict {
        judge(Measured { pages: 1, words, emails, ..Measured::default() }, obstacle, &CrawlPolicy::default())
    }

    #[test]
    fn few_words_and_no_contact_are_thin() {
        assert!(matches!(judged(119, 0, None), Verdict::Thin { .. }));
        assert!(matches!(judged(120, 0, None), Verdict::Rich { .. }));
        assert!(matches!(judged(3, 1, None), Verdict::Rich { .. }), "a contact alone is worth having");
    }

    #[test]
    fn an_obstacle_counts_only_when_little_was_read() {
        assert!(matches!(judged(0, 0, Some(BlockReason::Challenge)), Verdict::Blocked { .. }));
        assert!(matches!(judged(500, 1, Some(BlockReason::TimedOut)), Verdict::Rich { .. }));
        assert!(matches!(judged(500, 1, Some(BlockReason::Cancelled)), Verdict::Blocked { .. }));
    }

    #[test]
    fn the_same_contact_on_two_pages_is_one() {
        let mut tally = Tally::default();
        let page: PageFindings = serde_json::from_value(serde_json::json!({
            "word_count": 40,
            "emails": [{"address": "hello@acme.example", "how": "text", "name": null, "role_title": null}],
            "phones": [{"e164": null, "digits": "61234567", "how": "text"}],
        }))
        .unwrap();
        tally.add(&page);
        tally.add(&page);
        let expected = Measured { pages: 2, words: 80, emails: 1, phones: 1, refusals: 0 };
        assert_eq!(tally.measured(), expected);
    }
}
