//! Which partner a company is, where a tenant had it before presdr: by its UEN, then by its domain. Never guessed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use presdr_events::CompanyId;
use presdr_rules::email_policy::registrable;
use serde_json::{Value, json};
use url::Url;

use crate::{fields::Fields, plan::Present};

/// Where a partner may have its number in the registry.
const UEN_FIELDS: [&str; 4] = ["x_uen", "company_registry", "ref", "vat"];

/// A company that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Which.
    pub company: CompanyId,
    /// Its number in the registry.
    pub uen: Option<String>,
    /// Its registrable domain.
    pub domain: Option<String>,
}

/// What was found of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Nothing: it is new.
    Nothing,
    /// This one.
    One(Present),
    /// So many that a person has to say which; and by what they were found.
    Many(usize, &'static str),
}

/// The domain of a search for partners that may be these companies. Contacts are left out: they share their company's numbers. A company may be
/// another's child.
#[must_use]
pub fn question(sought: &[Sought], fields: &Fields) -> Value {
    let uens: Vec<String> = sought.iter().filter_map(|one| one.uen.as_deref()).flat_map(spellings).collect();
    let domains: Vec<&str> = sought.iter().filter_map(|one| one.domain.as_deref()).collect();
    let mut terms = Vec::new();
    if !uens.is_empty() {
        terms.extend(uen_fields(fields).map(|field| json!([field, "in", uens])));
    }
    if !domains.is_empty() && fields.has("x_website_domain") {
        terms.push(json!(["x_website_domain", "in", domains]));
    }
    terms.extend(domains.iter().map(|domain| json!(["website", "ilike", domain])));
    let mut question = vec![json!("&"), json!("|"), json!(["parent_id", "=", false]), json!(["is_company", "=", true])];
    question.extend(std::iter::repeat_n(json!("|"), terms.len().saturating_sub(1)));
    question.extend(terms);
    Value::Array(question)
}

/// As people and their imports spell a UEN: those are looked for by index or hash, as a pattern would not be.
fn spellings(uen: &str) -> Vec<String> {
    let (upper, lower) = (uen.to_uppercase(), uen.to_lowercase());
    let prefixed = [format!("SG{upper}"), format!("sg{lower}"), upper, lower];
    prefixed.into_iter().flat_map(|uen| [format!(" {uen}"), format!("{uen} "), uen]).collect()
}

/// The fields that a search for partners asks for, beside those of the rows.
pub fn asked(fields: &Fields) -> impl Iterator<Item = &'static str> {
    uen_fields(fields)
        .chain(fields.has("x_website_domain").then_some("x_website_domain"))
        .chain(["website", "parent_id"])
}

/// Why the partner cannot be that company, in words; `None` when it can.
#[must_use]
pub fn objection(partner: &Present, uen: Option<&str>) -> Option<String> {
    let is_company = partner.field("is_company") == json!(true) || partner.field("parent_id").is_null();
    let of_another = |uen: &str| uens(partner).next().is_some() && !has_uen(partner, Some(uen));
    match uen {
        _ if !is_company => Some(format!("partner {} is a contact of a company", partner.id)),
        _ if partner.is_archived() => Some(format!("partner {} is archived: take it back there first", partner.id)),
        Some(uen) if of_another(uen) => {
            Some(format!("partner {} has the UEN of another company: correct it there first", partner.id))
        }
        _ => None,
    }
}

fn uen_fields(fields: &Fields) -> impl Iterator<Item = &'static str> {
    UEN_FIELDS.into_iter().filter(|field| !field.starts_with("x_") && *field != "company_registry" || fields.has(field))
}

/// Says of each company which of the partners it is. `taken` are partners that are known to be other companies of the tenant's. A partner that
/// two companies are found in by their domain is neither's: a person has to say.
#[must_use]
pub fn pick(sought: &[Sought], partners: &[Present], taken: &BTreeSet<i64>) -> BTreeMap<CompanyId, Found> {
    let free: Vec<&Present> = partners.iter().filter(|partner| !taken.contains(&partner.id)).collect();
    let mut found: BTreeMap<CompanyId, Found> = BTreeMap::new();
    let mut by_uen = BTreeSet::new();
    for one in sought {
        let same: Vec<&&Present> = free.iter().filter(|partner| has_uen(partner, one.uen.as_deref())).collect();
        by_uen.extend(same.iter().map(|partner| partner.id));
        if let Some(decided) = decided(&same, "UEN") {
            found.insert(one.company, decided);
        }
    }
    let mut claimed: BTreeMap<i64, Vec<CompanyId>> = BTreeMap::new();
    for one in sought.iter().filter(|one| !found.contains_key(&one.company)).collect::<Vec<_>>() {
        let candidates = free.iter().filter(|partner| !by_uen.contains(&partner.id) && uens(partner).next().is_none());
        let same: Vec<&&Present> = candidates.filter(|partner| has_domain(partner, one.domain.as_deref())).collect();
        if let [partner] = same[..] {
            claimed.entry(partner.id).or_default().push(one.company);
        }
        found.insert(one.company, decided(&same, "domain").unwrap_or(Found::Nothing));
    }
    for companies in claimed.values().filter(|companies| companies.len() > 1) {
        for company in companies {
            found.insert(*company, Found::Many(companies.len(), "domain, which several companies share"));
        }
    }
    found
}

fn decided(same: &[&&Present], by: &'static str) -> Option<Found> {
    match same {
        [] => None,
        [one] => Some(Found::One((**one).clone())),
        many => Some(Found::Many(many.len(), by)),
    }
}

/// The numbers of a registry that a partner carries: what does not look like one is some number of the tenant's own.
fn uens(partner: &Present) -> impl Iterator<Item = String> {
    let texts = UEN_FIELDS.into_iter().filter_map(|field| partner.field(field).as_str().map(normal));
    texts.filter(|text| is_uen(text))
}

fn has_uen(partner: &Present, uen: Option<&str>) -> bool {
    let Some(uen) = uen.map(normal) else { return false };
    UEN_FIELDS.into_iter().any(|field| partner.field(field).as_str().is_some_and(|text| normal(text) == uen))
}

fn normal(text: &str) -> String {
    let text = text.trim().to_uppercase();
    text.strip_prefix("SG").filter(|rest| is_uen(rest)).map(str::to_owned).unwrap_or(text)
}

/// Eight or nine digits and a letter, or `T08LL1234A`: the forms of a UEN.
fn is_uen(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends_well = bytes.last().is_some_and(u8::is_ascii_uppercase);
    let digits = |range: &[u8]| range.iter().all(u8::is_ascii_digit);
    match bytes.len() {
        9 => digits(&bytes[..8]) && ends_well,
        10 if bytes[0].is_ascii_digit() => digits(&bytes[..9]) && ends_well,
        10 => bytes[0].is_ascii_uppercase() && digits(&bytes[1..3]) && digits(&bytes[5..9]) && ends_well,
        _ => false,
    }
}

fn has_domain(partner: &Present, domain: Option<&str>) -> bool {
    let Some(domain) = domain else { return false };
    partner.field("x_website_domain").as_str() == Some(domain)
        || partner.field("website").as_str().and_then(host_of).is_some_and(|host| host == domain)
}

/// The registrable domain of a web site's address, however it was typed.
fn host_of(website: &str) -> Option<String> {
    let with_scheme = if website.contains("://") { website.to_owned() } else { format!("https://{website}") };
    registrable(Url::parse(&with_scheme).ok()?.host_str()?)
}

#[cfg(test)]
mod tests;
