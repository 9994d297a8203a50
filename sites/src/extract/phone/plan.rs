//! Numbering plans: which digits are a valid number of which country.

use std::{cell::RefCell, collections::HashMap, sync::LazyLock};

use phonenumber::metadata::{DATABASE, Database};

use super::super::findings::{PhoneSource, Region};

/// The numbering plans of all countries. Each is a dozen expressions, compiled when first needed; room for those of a few
/// dozen countries keeps them from being compiled again and again, which would be the most costly part of reading a page.
static PLANS: LazyLock<&'static Database> = LazyLock::new(|| {
    const EXPRESSIONS_MAX: usize = 600;
    if let Ok(mut compiled) = DATABASE.cache().lock() {
        compiled.set_capacity(EXPRESSIONS_MAX);
    }
    &DATABASE
});

/// A number in E.164, and its country where the plan tells.
type Parsed = (String, Option<Region>);

/// The number in E.164 if it is valid; one without its country code as a number of the first of `regions` that has it.
pub(in crate::extract) fn to_e164(digits: &str, how: PhoneSource, regions: &[Region]) -> Option<String> {
    if let Some(abroad) = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00")) {
        return international(abroad).map(|(number, _)| number);
    }
    // WhatsApp takes numbers in international form only, without the plus.
    let chat = (how == PhoneSource::WhatsApp).then(|| international(digits)).flatten();
    let national = || regions.iter().find_map(|region| parse(Some(*region), digits));
    let (number, _) = chat.or_else(national).or_else(|| without_plus(digits, regions))?;
    Some(number)
}

/// Whether the number is written for callers from abroad.
pub(super) fn is_international(digits: &str) -> bool {
    digits.starts_with('+') || digits.starts_with("00")
}

/// The country of a number in international form.
pub(super) fn region_of(digits: &str) -> Option<Region> {
    international(digits.trim_start_matches(['+', '0']))?.1
}

/// A number that starts with its country code.
fn international(digits: &str) -> Option<Parsed> {
    parse(None, &format!("+{digits}")).or_else(|| without_trunk_zero(digits))
}

/// Many leave out the plus alone: then the country code must be that of a likely country.
fn without_plus(digits: &str, regions: &[Region]) -> Option<Parsed> {
    const DIGITS_MIN_WITH_COUNTRY: usize = 10;
    let mut codes = regions.iter().filter_map(|region| calling_code(*region));
    let is_likely = digits.len() >= DIGITS_MIN_WITH_COUNTRY && codes.any(|code| digits.starts_with(&code));
    is_likely.then(|| international(digits)).flatten()
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
    let plan = PLANS.by_id(region.as_str())?;
    Some(plan.country_code().to_string())
}

/// Parses and validates, remembering the answers: a site repeats its few numbers on every page, and the plans'
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
    let parsed = phonenumber::parse_with(&PLANS, country, digits).ok();
    let number = parsed.filter(|number| number.is_valid_with(&PLANS))?;
    let region = number.country().id().and_then(|id| Region::new(id.as_ref()));
    Some((number.format().mode(phonenumber::Mode::E164).to_string(), region))
}
