//! The only door from outside: who asks, what they may, and what they get.
//!
//! - [`GatewayConfig`]: how it is run, and what it refuses to be run with
//! - [`Gateway`]: what every request has at hand
//! - [`identity`]: tokens, sessions of browsers, roles
//! - [`routes`]: every route in one list, from which router, OpenAPI document and isolation test are made
//! - [`rest`]: what the routes do
//! - [`chat`]: the command agent behind the LangGraph API
//! - [`serve`]: connections, TLS, ending
//! - [`mod@bench`]: how fast that is

pub mod bench;
pub mod callout;
pub mod chat;
mod config;
mod gateway;
mod http;
pub mod identity;
mod limits;
pub mod openapi;
mod page;
mod problem;
pub mod rest;
pub mod routes;
mod server;
mod tls;
mod watch;

pub use config::{ConfigError, GatewayConfig, Mode, Transport};
pub use gateway::{Gateway, StartError};
pub use limits::LimitPolicy;
pub use problem::Problem;
pub use rest::meta::Info;
pub use server::serve;
