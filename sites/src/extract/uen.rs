//! Singapore's Unique Entity Number (<https://www.uen.gov.sg>) in running text.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern::compile;

/// The numbers in `text`, upper case, each once, in order. `19990000A` (local companies) and `T99LL0000A` (other
/// entities) are unmistakable; `99990000A` (businesses) needs a word that introduces it.
pub(super) fn uens(text: &str) -> Vec<String> {
    static UEN: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix) (?-u:\b) (?: (?P<entity> (?: (?: 18 | 19 | 20 ) [0-9]{7} | [TSR] [0-9]{2} [A-Z]{2} [0-9]{4} ) [A-Z] )
            | (?: UEN | ROC | ROB | ACRA | reg(?:istration|n)? | co(?:mpany)? \.? \s reg | GST ) [\s.:\#()A-Z]{0,24}? (?P<business> [0-9]{8} [A-Z] ) ) (?-u:\b)",
        )
    });
    const UENS_MAX: usize = 10;
    let mut found: Vec<String> = Vec::new();
    for captures in UEN.captures_iter(text) {
        let uen = captures.name("entity").or(captures.name("business")).map(|uen| uen.as_str().to_ascii_uppercase());
        found.extend(uen.filter(|uen| !found.contains(uen)));
        if found.len() >= UENS_MAX {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_numbers_are_found_and_other_numbers_left() {
        assert_eq!(
            uens("Kopi Pte Ltd (UEN: 201912345K) · Reg. No. 53312345A · T08LL1234B"),
            ["201912345K", "53312345A", "T08LL1234B"]
        );
        assert!(uens("Order 12345678A, tel 61234567, 20191234, 2019123456K").is_empty());
    }
}
