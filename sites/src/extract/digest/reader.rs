//! The pass over a page's tokens that fills a [`Digest`].

use super::{
    super::{
        cloudflare,
        elements::{self, Element, Hints},
        html::{self, Tag, Token},
    },
    Anchor, Area, Block, Digest,
};
use std::borrow::Cow;

/// An element on the stack, and what its end tag restores.
struct Open {
    element: Element,
    area: Area,
    hidden: bool,
    /// Where reversed text began, for an element that reverses.
    reversed_from: Option<usize>,
}

/// Deeper than any honest page; what is nested deeper is read as if it stood at this depth.
const DEPTH_MAX: usize = 512;
/// Links beyond this many are not read: a page with more is a machine's.
const ANCHORS_MAX: usize = 5_000;
const METAS_MAX: usize = 200;

struct Reader<'a> {
    digest: Digest<'a>,
    open: Vec<Open>,
    area: Area,
    heading: u8,
    hidden: bool,
    /// Within an element whose text is turned round; one within it changes nothing.
    reversing: bool,
    /// Index of the anchor whose end tag has not come.
    anchor: Option<usize>,
    block_start: usize,
    linked_bytes: usize,
    continues: bool,
    /// Class names that the page's own style sheets turn round.
    reversing_classes: Vec<&'a str>,
}

/// Reads a page once.
pub(in crate::extract) fn digest(page: &str) -> Digest<'_> {
    let mut reader = Reader {
        digest: Digest { text: String::with_capacity(page.len() / 4), ..Digest::default() },
        open: Vec::with_capacity(64),
        area: Area::Body,
        heading: 0,
        hidden: false,
        reversing: false,
        anchor: None,
        block_start: 0,
        linked_bytes: 0,
        continues: false,
        reversing_classes: Vec::new(),
    };
    for token in html::tokens(page) {
        match token {
            Token::Text(text) => reader.text(text),
            Token::Start(tag) => reader.start(tag),
            Token::End(name) => reader.end(elements::element(name)),
            Token::Raw(tag, content) => reader.raw(tag, content),
        }
    }
    reader.finish()
}

impl<'a> Reader<'a> {
    fn text(&mut self, raw: &str) {
        if self.hidden {
            return;
        }
        let from = self.digest.text.len();
        let text = &mut self.digest.text;
        collapse(&html::decode(raw), self.block_start, text);
        if self.anchor.is_some() {
            self.linked_bytes += text.len() - from;
        }
    }

    /// Ends the line, if it has any text.
    fn break_line(&mut self, continues: bool) {
        let text = &mut self.digest.text;
        if text.ends_with(' ') && text.len() > self.block_start {
            text.pop();
        }
        if text.len() > self.block_start {
            self.digest.blocks.push(Block {
                text: self.block_start..text.len(),
                area: self.area,
                heading: self.heading,
                linked_bytes: self.linked_bytes,
                continues: self.continues,
            });
            text.push('\n');
            self.continues = continues;
        } else {
            self.continues &= continues;
        }
        self.block_start = self.digest.text.len();
        self.linked_bytes = 0;
    }

    fn start(&mut self, tag: Tag<'a>) {
        let element = elements::element(tag.name);
        if element.breaks_line() {
            self.break_line(element == Element::Break);
        }
        match element {
            Element::Anchor => self.start_anchor(tag),
            Element::Image => self.image(tag),
            Element::Meta => self.meta(tag),
            Element::Link | Element::Frame => self.resource(&tag, element),
            Element::Base => self.digest.base = tag.attribute("href").map(Cow::into_owned),
            Element::Html => self.digest.language = tag.attribute("lang").map(Cow::into_owned),
            Element::Heading(level) => self.heading = level,
            Element::Break | Element::Body | Element::Void | Element::Paragraph => {}
            Element::Container | Element::Section(_) | Element::Choice | Element::Inline | Element::Icon => {
                self.open_element(tag, element);
            }
        }
    }

    /// Puts an element whose end tag matters on the stack.
    fn open_element(&mut self, tag: Tag<'a>, element: Element) {
        let hints = elements::hints(&tag, element, &self.reversing_classes);
        if hints.is_phone_icon {
            self.digest.phone_icons.push(self.digest.text.len());
        }
        if let Some(address) = tag.attribute("data-cfemail").and_then(|code| cloudflare::decode(&code)) {
            self.protected(address);
            self.push(element, &Hints { is_hidden: true, ..hints });
            return;
        }
        if let Some(address) = elements::joomla_address(&tag) {
            let from = self.digest.text.len();
            self.digest.text.push_str(&address);
            self.digest.disguised.push(from..self.digest.text.len());
        }
        let is_inline = matches!(element, Element::Inline | Element::Icon);
        // Inline elements matter only where something is hidden or turned round.
        if !is_inline || hints.is_hidden || hints.is_reversed || self.hidden {
            self.push(element, &hints);
        }
    }

    fn push(&mut self, element: Element, hints: &Hints) {
        if self.open.len() >= DEPTH_MAX {
            return;
        }
        self.open.push(Open {
            element,
            area: self.area,
            hidden: self.hidden,
            reversed_from: (hints.is_reversed && !self.reversing).then_some(self.digest.text.len()),
        });
        self.hidden |= hints.is_hidden;
        self.reversing |= hints.is_reversed;
        // What stands in a footer's menu is a footer: the outermost area says what its text is.
        if let (Area::Body | Area::Header, Some(area)) = (self.area, hints.area) {
            self.area = area;
        }
    }

