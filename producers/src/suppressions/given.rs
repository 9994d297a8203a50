//! What a person writes on a suppression list, read for what it means.

use std::{collections::BTreeMap, fmt, str::FromStr};

use presdr_events::{CompanyId, Suppressible, SuppressionKind};
use presdr_rules::email_policy;
use presdr_store::{keys::TenantKeys, suppressions::New};
use url::{Host, Url};

use crate::ingest::suppressions::is_uen;

const REASON_CHARACTERS_MAX: usize = 100;
/// A number with fewer digits is an extension.
const PHONE_DIGITS_MIN: usize = 8;
const PHONE_DIGITS_MAX: usize = 15;

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListKind {
    /// An address.
    Email,
    /// A domain with all below it.
    Domain,
    /// A company, by UEN or by its number here.
    Company,
    /// A phone number.
    Phone,
}

impl ListKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Email, Self::Domain, Self::Company, Self::Phone];
}

impl From<ListKind> for SuppressionKind {
    fn from(kind: ListKind) -> Self {
        match kind {
            ListKind::Email => Self::Email,
            ListKind::Domain => Self::Domain,
            ListKind::Company => Self::Company,
            ListKind::Phone => Self::Phone,
        }
    }
}

impl FromStr for ListKind {
    type Err = GivenError;

    fn from_str(text: &str) -> Result<Self, GivenError> {
        match text.trim().to_ascii_lowercase().replace('-', " ").as_str() {
            "email" | "e mail" | "email address" => Ok(Self::Email),
            "domain" => Ok(Self::Domain),
            "company" | "uen" => Ok(Self::Company),
            "phone" | "phone number" => Ok(Self::Phone),
            _ => Err(GivenError::Kind),
        }
    }
}

/// Why something cannot be listed. Says nothing of what was written: it may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// No such kind.
    #[error("the kind is none of email, domain, company, phone")]
    Kind,
    /// No address.
    #[error("that is no e-mail address")]
    Email,
    /// No domain.
    #[error("that is no domain")]
    Domain,
    /// Everybody's domain.
    #[error("that is a public suffix: it would suppress everybody below it")]
    PublicSuffix,
    /// No company.
    #[error("that is neither a UEN (9 or 10 letters and digits) nor a company's number")]
    Company,
    /// No phone number.
    #[error("that is no phone number of 8 to 15 digits")]
    Phone,
    /// A reason is a few words about why, and no place for a letter.
    #[error("the reason is longer than {REASON_CHARACTERS_MAX} characters, or holds an address or a number")]
    Reason,
}

/// One entry of a list. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    value: Value,
    reason: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Address(String),
    Domain(String),
    Phone(String),
    Company(CompanyId),
    Uen(String),
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given(…)")
    }
}

impl Given {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`GivenError`] when it is none of its kind.
    pub fn read(kind: ListKind, value: &str, reason: &str) -> Result<Self, GivenError> {
        let reason = reason.trim();
        // Reasons are listed and logged.
        let tells = reason.contains('@') || reason.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS_MIN;
        if tells || reason.chars().count() > REASON_CHARACTERS_MAX {
            return Err(GivenError::Reason);
        }
        let value = match kind {
            ListKind::Email => email_policy::normalise(value).map(Value::Address).ok_or(GivenError::Email)?,
            ListKind::Domain => Value::Domain(domain(value)?),
            ListKind::Company => company(value)?,
            ListKind::Phone => Value::Phone(phone(value)?),
        };
        Ok(Self { value, reason: reason.to_owned() })
    }

    /// The UEN, of a company that is named by it.
    pub(crate) fn uen(&self) -> Option<&str> {
        match &self.value {
            Value::Uen(uen) => Some(uen),
            _ => None,
        }
    }

    /// As it is stored; nothing for a UEN that `companies` does not have.
    pub(super) fn entry(&self, keys: &TenantKeys, companies: &BTreeMap<String, CompanyId>) -> Option<New> {
        let (what, company) = match &self.value {
            Value::Address(address) => (Suppressible::Address(address), None),
            Value::Domain(domain) => (Suppressible::Domain(domain), None),
            Value::Phone(number) => (Suppressible::Phone(number), None),
            Value::Company(company) => (Suppressible::Company(*company), Some(*company)),
            Value::Uen(uen) => {
                let company = *companies.get(uen)?;
                (Suppressible::Company(company), Some(company))
            }
        };
        Some(New { what: keys.index.suppression(what), company, reason: self.reason.clone(), subject: None })
    }
}

