//! Which domain belongs to a registered company.
//!
//! - [`candidates`]: domains that a company of this name may have, likeliest first
//! - [`judge`]: how sure a home page makes us, and why
//! - [`resolve`]: asks the candidates politely and answers with a domain, or with none

mod candidates;
mod judge;
mod name;
mod page;
mod resolve;
mod visitor;

pub use candidates::{Candidate, candidates};
pub use judge::{ACCEPT_CONFIDENCE, CompanyIdentity, Evidence, Judgement, judge};
pub use name::{CompanyName, LegalForm, Relation};
pub use page::{HomePage, ParkedSign};
pub use resolve::{Resolution, ResolvePolicy, Tried, WhyNot, resolve, resolve_among};
pub use visitor::{Alone, IfTaken, Visitor};
