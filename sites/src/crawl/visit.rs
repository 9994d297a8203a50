//! The way of a visit, step by step.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::asker::{Asker, Trouble};
use super::pace::Pace;
use super::policy::CrawlPolicy;
use super::reading::{Reading, read};
use super::report::{BlockReason, KnownPage, PageVisit, SkipReason, Skipped, Visit};
use super::start::VisitRequest;
use super::verdict::{Tally, is_high_signal};
use crate::choose::{Chosen, Frontier, PageKind};
use crate::extract::Region;
use crate::web::{FetchError, Fetched, Web};

/// Visits one site. Failures are the visit's verdict, never an error.
///
/// Whoever calls sees to it that no one else visits the same registrable domain meanwhile.
pub async fn visit(web: &Web, policy: &CrawlPolicy, request: VisitRequest, cancel: &CancellationToken) -> Visit {
    let begun = Instant::now();
    let doors = request.doors();
    let mut walk = Walk::new(web, policy, request, cancel, begun);
    let end = walk.run(doors).await;
    walk.report(end, begun)
}

/// A visit under way.
pub(super) struct Walk<'a> {
    pub asker: Asker<'a>,
    region: Region,
    extra: Vec<PageKind>,
    /// Where the home page was found, or is sought.
    pub home: Url,
    pub frontier: Option<Frontier>,
    pub pages: Vec<PageVisit>,
    pub skipped: Vec<Skipped>,
    pub tally: Tally,
    /// What stood in the way, if anything did.
    pub obstacle: Option<BlockReason>,
    refusals_in_row: u32,
    hashes: HashSet<String>,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing was left to read, or the limit was reached.
    Done,
    EnoughSaid,
    Refusals,
    OutOfTime,
    Cancelled,
}

impl<'a> Walk<'a> {
    fn new(
        web: &'a Web,
        policy: &'a CrawlPolicy,
        request: VisitRequest,
        cancel: &'a CancellationToken,
        begun: Instant,
    ) -> Self {
        let first = request.not_before.map_or(begun, |not_before| not_before.max(begun));
        Self {
            asker: Asker {
                web,
                policy,
                cancel,
                pace: Pace::new(policy.min_interval, first),
                domain: request.domain(),
                deadline: first + policy.visit_timeout,
                requests: 0,
                known: request.known,
                robots: HashMap::new(),
            },
            region: request.region,
            extra: request.extra,
            home: request.start,
            frontier: None,
            pages: Vec::new(),
            skipped: Vec::new(),
            tally: Tally::default(),
            obstacle: None,
            refusals_in_row: 0,
            hashes: HashSet::new(),
        }
    }

    async fn run(&mut self, doors: Vec<Url>) -> End {
        let walked = async {
            self.enter(doors).await?;
            if self.has_room() && self.frontier.as_ref().is_some_and(Frontier::lacks_a_kind) {
                self.read_sitemaps().await?;
            }
            self.read_pages().await
        };
        match walked.await {
            Ok(()) => End::Done,
            Err(end) => end,
        }
    }

