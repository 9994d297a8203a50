//! Lusha (API v3): knows companies and people. <https://docs.lusha.com>, read November 2026.

mod people;

use std::time::Duration;

use reqwest::header::HeaderName;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Answered, Call, Charge, Class, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor, text, wire,
};

pub use people::{At, Contact, ContactEmail, PeopleSearch, Person, REVEAL_MAX, Reveal};

const TIMEOUT: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);
const KEY_HEADER: HeaderName = HeaderName::from_static("api_key");
/// Names of technologies that are kept of a company.
const TECHNOLOGIES_MAX: usize = 50;
/// At most so many credits for a search or a company, and for a revealed address.
const CREDITS_EACH: i64 = 1;

/// Looks a company up, by domain or by name.
#[derive(Clone)]
pub struct CompanyLookup {
    by: (&'static str, String),
}

impl CompanyLookup {
    /// The company at a domain.
    #[must_use]
    pub fn by_domain(domain: &str) -> Self {
        Self { by: ("domain", domain.trim().to_lowercase()) }
    }

    /// The company of a name, without the characters that Lusha refuses.
    #[must_use]
    pub fn by_name(name: &str) -> Self {
        Self { by: ("name", plain(name)) }
    }
}

/// What Lusha knows of a company.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CompanyFacts {
    /// Lusha's own id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its domain.
    #[serde(default)]
    pub domain: Option<String>,
    /// How many people work there, if that is known exactly.
    #[serde(default)]
    pub employees: Option<u32>,
    /// Or between which numbers.
    #[serde(default)]
    pub employees_range: Option<(u32, Option<u32>)>,
    /// What it does.
    #[serde(default)]
    pub industry: Option<String>,
    /// Where it is: ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: Option<String>,
    /// What it uses.
    #[serde(default)]
    pub technologies: Vec<String>,
}

impl Call for CompanyLookup {
    const VENDOR: Vendor = Vendor::Lusha;
    const OPERATION: &'static str = "company";
    /// `None` when Lusha knows no such company.
    type Answer = Option<CompanyFacts>;

