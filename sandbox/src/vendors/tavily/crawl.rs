//! `POST /crawl` and `POST /map`: the pages of a site, with or without what they say.

use std::collections::{BTreeSet, VecDeque};

use regex::Regex;
use serde_json::json;
use url::Url;

use crate::vendors::pages::Page;
use crate::vendors::reply::{Receipt, Reply};
use crate::vendors::tavily::extract::{Reading, price};
use crate::vendors::tavily::{Found, Wanted, error};
use crate::vendors::world::{Patience, World};

/// How many mapped pages one credit is for; half as many with instructions.
const PAGES_PER_CREDIT: u64 = 10;

/// The pages with what they say.
pub(super) fn crawl(wanted: &Wanted<'_>, carried: u64, world: &World) -> Found {
    let tour = Tour::of(wanted)?;
    let reading = Reading::of(wanted)?;
    let pages = tour.pages(world, reading.patience);
    let (extraction, carried) = price(pages.len() as u64, carried, reading.patience);
    let credits = tour.price(pages.len()) + extraction;
    let receipt = Receipt {
        credits,
        things: pages.iter().map(|page| (format!("url:{}", page.url), 0)).collect(),
        tally: vec![("crawl_usage".into(), credits)],
        carried: Some(carried),
        ..Receipt::default()
    };
    let results: Vec<_> = pages.iter().map(|page| reading.result(&page.url, page)).collect();
    Ok((json!({ "base_url": tour.url, "results": results }), receipt))
}

/// The pages' addresses.
pub(super) fn map(wanted: &Wanted<'_>, world: &World) -> Found {
    let tour = Tour::of(wanted)?;
    let pages = tour.pages(world, Patience::Advanced);
    let credits = tour.price(pages.len());
    let receipt = Receipt {
        credits,
        things: vec![(format!("site:{}", tour.url), credits)],
        tally: vec![("map_usage".into(), credits)],
        ..Receipt::default()
    };
    let results: Vec<_> = pages.into_iter().map(|page| page.url).collect();
    Ok((json!({ "base_url": tour.url, "results": results }), receipt))
}

/// Which pages of which site.
struct Tour {
    url: String,
    depth: u64,
    breadth: usize,
    limit: usize,
    select_paths: Vec<Regex>,
    exclude_paths: Vec<Regex>,
    select_domains: Vec<Regex>,
    exclude_domains: Vec<Regex>,
    instructed: bool,
}

impl Tour {
    fn of(wanted: &Wanted<'_>) -> Result<Self, Reply> {
        let url = wanted.text("url").filter(|url| !url.trim().is_empty());
        let url = url.ok_or_else(|| error(400, "[400] No starting url provided"))?;
        let whole = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
        let host = Url::parse(&whole).ok().and_then(|url| url.host_str().map(str::to_owned));
        if host.is_none_or(|host| host == "localhost" || host.parse::<std::net::IpAddr>().is_ok()) {
            return Err(error(403, "[403] URL is not supported"));
        }
        wanted.number("timeout", 10, 150, 150)?;
        let patterns = |name: &str| -> Result<Vec<Regex>, Reply> {
            let wrong = |_| error(400, &format!("Invalid regex in {name}."));
            wanted.list(name, usize::MAX)?.iter().map(|pattern| Regex::new(pattern).map_err(wrong)).collect()
        };
        Ok(Self {
            url: whole,
            depth: wanted.number("max_depth", 1, 5, 1)?,
            breadth: wanted.number("max_breadth", 1, 500, 20)? as usize,
            limit: wanted.number("limit", 1, u64::MAX, 50)? as usize,
            select_paths: patterns("select_paths")?,
            exclude_paths: patterns("exclude_paths")?,
            select_domains: patterns("select_domains")?,
            exclude_domains: patterns("exclude_domains")?,
            instructed: wanted.text("instructions").is_some(),
        })
    }

    /// The pages that can be read, the first one first, level by level.
    fn pages(&self, world: &World, patience: Patience) -> Vec<Page> {
        let mut pages: Vec<Page> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut ahead = VecDeque::from([(self.url.clone(), 0)]);
        while let Some((url, depth)) = ahead.pop_front() {
            if pages.len() >= self.limit {
                break;
            }
            let Ok(page) = world.page(&url, patience) else { continue };
            if !seen.insert(page.url.clone()) {
                continue;
            }
            if depth < self.depth {
                let links = page.links.iter().filter(|link| self.wants(link)).take(self.breadth);
                ahead.extend(links.map(|link| (link.clone(), depth + 1)));
            }
            if depth == 0 || self.wants(&page.url) {
                pages.push(page);
            }
        }
        pages
    }

    fn wants(&self, link: &str) -> bool {
        let Ok(url) = Url::parse(link) else { return false };
        let (host, path) = (url.host_str().unwrap_or_default(), url.path());
        let chosen =
            |patterns: &[Regex], text: &str| patterns.is_empty() || patterns.iter().any(|one| one.is_match(text));
        let barred = |patterns: &[Regex], text: &str| patterns.iter().any(|one| one.is_match(text));
        chosen(&self.select_paths, path)
            && chosen(&self.select_domains, host)
            && !barred(&self.exclude_paths, path)
            && !barred(&self.exclude_domains, host)
    }

    fn price(&self, pages: usize) -> u64 {
        let each = if self.instructed { 2 } else { 1 };
        (pages as u64).div_ceil(PAGES_PER_CREDIT) * each
    }
}
