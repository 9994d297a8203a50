//! Sending a request until it is answered, refused for good, or enough: with full jitter, and not before the vendor wants it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use backon::Retryable;
use rand::RngExt;

use crate::{Answered, BatchCall, Class, Endpoint, Failure, Policy, Prices, RequestSpec, settle::Failures, wire::Wire};

/// What was counted over the tries.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU32,
    rate_limit_hits: AtomicU32,
    status: AtomicU32,
}

impl Tally {
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn rate_limit_hits(&self) -> u32 {
        self.rate_limit_hits.load(Ordering::Relaxed)
    }

    /// The last status, if there was one.
    pub fn status(&self) -> Option<u16> {
        u16::try_from(self.status.load(Ordering::Relaxed)).ok().filter(|status| *status > 0)
    }
}

/// Why the tries ended without an answer.
#[derive(Debug)]
pub(crate) struct GaveUp {
    pub failure: Failure,
    /// The breaker opened: for others too.
    pub breaker_open: bool,
}

/// Waits between tries: a random part of 1, 2, 4, … times the first, never more than the most (full jitter).
pub(crate) struct FullJitter {
    next: Duration,
    max: Duration,
    left: u32,
}

impl FullJitter {
    pub fn new(policy: &Policy) -> Self {
        Self { next: policy.backoff, max: policy.backoff_max, left: policy.tries_max.saturating_sub(1) }
    }
}

impl Iterator for FullJitter {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let most = self.next.min(self.max);
        self.next = self.next.saturating_mul(2);
        Some(most.mul_f64(rand::rng().random::<f64>()))
    }
}

/// How long to wait before the next try: the vendor's wish counts, and a wait beyond the time that is left is none at all.
fn wait(failure: &Failure, jitter: Option<Duration>, left: Duration) -> Option<Duration> {
    let jitter = jitter?;
    let Class::Retry { after, .. } = failure.class else { return None };
    let wait = after.map_or(jitter, |after| after + jitter);
    (wait < left).then_some(wait)
}

/// A request on its way to a vendor.
pub(crate) struct Sending<'a, C: BatchCall> {
    pub wire: &'a Wire,
    pub endpoint: &'a Endpoint,
    pub prices: &'a Prices,
    pub call: &'a C,
    pub things: Vec<&'a C::Thing>,
    pub policy: &'a Policy,
    pub begun: Instant,
    pub tally: &'a Tally,
    pub failures: &'a Failures<'a>,
}

type Answers<C> = Vec<Option<Answered<<C as BatchCall>::Answer>>>;

impl<C: BatchCall> Sending<'_, C> {
    /// Sends the request up to `tries_max` times.
    pub async fn send(&self) -> Result<Answers<C>, GaveUp> {
        let spec = self.call.request(&self.things, self.endpoint);
        (|| self.try_once(&spec))
            .retry(FullJitter::new(self.policy))
            .when(|gave_up: &GaveUp| matches!(gave_up.failure.class, Class::Retry { .. }) && !gave_up.breaker_open)
            .adjust(|gave_up: &GaveUp, jitter| {
                wait(&gave_up.failure, jitter, self.policy.budget.saturating_sub(self.begun.elapsed()))
            })
            .await
    }

    async fn try_once(&self, spec: &RequestSpec) -> Result<Answers<C>, GaveUp> {
        self.tally.requests.fetch_add(1, Ordering::Relaxed);
        let failure = match self.wire.send(self.endpoint, spec).await {
            Ok(received) => {
                self.tally.status.store(received.status.into(), Ordering::Relaxed);
                match self.call.read(&self.things, &received.reply(), self.prices) {
                    Ok(answers) => return Ok(answers),
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        if let Class::Retry { rate_limit: true, .. } = failure.class {
            self.tally.rate_limit_hits.fetch_add(1, Ordering::Relaxed);
        }
        let may_pass = matches!(failure.class, Class::Retry { .. } | Class::Lost);
        let breaker_open = may_pass && self.failures.note().await;
        Err(GaveUp { failure, breaker_open })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_random_and_end() {
        let policy = Policy { tries_max: 12, ..Policy::default() };
        let waits: Vec<Duration> = FullJitter::new(&policy).collect();
        assert_eq!(waits.len(), 11);
        for (number, wait) in waits.iter().enumerate() {
            let most = (policy.backoff * 2u32.pow(u32::try_from(number).unwrap())).min(policy.backoff_max);
            assert!(*wait <= most, "{wait:?} is more than {most:?}");
        }
        assert_ne!(waits, FullJitter::new(&policy).collect::<Vec<_>>(), "by chance, once in 2^500");
    }

    #[test]
    fn the_vendors_wish_counts_unless_there_is_no_time_for_it() {
        let after = |seconds: Option<u64>| {
            Failure::new(Class::Retry { after: seconds.map(Duration::from_secs), rate_limit: true }, "limited")
        };
        let (jitter, left) = (Some(Duration::from_millis(300)), Duration::from_secs(10));
        assert_eq!(wait(&after(None), jitter, left), jitter);
        assert_eq!(wait(&after(Some(5)), jitter, left), Some(Duration::from_millis(5300)));
        assert_eq!(wait(&after(Some(10)), jitter, left), None);
        assert_eq!(wait(&after(Some(1)), None, left), None, "enough tries");
        assert_eq!(wait(&Failure::new(Class::Never, "wrong"), jitter, left), None);
    }
}
