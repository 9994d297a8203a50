//! The lines of a robots.txt: which directive, which value, at which line number.

/// What a line says. Anything else (comments, unknown directives, noise) is not a line to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
}

/// One directive with its value, comments and outer blanks removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Counted from 1, as an editor does.
    pub number: usize,
    pub directive: Directive,
    pub value: &'a [u8],
    /// Directive and value as written.
    pub text: &'a [u8],
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The directives of a file in order. Lines end in LF, CR or CRLF.
pub(super) fn lines(file: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let file = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    physical_lines(file).enumerate().filter_map(|(index, raw)| directive(index + 1, raw))
}

fn physical_lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(file);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let terminator = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&text[end + terminator..]);
        Some(&text[..end])
    })
}

fn directive(number: usize, raw: &[u8]) -> Option<Line<'_>> {
    let text = raw.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
    let (key, value) = key_and_value(text)?;
    let directive = match key.to_ascii_lowercase().as_slice() {
        b"user-agent" | b"useragent" | b"user agent" => Directive::UserAgent,
        b"allow" => Directive::Allow,
        // Misspellings that sites are known to write; their wish is plain.
        b"disallow" | b"dissallow" | b"dissalow" | b"disalow" | b"diasllow" | b"disallaw" => Directive::Disallow,
        b"crawl-delay" | b"crawldelay" => Directive::CrawlDelay,
        b"sitemap" | b"site-map" => Directive::Sitemap,
        _ => return None,
    };
    Some(Line { number, directive, value, text })
}

/// Splits at the colon; a line of exactly two words without one (`Disallow /private`) is read as if it had it.
fn key_and_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(colon) = text.iter().position(|byte| *byte == b':') {
        return Some((text[..colon].trim_ascii(), text[colon + 1..].trim_ascii()));
    }
    let blank = text.iter().position(u8::is_ascii_whitespace)?;
    let value = text[blank..].trim_ascii();
    (!value.iter().any(u8::is_ascii_whitespace)).then_some((&text[..blank], value))
}
