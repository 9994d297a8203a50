//! The desk over a real Postgres, against vendors on loopback: caps, breakers, retries, stored answers, lost answers, alerts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod availability;
mod breakers;
mod caps;
mod lost;
mod policy;
mod privacy;
mod stored;
mod stub;
mod support;
mod vendors;
