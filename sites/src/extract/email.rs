//! Business e-mail addresses of a page, however they are written.

use std::sync::LazyLock;

use memchr::memchr_iter;
use regex::Regex;

use super::{
    digest::Digest,
    email_filter,
    findings::{EmailSource, FoundEmail},
    json_ld::JsonLd,
    pattern::compile,
};

/// The addresses on a page, each once. `site` is the registrable domain the page stands on.
pub(super) fn emails(digest: &Digest<'_>, json_ld: &JsonLd, site: &str) -> Vec<FoundEmail> {
    let mut found = Found { site, emails: Vec::new() };
    for anchor in &digest.anchors {
        for address in mailto_addresses(&anchor.href) {
            found.add(&address, EmailSource::Mailto);
        }
    }
    // `<link rev="made" href="mailto:...">` names the author of old pages.
    for address in digest.resources.iter().flat_map(|resource| mailto_addresses(resource)) {
        found.add(&address, EmailSource::Mailto);
    }
    for address in &json_ld.emails {
        found.add(address, EmailSource::JsonLd);
    }
    for address in &digest.protected_emails {
        found.add(address, EmailSource::Cloudflare);
    }
    for turned in &digest.reversed {
        in_text(&digest.text[turned.clone()], &mut |address| found.add(address, EmailSource::Obfuscated));
    }
    in_text(&digest.text, &mut |address| found.add(address, EmailSource::Text));
    for (_, content) in &digest.metas {
        in_text(content, &mut |address| found.add(address, EmailSource::Text));
    }
    for (local, domain) in obfuscated(&digest.text) {
        found.add(&format!("{local}@{domain}"), EmailSource::Obfuscated);
    }
    for script in &digest.scripts {
        for (local, domain) in concatenated(script) {
            found.add(&format!("{local}@{domain}"), EmailSource::Obfuscated);
        }
    }
    found.emails
}

struct Found<'a> {
    site: &'a str,
    emails: Vec<FoundEmail>,
}

impl Found<'_> {
    /// Adds a written address if it is a real one; of several ways it is written, the first listed source stays.
    fn add(&mut self, written: &str, how: EmailSource) {
        /// A page with more addresses is a directory; nobody reads on.
        const EMAILS_MAX: usize = 200;
        let Some(address) = clean(written) else {
            return;
        };
        let is_known = self.emails.iter().any(|email| email.address == address);
        if !is_known && self.emails.len() < EMAILS_MAX && email_filter::is_business(&address, self.site) {
            self.emails.push(FoundEmail { address, how, name: None, role_title: None });
        }
    }
}

/// The addresses in a `mailto:` link, also where someone wrote `http://mailto:`.
fn mailto_addresses(href: &str) -> Vec<String> {
    const SCHEME: &[u8] = b"mailto:";
    let at = href.as_bytes().windows(SCHEME.len()).take(16).position(|window| window.eq_ignore_ascii_case(SCHEME));
    let Some(at) = at else { return Vec::new() };
    let target = percent_decode(&href[at + SCHEME.len()..]);
    let mut addresses = Vec::new();
    in_text(target.split('?').next().unwrap_or_default(), &mut |address| addresses.push(address.to_owned()));
    addresses
}

/// `%40` and its like, as UTF-8; what is no escape stays.
pub(super) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let escape = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                at += 3;
            }
            None => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Calls `found` with what stands around each `@` and may be an address.
fn in_text(text: &str, found: &mut impl FnMut(&str)) {
    /// Lengths from RFC 5321 section 4.5.3.1, which also bound the search on either side.
    const LOCAL_BYTES_MAX: usize = 64;
    const DOMAIN_BYTES_MAX: usize = 253;
    let bytes = text.as_bytes();
    for at in memchr_iter(b'@', bytes) {
        let local = bytes[..at].iter().rev().take(LOCAL_BYTES_MAX + 1).take_while(|byte| is_local(**byte)).count();
        let domain = bytes[at + 1..].iter().take(DOMAIN_BYTES_MAX + 1).take_while(|byte| is_domain(**byte)).count();
        if local > 0 && domain > 0 {
            found(&text[at - local..at + 1 + domain]);
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'&')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

/// The address in lower case without what was stuck to it, or nothing if it is none: its domain must end in a public suffix.
pub(super) fn clean(written: &str) -> Option<String> {
    let (local, domain) = written.trim().rsplit_once('@')?;
    let local =
        local.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_').trim_end_matches(['.', '\'', '&']);
    let domain = cut_at_case_change(domain.trim_matches(['.', '-']));
    let is_sound = !local.is_empty()
        && local.len() <= 64
        && domain.len() <= 253
        && local.bytes().all(is_local)
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(is_domain));
    let domain = domain.to_ascii_lowercase();
    (is_sound && has_public_suffix(&domain)).then(|| format!("{}@{domain}", local.to_ascii_lowercase()))
}

