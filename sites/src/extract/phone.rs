//! Phone numbers of a page: found by how they are written or introduced, then checked against the numbering plans.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, sync::LazyLock};

use regex::Regex;

use super::{
    digest::Digest,
    email::percent_decode,
    findings::{FoundPhone, PhoneSource, Region},
    json_ld::JsonLd,
    pattern::compile,
};

/// Digits of a number: the shortest national ones, and the limit of E.164.
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 15;
/// A page with more numbers is a directory or a spreadsheet.
const PHONES_MAX: usize = 60;

/// The numbers on a page, each once, and the country that most of those in international form belong to. Numbers without
/// a country code are taken to be of that country, else of the one the page's other `evidence` points at, else of `hint`.
pub(super) fn phones(
    digest: &Digest<'_>,
    json_ld: &JsonLd,
    evidence: Option<Region>,
    hint: Region,
) -> (Vec<FoundPhone>, Option<Region>) {
    let written = written(digest, json_ld);
    let spoken = commonest(
        written
            .iter()
            .filter(|(digits, _)| is_international(digits))
            .filter_map(|(digits, _)| region_of(digits)),
    );
    let regions: Vec<Region> = [spoken, evidence, Some(hint)]
        .into_iter()
        .flatten()
        .collect();
    let mut phones: Vec<FoundPhone> = Vec::new();
    for (digits, how) in written {
        let e164 = to_e164(&digits, how, &regions);
        // What is written in international form claims to be checkable; in text, a false one is some other number.
        let is_false = e164.is_none() && how == PhoneSource::Text && digits.starts_with('+');
        let phone = FoundPhone { e164, digits, how };
        if !is_false
            && phones.len() < PHONES_MAX
            && !phones.iter().any(|known| is_same(known, &phone))
        {
            phones.push(phone);
        }
    }
    (phones, spoken)
}

/// The plausible numbers of a page as digits, clearest sources first.
fn written(digest: &Digest<'_>, json_ld: &JsonLd) -> Vec<(String, PhoneSource)> {
    let linked = digest
        .anchors
        .iter()
        .filter_map(|anchor| linked(&anchor.href))
        .map(|(number, how)| (digits_of(&number), how));
    let structured = json_ld
        .phones
        .iter()
        .map(|number| (digits_of(number), PhoneSource::JsonLd));
    let text = introduced(&digest.text, &digest.phone_icons)
        .into_iter()
        .map(|number| (digits_of(number), PhoneSource::Text));
    linked
        .chain(structured)
        .chain(text)
        .filter(|(digits, _)| is_plausible(digits))
        .collect()
}

fn is_international(digits: &str) -> bool {
    digits.starts_with('+') || digits.starts_with("00")
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
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(region, _)| region)
}

/// Whether two findings are one number: the same in E.164, or one the end of the other.
pub(super) fn is_same(a: &FoundPhone, b: &FoundPhone) -> bool {
    match (&a.e164, &b.e164) {
        (Some(a), Some(b)) => a == b,
        _ => ends_alike(
            a.e164.as_ref().unwrap_or(&a.digits),
            b.e164.as_ref().unwrap_or(&b.digits),
        ),
    }
}

