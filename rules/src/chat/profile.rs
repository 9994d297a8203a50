//! Changes of a profile in words: `software, 10-200 employees, in Singapore; run nightly`.
//!
//! Semicolons and commas separate; a piece that opens a key (`exclude holdings`) holds for the pieces behind it until a semicolon or
//! another key. Pieces that open none are industries. `and` separates everywhere but in industries, which often have one in their name.

use super::{Command, IcpChanges, Reading, phrase, range, schedule};
use crate::icp::{Bounds, Schedule, normalise_label};

/// The keys that hold a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Industries,
    Ssic,
    Geography,
    Keywords,
    Exclude,
    Titles,
    Revenue,
}

const OPENERS: [(Key, &[&str]); 7] = [
    (Key::Industries, &["industry", "industries", "industry is", "industries are"]),
    (Key::Ssic, &["ssic", "ssic code", "ssic codes"]),
    (Key::Geography, &["in", "based in", "located in", "geography", "located at", "from", "place", "places"]),
    (Key::Keywords, &["keyword", "keywords", "with keywords", "with keyword", "mentioning", "that mention", "mention"]),
    (Key::Exclude, &["exclude", "excluding", "without", "except", "except for", "but not", "not", "no"]),
    (Key::Titles, &["title", "titles", "contact titles", "talk to", "roles", "role", "contacts", "contact"]),
    (Key::Revenue, &["revenue", "revenue bucket", "with revenue", "revenue of"]),
];

const EMPLOYEES: [&str; 6] = ["employees", "employee", "staff", "people", "headcount", "heads"];
const INCORPORATED: [&str; 6] = ["incorporated", "founded", "established", "registered", "started", "incorporation"];
const BEFORE_RANGE: [&str; 5] = ["with", "having", "who", "have", "and"];
const COMPANIES: [&str; 8] = ["companies", "company", "firms", "firm", "businesses", "smes", "industry", "industries"];

/// The changes, or what is wrong with them.
pub(super) fn read(text: &str) -> Option<Reading> {
    let mut reader = Reader::default();
    for clause in separate_thousands(text).split([';', '\n']) {
        reader.key = Key::Industries;
        for piece in clause.split(',') {
            if let Err(wrong) = reader.piece(piece.trim()) {
                return Some(Reading::Wrong(wrong));
            }
        }
    }
    Some(match reader.changes.is_empty() {
        false => Reading::Understood(Command::ChangeIcp(reader.changes)),
        true => Reading::Wrong(
            "Say what to change, such as \"refresh ICP to software, 10-200 employees; run nightly\".".to_owned(),
        ),
    })
}

/// `1,000` is one number and `10, 200` are two.
fn separate_thousands(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let joins = |index: usize| {
        let three = (1..=3).all(|step| is_digit(index + step)) && !is_digit(index + 4);
        index > 0 && is_digit(index - 1) && three
    };
    text.char_indices().filter(|(index, character)| *character != ',' || !joins(*index)).map(|(_, kept)| kept).collect()
}

struct Reader {
    changes: IcpChanges,
    key: Key,
}

impl Default for Reader {
    fn default() -> Self {
        Self { changes: IcpChanges::default(), key: Key::Industries }
    }
}

impl Reader {
    fn piece(&mut self, piece: &str) -> Result<(), String> {
        let piece = phrase::strip(piece, "and").unwrap_or(piece);
        if let Some(schedule) = schedule::read(piece) {
            return self.schedule(schedule?);
        }
        let words: Vec<&str> = piece.split(' ').filter(|word| !word.is_empty()).collect();
        if let Some(at) = position(&words, &EMPLOYEES) {
            return self.employees(&words[..at], &words[at + 1..]);
        }
        if let Some(at) = position(&words, &INCORPORATED) {
            return self.years(&words[..at], &words[at + 1..]);
        }
        self.labels(piece);
        Ok(())
    }

    fn schedule(&mut self, schedule: Schedule) -> Result<(), String> {
        self.changes.schedule = Some(schedule);
        Ok(())
    }

