//! The imitated vendors as a client meets them: real HTTP on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on says so by failing

mod faults;
mod lusha;
mod openai;
mod sdks;
mod support;
mod tavily;
mod zerobounce;