/// Whether the shorter number, without its trunk zero, ends the longer one.
pub(super) fn ends_alike(a: &str, b: &str) -> bool {
    let significant = |number: &str| number.trim_start_matches(['+', '0']).to_owned();
    let (a, b) = (significant(a), significant(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    // Below seven digits, numbers of different people end alike.
    if short.len() < DIGITS_MIN {
        short == long
    } else {
        long.ends_with(&short)
    }
}

/// The number that a link dials or chats with.
fn linked(href: &str) -> Option<(String, PhoneSource)> {
    let href = href.trim();
    let scheme_end = href.bytes().take(12).position(|byte| byte == b':')?;
    let (scheme, rest) = (
        href[..scheme_end].to_ascii_lowercase(),
        &href[scheme_end + 1..],
    );
    match scheme.as_str() {
        "tel" | "callto" | "phone" => Some((percent_decode(rest), PhoneSource::Tel)),
        "whatsapp" | "http" | "https" => {
            let rest = rest.trim_start_matches('/').trim_start_matches("www.");
            let path = rest
                .strip_prefix("wa.me/")
                .map(|path| path.split(['?', '/', '#']).next().unwrap_or(path));
            let chat = || {
                let host = rest.split(['/', '?']).next()?;
                let is_chat = matches!(host, "api.whatsapp.com" | "web.whatsapp.com" | "send");
                rest.split_once("phone=")
                    .filter(|_| is_chat)
                    .map(|(_, number)| number.split('&').next().unwrap_or(number))
            };
            path.or_else(chat)
                .map(|number| (percent_decode(number), PhoneSource::WhatsApp))
        }
        _ => None,
    }
}

/// The digits of a written number, with a leading plus where it has one.
fn digits_of(written: &str) -> String {
    let written = written.split([';', ',']).next().unwrap_or(written).trim();
    // "(0)" is the trunk prefix for callers within the country.
    let written = if written.starts_with('+') {
        Cow::Owned(written.replacen("(0)", "", 1))
    } else {
        Cow::Borrowed(written)
    };
    // An extension is no part of the number.
    let extension = written
        .find(|c: char| c.is_ascii_alphabetic())
        .filter(|at| written[..*at].bytes().any(|byte| byte.is_ascii_digit()));
    let number = &written[..extension.unwrap_or(written.len())];
    let plus = number
        .trim_start_matches(|c: char| !c.is_ascii_digit() && c != '+')
        .starts_with('+');
    let digits = number.chars().filter(char::is_ascii_digit);
    plus.then_some('+').into_iter().chain(digits).collect()
}

/// Whether the digits can be a number that somebody answers: neither too few nor too many nor a keyboard's.
fn is_plausible(digits: &str) -> bool {
    let digits = digits.trim_start_matches('+');
    if digits.len() < DIGITS_MIN || digits.len() > DIGITS_MAX + 2 {
        return false;
    }
    let tail = &digits.as_bytes()[digits.len() - DIGITS_MIN..];
    let is_repeated = tail.iter().all(|byte| *byte == tail[0]);
    let is_keyboard = [
        "1234567", "2345678", "3456789", "4567890", "0123456", "7654321",
    ]
    .iter()
    .any(|run| digits.contains(run));
    !is_repeated && !is_keyboard
}

/// The number in E.164 if it is valid; one without its country code as a number of the first of `regions` that has it.
pub(super) fn to_e164(digits: &str, how: PhoneSource, regions: &[Region]) -> Option<String> {
    if let Some(international) = digits
        .strip_prefix('+')
        .or_else(|| digits.strip_prefix("00"))
    {
        return international_number(international).map(|(number, _)| number);
    }
    // WhatsApp takes numbers in international form only, without the plus.
    let international = (how == PhoneSource::WhatsApp)
        .then(|| international_number(digits))
        .flatten();
    let national = || {
        regions
            .iter()
            .find_map(|region| parse(Some(*region), digits))
    };
    let (number, _) = international
        .or_else(national)
        .or_else(|| without_plus(digits, regions))?;
    Some(number)
}

/// The country of a number in international form, with or without its plus.
fn region_of(digits: &str) -> Option<Region> {
    international_number(digits.trim_start_matches(['+', '0']))?.1
}

fn international_number(digits: &str) -> Option<Parsed> {
    parse(None, &format!("+{digits}")).or_else(|| without_trunk_zero(digits))
}

/// Many leave out the plus alone: then the country code must be that of a likely country.
fn without_plus(digits: &str, regions: &[Region]) -> Option<Parsed> {
    const DIGITS_MIN_WITH_COUNTRY: usize = 10;
    let is_likely = regions
        .iter()
        .any(|region| calling_code(*region).is_some_and(|code| digits.starts_with(&code)));
    (is_likely && digits.len() >= DIGITS_MIN_WITH_COUNTRY)
        .then(|| parse(None, &format!("+{digits}")))
        .flatten()
}

/// `+84 0961...`: the zero that is dialled at home only.
fn without_trunk_zero(digits: &str) -> Option<Parsed> {
    (1..=3).find_map(|length| {
        let (code, rest) = digits.split_at_checked(length)?;
        parse(None, &format!("+{code}{}", rest.strip_prefix('0')?))
    })
}

/// A country's calling code, without plus.
fn calling_code(region: Region) -> Option<String> {
    let country = region.as_str().parse::<phonenumber::country::Id>().ok()?;
    Some(
        phonenumber::metadata::DATABASE
            .by_id(country.as_ref())?
            .country_code()
            .to_string(),
    )
}

/// A number in E.164, and its country where the plan tells.
type Parsed = (String, Option<Region>);

/// Parses and validates, remembering the answers: a site repeats its few numbers on every page, and the numbering plans'
/// expressions are costly to compile.
fn parse(region: Option<Region>, digits: &str) -> Option<Parsed> {
    const REMEMBERED_MAX: usize = 1_024;
    type Remembered = HashMap<(Option<Region>, String), Option<Parsed>>;
    thread_local! {
        static REMEMBERED: RefCell<Remembered> = RefCell::default();
    }
    let key = (region, digits.to_owned());
    REMEMBERED.with_borrow_mut(|remembered| {
        if let Some(known) = remembered.get(&key) {
            return known.clone();
        }
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        let parsed = parse_anew(region, digits);
        remembered.insert(key, parsed.clone());
        parsed
    })
}

fn parse_anew(region: Option<Region>, digits: &str) -> Option<Parsed> {
    let country = match region {
        Some(region) => Some(region.as_str().parse::<phonenumber::country::Id>().ok()?),
        None => None,
    };
    let number = phonenumber::parse(country, digits)
        .ok()
        .filter(phonenumber::PhoneNumber::is_valid)?;
    let region = number
        .country()
        .id()
        .and_then(|id| Region::new(id.as_ref()));
    Some((
        number.format().mode(phonenumber::Mode::E164).to_string(),
        region,
    ))
}

/// Numbers in text that are written in international form, or that a word or a picture calls a phone number.
fn introduced<'a>(text: &'a str, icons: &[usize]) -> Vec<&'a str> {
    /// What may stand between the word and the number: "Phone number (office): ".
    const INTRODUCTION_BYTES_MAX: usize = 32;
    /// What may stand between one number and the next: " / ", ", ", " or ".
    const BETWEEN_BYTES_MAX: usize = 6;
    let mut found = Vec::new();
    let mut previous_end = None;
    for candidate in candidates(text) {
        let before = &text[..candidate.start];
        let number = &text[candidate.clone()];
        let follows = previous_end.is_some_and(|end: usize| {
            candidate.start - end <= BETWEEN_BYTES_MAX && !text[end..candidate.start].contains('\n')
        });
        let has_icon = icons
            .iter()
            .any(|icon| *icon <= candidate.start && candidate.start - icon <= 3);
        let tail = &before[floor(before, before.len().saturating_sub(INTRODUCTION_BYTES_MAX))..];
        let word = last_word(tail);
        let is_fax = word == Some(Word::Fax);
        let is_phone = number.starts_with('+')
            || has_icon
            || word == Some(Word::Phone)
            || (follows && word.is_none());
        if is_phone && !is_fax && found.len() < PHONES_MAX * 2 {
            found.push(number);
            previous_end = Some(candidate.end);
        }
    }
    found
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Phone,
    Fax,
}