/// `kopi.comTel` is two words that lost the space between them.
fn cut_at_case_change(domain: &str) -> &str {
    let last = domain.rfind('.').map_or(0, |dot| dot + 1);
    let bytes = domain.as_bytes();
    let change =
        (last + 2..bytes.len()).find(|&at| bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase());
    &domain[..change.unwrap_or(domain.len())]
}

/// Whether mail can be sent there as far as names go. `.example` is reserved for documentation (RFC 2606) and let through.
fn has_public_suffix(domain: &str) -> bool {
    let is_known = psl::suffix(domain.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() < domain.len());
    is_known || domain.ends_with(".example")
}

/// Local part and domain of addresses whose `@` or dots are written as words.
fn obfuscated(text: &str) -> Vec<(String, String)> {
    /// `name [at] domain [dot] com`, `name(at)domain.com`, `name {@} domain.com`.
    static BRACKETED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)([a-z0-9][a-z0-9._+-]{0,63}(?:\s*[\[({]\s*dot\s*[\])}]\s*[a-z0-9]+)?)\s*[\[({<]\s*(?:at|@|ät|arroba)\s*[\])}>]\s*([a-z0-9-]+(?:(?:\s*[\[({<]\s*(?:dot|punkt|\.)\s*[\])}>]\s*|\s+dot\s+|\s?\.\s?)[a-z0-9-]+){1,4})",
        )
    });
    /// `name at domain dot com`, which needs both words: "at" alone is English.
    static SPELLED: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)(?-u:\b)([a-z0-9][a-z0-9._+-]{0,63})\s+(?:at|@)\s+([a-z0-9-]+(?:\s+dot\s+[a-z0-9-]+){1,3})(?-u:\b)",
        )
    });
    static MARK: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i)[\[({<]\s?(?:at|@|ät|arroba)\s?[\])}>]|\sdot\s|\s@\s"));
    let mut found = Vec::new();
    if !MARK.is_match(text) {
        return found;
    }
    for pattern in [&*BRACKETED, &*SPELLED] {
        for captures in pattern.captures_iter(text) {
            found.push((joined(&captures[1]), joined(&captures[2])));
        }
    }
    found.extend(spaced(text));
    found
}

/// The parts of an address with every written-out dot made a dot.
fn joined(part: &str) -> String {
    let mut joined = String::with_capacity(part.len());
    for word in part.split(|c: char| c.is_whitespace() || "[](){}<>".contains(c)).filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case("dot") || word.eq_ignore_ascii_case("punkt") {
            joined.push('.');
        } else {
            joined.push_str(word);
        }
    }
    joined
}

/// `info @ kopi.example`. "Lunch @ kopi.example" looks the same, so the local part must be one that offices use.
fn spaced(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(" @ ") {
        let local = text[..at].rsplit(|c: char| !c.is_ascii() || !is_local(c as u8)).next().unwrap_or_default();
        let domain = text[at + 3..].split(|c: char| !c.is_ascii() || !is_domain(c as u8)).next().unwrap_or_default();
        if local.len() <= 64 && email_filter::is_role(&local.to_ascii_lowercase()) {
            found.push((local.to_owned(), domain.to_owned()));
        }
    }
    found
}