    /// `software companies with 10-200 employees in Singapore`, `employees: at least 10`.
    fn employees(&mut self, before: &[&str], after: &[&str]) -> Result<(), String> {
        let (before, bounds, after) = match (range::at_end(before), range::at_start(after)) {
            (Some((before, bounds)), _) => (before, bounds, after),
            (None, Some((bounds, after))) => (before, bounds, after),
            (None, None) => {
                return Err("Say how many employees, such as \"10-200 employees\", \"at least 10 employees\" or \
                            \"any number of employees\"."
                    .to_owned());
            }
        };
        self.changes.employee_range = Some(in_order(bounds, "employees")?);
        self.rest(before, after)
    }

    /// `incorporated since 2015`, `founded between 2010 and 2020`.
    fn years(&mut self, before: &[&str], after: &[&str]) -> Result<(), String> {
        let after = match after {
            ["year", after @ ..] => after,
            after => after,
        };
        let Some((bounds, after)) = range::at_start(after) else {
            return Err("Say which years, such as \"incorporated since 2015\", \"incorporated 2010-2020\" or \
                        \"incorporated any\"."
                .to_owned());
        };
        let is_year = |year: Option<u32>| year.is_none_or(|year| (1800..=2200).contains(&year));
        if !is_year(bounds.min) || !is_year(bounds.max) {
            return Err("Years have four digits, such as \"incorporated since 2015\".".to_owned());
        }
        self.changes.incorporation_year = Some(in_order(bounds, "as years")?);
        self.rest(before, after)
    }

    /// What stands around a range: `software companies with`, `in Singapore`.
    fn rest(&mut self, mut before: &[&str], after: &[&str]) -> Result<(), String> {
        while let Some((last, rest)) = before.split_last()
            && BEFORE_RANGE.iter().any(|word| last.eq_ignore_ascii_case(word))
        {
            before = rest;
        }
        for words in [before, after].into_iter().filter(|words| !words.is_empty()) {
            self.piece(&words.join(" "))?;
        }
        Ok(())
    }

    fn labels(&mut self, piece: &str) {
        let opened = OPENERS.iter().find_map(|(key, openers)| Some((*key, phrase::strip_any(piece, openers)?)));
        let (key, words) = opened.unwrap_or((self.key, piece));
        self.key = key;
        for label in separate(words, key) {
            self.label(key, &label);
        }
    }

    fn label(&mut self, key: Key, label: &str) {
        let industry_in_place = (key == Key::Industries).then(|| label.split_once(" in ")).flatten();
        if let Some((industry, place)) = industry_in_place {
            self.label(Key::Industries, industry);
            return self.label(Key::Geography, place);
        }
        let words: Vec<&str> = label.split(' ').filter(|word| !word.is_empty()).collect();
        let tail = words.iter().rev().take_while(|word| key == Key::Industries && COMPANIES.contains(word)).count();
        let label = words[..words.len() - tail].join(" ");
        let label = phrase::skip_fillers(&label).trim_matches('"').to_owned();
        if label.is_empty() {
            return;
        }
        let changes = &mut self.changes;
        let list = match key {
            Key::Revenue => return changes.revenue_bucket = Some(label),
            Key::Industries => &mut changes.industries,
            Key::Ssic => &mut changes.ssic_codes,
            Key::Geography => &mut changes.geography,
            Key::Keywords => &mut changes.keywords,
            Key::Exclude => &mut changes.exclude,
            Key::Titles => &mut changes.titles,
        };
        let list = list.get_or_insert_default();
        let label = if key == Key::Ssic { label.to_uppercase() } else { label };
        if !list.contains(&label) {
            list.push(label);
        }
    }
}

fn separate(words: &str, key: Key) -> Vec<String> {
    let words = normalise_label(words);
    let by_or = words.split(" or ");
    match key {
        Key::Industries => by_or.map(str::to_owned).collect(),
        _ => by_or.flat_map(|part| part.split(" and ")).map(str::to_owned).collect(),
    }
}

fn position(words: &[&str], wanted: &[&str]) -> Option<usize> {
    words.iter().position(|word| wanted.iter().any(|wanted| word.trim_end_matches(':').eq_ignore_ascii_case(wanted)))
}

fn in_order(bounds: Bounds, what: &str) -> Result<Bounds, String> {
    match (bounds.min, bounds.max) {
        (Some(min), Some(max)) if min > max => {
            Err(format!("{min} to {max} {what} is the wrong way round; write {max} to {min}."))
        }
        _ => Ok(bounds),
    }
}
