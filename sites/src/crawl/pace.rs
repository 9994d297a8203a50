//! The pause between requests to one site.

use std::time::Duration;

use tokio::time::Instant;

/// When the next request may start.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// The first request may start at `first`.
    pub fn new(interval: Duration, first: Instant) -> Self {
        Self { interval, next: first }
    }

    /// The site asks for a longer pause. It counts from the last request, like the pause it replaces.
    pub fn widen(&mut self, interval: Duration) {
        if interval > self.interval {
            self.next += interval - self.interval;
            self.interval = interval;
        }
    }

    /// The site asks to be left alone until then.
    pub fn hold(&mut self, until: Instant) {
        self.next = self.next.max(until);
    }

    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// When the next request may start.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// A request was answered, or failed, by `ended`. When it reached the site is not known, only that it was before
    /// `ended`; counting from there, no two requests reach the site closer together than the pause, however long either
    /// was on its way.
    pub fn answered(&mut self, ended: Instant) {
        self.next = self.next.max(ended + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn requests_are_an_interval_apart() {
        let begin = Instant::now();
        let mut pace = Pace::new(SECOND, begin);
        assert_eq!(pace.next(), begin);
        pace.answered(begin);
        assert_eq!(pace.next(), begin + SECOND);
        pace.answered(begin + 3 * SECOND);
        assert_eq!(pace.next(), begin + 4 * SECOND);
    }

    #[test]
    fn a_wider_interval_counts_from_the_last_request() {
        let begin = Instant::now();
        let mut pace = Pace::new(SECOND, begin);
        pace.answered(begin);
        pace.widen(3 * SECOND);
        assert_eq!(pace.next(), begin + 3 * SECOND);
        pace.widen(2 * SECOND);
        assert_eq!(pace.interval(), 3 * SECOND, "never narrower");
    }
}
