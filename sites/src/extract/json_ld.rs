//! Structured data in JSON-LD (<https://schema.org>): the organisation, its contacts, its people and its jobs.

use serde_json::Value;

use super::findings::{FoundPerson, Organisation};

/// What the JSON-LD of a page holds, in page order.
#[derive(Default)]
pub(super) struct JsonLd {
    pub(super) organisation: Option<Organisation>,
    /// Name of the web site, where it is described as such.
    pub(super) site_name: Option<String>,
    pub(super) emails: Vec<String>,
    pub(super) phones: Vec<String>,
    pub(super) people: Vec<FoundPerson>,
    pub(super) job_postings: u32,
}

/// Reads the JSON-LD blocks of a page. A block that is no JSON is left out, as search engines do.
pub(super) fn read(blocks: &[&str]) -> JsonLd {
    /// No honest block is larger.
    const BLOCK_BYTES_MAX: usize = 1 << 20;
    let mut found = JsonLd::default();
    for block in blocks.iter().filter(|block| block.len() <= BLOCK_BYTES_MAX) {
        let block = block.trim().trim_start_matches("<!--").trim_start_matches("//<![CDATA[").trim_end_matches("-->");
        if let Ok(value) = serde_json::from_str::<Value>(block.trim_end_matches("//]]>").trim()) {
            found.visit(&value, false);
        }
    }
    found
}

impl JsonLd {
    /// Walks the whole value; `serde_json` has already refused to nest deeper than 128.
    fn visit(&mut self, value: &Value, is_within_job: bool) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.visit(item, is_within_job)),
            Value::Object(fields) => {
                let kind = kind(value);
                self.visit_node(value, kind, is_within_job);
                let is_within_job = is_within_job || kind == Kind::Job;
                // What is reviewed, written or offered by others is not the company.
                let children =
                    fields.iter().filter(|(key, _)| !matches!(key.as_str(), "review" | "reviews" | "author"));
                children.for_each(|(_, child)| self.visit(child, is_within_job));
            }
            _ => {}
        }
    }

    fn visit_node(&mut self, node: &Value, kind: Kind, is_within_job: bool) {
        match kind {
            Kind::Organisation if !is_within_job => self.add_organisation(node),
            Kind::Person => self.people.extend(person(node)),
            Kind::Job => self.job_postings += 1,
            Kind::WebSite if self.site_name.is_none() => self.site_name = text(node, "name"),
            _ => {}
        }
        for (key, found) in [("email", &mut self.emails), ("telephone", &mut self.phones)] {
            match node.get(key) {
                Some(Value::Array(items)) => found.extend(items.iter().filter_map(Value::as_str).map(str::to_owned)),
                Some(value) => found.extend(value.as_str().map(str::to_owned)),
                None => {}
            }
        }
    }

    /// The first organisation is the site's; later mentions of it fill what it left open.
    fn add_organisation(&mut self, node: &Value) {
        let found = organisation(node);
        let Some(known) = &mut self.organisation else {
            self.organisation = Some(found);
            return;
        };
        if known.name.is_some() && found.name.is_some() && known.name != found.name {
            return;
        }
        known.name = known.name.take().or(found.name);
        known.legal_name = known.legal_name.take().or(found.legal_name);
        known.url = known.url.take().or(found.url);
        known.founding_date = known.founding_date.take().or(found.founding_date);
        known.employees = known.employees.or(found.employees);
        known.country = known.country.take().or(found.country);
        known.description = known.description.take().or(found.description);
        known.same_as.extend(found.same_as);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Organisation,
    Person,
    Job,
    WebSite,
    Other,
}

fn kind(node: &Value) -> Kind {
    let types: Vec<&str> = match node.get("@type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Kind::Other,
    };
    let names = |known: &[&str]| types.iter().any(|kind| known.contains(&kind.rsplit('/').next().unwrap_or(kind)));
    if names(&["JobPosting"]) {
        Kind::Job
    } else if names(&["Person"]) {
        Kind::Person
    } else if names(&["WebSite"]) {
        Kind::WebSite
    } else if types.iter().any(|kind| is_organisation(kind)) {
        Kind::Organisation
    } else {
        Kind::Other
    }
}

