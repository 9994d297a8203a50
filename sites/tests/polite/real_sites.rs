//! The crawl over real company sites, where they are at hand.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use axum::response::Response;
use futures::StreamExt as _;
use presdr_sites::{PageKind, SiteReport, SkipReason, Verdict, crawl_list};

use crate::server::{Server, bytes, not_found, quick};

/// The folder of sites, when `PRESDR_SHARED` (or its default beside the repository) has it.
fn folder() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into();
    let shared = std::env::var_os("PRESDR_SHARED").map_or(default, PathBuf::from);
    let folder = shared.join("data/sites");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} not found", folder.display());
    None
}

/// Fake domain to folder name, from the index.
fn domains(folder: &std::path::Path) -> BTreeMap<String, String> {
    let index = std::fs::read_to_string(folder.join("index.csv")).unwrap();
    let pairs = index.lines().skip(1).filter_map(|line| {
        let mut fields = line.split(',');
        let slug = fields.next()?.to_owned();
        Some((fields.next()?.to_owned(), slug))
    });
    pairs.collect()
}

fn file(site: &std::path::Path, path: &str) -> Response {
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return not_found();
    }
    let names = match path {
        "" => &["index.html", "index.htm", "home.html"][..],
        _ => &[path],
    };
    let found = names.iter().find_map(|name| Some((name, std::fs::read(site.join(name)).ok()?)));
    match found {
        Some((name, content)) if name.contains(".htm") => bytes("text/html", content),
        Some((_, content)) => bytes("text/plain", content),
        None => not_found(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_sites_are_read_politely_and_well() {
    let Some(folder) = folder() else { return };
    let domains = domains(&folder);
    let sites: HashMap<String, PathBuf> =
        domains.iter().map(|(domain, slug)| (domain.clone(), folder.join(slug))).collect();
    let server = Server::start(move |asked| {
        sites.get(asked.host.as_str()).map_or_else(not_found, |site| file(site, &asked.path))
    })
    .await;
    let entries = domains.keys().cloned().collect();
    let reports: Vec<SiteReport> = crawl_list(server.web(), quick(), entries, 16).collect().await;
    assert_eq!(reports.len(), domains.len());
    let visits: Vec<_> = reports.iter().filter_map(|report| report.visit.as_ref()).collect();
    let mut verdicts = BTreeMap::new();
    for visit in &visits {
        let name = match visit.verdict {
            Verdict::Rich { .. } => "rich",
            Verdict::Thin { .. } => "thin",
            Verdict::Blocked { .. } => "blocked",
        };
        *verdicts.entry(name).or_insert(0) += 1;
    }
    eprintln!("verdicts: {verdicts:?}");
    assert!(verdicts["rich"] * 10 >= visits.len() * 8, "{verdicts:?}");
    // Every request went to a site of the list, however its links, sitemaps and base addresses read.
    assert!(server.asked().iter().all(|asked| domains.contains_key(&asked.host)));
    // A page that exists and says "contact" in its name is read wherever it is linked.
    let missed = visits.iter().flat_map(|visit| &visit.skipped).filter(|skipped| {
        skipped.kind == PageKind::Contact
            && skipped.reason == SkipReason::PageLimit
            && skipped.url.path() == "/contact.html"
    });
    assert_eq!(missed.count(), 0);
}
