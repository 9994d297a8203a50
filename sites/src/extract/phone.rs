//! Phone numbers of a page: found by how they are written or introduced, then checked against the numbering plans.

mod plan;
mod text;

use std::borrow::Cow;

use super::{
    digest::Digest,
    email::percent_decode,
    findings::{FoundPhone, PhoneSource, Region},
    json_ld::JsonLd,
};
pub(super) use plan::to_e164;

/// Digits of a number: the shortest national ones, and the limit of E.164 with two digits to dial abroad.
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 15 + 2;
/// A page with more numbers is a directory or a spreadsheet.
const PHONES_MAX: usize = 60;

/// A number as a page has it.
struct Written {
    /// Its digits, with a leading plus where it has one.
    digits: String,
    how: PhoneSource,
    is_fax: bool,
    /// Nothing on the page calls it a phone number: it must prove to be one.
    is_unnamed: bool,
}

/// The numbers on a page, each once, and the country that most of those in international form belong to. Numbers without
/// a country code are taken to be of that country, else of the one the page's other `evidence` points at, else of `hint`.
pub(super) fn phones(
    digest: &Digest<'_>,
    json_ld: &JsonLd,
    evidence: Option<Region>,
    hint: Region,
) -> (Vec<FoundPhone>, Option<Region>) {
    let written = written(digest, json_ld);
    let abroad = written.iter().filter(|number| plan::is_international(&number.digits));
    let spoken = commonest(abroad.filter_map(|number| plan::region_of(&number.digits)));
    let regions: Vec<Region> = [spoken, evidence, Some(hint)].into_iter().flatten().collect();
    let mut phones: Vec<FoundPhone> = Vec::new();
    for Written { digits, how, is_fax, is_unnamed } in written {
        let e164 = to_e164(&digits, how, &regions);
        // What is written in international form claims to be checkable; a false one is a typing error or a template's.
        let is_false = e164.is_none() && (digits.starts_with('+') || is_unnamed);
        let phone = FoundPhone { e164, digits, how, is_fax };
        if let Some(known) = phones.iter_mut().find(|known| is_same(known, &phone)) {
            known.is_fax &= is_fax;
        } else if !is_false && phones.len() < PHONES_MAX {
            phones.push(phone);
        }
    }
    (phones, spoken)
}

/// The plausible numbers of a page, clearest sources first.
fn written(digest: &Digest<'_>, json_ld: &JsonLd) -> Vec<Written> {
    let clear = |number: &str, how| Written { digits: digits_of(number), how, is_fax: false, is_unnamed: false };
    let links = digest.anchors.iter().filter_map(|anchor| linked(&anchor.href));
    let links = links.map(|(number, how)| clear(&number, how));
    let structured = json_ld.phones.iter().map(|number| clear(number, PhoneSource::JsonLd));
    let texts = text::numbers(&digest.text, &digest.phone_icons).into_iter().map(|found| Written {
        digits: digits_of(found.number),
        how: PhoneSource::Text,
        is_fax: found.named == Some(text::Word::Fax),
        is_unnamed: found.named.is_none(),
    });
    let all = links.chain(structured).chain(texts);
    all.filter(|number| is_plausible(&number.digits)).collect()
}

/// The commonest of `regions`; of equals, the first.
pub(super) fn commonest(regions: impl Iterator<Item = Region>) -> Option<Region> {
    let mut counts: Vec<(Region, u32)> = Vec::new();
    for region in regions {
        match counts.iter_mut().find(|(known, _)| *known == region) {
            Some((_, count)) => *count += 1,
            None => counts.push((region, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(region, _)| region)
}

/// Whether two findings are one number: the same in E.164, or one the end of the other.
pub(super) fn is_same(a: &FoundPhone, b: &FoundPhone) -> bool {
    match (&a.e164, &b.e164) {
        (Some(a), Some(b)) => a == b,
        _ => ends_alike(a.e164.as_ref().unwrap_or(&a.digits), b.e164.as_ref().unwrap_or(&b.digits)),
    }
}

/// Whether the shorter number, without its trunk zero, ends the longer one.
pub(super) fn ends_alike(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_start_matches(['+', '0']), b.trim_start_matches(['+', '0']));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    // Below seven digits, numbers of different people end alike.
    if short.len() < DIGITS_MIN { short == long } else { long.ends_with(short) }
}

/// The number that a link dials or chats with.
fn linked(href: &str) -> Option<(String, PhoneSource)> {
    let href = href.trim();
    let scheme_end = href.bytes().take(12).position(|byte| byte == b':')?;
    let (scheme, rest) = (href[..scheme_end].to_ascii_lowercase(), &href[scheme_end + 1..]);
    match scheme.as_str() {
        "tel" | "callto" | "phone" => Some((percent_decode(rest), PhoneSource::Tel)),
        "whatsapp" | "http" | "https" => chat(rest).map(|number| (percent_decode(number), PhoneSource::WhatsApp)),
        _ => None,
    }
}

/// The number in `//wa.me/6512345678` or `//api.whatsapp.com/send?phone=6512345678`.
fn chat(target: &str) -> Option<&str> {
    let target = target.trim_start_matches('/').trim_start_matches("www.");
    if let Some(path) = target.strip_prefix("wa.me/") {
        return path.split(['?', '/', '#']).next();
    }
    let host = target.split(['/', '?']).next()?;
    let is_chat = matches!(host, "api.whatsapp.com" | "web.whatsapp.com" | "send");
    let (_, number) = target.split_once("phone=").filter(|_| is_chat)?;
    number.split('&').next()
}

/// The digits of a written number, with a leading plus where it has one.
fn digits_of(written: &str) -> String {
    let written = written.split([';', ',']).next().unwrap_or(written).trim();
    // "(0)" is the trunk prefix for callers within the country.
    let written = match written.starts_with('+') {
        true => Cow::Owned(written.replacen("(0)", "", 1)),
        false => Cow::Borrowed(written),
    };
    // An extension is no part of the number.
    let first_digit = written.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let extension = written[first_digit..].find(|c: char| c.is_ascii_alphabetic());
    let number = &written[..extension.map_or(written.len(), |at| first_digit + at)];
    let number = number.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '+');
    let digits = number.chars().filter(char::is_ascii_digit);
    number.starts_with('+').then_some('+').into_iter().chain(digits).collect()
}

/// Whether the digits can be a number that somebody answers: neither too few nor too many nor made up.
fn is_plausible(digits: &str) -> bool {
    let digits = digits.trim_start_matches('+');
    if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) {
        return false;
    }
    let tail = &digits.as_bytes()[digits.len() - DIGITS_MIN..];
    let is_template = ["1234567", "12345678", "123456789", "1234567890"].iter().any(|run| digits.ends_with(run));
    !is_template && tail.iter().any(|byte| *byte != tail[0])
}

#[cfg(test)]
mod tests;
