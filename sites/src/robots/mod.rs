//! What a site's robots.txt asks of us: the Robots Exclusion Protocol, RFC 9309.
//!
//! Pure: bytes in, answers out. How the file is fetched, and what a status code means, is the crawl's business.
//! Beyond the RFC it reads `Crawl-delay`, which many sites still write.

mod cache;
mod group;
mod line;
mod pattern;

pub(crate) use cache::RobotsCache;
pub use group::Robots;

use serde::{Deserialize, Serialize};
use url::Url;

/// How much of a robots.txt is read (RFC 9309, 2.5 asks for at least this much). The rest is ignored.
pub const ROBOTS_BYTES_MAX: usize = 500 * 1024;

/// Whether an agent may fetch a URL, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotsAnswer {
    /// True when the URL may be fetched.
    pub allowed: bool,
    /// The deciding line as the site wrote it, such as `line 4: Disallow: /private/`. `None` when no rule matches,
    /// which allows.
    pub rule: Option<String>,
}

/// Answers whether `agent` (a product name, or a whole User-Agent header) may fetch `url` under this file.
pub fn check(robots_txt: &[u8], agent: &str, url: &Url) -> RobotsAnswer {
    Robots::parse(robots_txt, agent).answer(url)
}

#[cfg(test)]
mod tests;
