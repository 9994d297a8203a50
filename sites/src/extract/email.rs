//! Business e-mail addresses of a page, however they are written.

mod obfuscated;

use memchr::memchr_iter;

use super::{
    digest::Digest,
    email_filter,
    findings::{EmailSource, FoundEmail},
    json_ld::JsonLd,
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
    for disguised in &digest.disguised {
        in_text(&digest.text[disguised.clone()], &mut |address| found.add(address, EmailSource::Obfuscated));
    }
    in_text(&digest.text, &mut |address| found.add(address, EmailSource::Text));
    for (_, content) in &digest.metas {
        in_text(content, &mut |address| found.add(address, EmailSource::Text));
    }
    for (local, domain) in obfuscated::in_text(&digest.text) {
        found.add(&format!("{local}@{domain}"), EmailSource::Obfuscated);
    }
    for script in &digest.scripts {
        for (local, domain) in obfuscated::in_script(script) {
            found.add(&format!("{local}@{domain}"), EmailSource::Obfuscated);
        }
    }
    found.without_glued()
}

/// Every address that stands in a text, hidden ones (`name [at] kopi [dot] sg`) included, whoever's it is.
pub fn addresses_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    in_text(text, &mut |address| found.extend(clean(address)));
    found.extend(
        obfuscated::in_text(text).into_iter().filter_map(|(local, domain)| clean(&format!("{local}@{domain}"))),
    );
    found
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

impl Found<'_> {
    /// The addresses without those that are another of the page's with a number stuck to its beginning.
    fn without_glued(self) -> Vec<FoundEmail> {
        let is_glued = |email: &FoundEmail| {
            email.how == EmailSource::Text
                && self.emails.iter().any(|other| {
                    let stuck = email.address.strip_suffix(&other.address);
                    stuck.is_some_and(|stuck| {
                        stuck.len() >= DIGITS_MIN && stuck.bytes().all(|byte| byte.is_ascii_digit())
                    })
                })
        };
        let (_, emails): (Vec<_>, Vec<_>) = self.emails.iter().cloned().partition(is_glued);
        emails
    }
}

/// Digits that are a phone number in front of an address.
const DIGITS_MIN: usize = 7;

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
    let local = local.to_ascii_lowercase();
    (is_sound && has_public_suffix(&domain)).then(|| format!("{}@{domain}", cut_label(&local)))
}

/// `emailhello@...` and `WhatsAppinfo@...`: the word before the address lost the space behind it.
fn cut_label(local: &str) -> &str {
    const LABELS: [&str; 6] = ["e-mail", "email", "mail", "whatsapp", "phone", "tel"];
    let rest = LABELS.iter().find_map(|label| local.strip_prefix(label));
    rest.filter(|rest| email_filter::is_role(rest)).unwrap_or(local)
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

#[cfg(test)]
mod tests;
