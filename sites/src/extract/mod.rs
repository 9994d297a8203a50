//! What a page says: text, contacts, people, technology, jobs. Without any AI, and without any I/O except in
//! [`score_sites`], which reads labelled sites from disk to measure the rest.
//!
//! - [`page`]: one pass over one page's HTML, then readers of what that pass collected
//! - [`markdown`]: the same for a page that somebody else read and wrote down as Markdown
//! - [`merge`]: the pages of a site put together
//! - [`score_sites`]: how well both do on sites that a person has labelled
//!
//! Nothing here applies a tenant's policy: free-mail addresses and suppressed people are still in the findings.

mod bounded;
mod careers;
mod challenge;
mod cloudflare;
mod digest;
mod elements;
mod email;
mod email_filter;
mod findings;
mod forget;
mod html;
mod json_ld;
mod language;
mod markdown;
mod merge;
mod names;
mod page;
mod pattern;
mod people;
mod phone;
mod readable;
mod region;
mod score;
mod social;
mod technology;
mod uen;

pub use email::addresses_in;
pub use findings::{
    Careers, EmailSource, FoundEmail, FoundPerson, FoundPhone, Link, NameCandidate, NameSource, NotARegion,
    Organisation, PageFindings, PhoneSource, Region, Social,
};
pub use forget::without_paragraphs;
pub use markdown::markdown;
pub use merge::{SiteEmail, SiteFindings, SitePhone, merge};
pub use page::page;
pub use score::{ExtractScore, Rates, ScoreError, score_sites};
