//! How a visit behaves: who it says it is, how long it pauses, what it does not ask for twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::header;
use presdr_sites::{CrawlPolicy, KnownPage, PageKind, VisitRequest};

use crate::server::{Asked, Server, html, not_found, page, quick, status, text, visit_with};

/// Time between arrivals, the shortest first.
fn pauses(asked: &[Asked]) -> Vec<Duration> {
    let mut pauses: Vec<Duration> = asked.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    pauses.sort();
    pauses
}

#[tokio::test]
async fn it_says_who_it_is_and_whom_to_ask() {
    let server = Server::with_pages(&[("/", &page("cranes", &[]))]).await;
    server.visit("acme.example").await;
    let expected = format!("presdr/{} (+https://operator.example/crawler)", env!("CARGO_PKG_VERSION"));
    for asked in server.asked() {
        assert_eq!(asked.header("user-agent"), Some(expected.as_str()));
        assert_eq!(asked.header("referer"), None);
        assert_eq!(asked.header("cookie"), None);
    }
}

#[tokio::test]
async fn requests_arrive_at_least_the_interval_apart() {
    let links = [("/contact", ""), ("/about", ""), ("/team", "")];
    let server = Server::with_pages(&[
        ("/", &page("cranes", &links)),
        ("/contact", &page("hoists", &[])),
        ("/about", &page("winches", &[])),
        ("/team", &page("welders", &[])),
    ])
    .await;
    let policy = CrawlPolicy { min_interval: Duration::from_millis(40), ..CrawlPolicy::default() };
    visit_with(&server.web(), &policy, VisitRequest::new("acme.example").unwrap()).await;
    let asked = server.asked();
    assert_eq!(asked.len(), 6, "robots.txt, sitemap and four pages");
    assert!(pauses(&asked)[0] >= policy.min_interval, "{:?}", pauses(&asked));
}

#[tokio::test]
async fn a_crawl_delay_is_honoured_up_to_the_cap() {
    for (asked_for, kept) in [("0.06", 60), ("3600", 80), ("0.001", 20)] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/robots.txt" => text(&format!("User-agent: *\nCrawl-delay: {asked_for}")),
            "/" => html(&page("cranes", &[("/about", "About")])),
            "/about" => html(&page("hoists", &[])),
            _ => not_found(),
        })
        .await;
        let policy = CrawlPolicy {
            min_interval: Duration::from_millis(20),
            crawl_delay_max: Duration::from_millis(80),
            ..CrawlPolicy::default()
        };
        let visit = visit_with(&server.web(), &policy, VisitRequest::new("acme.example").unwrap()).await;
        assert_eq!(visit.robots.unwrap().interval_ms, kept);
        assert!(pauses(&server.asked())[0] >= Duration::from_millis(kept), "{asked_for}");
    }
}

#[tokio::test]
async fn it_waits_for_the_spacing_of_whoever_asked_before() {
    let server = Server::with_pages(&[("/", &page("cranes", &[]))]).await;
    let not_before = Instant::now() + Duration::from_millis(120);
    let request = VisitRequest { not_before: Some(not_before.into()), ..VisitRequest::new("acme.example").unwrap() };
    let visit = visit_with(&server.web(), &quick(), request).await;
    assert!(server.asked()[0].at >= not_before);
    let last = server.asked().last().unwrap().at;
    assert!(visit.next_request_not_before.unwrap() >= (last + quick().min_interval).into());
}

#[tokio::test]
async fn an_unchanged_page_is_not_sent_again_and_says_what_it_said() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" if asked.header("if-none-match") == Some("\"v1\"") => status(304),
        "/" => {
            let mut response = html(&page("cranes", &[("/about", "About")]));
            response.headers_mut().insert(header::ETAG, "\"v1\"".parse().unwrap());
            response
        }
        "/about" if asked.header("if-modified-since") == Some("Sat, 01 Nov 2025 00:00:00 GMT") => status(304),
        "/about" => {
            let mut response = html(&page("hoists", &[]));
            response.headers_mut().insert(header::LAST_MODIFIED, "Sat, 01 Nov 2025 00:00:00 GMT".parse().unwrap());
            response
        }
        _ => not_found(),
    })
    .await;
    let first = server.visit("acme.example").await;
    let known: HashMap<String, KnownPage> = first
        .pages
        .iter()
        .map(|page| {
            let known = KnownPage {
                etag: page.etag.clone(),
                last_modified: page.last_modified.clone(),
                content_hash: page.content_hash.clone(),
                findings: page.findings.clone(),
            };
            (page.url.to_string(), known)
        })
        .collect();
    let request = VisitRequest { known, ..VisitRequest::new("acme.example").unwrap() };
    let second = visit_with(&server.web(), &quick(), request).await;
    assert_eq!(second.pages.len(), 2);
    for (before, after) in first.pages.iter().zip(&second.pages) {
        assert!(!before.not_modified && after.not_modified);
        assert_eq!((after.status, after.bytes), (304, 0));
        assert_eq!(before.findings, after.findings);
        assert_eq!(before.content_hash, after.content_hash);
        assert_eq!((&before.etag, &before.last_modified), (&after.etag, &after.last_modified));
    }
    assert_eq!(first.verdict, second.verdict);
}

#[tokio::test]
async fn it_stops_when_the_site_has_said_enough_but_reads_what_was_asked_for() {
    let contact = page("cranes", &[]) + "<p>Call +65 6555 0142 or write to sales@acme.example.</p>";
    let links = ["/contact", "/about", "/team", "/services", "/products", "/pricing", "/portfolio", "/careers"];
    let links: Vec<(&str, &str)> = links.iter().map(|path| (*path, "")).collect();
    let home = page("everything", &links);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/" => html(&home),
        "/contact" => html(&contact),
        "/robots.txt" | "/sitemap.xml" => not_found(),
        other => html(&page(other, &[])),
    })
    .await;
    let request = VisitRequest { extra: vec![PageKind::Careers], ..VisitRequest::new("acme.example").unwrap() };
    let visit = visit_with(&server.web(), &quick(), request).await;
    assert!(visit.stopped_early, "{:?}", visit.verdict);
    assert_eq!(server.paths(), ["/robots.txt", "/", "/careers", "/contact", "/about"]);
    assert_eq!(visit.skipped.len(), 5);
}
