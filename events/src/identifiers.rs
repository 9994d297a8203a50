//! What suppression lists name, and the keyed hashes that stand for it.
//!
//! Everything is brought into one form before it is hashed, so that a number is the same with and without its country code, and a name in
//! either order.

use crate::{CompanyId, IdentifierKind, IndexKey};

/// Digits of a number that tell it apart: its end, whatever country code or dialling prefix stands before.
const PHONE_DIGITS: usize = 8;

/// What a suppression can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suppressible<'a> {
    /// One address.
    Address(&'a str),
    /// A domain: all addresses at it and below it, and the company whose site it is.
    Domain(&'a str),
    /// A company.
    Company(CompanyId),
    /// A phone number, however it is written.
    Phone(&'a str),
    /// A profile link.
    Profile(&'a str),
    /// A person's name, at one company: elsewhere it is somebody else's.
    Name {
        /// In any order of its words.
        name: &'a str,
        /// Where.
        company: CompanyId,
    },
}

/// The kinds of suppressions. The names are stored: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SuppressionKind {
    /// An address.
    Email,
    /// A domain.
    Domain,
    /// A company.
    Company,
    /// A phone number.
    Phone,
    /// A profile link.
    Profile,
    /// A name at a company.
    Name,
    /// What a vendor was asked about an erased person.
    Thing,
}

impl SuppressionKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Email, Self::Domain, Self::Company, Self::Phone, Self::Profile, Self::Name, Self::Thing];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Domain => "domain",
            Self::Company => "company",
            Self::Phone => "phone",
            Self::Profile => "profile",
            Self::Name => "name",
            Self::Thing => "thing",
        }
    }

    /// The kind of that stored name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A suppression as it is stored and looked up: says nothing of what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Suppression {
    /// What it names.
    pub kind: SuppressionKind,
    /// Its keyed hash.
    pub hash: [u8; 32],
}

impl IndexKey {
    /// Under what a thing is suppressed.
    #[must_use]
    pub fn suppression(&self, what: Suppressible<'_>) -> Suppression {
        let (kind, hash) = match what {
            Suppressible::Address(address) => (SuppressionKind::Email, self.hash(IdentifierKind::Email, address)),
            Suppressible::Domain(domain) => (SuppressionKind::Domain, self.hash(IdentifierKind::Company, domain)),
            Suppressible::Company(company) => {
                (SuppressionKind::Company, self.hash_bytes("suppressed company", company.to_string().as_bytes()))
            }
            Suppressible::Phone(number) => {
                (SuppressionKind::Phone, self.hash_bytes("suppressed phone", phone(number).as_bytes()))
            }
            Suppressible::Profile(link) => {
                (SuppressionKind::Profile, self.hash_bytes("suppressed profile", profile(link).as_bytes()))
            }
            Suppressible::Name { name, company } => {
                let form = format!("{}/{company}", name_form(name));
                (SuppressionKind::Name, self.hash_bytes("suppressed name", form.as_bytes()))
            }
        };
        Suppression { kind, hash }
    }
}

/// The words of a text: runs of letters and digits; a character of a script that writes without spaces is a word of its own.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let first = rest.chars().next()?;
        let end = match stands_alone(first) {
            true => first.len_utf8(),
            false => rest.find(|letter: char| !letter.is_alphanumeric() || stands_alone(letter)).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

/// Han, kana and hangul.
fn stands_alone(letter: char) -> bool {
    matches!(u32::from(letter), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0x2_0000..=0x3_ffff)
}

/// The words of a name in one order, in lower case.
fn name_form(name: &str) -> String {
    let name = name.to_lowercase();
    let mut words: Vec<&str> = words(&name).collect();
    words.sort_unstable();
    words.join(" ")
}

fn phone(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(PHONE_DIGITS)..].to_owned()
}

/// Host and path, in lower case, without what does not tell two profiles apart.
fn profile(link: &str) -> String {
    let link = link.trim().to_lowercase();
    let link = link.split_once("://").map_or(link.as_str(), |(_, rest)| rest);
    let link = link.split(['?', '#']).next().unwrap_or_default();
    link.strip_prefix("www.").unwrap_or(link).trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn hash(what: Suppressible<'_>) -> Suppression {
        IndexKey::new(Key::new([1; 32])).suppression(what)
    }

    fn company(id: i64) -> CompanyId {
        CompanyId::new(id).unwrap()
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let number = hash(Suppressible::Phone("+6567492385"));
        for written in ["6749 2385", "+65 6749-2385", "(65) 67492385", "006567492385"] {
            assert_eq!(hash(Suppressible::Phone(written)), number, "{written}");
        }
        assert_ne!(hash(Suppressible::Phone("6749 2386")), number);
        assert_eq!(phone("995"), "995");
    }

    #[test]
    fn a_name_is_the_same_in_any_order_and_at_one_company_alone() {
        let name = |name, id| hash(Suppressible::Name { name, company: company(id) });
        assert_eq!(name("Jane Doe", 1), name("DOE, Jane", 1));
        assert_eq!(name("陳大文", 1), name("陳大文", 1));
        assert_ne!(name("Jane Doe", 1), name("Jane Doe", 2));
        assert_ne!(name("Jane Doe", 1), name("Janed Oe", 1));
    }

    #[test]
    fn a_profile_is_the_same_with_and_without_what_does_not_matter() {
        let profile = hash(Suppressible::Profile("https://www.linkedin.com/in/Jane-Doe/"));
        assert_eq!(hash(Suppressible::Profile("linkedin.com/in/jane-doe?trk=x")), profile);
        assert_ne!(hash(Suppressible::Profile("linkedin.com/in/jane-doe-2")), profile);
    }

    #[test]
    fn a_text_has_words() {
        assert_eq!(words("/team/jane-doe: 6749 2385").collect::<Vec<_>>(), ["team", "jane", "doe", "6749", "2385"]);
        assert_eq!(words("陳先生Ltd").collect::<Vec<_>>(), ["陳", "先", "生", "Ltd"]);
        assert_eq!(words(" .. ").count(), 0);
    }

    #[test]
    fn kinds_read_back() {
        for kind in SuppressionKind::ALL {
            assert_eq!(SuppressionKind::named(kind.as_str()), Some(kind));
        }
    }
}