/// The last word before a number that says what the number is. Digits in between belong to another number.
fn last_word(before: &str) -> Option<Word> {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)
            (?P<fax> \b (?: fax | faks | telefax | facsimile | f \s* [:.] ) | 传真 | 傳真)
            | \b (?: tel | telp | telpon | telepon | telephone | telefon | telefone | tel[eé]fono | t[eé]l[eé]phone | phone | ph
                  | mobile | mob | cell | hp | h/p | handphone | call | whats\s?app | wa | hotline | contact | kontak | hubungi
                  | office | landline | helpline | toll[\s-]free | dial | zalo | viber | telegram | wechat | sms | m | t | p ) \b
            | đi[eệ]n\s?tho[aạ]i | \b (?: đt | sđt | sdt | dđ ) \b | 电话 | 電話 | 手机 | 手機 | 热线 | 联系方式 | โทร | تلفن | هاتف | تماس",
        )
    });
    let last_digit = before
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let found = WORDS.captures_iter(&before[last_digit..]).last()?;
    Some(if found.name("fax").is_some() {
        Word::Fax
    } else {
        Word::Phone
    })
}

/// Stretches of text that may be a number: digits with the separators that people write.
fn candidates(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let starts = bytes[at].is_ascii_digit()
                || (matches!(bytes[at], b'+' | b'(') && next_is_digit(bytes, at + 1));
            // Digits behind a letter, a dot or an at sign are part of a code, a version or an address.
            let is_glued = at > 0
                && (bytes[at - 1].is_ascii_alphabetic()
                    || matches!(bytes[at - 1], b'.' | b'@' | b'#' | b'_' | b'='));
            if !starts {
                at += 1;
                continue;
            }
            let end = number_end(bytes, at);
            let start = at;
            at = end;
            let digits = bytes[start..end]
                .iter()
                .filter(|byte| byte.is_ascii_digit())
                .count();
            if (!is_glued || bytes[start] == b'+')
                && (DIGITS_MIN..=DIGITS_MAX + 2).contains(&digits)
            {
                return Some(start..end);
            }
        }
        None
    })
}

fn next_is_digit(bytes: &[u8], at: usize) -> bool {
    let next = bytes[at.min(bytes.len())..]
        .iter()
        .take(3)
        .find(|byte| !matches!(byte, b' ' | b'(' | b'+'));
    next.is_some_and(u8::is_ascii_digit)
}

/// The end of the number that starts at `start`: at most two separators in a row, none at the end.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut end, mut separators) = (start, start + 1, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => {
                separators = 0;
                end = at + 1;
            }
            b'+' if at == start || bytes[start] == b'(' && at == start + 1 => {}
            b' ' | b'-' | b'.' | b'(' | b')' if separators < 3 => separators += 1,
            // En dash and non-breaking hyphen, in UTF-8.
            0xe2 if bytes.get(at + 1) == Some(&0x80)
                && matches!(bytes.get(at + 2), Some(0x90..=0x93))
                && separators < 3 =>
            {
                separators += 1;
                at += 2;
            }
            _ => break,
        }
        at += 1;
    }
    end
}
