//! The kinds of pages, and how an address shows its kind.

use serde::{Deserialize, Serialize};
use url::Url;

use super::vocabulary::{ALONE, NEVER, NEWS, TERMS, tokens};

/// What a page is for. The order is the order of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// Where a visit starts.
    Home,
    /// How to reach the company, imprints included.
    Contact,
    /// Who the company is.
    About,
    /// Working there.
    Careers,
    /// Who works there.
    Team,
    /// What it does for others.
    Services,
    /// What it makes or sells.
    Products,
    /// What that costs.
    Pricing,
    /// For whom it has done it.
    Cases,
    /// Any other page.
    Other,
}

impl PageKind {
    /// Every kind that an address can show.
    pub(super) const NAMED: [Self; 8] = [
        Self::Contact,
        Self::About,
        Self::Careers,
        Self::Team,
        Self::Services,
        Self::Products,
        Self::Pricing,
        Self::Cases,
    ];

    /// Where such a page usually is, for a kind that was asked for and is linked nowhere.
    pub(super) fn usual_path(self) -> Option<&'static str> {
        match self {
            Self::Home | Self::Other => None,
            Self::Contact => Some("/contact"),
            Self::About => Some("/about"),
            Self::Careers => Some("/careers"),
            Self::Team => Some("/team"),
            Self::Services => Some("/services"),
            Self::Products => Some("/products"),
            Self::Pricing => Some("/pricing"),
            Self::Cases => Some("/portfolio"),
        }
    }
}

/// How an address was classed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    pub kind: PageKind,
    /// Higher is surer.
    pub strength: u8,
    /// What gave it away.
    pub sign: Sign,
    /// The word that did.
    pub term: &'static str,
}

/// What gave a page's kind away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Path,
    Words,
    Folder,
    Nothing,
}

/// A path or a link that says nothing but the term.
const WHOLE: u8 = 4;
const PART: u8 = 2;
const FOLDER: u8 = 1;
/// Headlines contain any word by chance; menus are short.
const MENU_WORDS_MAX: usize = 5;

/// Classes an address with the words of a link to it; `None` for what nobody needs to read.
pub(super) fn classify(url: &Url, words: &str) -> Option<Class> {
    let segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let (slug, folders) = segments.split_last().map_or(("", &[][..]), |(slug, folders)| (*slug, folders));
    let slug = tokens(slug.rsplit_once('.').map_or(slug, |(stem, _)| stem));
    let folders: Vec<Vec<String>> = folders.iter().map(|folder| tokens(folder)).collect();
    if folders.iter().chain([&slug]).any(|segment| NEVER.iter().any(|never| is_whole(segment, never))) {
        return None;
    }
    let unknown = Class { kind: PageKind::Other, strength: 0, sign: Sign::Nothing, term: "" };
    if folders.iter().any(|folder| NEWS.iter().any(|news| is_whole(folder, news))) {
        return Some(unknown);
    }
    let by_folder = folders.iter().rev().filter_map(|folder| best(folder, Sign::Folder, FOLDER, 0)).next();
    let signs = [best(&slug, Sign::Path, WHOLE, PART), best(&tokens(words), Sign::Words, WHOLE, PART), by_folder];
    let strongest = signs.into_iter().flatten().max_by_key(|class| (class.strength, class.term.len(), order(class)));
    let Some(mut class) = strongest else {
        return Some(unknown);
    };
    // Path and words that agree are surer than either.
    let agreeing = signs.into_iter().flatten().filter(|other| other.kind == class.kind).map(|other| other.strength);
    class.strength = agreeing.sum();
    Some(class)
}

/// Among equals the earlier kind.
fn order(class: &Class) -> std::cmp::Reverse<PageKind> {
    std::cmp::Reverse(class.kind)
}

/// The longest term that the words are, or contain when they are few.
fn best(words: &[String], sign: Sign, whole: u8, part: u8) -> Option<Class> {
    let class = |kind, strength, term| Class { kind, strength, sign, term };
    let terms = || TERMS.iter().flat_map(|(kind, terms)| terms.iter().map(move |term| (*kind, *term)));
    if let Some((kind, term)) = terms().find(|(_, term)| is_whole(words, term)) {
        return Some(class(kind, whole, term));
    }
    if part == 0 || words.len() > MENU_WORDS_MAX {
        return None;
    }
    let contained = terms().filter(|(_, term)| !ALONE.contains(term) && contains(words, term));
    let longest = contained.max_by_key(|(kind, term)| (term.chars().count(), std::cmp::Reverse(*kind)));
    longest.map(|(kind, term)| class(kind, part, term))
}

fn is_whole(words: &[String], term: &str) -> bool {
    !words.is_empty() && spells(words, term)
}

/// Whether the words, written together, are the term.
fn spells(words: &[String], term: &str) -> bool {
    let mut rest = term;
    for word in words {
        match rest.strip_prefix(word.as_str()) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Whether some run of the words, written together, is the term. Scripts without spaces are searched as they are.
fn contains(words: &[String], term: &str) -> bool {
    if !term.is_ascii() && words.iter().any(|word| word.contains(term)) {
        return true;
    }
    (0..words.len()).any(|start| (start + 1..=words.len()).any(|end| spells(&words[start..end], term)))
}
