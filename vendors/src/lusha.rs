//! Lusha (API v3): knows companies and people. <https://docs.lusha.com>, read November 2026.

use std::{fmt, time::Duration};

use reqwest::header::HeaderName;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Answered, BatchCall, Call, Charge, Class, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor, wire,
};

/// People in one reveal.
pub const REVEAL_MAX: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);
const KEY_HEADER: HeaderName = HeaderName::from_static("api_key");
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
    let said = |name: &str| item[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let count = |name: &str| item["employeeCount"][name].as_u64().and_then(|count| u32::try_from(count).ok());
    Some(CompanyFacts {
        id: id(&item["id"])?,
        name: said("name"),
        domain: said("domain").map(|domain| domain.to_lowercase()),
        employees: count("exact"),
        employees_range: count("min").map(|min| (min, count("max"))),
        industry: said("industry"),
        country: item["location"]["countryIso2"].as_str().map(str::to_owned),
        technologies: item["technologies"].as_array().map_or_else(Vec::new, |names| {
            names.iter().filter_map(|name| name.as_str().or_else(|| name["name"].as_str()).map(str::to_owned)).collect()
        }),
    })
}

/// Which company people are looked for at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The company at a domain.
    Domain(String),
    /// The company with Lusha's id.
    Id(String),
    /// The company of a name.
    Name(String),
}

/// Looks for people at a company, by title. Tells who there is, without addresses.
#[derive(Debug, Clone)]
pub struct PeopleSearch {
    at: At,
    titles: Vec<String>,
    size: u32,
}

impl PeopleSearch {
    /// Up to `size` people (10 to 50, as Lusha has it) whose title is one of `titles`; anybody when there are none.
    #[must_use]
    pub fn new(at: At, titles: impl IntoIterator<Item = impl Into<String>>, size: u32) -> Self {
        let at = match at {
            At::Domain(domain) => At::Domain(domain.trim().to_lowercase()),
            At::Name(name) => At::Name(plain(&name)),
            At::Id(id) => At::Id(id),
        };
        Self { at, titles: titles.into_iter().map(Into::into).collect(), size: size.clamp(10, 50) }
    }

    fn filters(&self) -> Value {
        let company = match &self.at {
            At::Domain(domain) => json!({"domains": [domain]}),
            At::Name(name) => json!({"names": [name]}),
            At::Id(id) => json!({"ids": [id]}),
        };
        let mut filters = json!({"companies": {"include": company}});
        if !self.titles.is_empty() {
            filters["contacts"] = json!({"include": {"jobTitles": self.titles}});
        }
        filters
    }
}

/// A person at a company. Not printed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Lusha's own id: asks for the address.
    pub id: String,
    /// The whole name.
    #[serde(default)]
    pub name: Option<String>,
    /// Title in the company.
    #[serde(default)]
    pub title: Option<String>,
    /// What can be revealed: `emails`, `phones`.
    #[serde(default)]
    pub has: Vec<String>,
}

impl Call for PeopleSearch {
    const VENDOR: Vendor = Vendor::Lusha;
    const OPERATION: &'static str = "people";
    type Answer = Vec<Person>;

    fn canonical(&self) -> Vec<u8> {
        let mut titles: Vec<String> = self.titles.iter().map(|title| title.to_lowercase()).collect();
        titles.sort();
        json!({"at": format!("{:?}", self.at), "titles": titles, "size": self.size}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        // A search is charged per 25 results.
        credits(prices, i64::from(self.size.div_ceil(25)) * CREDITS_EACH)
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        let body = json!({"pagination": {"page": 0, "size": self.size}, "filters": self.filters()});
        post(endpoint, "/v3/contacts/prospecting", &body)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Vec<Person>>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let answer: Vec<Person> = results(&body).iter().filter_map(person).collect();
        let charge = charged(&body, prices, i64::try_from(answer.len().div_ceil(25)).unwrap_or(i64::MAX))?;
        Ok(Answered { answer, charge, fresh_for: 30 * DAY })
    }
}

fn person(item: &Value) -> Option<Person> {
    let named = |name: &str| item["has"].as_array().is_some_and(|has| has.iter().any(|known| known == name));
    Some(Person {
        id: id(&item["id"])?,
        name: full_name(item),
        title: title(item),
        has: ["emails", "phones"].into_iter().filter(|name| named(name)).map(str::to_owned).collect(),
    })
}

/// Asks for the addresses of people, by Lusha's ids. Each person is bought once and kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reveal;

/// A person with addresses. Not printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Lusha's own id.
    pub id: String,
    /// The whole name.
    #[serde(default)]
    pub name: Option<String>,
    /// First name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// Title in the company.
    #[serde(default)]
    pub title: Option<String>,
    /// Addresses, business ones first.
    #[serde(default)]
    pub emails: Vec<ContactEmail>,
    /// Phone numbers, as Lusha writes them.
    #[serde(default)]
    pub phones: Vec<String>,
    /// Link to a profile.
    #[serde(default)]
    pub profile: Option<String>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(…)")
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person(…)")
    }
}

