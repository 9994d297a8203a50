//! Which pages are read, and how.

use presdr_sites::{CrawlPolicy, PageKind, SkipReason, Verdict, VisitRequest};

use crate::server::{Server, bytes, html, not_found, page, quick, text, visit_with};

#[tokio::test]
async fn no_more_pages_than_the_limit_are_read_and_the_rest_is_named() {
    let links: Vec<String> = (0..30).map(|number| format!("/page{number}")).collect();
    let links: Vec<(&str, &str)> = links.iter().map(|path| (path.as_str(), "Page")).collect();
    let home = page("cranes", &links);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/robots.txt" | "/sitemap.xml" => not_found(),
        "/" => html(&home),
        other => html(&page(other, &[])),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert_eq!(visit.pages.len(), CrawlPolicy::default().pages_max);
    assert_eq!(visit.skipped.len(), 23);
    assert!(visit.skipped.iter().all(|skipped| skipped.reason == SkipReason::PageLimit));
}

#[tokio::test]
async fn links_that_lead_nowhere_use_up_requests_and_no_pages() {
    let links: Vec<String> = (0..30).map(|number| format!("/page{number:02}")).collect();
    let links: Vec<(&str, &str)> = links.iter().map(|path| (path.as_str(), "Page")).collect();
    let home = page("cranes", &links);
    let dead = |path: &str, below: &str| path.starts_with("/page") && path < below;
    let visit_of = async |below: &'static str| {
        let home = home.clone();
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/" => html(&home),
            path if path.starts_with("/page") && !dead(path, below) => html(&page(path, &[])),
            _ => not_found(),
        })
        .await;
        server.visit("acme.example").await
    };
    let pages_max = CrawlPolicy::default().pages_max;
    let some = visit_of("/page05").await;
    assert_eq!(some.pages.iter().filter(|page| page.status == 200).count(), pages_max);
    assert_eq!(some.pages.iter().filter(|page| page.status == 404).count(), 5);
    let all = visit_of("/page99").await;
    assert_eq!(all.pages.len(), 1 + 2 * pages_max, "the home page and no more tries than twice the limit");
}

#[tokio::test]
async fn pages_found_on_later_pages_are_read_too() {
    let server = Server::with_pages(&[
        ("/", &page("cranes", &[("/about", "About us")])),
        ("/about", &page("hoists", &[("/about/people", "Our people")])),
        ("/about/people", &page("welders", &[])),
    ])
    .await;
    let visit = server.visit("acme.example").await;
    let kinds: Vec<PageKind> = visit.pages.iter().map(|page| page.kind).collect();
    assert_eq!(kinds, [PageKind::Home, PageKind::About, PageKind::Team]);
}

#[tokio::test]
async fn the_sitemap_that_robots_names_is_read_and_another_sites_is_not() {
    let server = Server::start(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("acme.example", "/robots.txt") => {
            text("Sitemap: https://elsewhere.example/sitemap.xml\nSitemap: https://acme.example/index.xml")
        }
        ("acme.example", "/index.xml") => text(
            "<sitemapindex><sitemap><loc>https://acme.example/posts.xml</loc></sitemap>\
             <sitemap><loc>https://acme.example/pages.xml</loc></sitemap></sitemapindex>",
        ),
        ("acme.example", "/pages.xml") => text("<urlset><url><loc>https://acme.example/kontakt</loc></url></urlset>"),
        ("acme.example", "/kontakt") => html(&page("hoists", &[])),
        ("acme.example", "/") => html(&page("cranes", &[])),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert_eq!(server.paths(), ["/robots.txt", "/", "/index.xml", "/pages.xml", "/posts.xml", "/kontakt"]);
    assert!(server.asked().iter().all(|asked| asked.host == "acme.example"));
    assert_eq!(visit.pages[1].chosen_because, "in the sitemap; its path says \"kontakt\"");
}

#[tokio::test]
async fn a_page_in_another_charset_is_read_as_it_was_meant() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => bytes("text/html", b"<title>\xd6\xd0\xce\xc4</title><meta charset=gb2312>".to_vec()),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert_eq!(visit.pages[0].charset.as_deref(), Some("GBK"));
    assert_eq!(visit.pages[0].findings.as_ref().unwrap().title.as_deref(), Some("中文"));
}

#[tokio::test]
async fn a_page_that_repeats_another_counts_once() {
    let same = page("cranes", &[("/about", "About"), ("/team", "Team")]);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        _ => html(&same),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert_eq!(visit.verdict.measured().pages, 1);
    assert!(visit.pages[1..].iter().all(|page| page.findings.is_none()));
}

#[tokio::test]
async fn little_text_and_no_contact_is_thin() {
    let server = Server::with_pages(&[("/", "<html><body><p>Under construction.</p></body></html>")]).await;
    let visit = server.visit("acme.example").await;
    let Verdict::Thin { measured } = &visit.verdict else { panic!("{:?}", visit.verdict) };
    assert_eq!((measured.pages, measured.words, measured.contacts()), (1, 2, 0));
}

#[tokio::test]
async fn the_same_site_is_read_the_same_way_every_time() {
    let links = [("/a", "Gallery"), ("/c", "About"), ("/d", "Our people"), ("/e", "Jobs"), ("/b", "Gallery")];
    let mut backwards = links;
    backwards.reverse();
    let mut read = Vec::new();
    for links in [links, backwards] {
        let home = page("cranes", &links);
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/robots.txt" | "/sitemap.xml" => not_found(),
            "/" => html(&home),
            other => html(&page(other, &[])),
        })
        .await;
        let policy = CrawlPolicy { pages_max: 5, ..quick() };
        visit_with(&server.web(), &policy, VisitRequest::new("acme.example").unwrap()).await;
        read.push(server.paths());
    }
    assert_eq!(read[0], ["/robots.txt", "/", "/sitemap.xml", "/c", "/e", "/d", "/a"]);
    assert_eq!(read[0], read[1]);
}

#[tokio::test]
async fn a_visit_survives_being_written_down() {
    let server = Server::with_pages(&[("/", &page("cranes", &[("/about", "About")]))]).await;
    let visit = server.visit("acme.example").await;
    let written = serde_json::to_value(&visit).unwrap();
    let read: presdr_sites::Visit = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
}
