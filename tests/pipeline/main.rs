//! The whole pipeline over real NATS, real Postgres and a web on loopback: from companies to shortlists.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod acceptance;
mod alone;
mod backup;
mod chat;
mod erasure;
mod fairness;
mod full_log;
mod hostile;
mod isolation;
mod keys;
mod nightly;
mod odoo;
mod personal_data;
mod purge;
mod real_sites;
mod redelivery;
mod retention;
mod spine;
mod support;
mod suppression;
mod vendors;
