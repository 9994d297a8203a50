//! Tavily: searches the web, reads pages, crawls sites. <https://docs.tavily.com>, read November 2026.

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Answered, Call, Charge, Class, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor};

/// Longer questions are refused.
const QUERY_CHARS_MAX: usize = 400;
/// URLs in one extract.
pub const URLS_MAX: usize = 20;
const SEARCH_TIMEOUT: Duration = Duration::from_secs(60);
const EXTRACT_TIMEOUT: Duration = Duration::from_secs(40);
const CRAWL_TIMEOUT: Duration = Duration::from_secs(65);
/// What the vendor itself may take for a crawl, in seconds.
const CRAWL_SECONDS: u32 = 60;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A search of the web: one credit.
#[derive(Clone)]
pub struct Search {
    query: String,
    results_max: u8,
}

impl Search {
    /// Up to `results_max` pages (20 at most) about `query`, which is cut to what Tavily takes.
    #[must_use]
    pub fn new(query: &str, results_max: u8) -> Self {
        let words = query.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { query: words.chars().take(QUERY_CHARS_MAX).collect(), results_max: results_max.clamp(1, 20) }
    }
}

/// What a search found, best first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Pages.
    #[serde(default)]
    pub results: Vec<FoundPage>,
}

/// A page that a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundPage {
    /// Its address.
    pub url: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// What it says about the question.
    #[serde(default)]
    pub content: String,
    /// From 0 to 1.
    #[serde(default)]
    pub score: f64,
}

impl Call for Search {
    const VENDOR: Vendor = Vendor::Tavily;
    const OPERATION: &'static str = "search";
    type Answer = Found;

    fn canonical(&self) -> Vec<u8> {
        json!({"query": self.query.to_lowercase(), "max_results": self.results_max}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        credits(prices, Decimal::ONE)
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        // The depth is said, so that nothing picks one that costs twice as much.
        let body = json!({"query": self.query, "max_results": self.results_max, "search_depth": "basic", "include_usage": true});
        post(endpoint, "/search", &body, SEARCH_TIMEOUT)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Found>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let answer = Found { results: items(&body, "results") };
        Ok(Answered { answer, charge: charged(&body, prices, Decimal::ONE)?, fresh_for: 30 * DAY })
    }
}

/// The text of pages: one credit for five.
#[derive(Clone)]
pub struct Extract {
    urls: Vec<String>,
}

impl Extract {
    /// The pages at `urls`; [`URLS_MAX`] at most, the rest is left out.
    #[must_use]
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).take(URLS_MAX).collect() }
    }
}

/// The text of pages.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pages {
    /// Those that could be read.
    #[serde(default)]
    pub pages: Vec<PageText>,
    /// How many could not.
    #[serde(default)]
    pub failed: u32,
}

/// The text of a page, as Markdown. Not printed: it may name people.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PageText {
    /// Its address.
    pub url: String,
    /// What it says.
    #[serde(rename = "raw_content", default)]
    pub text: String,
}

impl Call for Extract {
    const VENDOR: Vendor = Vendor::Tavily;
    const OPERATION: &'static str = "extract";
    type Answer = Pages;

    fn canonical(&self) -> Vec<u8> {
        let mut urls = self.urls.clone();
        urls.sort();
        json!({"urls": urls}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        credits(prices, Decimal::from(self.urls.len().div_ceil(5)))
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        let body = json!({"urls": self.urls, "extract_depth": "basic", "format": "markdown", "include_usage": true});
        post(endpoint, "/extract", &body, EXTRACT_TIMEOUT)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Pages>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let answer = pages(&body);
        // Five pages share a credit, and the key's counter decides which call pays it: without a word from the vendor, a fifth each.
        let fifths = Decimal::from(answer.pages.len()) / Decimal::from(5);
        Ok(Answered { charge: charged(&body, prices, fifths)?, answer, fresh_for: 7 * DAY })
    }
}

/// The text of a site's pages: one credit for ten pages found and one for five read.
#[derive(Clone)]
pub struct Crawl {
    url: String,
    pages_max: u32,
    paths: Vec<String>,
}

impl Crawl {
    /// Up to `pages_max` pages from `url` on, within its host; `paths` are regular expressions of those that are wanted, if not all are.
    #[must_use]
    pub fn new(url: impl Into<String>, pages_max: u32, paths: Vec<String>) -> Self {
        Self { url: url.into(), pages_max: pages_max.clamp(1, 50), paths }
    }
}

impl Call for Crawl {
    const VENDOR: Vendor = Vendor::Tavily;
    const OPERATION: &'static str = "crawl";
    type Answer = Pages;

