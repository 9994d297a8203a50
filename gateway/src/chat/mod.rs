//! The chat: a command agent behind the LangGraph API, so that its unmodified clients can talk to it.
//!
//! - [`agent`]: a line of text to an answer
//! - `message`, `block`: what is said, as it is kept and as it is shown
//! - `turn`, `follow`: one answer being given: told event by event, kept as it is told
//! - `stream`: what a turn told, to its client, with the sight of whoever reads
//! - `state`: threads and their states as clients know them
//! - `routes`: the routes; [`threads`], [`runs`], `begin`, [`assistants`]: what they do

pub mod agent;
pub mod assistants;
mod begin;
mod block;
mod follow;
mod message;
pub(crate) mod news;
pub(crate) mod routes;
pub mod runs;
mod state;
mod stream;
pub mod threads;
mod turn;
