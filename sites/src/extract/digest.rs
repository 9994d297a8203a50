//! One pass over a page's tokens: its visible text in order, and the places that matter in it.
//!
//! Everything else in this module's neighbourhood reads the [`Digest`] and never the HTML again.

mod reader;

use std::{borrow::Cow, ops::Range};

pub(super) use reader::digest;

/// What one pass over a page collects.
#[derive(Default)]
pub(super) struct Digest<'a> {
    pub(super) title: String,
    /// The `lang` attribute of `<html>`.
    pub(super) language: Option<String>,
    pub(super) base: Option<String>,
    /// `name`/`property`/`http-equiv` (lower case) and `content` of each `<meta>`.
    pub(super) metas: Vec<(String, String)>,
    /// The visible text: a line per block, white space collapsed.
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
    pub(super) anchors: Vec<Anchor<'a>>,
    /// Sources of scripts, style sheets and frames.
    pub(super) resources: Vec<Cow<'a, str>>,
    pub(super) scripts: Vec<&'a str>,
    pub(super) json_ld: Vec<&'a str>,
    /// Offsets into `text` behind a picture of a telephone.
    pub(super) phone_icons: Vec<usize>,
    /// Alternative texts of images that say they are a logo.
    pub(super) logos: Vec<String>,
    /// Addresses decoded from Cloudflare's protection; they stand in `text` too.
    pub(super) protected_emails: Vec<String>,
    /// Parts of `text` that only a browser makes readable: turned round by style, decoded by script.
    pub(super) disguised: Vec<Range<usize>>,
}

/// A line of text: what stands between two breaks in the page's layout.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    pub(super) text: Range<usize>,
    pub(super) area: Area,
    /// 1 to 6 in a heading, else 0.
    pub(super) heading: u8,
    pub(super) linked_bytes: usize,
    /// Begun by `<br>`: the same paragraph goes on.
    pub(super) continues: bool,
}

/// The part of a page that a block stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Area {
    #[default]
    Body,
    Header,
    Navigation,
    Footer,
    /// Sidebars, forms, cookie notices, dialogs.
    Aside,
}

/// A link with a target, and where its words stand.
pub(super) struct Anchor<'a> {
    pub(super) href: Cow<'a, str>,
    pub(super) text: Range<usize>,
    /// `aria-label`, `title`, or the alternative text of a picture inside.
    pub(super) label: Option<String>,
}

impl Anchor<'_> {
    /// The link's words, or its label when it has none.
    pub(super) fn words(&self, text: &str) -> String {
        let words = text.get(self.text.clone()).unwrap_or("").trim().replace('\n', " ");
        if words.is_empty() { self.label.clone().unwrap_or_default() } else { words }
    }
}
