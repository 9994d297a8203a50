//! robots.txt by RFC 9309, as a site sees it kept.

use std::time::Duration;

use presdr_sites::{BlockReason, CrawlPolicy, RobotsState, SkipReason, Verdict, VisitRequest};

use crate::server::{Server, html, not_found, page, quick, redirect, silence, status, text, visit_with};

#[tokio::test]
async fn a_missing_file_allows_everything() {
    for missing in [404, 403, 401, 410, 429] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/robots.txt" => status(missing),
            "/" => html(&page("cranes", &[])),
            _ => not_found(),
        })
        .await;
        let visit = server.visit("acme.example").await;
        assert_eq!(visit.robots.unwrap().state, RobotsState::Missing, "{missing}");
        assert!(matches!(visit.verdict, Verdict::Rich { .. }), "{missing}: {:?}", visit.verdict);
    }
}

#[tokio::test]
async fn a_failing_file_disallows_everything_and_is_not_remembered() {
    for failing in [500, 502, 503] {
        let server = Server::start(move |_| status(failing)).await;
        let web = server.web();
        for _ in 0..2 {
            let visit = visit_with(&web, &quick(), VisitRequest::new("acme.example").unwrap()).await;
            assert_eq!(visit.robots.unwrap().state, RobotsState::Unreachable);
            assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::RobotsUnreachable, .. }));
        }
        assert_eq!(server.paths(), ["/robots.txt", "/robots.txt"], "no page is asked for");
    }
}

#[tokio::test]
async fn a_silent_file_disallows_everything() {
    let server = Server::start(|_| silence()).await;
    let config = presdr_sites::WebConfig { request_timeout: Duration::from_millis(150), ..server.config() };
    let web = presdr_sites::Web::new(config).unwrap();
    let visit = visit_with(&web, &quick(), VisitRequest::new("acme.example").unwrap()).await;
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::RobotsUnreachable, .. }));
    assert_eq!(server.paths(), ["/robots.txt"]);
}

#[tokio::test]
async fn a_site_that_disallows_everything_is_left_alone() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => text("User-agent: *\nDisallow: /\n"),
        _ => html(&page("cranes", &[])),
    })
    .await;
    let visit = server.visit("acme.example").await;
    let rule = "line 2: Disallow: /".to_owned();
    assert!(matches!(&visit.verdict, Verdict::Blocked { reason: BlockReason::Robots { rule: by }, .. } if *by == rule));
    assert_eq!(visit.robots.unwrap().home_disallowed_by, Some(rule.clone()));
    assert_eq!(visit.skipped[0].reason, SkipReason::Robots { rule });
    assert_eq!(server.paths(), ["/robots.txt"]);
}

#[tokio::test]
async fn our_own_group_is_heeded_and_disallowed_pages_are_skipped_with_their_rule() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => text("User-agent: *\nDisallow: /\n\nUser-agent: PRESDR\nDisallow: /team"),
        "/" => html(&page("cranes", &[("/team", "Team"), ("/about", "About")])),
        "/about" => html(&page("hoists", &[])),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert_eq!(server.paths(), ["/robots.txt", "/", "/sitemap.xml", "/about"]);
    let team = visit.skipped.iter().find(|skipped| skipped.url.path() == "/team").unwrap();
    assert_eq!(team.reason, SkipReason::Robots { rule: "line 5: Disallow: /team".into() });
}

#[tokio::test]
async fn five_redirects_are_followed_across_hosts_and_the_file_speaks_for_the_first_host() {
    let server = Server::start(|asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("acme.example", "/robots.txt") => redirect("/1"),
        ("acme.example", "/1") => redirect("/2"),
        ("acme.example", "/2") => redirect("/3"),
        ("acme.example", "/3") => redirect("http://files.example/4"),
        ("files.example", "/4") => redirect("/5"),
        ("files.example", "/5") => text("User-agent: *\nDisallow: /"),
        _ => html(&page("cranes", &[])),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::Robots { .. }, .. }));
}

#[tokio::test]
async fn a_sixth_redirect_counts_as_a_missing_file() {
    let server = Server::start(|asked| match asked.path.strip_prefix("/r") {
        Some("obots.txt") => redirect("/r1"),
        Some(number) => redirect(&format!("/r{}", number.parse::<u32>().unwrap() + 1)),
        None if asked.path == "/" => html(&page("cranes", &[])),
        None => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert_eq!(visit.robots.unwrap().state, RobotsState::Missing);
    assert_eq!(server.paths()[..7], ["/robots.txt", "/r1", "/r2", "/r3", "/r4", "/r5", "/"]);
}

#[tokio::test]
async fn the_file_is_read_once_for_many_visits() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => text("User-agent: *\nDisallow: /private"),
        _ => html(&page("cranes", &[])),
    })
    .await;
    let (web, policy) = (server.web(), CrawlPolicy { pages_max: 1, ..quick() });
    let first = visit_with(&web, &policy, VisitRequest::new("acme.example").unwrap()).await;
    let second = visit_with(&web, &policy, VisitRequest::new("acme.example").unwrap()).await;
    assert_eq!(first.robots.unwrap().state, RobotsState::Read);
    assert_eq!(second.robots.unwrap().state, RobotsState::Remembered);
    assert_eq!(server.paths(), ["/robots.txt", "/", "/"]);
}

#[tokio::test]
async fn a_file_beyond_its_size_limit_is_read_up_to_it() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => text(&format!("User-agent: *\nDisallow: /a\n{}Disallow: /\n", "#\n".repeat(300 * 1024))),
        "/" => html(&page("cranes", &[("/a", "About")])),
        _ => not_found(),
    })
    .await;
    let visit = server.visit("acme.example").await;
    assert!(matches!(visit.verdict, Verdict::Rich { .. }), "the last line is beyond the limit");
    assert!(visit.skipped.iter().any(|skipped| matches!(skipped.reason, SkipReason::Robots { .. })));
}
