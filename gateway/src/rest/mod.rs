//! What the routes do. Each file is one thing that people ask about: what it takes, what it answers, the handlers.

pub mod company;
pub mod costs;
pub mod events;
pub mod export;
pub mod icp;
pub mod meta;
pub mod runs;
pub mod shortlist;
pub mod suppressions;
