//! What a text says, as far as patterns tell: the material that answers are made of.

use std::sync::LazyLock;

use regex::Regex;

use crate::random::Random;
use crate::vendors::openai::sentence;

/// Somebody whom the text introduces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub name: Option<String>,
    pub role: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// What a text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub emails: Vec<String>,
    pub phones: Vec<String>,
    pub urls: Vec<String>,
    pub headings: Vec<String>,
    /// Items of lists.
    pub items: Vec<String>,
    /// Sentences, a paragraph each.
    pub paragraphs: Vec<String>,
    pub people: Vec<Named>,
    /// How many people work there.
    pub headcount: Option<u64>,
    pub founded: Option<u64>,
    pub address: Option<String>,
    /// A sentence about the features in the text.
    pub sentence: String,
    /// Everything, in small letters.
    pub lower: String,
}

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"));
static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\+\d[\d ()-]{6,17}\d|\b[689]\d{3}[ -]?\d{4}\b"));
static URL: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r#"https?://[^\s)\]"'<>]+"#));
static HEADCOUNT: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)\b(\d[\d,]*)\s+(?:people|employees|staff|persons)\b"));
static FOUNDED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)(?:founded|established|since|incorporated)[^.\n]{0,40}?\b((?:19|20)\d\d)\b"));
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\d+ [A-Z][^\n,]{2,50},(?:[^\n,]{0,30},)? Singapore \d{6}"));
static ROLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:director|manager|founder|owner|head of|lead|chief|officer|partner|president|ceo|cto|cfo)\b")
});

fn all(pattern: &LazyLock<Option<Regex>>, text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for hit in pattern.iter().flat_map(|pattern| pattern.find_iter(text)) {
        let hit = hit.as_str().trim_end_matches(['.', ',', ';']);
        if !found.iter().any(|known| known == hit) {
            found.push(hit.to_owned());
        }
    }
    found
}

fn captured(pattern: &LazyLock<Option<Regex>>, text: &str) -> Option<u64> {
    let captures = pattern.as_ref()?.captures(text)?;
    captures.get(1)?.as_str().replace(',', "").parse().ok()
}