    fn canonical(&self) -> Vec<u8> {
        json!({(self.by.0): self.by.1.to_lowercase()}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        credits(prices, CREDITS_EACH)
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        let body = json!({"companies": [{"clientReferenceId": "1", (self.by.0): self.by.1}]});
        post(endpoint, "/v3/companies/search-and-enrich", &body)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Self::Answer>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let found = results(&body).iter().find(|item| item.get("error").is_none_or(Value::is_null));
        let answer = found.and_then(company);
        let charge = charged(&body, prices, i64::from(answer.is_some()))?;
        Ok(Answered { answer, charge, fresh_for: 90 * DAY })
    }
}

fn company(item: &Value) -> Option<CompanyFacts> {
    let said = |name: &str| item[name].as_str().and_then(text::name);
    let count = |name: &str| item["employeeCount"][name].as_u64().and_then(|count| u32::try_from(count).ok());
    Some(CompanyFacts {
        id: id(&item["id"])?,
        name: said("name"),
        domain: item["domain"].as_str().and_then(text::id).map(|domain| domain.to_lowercase()),
        employees: count("exact"),
        employees_range: count("min").map(|min| (min, count("max"))),
        industry: said("industry"),
        country: item["location"]["countryIso2"].as_str().and_then(text::name),
        technologies: item["technologies"].as_array().map_or_else(Vec::new, |names| {
            let named = |name: &Value| name.as_str().or_else(|| name["name"].as_str()).and_then(text::name);
            names.iter().filter_map(named).take(TECHNOLOGIES_MAX).collect()
        }),
    })
}

/// What the account has left.
pub(crate) fn usage(endpoint: &Endpoint) -> RequestSpec {
    RequestSpec::get("/v3/account/usage", TIMEOUT).with_secret(KEY_HEADER, endpoint.key())
}

/// Reads [`usage`].
pub(crate) fn left(reply: &Reply<'_>) -> Result<Option<Decimal>, Failure> {
    check(reply)?;
    let body: Value = reply.json()?;
    Ok(number(&body["credits"]["remaining"]))
}

fn post(endpoint: &Endpoint, path: &'static str, body: &Value) -> RequestSpec {
    RequestSpec::post(path, body, TIMEOUT).with_secret(KEY_HEADER, endpoint.key())
}

fn credits(prices: &Prices, credits: i64) -> Result<Charge, Unpriced> {
    let usd = Decimal::from(credits) * prices.usd("lusha.credit")?;
    Ok(Charge { metered: Decimal::ONE, units: credits.into(), usd: usd.normalize(), ..Charge::default() })
}

/// The charge by the vendor's own bill; by the list when there is none.
fn charged(body: &Value, prices: &Prices, listed: i64) -> Result<Charge, Failure> {
    priced(prices, billed(body).unwrap_or_else(|| listed.into()), true)
}

fn priced(prices: &Prices, credits: Decimal, counts: bool) -> Result<Charge, Failure> {
    let price = prices.usd("lusha.credit").map_err(|_| Failure::new(Class::Lost, "a Lusha credit has no price"))?;
    let metered = if counts { Decimal::ONE } else { Decimal::ZERO };
    Ok(Charge { metered, units: credits, usd: (credits * price).normalize(), ..Charge::default() })
}

fn results(body: &Value) -> &[Value] {
    body["results"].as_array().map_or(&[][..], Vec::as_slice)
}

/// An id, which may be a number.
fn id(value: &Value) -> Option<String> {
    value.as_str().and_then(text::id).or_else(|| value.as_number().map(ToString::to_string))
}

/// What the vendor says that it charged; nothing when it says nothing of sense.
fn billed(body: &Value) -> Option<Decimal> {
    number(&body["billing"]["creditsCharged"]).filter(|credits| *credits >= Decimal::ZERO)
}

fn number(value: &Value) -> Option<Decimal> {
    value.as_number()?.to_string().parse().ok()
}

/// A name without what Lusha answers with a 400.
fn plain(name: &str) -> String {
    let kept =
        name.chars().map(|letter| if letter.is_alphanumeric() || ".,&-_()".contains(letter) { letter } else { ' ' });
    kept.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check(reply: &Reply<'_>) -> Result<(), Failure> {
    let failure = |class, what| Err(Failure::new(class, what));
    match reply.status {
        200..=299 => Ok(()),
        401 => failure(Class::Key, "Lusha refuses the key"),
        402 => failure(Class::Quota { lasts: None }, "Lusha's credits are gone"),
        403 => failure(Class::Key, "Lusha's plan does not include this, or the account is inactive"),
        429 if gone(reply, "x-daily-requests-left", "daily") => {
            failure(Class::Quota { lasts: None }, "Lusha's daily limit is reached")
        }
        429 if gone(reply, "x-hourly-requests-left", "hourly") => {
            failure(Class::Quota { lasts: Some(Duration::from_secs(3600)) }, "Lusha's hourly limit is reached")
        }
        429 => failure(wire::retry_after(reply, true), "Lusha's rate limit"),
        451 => failure(Class::Never, "Lusha may not tell"),
        499..=599 => failure(wire::retry_after(reply, false), "Lusha failed"),
        _ => failure(Class::Never, "Lusha refuses the request"),
    }
}

/// Whether a window is used up, by its header or by the message.
fn gone(reply: &Reply<'_>, header: &str, word: &str) -> bool {
    let says = || std::str::from_utf8(reply.body).is_ok_and(|text| text.to_lowercase().contains(word));
    match reply.header(header).and_then(|left| left.trim().parse::<i64>().ok()) {
        Some(left) => left <= 0,
        None => says(),
    }
}

#[cfg(test)]
mod tests;
