//! Phone numbers in running text.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{super::pattern::compile, DIGITS_MAX, DIGITS_MIN, PHONES_MAX};

/// A stretch of text that is probably a phone number.
pub(super) struct Number<'a> {
    pub(super) number: &'a str,
    /// What the page calls it, if anything.
    pub(super) named: Option<Word>,
}

/// What a page calls a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Word {
    Phone,
    Fax,
    /// An account, a registration, a postal code.
    Other,
}

/// Numbers that are written in international form, that a word or a picture calls a phone number, that follow such a
/// number, or that stand on a line of their own. `icons` are offsets into `text` behind a picture of a telephone.
pub(super) fn numbers<'a>(text: &'a str, icons: &[usize]) -> Vec<Number<'a>> {
    let mut found: Vec<Number<'a>> = Vec::new();
    let mut previous: Option<(Range<usize>, Option<Word>)> = None;
    for place in candidates(text) {
        let number = &text[place.clone()];
        if found.len() >= 2 * PHONES_MAX {
            break;
        }
        if is_date_or_amount(number) || previous.as_ref().is_some_and(|(range, _)| is_variant(text, range, &place)) {
            continue;
        }
        let follows = previous.as_ref().filter(|(range, _)| follows(text, range, &place));
        let word = word_before(text, place.start).or_else(|| has_icon(icons, place.start).then_some(Word::Phone));
        let named = word.or(follows.and_then(|(_, named)| *named)).or(number.starts_with('+').then_some(Word::Phone));
        let is_other = named == Some(Word::Other) && !number.starts_with('+');
        if !is_other && (named.is_some() || is_alone(text, &place)) {
            found.push(Number { number, named });
            previous = Some((place, named));
        }
    }
    found
}

fn has_icon(icons: &[usize], start: usize) -> bool {
    // A picture, a space or a line break, and an opening parenthesis.
    const GAP_BYTES_MAX: usize = 3;
    let index = icons.partition_point(|icon| *icon <= start);
    index > 0 && start - icons[index - 1] <= GAP_BYTES_MAX
}

/// What the last word before a number says it is.
fn word_before(text: &str, start: usize) -> Option<Word> {
    /// What may stand between the word and the number: "Phone number (office): ".
    const INTRODUCTION_BYTES_MAX: usize = 32;
    let from = text.ceil_char_boundary(start.saturating_sub(INTRODUCTION_BYTES_MAX));
    last_word(&text[from..start])
}

/// Whether a number comes right behind the previous one: ", ", " / " or a line break.
fn follows(text: &str, previous: &Range<usize>, place: &Range<usize>) -> bool {
    const BETWEEN_BYTES_MAX: usize = 6;
    let between = &text[previous.end..place.start];
    between.len() <= BETWEEN_BYTES_MAX && !between.contains(char::is_alphanumeric)
}

/// `4259755/4284051` and `25201596/7`: behind a slash, fewer digits than before are only the last ones of a number.
fn is_variant(text: &str, previous: &Range<usize>, place: &Range<usize>) -> bool {
    let digits = |range: &Range<usize>| text[range.clone()].bytes().filter(u8::is_ascii_digit).count();
    text[previous.end..place.start].trim() == "/"
        && !text[place.clone()].starts_with(['+', '0'])
        && digits(place) <= DIGITS_MIN
        && digits(place) + 2 < digits(previous)
}

/// Day, month and year in either order, or an amount with points between thousands.
fn is_date_or_amount(number: &str) -> bool {
    static OTHER: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?x) ^ (?: [0-3]?[0-9] [-.\ ] [01]?[0-9] [-.\ ] (?:19|20)[0-9]{2}
            | (?:19|20)[0-9]{2} [-.\ ] (?: [01]?[0-9] [-.\ ] [0-3]?[0-9] | (?:19|20)[0-9]{2} ) (?: \ .* )?
            | [1-9][0-9]{0,2} (?: \. [0-9]{3} )+ (?: \ ?[-–]\ ? [1-9][0-9]{0,2} (?: \. [0-9]{3} )+ )? | [0-9]+ 0{5} ) $",
        )
    });
    OTHER.is_match(number)
}

/// Whether a national number with its trunk zero or area code has its line to itself, but for a remark in parentheses.
fn is_alone(text: &str, place: &Range<usize>) -> bool {
    const REMARK_BYTES_MAX: usize = 24;
    let before = text[..place.start].rsplit('\n').next().unwrap_or_default();
    let after = &text[place.end..text.ceil_char_boundary((place.end + REMARK_BYTES_MAX).min(text.len()))];
    let after = after.split('\n').next().unwrap_or_default().trim();
    let is_remark = after.starts_with('(') && after.ends_with(')');
    text[place.clone()].starts_with(['0', '('])
        && before.trim_matches([' ', ':', '|', '-']).is_empty()
        && (after.is_empty() || is_remark)
}

