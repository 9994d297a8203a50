//! A page that somebody else read for us and wrote down as Markdown, as vendors do.
//!
//! It is made HTML again, as far as our readers look: paragraphs, headings, lists and links. So the same readers find the same things,
//! and a page read by a vendor says as much as one that we read.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use url::Url;

use super::{
    findings::{PageFindings, Region},
    page::page,
    pattern::compile,
};

/// Reads a page out of Markdown. Pure, and as robust as [`page`].
pub fn markdown(text: &str, url: &Url, region: Region) -> PageFindings {
    page(&html(text), url, region)
}

fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 256);
    let title = text.lines().find_map(heading).map(|(_, words)| words);
    html.push_str("<html><head><title>");
    html.push_str(&escaped(title.unwrap_or_default()));
    html.push_str("</title></head><body><main>\n");
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (tag, words) = match (heading(line), item(line)) {
            (Some((level, words)), _) => (HEADINGS[level], words),
            (None, Some(words)) => ("li", words),
            (None, None) => ("p", line),
        };
        html.push_str(&format!("<{tag}>{}</{tag}>\n", inline(words)));
    }
    html.push_str("</main></body></html>");
    html
}

const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];

/// The level from 0 and the words of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    (1..=HEADINGS.len()).contains(&level).then(|| (level - 1, words.trim()))
}

fn item(line: &str) -> Option<&str> {
    ["- ", "* ", "+ "].into_iter().find_map(|mark| line.strip_prefix(mark))
}

/// Links become links, the rest text. What was HTML in the text is shown, not obeyed.
fn inline(words: &str) -> String {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"!?\[([^\[\]]{0,300})\]\(\s?<?([^()\s<>]{1,2048})>?(?:\s"[^"]{0,300}")?\s?\)"#));
    let plain = words.replace("**", "").replace("__", "").replace('`', "");
    let escaped = escaped(&plain);
    let link = |found: &Captures<'_>| match found[0].starts_with('!') {
        true => String::new(),
        false => format!("<a href=\"{}\">{}</a>", &found[2], &found[1]),
    };
    LINK.replace_all(&escaped, link).into_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> PageFindings {
        markdown(text, &Url::parse("https://kopi.example/").unwrap(), Region::SINGAPORE)
    }

    #[test]
    fn a_page_written_down_says_what_the_page_says() {
        let page = read(
            "# Kopi Trading\n\nWe roast coffee beans for cafes across Singapore, fresh every week and delivered by noon.\n\n\
             - Call +65 6746 2280\n- [Write to us](mailto:info@kopi.example)\n\n[About](https://kopi.example/about) ![logo](https://kopi.example/logo.png)\n",
        );
        assert_eq!(page.title.as_deref(), Some("Kopi Trading"));
        assert!(page.text.contains("We roast coffee beans"), "{}", page.text);
        assert_eq!(page.emails.iter().map(|email| email.address.as_str()).collect::<Vec<_>>(), ["info@kopi.example"]);
        assert_eq!(page.phones[0].e164.as_deref(), Some("+6567462280"));
        assert_eq!(page.links.len(), 1);
    }

    #[test]
    fn markup_in_the_text_is_text() {
        let page = read(
            "<script>alert(1)</script> <a href=\"mailto:evil@kopi.example\">x</a> said the page, at length and in words.",
        );
        assert!(page.text.contains("<script>"), "{}", page.text);
        assert_eq!(page.technologies.len(), 0);
    }

    #[test]
    fn nothing_breaks_it() {
        for text in ["", "#######", "[](", "[a](b", "](x)[", "- ", "####### seven", "\u{0}\u{fffd}[x](<y>)"] {
            let _ = read(text);
        }
    }
}
