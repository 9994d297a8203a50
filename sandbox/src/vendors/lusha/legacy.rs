//! Lusha v2, as far as people still use it: company, person, contact search with enrich.

use serde_json::{Value, json};

use crate::vendors::lusha::contacts::{Reveal, filtered, whole};
use crate::vendors::lusha::records::{Contact, band, company_id, contact, contacts, find_company};
use crate::vendors::lusha::{Asking, COMPANY_CREDITS, ITEMS_MAX, acceptable, error, paging, wrong};
use crate::vendors::reply::{Receipt, Reply};
use crate::vendors::world::Known;

/// `GET /v2/company` and `POST /v2/company`.
pub(super) fn company(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let mut receipt = Receipt::default();
    if asking.ask.method == axum::http::Method::GET {
        let field = |name: &str| asking.ask.field(name);
        let (id, domain, name) = (field("companyId"), field("domain"), field("company"));
        if id.or(domain).or(name).is_none() {
            return Err(wrong("one of domain, company, companyId is required".into()));
        }
        acceptable("company", name.unwrap_or_default())?;
        let company =
            find_company(asking.world, id, domain, name).ok_or_else(|| error(404, "Company not found", &[]))?;
        let body = json!({ "data": company_data(company, &mut receipt), "meta": {} });
        return Ok(Reply::json(200, &body).receipt(receipt));
    }
    let mut body = json!({});
    for item in asking.items("companies")? {
        let text = |name: &str| item[name].as_str();
        let reference = text("id").ok_or_else(|| wrong("companies.id must be a string".into()))?;
        let found = find_company(asking.world, text("companyId"), text("domain"), text("name"));
        body[reference] = found.map_or_else(|| json!({}), |company| company_data(company, &mut receipt));
    }
    Ok(Reply::json(200, &body).receipt(receipt))
}

fn company_data(company: &Known, receipt: &mut Receipt) -> Value {
    receipt.credits += COMPANY_CREDITS;
    receipt.things.push((format!("company:{}", company_id(company)), COMPANY_CREDITS));
    json!({
        "id": company_id(company),
        "name": company.brand,
        "domain": company.domain,
        "fqdn": company.domain.as_ref().map(|domain| format!("www.{domain}")),
        "employees": company.employees.map(|count| {
            let (low, high) = band(count);
            format!("{low} - {high}")
        }),
        "mainIndustry": company.trade,
        "description": company.pitch,
        "founded": company.year.map(|year| year.to_string()),
        "location": { "country": "Singapore", "countryIso2": "SG", "city": "Singapore" },
    })
}

/// `GET /v2/person` and `POST /v2/person`.
pub(super) fn person(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let mut receipt = Receipt::default();
    if asking.ask.method == axum::http::Method::GET {
        let field = |name: &str| asking.ask.field(name).map(str::to_owned);
        let full = field("firstName").zip(field("lastName")).map(|(first, last)| format!("{first} {last}"));
        let found =
            find(asking, field("personId"), field("email"), full, field("companyDomain"), field("companyName"))?;
        let body = json!({ "contact": answered(asking, found, &mut receipt) });
        return Ok(Reply::json(200, &body).receipt(receipt));
    }
    let mut people = json!({});
    for item in asking.items("contacts")? {
        let text = |name: &str| item[name].as_str().map(str::to_owned);
        let reference = text("contactId").ok_or_else(|| wrong("contacts.contactId must be a string".into()))?;
        let company = item["companies"][0].as_object().or(item["company"].as_object());
        let of = |name: &str| company.and_then(|company| company.get(name)?.as_str().map(str::to_owned));
        let found = find(asking, text("personId"), text("email"), text("fullName"), of("domain"), of("name"))?;
        people[reference] = answered(asking, found, &mut receipt);
    }
    Ok(Reply::json(200, &json!({ "contacts": people, "companies": {} })).receipt(receipt))
}

fn find<'a>(
    asking: &Asking<'a>,
    id: Option<String>,
    email: Option<String>,
    full: Option<String>,
    domain: Option<String>,
    name: Option<String>,
) -> Result<Option<Contact<'a>>, Reply> {
    if let Some(id) = id {
        return Ok(contact(asking.world, &id));
    }
    let of_email = email.as_deref().and_then(|email| email.split_once('@')).map(|(_, domain)| domain.to_owned());
    if email.is_none() && (full.is_none() || domain.as_ref().or(name.as_ref()).is_none()) {
        return Err(wrong("one of email, personId, or a full name with a company is required".into()));
    }
    let company = find_company(asking.world, None, of_email.or(domain).as_deref(), name.as_deref());
    let people = company.map(|company| contacts(asking.world, company)).unwrap_or_default();
    Ok(people.into_iter().find(|one| {
        email.as_ref().is_some_and(|email| one.person.email.eq_ignore_ascii_case(email))
            || full.as_ref().is_some_and(|full| one.person.name.eq_ignore_ascii_case(full))
    }))
}

