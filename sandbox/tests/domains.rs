//! Domain resolution over the labelled web: real HTTP on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so by failing

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use presdr_sandbox::domains::{Labelled, Situation, labelled, score_domains};
use presdr_sandbox::{Running, Sandbox, SandboxConfig, WebKind};
use presdr_sites::domains::{
    Alone, CompanyIdentity, IfTaken, Resolution, ResolvePolicy, Visitor, resolve, resolve_among,
};
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Visit, VisitRequest, Web, WebConfig};

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

async fn search(web: &Web, policy: &ResolvePolicy, of: &Labelled) -> Resolution {
    resolve(web, policy, &identity(of), &Alone(web)).await
}

#[tokio::test]
async fn a_search_reads_robots_first_and_visits_few_sites_each_for_one_page() {
    let (sandbox, web) = labelled_web(1).await;
    let policy = hurried();
    for company in labelled(1, 60) {
        let before = sandbox.requests().count();
        search(&web, &policy, &company).await;
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
    search(&web, &policy, company).await;
    let domain = company.domain.as_ref().unwrap();
    let times = sandbox.requests().times_of(domain);
    assert!(times.len() >= 2, "{domain} was never read");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= interval));
    sandbox.stop().await;
}

/// Somebody else is at some sites, for longer than anybody waits or for as long as there are others to ask.
struct Taken<'a> {
    alone: Alone<'a>,
    until_waited_for: &'a [&'a str],
    for_long: bool,
    asked: Mutex<Vec<String>>,
}

impl Visitor for Taken<'_> {
    async fn home_page(&self, policy: &CrawlPolicy, request: VisitRequest, if_taken: IfTaken) -> Option<Arc<Visit>> {
        let is_taken = self.until_waited_for.contains(&request.domain().as_str());
        if self.for_long || (is_taken && if_taken == IfTaken::Leave) {
            return None;
        }
        self.asked.lock().unwrap().push(request.domain());
        self.alone.home_page(policy, request, if_taken).await
    }
}

#[tokio::test]
async fn a_site_that_somebody_else_visits_is_left_for_another_time() {
    let (sandbox, web) = labelled_web(1).await;
    let taken = Taken { alone: Alone(&web), until_waited_for: &[], for_long: true, asked: Mutex::default() };
    let answer = resolve(&web, &hurried(), &identity(&labelled(1, 1)[0]), &taken).await;
    assert!(answer.was_kept_waiting() && answer.is_inconclusive());
    assert_eq!(sandbox.requests().count(), 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_site_that_is_taken_is_asked_after_the_others_and_is_the_answer_all_the_same() {
    let (sandbox, web) = labelled_web(1).await;
    let domain = |answer: &Resolution| match answer {
        Resolution::Resolved { domain, .. } => Some(domain.clone()),
        Resolution::Missing { .. } => None,
    };
    let mut found = None;
    for company in labelled(1, 60).into_iter().filter(|company| company.situation == Situation::Own) {
        if domain(&search(&web, &hurried(), &company).await) == company.domain {
            found = Some(company);
            break;
        }
    }
    let company = found.expect("some company is found");
    let own = company.domain.as_deref().unwrap();
    let (others, taken) = (["firmlist.example", "shortlistmag.example"], [own]);
    let candidates: Vec<String> = [own, others[0], others[1]].map(str::to_owned).into();
    let visitor = Taken { alone: Alone(&web), until_waited_for: &taken, for_long: false, asked: Mutex::default() };
    let answer = resolve_among(&web, &hurried(), &identity(&company), &candidates, &visitor).await;
    assert_eq!(visitor.asked.lock().unwrap().as_slice(), [others[0], others[1], own]);
    assert_eq!(domain(&answer).as_deref(), Some(own));
    sandbox.stop().await;
}
