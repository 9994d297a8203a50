//! From a visit under way to its report.

use tokio::time::Instant;

use super::asker::authority_of;
use super::report::{BlockReason, RobotsReport, SkipReason, Visit};
use super::verdict::judge;
use super::visit::{End, Walk};
use crate::choose::{Chosen, Frontier};

impl Walk<'_> {
    /// What the visit comes to, however it ended.
    pub(super) fn report(mut self, end: End, begun: Instant) -> Visit {
        let why_rest = match end {
            End::Done => SkipReason::PageLimit,
            End::EnoughSaid => SkipReason::EnoughSaid,
            End::Refusals => SkipReason::Refusals,
            End::OutOfTime => SkipReason::OutOfTime,
            End::Cancelled => SkipReason::Cancelled,
        };
        let room = Visit::SKIPPED_MAX.saturating_sub(self.skipped.len());
        let rest: Vec<Chosen> = self.frontier.take().into_iter().flat_map(Frontier::into_rest).take(room).collect();
        for chosen in rest {
            self.skip(chosen.url, chosen.kind, why_rest.clone());
        }
        let obstacle = match end {
            End::Cancelled => Some(BlockReason::Cancelled),
            End::OutOfTime => Some(BlockReason::TimedOut),
            End::Done | End::EnoughSaid | End::Refusals => self.obstacle.take(),
        };
        Visit {
            robots: self.robots_report(),
            verdict: judge(self.tally.measured(), obstacle, self.asker.policy),
            final_url: self.home,
            domain: self.asker.domain,
            pages: self.pages,
            skipped: self.skipped,
            stopped_early: end == End::EnoughSaid,
            requests: self.asker.requests,
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            next_request_not_before: (self.asker.requests > 0).then(|| self.asker.pace.next()),
        }
    }

    fn robots_report(&self) -> Option<RobotsReport> {
        let robots = self.asker.robots.get(&authority_of(&self.home))?;
        let rules = robots.rules();
        let home = rules.map(|rules| rules.answer(&self.home));
        Some(RobotsReport {
            url: robots.url.clone(),
            state: robots.state(),
            status: robots.status,
            home_disallowed_by: home.filter(|answer| !answer.allowed).and_then(|answer| answer.rule),
            crawl_delay_ms: rules
                .and_then(|rules| rules.crawl_delay())
                .and_then(|delay| u64::try_from(delay.as_millis()).ok()),
            interval_ms: u64::try_from(self.asker.pace.interval().as_millis()).unwrap_or(u64::MAX),
            sitemaps: rules.map_or(0, |rules| rules.sitemaps().len()),
        })
    }
}
