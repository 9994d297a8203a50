//! What sites asked of us, remembered for a day.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Robots;

/// RFC 9309, 2.4: a cached file should not be used for more than 24 hours.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// About this many bytes of rules are held; beyond it the oldest go first.
const WEIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Rules by authority (scheme, host and port), each with the time it was read.
#[derive(Default)]
pub(crate) struct RobotsCache {
    held: HashMap<String, Held>,
    oldest_first: VecDeque<(String, Instant)>,
    weight_bytes: usize,
}

struct Held {
    robots: Arc<Robots>,
    read_at: Instant,
}

impl RobotsCache {
    /// The rules of an authority, unless they were read a day or longer before `now`.
    pub fn get(&self, authority: &str, now: Instant) -> Option<Arc<Robots>> {
        let held = self.held.get(authority)?;
        (now.duration_since(held.read_at) < LIFETIME).then(|| Arc::clone(&held.robots))
    }

    /// Remembers what an authority asks, as read at `now`.
    pub fn put(&mut self, authority: String, robots: Arc<Robots>, now: Instant) {
        self.weight_bytes += robots.weight();
        self.oldest_first.push_back((authority.clone(), now));
        if let Some(replaced) = self.held.insert(authority, Held { robots, read_at: now }) {
            self.weight_bytes -= replaced.robots.weight();
        }
        while self.weight_bytes > WEIGHT_BYTES_MAX || self.oldest_is_stale(now) {
            let Some((authority, read_at)) = self.oldest_first.pop_front() else {
                break;
            };
            self.forget(&authority, read_at);
        }
    }

    fn oldest_is_stale(&self, now: Instant) -> bool {
        self.oldest_first.front().is_some_and(|(_, read_at)| now.duration_since(*read_at) >= LIFETIME)
    }

    /// Drops an entry unless it was read again since.
    fn forget(&mut self, authority: &str, read_at: Instant) {
        if self.held.get(authority).is_some_and(|held| held.read_at == read_at)
            && let Some(held) = self.held.remove(authority)
        {
            self.weight_bytes -= held.robots.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);

    fn asking(rules: usize) -> Arc<Robots> {
        let file: String = (0..rules).map(|rule| format!("Disallow: /{rule}\n")).collect();
        Arc::new(Robots::parse(format!("User-agent: *\n{file}").as_bytes(), "presdr"))
    }

    #[test]
    fn rules_are_remembered_for_a_day_and_no_longer() {
        let mut cache = RobotsCache::default();
        let read_at = Instant::now();
        cache.put("https://acme.example".into(), asking(1), read_at);
        assert!(cache.get("https://acme.example", read_at + 23 * HOUR).is_some());
        assert!(cache.get("https://acme.example", read_at + 24 * HOUR).is_none());
        assert!(cache.get("http://acme.example", read_at).is_none(), "http is another authority");
    }

    #[test]
    fn rules_read_again_live_a_day_from_then() {
        let mut cache = RobotsCache::default();
        let read_at = Instant::now();
        cache.put("https://acme.example".into(), asking(1), read_at);
        cache.put("https://acme.example".into(), asking(2), read_at + 20 * HOUR);
        cache.put("https://other.example".into(), asking(1), read_at + 30 * HOUR);
        assert_eq!(cache.get("https://acme.example", read_at + 30 * HOUR), Some(asking(2)));
    }

    #[test]
    fn the_cache_is_bounded_in_bytes() {
        let mut cache = RobotsCache::default();
        let now = Instant::now();
        for site in 0..200 {
            cache.put(format!("https://site{site}.example"), asking(2_000), now);
        }
        assert!(cache.weight_bytes <= WEIGHT_BYTES_MAX);
        assert!(cache.held.len() < 200);
        assert!(cache.get("https://site199.example", now).is_some(), "the newest stay");
        assert!(cache.get("https://site0.example", now).is_none(), "the oldest go");
    }
}