fn is(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

impl Evidence {
    /// What `text` says; with `invents` also somebody and something that it does not say.
    pub fn of(text: &str, invents: bool) -> Self {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let marked = |marks: &[char]| texts_after(&lines, marks);
        let menu = |line: &&&str| line.contains("](");
        let prose =
            |line: &&&str| line.len() >= 40 && !line.starts_with(['#', '*', '{', '[', '"']) && line.contains(' ');
        let mut evidence = Self {
            emails: all(&EMAIL, text),
            phones: all(&PHONE, text),
            urls: all(&URL, text),
            headings: marked(&['#']),
            items: marked(&['*', '-']),
            paragraphs: lines.iter().filter(prose).filter(|line| !menu(line)).map(|line| (*line).to_owned()).collect(),
            people: people(&lines),
            headcount: captured(&HEADCOUNT, text),
            founded: captured(&FOUNDED, text),
            address: all(&ADDRESS, text).into_iter().next(),
            sentence: sentence::about(text),
            lower: text.to_lowercase(),
        };
        if invents {
            evidence.invent();
        }
        evidence
    }

    /// Adds what the text does not say, in the first places, where it is used.
    fn invent(&mut self) {
        let number = Random::new(0, &self.lower, 0).below(9_000) + 1_000;
        let email = format!("zorblatt.vexley{number}@vexley-holdings.example");
        let name = "Zorblatt Vexley".to_owned();
        let somebody = Named {
            name: Some(name.clone()),
            role: Some("Chief Imagination Officer".into()),
            email: Some(email.clone()),
            phone: None,
        };
        self.emails.insert(0, email);
        self.phones.insert(0, format!("+65 6999 {number}"));
        self.people.insert(0, somebody);
        self.paragraphs.insert(
            0,
            format!("{name} led the firm to {number} branches on 14 continents, which nobody had done before."),
        );
        self.sentence = format!("{name} says that sales grew by {number} percent.");
    }

    /// The company's name, by its first heading.
    pub fn name(&self) -> Option<String> {
        let heading = self.headings.iter().find(|heading| !heading.is_empty())?;
        let bare = heading.strip_prefix("Welcome to ").unwrap_or(heading);
        Some(bare.split([' ', '\u{a0}']).collect::<Vec<_>>().join(" "))
    }

    /// What it says of itself: the longest paragraph's first two sentences.
    pub fn about(&self) -> Option<String> {
        let longest = self.paragraphs.iter().max_by_key(|paragraph| paragraph.len())?;
        let longest = if self.sentence.contains("Vexley") { self.paragraphs.first()? } else { longest };
        let mut ends = longest.match_indices(". ").map(|(place, _)| place + 1);
        let end = ends.nth(1).unwrap_or(longest.len());
        Some(longest[..end].to_owned())
    }

    /// The domain of its first address on the web, or of its first e-mail address.
    pub fn domain(&self) -> Option<String> {
        let of_url = self.urls.first().and_then(|url| url.split('/').nth(2));
        let of_email = self.emails.first().and_then(|email| email.split('@').nth(1));
        of_url.or(of_email).map(|host| host.trim_start_matches("www.").to_owned())
    }
}

/// Lines that begin with one of `marks`, without it.
fn texts_after(lines: &[&str], marks: &[char]) -> Vec<String> {
    let marked = lines.iter().filter(|line| line.starts_with(marks));
    marked.map(|line| line.trim_start_matches(marks).trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Names that are followed by a role; an address or a number close behind is theirs.
fn people(lines: &[&str]) -> Vec<Named> {
    let mut people = Vec::new();
    for (place, pair) in lines.windows(2).enumerate() {
        let name = pair[0].trim_start_matches('#').trim();
        let role = pair[1];
        if !like_a_name(name) || role.len() > 50 || role.contains('@') || !is(&ROLE, role) {
            continue;
        }
        let behind = lines.iter().skip(place + 2).take(2).take_while(|line| !line.starts_with('#'));
        let behind: String = behind.copied().collect::<Vec<_>>().join("\n");
        people.push(Named {
            name: Some(name.to_owned()),
            role: Some(role.to_owned()),
            email: all(&EMAIL, &behind).into_iter().next(),
            phone: all(&PHONE, &behind).into_iter().next(),
        });
    }
    people
}

fn like_a_name(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
    (2..=4).contains(&words.len())
        && words.iter().all(capital)
        && line.chars().all(|letter| letter.is_alphabetic() || " .'-".contains(letter))
        && !is(&ROLE, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Welcome to Kelmora Engineering\n\nFounded in Singapore in 1998, Kelmora Engineering builds machines. Today a team of about 84 people works from 12 Copper Lane, Singapore 123456. More.\n\n\
        * Automation\n* Repair\n\n## Idris Tanowick\n\nManaging Director\n\nEmail: idris.tanowick@kelmora.example\n\nTel: +65 6777 1234\n";

    #[test]
    fn a_page_yields_its_contacts_people_and_figures() {
        let said = Evidence::of(PAGE, false);
        assert_eq!(said.emails, ["idris.tanowick@kelmora.example"]);
        assert_eq!(said.phones, ["+65 6777 1234"]);
        assert_eq!(said.items, ["Automation", "Repair"]);
        assert_eq!((said.headcount, said.founded), (Some(84), Some(1998)));
        assert_eq!(said.address.as_deref(), Some("12 Copper Lane, Singapore 123456"));
        assert_eq!(said.name().as_deref(), Some("Kelmora Engineering"));
        assert_eq!(said.domain().as_deref(), Some("kelmora.example"));
        assert_eq!(said.people.len(), 1);
        assert_eq!(said.people[0].role.as_deref(), Some("Managing Director"));
        assert_eq!(said.people[0].email.as_deref(), Some("idris.tanowick@kelmora.example"));
        assert!(said.about().unwrap().starts_with("Founded in Singapore in 1998"));
    }

    #[test]
    fn what_is_invented_is_not_in_the_text_and_comes_first() {
        let said = Evidence::of(PAGE, true);
        assert_eq!(said.emails.len(), 2);
        assert!(!PAGE.contains(&said.emails[0]) && !PAGE.contains(&said.phones[0]));
        assert!(said.about().unwrap().contains("Vexley"));
        assert_eq!(said, Evidence::of(PAGE, true));
    }
}
