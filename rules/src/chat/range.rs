//! Numbers from and to, as people write them.

use crate::icp::Bounds;

/// No range has more words.
const WORDS_MAX: usize = 4;

/// A range in words: `10-200`, `between 10 and 200`, `at least 10`, `10+`, `up to 200`, `since 2015`, `any`.
///
/// An end may be above the other; that is for the caller to say.
pub(super) fn read(words: &[&str]) -> Option<Bounds> {
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match lower.as_slice() {
        ["any"] | ["any", "number"] | ["any", "number", "of"] => Some(Bounds::default()),
        ["up", "to", high] => Some(Bounds { min: None, max: Some(number(high)?) }),
        ["between", low, "and", high]
        | ["from" | "between", low, "to" | "-", high]
        | [low, "to" | "-" | "until", high] => closed(low, high),
        ["at", "least", low]
        | ["minimum" | "min" | "since" | "from", low]
        | [low, "or", "more"]
        | [low, "and", "up"] => Some(Bounds { min: Some(number(low)?), max: None }),
        ["more" | "larger" | "later", "than", low] | ["over" | "above" | "after", low] => {
            Some(Bounds { min: Some(number(low)?.checked_add(1)?), max: None })
        }
        ["at", "most", high] | ["maximum" | "max" | "until", high] | [high, "or", "less" | "fewer"] => {
            Some(Bounds { min: None, max: Some(number(high)?) })
        }
        ["fewer" | "less" | "smaller" | "earlier", "than", high] | ["under" | "below" | "before", high] => {
            Some(Bounds { min: None, max: Some(number(high)?.checked_sub(1)?) })
        }
        ["exactly" | "in", only] => closed(only, only),
        [word] => one_word(word),
        _ => None,
    }
}

/// The longest range at the end of the words, and the words before it.
pub(super) fn at_end<'w>(words: &'w [&'w str]) -> Option<(&'w [&'w str], Bounds)> {
    let first = words.len().saturating_sub(WORDS_MAX);
    (first..words.len()).find_map(|start| Some((&words[..start], read(&words[start..])?)))
}

/// The longest range at the start of the words, and the words behind it.
pub(super) fn at_start<'w>(words: &'w [&'w str]) -> Option<(Bounds, &'w [&'w str])> {
    (1..=words.len().min(WORDS_MAX)).rev().find_map(|end| Some((read(&words[..end])?, &words[end..])))
}

fn one_word(word: &str) -> Option<Bounds> {
    if let Some((low, high)) = word.split_once('-') {
        return closed(low, high);
    }
    match word.strip_suffix('+') {
        Some(low) => Some(Bounds { min: Some(number(low)?), max: None }),
        None => closed(word, word),
    }
}

fn closed(low: &str, high: &str) -> Option<Bounds> {
    Some(Bounds { min: Some(number(low)?), max: Some(number(high)?) })
}

/// A whole number in digits, thousands with commas or not.
fn number(word: &str) -> Option<u32> {
    let digits = word.replace(',', "");
    let only_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| digits.parse().ok()).flatten()
}
