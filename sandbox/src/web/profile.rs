//! What kind of web site a made-up company has: drawn once per company, so that a site is the same on every visit.

use crate::company::{Company, company};
use crate::random::Random;

/// How the site as a whole behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Answers as a site should.
    Ordinary,
    /// One page with a sentence on it.
    Thin,
    /// Refuses every page with 403.
    Forbidden,
    /// Shows a browser check instead of every page.
    Challenge,
    /// Answers late.
    Slow,
    /// Answers every page with 500.
    Failing,
    /// Sends every visitor to another owner's domain.
    SendsElsewhere,
    /// The domain has no address any more.
    Unresolvable,
}

/// What a site was built with; decides its markup and paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technology {
    /// Pages as WordPress with a page builder makes them.
    WordPress,
    /// Hand-written semantic HTML.
    Plain,
    /// Tables and font tags in `.htm` files.
    Tables,
    /// An empty element that a script would fill.
    ScriptShell,
    /// PHP files with a cascade of divs.
    Php,
}

/// How robots.txt answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Robots {
    /// 404.
    Absent,
    /// Allows all.
    AllowAll,
    /// Disallows the team page and a folder.
    DisallowSome,
    /// Disallows all.
    DisallowAll,
    /// Wants seconds between requests.
    CrawlDelay(u32),
    /// 503, which means: stay away (RFC 9309 section 2.3.1.4).
    Failing,
}

/// How addresses are written on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// A `mailto:` link.
    Mailto,
    /// Plain text.
    Text,
    /// `name [at] domain [dot] tld`.
    AtWord,
    /// Cloudflare's `data-cfemail`.
    Cloudflare,
    /// Character references for every letter.
    References,
}

/// Character encoding of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, said in the header.
    Utf8,
    /// windows-1252, said in a meta element only.
    Windows1252,
    /// GB2312, said in a meta element only.
    Gb2312,
}

/// Which host names lead to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canonical {
    /// Only the bare domain exists.
    Bare,
    /// `www.` answers and redirects to the bare domain.
    BareWithWww,
    /// The bare domain redirects to `www.`.
    Www,
}

/// A page of a company site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum PageKind {
    Home,
    About,
    Services,
    Contact,
    Products,
    Careers,
    Team,
    Pricing,
    Cases,
    News,
    Privacy,
    Questions,
}

/// What a company's site is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whose site it is.
    pub company: Company,
    /// How it behaves.
    pub condition: Condition,
    /// What it was built with.
    pub technology: Technology,
    /// How robots.txt answers.
    pub robots: Robots,
    /// How addresses are written.
    pub writing: Writing,
    /// Character encoding.
    pub charset: Charset,
    /// Which host names exist.
    pub canonical: Canonical,
    /// True when the home page lives under `/en/`.
    pub home_under_path: bool,
    /// True when closing tags are missing.
    pub broken: bool,
    /// True when the site has a sitemap.
    pub sitemap: bool,
    /// True when it answers conditional requests by entity tag.
    pub entity_tags: bool,
    /// True when it answers conditional requests by date.
    pub dated: bool,
    /// True when the footer names the UEN.
    pub shows_uen: bool,
    /// True when pages carry JSON-LD about the organisation.
    pub structured_data: bool,
    /// Its pages, home first.
    pub pages: Vec<PageKind>,
}

/// All kinds in the order in which the uniform web takes them.
const KINDS: [PageKind; 12] = [
    PageKind::Home,
    PageKind::About,
    PageKind::Services,
    PageKind::Products,
    PageKind::Team,
    PageKind::Careers,
    PageKind::Cases,
    PageKind::Contact,
    PageKind::Pricing,
    PageKind::News,
    PageKind::Privacy,
    PageKind::Questions,
];

