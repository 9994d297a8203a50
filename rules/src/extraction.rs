//! What a model may add to what a site says, and what of its answer is believed.
//!
//! A model is asked only for what the readers of `sites/` left empty, and only what stands in the text is believed: an address, a
//! phone number, a name, a title, a link or a sentence that does not occur there is dropped and counted by reason. So text that
//! tells the model what to do can make it repeat what the page says anyway, and nothing else.
//!
//! - [`gaps`]: which fields are empty
//! - [`question`]: the instructions, the text as data, and the strict schema of the answer
//! - [`check`]: the answer against the text

mod check;
mod corpus;
mod question;

pub use check::{Checked, ClaimedEmail, ClaimedPerson, check};
pub use corpus::{Corpus, cut, tokens};
pub use question::{Question, question};

/// Counted up whenever the question for the same text changes.
pub const PROMPT_VERSION: u32 = 1;

/// A field that a model may fill. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// What the company says it does: a passage of the text, word by word.
    AboutText,
    /// Business addresses.
    Emails,
    /// People with their titles.
    People,
    /// Phone numbers.
    Phones,
}

impl Field {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AboutText => "about_text",
            Self::Emails => "emails",
            Self::People => "people",
            Self::Phones => "phones",
        }
    }
}

/// How much the readers found of each field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Characters of the company's description of itself.
    pub about_characters: usize,
    /// Addresses.
    pub emails: usize,
    /// People.
    pub people: usize,
    /// Phone numbers.
    pub phones: usize,
}

/// The fields that a model may fill: those that the readers left empty. None when there is no text to read.
#[must_use]
pub fn gaps(found: Found, corpus: &str) -> Vec<Field> {
    if corpus.trim().is_empty() {
        return Vec::new();
    }
    let empty = [
        (Field::AboutText, found.about_characters),
        (Field::Emails, found.emails),
        (Field::People, found.people),
        (Field::Phones, found.phones),
    ];
    empty.into_iter().filter(|(_, count)| *count == 0).map(|(field, _)| field).collect()
}

#[cfg(test)]
mod tests;
