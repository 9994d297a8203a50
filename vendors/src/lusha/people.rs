//! People: who works at a company, and their addresses.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CREDITS_EACH, DAY, billed, charged, check, credits, id, plain, post, priced, results};
use crate::{Answered, BatchCall, Call, Charge, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor, text};

/// Addresses, and phone numbers, that are kept of a person.
const REACHED_BY_MAX: usize = 10;
/// People in one reveal.
pub const REVEAL_MAX: usize = 100;

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
        let asked_for = usize::try_from(self.size).unwrap_or(usize::MAX);
        let answer: Vec<Person> = results(&body).iter().filter_map(person).take(asked_for).collect();
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
        let total = billed(&body).unwrap_or_else(|| Decimal::from(found));
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
            .filter_map(text::id)
            .take(REACHED_BY_MAX)
            .collect()
    };
    let mut emails: Vec<ContactEmail> =
        item["emails"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(email).collect();
    emails.sort_by_key(|email| email.kind.as_deref() != Some("work"));
    emails.truncate(REACHED_BY_MAX);
    let said = |name: &str| item[name].as_str().and_then(text::name);
    let profile = item["linkedinUrl"].as_str().filter(|url| !url.is_empty());
    Some(Contact {
        id: id(&item["id"])?,
        name: full_name(item),
        first_name: said("firstName"),
        last_name: said("lastName"),
        title: title(item),
        emails,
        phones: texts(&item["phones"], &["number", "phone"]),
        profile: profile.or_else(|| item["socialLinks"]["linkedin"].as_str()).and_then(text::link),
    })
}

fn email(item: &Value) -> Option<ContactEmail> {
    let address = item.as_str().or_else(|| item["email"].as_str()).or_else(|| item["address"].as_str())?;
    let kind = item["type"].as_str().or_else(|| item["emailType"].as_str()).and_then(text::name);
    let confidence = item["confidence"].as_str().or_else(|| item["emailConfidence"].as_str()).and_then(text::name);
    Some(ContactEmail { address: text::address(address)?, kind: kind.map(|kind| kind.to_lowercase()), confidence })
}

fn full_name(item: &Value) -> Option<String> {
    let whole = item["name"].as_str().or_else(|| item["fullName"].as_str()).map(str::to_owned);
    let parts = || {
        let parts: Vec<&str> = ["firstName", "lastName"].iter().filter_map(|name| item[*name].as_str()).collect();
        parts.join(" ")
    };
    text::name(&whole.unwrap_or_else(parts))
}

fn title(item: &Value) -> Option<String> {
    let job = &item["jobTitle"];
    let title = job.as_str().or_else(|| job["title"].as_str()).or_else(|| item["job"]["title"].as_str());
    title.and_then(text::name)
}