/// Addresses that a script puts together: `'info' + '@' + 'kopi.example'`.
fn concatenated(script: &str) -> Vec<(String, String)> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r#"["'](?:mailto:)?([A-Za-z0-9._+-]{1,64})["']\s*\+\s*["'](?:@|&#64;|%40)["']\s*\+\s*["']([A-Za-z0-9.-]{1,253})["']"#,
        )
    });
    if !script.contains('@') && !script.contains("&#64;") && !script.contains("%40") {
        return Vec::new();
    }
    PATTERN.captures_iter(script).map(|captures| (captures[1].to_owned(), captures[2].to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::extract::{Region, page};

    fn addresses(html: &str) -> Vec<(String, EmailSource)> {
        let url = Url::parse("https://kopi.example/contact").unwrap();
        page(html, &url, Region::SINGAPORE).emails.into_iter().map(|email| (email.address, email.how)).collect()
    }

    fn one(address: &str, how: EmailSource) -> Vec<(String, EmailSource)> {
        vec![(address.to_owned(), how)]
    }

    #[test]
    fn plain_text_and_links_are_read_once_per_address() {
        let html = r#"<p>Write to Info@Kopi.example.</p><a href="MAILTO:%20info@kopi.example?subject=Hi">mail</a>"#;
        assert_eq!(addresses(html), one("info@kopi.example", EmailSource::Mailto));
    }

    #[test]
    fn common_obfuscations_are_read() {
        for html in [
            "sales [at] kopi [dot] example",
            "sales(at)kopi.example",
            "sales {AT} kopi {DOT} example",
            "sales at kopi dot example",
            "sales @ kopi.example",
            "<script>document.write('sales' + '@' + 'kopi.example')</script>",
            r#"<span style="unicode-bidi:bidi-override; direction: rtl">elpmaxe.ipok@selas</span>"#,
            r#"<style>.m { unicode-bidi: bidi-override; direction: rtl }</style><p><b class="m">elpmaxe.ipok@selas</b></p>"#,
        ] {
            assert_eq!(addresses(html), one("sales@kopi.example", EmailSource::Obfuscated), "{html}");
        }
    }

    #[test]
    fn entities_inline_tags_and_hidden_decoys_do_not_disturb() {
        for html in [
            "<p>sales&#64;kopi.example</p>",
            "<p>sales&commat;kopi&period;example</p>",
            "<p>sales<span>@</span>kopi.example</p>",
            r#"<p>sales@<span style="display:none">nospam</span>kopi.example</p>"#,
            "<p>sales\u{200b}@kopi.example</p>",
        ] {
            assert_eq!(addresses(html), one("sales@kopi.example", EmailSource::Text), "{html}");
        }
    }

    #[test]
    fn cloudflare_protection_is_undone() {
        let code: String = std::iter::once(7)
            .chain("tan@kopi.example".bytes().map(|byte| byte ^ 7))
            .map(|byte| format!("{byte:02x}"))
            .collect();
        for html in [
            format!(
                r#"<a href="/cdn-cgi/l/email-protection" class="__cf_email__" data-cfemail="{code}">[email&#160;protected]</a>"#
            ),
            format!(r#"<span class="__cf_email__" data-cfemail="{code}">[email protected]</span>"#),
            format!(r#"<a href="/cdn-cgi/l/email-protection#{code}">Mail us</a>"#),
        ] {
            assert_eq!(addresses(&html), one("tan@kopi.example", EmailSource::Cloudflare), "{html}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_left() {
        for html in [
            r#"<p>logo@2x.png jquery@3.6.0 bootstrap@5.3.0/dist vue@2.6.min.js</p>"#,
            "<p>you@example.com your.name@gmail.com name@domain.com</p>",
            r#"<input placeholder="sales@kopi.example">"#,
            "<p>Meet us @ the fair at Kopi. Dot your i's.</p>",
            "<p>@kopi kopi@ @@ a@b .@. medium.com/@kopi</p>",
        ] {
            assert_eq!(addresses(html), Vec::new(), "{html}");
        }
    }

    #[test]
    fn words_stuck_to_an_address_are_cut_off() {
        assert_eq!(clean("info@kopi.com.sgTel").as_deref(), Some("info@kopi.com.sg"));
        assert_eq!(clean("-info@kopi.com.").as_deref(), Some("info@kopi.com"));
    }
}
