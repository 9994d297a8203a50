//! Nothing but the public internet is reached: not by number, in any notation, nor by a URL that is odd.

use presdr_sites::{
    BlockReason, DevelopmentOnly, FetchError, PageRequest, ResolveTo, Verdict, VisitRequest, Web, WebConfig, WebError,
};

use crate::server::{LOCAL, Server, html, page, quick, visit_with};

async fn refusal(web: &Web, url: &str) -> String {
    match web.get(&PageRequest::new(url.parse().unwrap())).await {
        Err(error @ FetchError::Refused { .. }) => error.to_string(),
        other => panic!("{url} was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn addresses_are_refused_in_every_notation() {
    let server = Server::start(|_| html(&page("secrets", &[]))).await;
    let web = server.web();
    let port = server.port;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "2852039166",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "１２７.０.０.１",
    ] {
        for url in [format!("http://{host}/"), format!("https://{host}/"), format!("http://{host}:{port}/")] {
            refusal(&web, &url).await;
        }
        let visit = visit_with(&web, &quick(), VisitRequest::new(&format!("http://{host}:{port}/")).unwrap()).await;
        assert!(matches!(visit.verdict, Verdict::Blocked { reason: BlockReason::Refused { .. }, .. }), "{host}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn public_numbers_odd_ports_credentials_and_schemes_are_refused() {
    let server = Server::start(|_| html("")).await;
    let web = server.web();
    for (url, why) in [
        ("http://93.184.215.14/", "a site is named, not numbered"),
        ("http://[2606:4700::1]/", "a site is named, not numbered"),
        ("http://acme.example:8080/", "its port is not the scheme's own"),
        ("http://acme.example:22/", "its port is not the scheme's own"),
        ("https://acme.example:80/", "its port is not the scheme's own"),
        ("http://user@acme.example/", "the URL carries credentials"),
        ("http://:secret@acme.example/", "the URL carries credentials"),
        ("ftp://acme.example/", "only http and https are fetched"),
        ("file:///etc/passwd", "only http and https are fetched"),
    ] {
        let refusal = refusal(&web, url).await;
        assert!(refusal.ends_with(why), "{url}: {refusal}");
        assert!(!refusal.contains("secret"));
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_listed_network_may_be_reached_by_number_and_at_any_port() {
    let server = Server::start(|_| html(&page("cranes", &[]))).await;
    let config = WebConfig { allow: vec!["127.0.0.0/8".parse().unwrap()], resolve_to: None, ..server.config() };
    let web = Web::new(config).unwrap();
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", server.port);
        let answer = web.get(&PageRequest::new(url.parse().unwrap())).await;
        assert_eq!(answer.map(|answer| answer.status).ok(), Some(200), "{host}");
    }
    refusal(&web, "http://10.0.0.1/").await;
    refusal(&web, &format!("http://[::1]:{}/", server.port)).await;
    let visit =
        visit_with(&web, &quick(), VisitRequest::new(&format!("http://127.0.0.1:{}/", server.port)).unwrap()).await;
    assert!(matches!(visit.verdict, Verdict::Rich { .. }), "{:?}", visit.verdict);
}

#[tokio::test]
async fn the_resolver_override_may_not_lead_to_the_public_internet() {
    for (address, is_local) in [("93.184.215.14", false), ("127.0.0.1", true), ("10.1.2.3", true), ("::1", true)] {
        let target = ResolveTo::new(DevelopmentOnly::confirmed(), address.parse().unwrap(), 8080, None);
        let made = Web::new(WebConfig { resolve_to: Some(target), ..WebConfig::default() });
        assert_eq!(made.is_ok(), is_local, "{address}");
        assert!(is_local || matches!(made, Err(WebError::NotLocal(_))));
    }
}

#[tokio::test]
async fn https_fails_at_once_where_the_override_has_none() {
    let server = Server::start(|_| html("")).await;
    let error = server.web().get(&PageRequest::new("https://acme.example/".parse().unwrap())).await.unwrap_err();
    assert!(matches!(error, FetchError::Connect { source: None, .. }), "{error}");
    assert!(server.asked().is_empty());
    assert_eq!(server.web().resolves("any.example").await.ok(), Some(true));
    assert_eq!(LOCAL.to_string(), "127.0.0.1");
}
