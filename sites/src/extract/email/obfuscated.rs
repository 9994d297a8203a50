//! Addresses that a page hides from machines.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{
    super::{email_filter, html::decode, pattern::compile},
    is_domain, is_local,
};

/// Local part and domain of addresses whose `@` or dots are written as words.
pub(super) fn in_text(text: &str) -> Vec<(String, String)> {
    /// `name [at] domain [dot] com`, `name(at)domain.com`, `name {@} domain.com`.
    static BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)([a-z0-9][a-z0-9._+-]{0,63}(?:\s*[\[({]\s*dot\s*[\])}]\s*[a-z0-9]+)?)\s*[\[({<]\s*(?:at|@|ät|arroba)\s*[\])}>]\s*([a-z0-9-]+(?:(?:\s*[\[({<]\s*(?:dot|punkt|\.)\s*[\])}>]\s*|\s+dot\s+|\s?\.\s?)[a-z0-9-]+){1,4})",
        )
    });
    /// `name at domain dot com`, which needs both words: "at" alone is English.
    static SPELLED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)(?-u:\b)([a-z0-9][a-z0-9._+-]{0,63})\s+(?:at|@)\s+([a-z0-9-]+(?:\s+dot\s+[a-z0-9-]+){1,3})(?-u:\b)",
        )
    });
    static MARK: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)[\[({<]\s?(?:at|@|ät|arroba)\s?[\])}>]|\sdot\s|\s@\s"));
    let mut found = Vec::new();
    if !MARK.is_match(text) {
        return found;
    }
    for pattern in [&*BRACKETED, &*SPELLED] {
        for captures in pattern.captures_iter(text) {
            found.push((joined(&captures[1]), joined(&captures[2])));
        }
    }
    found.extend(spaced(text));
    found
}

/// The parts of an address with every written-out dot made a dot.
fn joined(part: &str) -> String {
    let mut joined = String::with_capacity(part.len());
    for word in part.split(|c: char| c.is_whitespace() || "[](){}<>".contains(c)).filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case("dot") || word.eq_ignore_ascii_case("punkt") {
            joined.push('.');
        } else {
            joined.push_str(word);
        }
    }
    joined
}

/// `info @ kopi.example`. "Lunch @ kopi.example" looks the same, so the local part must be one that offices use.
fn spaced(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(" @ ") {
        let local = text[..at].rsplit(|c: char| !c.is_ascii() || !is_local(c as u8)).next().unwrap_or_default();
        let domain = text[at + 3..].split(|c: char| !c.is_ascii() || !is_domain(c as u8)).next().unwrap_or_default();
        if local.len() <= 64 && email_filter::is_role(&local.to_ascii_lowercase()) {
            found.push((local.to_owned(), domain.to_owned()));
        }
    }
    found
}

/// Addresses that a script puts together: `'info' + '@' + 'kopi.example'`, in one expression or, as Joomla 3 does, in two
/// statements with half of the letters as character references.
pub(super) fn in_script(script: &str) -> Vec<(String, String)> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r#"["'](?:mailto:)?([A-Za-z0-9._+-]{1,64})["']\s*\+\s*["'](?:@|%40)["']\s*\+\s*["']([A-Za-z0-9.-]{1,253})["']"#,
        )
    });
    static STATEMENTS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r#"=\s*["']([A-Za-z0-9._+-]{1,64})@["']\s*;\s*\w{1,80}\s*=\s*\w{1,80}\s*\+\s*["']([A-Za-z0-9.-]{1,253})["']"#,
        )
    });
    static JOINT: LazyLock<Regex> = LazyLock::new(|| compile(r#"["']\s?\+\s?["']"#));
    if !["@", "&#64;", "%40"].iter().any(|at| script.contains(at)) {
        return Vec::new();
    }
    let script = decode(script);
    let both = |captures: Captures<'_>| (captures[1].to_owned(), captures[2].to_owned());
    let mut found: Vec<_> = PATTERN.captures_iter(&script).map(both).collect();
    if script.contains("addy") {
        found.extend(STATEMENTS.captures_iter(&JOINT.replace_all(&script, "")).map(both));
    }
    found
}
