//! Companies labelled with their right domain, the web around them, and a score for whoever looks for the domains.
//!
//! The labels come from how owners choose domains and what they disclose. That some cannot be found, or not told from a
//! namesake, is on purpose: recall well below 1 is what a careful answer costs.

mod names;
mod pages;
mod score;
mod world;

pub use names::Named;
pub use score::{DomainScore, SituationScore, WrongAnswer, score_domains};
pub use world::{Labelled, LabelledWeb, Situation};

/// How many labelled companies a measurement uses.
pub const LABELLED_COMPANIES: usize = 400;

/// The labelled companies of `seed`; [`crate::WebKind::Labelled`] with the same seed and number serves their web.
pub fn labelled(seed: u64, companies: usize) -> Vec<Labelled> {
    LabelledWeb::new(seed, companies).companies().to_vec()
}
