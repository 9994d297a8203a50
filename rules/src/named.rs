//! Whether a text names somebody, told by asking about everything in it that could be an address, a number, a link or a name.
//!
//! Who is looked for is known by keyed hashes alone, so the text is taken apart and each part is asked about. Asking with a closure that
//! answers "no" to everything lists what would be looked up.

use std::borrow::Cow;

use presdr_events::{CompanyId, Suppressible, words};
use serde_json::Value;

/// Longer chunks are no links of a person.
const LINK_BYTES_MAX: usize = 300;
/// Digits of a phone number (E.164 has 15 at most); fewer than eight are a year, a price, a house.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// A number is written in so many groups at most.
const PHONE_WORDS_MAX: usize = 6;
/// Words of a name: one alone is a word like any other.
const NAME_WORDS: std::ops::RangeInclusive<usize> = 2..=5;

/// Whether the text names somebody of whom `known` answers yes. Names are asked about at `company`, and not at all without one.
pub fn names(text: &str, company: Option<CompanyId>, known: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let text = decoded(text).to_lowercase();
    // Counted, since every question is to be asked, whatever the answers: whoever lists them needs all.
    let address = addresses(&text).filter(|address| is_address(address, known)).count() > 0;
    let link = links(&text).filter(|link| known(Suppressible::Profile(link))).count() > 0;
    let words: Vec<&str> = words(&text).collect();
    let phone = has_phone(&words, known);
    let name = company.is_some_and(|company| has_name(&words, company, known));
    address || link || phone || name
}

/// The forms of a name under which it is looked for in texts: as it is, and its first and last word where there are more.
pub fn forms_of_name(name: &str) -> Vec<String> {
    let all: Vec<&str> = words(name).collect();
    let mut forms = vec![all.join(" ")];
    if let [first, _, .., last] = all.as_slice() {
        forms.push(format!("{first} {last}"));
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// What is left of a document without those whom it names.
#[derive(Debug, Clone, PartialEq)]
pub enum Left {
    /// It names nobody.
    All,
    /// The same without the entries of lists that name them.
    Less(Value),
    /// They are named outside of lists: nothing of it can be kept.
    Nothing,
}

/// Takes the entries of lists that name somebody out of a document.
pub fn without_entries(document: &Value, named: &dyn Fn(&str) -> bool) -> Left {
    if !mentions(document, named) {
        return Left::All;
    }
    let mut less = document.clone();
    drop_entries(&mut less, named);
    match mentions(&less, named) {
        true => Left::Nothing,
        false => Left::Less(less),
    }
}

/// What of a document is somebody's own: of lists the entries that name them, of free text its lines. What stands beside them in an entry
/// that is theirs stays; others' entries and lines do not.
#[must_use]
pub fn only_entries(document: &Value, named: &dyn Fn(&str) -> bool) -> Value {
    /// Longer texts are free text, and may be about anybody.
    const VALUE_CHARS_MAX: usize = 120;
    match document {
        Value::Array(values) => {
            let own = values.iter().filter(|value| mentions(value, named));
            own.map(|value| only_entries(value, named)).collect()
        }
        Value::Object(fields) => {
            let own = fields.iter().map(|(name, value)| (name.clone(), only_entries(value, named)));
            own.filter(|(_, value)| !value.is_null()).collect()
        }
        Value::String(text) if text.contains('\n') || text.chars().count() > VALUE_CHARS_MAX => {
            let own: Vec<&str> = text.lines().filter(|line| named(line)).collect();
            if own.is_empty() { Value::Null } else { own.join("\n").into() }
        }
        other => other.clone(),
    }
}

fn mentions(value: &Value, named: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => named(text),
        // Counted, since every question is to be asked.
        Value::Array(values) => values.iter().filter(|value| mentions(value, named)).count() > 0,
        Value::Object(fields) => fields.values().filter(|value| mentions(value, named)).count() > 0,
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn drop_entries(value: &mut Value, named: &dyn Fn(&str) -> bool) {
    match value {
        Value::Array(values) => values.retain(|value| !mentions(value, named)),
        Value::Object(fields) => fields.values_mut().for_each(|value| drop_entries(value, named)),
        _ => {}
    }
}

/// With what is percent-encoded (RFC 3986) written out.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |place: usize| bytes.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// What stands around each `@`.
fn addresses(text: &str) -> impl Iterator<Item = String> + '_ {
    let in_name = |letter: char| letter.is_alphanumeric() || "._%+-'".contains(letter);
    let in_domain = |letter: char| letter.is_alphanumeric() || ".-".contains(letter);
    text.match_indices('@').map(move |(at, _)| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let name = &before[before.trim_end_matches(in_name).len()..];
        let domain = &after[..after.len() - after.trim_start_matches(in_domain).len()];
        format!("{}@{}", name.trim_matches('.'), domain.trim_matches(['.', '-']))
    })
}

fn is_address(address: &str, known: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let untagged = address.split_once('+').and_then(|(name, rest)| Some(format!("{name}@{}", rest.split_once('@')?.1)));
    let mut found = known(Suppressible::Address(address));
    if let Some(untagged) = &untagged {
        found |= known(Suppressible::Address(untagged));
    }
    found
}

/// What could be a link to a profile: something with a host and a path.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = |letter: char| letter.is_whitespace() || "\"'<>()[]{},;|".contains(letter);
    text.split(ends)
        .map(|chunk| chunk.trim_end_matches(['.', ':', '!']))
        .filter(|chunk| chunk.len() <= LINK_BYTES_MAX && chunk.contains('/') && chunk.contains('.'))
}

