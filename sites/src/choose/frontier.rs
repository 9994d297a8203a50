//! The addresses known of a site, and which to read next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use url::Url;

use super::PageKind;
use super::address::{Site, key};
use super::kind::{Class, Sign, classify};

/// Beyond this many, further addresses of a site are not even remembered.
const CANDIDATES_MAX: usize = 5_000;
const WORDS_CHARS_MAX: usize = 60;

/// A page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub url: Url,
    pub kind: PageKind,
    /// In a few words.
    pub because: String,
}

/// What is known of a site's pages and not read yet.
#[derive(Debug)]
pub(crate) struct Frontier {
    site: Site,
    /// Kinds that must be read if they exist, in order.
    extra: Vec<PageKind>,
    candidates: BTreeMap<String, Candidate>,
    /// Keys of pages handed out.
    taken: HashSet<String>,
    /// How many of each kind were handed out.
    counts: HashMap<PageKind, usize>,
}

#[derive(Debug)]
struct Candidate {
    url: Url,
    class: Class,
    source: Source,
}

/// Where an address is known from; a link is the better witness.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Sitemap,
    Link { words: String },
}

impl Frontier {
    /// A site of which only the home page is known, and read.
    pub fn new(home: &Url, extra: &[PageKind]) -> Self {
        Self {
            site: Site::new(home),
            extra: extra.to_vec(),
            candidates: BTreeMap::new(),
            taken: HashSet::from([key(home)]),
            counts: HashMap::new(),
        }
    }

    /// Adds the links (address, words) of a page.
    pub fn add_links<'a>(&mut self, links: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (address, words) in links {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let words = words.chars().take(WORDS_CHARS_MAX).collect();
            self.add(address, Source::Link { words });
        }
    }

    /// Adds the entries of a sitemap.
    pub fn add_sitemap<'a>(&mut self, addresses: impl IntoIterator<Item = &'a str>) {
        for address in addresses {
            self.add(address, Source::Sitemap);
        }
    }

    /// The address of a file of this site as it would be asked for; `None` for other sites' files.
    pub fn own_file(&self, address: &str) -> Option<Url> {
        self.site.own(address)
    }

    /// A page that was read under another address than the one handed out (after a redirect).
    pub fn mark_read(&mut self, url: &Url) {
        let key = key(url);
        self.candidates.remove(&key);
        self.taken.insert(key);
    }

    fn add(&mut self, address: &str, source: Source) {
        let Some(url) = self.site.page(address) else {
            return;
        };
        let key = key(&url);
        if self.taken.contains(&key) || self.candidates.len() >= CANDIDATES_MAX {
            return;
        }
        let words = match &source {
            Source::Link { words } => words,
            Source::Sitemap => "",
        };
        let Some(class) = classify(&url, words) else {
            return;
        };
        let candidate = Candidate { url, class, source };
        match self.candidates.get(&key) {
            Some(known) if rank(&self.site, known) <= rank(&self.site, &candidate) => {}
            _ => {
                self.candidates.insert(key, candidate);
            }
        }
    }

    /// Whether some named kind is neither read nor among the candidates, so that a sitemap may help.
    pub fn lacks_a_kind(&self) -> bool {
        let known = |kind: &PageKind| self.candidates.values().any(|candidate| candidate.class.kind == *kind);
        PageKind::NAMED.iter().any(|kind| !self.counts.contains_key(kind) && !known(kind))
    }

    /// Whether an asked-for kind is still to be read.
    pub fn owes_extra(&self) -> bool {
        self.extra.iter().any(|kind| !self.counts.contains_key(kind))
    }

    /// The next page to read. Asked-for kinds first, at their usual place when nothing leads to them; then the best of
    /// each kind, then the second best of each.
    pub fn next(&mut self) -> Option<Chosen> {
        let owed = self.extra.iter().copied().find(|kind| !self.counts.contains_key(kind));
        if let Some(kind) = owed {
            return self.take_best(|candidate| candidate.class.kind == kind).or_else(|| self.usual_place(kind));
        }
        self.take_best(|_| true)
    }

    /// What was not handed out, in the order in which it would have been.
    pub fn into_rest(mut self) -> impl Iterator<Item = Chosen> {
        self.extra.clear();
        std::iter::from_fn(move || self.next())
    }

    fn take_best(&mut self, suits: impl Fn(&Candidate) -> bool) -> Option<Chosen> {
        let turn = |kind: PageKind| {
            let read = self.counts.get(&kind).copied().unwrap_or_default();
            // An unnamed page waits for the first of every named kind.
            (read + usize::from(kind == PageKind::Other), kind)
        };
        let best = self
            .candidates
            .iter()
            .filter(|(_, candidate)| suits(candidate))
            .min_by_key(|(_, candidate)| (turn(candidate.class.kind), rank(&self.site, candidate)))
            .map(|(key, _)| key.clone())?;
        let candidate = self.candidates.remove(&best)?;
        self.taken.insert(best);
        *self.counts.entry(candidate.class.kind).or_default() += 1;
        let because = because(&candidate);
        Some(Chosen { url: candidate.url, kind: candidate.class.kind, because })
    }

    /// An asked-for page that nothing leads to. Asked once, whatever comes of it.
    fn usual_place(&mut self, kind: PageKind) -> Option<Chosen> {
        self.counts.insert(kind, 1);
        let url = kind.usual_path().and_then(|path| self.site.page(path));
        match url {
            Some(url) if self.taken.insert(key(&url)) => {
                Some(Chosen { url, kind, because: "asked for and linked nowhere: its usual place".into() })
            }
            _ => self.next(),
        }
    }
}

/// Best first: the surest, on the home page's host, near the root, without a query, linked, short; the address itself
/// settles the rest.
fn rank<'a>(site: &Site, candidate: &'a Candidate) -> impl Ord + use<'a> {
    let url = &candidate.url;
    let depth = url.path().split('/').filter(|segment| !segment.is_empty()).count();
    (
        Reverse(candidate.class.strength),
        !site.is_home_host(url),
        depth,
        url.query().is_some(),
        matches!(candidate.source, Source::Sitemap),
        url.as_str().len(),
        url.as_str(),
        &candidate.source,
    )
}

/// In our words alone: this goes into events, and those of a link may name a person.
fn because(candidate: &Candidate) -> String {
    let term = candidate.class.term;
    let source = match &candidate.source {
        Source::Sitemap => "in the sitemap",
        Source::Link { .. } => "linked",
    };
    match candidate.class.sign {
        Sign::Path => format!("{source}; its path says {term:?}"),
        Sign::Folder => format!("{source}; its folder says {term:?}"),
        Sign::Words => format!("{source}; the link's words say {term:?}"),
        Sign::Nothing => source.to_owned(),
    }
}
