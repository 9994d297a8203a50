//! Imitations of the vendors that presdr pays: Tavily, Lusha (v3, and its legacy v2), ZeroBounce (v2) and OpenAI.
//!
//! They listen on one loopback port, each below a path that stands for its own host, with the vendors' real paths, headers,
//! statuses, error bodies, limits and prices, so that the vendors' own client libraries work with another base URL and nothing
//! else. What they know fits the sandbox's companies; no request leaves the process. Equal questions get equal answers, except
//! for ids and times.
//!
//! - [`VendorSandbox`]: start, base URLs and keys, credits, latency, stop
//! - [`Faults`]: what shall go wrong, once or standing, at one operation or at all
//! - [`Calls`]: what was asked and paid for, how often
//! - [`World`]: what the vendors know
//!
//! Operations, for faults and counts: tavily `search` `extract` `crawl` `map` `usage`; lusha `companies` `companies_search`
//! `companies_enrich` `companies_prospecting` `contacts` `contacts_search` `contacts_enrich` `contacts_prospecting` `usage`
//! `v2_company` `v2_person` `v2_contacts_search` `v2_contacts_enrich` `v2_usage`; zerobounce `validate` `validatebatch`
//! `getcredits` `getapiusage`; openai `chat` `responses` `embeddings` `models`.

mod account;
mod admin;
mod calls;
mod door;
mod faults;
mod ids;
mod imitation;
mod limits;
mod lusha;
mod openai;
mod pages;
mod reply;
mod sandbox;
mod tavily;
mod vendor;
mod world;
mod zerobounce;

pub use calls::{Bought, Call, Calls, Totals};
pub use faults::{Fault, FaultKind, Faults, NotAFault};
pub use limits::Limits;
pub use pages::Page;
pub use sandbox::{VendorConfig, VendorSandbox};
pub use vendor::{NotAVendor, Vendor};
pub use world::{Known, Patience, World};
