//! Reads HTML as a stream of tokens, forgivingly and in time linear in its length.
//!
//! A tree builder spends time proportional to nesting depth on every tag and can be made quadratic by a hostile page.
//! Extraction needs no tree, so it reads tokens, in the manner of the HTML standard's tokenizer
//! (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>). Nothing is copied until it is used.

use std::borrow::Cow;

use memchr::{memchr, memchr3, memmem};

/// One piece of a page, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Start(Tag<'a>),
    /// An end tag, by its name as written.
    End(&'a str),
    /// Text with its character references still encoded.
    Text(&'a str),
    /// An element whose content is not markup (script, style, title, textarea ...), with that content as written.
    Raw(Tag<'a>, &'a str),
}

/// A start tag: its name and its attributes as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    attributes: &'a str,
}

/// Elements whose content is text up to their own end tag. (For pictures in SVG that is not the standard's way, but
/// nothing in them is read.)
const RAW_ELEMENTS: [&str; 9] = ["script", "style", "title", "textarea", "iframe", "noframes", "noembed", "xmp", "svg"];

/// The tokens of `html`.
pub(super) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    /// Raw elements known to have no end tag ahead, so that each is searched for only once (a bit per [`RAW_ELEMENTS`]).
    unclosed: u16,
}

pub(super) fn tokens(html: &str) -> Tokens<'_> {
    Tokens { html, at: 0, unclosed: 0 }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.html.as_bytes();
        loop {
            let rest = self.html.get(self.at..).filter(|rest| !rest.is_empty())?;
            if bytes[self.at] != b'<' {
                return Some(self.text(memchr(b'<', rest.as_bytes()).unwrap_or(rest.len())));
            }
            match bytes.get(self.at + 1) {
                Some(b'!' | b'?') => self.skip_comment(rest),
                Some(b'/') if bytes.get(self.at + 2).is_some_and(u8::is_ascii_alphabetic) => {
                    return Some(self.end_tag());
                }
                Some(b'/') => self.at = after(self.html, self.at, memchr(b'>', rest.as_bytes()), 1),
                Some(byte) if byte.is_ascii_alphabetic() => return self.start_tag(),
                // A lone "<" is text, together with what follows it.
                _ => {
                    return Some(self.text(1 + memchr(b'<', &rest.as_bytes()[1..]).unwrap_or(rest.len() - 1)));
                }
            }
        }
    }
}

impl<'a> Tokens<'a> {
    fn text(&mut self, length: usize) -> Token<'a> {
        let text = &self.html[self.at..self.at + length];
        self.at += length;
        Token::Text(text)
    }

    /// Comments, doctype, CDATA and processing instructions.
    fn skip_comment(&mut self, rest: &str) {
        let (end, length) = if rest.starts_with("<!--") {
            // "<!-->" is a whole comment, so the search starts at the dashes of its beginning.
            (memmem::find(&rest.as_bytes()[2..], b"-->").map(|end| end + 2), 3)
        } else {
            (memchr(b'>', rest.as_bytes()), 1)
        };
        self.at = after(self.html, self.at, end, length);
    }

    fn end_tag(&mut self) -> Token<'a> {
        let name = name_at(self.html, self.at + 2);
        self.at = after(self.html, self.at, memchr(b'>', &self.html.as_bytes()[self.at..]), 1);
        Token::End(name)
    }

    /// A start tag, or nothing more when the page ends inside it.
    fn start_tag(&mut self) -> Option<Token<'a>> {
        let name = name_at(self.html, self.at + 1);
        let attributes_start = self.at + 1 + name.len();
        let Some(end) = tag_end(self.html.as_bytes(), attributes_start) else {
            self.at = self.html.len();
            return None;
        };
        let tag = Tag { name, attributes: &self.html[attributes_start..end] };
        self.at = end + 1;
        let Some(index) = RAW_ELEMENTS.iter().position(|raw| name.eq_ignore_ascii_case(raw)) else {
            return Some(Token::Start(tag));
        };
        Some(self.raw(tag, index))
    }

    fn raw(&mut self, tag: Tag<'a>, index: usize) -> Token<'a> {
        let is_svg = RAW_ELEMENTS[index] == "svg";
        if self.unclosed & (1 << index) != 0 || (is_svg && tag.attributes.ends_with('/')) {
            return Token::Start(tag);
        }
        let Some(length) = raw_length(&self.html[self.at..], RAW_ELEMENTS[index]) else {
            // Browsers would swallow the rest of the page; taking the element as empty loses less.
            self.unclosed |= 1 << index;
            return Token::Start(tag);
        };
        let content = &self.html[self.at..self.at + length];
        let end = self.at + length;
        self.at = after(self.html, end, memchr(b'>', &self.html.as_bytes()[end..]), 1);
        Token::Raw(tag, content)
    }
}

/// The offset behind something found `length` long at `found` bytes from `from`, or the end of the page.
fn after(html: &str, from: usize, found: Option<usize>, length: usize) -> usize {
    found.map_or(html.len(), |found| from + found + length)
}

