//! The text of a site.

use std::collections::HashSet;

use url::Url;

use super::{super::findings::PageFindings, is_index};

/// The readable text of all pages, each paragraph once.
pub(super) fn corpus(pages: &[&PageFindings]) -> String {
    /// As much text as anyone reads of a site.
    const CORPUS_BYTES_MAX: usize = 512 * 1024;
    let mut seen = HashSet::new();
    let mut corpus = String::new();
    for line in pages.iter().flat_map(|page| page.text.lines()) {
        if corpus.len() + line.len() < CORPUS_BYTES_MAX && seen.insert(line) {
            if !corpus.is_empty() {
                corpus.push('\n');
            }
            corpus.push_str(line);
        }
    }
    corpus
}

/// The text of the about page, if there is one with something to say, else of the home page, else of the fullest.
pub(super) fn about_text(pages: &[&PageFindings]) -> String {
    const WORDS_MIN: u32 = 40;
    const ABOUT_BYTES_MAX: usize = 6_000;
    let has_words = |page: &&&PageFindings| page.word_count >= WORDS_MIN;
    let about = pages
        .iter()
        .filter(has_words)
        .filter(|page| is_about(page))
        .max_by_key(|page| (page.word_count, std::cmp::Reverse(&page.url)));
    let home = pages.first().filter(has_words);
    let fullest = || pages.iter().max_by_key(|page| (page.word_count, std::cmp::Reverse(&page.url)));
    let text = about.or(home).or_else(fullest).map_or("", |page| page.text.as_str());
    let cut = text.floor_char_boundary(ABOUT_BYTES_MAX);
    // Paragraphs stay whole, unless the first alone is too long.
    let end = if cut < text.len() { text[..cut].rfind('\n').unwrap_or(cut) } else { cut };
    text[..end].to_owned()
}

/// Whether a page's address says that it is about the company.
fn is_about(page: &PageFindings) -> bool {
    const WORDS: [&str; 16] = [
        "about",
        "company",
        "profile",
        "who-we-are",
        "whoweare",
        "our-story",
        "ourstory",
        "overview",
        "tentang",
        "profil",
        "gioi-thieu",
        "gioithieu",
        "ve-chung-toi",
        "ueber-uns",
        "uber-uns",
        "history",
    ];
    let Ok(url) = Url::parse(&page.url) else {
        return false;
    };
    let path = url.path().to_ascii_lowercase();
    let mut names = path.split('/').filter(|name| !name.is_empty() && !is_index(name));
    names.next_back().is_some_and(|name| WORDS.iter().any(|word| name.contains(word)))
}
