//! Path patterns: RFC 9309, 2.2.2 and 2.2.3.

use url::Url;

/// A path pattern in normal form. `*` matches anything, a final `$` the end; otherwise it is a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Vec<u8>>,
    anchored: bool,
    length: usize,
}

impl Pattern {
    /// Reads a rule's value. An empty value is no pattern: it matches nothing.
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        let (body, anchored) = match value.strip_suffix(b"$") {
            Some(body) => (body, true),
            None => (value, false),
        };
        let mut parts: Vec<Vec<u8>> = body.split(|byte| *byte == b'*').map(normalise).collect();
        // A path starts with a slash; `Disallow: private` can only mean `/private`.
        if let Some(first) = parts.first_mut()
            && !first.is_empty()
            && first[0] != b'/'
        {
            first.insert(0, b'/');
        }
        let wildcards = parts.len() - 1;
        let length = parts.iter().map(Vec::len).sum::<usize>() + wildcards + usize::from(anchored);
        Some(Self { parts, anchored, length })
    }

    /// Octets of the pattern: the most octets win (RFC 9309, 2.2.2).
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether the pattern matches a path in normal form, see [`path_of`].
    pub fn matches(&self, path: &[u8]) -> bool {
        let (first, others) = match self.parts.split_first() {
            Some(split) => split,
            None => return false,
        };
        let Some(mut rest) = path.strip_prefix(first.as_slice()) else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return !self.anchored || rest.is_empty();
        };
        // Taking the first occurrence of each part leaves the longest remainder for the parts after it.
        for part in middle {
            match find(rest, part) {
                Some(start) => rest = &rest[start + part.len()..],
                None => return false,
            }
        }
        if self.anchored { rest.ends_with(last) } else { find(rest, last).is_some() }
    }
}

/// The part of a URL that rules speak about, path and query, in the same normal form as patterns.
pub(super) fn path_of(url: &Url) -> Vec<u8> {
    let mut path = url.path().as_bytes().to_vec();
    if let Some(query) = url.query() {
        path.push(b'?');
        path.extend_from_slice(query.as_bytes());
    }
    normalise(&path)
}

/// Octets that stand for themselves are written plainly, all others as `%XX`, so that both sides compare octet by
/// octet. A literal `*` or `$` becomes `%2A` or `%24`, which is how a pattern spells it.
fn normalise(text: &[u8]) -> Vec<u8> {
    let mut normal = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (octet, written, width) = match escaped(&text[at..]) {
            Some(octet) => (octet, is_unreserved(octet), 3),
            None => (text[at], text[at].is_ascii_graphic() && !matches!(text[at], b'*' | b'$'), 1),
        };
        if written {
            normal.push(octet);
        } else {
            normal.extend_from_slice(format!("%{octet:02X}").as_bytes());
        }
        at += width;
    }
    normal
}

/// The octet that a leading `%XX` stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// RFC 3986, 2.3: escaping these changes nothing.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    text.windows(part.len()).position(|window| window == part)
}
