//! What a page calls the company, and what a legal form is.

mod legal;

use std::sync::LazyLock;

use regex::Regex;

use super::{
    digest::{Area, Digest},
    findings::{NameCandidate, NameSource},
    json_ld::JsonLd,
    pattern::compile,
};
pub(super) use legal::name_key;
use legal::{LEGAL_ENDING, with_legal_form};

/// Everything on a page that may be the company's name, each wording once per source.
pub(super) fn candidates(digest: &Digest<'_>, json_ld: &JsonLd, copyrights: &[String]) -> Vec<NameCandidate> {
    let mut found = Found(Vec::new());
    if let Some(organisation) = &json_ld.organisation {
        found.add(organisation.name.as_deref(), NameSource::JsonLd);
        found.add(organisation.legal_name.as_deref(), NameSource::JsonLd);
    }
    found.add(json_ld.site_name.as_deref(), NameSource::SiteName);
    let site_names = digest.metas.iter().filter(|(name, _)| {
        matches!(name.as_str(), "og:site_name" | "application-name" | "apple-mobile-web-app-title")
    });
    site_names.for_each(|(_, name)| found.add(Some(name), NameSource::SiteName));
    copyrights.iter().for_each(|line| found.add(owner(line), NameSource::Copyright));
    title_parts(&digest.title).for_each(|part| found.add(introduced(part).or(Some(part)), NameSource::Title));
    digest.logos.iter().for_each(|logo| found.add(Some(&without_logo_word(logo)), NameSource::Logo));
    for block in &digest.blocks {
        let words = &digest.text[block.text.clone()];
        if block.heading > 0 && block.area != Area::Navigation {
            found.add(introduced(words).or((block.heading == 1).then_some(words)), NameSource::Heading);
        }
    }
    with_legal_form(&digest.text).for_each(|name| found.add(Some(name), NameSource::LegalForm));
    found.0
}

struct Found(Vec<NameCandidate>);

impl Found {
    fn add(&mut self, name: Option<&str>, source: NameSource) {
        const CANDIDATES_MAX: usize = 60;
        let Some(name) = name.map(tidy).filter(|name| is_plausible(name)) else {
            return;
        };
        let is_known = self.0.iter().any(|known| known.name == name && known.source == source);
        if !is_known && self.0.len() < CANDIDATES_MAX {
            self.0.push(NameCandidate { name: name.to_owned(), source });
        }
    }
}

/// A name without the punctuation around it, and without the words that say it is a site's.
fn tidy(name: &str) -> &str {
    const SITE_WORDS: [&str; 6] = ["官方网站", "官網", "官网", "Official Website", "Official Site", "Website"];
    let trim = |name| str::trim_matches(name, |c: char| c.is_whitespace() || "|-–—:;,•·\"“”'©®™*#>»/".contains(c));
    let name = trim(name);
    trim(SITE_WORDS.iter().find_map(|words| name.strip_suffix(words)).unwrap_or(name))
}

/// Short, made of letters, and no name of a kind of page.
fn is_plausible(name: &str) -> bool {
    const CHARACTERS_MAX: usize = 80;
    const WORDS_MAX: usize = 10;
    name.chars().filter(|c| c.is_alphabetic()).count() >= 2
        && name.chars().count() <= CHARACTERS_MAX
        && name.split_whitespace().count() <= WORDS_MAX
        && !name.contains("://")
        && !is_generic(name)
}

/// Names of kinds of pages and phrases that stand where a company's name might.
fn is_generic(name: &str) -> bool {
    static GENERIC: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix) ^ (?: pt | cv | us | kami | our \s company | chúng \s tôi | home (?: \s? page )? | index | welcome (?: \s to (?: \s our \s (?: web)?site )? )? | about (?: [\s-] us | \s our \s company )? | contacts? (?: [\s-] us )? | get \s in \s touch
              | (?: our \s )? (?: services? | products? | team | clients? | customers? | projects? | company | story | mission | vision | values | partners? | work )
              | company \s profile | profile | blog | news | gallery | portfolio | careers? | jobs? | faqs? | privacy (?: \s policy )? | terms (?: .* (?: conditions | service | use ) )?
              | cookie \s policy | login | sign \s (?: in | up ) | register | untitled (?: .* )? | document | new \s page .* | page \s not \s found | error | 404 .* | not \s found | under \s (?: construction | maintenance ) | coming \s soon
              | logo | website | site \s name | menu | search | shop | store | checkout | cart | support | help | solutions? | industries | testimonials? | pricing | features | events? | media | downloads? | links?
              | all \s rights? \s reserved .* | copyright (?: .* )? | my \s (?: web)?site | react \s app | (?: designed | developed | powered | created | made | built ) \s (?: by | with ) .* | .* ICP .* 号 .* | job \s openings? | personal \s data .* | vite .* | template | image | brand | header | footer | banner
              | who \s we \s are | what \s we \s do | why \s (?: choose \s )? us | read \s more | learn \s more | quick \s links? | follow \s us | useful \s links? | the \s company | copyright \s owner
              | beranda | tentang (?: \s kami )? | kontak (?: \s kami )? | hubungi \s kami | layanan (?: \s kami )? | produk (?: \s kami )? | galeri | berita | utama | laman \s utama
              | trang \s chủ | giới \s thiệu | liên \s hệ | dịch \s vụ | sản \s phẩm | tin \s tức | tuyển \s dụng | về \s chúng \s tôi
              | 首页 | 主页 | 关于我们 | 联系我们 | 产品中心 | 新闻中心 | startseite | impressum | kontakt | über \s uns | datenschutz | inicio | accueil | herzlich \s willkommen ) $",
        )
    });
    GENERIC.is_match(name.trim_end_matches(['!', '.', ' ']))
}

