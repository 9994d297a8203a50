//! One request at a time to one site: with a pause before each, within the visit's time, until called off.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::pace::Pace;
use super::policy::CrawlPolicy;
use super::report::KnownPage;
use super::site_robots::SiteRobots;
use crate::web::{FetchError, Fetched, PageRequest, Wanted, Web, registrable_domain};

/// The voice of one visit.
pub(super) struct Asker<'a> {
    pub web: &'a Web,
    pub policy: &'a CrawlPolicy,
    pub cancel: &'a CancellationToken,
    pub pace: Pace,
    pub domain: String,
    pub deadline: Instant,
    pub requests: u32,
    pub known: HashMap<String, KnownPage>,
    /// What each authority of the site asks of us.
    pub robots: HashMap<String, Arc<SiteRobots>>,
}

/// Why a page was not got.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The visit was called off.
    Cancelled,
    /// The visit's time is over.
    OutOfTime,
    /// robots.txt says no.
    Disallowed { rule: String },
    /// robots.txt could not be read.
    RobotsUnreachable,
    /// The request failed.
    Fetch(FetchError),
}

impl Asker<'_> {
    /// Gets a page: robots.txt of every host on the way is kept, redirects stay within the registrable domain.
    pub async fn page(&mut self, url: &Url) -> Result<Fetched, Trouble> {
        let mut url = url.clone();
        for _ in 0..=self.policy.redirects_max {
            self.heed_robots(&url).await?;
            let answer = self.ask(self.page_request(&url)).await?;
            let Some(next) = answer.location else {
                return Ok(answer);
            };
            let to = next.host_str().unwrap_or_default().to_owned();
            if registrable_domain(&to) != self.domain {
                return Err(Trouble::Fetch(FetchError::RedirectedAway { host: host_of(&url), to }));
            }
            url = next;
        }
        let max = self.policy.redirects_max;
        Err(Trouble::Fetch(FetchError::TooManyRedirects { host: host_of(&url), max }))
    }

    fn page_request(&self, url: &Url) -> PageRequest {
        // Without the findings of the known page an unchanged answer would be worth nothing.
        let known = self.known.get(url.as_str()).filter(|known| known.findings.is_some());
        PageRequest {
            etag: known.and_then(|known| known.etag.clone()),
            last_modified: known.and_then(|known| known.last_modified.clone()),
            bytes_max: self.policy.page_bytes_max,
            redirects_max: 0,
            ..PageRequest::new(url.clone())
        }
    }

    /// Gets a file that is no page, such as a sitemap, without following redirects.
    pub async fn file(&mut self, url: &Url, bytes_max: usize) -> Result<Fetched, Trouble> {
        let request =
            PageRequest { bytes_max, redirects_max: 0, wanted: Wanted::Anything, ..PageRequest::new(url.clone()) };
        self.ask(request).await
    }

    /// Fails where robots.txt of the URL's host disallows it.
    pub async fn heed_robots(&mut self, url: &Url) -> Result<(), Trouble> {
        let robots = self.robots_of(url).await?;
        let Some(robots) = robots.rules() else {
            return Err(Trouble::RobotsUnreachable);
        };
        let answer = robots.answer(url);
        match answer.allowed {
            true => Ok(()),
            false => Err(Trouble::Disallowed { rule: answer.rule.unwrap_or_default() }),
        }
    }

    /// One request, when its time has come.
    async fn ask(&mut self, request: PageRequest) -> Result<Fetched, Trouble> {
        if self.cancel.is_cancelled() {
            return Err(Trouble::Cancelled);
        }
        if self.is_out_of_time() {
            return Err(Trouble::OutOfTime);
        }
        let (due, deadline) = (self.pace.next(), self.deadline);
        let called_off = tokio::select! {
            biased;
            () = self.cancel.cancelled() => true,
            () = sleep_until(due) => false,
        };
        if called_off {
            return Err(Trouble::Cancelled);
        }
        let answered = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Trouble::Cancelled),
            answered = timeout_at(deadline, self.web.get(&request)) => match answered {
                Err(_) => Err(Trouble::OutOfTime),
                Ok(answered) => answered.map_err(Trouble::Fetch),
            },
        };
        self.note(&answered);
        answered
    }

    /// Moves the pace and the count on, unless nothing reached the site.
    fn note(&mut self, answered: &Result<Fetched, Trouble>) {
        let is_unheard = matches!(answered, Err(Trouble::Fetch(error)) if error.before_any_answer());
        if !is_unheard {
            self.pace.answered(Instant::now());
            self.requests += 1;
        }
    }

    /// Widens the pause to what the site asks for, within the policy.
    pub fn honour_crawl_delay(&mut self, asked: Option<Duration>) {
        if let Some(asked) = asked {
            self.pace.widen(asked.min(self.policy.crawl_delay_max));
        }
    }

    /// Leaves the site alone for as long as its refusal asks, within the policy.
    pub fn honour_retry_after(&mut self, asked: Option<Duration>) {
        if let Some(asked) = asked {
            self.pace.hold(Instant::now() + asked.min(self.policy.retry_after_max));
        }
    }

    /// Whether the next request's time comes only after the visit's.
    pub fn is_out_of_time(&self) -> bool {
        self.pace.next() > self.deadline
    }
}

/// Scheme, host and port: what a robots.txt speaks for.
pub(super) fn authority_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

pub(super) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