/// The last word that says what a number is. Digits in between belong to another number.
fn last_word(before: &str) -> Option<Word> {
    // Word boundaries are ASCII's: Unicode's would slow every page with a letter beyond ASCII.
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?ix)
            (?-u:\b) (?: fax | faks | telefax | facsimile | f \ ? [:.] ) | 传真 | 傳真
            | (?-u:\b) (?: tel | telp | telpon | telepon | telephone | telefon | telefone | tel[eé]fono | t[eé]l[eé]phone
                  | phone | ph | mobile | mob | cell | hp | h/p | handphone | call | whats\ ?app | wa | hotline | contact
                  | kontak | hubungi | office | landline | helpline | toll[\ -]free | dial | zalo | viber | telegram
                  | wechat | sms ) (?-u:\b)
            | (?-u:\b) [mtp] \ ? [:.]
            | đi[eệ]n\ ?tho[aạ]i | đt [^\p{L}] | [sd]đt [^\p{L}] | sdt [^\p{L}] | dđ [^\p{L}]
            | (?-u:\b) (?: mst | tax | gst | vat | npwp | uen | reg | registration | rekening | rek | account | acc | a/c | stk
                  | cin | pan | iban | license | licence | invoice | order | zip | postal ) (?-u:\b) | mã\ số | tài\ khoản | 备案 | 备
            | 电话 | 電話 | 手机 | 手機 | 热线 | 联系方式 | โทร | تلفن | هاتف | تماس",
        )
    });
    let last_digit = before.rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1);
    let word = WORDS.find_iter(&before[last_digit..]).last()?.as_str();
    Some(meaning(&word.to_lowercase()))
}

/// What a word that introduces a number, in lower case, says it is.
fn meaning(word: &str) -> Word {
    const FAX: [&str; 6] = ["fax", "faks", "telefax", "facsimile", "传真", "傳真"];
    const OTHER: [&str; 25] = [
        "mst",
        "tax",
        "gst",
        "vat",
        "npwp",
        "uen",
        "reg",
        "rek",
        "account",
        "acc",
        "a/c",
        "stk",
        "cin",
        "pan",
        "iban",
        "licen",
        "invoice",
        "order",
        "zip",
        "postal",
        "mã số",
        "tài khoản",
        "备案",
        "备",
        "registration",
    ];
    let is_one_of = |words: &[&str]| words.iter().any(|known| word.starts_with(known));
    if is_one_of(&FAX) || (word.starts_with('f') && word.ends_with([':', '.'])) {
        Word::Fax
    } else if is_one_of(&OTHER) {
        Word::Other
    } else {
        Word::Phone
    }
}

/// Stretches of text that may be a number: digits with the separators that people write.
fn candidates(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if !starts_number(bytes, at) {
                at += 1;
                continue;
            }
            let start = at;
            at = number_end(bytes, start);
            let digits = bytes[start..at].iter().filter(|byte| byte.is_ascii_digit()).count();
            if !is_glued(bytes, start) && (DIGITS_MIN..=DIGITS_MAX).contains(&digits) {
                return Some(start..at);
            }
        }
        None
    })
}

fn starts_number(bytes: &[u8], at: usize) -> bool {
    let rest = &bytes[(at + 1).min(bytes.len())..];
    match bytes[at] {
        b'0'..=b'9' => true,
        b'+' | b'(' => {
            let next = rest.iter().take(3).find(|byte| !matches!(byte, b' ' | b'(' | b'+'));
            next.is_some_and(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Digits behind a letter, a dot or an at sign are part of a code, a version or an address.
fn is_glued(bytes: &[u8], start: usize) -> bool {
    let before = if start == 0 { None } else { bytes.get(start - 1) };
    bytes[start] != b'+'
        && before.is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'@' | b'#' | b'_' | b'='))
}

/// The end of the number that starts at `start`: at most three separators in a row, none at the end.
fn number_end(bytes: &[u8], start: usize) -> usize {
    const SEPARATORS_MAX: u32 = 3;
    let (mut at, mut end, mut separators) = (start, start + 1, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' => {
                separators = 0;
                end = at + 1;
            }
            b'+' if at == start || (bytes[start] == b'(' && at == start + 1) => {}
            b' ' | b'-' | b'.' | b'(' | b')' if separators < SEPARATORS_MAX => separators += 1,
            // Hyphens and dashes from U+2010 to U+2013, in UTF-8.
            0xe2 if bytes.get(at + 1) == Some(&0x80)
                && matches!(bytes.get(at + 2), Some(0x90..=0x93))
                && separators < SEPARATORS_MAX =>
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
