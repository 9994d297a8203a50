//! The group of rules that is meant for one crawler.

use std::time::Duration;

use url::Url;

use super::line::{Directive, Line, lines};
use super::pattern::{Pattern, path_of};
use super::{ROBOTS_BYTES_MAX, RobotsAnswer};

/// One site's wishes for one crawler.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    sitemaps: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    allow: bool,
    pattern: Pattern,
    /// As reported: `line 4: Disallow: /private/`.
    text: String,
}

/// Longer rules than this are reported shortened; they still match in full.
const RULE_TEXT_CHARS_MAX: usize = 200;
/// Crawl delays beyond a day are nonsense, and must not overflow a duration.
const CRAWL_DELAY_SECONDS_MAX: f64 = 86_400.0;
const SITEMAPS_MAX: usize = 100;

impl Robots {
    /// No wishes at all: what a missing file means.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Reads the groups of `agent`: those that name its product token (case aside), merged; else those of `*`.
    pub fn parse(file: &[u8], agent: &str) -> Self {
        let file = &file[..file.len().min(ROBOTS_BYTES_MAX)];
        let token = product_token(agent.as_bytes());
        let mut specific = None;
        let mut general = Self::default();
        let mut sitemaps = Vec::new();
        let mut audience = Audience::default();
        for line in lines(file) {
            match line.directive {
                Directive::UserAgent => {
                    audience.hear(line.value, token);
                    if audience.named {
                        specific.get_or_insert_with(Self::default);
                    }
                }
                Directive::Sitemap if sitemaps.len() < SITEMAPS_MAX => {
                    sitemaps.push(String::from_utf8_lossy(line.value).into_owned());
                }
                Directive::Sitemap => {}
                Directive::Allow | Directive::Disallow | Directive::CrawlDelay => {
                    audience.closed |= line.directive != Directive::CrawlDelay;
                    if let Some(specific) = specific.as_mut().filter(|_| audience.named) {
                        specific.add(&line);
                    }
                    if audience.everyone {
                        general.add(&line);
                    }
                }
            }
        }
        Self { sitemaps, ..specific.unwrap_or(general) }
    }

    fn add(&mut self, line: &Line<'_>) {
        if line.directive == Directive::CrawlDelay {
            self.crawl_delay = self.crawl_delay.max(delay(line.value));
            return;
        }
        if let Some(pattern) = Pattern::parse(line.value) {
            let written = String::from_utf8_lossy(line.text);
            let written: String = written.chars().filter(|c| !c.is_control()).take(RULE_TEXT_CHARS_MAX).collect();
            self.rules.push(Rule {
                allow: line.directive == Directive::Allow,
                pattern,
                text: format!("line {}: {written}", line.number),
            });
        }
    }

    /// Whether `url` may be fetched: the longest matching rule decides, an allowing one among equals (RFC 9309, 2.2.2).
    /// `/robots.txt` itself always may.
    pub fn answer(&self, url: &Url) -> RobotsAnswer {
        if url.path() == "/robots.txt" {
            return RobotsAnswer { allowed: true, rule: None };
        }
        let path = path_of(url);
        let deciding = self
            .rules
            .iter()
            .filter(|rule| rule.pattern.matches(&path))
            // Of equals the first written is reported; `max_by_key` would give the last.
            .rev()
            .max_by_key(|rule| (rule.pattern.length(), rule.allow));
        RobotsAnswer { allowed: deciding.is_none_or(|rule| rule.allow), rule: deciding.map(|rule| rule.text.clone()) }
    }

    /// The pause that the site asks for between requests, if it does.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// Where the site says its sitemaps are; for every crawler, as written.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// Roughly the bytes this holds, for a cache's bound.
    pub(super) fn weight(&self) -> usize {
        let rules: usize = self.rules.iter().map(|rule| 96 + rule.text.len() + 2 * rule.pattern.length()).sum();
        let sitemaps: usize = self.sitemaps.iter().map(|sitemap| 24 + sitemap.len()).sum();
        64 + rules + sitemaps
    }
}

/// Whom the group being read speaks to. Consecutive user-agent lines share the rules that follow them.
#[derive(Default)]
struct Audience {
    named: bool,
    everyone: bool,
    /// A rule was read: the next user-agent line opens a new group.
    closed: bool,
}

impl Audience {
    fn hear(&mut self, value: &[u8], token: &[u8]) {
        if self.closed {
            *self = Self::default();
        }
        if value.first() == Some(&b'*') {
            self.everyone |= value.get(1).is_none_or(u8::is_ascii_whitespace);
        } else {
            let theirs = product_token(value);
            self.named |= !theirs.is_empty() && theirs.eq_ignore_ascii_case(token);
        }
    }
}

/// The product token at the head of a user agent: letters, `_` and `-` (RFC 9309, 2.2.1).
fn product_token(agent: &[u8]) -> &[u8] {
    let end = agent
        .iter()
        .position(|byte| !(byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-')))
        .unwrap_or(agent.len());
    &agent[..end]
}

fn delay(value: &[u8]) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(CRAWL_DELAY_SECONDS_MAX)))
}
