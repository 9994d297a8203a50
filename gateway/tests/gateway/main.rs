//! The gateway over real NATS, Postgres and HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod absent;
mod bounds;
mod browser;
mod callout;
mod chat;
mod document;
mod door;
mod erased;
mod hostile;
mod isolation;
mod keys;
mod logout;
mod model;
mod onboarding;
mod progress;
mod real_odoo;
mod rest;
mod sdks;
mod support;
mod two;
mod ui;
