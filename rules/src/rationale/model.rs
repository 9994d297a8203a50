//! A rationale in a model's words: what it is told, and whether what it says holds.
//!
//! The model is told the bucket and, for each feature, one of five levels: nothing else. What it is told is exactly what
//! [`Brief::cache_key`] covers, so a cached text is as true for the next lead with the same levels as for the first. Features
//! in hundredths would make nearly every lead its own; with five levels most leads of a run share their text with others.
//!
//! What it says is used only if [`check`] finds nothing in it that it was not told: at most two sentences, no number and no
//! proper name that is not in the brief, no address and no link. Otherwise the plain rationale is used and that is counted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::words;
use crate::{
    features::{Feature, Features},
    score::{Bucket, Weights, rounded},
};

/// Counted up whenever the question for the same brief changes, so that no answer to an older one is served.
pub const PROMPT_VERSION: u32 = 1;
/// Longer than any two sentences of use.
const CHARACTERS_MAX: usize = 320;
const SENTENCES_MAX: usize = 2;

/// What a model is told of a lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    bucket: Bucket,
    /// In the features' order: its level in quarters, `None` where the evidence is missing, and its weight.
    levels: Vec<(Feature, Option<u8>, f64)>,
}

impl Brief {
    /// Of the features that carry weight, each to the nearest quarter.
    #[must_use]
    pub fn of(features: &Features, weights: &Weights, bucket: Bucket) -> Self {
        let level =
            |value: f64| [0, 1, 2, 3, 4].into_iter().rev().find(|level| value >= f64::from(*level) / 4.0 - 0.125);
        let levels = features
            .asked()
            .map(|(feature, value)| (feature, value.and_then(level), weights.of(feature)))
            .filter(|(_, _, weight)| *weight > 0.0)
            .collect();
        Self { bucket, levels }
    }

    /// Hex SHA-256 over the brief, the model and [`PROMPT_VERSION`]: what the answer is cached under.
    #[must_use]
    pub fn cache_key(&self, model: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("model rationale v{PROMPT_VERSION} {model}\n{}", self.text()));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The instructions.
    #[must_use]
    pub fn system(&self) -> &'static str {
        "You tell a sales person in English why a company scored as it did, in at most two short sentences and at most 40 words. \
         Use only the lines you are given: name the strongest points first, then the main gap. No names, no numbers that are not \
         in the lines, no advice, no greeting."
    }

    /// The lines that the model is given, the weightiest first.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = self.levels.clone();
        lines.sort_by(|(one, _, a), (other, _, b)| b.total_cmp(a).then(one.cmp(other)));
        let total: f64 = lines.iter().map(|(_, _, weight)| weight).sum();
        let lines: String = lines
            .iter()
            .map(|(feature, level, weight)| {
                let share = rounded(100.0 * weight / total, 1.0);
                format!(
                    "- {} (weight {share} of 100): {}\n",
                    feature.as_str().replace('_', " "),
                    told(*feature, *level)
                )
            })
            .collect();
        format!("Score: {}\n{lines}", self.bucket.as_str())
    }

    /// The strict schema of the answer.
    #[must_use]
    pub fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": { "rationale": { "type": "string" } },
            "required": ["rationale"],
            "additionalProperties": false,
        })
    }
}

fn told(feature: Feature, level: Option<u8>) -> String {
    let words = words(feature);
    match level {
        None => words.missing.to_owned(),
        Some(0) => format!("0 of 4, {}", words.weak),
        Some(1) => format!("1 of 4, {}", words.weak),
        Some(level) => format!("{level} of 4, {}", words.signal),
    }
}

/// Why a model's text is not used. The names are counted: add, never rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not of the shape that was asked for, or empty.
    Malformed,
    /// More than two sentences, or too long.
    TooLong,
    /// It holds a number that it was not told.
    Number,
    /// It holds a proper name that it was not told.
    Name,
    /// It holds an address, a link or another writing than English.
    Foreign,
}