fn has_phone(words: &[&str], known: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut found = false;
    for first in 0..words.len() {
        let mut digits = String::new();
        for word in words[first..].iter().take(PHONE_WORDS_MAX).take_while(|word| is_number(word)) {
            digits.push_str(word);
            if digits.len() > *PHONE_DIGITS.end() {
                break;
            }
            if digits.len() >= *PHONE_DIGITS.start() {
                found |= known(Suppressible::Phone(&digits));
            }
        }
    }
    found
}

fn has_name(words: &[&str], company: CompanyId, known: &dyn Fn(Suppressible<'_>) -> bool) -> bool {
    let mut found = false;
    for length in NAME_WORDS {
        for window in words.windows(length) {
            if window.iter().all(|word| word.chars().any(char::is_alphabetic)) {
                found |= known(Suppressible::Name { name: &window.join(" "), company });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use presdr_events::{IndexKey, Key, Suppression};
    use serde_json::json;

    use super::*;

    fn company() -> CompanyId {
        CompanyId::new(7).unwrap()
    }

    /// Jane Mary Doe as an erasure leaves her behind.
    fn jane() -> (IndexKey, HashSet<Suppression>) {
        let key = IndexKey::new(Key::new([1; 32]));
        let mut forms = vec![
            key.suppression(Suppressible::Address("jane.doe@acme.example")),
            key.suppression(Suppressible::Phone("+65 6749 2385")),
            key.suppression(Suppressible::Profile("https://www.linkedin.com/in/jane-doe-7f3/")),
        ];
        for name in forms_of_name("Jane Mary Doe") {
            forms.push(key.suppression(Suppressible::Name { name: &name, company: company() }));
        }
        (key, forms.into_iter().collect())
    }

    fn names_jane(text: &str) -> bool {
        let (key, forms) = jane();
        names(text, Some(company()), &|what| forms.contains(&key.suppression(what)))
    }

    #[test]
    fn she_is_found_however_she_is_written() {
        for text in [
            "Write to Jane.Doe@ACME.example.",
            "/gone/jane.doe@acme.example",
            "mailto:jane.doe+news%40acme.example?subject=x",
            "Call (65) 6749-2385 now",
            "tel:+6567492385",
            "a 2019 6749 2385 b",
            "see https://sg.example, www.linkedin.com/in/Jane-Doe-7f3?trk=1 and more",
            "Founded by Jane Doe.",
            "DOE, JANE",
            "/team/jane-mary-doe/",
            "Mary Jane Doe",
        ] {
            assert!(names_jane(text), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            "Write to jane@acme.example or doe@acme.example, @ and @@.",
            "Call 6749 2386, since 1968, 49 23 85",
            "linkedin.com/in/jane-dough-7f3",
            "Jane is here, and so is Mr Doe",
            "janedoe",
            "100% of 5%zz",
        ] {
            assert!(!names_jane(text), "{text}");
        }
        let (key, forms) = jane();
        let elsewhere = CompanyId::new(8).ok();
        assert!(!names("Jane Doe", elsewhere, &|what| forms.contains(&key.suppression(what))), "somebody else's name");
        assert!(!names("Jane Doe", None, &|what| forms.contains(&key.suppression(what))));
    }

    #[test]
    fn a_name_without_spaces_is_found_in_a_text_without_spaces() {
        let key = IndexKey::new(Key::new([1; 32]));
        let name = key.suppression(Suppressible::Name { name: "陳大文", company: company() });
        assert!(names("總經理陳大文先生", Some(company()), &|what| key.suppression(what) == name));
    }

    #[test]
    fn the_entries_that_name_her_go_and_what_names_her_elsewhere_goes_whole() {
        let people = json!([{"id": "1", "name": "Jane Doe"}, {"id": "2", "name": "John Roe"}]);
        assert_eq!(without_entries(&people, &names_jane), Left::Less(json!([{"id": "2", "name": "John Roe"}])));
        assert_eq!(without_entries(&json!({"name": "Jane Doe"}), &names_jane), Left::Nothing);
        assert_eq!(without_entries(&json!({"name": "John Roe"}), &names_jane), Left::All);
        let nested = json!({"results": [{"pages": ["by Jane Doe", "x"]}]});
        assert_eq!(without_entries(&nested, &names_jane), Left::Less(json!({"results": []})));
    }

    #[test]
    fn answering_no_lists_every_question() {
        let asked = std::cell::RefCell::new(Vec::new());
        let list = |what: Suppressible<'_>| {
            asked.borrow_mut().push(format!("{what:?}"));
            false
        };
        names("jane+x@a.example 6749 2385 a.example/b", Some(company()), &list);
        let asked = asked.into_inner();
        for wanted in [
            "Address(\"jane+x@a.example\")",
            "Address(\"jane@a.example\")",
            "Phone(\"67492385\")",
            "Profile(\"a.example/b\")",
        ] {
            assert!(asked.iter().any(|asked| asked == wanted), "{wanted}: {asked:?}");
        }
    }
}