/// Organisation and the commoner of its many subtypes, most of which end in one of a few words.
fn is_organisation(kind: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "Organization",
        "Business",
        "Store",
        "Corporation",
        "Company",
        "Service",
        "Agency",
        "Agent",
        "Contractor",
        "Clinic",
        "Hospital",
        "Restaurant",
    ];
    const OTHERS: [&str; 10] =
        ["Hotel", "School", "Dentist", "Attorney", "Electrician", "Plumber", "Physician", "Resort", "NGO", "Brand"];
    // A Service as such is something on offer; one like LegalService is a kind of business.
    kind != "Service" && (ENDINGS.iter().any(|ending| kind.ends_with(ending)) || OTHERS.contains(&kind))
}

fn organisation(node: &Value) -> Organisation {
    Organisation {
        name: text(node, "name"),
        legal_name: text(node, "legalName"),
        url: text(node, "url"),
        same_as: texts(node.get("sameAs")),
        founding_date: text(node, "foundingDate"),
        employees: node.get("numberOfEmployees").and_then(employees),
        country: country(node.get("address")),
        description: text(node, "description"),
    }
}

fn text(node: &Value, key: &str) -> Option<String> {
    let value = node.get(key)?;
    let value =
        value.as_str().or_else(|| value.get("@value").and_then(Value::as_str)).or_else(|| value.get(0)?.as_str())?;
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    (!value.is_empty()).then_some(value)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// `25`, `"25"`, `"11-50"`, `{"value": 25}` or `{"minValue": 11, "maxValue": 50}`.
fn employees(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => {
            let digits: String = text
                .chars()
                .filter(|c| *c != ',')
                .skip_while(|c| !c.is_ascii_digit())
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse().ok()
        }
        Value::Object(_) => value.get("value").or_else(|| value.get("minValue")).and_then(|value| match value {
            Value::Object(_) => None,
            value => employees(value),
        }),
        _ => None,
    }
}

fn country(address: Option<&Value>) -> Option<String> {
    let address = match address? {
        Value::Array(items) => items.first()?,
        address => address,
    };
    let country = address.get("addressCountry")?;
    country.as_str().map(str::to_owned).or_else(|| text(country, "name"))
}

fn person(node: &Value) -> Option<FoundPerson> {
    let profile_url = texts(node.get("sameAs")).into_iter().find(|url| url.contains("linkedin.com/in/"));
    let role_title = text(node, "jobTitle")?;
    Some(FoundPerson { name: text(node, "name")?, role_title: Some(role_title), profile_url })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_is_read_from_a_graph() {
        let found = read(&[r#"{"@context": "https://schema.org", "@graph": [
            {"@type": "WebSite", "name": "Kopi"},
            {"@type": ["LocalBusiness", "Restaurant"], "name": "Kopi  House", "legalName": "Kopi House Pte. Ltd.",
             "foundingDate": "2011", "numberOfEmployees": {"@type": "QuantitativeValue", "minValue": 11, "maxValue": 50},
             "address": {"@type": "PostalAddress", "addressCountry": "SG"}, "sameAs": ["https://www.linkedin.com/company/kopi"],
             "contactPoint": {"@type": "ContactPoint", "telephone": "+65 6123 4567", "email": "info@kopi.example"}},
            {"@type": "JobPosting", "title": "Barista", "hiringOrganization": {"@type": "Organization", "name": "Other"}}]}"#]);
        let organisation = found.organisation.unwrap();
        assert_eq!(organisation.name.as_deref(), Some("Kopi House"));
        assert_eq!(organisation.legal_name.as_deref(), Some("Kopi House Pte. Ltd."));
        assert_eq!((organisation.employees, organisation.country.as_deref()), (Some(11), Some("SG")));
        assert_eq!(
            (found.emails, found.phones),
            (vec!["info@kopi.example".to_owned()], vec!["+65 6123 4567".to_owned()])
        );
        assert_eq!((found.job_postings, found.site_name.as_deref()), (1, Some("Kopi")));
    }

    #[test]
    fn a_block_that_is_no_json_is_left_out() {
        assert!(read(&["{", "", "null", "[[[]]]", r#"{"@type": 7}"#]).organisation.is_none());
    }
}