impl Refused {
    /// The counted name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Number => "number",
            Self::Name => "name",
            Self::Foreign => "foreign",
        }
    }
}

/// The rationale in an answer of the shape that was asked for.
///
/// # Errors
/// [`Refused`] when there is none, or it says more than it was told.
pub fn read(answer: &str, brief: &Brief) -> Result<String, Refused> {
    let answer: BTreeMap<String, String> = serde_json::from_str(answer).map_err(|_| Refused::Malformed)?;
    let text = answer.get("rationale").ok_or(Refused::Malformed)?;
    check(text, brief)
}

/// The text with its blanks put right, if it says nothing that the brief does not.
///
/// # Errors
/// [`Refused`] with the first thing found.
pub fn check(text: &str, brief: &Brief) -> Result<String, Refused> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(Refused::Malformed);
    }
    if text.chars().count() > CHARACTERS_MAX || sentences(&text).len() > SENTENCES_MAX {
        return Err(Refused::TooLong);
    }
    let lower = text.to_ascii_lowercase();
    if !text.chars().all(is_english)
        || text.contains(['@', '<', '>'])
        || lower.contains("http")
        || lower.contains("www.")
    {
        return Err(Refused::Foreign);
    }
    let told = brief.text();
    let numbers: BTreeSet<String> = numbers(&told).collect();
    if numbers_of(&text).any(|number| !numbers.contains(&number)) {
        return Err(Refused::Number);
    }
    let known: BTreeSet<String> = words_of(&told).map(|word| word.to_ascii_lowercase()).collect();
    match sentences(&text).iter().any(|sentence| names_somebody(sentence, &known)) {
        true => Err(Refused::Name),
        false => Ok(text),
    }
}

/// A full stop, question or exclamation mark ends a sentence when a blank follows; one inside a number does not.
fn sentences(text: &str) -> Vec<&str> {
    let ends = text
        .match_indices(['.', '!', '?', ';'])
        .filter(|(at, _)| matches!(text.as_bytes().get(at + 1), None | Some(b' ')));
    let mut from = 0;
    let mut sentences = Vec::new();
    for (at, _) in ends {
        sentences.push(text[from..=at].trim());
        from = at + 1;
    }
    sentences.push(text[from..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

fn is_english(character: char) -> bool {
    character.is_ascii() || matches!(character, '’' | '‘' | '“' | '”' | '–' | '—')
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_ascii_alphabetic()).filter(|word| !word.is_empty())
}

/// Numbers written in digits.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_ascii_digit() && !matches!(character, '.' | ','))
        .map(|number| number.trim_matches(['.', ',']).to_owned())
        .filter(|number| !number.is_empty())
}

/// The same and those written in words. "one" is also an article and means no number.
fn numbers_of(text: &str) -> impl Iterator<Item = String> {
    const SPELLED: [(&str, &str); 15] = [
        ("two", "2"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
        ("seven", "7"),
        ("eight", "8"),
        ("nine", "9"),
        ("ten", "10"),
        ("eleven", "11"),
        ("twelve", "12"),
        ("dozen", "12"),
        ("hundred", "hundred"),
        ("thousand", "thousand"),
        ("million", "million"),
    ];
    let spelled = words_of(text).filter_map(|word| {
        SPELLED.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, digits)| (*digits).to_owned())
    });
    numbers(text).chain(spelled)
}

/// A word that begins with a capital names somebody, unless the brief has it, or it begins the sentence and is a plain English word.
fn names_somebody(sentence: &str, known: &BTreeSet<String>) -> bool {
    let capitalised = |word: &str| word.chars().next().is_some_and(|letter| letter.is_ascii_uppercase());
    words_of(sentence).enumerate().any(|(place, word)| {
        let lower = word.to_ascii_lowercase();
        let is_plain = PLAIN.split(' ').any(|plain| plain == lower) || lower.len() == 1;
        capitalised(word) && !known.contains(&lower) && !(place == 0 && is_plain)
    })
}

