//! The only way this system reaches a web site: an HTTP client that cannot be talked into reaching anything else.
//!
//! - [`Web`]: asks for one URL, and gets at most so many bytes in at most so much time
//! - [`WebConfig`]: who we say we are, how long we wait, which private addresses the operator lists
//! - [`ResolveTo`]: sends every host to one local address, for development alone
//!
//! Which addresses may be reached is judged where the connection takes them from, so a DNS answer cannot change
//! between a check and its use.

mod address;
mod body;
mod charset;
mod client;
mod config;
mod names;
mod request;

pub(crate) use body::Body;
pub(crate) use charset::decode;
pub use client::{Web, WebError};
pub use config::{DevelopmentOnly, ResolveTo, UserAgent, WebConfig};
pub use request::{FetchError, Fetched, PageRequest, Refusal, Wanted};
pub(crate) use request::{PAGE_BYTES_MAX, REDIRECTS_MAX};

/// The registrable domain of a host by the public suffix list, private section included: `www.acme.com.sg` gives
/// `acme.com.sg`, `acme.github.io` itself. A host without one (an address, a bare suffix) is its own.
pub fn registrable_domain(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match psl::domain_str(&host) {
        Some(domain) if host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[') => domain.to_owned(),
        _ => host,
    }
}