/// The parts of a title: "About us | Kopi House - coffee".
fn title_parts(title: &str) -> impl Iterator<Item = &str> {
    title
        .split(['|', '»', '›', '•', '·', '–', '—', '~'])
        .flat_map(|part| part.split(" - "))
        .flat_map(|part| part.split(" :: "))
        .flat_map(|part| part.split(": "))
}

fn without_logo_word(alternative: &str) -> String {
    let words = alternative.split_whitespace().filter(|word| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        !matches!(
            word.as_str(),
            "logo" | "logotype" | "image" | "icon" | "brand" | "white" | "dark" | "light" | "footer" | "header"
        )
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a heading introduces: "About Kopi House", "Welcome to Kopi House".
fn introduced(heading: &str) -> Option<&str> {
    static INTRODUCTION: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)^(?:about|welcome to|why(?: choose)?|who is|what is|tentang|selamat datang di|mengapa|về|giới thiệu(?: về)?|chào mừng đến với|willkommen bei|über|关于|欢迎来到)\s*(.+?)[\s!.?]*$",
        )
    });
    INTRODUCTION.captures(heading)?.get(1).map(|name| name.as_str())
}

/// Copyright lines of a page, as written, without the sentence that reserves all rights.
pub(super) fn copyrights(digest: &Digest<'_>) -> Vec<String> {
    const LINES_MAX: usize = 5;
    const LINE_CHARACTERS_MAX: usize = 200;
    let mut lines: Vec<String> = Vec::new();
    for paragraph in digest.blocks.chunk_by(|_, next| next.continues) {
        let (Some(first), Some(last)) = (paragraph.first(), paragraph.last()) else {
            continue;
        };
        let words = &digest.text[first.text.start..last.text.end];
        if let Some(at) = mark(words) {
            let line: String =
                words[at..].chars().take(LINE_CHARACTERS_MAX).map(|c| if c == '\n' { ' ' } else { c }).collect();
            if !lines.contains(&line) && lines.len() < LINES_MAX {
                lines.push(line);
            }
        }
    }
    lines
}

/// Where a copyright notice begins in a line.
fn mark(words: &str) -> Option<usize> {
    static MARK: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)©|(?-u:\b)copy\s?rights?(?-u:\b)|\(c\)\s*(?:19|20)[0-9][0-9]"));
    MARK.find(words).map(|found| found.start())
}

/// The owner that a copyright line names.
fn owner(line: &str) -> Option<&str> {
    static OWNER: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix) ^ (?: [\s:,.|@®/-] | © | \(c\) | copy \s? rights? | all \s rights? \s reserved | (?: 19 | 20 ) [0-9][0-9] | [–—] | (?-u:\b) (?: by | at | from | to | the \s year | hak \s cipta | bản \s quyền (?: \s thuộc )? (?: \s về )? ) (?-u:\b) )*
            (?P<owner> (?: (?: PT | CV | UD | M/s ) \.? \s+ )? .+? )
            (?: \s* $ | \s* [|•·–—©] | \s - \s | \s* (?-u:\b) (?: all \s rights? | allright | alright | rights \s reserved | is \s a | designed | developed | design \s by | powered | made \s (?: with | by ) | created | built | distributed | crafted | website \s by | web \s design | template | theme | hak \s cipta | semua \s hak | copyright | inc\.? \s all | (?: 19 | 20 ) [0-9][0-9] | privacy | terms | tous \s droits | alle \s rechte )
              | [.,] \s )",
        )
    });
    let owner = OWNER.captures(line)?.name("owner")?.as_str();
    // "Kopi Pte. Ltd." was cut at its first full stop.
    let rest = &line[line.find(owner)?..];
    let whole = LEGAL_ENDING.find(rest).filter(|form| form.start() <= owner.len() + 2).map(|form| &rest[..form.end()]);
    Some(whole.unwrap_or(owner))
}

#[cfg(test)]
mod tests;