/// Words that begin a sentence of a rationale and are nobody's name.
const PLAIN: &str = "a although an and another as at based because but clear contacts despite domain employees evidence excellent \
    fits for good great however in it its key lacks lead limited main missing moderate mostly no not of on only \
    overall partial partly poor primary promising several shows since solid some still strong the their there they \
    this though weak well while with without";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Evidence;

    fn brief() -> Brief {
        let features = Features::default()
            .with(Feature::IndustryFit, Evidence::Known(1.0))
            .with(Feature::KeywordFit, Evidence::Known(0.67))
            .with(Feature::SiteQuality, Evidence::Known(0.1))
            .with(Feature::Contacts, Evidence::Missing);
        Brief::of(&features, &Weights::default(), Bucket::High)
    }

    #[test]
    fn the_model_is_told_levels_and_no_more() {
        insta::assert_snapshot!(brief().text(), @r"
        Score: High
        - industry fit (weight 34 of 100): 4 of 4, in a wanted industry
        - keyword fit (weight 26 of 100): 3 of 4, site speaks of the wanted topics
        - contacts (weight 26 of 100): contacts could not be looked up
        - site quality (weight 14 of 100): 0 of 4, site says little
        ");
    }

    #[test]
    fn leads_with_the_same_levels_share_a_text() {
        let of = |value| {
            Brief::of(
                &Features::default().with(Feature::SiteQuality, Evidence::Known(value)),
                &Weights::default(),
                Bucket::Low,
            )
        };
        assert_eq!(of(0.13).cache_key("m"), of(0.37).cache_key("m"));
        assert_ne!(of(0.37).cache_key("m"), of(0.38).cache_key("m"));
        assert_ne!(of(0.37).cache_key("m"), of(0.37).cache_key("another"));
        let missing = Brief::of(
            &Features::default().with(Feature::SiteQuality, Evidence::Missing),
            &Weights::default(),
            Bucket::Low,
        );
        assert_ne!(of(0.0).cache_key("m"), missing.cache_key("m"));
        assert_eq!(of(f64::NAN).cache_key("m"), missing.cache_key("m"));
    }

    #[test]
    fn a_text_that_says_what_it_was_told_is_used() {
        for text in [
            "Strong industry fit and a site that speaks of the wanted topics. The main gap is contacts, which could not be looked up.",
            "High score: in a wanted industry, with 3 of 4 on keyword fit.",
            "Industry fit carries a weight of 34 of 100; the site says little.",
        ] {
            assert_eq!(check(text, &brief()).as_deref(), Ok(text));
        }
        let answer = json!({ "rationale": "  Good   industry fit. " }).to_string();
        assert_eq!(read(&answer, &brief()).as_deref(), Ok("Good industry fit."));
    }

    #[test]
    fn a_text_that_says_more_is_refused() {
        for (text, refused) in [
            ("", Refused::Malformed),
            ("Good fit. Good site. Good people.", Refused::TooLong),
            ("Good industry fit with 75 employees.", Refused::Number),
            ("Good industry fit and three open jobs since 2019.", Refused::Number),
            ("Good industry fit; call seven people.", Refused::Number),
            ("Acme is in a wanted industry.", Refused::Name),
            ("Good fit, ask for Tan Mei Ling.", Refused::Name),
            ("Good fit in Singapore.", Refused::Name),
            ("Good fit, write to a@b.example.", Refused::Foreign),
            ("Good fit, see www.acme.example", Refused::Foreign),
            ("Gut, weil groß.", Refused::Foreign),
        ] {
            assert_eq!(check(text, &brief()), Err(refused), "{text}");
        }
        assert_eq!(check(&"good ".repeat(100), &brief()), Err(Refused::TooLong));
        assert_eq!(read("Good industry fit.", &brief()), Err(Refused::Malformed));
    }
}
