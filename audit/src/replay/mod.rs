//! Replay: reading the log again, to see what happened, to explain a lead, or to try other weights on a past run. Nothing is written.
//!
//! - [`Filter`]: which events
//! - [`Stores::replay`](crate::Stores::replay): reads them, by their places where the audit log knows these, by a scan otherwise
//! - [`tell`]: an event in a sentence; personal values stay sealed
//! - [`Story`]: one lead from its admission to its end
//! - [`what_if`]: a past run under other weights

mod company;
mod filter;
mod read;
mod story;
mod tell;
pub mod what_if;

pub use company::{Company, find_company};
pub use filter::Filter;
pub use read::Replayed;
pub use story::{Chapter, Story};
pub use tell::{because, tell};
