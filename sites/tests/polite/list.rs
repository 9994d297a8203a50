//! Many sites at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use presdr_sites::{CrawlPolicy, SiteReport, Verdict, crawl_list};

use crate::server::{Server, html, not_found, page, quick};

async fn site_of_two_pages() -> Server {
    Server::start(|asked| match asked.path.as_str() {
        "/" => html(&page("cranes", &[("/about", "About")])),
        "/about" => html(&page("hoists", &[])),
        _ => not_found(),
    })
    .await
}

#[tokio::test]
async fn every_entry_gets_one_report() {
    let server = site_of_two_pages().await;
    let mut entries: Vec<String> = (0..20).map(|number| format!("site{number}.example")).collect();
    entries.push("not a site".into());
    let reports: Vec<SiteReport> = crawl_list(server.web(), quick(), entries.clone(), 8).collect().await;
    assert_eq!(reports.len(), entries.len());
    for report in &reports {
        match &report.visit {
            Some(visit) => assert!(matches!(visit.verdict, Verdict::Rich { .. }), "{}", report.asked),
            None => assert_eq!((report.asked.as_str(), report.error.is_some()), ("not a site", true)),
        }
    }
    let line = serde_json::to_value(&reports[0]).unwrap();
    assert!(line["asked"].is_string() && line["final_url"].is_string() && line["pages"].is_array());
}

#[tokio::test]
async fn entries_of_one_domain_are_visited_one_after_the_other_with_the_pause_between() {
    let server = site_of_two_pages().await;
    let entries = ["acme.example", "shop.acme.example", "other.example", "http://acme.example/en/"].map(str::to_owned);
    let policy = CrawlPolicy { min_interval: Duration::from_millis(30), ..CrawlPolicy::default() };
    let reports: Vec<SiteReport> = crawl_list(server.web(), policy.clone(), entries.to_vec(), 4).collect().await;
    assert_eq!(reports.len(), 4);
    let mut arrivals: HashMap<bool, Vec<Instant>> = HashMap::new();
    for asked in server.asked() {
        arrivals.entry(asked.host.ends_with("acme.example")).or_default().push(asked.at);
    }
    for times in arrivals.values() {
        let shortest = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
        assert!(shortest >= policy.min_interval, "{shortest:?}");
    }
    let (acme, other) = (&arrivals[&true], &arrivals[&false]);
    assert!(other[0] < *acme.last().unwrap(), "another domain does not wait for the first");
}