fn answered(asking: &Asking<'_>, found: Option<Contact<'_>>, receipt: &mut Receipt) -> Value {
    let Some(contact) = found.filter(|contact| !contact.restricted) else {
        let error = json!({ "code": 3, "name": "EMPTY_DATA", "message": "Could not find requested data" });
        return json!({ "error": error, "isCreditCharged": false, "data": null });
    };
    let before = receipt.credits;
    let data = data(asking, &contact, receipt);
    json!({ "error": null, "isCreditCharged": receipt.credits > before, "data": data })
}

/// The contact in v2's words.
fn data(asking: &Asking<'_>, contact: &Contact<'_>, receipt: &mut Receipt) -> Value {
    let revealed = whole(asking, contact, Reveal { emails: true, phones: true }, receipt);
    let list = |name: &str| revealed[name].as_array().cloned().unwrap_or_default();
    let emails: Vec<Value> = list("emails")
        .iter()
        .map(|one| json!({ "email": one["email"], "emailType": "work", "emailConfidence": "A" }))
        .collect();
    let phones: Vec<Value> = list("phones")
        .iter()
        .map(|one| json!({ "number": one["number"], "phoneType": "mobile", "doNotCall": false }))
        .collect();
    json!({
        "personId": contact.id.to_string(),
        "firstName": revealed["firstName"],
        "lastName": revealed["lastName"],
        "fullName": revealed["fullName"],
        "jobTitle": { "title": contact.person.role },
        "emailAddresses": emails,
        "phoneNumbers": phones,
        "companyId": company_id(contact.company),
        "company": { "name": contact.company.brand, "domain": contact.company.domain },
        "socialLinks": revealed["socialLinks"],
    })
}

/// `POST /prospecting/contact/search`.
pub(super) fn contacts_search(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let body = asking.body()?;
    let (page, size) = paging(&body["pages"], 10..=50)?;
    let found = filtered(asking, &body["filters"]);
    let request = asking.ids.uuid();
    let total = found.len();
    let shown: Vec<Value> = found
        .iter()
        .skip(page * size)
        .take(size)
        .map(|one| {
            json!({
                "contactId": one.id.to_string(),
                "name": one.person.name,
                "jobTitle": one.person.role,
                "companyName": one.company.brand,
                "fqdn": one.company.domain,
                "isShown": false,
                "hasWorkEmail": one.email.is_some(),
                "hasMobilePhone": one.phone.is_some(),
            })
        })
        .collect();
    let receipt = Receipt { things: vec![(format!("search:{request}"), 0)], ..Receipt::default() };
    let body = json!({
        "requestId": request,
        "currentPage": page,
        "pageLength": shown.len(),
        "totalResults": total,
        "contacts": shown,
    });
    Ok(Reply::json(200, &body).receipt(receipt))
}

/// `POST /prospecting/contact/enrich`, which needs the id of the search.
pub(super) fn contacts_enrich(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let body = asking.body()?;
    let request = body["requestId"].as_str().ok_or_else(|| wrong("requestId must be a string".into()))?;
    if !asking.account.owned.contains(&format!("search:{request}")) {
        return Err(error(412, "requestId is unknown or has expired", &[]));
    }
    let ids = body["contactIds"].as_array().filter(|ids| (1..=ITEMS_MAX).contains(&ids.len()));
    let ids = ids.ok_or_else(|| wrong("contactIds must contain 1 to 100 elements".into()))?;
    let mut receipt = Receipt::default();
    let contacts: Vec<Value> = ids
        .iter()
        .map(|id| match id.as_str().and_then(|id| contact(asking.world, id)).filter(|one| !one.restricted) {
            Some(contact) => {
                json!({ "id": id, "isSuccess": true, "data": data(asking, &contact, &mut receipt) })
            }
            None => json!({ "id": id, "isSuccess": false, "error": "EMPTY_DATA" }),
        })
        .collect();
    let body = json!({ "requestId": request, "contacts": contacts, "billing": { "creditsCharged": receipt.credits } });
    Ok(Reply::json(200, &body).receipt(receipt))
}
