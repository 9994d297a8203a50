//! What of a model's answer is believed.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::{Corpus, Field};
use crate::email_policy::normalise;

/// No site names more of them; an answer that does is cut.
const CLAIMS_MAX: usize = 25;
const NAME_CHARACTERS_MAX: usize = 80;
/// Bounds of what the event can hold, as for what a site's pages say by themselves.
const TITLE_BYTES_MAX: usize = 100;
const PROFILE_BYTES_MAX: usize = 200;
const ABOUT_CHARACTERS_MAX: usize = 2_000;

/// An address that the model points at.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ClaimedEmail {
    /// The address, normalised.
    pub address: String,
    /// Whose it is.
    #[serde(default)]
    pub name: Option<String>,
    /// That person's title.
    #[serde(default)]
    pub role_title: Option<String>,
}

/// A person whom the model points at.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ClaimedPerson {
    /// The name as it stands in the text.
    pub name: String,
    /// The title.
    #[serde(default)]
    pub role_title: Option<String>,
    /// The profile link.
    #[serde(default)]
    pub profile_url: Option<String>,
}

impl fmt::Debug for ClaimedEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedEmail").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClaimedPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedPerson").finish_non_exhaustive()
    }
}

/// What is believed, and how much was dropped, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// A passage of the text.
    pub about_text: Option<String>,
    /// Addresses, each once.
    pub emails: Vec<ClaimedEmail>,
    /// People, each once.
    pub people: Vec<ClaimedPerson>,
    /// Phone numbers in E.164, each once.
    pub phones: Vec<String>,
    /// Reasons and their counts; never a value.
    pub dropped: BTreeMap<String, u32>,
}

impl Checked {
    /// The fields that it fills.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let filled = [
            (Field::AboutText, self.about_text.is_some()),
            (Field::Emails, !self.emails.is_empty()),
            (Field::People, !self.people.is_empty()),
            (Field::Phones, !self.phones.is_empty()),
        ];
        filled.into_iter().filter(|(_, filled)| *filled).map(|(field, _)| field.as_str().to_owned()).collect()
    }

    fn drop(&mut self, reason: &str) {
        *self.dropped.entry(reason.to_owned()).or_default() += 1;
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    about_text: Option<String>,
    emails: Vec<ClaimedEmail>,
    people: Vec<ClaimedPerson>,
    phones: Vec<String>,
}

/// Checks `answer`, JSON of the shape that was asked for, against the text. What was not asked for is dropped whole.
#[must_use]
pub fn check(fields: &[Field], answer: &str, corpus: &Corpus) -> Checked {
    let mut checked = Checked::default();
    // An array would be read as the fields in their order.
    let answer = Some(answer).filter(|answer| answer.trim_start().starts_with('{'));
    let Some(answer) = answer.and_then(|answer| serde_json::from_str::<Answer>(answer).ok()) else {
        checked.drop("answer_malformed");
        return checked;
    };
    let asked = |field| fields.contains(&field);
    if let Some(about) = answer.about_text.filter(|text| !text.trim().is_empty()) {
        about_text(&mut checked, about, asked(Field::AboutText), corpus);
    }
    for claimed in answer.emails.into_iter().take(CLAIMS_MAX) {
        email(&mut checked, claimed, asked(Field::Emails), corpus);
    }
    for claimed in answer.people.into_iter().take(CLAIMS_MAX) {
        person(&mut checked, claimed, asked(Field::People), corpus);
    }
    for claimed in answer.phones.into_iter().take(CLAIMS_MAX) {
        phone(&mut checked, &claimed, asked(Field::Phones), corpus);
    }
    checked
}

fn about_text(checked: &mut Checked, claimed: String, asked: bool, corpus: &Corpus) {
    let reason = match () {
        () if !asked => "about_not_asked",
        () if claimed.chars().count() > ABOUT_CHARACTERS_MAX => "about_too_long",
        () if !corpus.has_phrase(&claimed) => "about_not_in_text",
        () => return checked.about_text = Some(claimed.trim().to_owned()),
    };
    checked.drop(reason);
}

