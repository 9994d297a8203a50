//! How often a vendor may be asked.

use std::time::{Duration, Instant};

/// One minute.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// One hour.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
/// One day.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// How often each vendor may be asked with one key. The default is what the vendors publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Limits {
    pub tavily_per_minute: u64,
    pub tavily_crawls_per_minute: u64,
    pub lusha_per_second: u64,
    pub lusha_per_minute: u64,
    pub lusha_per_hour: u64,
    pub lusha_per_day: u64,
    pub lusha_usage_per_minute: u64,
    pub zerobounce_validations_per_ten_seconds: u64,
    pub zerobounce_batches_per_minute: u64,
    pub zerobounce_credit_calls_per_hour: u64,
    pub zerobounce_bad_keys_per_hour: u64,
    pub zerobounce_bad_requests_per_minute: u64,
    pub zerobounce_odd_batches_per_hour: u64,
    pub openai_requests_per_minute: u64,
    pub openai_tokens_per_minute: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tavily_per_minute: 1_000,
            tavily_crawls_per_minute: 100,
            lusha_per_second: 25,
            lusha_per_minute: 300,
            lusha_per_hour: 5_000,
            lusha_per_day: 50_000,
            lusha_usage_per_minute: 5,
            zerobounce_validations_per_ten_seconds: 80_000,
            zerobounce_batches_per_minute: 30,
            zerobounce_credit_calls_per_hour: 80_000,
            zerobounce_bad_keys_per_hour: 200,
            zerobounce_bad_requests_per_minute: 100,
            zerobounce_odd_batches_per_hour: 1,
            openai_requests_per_minute: 10_000,
            openai_tokens_per_minute: 10_000_000,
        }
    }
}

impl Limits {
    /// No limit at all, for measurements of something else.
    pub fn none() -> Self {
        Self {
            tavily_per_minute: u64::MAX,
            tavily_crawls_per_minute: u64::MAX,
            lusha_per_second: u64::MAX,
            lusha_per_minute: u64::MAX,
            lusha_per_hour: u64::MAX,
            lusha_per_day: u64::MAX,
            lusha_usage_per_minute: u64::MAX,
            zerobounce_validations_per_ten_seconds: u64::MAX,
            zerobounce_batches_per_minute: u64::MAX,
            zerobounce_credit_calls_per_hour: u64::MAX,
            zerobounce_bad_keys_per_hour: u64::MAX,
            zerobounce_bad_requests_per_minute: u64::MAX,
            zerobounce_odd_batches_per_hour: u64::MAX,
            openai_requests_per_minute: u64::MAX,
            openai_tokens_per_minute: u64::MAX,
        }
    }
}

/// So many within so long, counted from the first; then nothing for a while.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    limit: u64,
    per: Duration,
    block: Duration,
    since: Option<Instant>,
    used: u64,
    blocked_until: Option<Instant>,
}

impl Window {
    /// Opens again when the time is over.
    pub fn new(limit: u64, per: Duration) -> Self {
        Self { limit, per, block: Duration::ZERO, since: None, used: 0, blocked_until: None }
    }

    /// The same, closed for `block` when it is overrun.
    #[must_use]
    pub fn blocking(mut self, block: Duration) -> Self {
        self.block = block;
        self
    }

    /// How long it stays closed, when it is.
    pub fn closed(&mut self, now: Instant, amount: u64) -> Option<Duration> {
        if let Some(until) = self.blocked_until {
            if now < until {
                return Some(until - now);
            }
            (self.blocked_until, self.since) = (None, None);
        }
        if self.since.is_none_or(|since| now.duration_since(since) >= self.per) {
            (self.since, self.used) = (Some(now), 0);
        }
        if self.used.saturating_add(amount) <= self.limit {
            return None;
        }
        if self.block.is_zero() {
            return Some(self.resets_in(now));
        }
        self.blocked_until = Some(now + self.block);
        Some(self.block)
    }

    /// Counts `amount`.
    pub fn count(&mut self, amount: u64) {
        self.used = self.used.saturating_add(amount);
    }

    /// Counts `amount` if it fits; otherwise tells how long to wait.
    pub fn take(&mut self, now: Instant, amount: u64) -> Result<(), Duration> {
        match self.closed(now, amount) {
            Some(wait) => Err(wait),
            None => {
                self.count(amount);
                Ok(())
            }
        }
    }

    /// How much fits within one time.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How much was used of it.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How much is left of it.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// How long until all of it is there again.
    pub fn resets_in(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| self.per.saturating_sub(now.duration_since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_again_with_its_time() {
        let mut window = Window::new(2, MINUTE);
        let start = Instant::now();
        assert_eq!(window.take(start, 2), Ok(()));
        assert_eq!(window.take(start + Duration::from_secs(20), 1), Err(Duration::from_secs(40)));
        assert_eq!((window.left(), window.used()), (0, 2));
        assert_eq!(window.take(start + MINUTE, 1), Ok(()));
        assert_eq!(window.left(), 1);
    }

    #[test]
    fn an_overrun_window_blocks_for_its_own_time() {
        let mut window = Window::new(1, Duration::from_secs(10)).blocking(MINUTE);
        let start = Instant::now();
        assert_eq!(window.take(start, 1), Ok(()));
        assert_eq!(window.take(start + Duration::from_secs(1), 1), Err(MINUTE));
        assert_eq!(window.take(start + Duration::from_secs(31), 1), Err(Duration::from_secs(30)));
        assert_eq!(window.take(start + Duration::from_secs(61), 1), Ok(()));
    }
}