    fn canonical(&self) -> Vec<u8> {
        json!({"url": self.url, "limit": self.pages_max, "select_paths": self.paths}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        credits(prices, Decimal::from(self.pages_max.div_ceil(10) + self.pages_max.div_ceil(5)))
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        let mut body = json!({"url": self.url, "limit": self.pages_max, "max_depth": 2, "allow_external": false, "extract_depth": "basic",
            "format": "markdown", "timeout": CRAWL_SECONDS, "include_usage": true});
        if !self.paths.is_empty() {
            body["select_paths"] = json!(self.paths);
        }
        post(endpoint, "/crawl", &body, CRAWL_TIMEOUT)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Pages>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let answer = pages(&body);
        let pages = Decimal::from(answer.pages.len());
        let credits = pages / Decimal::from(10) + pages / Decimal::from(5);
        Ok(Answered { charge: charged(&body, prices, credits)?, answer, fresh_for: 7 * DAY })
    }
}

/// What a key has left.
pub(crate) fn usage(endpoint: &Endpoint) -> RequestSpec {
    RequestSpec::get("/usage", Duration::from_secs(20))
        .with_secret(AUTHORIZATION, &format!("Bearer {}", endpoint.key()))
}

/// Reads [`usage`]: credits left of the key's limit or the plan's, whichever is less; `None` when there is no limit.
pub(crate) fn left(reply: &Reply<'_>) -> Result<Option<Decimal>, Failure> {
    check(reply)?;
    let body: Value = reply.json()?;
    let room = |used: &Value, limit: &Value| Some((number(limit)? - number(used)?).max(Decimal::ZERO));
    let (key, account) = (&body["key"], &body["account"]);
    let key = room(&key["usage"], &key["limit"]);
    let plan = room(&account["plan_usage"], &account["plan_limit"]);
    let more = room(&account["paygo_usage"], &account["paygo_limit"]);
    let plan = plan.map(|plan| plan + more.unwrap_or_default());
    Ok(match (key, plan) {
        (Some(key), Some(plan)) => Some(key.min(plan)),
        (key, plan) => key.or(plan),
    })
}

fn post(endpoint: &Endpoint, path: &'static str, body: &Value, timeout: Duration) -> RequestSpec {
    RequestSpec::post(path, body, timeout).with_secret(AUTHORIZATION, &format!("Bearer {}", endpoint.key()))
}

fn credits(prices: &Prices, credits: Decimal) -> Result<Charge, Unpriced> {
    let usd = credits * prices.usd("tavily.credit")?;
    Ok(Charge { metered: Decimal::ONE, units: credits, usd: usd.normalize(), ..Charge::default() })
}

/// The charge by the vendor's own word; by the list when it says nothing.
fn charged(body: &Value, prices: &Prices, listed: Decimal) -> Result<Charge, Failure> {
    let said = number(&body["usage"]["credits"]).filter(|said| *said >= Decimal::ZERO);
    credits(prices, said.unwrap_or(listed)).map_err(|_| Failure::new(Class::Lost, "a Tavily credit has no price"))
}

fn number(value: &Value) -> Option<Decimal> {
    value.as_i64().map(Decimal::from).or_else(|| value.as_number()?.to_string().parse().ok())
}

/// The items that have their shape; others are left out.
fn items<T: serde::de::DeserializeOwned>(body: &Value, name: &str) -> Vec<T> {
    let all = body[name].as_array().map_or(&[][..], Vec::as_slice);
    all.iter().filter_map(|item| serde_json::from_value(item.clone()).ok()).collect()
}

fn pages(body: &Value) -> Pages {
    let failed = body["failed_results"].as_array().map_or(0, Vec::len);
    Pages { pages: items(body, "results"), failed: u32::try_from(failed).unwrap_or(u32::MAX) }
}

fn check(reply: &Reply<'_>) -> Result<(), Failure> {
    let failure = |class, what| Err(Failure::new(class, what));
    match reply.status {
        200..=299 => Ok(()),
        401 => failure(Class::Key, "Tavily refuses the key"),
        429 => failure(crate::wire::retry_after(reply, true), "Tavily's rate limit"),
        432 => failure(Class::Quota { lasts: None }, "Tavily's plan is used up"),
        433 => failure(Class::Quota { lasts: None }, "Tavily's pay-as-you-go limit is reached"),
        500..=599 => failure(crate::wire::retry_after(reply, false), "Tavily failed"),
        _ => failure(Class::Never, "Tavily refuses the request"),
    }
}
