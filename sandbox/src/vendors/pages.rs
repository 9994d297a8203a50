//! Pages as a vendor that renders them returns them: markdown, without a request to anyone.

use std::fmt::Write as _;

use presdr_sites::extract;
use url::Url;

use crate::vendors::world::{Patience, World};
use crate::web::answer::Request;
use crate::web::content::{Block, content, legal_name, menu_label};
use crate::web::page_path;
use crate::web::profile::{Condition, PageKind, Profile, Technology, Writing};
use crate::web::server::Web;
use crate::web::{GeneratedWeb, phone_text};

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 4;

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it was found in the end.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its text as markdown.
    pub markdown: String,
    /// Pages of the same site that it links to.
    pub links: Vec<String>,
}

impl Page {
    /// The text without marks.
    pub fn text(&self) -> String {
        let plain = |line: &str| line.trim_start_matches(['#', '*', ' ']).to_owned();
        self.markdown.lines().map(plain).collect::<Vec<_>>().join("\n")
    }
}

/// The page at `url`, or why it cannot be had.
pub(crate) fn read(world: &World, url: &str, patience: Patience) -> Result<Page, String> {
    let url = Url::parse(url).map_err(|_| "Invalid URL".to_owned())?;
    let host = url.host_str().unwrap_or_default().to_lowercase();
    match world.web() {
        Web::Generated(web) => generated(world, web, &host, url.path(), patience),
        other => served(other, &host, url.path()),
    }
}

fn generated(world: &World, web: &GeneratedWeb, host: &str, path: &str, patience: Patience) -> Result<Page, String> {
    let profile = web.site(host).ok_or("Could not resolve host")?;
    match profile.condition {
        Condition::Unresolvable => Err("Could not resolve host".into()),
        Condition::Failing => Err("[500] Internal Server Error".into()),
        Condition::SendsElsewhere => {
            let neighbour = web.site(web.neighbour(profile)).ok_or("Could not resolve host")?;
            if neighbour.condition == Condition::SendsElsewhere {
                return Err("Too many redirects".into());
            }
            page_of(world, neighbour, "/", patience)
        }
        _ => page_of(world, profile, path, patience),
    }
}

fn page_of(world: &World, profile: &Profile, path: &str, patience: Patience) -> Result<Page, String> {
    let guarded = matches!(profile.condition, Condition::Forbidden | Condition::Challenge);
    let shut = guarded && world.random("guard", profile.company.index).chance(30);
    if shut && patience == Patience::Basic {
        return Err("[403] Access denied".into());
    }
    if matches!(profile.condition, Condition::Unresolvable | Condition::Failing) {
        return Err("[502] Bad Gateway".into());
    }
    let host = profile.host();
    if profile.condition == Condition::Thin {
        let brand = &profile.company.brand;
        let markdown = format!("# {brand}\n\nOur new site opens soon.\n");
        let home = Page { url: format!("https://{host}/"), title: brand.clone(), markdown, links: vec![] };
        return if path == "/" { Ok(home) } else { Err("[404] Not Found".into()) };
    }
    let kind = kind_at(profile, path).ok_or("[404] Not Found")?;
    let links: Vec<String> =
        profile.pages.iter().map(|kind| format!("https://{host}{}", page_path(profile, *kind))).collect();
    Ok(Page {
        url: format!("https://{host}{}", page_path(profile, kind)),
        title: content(profile, world.seed(), kind).title,
        markdown: markdown(profile, world.seed(), kind),
        links,
    })
}

fn kind_at(profile: &Profile, path: &str) -> Option<PageKind> {
    let bare = |path: &str| path.trim_end_matches('/').to_owned();
    let found = profile.pages.iter().copied().find(|kind| bare(&page_path(profile, *kind)) == bare(path));
    let home = (bare(path).is_empty() || profile.technology == Technology::ScriptShell).then_some(PageKind::Home);
    found.or(home)
}

/// The page of `kind` as markdown: what the site shows to a person, with scripts run.
fn markdown(profile: &Profile, seed: u64, kind: PageKind) -> String {
    let page = content(profile, seed, kind);
    let mut text = String::new();
    for kind in profile.pages.iter().filter(|kind| **kind != PageKind::Privacy) {
        let _ = write!(text, "[{}](https://{}{}) ", menu_label(*kind), profile.host(), page_path(profile, *kind));
    }
    let _ = write!(text, "\n\n# {}\n\n", page.heading);
    for block in &page.blocks {
        let _ = match block {
            Block::Heading(heading) => write!(text, "## {heading}\n\n"),
            Block::Paragraph(paragraph) => write!(text, "{paragraph}\n\n"),
            Block::List(items) => {
                writeln!(text, "{}", items.iter().map(|item| format!("* {item}\n")).collect::<String>())
            }
            // What only hides an address from simple robots does not hide it from whoever renders the page.
            Block::Email(address) if profile.writing == Writing::AtWord => {
                write!(text, "Email: {}\n\n", address.replace('@', " [at] ").replace('.', " [dot] "))
            }
            Block::Email(address) => write!(text, "Email: {address}\n\n"),
            Block::Phone(number) => write!(text, "Tel: {}\n\n", phone_text(number)),
        };
    }
    let uen = if profile.shows_uen { format!(" (UEN {})", profile.company.uen) } else { String::new() };
    let _ = writeln!(text, "© 2026 {}{uen}. All rights reserved.", legal_name(&profile.company));
    text
}

/// A page of sites of which only the HTML is there.
fn served(web: &Web, host: &str, path: &str) -> Result<Page, String> {
    let mut place = (host.to_owned(), path.to_owned());
    for _ in 0..REDIRECTS_MAX {
        let request = Request { host: &place.0, path: &place.1, if_none_match: None, if_modified_since: None };
        let answer = web.known(&request).ok_or("Could not resolve host")?;
        if (300..400).contains(&answer.status) {
            let to = answer.headers.iter().find(|(name, _)| *name == "location").map(|(_, to)| to.as_str());
            place = redirected(&place, to.unwrap_or_default()).ok_or("Too many redirects")?;
            continue;
        }
        if answer.status != 200 {
            return Err(format!("[{}] Failed to fetch url", answer.status));
        }
        let url = Url::parse(&format!("https://{}{}", place.0, place.1)).map_err(|_| "Invalid URL".to_owned())?;
        let html = String::from_utf8_lossy(&answer.body);
        let said = extract::page(&html, &url, extract::Region::SINGAPORE);
        let same = |link: &&extract::Link| Url::parse(&link.url).is_ok_and(|link| link.host_str() == url.host_str());
        let links = said.links.iter().filter(same).map(|link| link.url.clone()).collect();
        let title = said.title.clone().unwrap_or_else(|| place.0.clone());
        return Ok(Page { url: url.into(), markdown: shown(&said, &title), title, links });
    }
    Err("Too many redirects".into())
}

/// The text with the contacts and the owner's line, which readers of articles leave out and people see.
fn shown(said: &extract::PageFindings, title: &str) -> String {
    let mut text = format!("# {title}\n\n{}\n\n", said.text);
    for email in &said.emails {
        let _ = writeln!(text, "Email: {}", email.address);
    }
    for phone in &said.phones {
        let _ = writeln!(text, "Tel: {}", phone.e164.as_deref().unwrap_or(&phone.digits));
    }
    for line in &said.copyrights {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn redirected(from: &(String, String), to: &str) -> Option<(String, String)> {
    let base = Url::parse(&format!("http://{}{}", from.0, from.1)).ok()?;
    let to = base.join(to).ok()?;
    Some((to.host_str()?.to_owned(), to.path().to_owned()))
}
