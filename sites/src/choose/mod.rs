//! Which pages of a site are worth reading. Pure, and the same for the same site whatever the order of its links.
//!
//! Every known address is a candidate: links of pages read, entries of sitemaps. Each is classed by its path and its
//! link's words; the best of each kind is read first, in the order of [`PageKind`], then the second best, and so on.

mod address;
mod frontier;
mod kind;
mod sitemap;
mod vocabulary;

pub(crate) use frontier::{Chosen, Frontier};
pub use kind::PageKind;
pub(crate) use sitemap::{Sitemap, read as read_sitemap};

#[cfg(test)]
mod tests;
