//! People whom a page introduces: a name, and next to it a role.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    digest::{Area, Digest},
    findings::{FoundEmail, FoundPerson},
    json_ld::JsonLd,
    pattern::compile,
};

/// The people a page introduces, each once, in page order. Addresses that stand in a person's own lines get the name.
pub(super) fn people(digest: &Digest<'_>, json_ld: &JsonLd, emails: &mut [FoundEmail]) -> Vec<FoundPerson> {
    let mut people: Vec<FoundPerson> = Vec::new();
    for introduction in introductions(digest) {
        let mut person = introduction.person;
        let lines = &digest.text[introduction.text.clone()];
        person.profile_url = profile(digest, &introduction.text);
        let own = |email: &&mut FoundEmail| {
            email.name.is_none() && is_own(&email.address, &person.name) && contains(lines, &email.address)
        };
        for email in emails.iter_mut().filter(own) {
            email.name = Some(person.name.clone());
            email.role_title.clone_from(&person.role_title);
        }
        if !people.iter().any(|known| known.name == person.name) {
            people.push(person);
        }
    }
    let structured = json_ld.people.iter().filter(|person| is_name(&person.name));
    for person in structured {
        if !people.iter().any(|known| known.name == person.name) {
            people.push(person.clone());
        }
    }
    people
}

struct Introduction {
    person: FoundPerson,
    /// The person's lines: from the name to what follows the role, or the next person.
    text: std::ops::Range<usize>,
}

fn introductions(digest: &Digest<'_>) -> Vec<Introduction> {
    /// How far a person's own lines reach behind the name.
    const LINES_BYTES_MAX: usize = 400;
    const PEOPLE_MAX: usize = 60;
    let mut found: Vec<Introduction> = Vec::new();
    let blocks: Vec<_> =
        digest.blocks.iter().filter(|block| !matches!(block.area, Area::Navigation | Area::Aside)).collect();
    for (index, block) in blocks.iter().enumerate() {
        let line = &digest.text[block.text.clone()];
        let next = blocks.get(index + 1).map(|next| &digest.text[next.text.clone()]);
        let Some(person) = introduced(line, next) else {
            continue;
        };
        if let Some(previous) = found.last_mut() {
            previous.text.end = previous.text.end.min(block.text.start);
        }
        if found.len() >= PEOPLE_MAX {
            break;
        }
        let end = digest.text.floor_char_boundary(block.text.start + LINES_BYTES_MAX);
        found.push(Introduction { person, text: block.text.start..end });
    }
    found
}

/// "Tan Mei Ling", with "Managing Director" in the next line; or both in one line.
fn introduced(line: &str, next: Option<&str>) -> Option<FoundPerson> {
    const LINE_BYTES_MAX: usize = 100;
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let person = |name: &str, role: &str| FoundPerson {
        name: name.trim().to_owned(),
        role_title: Some(role.trim().to_owned()),
        profile_url: None,
    };
    for separator in [" - ", " – ", " — ", ", ", " | ", " ("] {
        if let Some((name, role)) = line.split_once(separator).filter(|(name, role)| is_name(name) && is_role(role)) {
            return Some(person(name, role.trim_end_matches(')')));
        }
    }
    next.filter(|role| is_name(line) && is_role(role)).map(|role| person(line, role))
}

/// Two to five capitalised words that no place, product or office bears.
fn is_name(line: &str) -> bool {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"^(?:(?:Mr|Mrs|Ms|Mdm|Dr|Prof|Ir|Er|Capt|Cik|Encik|Puan|Dato'?|Datuk|Herr|Frau|Bapak|Ibu|Ông|Bà)\.?\s+)?\p{Lu}[\p{L}'’.-]*(?:\s+(?:(?:bin|binti|bt|a/l|a/p|s/o|d/o|de|van|von|al)\s+)?\p{Lu}[\p{L}'’.-]*){1,4}(?:,\s*(?:Ph\.?D|MBA|S\.?[A-Z][a-z]?|M\.?[A-Z][a-z]?)\.?)*$",
        )
    });
    static OTHER: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)(?-u:\b)(?:our|the|and|for|with|team|about|contact|services?|company|group|limited|ltd|bhd|llc|inc|sales|support|manager|director|officer|engineer(?:ing)?|head|chief|department|office|business|marketing|project|product|quality|customer|management|development|report|performance|installation|recruitment|photo|search|kami|anda|oncology|los|angeles|york|city|trade|cargo|partners?|review|client|customer|foreign|growth|journey|solutions?|technolog(?:y|ies)|read|more|view|home|us|we|your|singapore|malaysia|india|indonesia|road|street|jalan|email|phone|address|founder|president|chairman|partner|consultant|executive|board|leadership|vision|mission|career|apply|job|full|time|senior|junior|human|resources?|finance|account(?:s|ant|ing)?|general|managing|operations?|industr(?:y|ies|ial)|training|program(?:me)?|international|global|national|university|school|college|hospital)(?-u:\b)",
        )
    });
    may_be_name(line) && NAME.is_match(line.trim()) && !OTHER.is_match(line)
}