    fn end(&mut self, element: Element) {
        if element.breaks_line() {
            self.break_line(false);
        }
        match element {
            Element::Anchor => self.end_anchor(),
            Element::Heading(_) => self.heading = 0,
            _ => {}
        }
        // A stray end tag closes nothing; a missing one is made good by its parent's.
        let Some(depth) = self.open.iter().rposition(|open| open.element == element) else {
            return;
        };
        if matches!(element, Element::Inline | Element::Icon)
            && self.open[depth..].iter().any(|open| !matches!(open.element, Element::Inline | Element::Icon))
        {
            return;
        }
        while self.open.len() > depth {
            let Some(open) = self.open.pop() else { return };
            self.area = open.area;
            self.hidden = open.hidden;
            if let Some(from) = open.reversed_from {
                self.reversing = false;
                self.reverse(from);
            }
        }
    }

    /// Turns the text since `from` round, as the reader of the page sees it.
    fn reverse(&mut self, from: usize) {
        // A block ended in between: what was turned round is no longer one piece.
        if from < self.block_start {
            return;
        }
        let turned: String = self.digest.text[from..].chars().rev().collect();
        self.digest.text.truncate(from);
        self.digest.text.push_str(&turned);
        self.digest.disguised.push(from..self.digest.text.len());
    }

    fn start_anchor(&mut self, tag: Tag<'a>) {
        self.end_anchor();
        let Some(href) = tag.attribute("href") else {
            return;
        };
        let protected =
            tag.attribute("data-cfemail").or_else(|| cloudflare::fragment(&href).map(|code| code.to_owned().into()));
        if let Some(address) = protected.and_then(|code| cloudflare::decode(&code)) {
            self.digest.protected_emails.push(address);
        }
        if self.digest.anchors.len() >= ANCHORS_MAX {
            return;
        }
        let hints = elements::hints(&tag, Element::Anchor, &[]);
        if hints.is_phone_icon {
            self.digest.phone_icons.push(self.digest.text.len());
        }
        let at = self.digest.text.len();
        let label = tag.attribute("aria-label").or_else(|| tag.attribute("title")).map(|label| label.trim().to_owned());
        self.anchor = Some(self.digest.anchors.len());
        self.digest.anchors.push(Anchor { href, text: at..at, label: label.filter(|label| !label.is_empty()) });
    }

    fn end_anchor(&mut self) {
        if let Some(anchor) = self.anchor.take().and_then(|index| self.digest.anchors.get_mut(index)) {
            anchor.text.end = self.digest.text.len();
        }
    }

    fn protected(&mut self, address: String) {
        self.digest.text.push_str(&address);
        self.digest.protected_emails.push(address);
    }

    fn image(&mut self, tag: Tag<'a>) {
        let hints = elements::hints(&tag, Element::Image, &[]);
        if hints.is_phone_icon {
            self.digest.phone_icons.push(self.digest.text.len());
        }
        let Some(alternative) = tag.attribute("alt").filter(|alternative| !alternative.trim().is_empty()) else {
            return;
        };
        if hints.is_logo {
            self.digest.logos.push(alternative.trim().to_owned());
        }
        if let Some(anchor) = self.anchor.and_then(|index| self.digest.anchors.get_mut(index)) {
            anchor.label.get_or_insert_with(|| alternative.trim().to_owned());
        }
    }

    fn meta(&mut self, tag: Tag<'a>) {
        if self.digest.metas.len() >= METAS_MAX {
            return;
        }
        let name = ["name", "property", "itemprop", "http-equiv"].iter().find_map(|name| tag.attribute(name));
        if let (Some(name), Some(content)) = (name, tag.attribute("content")) {
            self.digest.metas.push((name.trim().to_ascii_lowercase(), content.trim().to_owned()));
        }
    }

    fn resource(&mut self, tag: &Tag<'a>, element: Element) {
        let name = if element == Element::Link { "href" } else { "src" };
        self.digest.resources.extend(tag.attribute(name));
    }

    fn raw(&mut self, tag: Tag<'a>, content: &'a str) {
        match tag.name.to_ascii_lowercase().as_str() {
            "title" if self.digest.title.is_empty() => collapse(&html::decode(content), 0, &mut self.digest.title),
            "script" => self.script(tag, content),
            "style" => self.style(content),
            "iframe" => self.resource(&tag, Element::Frame),
            "svg" if elements::hints(&tag, Element::Icon, &[]).is_phone_icon => {
                self.digest.phone_icons.push(self.digest.text.len());
            }
            _ => {}
        }
    }

    fn style(&mut self, css: &'a str) {
        const CLASSES_MAX: usize = 16;
        for class in elements::reversing_classes(css) {
            if self.reversing_classes.len() < CLASSES_MAX && !self.reversing_classes.contains(&class) {
                self.reversing_classes.push(class);
            }
        }
    }

    fn script(&mut self, tag: Tag<'a>, content: &'a str) {
        self.digest.resources.extend(tag.attribute("src"));
        let is_json_ld = tag.attribute("type").is_some_and(|kind| kind.to_ascii_lowercase().contains("ld+json"));
        let list = if is_json_ld { &mut self.digest.json_ld } else { &mut self.digest.scripts };
        if !content.trim_ascii().is_empty() {
            list.push(content);
        }
    }

    fn finish(mut self) -> Digest<'a> {
        self.break_line(false);
        self.end_anchor();
        self.digest
    }
}

/// Appends `piece` with each run of white space as one space and none at the start of a line; invisible characters go.
fn collapse(piece: &str, line_start: usize, text: &mut String) {
    for character in piece.chars() {
        match character {
            ' ' | '\t' | '\n' | '\r' | '\u{c}' | '\u{a0}' | '\u{2002}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => {
                if text.len() > line_start && !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            '\0'..='\u{1f}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{feff}' => {}
            _ => text.push(character),
        }
    }
}
