//! The crawl against real servers on loopback, reached through the resolver override or through a real name server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod guard;
mod limits;
mod list;
mod manners;
mod names;
mod pages;
mod real_sites;
mod redirects;
mod robots;
mod server;
