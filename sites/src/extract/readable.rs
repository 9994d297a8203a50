//! The readable text of a page: what its authors wrote for readers, without menus, footers, forms and notices.

use super::digest::{Area, Block, Digest};

/// The paragraphs worth reading, one per line, in page order.
pub(super) fn readable(digest: &Digest<'_>) -> String {
    /// With fewer words than this left, the page's markup misled us about what is a menu, and everything counts.
    const WORDS_MIN: u32 = 25;
    let text = paragraphs(digest, |area| matches!(area, Area::Body | Area::Header));
    if words(&text) >= WORDS_MIN {
        return text;
    }
    let everything = paragraphs(digest, |_| true);
    if words(&everything) > 2 * words(&text) { everything } else { text }
}

fn paragraphs(digest: &Digest<'_>, is_wanted: impl Fn(Area) -> bool) -> String {
    let mut text = String::new();
    // Headings wait until something readable follows them.
    let mut heading: Option<&str> = None;
    for paragraph in digest.blocks.chunk_by(|_, next| next.continues) {
        if !is_wanted(paragraph[0].area) {
            continue;
        }
        let words = span(digest, paragraph);
        if paragraph[0].heading > 0 {
            if let Some(unused) = heading.replace(words).filter(|unused| unused.len() >= HEADING_SENTENCE_BYTES) {
                push_line(&mut text, unused);
            }
        } else if is_readable(words, paragraph) {
            if let Some(heading) = heading.take() {
                push_line(&mut text, heading);
            }
            push_line(&mut text, words);
        }
    }
    text
}

/// A heading this long says something by itself.
const HEADING_SENTENCE_BYTES: usize = 30;

fn span<'a>(digest: &'a Digest<'_>, paragraph: &[Block]) -> &'a str {
    let end = paragraph.last().map_or(paragraph[0].text.end, |last| last.text.end);
    digest.text[paragraph[0].text.start..end].trim()
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    let mut lines = line.split('\n');
    text.push_str(lines.next().unwrap_or_default());
    for line in lines {
        text.push(' ');
        text.push_str(line);
    }
}

/// A paragraph is readable when it is mostly not links and long enough to say something.
fn is_readable(words: &str, paragraph: &[Block]) -> bool {
    const BYTES_MIN: usize = 20;
    const SENTENCE_BYTES_MIN: usize = 12;
    let linked: usize = paragraph.iter().map(|block| block.linked_bytes).sum();
    let is_sentence = words.ends_with(['.', '!', '?', '。', '！', '？']) && words.len() >= SENTENCE_BYTES_MIN;
    (words.len() >= BYTES_MIN || is_sentence || (!words.is_ascii() && words.len() >= SENTENCE_BYTES_MIN))
        && linked * 2 <= words.len()
}

/// Words in `text`, with a word per two characters in scripts that write without spaces.
pub(super) fn words(text: &str) -> u32 {
    let (mut words, mut unspaced, mut is_within) = (0_u32, 0_u32, false);
    for character in text.chars() {
        if is_unspaced(character) {
            unspaced += 1;
            is_within = false;
        } else if character.is_alphanumeric() {
            words += u32::from(!is_within);
            is_within = true;
        } else if character.is_whitespace() {
            is_within = false;
        }
    }
    words + unspaced.div_ceil(2)
}

/// Chinese, Japanese, Thai, Lao, Khmer and Burmese letters.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::digest::digest;

    #[test]
    fn menus_footers_and_forms_are_left_out() {
        let page = "<nav><a href=/>Home</a> <a href=/about>About our company</a></nav>
            <main><h1>Coffee roasters</h1><p>We roast coffee in Bedok since 1987 and deliver it<br>to offices all over Singapore every single morning, rain or shine, all year.</p>
            <ul><li><a href=/beans>Beans from everywhere and more</a></li></ul></main>
            <form><p>Leave your message and we will call you back</p></form><footer><p>All rights reserved by the company of Kopi</p></footer>";
        let text = readable(&digest(page));
        assert_eq!(
            text,
            "Coffee roasters\nWe roast coffee in Bedok since 1987 and deliver it to offices all over Singapore every single morning, rain or shine, all year."
        );
    }

    #[test]
    fn a_page_that_is_all_footer_is_read_all_the_same() {
        let words = "We roast coffee in Bedok and deliver it to offices. ".repeat(8);
        assert!(readable(&digest(&format!("<div class=footer-wrapper><p>{words}</p></div>"))).starts_with("We roast"));
    }

    #[test]
    fn scripts_without_spaces_have_words_too() {
        assert_eq!(words("We roast coffee - daily."), 4);
        assert_eq!(words("我们烘焙咖啡"), 3);
        assert_eq!(words(""), 0);
    }
}