fn email(checked: &mut Checked, claimed: ClaimedEmail, asked: bool, corpus: &Corpus) {
    let address = normalise(&claimed.address);
    let reason = match address {
        _ if !asked => "email_not_asked",
        None => "email_malformed",
        Some(address) if !corpus.has_address(&address) => "email_not_in_text",
        Some(address) if checked.emails.iter().any(|known| known.address == address) => return,
        Some(address) => {
            let name =
                detail(checked, claimed.name, "name_not_in_text", |name| is_name(name) && corpus.has_phrase(name));
            let role_title = title(checked, claimed.role_title, corpus);
            return checked.emails.push(ClaimedEmail { address, name, role_title });
        }
    };
    checked.drop(reason);
}

fn person(checked: &mut Checked, claimed: ClaimedPerson, asked: bool, corpus: &Corpus) {
    let name = claimed.name.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = match () {
        () if !asked => "person_not_asked",
        () if !is_name(&name) => "name_malformed",
        () if !corpus.has_phrase(&name) => "name_not_in_text",
        () if checked.people.iter().any(|known| known.name == name) => return,
        () => {
            let role_title = title(checked, claimed.role_title, corpus);
            let stands = |link: &str| fits(link, PROFILE_BYTES_MAX) && corpus.has_link(link);
            let profile_url = detail(checked, claimed.profile_url, "profile_not_in_text", stands);
            return checked.people.push(ClaimedPerson { name, role_title, profile_url });
        }
    };
    checked.drop(reason);
}

fn phone(checked: &mut Checked, claimed: &str, asked: bool, corpus: &Corpus) {
    let reason = match e164(claimed) {
        _ if !asked => "phone_not_asked",
        None => "phone_malformed",
        Some(number) if !corpus.has_phone(&number) => "phone_not_in_text",
        Some(number) if checked.phones.contains(&number) => return,
        Some(number) => return checked.phones.push(number),
    };
    checked.drop(reason);
}

fn title(checked: &mut Checked, claimed: Option<String>, corpus: &Corpus) -> Option<String> {
    detail(checked, claimed, "title_not_in_text", |title| fits(title, TITLE_BYTES_MAX) && corpus.has_phrase(title))
}

/// Whether JSON writes the text in so many bytes. What stands in a page's text has no control characters.
fn fits(text: &str, bytes_max: usize) -> bool {
    text.len() + text.matches(['"', '\\']).count() <= bytes_max
}

/// A detail of something believed: kept when it stands in the text, otherwise left out and counted.
fn detail(
    checked: &mut Checked,
    claimed: Option<String>,
    reason: &str,
    stands: impl Fn(&str) -> bool,
) -> Option<String> {
    let claimed = claimed.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
    if stands(&claimed) {
        return Some(claimed);
    }
    checked.drop(reason);
    None
}

/// Two words or more, of letters: one word alone may be any word of the text. Chinese names have no blank.
fn is_name(name: &str) -> bool {
    let letters = |word: &str| word.chars().all(|c| c.is_alphabetic() || "'’.-,()".contains(c));
    let words: Vec<&str> = name.split_whitespace().collect();
    let is_unspaced = name.chars().any(|c| matches!(c, '\u{3400}'..='\u{9fff}'));
    name.chars().count() <= NAME_CHARACTERS_MAX
        && fits(name, TITLE_BYTES_MAX)
        && words.iter().all(|word| letters(word))
        && (words.len() >= 2 || (is_unspaced && name.chars().count() >= 2))
}

/// The number in E.164: with its country code, or one of Singapore's eight digits.
fn e164(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let is_singapore = digits.len() == 8 && digits.starts_with(['3', '6', '8', '9']);
    match phone.trim().starts_with('+') {
        true if (8..=15).contains(&digits.len()) && !digits.starts_with('0') => Some(format!("+{digits}")),
        false if is_singapore => Some(format!("+65{digits}")),
        false if digits.len() == 10 && digits.starts_with("65") => Some(format!("+{digits}")),
        _ => None,
    }
}
