//! Values as published, read for what they mean.

use std::fmt;

use chrono::NaiveDate;

/// What the registry writes for a value that is missing.
const MISSING: &str = "na";
const YEARS: std::ops::RangeInclusive<i32> = 1800..=2200;

/// A value that is there: trimmed, neither empty nor the registry's word for a missing one.
pub(super) fn present(value: &str) -> Option<&str> {
    let value = value.trim();
    (!value.is_empty() && value != MISSING).then_some(value)
}

/// Digits whose leading zero may have been lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Padded<'a> {
    zero: bool,
    digits: &'a str,
}

impl fmt::Display for Padded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.zero {
            f.write_str("0")?;
        }
        f.write_str(self.digits)
    }
}

/// An SSIC code of five digits: four had a leading zero, for no division is below 01. `None` for anything else.
pub(super) fn ssic_code(value: &str) -> Option<Padded<'_>> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.len() {
        4 | 5 if digits => Some(Padded { zero: value.len() == 4, digits: value }),
        _ => None,
    }
}

/// A postal code: six digits today, four of old. One digit less had a leading zero; what is no number stays as it is.
pub(super) fn postal_code(value: &str) -> Padded<'_> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    Padded { zero: digits && matches!(value.len(), 3 | 5), digits: value }
}

/// Whether it has the form of a unique entity number: 9 or 10 letters and digits. Check digits are the registry's business.
pub(crate) fn is_uen(value: &str) -> bool {
    matches!(value.len(), 9 | 10) && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The year of a date such as `1981-04-23` that exists.
pub(super) fn year_of_date(value: &str) -> Option<i32> {
    let (year, rest) = value.split_at_checked(4)?;
    let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
    let two_digits = |text: &str| if text.len() == 2 { text.parse().ok() } else { None };
    let year = year.parse().ok().filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, two_digits(month)?, two_digits(day)?).map(|_| year)
}

/// A year such as `1981`, or that of a date.
pub(super) fn year(value: &str) -> Option<i32> {
    let plain = value.parse().ok().filter(|year| YEARS.contains(year));
    plain.or_else(|| year_of_date(value))
}

/// Whether an entity of this status is in business: `Live Company` for companies, `Live` for businesses. One in receivership
/// (`Live (Receiver ...)`) is not.
pub(super) fn is_live(status: Option<&str>) -> bool {
    status.is_some_and(|status| ["live", "live company"].iter().any(|live| status.eq_ignore_ascii_case(live)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn na_and_nothing_are_missing_but_a_company_may_be_called_na() {
        assert_eq!(
            (present(" na "), present("  "), present("NA"), present(" x ")),
            (None, None, Some("NA"), Some("x"))
        );
    }

    #[test]
    fn lost_leading_zeros_come_back() {
        let ssic = |value| ssic_code(value).map(|code| code.to_string());
        assert_eq!(ssic("1111"), Some("01111".into()));
        assert_eq!(ssic("62011"), Some("62011".into()));
        assert_eq!((ssic("620"), ssic("6201A"), ssic("620111")), (None, None, None));
        let postal = |value| postal_code(value).to_string();
        assert_eq!(["18989", "104", "0104", "569878", "W1A"].map(postal), ["018989", "0104", "0104", "569878", "W1A"]);
    }

    #[test]
    fn a_date_must_exist() {
        assert_eq!(year_of_date("1981-04-23"), Some(1981));
        for wrong in ["1981-02-30", "23/04/1981", "1981", "0081-04-23", "1981-4-23", "é981-04-23", ""] {
            assert_eq!(year_of_date(wrong), None, "{wrong}");
        }
        assert_eq!((year("1981"), year("1981-04-23"), year("81")), (Some(1981), Some(1981), None));
    }

    #[test]
    fn only_those_in_business_are_live() {
        assert!(is_live(Some("Live Company")) && is_live(Some("LIVE")));
        for status in [None, Some("Struck Off"), Some("Live (Receiver or Receiver and Manager appointed)")] {
            assert!(!is_live(status), "{status:?}");
        }
    }
}
