//! Texts that a vendor returns, made fit to be kept: one line without control characters, no endless values.
//!
//! A database stores no zero character, neither in a text nor in JSON, and a title that goes on for pages would make an event too big. So
//! texts pass here as they are read, before anything is stored: what a page says passes the extractor's own bounds in the same way.

/// A name or a title, as JSON writes it.
pub(crate) const NAME_BYTES_MAX: usize = 100;
/// An id, a code, a phone number, a domain's longest form (RFC 1035 section 2.3.4).
pub(crate) const ID_BYTES_MAX: usize = 253;
/// An address (RFC 5321 section 4.5.3.1.3, less the angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// A link to a profile.
const LINK_BYTES_MAX: usize = 200;

/// The text in one line, cut where JSON would need more than so many bytes to write it; none when nothing is left.
pub(crate) fn line(text: &str, bytes_max: usize) -> Option<String> {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let mut bytes = 0;
    let fitting = spaced.filter(|c| !c.is_control()).take_while(|c| {
        bytes += written(*c);
        bytes <= bytes_max
    });
    Some(fitting.collect::<String>().trim().to_owned()).filter(|line| !line.is_empty())
}

/// A name or a title.
pub(crate) fn name(text: &str) -> Option<String> {
    line(text, NAME_BYTES_MAX)
}

/// What means something else when it is cut short is left out instead: an id.
pub(crate) fn id(text: &str) -> Option<String> {
    whole(text, ID_BYTES_MAX)
}

/// An e-mail address, whole or not at all.
pub(crate) fn address(text: &str) -> Option<String> {
    whole(text, ADDRESS_BYTES_MAX)
}

/// A link, whole or not at all.
pub(crate) fn link(text: &str) -> Option<String> {
    whole(text, LINK_BYTES_MAX)
}

fn whole(text: &str, bytes_max: usize) -> Option<String> {
    let text = text.trim();
    let fits = !text.contains(char::is_control) && text.chars().map(written).sum::<usize>() <= bytes_max;
    (fits && !text.is_empty()).then(|| text.to_owned())
}

/// The bytes with which JSON writes a character that is no control character.
fn written(c: char) -> usize {
    if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_control_characters_and_an_end() {
        assert_eq!(line(" Head\u{0} of\n\tSales\u{1b}[2J ", 100).as_deref(), Some("Head of  Sales[2J"));
        assert_eq!(line("\u{0}\u{7f}\u{85} ", 100), None);
        assert_eq!(
            line(&"陈".repeat(50), 100).map(|text| text.chars().count()),
            Some(33),
            "bytes, never half a character"
        );
        assert_eq!(line("\"\"\"", 4).as_deref(), Some("\"\""), "as JSON writes it");
    }

    #[test]
    fn what_must_be_whole_is_whole_or_not_there() {
        assert_eq!(address(" jo@site.example ").as_deref(), Some("jo@site.example"));
        assert_eq!(address("jo\u{0}@site.example"), None);
        assert_eq!(address(&format!("{}@site.example", "j".repeat(254))), None);
        assert_eq!(link(&format!("https://profiles.example/{}", "x".repeat(200))), None);
        assert_eq!(id(&"7".repeat(254)), None);
        assert_eq!(id("  "), None);
    }
}
