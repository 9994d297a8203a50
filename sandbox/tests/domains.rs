//! Domain resolution over the labelled web: real HTTP on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so by failing

use std::net::IpAddr;
use std::time::Duration;

use presdr_sandbox::domains::{labelled, score_domains};
use presdr_sandbox::{Running, Sandbox, SandboxConfig, WebKind};
use presdr_sites::domains::ResolvePolicy;
use presdr_sites::{CrawlPolicy, DevelopmentOnly, ResolveTo, Web, WebConfig};

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