    /// Finds and reads the home page. Where there is none to start from, there is no frontier afterwards.
    async fn enter(&mut self, doors: Vec<Url>) -> Result<(), End> {
        let mut dead_host = None;
        for door in doors {
            if dead_host.as_deref() == door.host_str() {
                continue;
            }
            self.home = door.clone();
            let asked_before = self.asker.requests;
            let trouble = match self.asker.page(&door).await {
                Ok(answer) => {
                    self.obstacle = None;
                    self.home = answer.url.clone();
                    self.frontier = Some(Frontier::new(&self.home, &self.extra));
                    return self.record(answer, PageKind::Home, "where the visit starts".into()).await;
                }
                Err(trouble) => trouble,
            };
            self.obstacle = Some(obstacle(&trouble));
            match trouble {
                Trouble::Cancelled => return Err(End::Cancelled),
                Trouble::OutOfTime => return Err(End::OutOfTime),
                Trouble::Fetch(FetchError::Connect { .. }) => {}
                // The host answered and leads to where we do not go; its other doors lead there too.
                Trouble::Fetch(FetchError::Refused { .. }) if self.asker.requests > asked_before => return Ok(()),
                Trouble::Fetch(
                    FetchError::NoAddress { .. } | FetchError::Lookup { .. } | FetchError::Refused { .. },
                ) => {
                    dead_host = door.host_str().map(str::to_owned);
                }
                // The home page is closed to us; other pages may be open, and a sitemap may name them.
                Trouble::Disallowed { rule } => {
                    self.frontier = Some(Frontier::new(&door, &self.extra));
                    self.skip(door, PageKind::Home, SkipReason::Robots { rule });
                    return Ok(());
                }
                Trouble::RobotsUnreachable | Trouble::Fetch(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads chosen pages until the site has said enough, a limit is reached, or nothing is left.
    async fn read_pages(&mut self) -> Result<(), End> {
        let policy = self.asker.policy;
        // Pages that are not there, fail or lead elsewhere do not use the limit up, but they cannot go on for ever.
        let attempts_max = 2 * policy.pages_max;
        for _ in 0..attempts_max {
            if !self.has_room() {
                break;
            }
            let Some(frontier) = &mut self.frontier else {
                break;
            };
            if !frontier.owes_extra() && is_high_signal(&self.tally.measured(), &policy.high_signal) {
                return Err(End::EnoughSaid);
            }
            let Some(chosen) = frontier.next() else { break };
            self.read_page(chosen).await?;
        }
        Ok(())
    }

    /// Whether more pages may be read; answers that say there is no such page are none.
    fn has_room(&self) -> bool {
        let there = self.pages.iter().filter(|page| !matches!(page.status, 404 | 410));
        there.count() < self.asker.policy.pages_max
    }

    async fn read_page(&mut self, chosen: Chosen) -> Result<(), End> {
        let Chosen { url, kind, because } = chosen;
        let trouble = match self.asker.page(&url).await {
            Ok(answer) if self.pages.iter().any(|page| page.url == answer.url) => {
                self.skip(url, kind, SkipReason::Repeated);
                return Ok(());
            }
            Ok(answer) => return self.record(answer, kind, because).await,
            Err(trouble) => trouble,
        };
        let reason = match trouble {
            Trouble::Cancelled | Trouble::OutOfTime => {
                let (end, reason) = match trouble {
                    Trouble::Cancelled => (End::Cancelled, SkipReason::Cancelled),
                    _ => (End::OutOfTime, SkipReason::OutOfTime),
                };
                self.skip(url, kind, reason);
                return Err(end);
            }
            Trouble::Disallowed { rule } => SkipReason::Robots { rule },
            Trouble::RobotsUnreachable => SkipReason::RobotsUnreachable,
            Trouble::Fetch(FetchError::RedirectedAway { to, .. }) => SkipReason::RedirectsAway { to },
            Trouble::Fetch(error) => {
                let obstacle = obstacle_of(&error);
                self.skip(url, kind, SkipReason::Failed { error: error.to_string() });
                return if error.is_transient() { self.refused(obstacle) } else { Ok(()) };
            }
        };
        self.skip(url, kind, reason);
        Ok(())
    }

    /// Writes an answer down and learns from it where else to go.
    async fn record(&mut self, mut answer: Fetched, kind: PageKind, because: String) -> Result<(), End> {
        let blocked = &self.asker.policy.blocked;
        let is_success = (200..300).contains(&answer.status);
        let is_refusal = blocked.statuses.contains(&answer.status);
        let (reading, not_modified) = match self.asker.known.remove(answer.url.as_str()) {
            Some(known) if answer.status == 304 => (unchanged(known, &mut answer), true),
            // A refusal is read too: it may be a bot check.
            _ if is_success || is_refusal => (read(self.asker.web, &mut answer, self.region).await, false),
            _ => (Reading::default(), false),
        };
        let has_marks = reading
            .findings
            .as_ref()
            .is_some_and(|findings| findings.challenge && findings.word_count < blocked.challenge_words_below);
        let challenge = answer.challenged || (has_marks && !not_modified);
        let is_new = reading.content_hash.is_empty() || self.hashes.insert(reading.content_hash.clone());
        let is_worth = (is_success || not_modified) && !challenge && is_new;
        let findings = reading.findings.filter(|_| is_worth);
        if let Some(frontier) = &mut self.frontier {
            frontier.mark_read(&answer.url);
            let links = findings.iter().flat_map(|findings| &findings.links);
            frontier.add_links(links.map(|link| (link.url.as_str(), link.text.as_str())));
        }
        if let Some(findings) = &findings {
            self.tally.add(findings);
        }
        let status = answer.status;
        let retry_after_seconds = answer.retry_after.map(|wait| wait.as_secs());
        if is_refusal {
            self.asker.honour_retry_after(answer.retry_after);
        }
        self.pages.push(PageVisit {
            url: answer.url,
            kind,
            chosen_because: because,
            status,
            bytes: reading.bytes,
            truncated: reading.truncated,
            content_hash: reading.content_hash,
            etag: answer.etag,
            last_modified: answer.last_modified,
            not_modified,
            charset: reading.charset,
            challenge,
            read_by: None,
            findings,
        });
        match (challenge, is_refusal) {
            (true, _) => self.refused(BlockReason::Challenge),
            (false, true) => self.refused(BlockReason::Status { status, retry_after_seconds }),
            (false, false) => {
                if kind == PageKind::Home && status >= 500 {
                    self.obstacle = Some(BlockReason::Status { status, retry_after_seconds });
                }
                self.refusals_in_row = 0;
                Ok(())
            }
        }
    }

    /// Counts a refusal. A refused home page, too many in a row, or one that asks for more patience than the visit has, ends it.
    fn refused(&mut self, reason: BlockReason) -> Result<(), End> {
        self.tally.refusals += 1;
        self.refusals_in_row += 1;
        let is_home = self.pages.len() == 1 && self.pages[0].kind == PageKind::Home && self.tally.measured().pages == 0;
        let too_many = self.refusals_in_row >= self.asker.policy.blocked.refusals_in_row;
        if is_home || too_many || self.asker.is_out_of_time() {
            self.obstacle = Some(reason);
            return Err(End::Refusals);
        }
        Ok(())
    }

    pub(super) fn skip(&mut self, url: Url, kind: PageKind, reason: SkipReason) {
        if self.skipped.len() < Visit::SKIPPED_MAX {
            self.skipped.push(Skipped { url, kind, reason });
        }
    }
}

/// An unchanged page says what it said, and keeps its validators where the answer does not renew them.
fn unchanged(known: KnownPage, answer: &mut Fetched) -> Reading {
    answer.etag = answer.etag.take().or(known.etag);
    answer.last_modified = answer.last_modified.take().or(known.last_modified);
    Reading { content_hash: known.content_hash, findings: known.findings, ..Reading::default() }
}

fn obstacle(trouble: &Trouble) -> BlockReason {
    match trouble {
        Trouble::Cancelled => BlockReason::Cancelled,
        Trouble::OutOfTime => BlockReason::TimedOut,
        Trouble::Disallowed { rule } => BlockReason::Robots { rule: rule.clone() },
        Trouble::RobotsUnreachable => BlockReason::RobotsUnreachable,
        Trouble::Fetch(error) => obstacle_of(error),
    }
}

fn obstacle_of(error: &FetchError) -> BlockReason {
    match error {
        FetchError::Refused { .. } => BlockReason::Refused { error: error.to_string() },
        FetchError::NoAddress { .. } => BlockReason::NoAddress,
        FetchError::TimedOut { .. } => BlockReason::TimedOut,
        FetchError::RedirectedAway { to, .. } => BlockReason::RedirectsAway { to: to.clone() },
        FetchError::Lookup { .. }
        | FetchError::Connect { .. }
        | FetchError::Broken { .. }
        | FetchError::TooManyRedirects { .. } => BlockReason::Unreachable { error: error.to_string() },
    }
}
