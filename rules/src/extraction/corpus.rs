//! A site's text: cut to a budget, and asked whether something stands in it.

use std::collections::HashSet;

use crate::email_policy::normalise;

/// A token of a model has about four ASCII characters in English; three is the cautious count. Others count as two tokens each,
/// which no common writing needs.
const THIRDS_PER_ASCII: usize = 1;
const THIRDS_PER_OTHER: usize = 6;

/// How many tokens a text has at most, by a cautious estimate.
#[must_use]
pub fn tokens(text: &str) -> usize {
    text.chars().map(thirds).sum::<usize>().div_ceil(3)
}

/// The beginning of a text that has at most so many tokens, cut at the end of a line or word where there is one near.
#[must_use]
pub fn cut(text: &str, tokens_max: usize) -> &str {
    let mut left = tokens_max.saturating_mul(3);
    let end = text.char_indices().find(|(_, character)| {
        let fits = left.checked_sub(thirds(*character));
        left = fits.unwrap_or(0);
        fits.is_none()
    });
    let Some((end, _)) = end else { return text };
    let kept = &text[..end];
    let at_end_of = |mark: char| kept.rfind(mark).filter(|at| *at * 2 > end);
    at_end_of('\n').or_else(|| at_end_of(' ')).map_or(kept, |at| &kept[..at])
}

fn thirds(character: char) -> usize {
    if character.is_ascii() { THIRDS_PER_ASCII } else { THIRDS_PER_OTHER }
}

/// A text as it is looked things up in.
pub struct Corpus {
    /// Lower case, one blank between words.
    spaced: String,
    /// Addresses that are written in it in whatever form, normalised.
    addresses: HashSet<String>,
    /// Its runs of digits, each as the groups it is written in.
    numbers: Vec<Vec<String>>,
}

impl Corpus {
    /// `addresses` are those that the readers see in the text, hidden ones (`name [at] acme [dot] sg`) included.
    pub fn new(text: &str, addresses: impl IntoIterator<Item = String>) -> Self {
        Self {
            spaced: spaced(text),
            addresses: addresses.into_iter().filter_map(|address| normalise(&address)).collect(),
            numbers: numbers(text),
        }
    }

    /// Whether the address stands there: as itself, not as a part of another, or in a form that the readers see through.
    #[must_use]
    pub fn has_address(&self, address: &str) -> bool {
        normalise(address).is_some_and(|address| {
            self.addresses.contains(&address)
                || self.stands(&address, |character| character.is_alphanumeric() || "@._%+-".contains(character))
        })
    }

    /// Whether the phrase stands there as whole words.
    #[must_use]
    pub fn has_phrase(&self, phrase: &str) -> bool {
        let phrase = spaced(phrase);
        !phrase.is_empty() && self.stands(&phrase, char::is_alphanumeric)
    }

    /// Whether the link stands there, with or without its scheme.
    #[must_use]
    pub fn has_link(&self, link: &str) -> bool {
        let link = link.trim().to_lowercase();
        let bare = link.trim_start_matches("https://").trim_start_matches("http://").trim_start_matches("www.");
        let bare = bare.trim_end_matches('/');
        !bare.is_empty() && self.stands(bare, |character| character.is_alphanumeric() || "@_%+-".contains(character))
    }

    /// Whether the phone number stands there, its groups written together or apart, with or without Singapore's code.
    #[must_use]
    pub fn has_phone(&self, phone: &str) -> bool {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        let local = digits.strip_prefix("65").filter(|local| local.len() == 8).unwrap_or(&digits);
        let international = format!("65{local}");
        let forms = [digits.as_str(), local, international.as_str()];
        digits.len() >= DIGITS_MIN && self.numbers.iter().any(|groups| forms.iter().any(|form| spells(groups, form)))
    }

    /// Whether `part` stands there with neither neighbour of a kind that would make it part of something longer.
    fn stands(&self, part: &str, continues: impl Fn(char) -> bool) -> bool {
        self.spaced.match_indices(part).any(|(at, _)| {
            let before = self.spaced[..at].chars().next_back();
            let mut after = self.spaced[at + part.len()..].chars();
            // A full stop behind it ends a sentence unless something follows at once.
            let next = match after.next() {
                Some('.') => after.next().filter(|next| next.is_alphanumeric()),
                next => next,
            };
            let unspaced = |end: Option<char>| end.is_some_and(is_unspaced);
            let free = |neighbour: Option<char>, own: Option<char>| {
                neighbour.is_none_or(|neighbour| !continues(neighbour) || (unspaced(Some(neighbour)) && unspaced(own)))
            };
            free(before, part.chars().next()) && free(next, part.chars().next_back())
        })
    }
}

/// Fewer digits are a postcode or a year.
const DIGITS_MIN: usize = 7;

fn spaced(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Scripts that write no spaces between words.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// Runs of digits that could be one number: groups with blanks, dots, hyphens or brackets between.
fn numbers(text: &str) -> Vec<Vec<String>> {
    let between = |character: char| matches!(character, ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '+');
    let runs = text.split(|character: char| !character.is_ascii_digit() && !between(character));
    let groups = |run: &str| -> Vec<String> {
        run.split(|character: char| !character.is_ascii_digit())
            .filter(|group| !group.is_empty())
            .map(str::to_owned)
            .collect()
    };
    runs.map(groups).filter(|groups| !groups.is_empty()).collect()
}

/// Whether some groups in a row are exactly these digits.
fn spells(groups: &[String], digits: &str) -> bool {
    (0..groups.len()).any(|from| {
        let mut rest = digits;
        for group in &groups[from..] {
            match rest.strip_prefix(group.as_str()) {
                Some("") => return true,
                Some(left) => rest = left,
                None => return false,
            }
        }
        false
    })
}
