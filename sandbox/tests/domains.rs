//! Domain resolution over the labelled web: real HTTP on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so by failing

use std::net::IpAddr;
use std::time::Duration;

use presdr_sandbox::domains::{Labelled, Situation, labelled, score_domains};
use presdr_sandbox::{Running, Sandbox, SandboxConfig, WebKind};
use presdr_sites::domains::{Alone, CompanyIdentity, Resolution, ResolvePolicy, Turns, resolve};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Web, WebConfig};
use tokio_util::sync::CancellationToken;

/// Not among the seeds that the weights were chosen with.
const SEEDS: [u64; 2] = [20_261, 20_262];
const COMPANIES: usize = 400;

async fn labelled_web(seed: u64) -> (Running, Web) {
    let kind = WebKind::Labelled { companies: COMPANIES };
    let sandbox = Sandbox::start(SandboxConfig { seed, web: kind, ..SandboxConfig::default() }).await.unwrap();
    let address: IpAddr = sandbox.address.ip();
    let resolve_to = ResolveTo::new(DevelopmentOnly::confirmed(), address, sandbox.address.port(), None);
    let web = Web::new(WebConfig { resolve_to: Some(resolve_to), ..WebConfig::default() }).unwrap();
    (sandbox, web)
}

/// The default policy, but without pauses: the sandbox is ours.
fn hurried() -> ResolvePolicy {
    ResolvePolicy {
        crawl: CrawlPolicy { min_interval: Duration::ZERO, ..CrawlPolicy::default() },
        ..ResolvePolicy::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_domains_are_right_and_most_that_can_be_found_are_found() {
    for seed in SEEDS {
        let (sandbox, web) = labelled_web(seed).await;
        let score = score_domains(&web, &hurried(), &labelled(seed, COMPANIES), 16).await;
        sandbox.stop().await;
        assert_eq!(score.companies, COMPANIES);
        assert!(score.precision >= 0.98, "precision {:.3}, wrong: {:#?}", score.precision, score.wrong);
        assert!(score.recall >= 0.5, "recall {:.3} by situation: {:#?}", score.recall, score.situations);
    }
}

fn identity(labelled: &Labelled) -> CompanyIdentity {
    CompanyIdentity {
        name: labelled.company.registered.clone(),
        former_names: vec![],
        uen: Some(labelled.company.uen.clone()),
    }
}

async fn search<T: Turns>(web: &Web, policy: &ResolvePolicy, of: &Labelled, turns: &T) -> Resolution {
    resolve(web, policy, &identity(of), turns, &CancellationToken::new()).await
}

#[tokio::test]
async fn a_search_reads_robots_first_and_visits_few_sites_each_for_one_page() {
    let (sandbox, web) = labelled_web(1).await;
    let policy = hurried();
    for company in labelled(1, 60) {
        let before = sandbox.requests().count();
        search(&web, &policy, &company, &Alone).await;
        let asked: Vec<_> =
            sandbox.requests().all().split_off(before).into_iter().filter(|visit| visit.status != 421).collect();
        let pages = asked.iter().filter(|visit| visit.path == "/");
        assert!(pages.clone().count() <= policy.visits_max);
        assert!(asked.iter().all(|visit| visit.path == "/" || visit.path == "/robots.txt"));
        for page in pages {
            let rules = sandbox.requests().all();
            let rules = rules.iter().find(|visit| visit.host == page.host && visit.path == "/robots.txt");
            assert!(rules.is_some_and(|rules| rules.at <= page.at), "{} was read before its robots.txt", page.host);
        }
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn requests_to_one_site_are_an_interval_apart() {
    let (sandbox, web) = labelled_web(1).await;
    let interval = Duration::from_millis(60);
    let crawl = CrawlPolicy { min_interval: interval, ..CrawlPolicy::default() };
    let policy = ResolvePolicy { crawl, ..ResolvePolicy::default() };
    let companies = labelled(1, 40);
    let company = companies.iter().find(|company| company.situation == Situation::OwnWithRedirects).unwrap();
    search(&web, &policy, company, &Alone).await;
    let domain = company.domain.as_ref().unwrap();
    let times = sandbox.requests().times_of(domain);
    assert!(times.len() >= 2, "{domain} was never read");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= interval));
    sandbox.stop().await;
}

/// Somebody else is at every site.
struct AllTaken;

impl Turns for AllTaken {
    type Turn = ();

    async fn take(&self, _domain: &str) -> Option<()> {
        None
    }
}

#[tokio::test]
async fn a_site_that_somebody_else_visits_is_left_for_another_time() {
    let (sandbox, web) = labelled_web(1).await;
    let answer = search(&web, &hurried(), &labelled(1, 1)[0], &AllTaken).await;
    assert!(matches!(answer, Resolution::Missing { .. }));
    assert!(answer.is_inconclusive());
    assert_eq!(sandbox.requests().count(), 0);
    sandbox.stop().await;
}
