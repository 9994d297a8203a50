//! A private PostgreSQL and NATS server as child processes: for `presdr up`, the demo, the benches and the tests.
//!
//! Each listens on loopback at a port of its own, keeps everything below one directory, and is gone when its handle is
//! dropped or this process dies, however it dies. Nothing here knows what is stored in them.
//!
//! - [`Postgres`]: a database server with its data, password and log in one directory
//! - [`Nats`]: a JetStream server likewise
//! - [`dump`], [`undump`]: a database written to a file and read back
//! - [`testing`]: what tests use: a database of their own on a shared server, a broker of their own
//! - [`ServerError`]: what can go wrong, each with its cure where there is one

mod account;
mod dump;
mod error;
mod home;
mod nats;
mod ports;
mod postgres;
mod process;
mod program;
pub mod testing;

pub use dump::{dump, undump};
pub use error::ServerError;
pub use nats::{Nats, NatsConfig};
pub use postgres::{Durability, Postgres};
pub use program::{NATS_VERSION_MIN, POSTGRES_VERSION_MIN, Program, find_nats, find_postgres};