fn name_at(html: &str, start: usize) -> &str {
    let rest = &html[start..];
    let end = rest.bytes().position(|byte| byte.is_ascii_whitespace() || byte == b'/' || byte == b'>' || byte == b'<');
    &rest[..end.unwrap_or(rest.len())]
}

/// Where the tag whose attributes start at `from` has its closing `>`. A quote opens a value only behind an equals sign.
fn tag_end(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let found = from + memchr3(b'>', b'"', b'\'', &bytes[from..])?;
        if bytes[found] == b'>' {
            return Some(found);
        }
        let before = bytes[from..found].iter().rev().find(|byte| !byte.is_ascii_whitespace());
        from = if before == Some(&b'=') { found + 2 + memchr(bytes[found], &bytes[found + 1..])? } else { found + 1 };
    }
}

/// How many bytes come before the end tag of the raw element `name`.
fn raw_length(rest: &str, name: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    memmem::find_iter(bytes, b"</").find(|&at| {
        let end = at + 2 + name.len();
        bytes.get(at + 2..end).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            && bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')
    })
}

impl<'a> Tag<'a> {
    /// Name and value of each attribute, as written and in order.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }

    /// The decoded value of the first attribute called `name` (lower case).
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        self.attributes().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| decode_value(value))
    }
}

pub(super) struct Attributes<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        // A name has at least one character, even when that is "=".
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest.bytes().skip(first).position(|byte| byte.is_ascii_whitespace() || byte == b'=' || byte == b'/');
        let (name, rest) = rest.split_at(end.map_or(rest.len(), |end| end + first));
        let Some(value) = rest.trim_ascii_start().strip_prefix('=') else {
            self.rest = rest;
            return Some((name, ""));
        };
        let value = value.trim_ascii_start();
        let (value, rest) = match value.as_bytes().first() {
            Some(&quote @ (b'"' | b'\'')) => {
                let inner = &value[1..];
                let end = memchr(quote, inner.as_bytes()).unwrap_or(inner.len());
                (&inner[..end], inner.get(end + 1..).unwrap_or(""))
            }
            _ => value.split_at(value.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        self.rest = rest;
        Some((name, value))
    }
}

/// Text with its character references (`&amp;`, `&#64;`, `&commat;`, `&copy`) decoded.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    decode_with(text, legacy_reference)
}

/// An attribute's value decoded: unlike in text, a name needs its semicolon, or `?a=1&copy=2` would lose its parameter.
pub(super) fn decode_value(text: &str) -> Cow<'_, str> {
    decode_with(text, |_| None)
}

fn decode_with(text: &str, without_semicolon: fn(&str) -> Option<(char, usize)>) -> Cow<'_, str> {
    if memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let reference = match rest.strip_prefix('#') {
            Some(number) => numeric_reference(number).map(|(character, length)| (character, length + 1)),
            None => named_reference(rest).or_else(|| without_semicolon(rest)),
        };
        decoded.push(reference.map_or('&', |(character, _)| character));
        rest = &rest[reference.map_or(0, |(_, length)| length)..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The character that a reference by name with a semicolon stands for, and its length behind the `&`.
/// The few names that stand for two characters give the first.
fn named_reference(rest: &str) -> Option<(char, usize)> {
    /// Longest name in the standard's table.
    const NAME_BYTES_MAX: usize = 31;
    let length = rest.bytes().take(NAME_BYTES_MAX + 1).position(|byte| !byte.is_ascii_alphanumeric())?;
    let name = rest.get(..length + 1).filter(|name| name.ends_with(';'))?;
    named(name).map(|character| (character, name.len()))
}

/// The longest of the old names that need no semicolon (`&copy2024`).
fn legacy_reference(rest: &str) -> Option<(char, usize)> {
    const LEGACY_BYTES_MAX: usize = 6;
    (2..=LEGACY_BYTES_MAX).rev().find_map(|length| Some((named(rest.get(..length)?)?, length)))
}

fn named(name: &str) -> Option<char> {
    let (character, _) = *web_atoms::NAMED_ENTITIES.get(name)?;
    // The table holds prefixes of names too, which stand for nothing.
    char::from_u32(character).filter(|character| *character != '\0')
}

fn numeric_reference(number: &str) -> Option<(char, usize)> {
    let (digits, radix, prefix) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16, 1),
        None => (number, 10, 0),
    };
    let length = digits.bytes().position(|byte| !(byte as char).is_digit(radix)).unwrap_or(digits.len());
    let code = u32::from_str_radix(digits.get(..length).filter(|digits| !digits.is_empty())?, radix);
    let character = match code {
        // The C1 range means Windows-1252, as the standard says.
        Ok(code @ 0x80..=0x9f) => web_atoms::C1_REPLACEMENTS[(code - 0x80) as usize].unwrap_or('\u{fffd}'),
        Ok(code) if code != 0 => char::from_u32(code).unwrap_or('\u{fffd}'),
        _ => '\u{fffd}',
    };
    let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
    Some((character, prefix + length + semicolon))
}

#[cfg(test)]
mod tests;
