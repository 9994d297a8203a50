//! Replies for the tests of what vendors' answers mean.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{Class, Failure, Reply};

/// A reply with these headers.
pub(crate) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

/// What `read` makes of a status and a body.
pub(crate) fn said<T>(read: impl Fn(&Reply<'_>) -> Result<T, Failure>, status: u16, body: &str) -> Result<T, Failure> {
    read(&Reply { status, headers: &HeaderMap::new(), body: body.as_bytes() })
}

/// The class of the failure, by name.
pub(crate) fn class<T>(outcome: Result<T, Failure>) -> &'static str {
    match outcome {
        Ok(_) => "answered",
        Err(Failure { class: Class::Retry { rate_limit: true, .. }, .. }) => "rate limit",
        Err(Failure { class: Class::Retry { .. }, .. }) => "retry",
        Err(Failure { class: Class::Never, .. }) => "never",
        Err(Failure { class: Class::Quota { .. }, .. }) => "quota",
        Err(Failure { class: Class::Key, .. }) => "key",
        Err(Failure { class: Class::KeyOrQuota, .. }) => "key or quota",
        Err(Failure { class: Class::Lost, .. }) => "lost",
    }
}

/// Checks a table of statuses, bodies and classes.
pub(crate) fn table<T>(read: impl Fn(&Reply<'_>) -> Result<T, Failure>, rows: &[(u16, &str, &str)]) {
    for (status, body, wanted) in rows {
        assert_eq!(class(said(&read, *status, body)), *wanted, "{status} {body}");
    }
}
