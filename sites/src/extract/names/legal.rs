//! Companies' legal forms, and names with and without them.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
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
            r"(?:[\p{Lu}\d][\p{L}\d'’.-]*[ ](?:(?:&|and|of)[ ])?){1,6}(?:\([\p{L} ]{2,20}\)[ ])?(?:(?:Pte|PTE|Pvt|PVT|Pty|PTY|Co)\.?,?[ ]*(?:Ltd|LTD|Limited|LIMITED)|\((?:Pvt|PVT)\.?\)[ ]*(?:Ltd|LTD|Limited)|(?:Private|PRIVATE)[ ](?:Limited|LIMITED)|(?:Sdn|SDN)\.?[ ]*(?:Bhd|BHD)|(?:Ltd|LTD|Limited|LIMITED|LLC|LLP|Inc|GmbH|FZCO|FZE|Corp))(?-u:\b)\.?",
        )
    });
    static BEGINNING: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?-u:\b)(?:PT|CV|UD)\.?[ ](?:[\p{Lu}\d][\p{L}\d'’-]*[ ]?){1,5}|C(?:ông|ÔNG) (?:ty|Ty|TY) (?:TNHH|CP|Cổ phần|Cổ Phần|CỔ PHẦN)[ ](?:[\p{Lu}\d&][\p{L}\d'’-]*[ ]?){1,8}",
        )
    });
    const NAMES_MAX: usize = 20;
    /// A longer line is a text, whose sentences name companies in passing.
    const LINE_BYTES_MAX: usize = 2_000;
    let lines = lines_with_form(text).filter(|line| line.len() <= LINE_BYTES_MAX);
    lines
        .flat_map(|line| ENDING.find_iter(line).chain(BEGINNING.find_iter(line)))
        .take(NAMES_MAX)
        .map(|found| found.as_str())
}

/// The lines of `text` in which a legal form occurs: one quick pass, so that the slow patterns see little.
fn lines_with_form(text: &str) -> impl Iterator<Item = &str> {
    const FORMS: [&str; 15] = [
        "Ltd", "LTD", "Limited", "LIMITED", "Bhd", "BHD", "LLC", "LLP", "Inc", "GmbH", "FZCO", "FZE", "Corp", "PT",
        "CV",
    ];
    static FINDER: LazyLock<AhoCorasick> =
        LazyLock::new(|| match AhoCorasick::new(FORMS.iter().chain(&["UD", "ông ty", "ÔNG TY"])) {
            Ok(finder) => finder,
            Err(error) => unreachable!("a few short words always compile: {error}"),
        });
    let mut at = 0;
    std::iter::from_fn(move || {
        let found = at + FINDER.find(text.get(at..)?)?.start();
        let start = text[..found].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[found..].find('\n').map_or(text.len(), |newline| found + newline);
        at = end;
        Some(&text[start..end])
    })
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
