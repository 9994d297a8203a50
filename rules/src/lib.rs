//! What presdr decides: pure functions from facts to decisions.
//!
//! Nothing here reads a clock, a socket, a file or a random number: what a rule needs to know arrives as a value, so a
//! decision can be read, tested and taken again from the event that recorded it.
//!
//! - [`icp`]: the ideal customer profile: reading the document, and which companies it admits
//! - [`targets`]: which candidates a run takes, up to its cap
//! - [`admission`]: how many waiting leads may start now
//! - [`route`]: a lead's next step, and what was degraded on the way
//! - [`search`]: what to search the web for, and which of the results may be the company's site
//! - [`vendor_read`]: which pages a vendor is asked to read, and when it has read enough
//! - [`extraction`]: what a model may add to what a site says, and what of its answer is believed
//! - [`contacts`]: whom to look for, and who of those found is kept
//! - [`email_policy`]: which found addresses are kept, and why the others are not
//! - [`features`]: what is known about a lead, as numbers that tell "missing" from "no"
//! - [`similarity`]: how like a tenant's sample customers a company describes itself
//! - [`score`]: features and weights to a score, a confidence and a bucket
//! - [`rationale`]: why, in at most two sentences
//! - [`ranking`]: the order of a shortlist
//! - [`distribution`]: whether a run's buckets look wrong
//! - [`retention`]: what was kept long enough
//! - [`settings`]: what a tenant may set differently from the defaults
//! - [`chat`]: what a person asks for in plain English
//! - [`named`]: whether a text names somebody who is known by keyed hashes alone
//! - [`transport`]: where a secret may travel
//! - [`mask`]: how personal data looks where it must not be shown

pub mod admission;
pub mod chat;
pub mod contacts;
pub mod distribution;
pub mod email_policy;
pub mod extraction;
pub mod features;
pub mod icp;
pub mod mask;
pub mod named;
pub mod ranking;
pub mod rationale;
pub mod retention;
pub mod route;
pub mod score;
pub mod search;
pub mod settings;
pub mod similarity;
pub mod targets;
pub mod transport;
pub mod vendor_read;
