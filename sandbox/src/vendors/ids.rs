//! Ids that differ with every answer, in the shapes that vendors give theirs.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::random::Random;

/// A source of ids. They follow from how many there were before, and from nothing else.
#[derive(Debug, Default)]
pub(crate) struct Ids(AtomicU64);

impl Ids {
    fn next(&self) -> Random {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Random::new(number, "vendor request", 0)
    }

    /// An id in the form of a random UUID.
    pub fn uuid(&self) -> String {
        let mut random = self.next();
        let (high, low) = (random.next(), random.next());
        let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
        let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        let digits = format!("{high:016x}{low:016x}");
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    /// An id of letters and digits after `prefix`.
    pub fn token(&self, prefix: &str) -> String {
        let mut random = self.next();
        format!("{prefix}{:016x}{:016x}", random.next(), random.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_another_and_has_its_shape() {
        let ids = Ids::default();
        let (one, other) = (ids.uuid(), ids.uuid());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!((one.as_bytes()[14], one.as_bytes()[23]), (b'4', b'-'));
        assert!(ids.token("resp_").starts_with("resp_"));
    }
}
