//! Which requests reached the sandbox, so that a test can prove that none did, or how far apart they were.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One request that reached the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Host without port, lower case.
    pub host: String,
    /// Path without query.
    pub path: String,
    /// The status that it was answered with.
    pub status: u16,
    /// The User-Agent that the visitor gave.
    pub user_agent: String,
    /// When it arrived.
    pub at: Instant,
}

/// All requests so far, in order of arrival.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Vec<Visit>>);

impl Requests {
    /// Adds one.
    pub fn record(&self, visit: Visit) {
        self.lock().push(visit);
    }

    /// All so far, oldest first.
    pub fn all(&self) -> Vec<Visit> {
        self.lock().clone()
    }

    /// How many so far.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// How many asked `host` for `path`.
    pub fn count_of(&self, host: &str, path: &str) -> usize {
        self.lock().iter().filter(|visit| visit.host == host && visit.path == path).count()
    }

    /// When `host` was asked for anything, in order.
    pub fn times_of(&self, host: &str) -> Vec<Instant> {
        self.lock().iter().filter(|visit| visit.host == host).map(|visit| visit.at).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Visit>> {
        // A list that only grows is whole even when whoever held it panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
