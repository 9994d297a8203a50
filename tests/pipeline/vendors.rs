//! Vendors in the real pipeline: every branch of a lead's way, every cap, every fault, and what was paid for how often.

mod branches;
mod cases;
mod details;
mod redelivery;
mod replay;
pub mod world;
