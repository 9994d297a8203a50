//! Read models over a real broker and a real database.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation here is the test failing")]

mod chain;
mod measuring;
mod progress;
mod projecting;
mod rebuilding;
mod support;
mod suppressing;
mod vendors;
