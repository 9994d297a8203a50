//! The gateway over real NATS, Postgres and HTTP.

mod browser;
mod document;
mod hostile;
mod isolation;
mod keys;
mod logout;
mod rest;
mod support;
