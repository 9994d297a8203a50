//! How many tokens a text has, near enough: four letters each, one for each character of scripts without spaces.

/// Tokens of `text`.
pub(super) fn count(text: &str) -> u64 {
    let (ascii, others) =
        text.chars().fold(
            (0_u64, 0_u64),
            |(ascii, others), letter| {
                if letter.is_ascii() { (ascii + 1, others) } else { (ascii, others + 1) }
            },
        );
    ascii.div_ceil(4) + others
}

/// The beginning of `text` that fits into `most` tokens.
pub(super) fn cut(text: &str, most: u64) -> String {
    let mut kept = String::new();
    let mut quarters = 0;
    for letter in text.chars() {
        quarters += if letter.is_ascii() { 1 } else { 4 };
        if quarters > most.saturating_mul(4) {
            break;
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_has_no_more_tokens_than_it_may() {
        let text = "We build machines. 我们制造机器。 And more.";
        for most in 0..20 {
            assert!(count(&cut(text, most)) <= most + 1, "{most}"); // the last quarter may count as a whole
            assert!(text.starts_with(&cut(text, most)));
        }
        assert_eq!(cut(text, 100), text);
    }
}
