//! The log as evidence, over a real broker and a real database.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation here is the test failing")]

mod bundles;
mod signing;
mod support;
mod tampering;
