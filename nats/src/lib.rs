//! The broker: its streams and consumers as code, publishing, and the one loop in which workers consume.
//!
//! Knows subjects and delivery; decides nothing about leads.
//!
//! - [`topology`]: streams, durables, users and their permissions
//! - [`Broker`]: a connection with JetStream
//! - [`Publisher`]: events out, each with its id, many in flight
//! - [`purge`]: a tenant's messages counted and removed
//! - [`snapshot`]: the log written out and read in again, for backups
//! - [`callout`]: browsers and others with a token get a short-lived user of the broker, which may listen and nothing else
//! - [`consume`]: the loop: pulls what free slots start, acknowledges once per delivery, parks what cannot be done

mod broker;
pub mod callout;
mod consume;
mod error;
mod publish;
pub mod purge;
pub mod snapshot;
pub mod topology;

pub use broker::Broker;
pub use consume::{ConsumeConfig, Consumer, Delivery, Outcome, consume};
pub use error::BrokerError;
pub use publish::{Message, Publisher};
