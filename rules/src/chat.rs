//! What a person asks for in plain English: a line of text to one typed command.
//!
//! A deterministic grammar. What it does not understand is answered with the commands that come nearest, never with a guess: a command
//! that changes something is shown back before it is carried out, and [`Command::changes`] tells which those are. Names of companies are
//! kept as they were written; which company is meant, [`company::which`] tells from a list.
//!
//! - [`Command`]: what can be asked for
//! - [`read`]: the grammar, one table with an example per command
//! - [`examples`]: those examples, as help shows them
//! - [`company`]: which of many companies a person means
//! - [`explained`]: why a company scored as it did, as the chat tells it
//! - [`model`]: what a model may make of a line that the grammar does not know
//! - [`redact`]: a line as it may be kept

mod command;
pub mod company;
pub mod explained;
mod forms;
pub mod model;
mod nearest;
mod phrase;
mod profile;
mod range;
mod schedule;
mod told;

pub use command::{Command, Day, Export, IcpChanges, PageWish, Period, Suppressed};
pub use forms::{TOP_MAX, examples};

use crate::mask;

/// Longer lines are no commands.
pub const CHARACTERS_MAX: usize = 2000;

/// What a line of text came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// This is meant.
    Understood(Command),
    /// It is clear what is meant, but not possible: what is wrong, and how to say it. Repeats nothing that was written.
    Wrong(String),
    /// No command; these are the nearest.
    Unknown(Vec<&'static str>),
}

/// Reads one line.
#[must_use]
pub fn read(text: &str) -> Reading {
    if text.chars().count() > CHARACTERS_MAX {
        return Reading::Wrong(format!("A command has at most {CHARACTERS_MAX} characters; say it in fewer words."));
    }
    let line = tidy(text);
    forms::read(&line).unwrap_or_else(|| Reading::Unknown(nearest::nearest(&line)))
}

/// The text with every e-mail address and phone number in it masked: `suppress j***@acme.example`.
#[must_use]
pub fn redact(text: &str) -> String {
    without_numbers(&without_addresses(text))
}

/// Digits that stand in one row, with nothing but blanks, hyphens and brackets between them, are a phone number when they begin with a plus,
/// or are eight and begin as numbers in Singapore do, with its 65 before them or not. Years, scores and UENs are none.
fn without_numbers(text: &str) -> String {
    let is_part = |character: char| character.is_ascii_digit() || "+-() ".contains(character);
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|character: char| character.is_ascii_digit() || character == '+') {
        let joined = rest[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let length = rest[at..].find(|character: char| !is_part(character)).unwrap_or(rest.len() - at);
        let (before, behind) = (at, at + length);
        let row = rest[before..behind].trim_end();
        let end = before + row.len();
        let runs_on = rest[end..].starts_with(char::is_alphanumeric);
        redacted.push_str(&rest[..before]);
        if joined || runs_on || !is_number(row) {
            redacted.push_str(row);
        } else {
            redacted.push_str(&mask::phone(row));
        }
        rest = &rest[end..];
    }
    redacted.push_str(rest);
    redacted
}

fn is_number(row: &str) -> bool {
    let digits: String = row.chars().filter(char::is_ascii_digit).collect();
    let is_local = |digits: &str| digits.len() == 8 && digits.starts_with(['3', '6', '8', '9']);
    let local = is_local(&digits) && row.len() <= digits.len() + 1;
    let with_code = digits.strip_prefix("65").is_some_and(is_local);
    (row.starts_with('+') && (8..=15).contains(&digits.len())) || local || with_code
}

fn without_addresses(text: &str) -> String {
    let is_edge = |character: char| !(character.is_alphanumeric() || "@._%+-'*".contains(character));
    let mut redacted = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_edge) {
        let word = piece.trim_end_matches(is_edge);
        let address = word.trim_end_matches('.');
        if address.contains('@') && !address.contains("***@") {
            redacted.push_str(&mask::email(address));
            redacted.push_str(&piece[address.len()..]);
        } else {
            redacted.push_str(piece);
        }
    }
    redacted
}

const POLITE: [&str; 9] = ["please", "hi", "hello", "hey", "can you", "could you", "would you", "i want you to", "now"];

/// One space between words, plain quotes and dashes, no politeness around and no full stop behind.
fn tidy(text: &str) -> String {
    let plain: String = text.chars().map(plain).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = line.as_str();
    loop {
        let trimmed = line.trim_matches([' ', ',', ';']).trim_end_matches(['.', '!', '?']);
        let shorter = POLITE.iter().find_map(|word| phrase::strip(trimmed, word)).unwrap_or(trimmed);
        let shorter = strip_last_word(shorter, "please").unwrap_or(shorter);
        if shorter == line {
            return line.to_owned();
        }
        line = shorter;
    }
}

fn plain(character: char) -> char {
    match character {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        other => other,
    }
}

fn strip_last_word<'l>(line: &'l str, word: &str) -> Option<&'l str> {
    let (before, last) = line.rsplit_once(' ')?;
    last.eq_ignore_ascii_case(word).then_some(before)
}

#[cfg(test)]
mod tests;
