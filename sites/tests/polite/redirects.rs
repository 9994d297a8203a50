//! Redirects are followed within the registrable domain, and nowhere else.

use presdr_sites::{BlockReason, FetchError, PageRequest, SkipReason, Verdict};

use crate::server::{Server, html, not_found, page, redirect, text};

#[tokio::test]
async fn a_redirect_to_www_is_followed_and_its_own_robots_are_asked() {
    let server = Server::start(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("acme.com.sg", "/") => redirect("http://www.acme.com.sg/en/"),
        ("www.acme.com.sg", "/en/") => html(&page("cranes", &[("/private", "About")])),
        ("www.acme.com.sg", "/robots.txt") => text("User-agent: *\nDisallow: /private"),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.com.sg").await;
    assert_eq!(visit.final_url.as_str(), "http://www.acme.com.sg/en/");
    assert_eq!(visit.domain, "acme.com.sg");
    assert!(!server.paths().contains(&"/private".to_owned()));
}

#[tokio::test]
async fn a_home_page_that_moved_away_is_not_followed() {
    for away in [
        "http://acme-group.example/",
        "http://other.com.sg/",
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/",
        "http://[::1]/",
    ] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/" => redirect(away),
            _ => not_found(),
        })
        .await;
        let visit = server.visit("acme.com.sg").await;
        let Verdict::Blocked { reason: BlockReason::RedirectsAway { .. }, .. } = &visit.verdict else {
            panic!("{away}: {:?}", visit.verdict);
        };
        assert_eq!(server.paths(), ["/robots.txt", "/"], "{away}");
        assert!(server.asked().iter().all(|asked| asked.host == "acme.com.sg"));
    }
}

#[tokio::test]
async fn neighbours_under_a_shared_suffix_are_other_domains() {
    let server = Server::start(|asked| match asked.host.as_str() {
        "acme.github.io" if asked.path == "/" => redirect("http://other.github.io/"),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.github.io").await;
    assert_eq!(visit.domain, "acme.github.io");
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::RedirectsAway { .. }, .. }));
}

#[tokio::test]
async fn a_page_that_leads_away_is_skipped_and_the_visit_goes_on() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => html(&page("cranes", &[("/careers", "Careers"), ("/team", "Team"), ("/about", "About")])),
        "/careers" => redirect("https://jobs.portal.example/acme"),
        "/team" => redirect("/"),
        "/about" => html(&page("hoists", &[])),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    let reason = |path: &str| visit.skipped.iter().find(|skipped| skipped.url.path() == path).unwrap().reason.clone();
    assert_eq!(reason("/careers"), SkipReason::RedirectsAway { to: "jobs.portal.example".into() });
    assert_eq!(reason("/team"), SkipReason::Repeated);
    assert_eq!(visit.pages.len(), 2);
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        _ => redirect("/again"),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::Unreachable { .. }, .. }));
    assert_eq!(server.paths().len(), 1 + 6, "the page and five redirects");
    let error = server.web().get(&PageRequest::new("http://acme.example/".parse().unwrap())).await.unwrap_err();
    assert!(matches!(error, FetchError::TooManyRedirects { max: 5, .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_to_another_port_is_refused() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/" => redirect("http://acme.example:22/"),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(matches!(visit.verdict, Verdict::Blocked { .. }), "{:?}", visit.verdict);
    assert_eq!(server.paths(), ["/robots.txt", "/"]);
}
