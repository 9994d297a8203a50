//! Companies' legal forms, and names with and without them.

use std::sync::LazyLock;

use regex::Regex;

use super::super::pattern::compile;

/// Legal forms that end a company's name.
const LEGAL_FORMS: &str = r"(?:pte\.?,?\s*ltd|pvt\.?,?\s*ltd|\(pvt\.?\)\s*ltd|private\s+limited|pvt\.?\s+limited|sdn\.?\s*bhd|berhad|bhd|l\.?l\.?c|l\.?l\.?p|inc|incorporated|corp|corporation|co\.?,?\s*ltd|company\s+limited|ltd|limited|plc|gmbh(?:\s*&\s*co\.?\s*kg)?|ag|s\.?a\.?r\.?l|s\.?r\.?l|b\.?v|n\.?v|pty\.?\s*ltd|fz[ce]o?|fz-llc|fze|tbk|jsc|s\.?a\.?s|oy|ab|a/s|kk)";

/// Such a form at the end of a word, with its full stop.
pub(super) static LEGAL_ENDING: LazyLock<Regex> =
    LazyLock::new(|| match Regex::new(&format!(r"(?i)[\s,]\(?{LEGAL_FORMS}\)?\.?(?:\s|[,.;:|)]|$)")) {
        Ok(regex) => regex,
        Err(error) => unreachable!("the pattern is a constant and the tests use it: {error}"),
    });

/// Runs of capitalised words that end (or in Indonesia and Vietnam begin) with a legal form.
pub(super) fn with_legal_form(text: &str) -> impl Iterator<Item = &str> {
    static ENDING: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?:(?:Pte|PTE|Pvt|PVT|Pty|PTY|Co)\.?,? ?(?:Ltd|LTD|Limited|LIMITED)|\((?:Pvt|PVT)\.?\) ?(?:Ltd|LTD|Limited)|(?:Private|PRIVATE) (?:Limited|LIMITED)|(?:Sdn|SDN)\.? ?(?:Bhd|BHD)|Ltd|LTD|Limited|LIMITED|LLC|LLP|Inc|GmbH|FZCO|FZE|Corp)(?-u:\b)\.?",
        )
    });
    static BEGINNING: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"(?-u:\b)(?:PT|CV|UD)\.? |(?:Công ty|Công Ty|CÔNG TY) (?:TNHH|CP|Cổ phần|Cổ Phần|CỔ PHẦN) ")
    });
    const NAMES_MAX: usize = 20;
    let endings = ENDING.find_iter(text).filter_map(|form| {
        let start = words_before(&text[..form.start()]);
        (start < form.start()).then(|| &text[start..form.end()])
    });
    let beginnings = BEGINNING.find_iter(text).filter_map(|form| {
        let end = form.end() + words_behind(&text[form.end()..]);
        (end > form.end()).then(|| text[form.start()..end].trim_end())
    });
    endings.chain(beginnings).take(NAMES_MAX)
}

/// A name has no more words than this, beside its legal form.
const WORDS_MAX: usize = 7;
/// Nor is a word of it longer.
const WORD_BYTES_MAX: usize = 40;

/// Where the capitalised words at the end of `text` begin. Small words between them belong to the name.
fn words_before(text: &str) -> usize {
    let mut start = text.len();
    let mut rest = text;
    for _ in 0..WORDS_MAX {
        let trimmed = rest.strip_suffix(' ').unwrap_or(rest);
        let from = trimmed.ceil_char_boundary(trimmed.len().saturating_sub(WORD_BYTES_MAX));
        let begin = trimmed[from..].rfind([' ', '\n']).map_or(from, |space| from + space + 1);
        let word = &trimmed[begin..];
        let is_small = matches!(word, "&" | "and" | "of") && start < text.len();
        let ends_sentence = word.ends_with([';', ':', '!', '?', '|']) || (word.len() > 4 && word.ends_with('.'));
        if word.is_empty() || ends_sentence || !(is_small || starts_name(word)) {
            break;
        }
        // A small word counts once a capitalised one stands before it.
        start = if is_small { start } else { begin };
        rest = &trimmed[..begin];
    }
    start
}

/// The length of the capitalised words that `text` begins with.
fn words_behind(text: &str) -> usize {
    let mut end = 0;
    for _ in 0..WORDS_MAX {
        let rest = &text[end..text.floor_char_boundary(end + WORD_BYTES_MAX)];
        let length = rest.find([' ', '\n', ',', ';', '.', ':', '|', '(', ')']).unwrap_or(rest.len());
        if length == 0 || !(starts_name(rest) || rest.starts_with('&')) {
            break;
        }
        end += length;
        if !text[end..].starts_with(' ') {
            break;
        }
        end += 1;
    }
    end
}

fn starts_name(word: &str) -> bool {
    let word = word.strip_prefix(['(', '"', '“', '‘', '\'']).unwrap_or(word);
    word.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit())
}

/// What makes two wordings the same name: letters and digits only, lower case, without legal forms.
pub(in crate::extract) fn name_key(name: &str) -> String {
    static FORMS: LazyLock<Regex> = LazyLock::new(|| {
        match Regex::new(&format!(
            r"(?i)^(?:pt|cv|ud|m/s|messrs)\.?\s+|^công\s+ty\s+(?:tnhh|cp|cổ\s+phần)(?:\s+(?:mtv|tm|dv|sx|xd|thương\s+mại|dịch\s+vụ|đầu\s+tư))*\s+|^the\s+|[\s,]+\(?{LEGAL_FORMS}\)?\.?\s*$"
        )) {
            Ok(regex) => regex,
            Err(error) => unreachable!("the pattern is a constant and the tests use it: {error}"),
        }
    });
    let mut core = name.trim().to_lowercase().replace('&', " and ");
    // A name may carry two forms: "Co., Ltd", "PT X Tbk".
    for _ in 0..3 {
        let stripped = FORMS.replace_all(core.trim(), " ").trim().to_owned();
        if stripped.is_empty() || stripped == core {
            break;
        }
        core = stripped;
    }
    core.chars().filter(|c| c.is_alphanumeric()).collect()
}