/// A quick look, so that the slow patterns see few lines.
fn may_be_name(line: &str) -> bool {
    const BYTES_MAX: usize = 60;
    const WORDS_MAX: usize = 10;
    let words = line.split_whitespace().take(WORDS_MAX + 1).count();
    let starts_high = line.trim_start().starts_with(char::is_uppercase);
    line.len() <= BYTES_MAX && starts_high && (2..=WORDS_MAX).contains(&words)
}

/// A few words that name a role with some say in a company.
fn is_role(line: &str) -> bool {
    static ROLE: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)(?-u:\b)(?:(?:co-?)?founder|owner|proprietor|ceo|cto|coo|cfo|cmo|chief|managing director|director|president|chair(?:man|woman|person)?|partner|principal|head|(?:general )?manager|lead|executive|secretary|supervisor|consultant|engineer|developer|designer|specialist|advis[eo]r|accountant|architect|direktur|komisaris|manajer|pengarah|pengurus|geschäftsführer(?:in)?|inhaber(?:in)?|gérant|director general|gerente)(?-u:\b)|giám đốc|trưởng phòng|总经理|经理|董事|总监|代表取締役",
        )
    });
    const BYTES_MAX: usize = 70;
    const WORDS_MAX: usize = 9;
    /// Words of sentences, slogans and placeholders.
    const OTHER: [&str; 14] =
        ["your", "our", "you", "we", "is", "are", "how", "that", "this", "photo", "anda", "kami", "dan", "siap"];
    let line = line.trim();
    let mut words = line.split(|c: char| !c.is_alphanumeric());
    line.len() <= BYTES_MAX
        && !words.any(|word| OTHER.iter().any(|other| word.eq_ignore_ascii_case(other)))
        && line.split_whitespace().count() <= WORDS_MAX
        && !line.contains(['@', '?', '!'])
        && !line.ends_with('.')
        && ROLE.is_match(line)
}

/// Whether an address is made of a person's name: `mei`, `mltan`, `tan.mei.ling`. An office's address next to a person is
/// not the person's.
fn is_own(address: &str, name: &str) -> bool {
    const LETTERS_MIN: usize = 3;
    let local = address.split('@').next().unwrap_or_default().to_lowercase();
    let words = name.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| word.chars().count() >= LETTERS_MIN).any(|word| local.contains(&word))
}

fn contains(lines: &str, address: &str) -> bool {
    lines.len() >= address.len()
        && lines.as_bytes().windows(address.len()).any(|window| window.eq_ignore_ascii_case(address.as_bytes()))
}

/// The profile that a person's lines link to.
fn profile(digest: &Digest<'_>, lines: &std::ops::Range<usize>) -> Option<String> {
    let mut anchors = digest.anchors.iter().filter(|anchor| lines.contains(&anchor.text.start));
    anchors.find(|anchor| anchor.href.contains("linkedin.com/in/")).map(|anchor| anchor.href.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use crate::extract::{PageFindings, Region, page};

    fn read(html: &str) -> PageFindings {
        page(html, &Url::parse("https://kopi.example/team").unwrap(), Region::SINGAPORE)
    }

    #[test]
    fn a_person_is_a_name_with_a_role() {
        let found = read(
            r#"<h3>Tan Mei Ling</h3><p>Managing Director</p><p>mei@kopi.example</p><a href="https://www.linkedin.com/in/meiling">in</a>
               <h3>Ravi s/o Kumar</h3><p>Head of Sales</p><a href="mailto:ravi@kopi.example">ravi@kopi.example</a><p>Siti Aminah, Co-Founder</p>"#,
        );
        let people: Vec<_> = found
            .people
            .iter()
            .map(|person| (person.name.as_str(), person.role_title.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(
            people,
            [("Tan Mei Ling", "Managing Director"), ("Ravi s/o Kumar", "Head of Sales"), ("Siti Aminah", "Co-Founder")]
        );
        assert_eq!(found.people[0].profile_url.as_deref(), Some("https://www.linkedin.com/in/meiling"));
        let named: Vec<_> =
            found.emails.iter().map(|email| (email.address.as_str(), email.name.as_deref().unwrap_or(""))).collect();
        assert_eq!(named, [("ravi@kopi.example", "Ravi s/o Kumar"), ("mei@kopi.example", "Tan Mei Ling")]);
    }

    #[test]
    fn headings_and_offices_are_no_people() {
        for html in [
            "<h3>Our Services</h3><p>Project Manager</p>",
            "<h3>Sales Manager</h3><p>Marketing Director</p>",
            "<h3>Kopi House</h3><p>We roast.</p>",
        ] {
            assert!(read(html).people.is_empty(), "{html}");
        }
    }
}
