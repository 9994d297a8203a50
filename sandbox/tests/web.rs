//! The sandbox web as a visitor meets it: real HTTP on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so by failing

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use presdr_sandbox::web::page_path;
use presdr_sandbox::web::profile::{Canonical, Charset, Condition, PageKind, Profile, Robots, Technology, Writing};
use presdr_sandbox::{Running, Sandbox, SandboxConfig, SandboxError, WebKind};
use reqwest::header::{ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use reqwest::{Client, Response, StatusCode};

struct Visitor {
    client: Client,
    address: SocketAddr,
}

impl Visitor {
    fn of(sandbox: &Running) -> Self {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        Self { client, address: sandbox.address }
    }

    async fn get(&self, host: &str, path: &str) -> Response {
        self.client.get(self.url(path)).header(HOST, host).send().await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn varied(seed: u64, sites: usize) -> Running {
    let config = SandboxConfig { seed, web: WebKind::Varied { sites }, ..SandboxConfig::default() };
    Sandbox::start(config).await.unwrap()
}

/// The first site of the web that is as wanted and otherwise an ordinary one.
fn site(sandbox: &Running, wanted: impl Fn(&Profile) -> bool) -> &Profile {
    let ordinary = |profile: &&Profile| profile.condition == Condition::Ordinary && !profile.home_under_path;
    sandbox.profiles().iter().filter(ordinary).find(|profile| wanted(profile)).expect("the web has such a site")
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_misdirected() {
    let sandbox = varied(1, 5).await;
    let answer = Visitor::of(&sandbox).get("nobody.example", "/").await;
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(!sandbox.hosts().contains(&"nobody.example".to_owned()));
    sandbox.stop().await;
}

#[tokio::test]
async fn every_page_of_an_ordinary_site_is_there_and_names_the_company() {
    let sandbox = varied(1, 60).await;
    let visitor = Visitor::of(&sandbox);
    let site = site(&sandbox, |site| site.technology == Technology::WordPress && site.charset == Charset::Utf8);
    assert!((5..=12).contains(&site.pages.len()));
    for kind in &site.pages {
        let answer = visitor.get(&site.host(), &page_path(site, *kind)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.text().await.unwrap().contains(&site.company.word));
    }
    assert_eq!(visitor.get(&site.host(), "/no-such-page/").await.status(), StatusCode::NOT_FOUND);
    sandbox.stop().await;
}

#[tokio::test]
async fn the_same_seed_serves_the_same_bytes_and_another_seed_does_not() {
    let read = async |seed| {
        let sandbox = varied(seed, 20).await;
        let visitor = Visitor::of(&sandbox);
        let mut bytes = Vec::new();
        for host in sandbox.hosts() {
            bytes.push((host.clone(), visitor.get(&host, "/").await.bytes().await.unwrap()));
        }
        sandbox.stop().await;
        bytes
    };
    let first = read(7).await;
    assert_eq!(first, read(7).await);
    assert_ne!(first, read(8).await);
}

#[tokio::test]
async fn an_unchanged_page_answers_304_by_tag_and_by_date() {
    let sandbox = varied(1, 100).await;
    let visitor = Visitor::of(&sandbox);
    let tagged = site(&sandbox, |site| site.entity_tags);
    let tag = visitor.get(&tagged.host(), "/").await.headers()[ETAG].clone();
    let again = visitor.client.get(visitor.url("/")).header(HOST, tagged.host()).header(IF_NONE_MATCH, tag);
    assert_eq!(again.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);

    let dated = site(&sandbox, |site| site.dated && !site.entity_tags);
    let date = visitor.get(&dated.host(), "/").await.headers()[LAST_MODIFIED].clone();
    let again = visitor.client.get(visitor.url("/")).header(HOST, dated.host()).header(IF_MODIFIED_SINCE, date);
    assert_eq!(again.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
    sandbox.stop().await;
}

#[tokio::test]
async fn redirects_lead_to_www_to_a_path_and_to_another_owner() {
    let sandbox = varied(1, 300).await;
    let visitor = Visitor::of(&sandbox);
    let location = async |host: &str| {
        let answer = visitor.get(host, "/").await;
        assert!(answer.status().is_redirection());
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    };
    let www = site(&sandbox, |site| site.canonical == Canonical::Www);
    assert_eq!(location(&www.company.domain).await, format!("http://www.{}/", www.company.domain));

    let ordinary = |site: &&Profile| site.condition == Condition::Ordinary;
    let under_path = sandbox.profiles().iter().filter(ordinary).find(|site| site.home_under_path).unwrap();
    assert_eq!(location(&under_path.host()).await, "/en/");

    let away = sandbox.profiles().iter().find(|site| site.condition == Condition::SendsElsewhere).unwrap();
    assert!(!location(&away.host()).await.contains(&away.company.domain));
    sandbox.stop().await;
}

#[tokio::test]
async fn robots_come_in_every_state() {
    let sandbox = varied(1, 300).await;
    let visitor = Visitor::of(&sandbox);
    let robots = async |state: Robots| {
        let site = site(&sandbox, |site| site.robots == state);
        let answer = visitor.get(&site.host(), "/robots.txt").await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(robots(Robots::Absent).await.0, 404);
    assert_eq!(robots(Robots::Failing).await.0, 503);
    assert!(robots(Robots::DisallowAll).await.1.contains("Disallow: /\n"));
    assert!(robots(Robots::DisallowSome).await.1.contains("Disallow: /internal/"));
    assert!(robots(Robots::CrawlDelay(1)).await.1.contains("Crawl-delay: 1"));
    sandbox.stop().await;
}

#[tokio::test]
async fn addresses_are_hidden_as_the_site_hides_them() {
    let sandbox = varied(1, 300).await;
    let visitor = Visitor::of(&sandbox);
    let contact = async |writing: Writing| {
        let shown = |site: &Profile| site.technology == Technology::Plain && site.charset == Charset::Utf8;
        let site = site(&sandbox, |site| site.writing == writing && shown(site));
        let page = visitor.get(&site.host(), &page_path(site, PageKind::Contact)).await.text().await.unwrap();
        (page, site.company.email.clone())
    };
    let (page, email) = contact(Writing::Mailto).await;
    assert!(page.contains(&format!("mailto:{email}")));
    for writing in [Writing::AtWord, Writing::Cloudflare, Writing::References] {
        let (page, email) = contact(writing).await;
        assert!(!page.contains(&email), "{writing:?} shows the address");
    }
    assert!(contact(Writing::Cloudflare).await.0.contains("data-cfemail"));
    sandbox.stop().await;
}

#[tokio::test]
async fn pages_in_old_encodings_are_no_utf_8() {
    let sandbox = varied(1, 300).await;
    let visitor = Visitor::of(&sandbox);
    for charset in [Charset::Windows1252, Charset::Gb2312] {
        let site = site(&sandbox, |site| site.charset == charset && site.technology != Technology::ScriptShell);
        let bytes = visitor.get(&site.host(), "/").await.bytes().await.unwrap();
        assert!(String::from_utf8(bytes.to_vec()).is_err(), "{charset:?} is UTF-8");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn the_uniform_web_has_the_asked_number_of_pages_everywhere() {
    let config = SandboxConfig { web: WebKind::Uniform { sites: 1_000, pages: 8 }, ..SandboxConfig::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    let visitor = Visitor::of(&sandbox);
    assert_eq!(sandbox.hosts().len(), 1_000);
    let domains: HashSet<&str> = sandbox.profiles().iter().map(|site| site.company.domain.as_str()).collect();
    assert_eq!(domains.len(), 1_000);
    for site in sandbox.profiles().iter().step_by(97) {
        let map = visitor.get(&site.host(), "/sitemap.xml").await.text().await.unwrap();
        assert_eq!(map.matches("<loc>").count(), 8);
        for kind in &site.pages {
            assert_eq!(visitor.get(&site.host(), &page_path(site, *kind)).await.status(), StatusCode::OK);
        }
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn answers_come_as_late_as_asked() {
    let delay = Duration::from_millis(120);
    let config = SandboxConfig { web: WebKind::Uniform { sites: 1, pages: 5 }, delay, ..SandboxConfig::default() };
    let sandbox = Sandbox::start(config).await.unwrap();
    let begun = std::time::Instant::now();
    Visitor::of(&sandbox).get(&sandbox.hosts()[0], "/").await;
    assert!(begun.elapsed() >= delay);
    sandbox.stop().await;
}

#[tokio::test]
async fn every_request_is_counted_with_its_time() {
    let sandbox = varied(1, 5).await;
    let visitor = Visitor::of(&sandbox);
    let host = sandbox.hosts()[0].clone();
    for path in ["/robots.txt", "/", "/"] {
        visitor.get(&host, path).await;
    }
    assert_eq!(sandbox.requests().count(), 3);
    assert_eq!(sandbox.requests().count_of(&host, "/"), 2);
    assert!(sandbox.requests().times_of(&host).is_sorted());
    sandbox.stop().await;
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Sandbox::start(SandboxConfig { address, ..SandboxConfig::default() }).await;
    assert!(matches!(refused, Err(SandboxError::NotLoopback(_))));
}

fn write(root: &Path, file: &str, bytes: &[u8]) {
    let path = root.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_folder_is_served_as_found_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "index.csv", b"slug,fake_domain,company_name\nkelmora,kelmora.example,Kelmora\nup,up.example,Up\n");
    write(root, "kelmora/index.html", b"caf\xe9");
    write(root, "kelmora/about us/index.htm", b"about");
    write(root, "kelmora/robots.txt", b"User-agent: *\n");
    write(root, "secret.txt", b"secret");
    let web = WebKind::Folder(root.to_owned());
    let sandbox = Sandbox::start(SandboxConfig { web, ..SandboxConfig::default() }).await.unwrap();
    let visitor = Visitor::of(&sandbox);

    let home = visitor.get("kelmora.example", "/").await;
    assert_eq!(home.headers()["content-type"], "text/html");
    assert_eq!(home.bytes().await.unwrap().as_ref(), b"caf\xe9");
    assert_eq!(visitor.get("kelmora.example", "/about%20us/").await.text().await.unwrap(), "about");
    assert_eq!(visitor.get("kelmora.example", "/about%20us").await.headers()[LOCATION], "/about%20us/");
    assert_eq!(visitor.get("kelmora.example", "/robots.txt").await.headers()["content-type"], "text/plain");
    for path in
        ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt", "/about%20us/%2e%2e/%2e%2e/secret.txt"]
    {
        let answer = visitor.get("kelmora.example", path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path} left the folder");
    }
    assert_eq!(visitor.get("up.example", "/").await.status(), StatusCode::NOT_FOUND);
    sandbox.stop().await;
}

#[tokio::test]
async fn the_real_sites_are_served_under_their_invented_domains() {
    let shared = std::env::var_os("PRESDR_SHARED").map_or_else(|| PathBuf::from("../../shared"), PathBuf::from);
    let folder = shared.join("data/sites");
    if !folder.join("index.csv").exists() {
        println!("skipped: the folder of real sites was not found (set PRESDR_SHARED)");
        return;
    }
    let web = WebKind::Folder(folder);
    let sandbox = Sandbox::start(SandboxConfig { web, ..SandboxConfig::default() }).await.unwrap();
    let visitor = Visitor::of(&sandbox);
    let mut homes = 0;
    for host in sandbox.hosts() {
        homes += usize::from(visitor.get(&host, "/").await.status() == StatusCode::OK);
    }
    assert!(homes * 10 >= sandbox.hosts().len() * 9, "only {homes} of {} home pages", sandbox.hosts().len());
    sandbox.stop().await;
}
