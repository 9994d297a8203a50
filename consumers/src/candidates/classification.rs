//! The SSIC classification in memory: which codes a profile's industries mean.

use std::collections::{BTreeMap, BTreeSet};

use presdr_rules::icp::{IcpDocument, has_all, may_have_all, normalise_label, stems};
use sqlx::PgConnection;

/// The classification's titles by code.
///
/// An industry of a profile means, in this order:
///
/// 1. the codes whose title it is, whatever the case: `education` means division 85, `construction` section F;
/// 2. otherwise every code, at any level, in whose title all its words occur, in singular or plural: `logistics` means some subclasses
///    of transport. What a title leaves out (`except insurance`) is no part of it.
///
/// A code stands for all codes below it, a section for its divisions. Companies are also found by a tenant's own label for them.
#[derive(Debug, Clone, Default)]
pub struct Classification {
    titles: BTreeMap<String, Title>,
}

#[derive(Debug, Clone)]
struct Title {
    label: String,
    section: String,
    is_division: bool,
}

impl Classification {
    /// Reads `ssic_ref`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("select code, label, section from ssic_ref").fetch_all(connection).await?;
        Ok(Self::new(rows))
    }

    /// Makes it of codes, titles and sections.
    pub fn new(rows: impl IntoIterator<Item = (String, String, String)>) -> Self {
        let titles = rows.into_iter().map(|(code, title, section)| {
            let label = normalise_label(&title);
            let is_division = code.len() == 2;
            (code, Title { label, section, is_division })
        });
        Self { titles: titles.collect() }
    }

    /// Whether there is nothing in it: it was never ingested.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.titles.is_empty()
    }

    /// Whether it has a code or a section's letter: what [`presdr_rules::icp::IcpDocument::check_ssic`] asks.
    #[must_use]
    pub fn knows(&self, code: &str) -> bool {
        self.titles.contains_key(code)
    }

    /// The letter of the section that a code is in.
    #[must_use]
    pub fn section_of(&self, code: &str) -> Option<&str> {
        let division = code.get(..2)?;
        self.titles.get(division).map(|title| title.section.as_str())
    }

    /// The codes that an industry means, without those that another of them covers. Empty when nothing is called so.
    #[must_use]
    pub fn codes_of(&self, industry: &str) -> BTreeSet<String> {
        let label = normalise_label(industry);
        let mut found = self.codes_where(|title| title.label == label);
        if found.is_empty() {
            let wanted = stems(industry);
            found =
                self.codes_where(|title| may_have_all(&title.label, &wanted) && has_all(&stems(&title.label), &wanted));
        }
        self.covering(found)
    }

    /// A profile with the codes that its industries mean beside its own, and which of its industries mean none.
    #[must_use]
    pub fn with_codes(&self, document: &IcpDocument) -> (IcpDocument, Vec<String>) {
        let (mut with_codes, mut unknown) = (document.clone(), Vec::new());
        for industry in &document.industries {
            let found = self.codes_of(industry);
            if found.is_empty() {
                unknown.push(industry.clone());
            }
            with_codes.ssic_codes.extend(found);
        }
        (with_codes, unknown)
    }

    /// Turns sections into their divisions, and leaves out what a shorter code covers.
    #[must_use]
    pub fn covering(&self, codes: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut kept: BTreeSet<String> = BTreeSet::new();
        let expanded: BTreeSet<String> = codes.into_iter().flat_map(|code| self.below_section(code)).collect();
        // In the order of the set, a code comes after those that are its beginning.
        for code in expanded {
            if !kept.last().is_some_and(|last| code.starts_with(last.as_str())) {
                kept.insert(code);
            }
        }
        kept
    }

    fn codes_where(&self, wanted: impl Fn(&Title) -> bool) -> BTreeSet<String> {
        self.titles.iter().filter(|(_, title)| wanted(title)).map(|(code, _)| code.clone()).collect()
    }

    fn below_section(&self, code: String) -> Vec<String> {
        if code.bytes().all(|byte| byte.is_ascii_digit()) {
            return vec![code];
        }
        let divisions = self.titles.iter().filter(|(_, title)| title.is_division && title.section == code);
        divisions.map(|(code, _)| code.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classification() -> Classification {
        let rows = [
            ("F", "CONSTRUCTION", "F"),
            ("41", "CONSTRUCTION OF BUILDINGS", "F"),
            ("43", "SPECIALISED CONSTRUCTION ACTIVITIES", "F"),
            ("28", "MANUFACTURE OF MACHINERY", "C"),
            ("28241", "Manufacture of construction machinery", "C"),
            ("62", "COMPUTER PROGRAMMING", "K"),
            ("6201", "Development of software and applications", "K"),
            ("62011", "Development of software applications", "K"),
            ("58202", "Publishing of software", "J"),
        ];
        Classification::new(rows.map(|(code, title, section)| (code.to_owned(), title.to_owned(), section.to_owned())))
    }

    fn codes(industry: &str) -> Vec<String> {
        classification().codes_of(industry).into_iter().collect()
    }

    #[test]
    fn a_title_means_itself() {
        assert_eq!(codes("Computer  Programming"), ["62"]);
        assert_eq!(codes("construction"), ["41", "43"]);
    }

    #[test]
    fn other_words_mean_every_title_that_has_them() {
        assert_eq!(codes("software"), ["58202", "6201"]);
        assert_eq!(codes("construction machine"), [""; 0]);
        assert_eq!(codes("machinery construction"), ["28241"]);
    }

    #[test]
    fn codes_know_their_section() {
        let classification = classification();
        assert_eq!(classification.section_of("62099"), Some("K"));
        assert_eq!(classification.section_of("9"), None);
        assert!(classification.knows("F") && !classification.knows("62099"));
        assert_eq!(
            classification.covering(["F".into(), "41009".into(), "62".into()]),
            ["41", "43", "62"].map(String::from).into()
        );
    }
}