/// The host of a web address, with or without scheme and path.
fn domain(text: &str) -> Result<String, GivenError> {
    let text = text.trim().trim_start_matches('@');
    let address = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&address).map_err(|_| GivenError::Domain)?;
    let Some(Host::Domain(host)) = url.host() else { return Err(GivenError::Domain) };
    let host = host.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    if !host.contains('.') || !url.username().is_empty() {
        return Err(GivenError::Domain);
    }
    email_policy::registrable(host).ok_or(GivenError::PublicSuffix)?;
    Ok(host.to_owned())
}

fn company(text: &str) -> Result<Value, GivenError> {
    let text = text.trim().replace(' ', "").to_ascii_uppercase();
    match text.parse::<CompanyId>() {
        Ok(company) => Ok(Value::Company(company)),
        Err(_) if is_uen(&text) && text.bytes().any(|byte| byte.is_ascii_digit()) => Ok(Value::Uen(text)),
        Err(_) => Err(GivenError::Company),
    }
}

fn phone(text: &str) -> Result<String, GivenError> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let allowed = |letter: char| letter.is_ascii_digit() || letter.is_whitespace() || "+-().".contains(letter);
    let is_number = (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits) && text.chars().all(allowed);
    is_number.then(|| text.trim().to_owned()).ok_or(GivenError::Phone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: ListKind, value: &str) -> Result<Given, GivenError> {
        Given::read(kind, value, "unsubscribed")
    }

    #[test]
    fn what_is_written_in_many_ways_is_one_thing() {
        for (kind, one, other) in [
            (ListKind::Email, "Jane@Acme.example ", "jane@acme.example"),
            (ListKind::Domain, "https://www.Acme.example/contact", "acme.example"),
            (ListKind::Domain, "@acme.example", "acme.example"),
            (ListKind::Company, "2019 12345g", "201912345G"),
        ] {
            assert!(read(kind, one) == read(kind, other), "{one}");
        }
        assert!(matches!(read(ListKind::Company, "17").unwrap().value, Value::Company(_)));
        assert!(read(ListKind::Phone, "+65 6749-2385").is_ok());
    }

    #[test]
    fn what_is_none_of_its_kind_is_refused_without_repeating_it() {
        for (kind, wrong, error) in [
            (ListKind::Email, "jane at acme", GivenError::Email),
            (ListKind::Domain, "acme", GivenError::Domain),
            (ListKind::Domain, "jane@acme.example", GivenError::Domain),
            (ListKind::Domain, "10.0.0.1", GivenError::Domain),
            (ListKind::Domain, "com.sg", GivenError::PublicSuffix),
            (ListKind::Company, "Acme Pte Ltd", GivenError::Company),
            (ListKind::Phone, "995", GivenError::Phone),
            (ListKind::Phone, "call 6749 2385", GivenError::Phone),
        ] {
            assert_eq!(read(kind, wrong).unwrap_err(), error, "{wrong}");
            assert!(!error.to_string().contains(wrong));
        }
        for reason in ["see jane@acme.example", "called from 6749 2385", "x".repeat(101).as_str()] {
            assert_eq!(Given::read(ListKind::Email, "a@b.example", reason).unwrap_err(), GivenError::Reason);
        }
        assert_eq!("fax".parse::<ListKind>().unwrap_err(), GivenError::Kind);
    }
}