/// An address of a person. Not printed.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactEmail {
    /// The address.
    pub address: String,
    /// `work`, `private`, …, as Lusha says.
    #[serde(default)]
    pub kind: Option<String>,
    /// How sure Lusha is, as it says: `A+`, `A`, `B`, ….
    #[serde(default)]
    pub confidence: Option<String>,
}

impl BatchCall for Reveal {
    const VENDOR: Vendor = Vendor::Lusha;
    const OPERATION: &'static str = "reveal";
    const THINGS_MAX: usize = REVEAL_MAX;
    /// Lusha's id of a person.
    type Thing = String;
    /// `None` when Lusha may not, or cannot, tell.
    type Answer = Option<Contact>;

    fn canonical(&self, id: &String) -> Vec<u8> {
        json!({"id": id, "reveal": ["emails"]}).to_string().into_bytes()
    }

    fn worst_case(&self, _: &String, prices: &Prices) -> Result<Charge, Unpriced> {
        credits(prices, CREDITS_EACH)
    }

    fn request(&self, ids: &[&String], endpoint: &Endpoint) -> RequestSpec {
        // Phones cost five times as much, and nobody asked for them.
        post(endpoint, "/v3/contacts/enrich", &json!({"ids": ids, "reveal": ["emails"]}))
    }

    fn read(
        &self,
        ids: &[&String],
        reply: &Reply<'_>,
        prices: &Prices,
    ) -> Result<Vec<Option<Answered<Self::Answer>>>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let items = results(&body);
        let answers: Vec<Option<Contact>> = ids
            .iter()
            .map(|wanted| items.iter().find(|item| id(&item["id"]).as_ref() == Some(*wanted)).and_then(contact))
            .collect();
        let found = answers.iter().filter(|answer| answer.is_some()).count();
        // The bill is for all of them: what is charged is shared by those who were found, the rest of a division goes to the first.
        let total = number(&body["billing"]["creditsCharged"]).unwrap_or_else(|| Decimal::from(found));
        let mut shares = shares(total, found).into_iter();
        answers
            .into_iter()
            .map(|answer| {
                let share = if answer.is_some() { shares.next().unwrap_or_default() } else { Decimal::ZERO };
                let charge = priced(prices, share, answer.is_some())?;
                Ok(Some(Answered { answer, charge, fresh_for: 90 * DAY }))
            })
            .collect()
    }
}

/// `total` in `count` parts, as even as whole credits allow.
fn shares(total: Decimal, count: usize) -> Vec<Decimal> {
    let parts = Decimal::from(count.max(1));
    let each = (total / parts).floor();
    let first = total - each * (parts - Decimal::ONE);
    (0..count).map(|place| if place == 0 { first } else { each }).collect()
}

fn contact(item: &Value) -> Option<Contact> {
    if item.get("error").is_some_and(|error| !error.is_null()) {
        return None;
    }
    let texts = |list: &Value, names: &[&str]| -> Vec<String> {
        let all = list.as_array().map_or(&[][..], Vec::as_slice);
        all.iter()
            .filter_map(|item| item.as_str().or_else(|| names.iter().find_map(|name| item[*name].as_str())))
            .map(str::to_owned)
            .collect()
    };
    let mut emails: Vec<ContactEmail> =
        item["emails"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(email).collect();
    emails.sort_by_key(|email| email.kind.as_deref() != Some("work"));
    let said = |name: &str| item[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Contact {
        id: id(&item["id"])?,
        name: full_name(item),
        first_name: said("firstName"),
        last_name: said("lastName"),
        title: title(item),
        emails,
        phones: texts(&item["phones"], &["number", "phone"]),
        profile: said("linkedinUrl").or_else(|| item["socialLinks"]["linkedin"].as_str().map(str::to_owned)),
    })
}

fn email(item: &Value) -> Option<ContactEmail> {
    let address = item.as_str().or_else(|| item["email"].as_str()).or_else(|| item["address"].as_str())?;
    let kind = item["type"].as_str().or_else(|| item["emailType"].as_str()).map(str::to_lowercase);
    let confidence = item["confidence"].as_str().or_else(|| item["emailConfidence"].as_str()).map(str::to_owned);
    Some(ContactEmail { address: address.to_owned(), kind, confidence })
}

fn full_name(item: &Value) -> Option<String> {
    let whole = item["name"].as_str().or_else(|| item["fullName"].as_str()).map(str::to_owned);
    let parts = || {
        let parts: Vec<&str> = ["firstName", "lastName"].iter().filter_map(|name| item[*name].as_str()).collect();
        parts.join(" ")
    };
    Some(whole.unwrap_or_else(parts)).filter(|name| !name.trim().is_empty())
}

fn title(item: &Value) -> Option<String> {
    let job = &item["jobTitle"];
    let title = job.as_str().or_else(|| job["title"].as_str()).or_else(|| item["job"]["title"].as_str());
    title.filter(|title| !title.is_empty()).map(str::to_owned)
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
    priced(prices, number(&body["billing"]["creditsCharged"]).unwrap_or_else(|| listed.into()), true)
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
    value.as_str().map(str::to_owned).or_else(|| value.as_number().map(ToString::to_string))
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
        499 | 500..=599 => failure(wire::retry_after(reply, false), "Lusha failed"),
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