impl Profile {
    /// The site of company `index` in the varied web of `seed`.
    pub fn varied(seed: u64, index: usize) -> Self {
        let random = &mut Random::new(seed, "site", index);
        let technology = random.weighted(&[
            (Technology::WordPress, 34),
            (Technology::Plain, 30),
            (Technology::Tables, 12),
            (Technology::Php, 16),
            (Technology::ScriptShell, 8),
        ]);
        let pages = varied_pages(random);
        Self {
            company: company(seed, index),
            condition: condition(random),
            technology,
            robots: robots(random),
            writing: random.weighted(&[
                (Writing::Mailto, 45),
                (Writing::Text, 25),
                (Writing::AtWord, 10),
                (Writing::Cloudflare, 12),
                (Writing::References, 8),
            ]),
            charset: random.weighted(&[(Charset::Utf8, 90), (Charset::Windows1252, 6), (Charset::Gb2312, 4)]),
            canonical: random.weighted(&[(Canonical::Bare, 25), (Canonical::BareWithWww, 55), (Canonical::Www, 20)]),
            home_under_path: random.chance(5),
            broken: random.chance(7),
            sitemap: random.chance(55),
            entity_tags: random.chance(50),
            dated: random.chance(40),
            shows_uen: random.chance(40),
            structured_data: random.chance(35),
            pages,
        }
    }

    /// The site of company `index` in the uniform web of `seed`: ordinary, with exactly `pages` pages.
    pub fn uniform(seed: u64, index: usize, pages: usize) -> Self {
        let varied = Self::varied(seed, index);
        Self {
            condition: Condition::Ordinary,
            technology: match varied.technology {
                Technology::ScriptShell => Technology::Plain,
                other => other,
            },
            robots: Robots::AllowAll,
            canonical: Canonical::Bare,
            home_under_path: false,
            sitemap: true,
            pages: KINDS[..pages.clamp(1, KINDS.len())].to_vec(),
            ..varied
        }
    }

    /// The host that serves the pages.
    pub fn host(&self) -> String {
        match self.canonical {
            Canonical::Www => format!("www.{}", self.company.domain),
            Canonical::Bare | Canonical::BareWithWww => self.company.domain.clone(),
        }
    }

    /// Every host name with an address; none when the domain does not resolve.
    pub fn hosts(&self) -> Vec<String> {
        let bare = self.company.domain.clone();
        match (self.condition, self.canonical) {
            (Condition::Unresolvable, _) => vec![],
            (_, Canonical::Bare) => vec![bare],
            (_, Canonical::BareWithWww | Canonical::Www) => vec![format!("www.{bare}"), bare],
        }
    }
}

fn condition(random: &mut Random) -> Condition {
    random.weighted(&[
        (Condition::Ordinary, 80),
        (Condition::Thin, 6),
        (Condition::Forbidden, 3),
        (Condition::Challenge, 3),
        (Condition::Slow, 2),
        (Condition::Failing, 1),
        (Condition::SendsElsewhere, 2),
        (Condition::Unresolvable, 3),
    ])
}

fn robots(random: &mut Random) -> Robots {
    random.weighted(&[
        (Robots::Absent, 30),
        (Robots::AllowAll, 43),
        (Robots::DisallowSome, 18),
        (Robots::DisallowAll, 2),
        (Robots::CrawlDelay(1), 5),
        (Robots::Failing, 2),
    ])
}

/// Home, about and contact, and two to nine others, in the order of a menu.
fn varied_pages(random: &mut Random) -> Vec<PageKind> {
    const ALWAYS: [PageKind; 3] = [PageKind::Home, PageKind::About, PageKind::Contact];
    let others: Vec<PageKind> = KINDS.into_iter().filter(|kind| !ALWAYS.contains(kind)).collect();
    let count = random.between(2, 9) as usize;
    let chosen: Vec<PageKind> = random.sample(&others, count).into_iter().copied().collect();
    KINDS.into_iter().filter(|kind| ALWAYS.contains(kind) || chosen.contains(kind)).collect()
}
