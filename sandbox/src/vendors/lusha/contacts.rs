//! `/v3/contacts/...`.

use serde_json::{Value, json};

use crate::vendors::lusha::companies::{chosen, with_pages};
use crate::vendors::lusha::records::{Contact, contact, contacts, find_company};
use crate::vendors::lusha::{
    Asking, EMAIL_CREDITS, PHONE_CREDITS, acceptable, failed, paging, referred, search_credits, wrong,
};
use crate::vendors::reply::{Receipt, Reply};

/// What of a contact is to be revealed.
#[derive(Clone, Copy)]
pub(super) struct Reveal {
    pub emails: bool,
    pub phones: bool,
}

impl Reveal {
    fn of(body: &Value) -> Result<Self, Reply> {
        let Some(wanted) = body.get("reveal").filter(|reveal| !reveal.is_null()) else {
            return Ok(Self { emails: true, phones: true });
        };
        let wanted = wanted.as_array().ok_or_else(|| wrong("reveal must be an array".into()))?;
        if wanted.iter().any(|one| !matches!(one.as_str(), Some("emails" | "phones"))) {
            return Err(wrong("each value in reveal must be one of: emails, phones".into()));
        }
        let has = |name: &str| wanted.iter().any(|one| one == name);
        Ok(Self { emails: has("emails"), phones: has("phones") })
    }
}

/// Search, and with `enrich` the addresses and numbers of whoever was found.
pub(super) fn search(asking: &Asking<'_>, enrich: bool) -> Result<Reply, Reply> {
    let items = asking.items("contacts")?;
    let reveal = Reveal::of(asking.body()?)?;
    let (mut results, mut receipt, mut found) = (vec![], Receipt::default(), 0);
    for (place, item) in items.iter().enumerate() {
        let Some(contact) = find(asking, item, place)? else {
            results.push(failed(item, "NOT_FOUND", "Contact not found"));
            continue;
        };
        found += 1;
        let result = if enrich { whole(asking, &contact, reveal, &mut receipt) } else { preview(asking, &contact) };
        results.push(referred(item, result));
    }
    receipt.credits += search_credits(found);
    Ok(asking.list(results, receipt))
}

/// Addresses and numbers of contacts that were found before.
pub(super) fn enrich(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let ids = asking.items("ids")?;
    let reveal = Reveal::of(asking.body()?)?;
    let (mut results, mut receipt) = (vec![], Receipt::default());
    for id in ids {
        match id.as_str().and_then(|id| contact(asking.world, id)) {
            Some(contact) => results.push(whole(asking, &contact, reveal, &mut receipt)),
            None => results.push(json!({ "id": id, "error": { "code": "NOT_FOUND", "message": "Contact not found" } })),
        }
    }
    Ok(asking.list(results, receipt))
}

/// Contacts by what they do and where they work.
pub(super) fn prospecting(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let body = asking.body()?;
    let filters = &body["filters"];
    if filters.get("contacts").or(filters.get("companies")).is_none() {
        return Err(wrong("filters must have contacts or companies".into()));
    }
    let (page, size) = paging(&body["pagination"], 1..=50)?;
    let found = filtered(asking, filters);
    let total = found.len();
    let results: Vec<Value> =
        found.iter().skip(page * size).take(size).map(|contact| preview(asking, contact)).collect();
    let receipt = Receipt { credits: search_credits(results.len()), ..Receipt::default() };
    let mut reply = asking.list(results, receipt);
    reply.body = with_pages(&reply.body, page, size, total);
    Ok(reply)
}

/// The contacts that filters keep.
pub(super) fn filtered<'a>(asking: &Asking<'a>, filters: &Value) -> Vec<Contact<'a>> {
    let companies = chosen(asking, &filters["companies"]["include"]);
    let people = companies.into_iter().flat_map(|company| contacts(asking.world, company));
    let (include, exclude) = (&filters["contacts"]["include"], &filters["contacts"]["exclude"]);
    people.filter(|one| !one.restricted && suits(one, include, true) && !suits(one, exclude, false)).collect()
}

/// Whether one of the titles, departments and seniorities of a filter is the contact's. `unasked` is what holds for a
/// filter that asks for nothing.
fn suits(contact: &Contact<'_>, filter: &Value, unasked: bool) -> bool {
    let job = contact.job();
    let has = |name: &str, of: &dyn Fn(&str) -> bool| match filter[name].as_array() {
        Some(wanted) if !wanted.is_empty() => Some(wanted.iter().filter_map(Value::as_str).any(of)),
        _ => None,
    };
    let title = contact.person.role.to_lowercase();
    let department = job["departments"][0].as_str().unwrap_or_default().to_lowercase();
    let seniority = job["seniority"].as_str().unwrap_or_default().to_lowercase();
    let asked = [
        has("jobTitles", &|wanted| alike(&title, &wanted.to_lowercase())),
        has("departments", &|wanted| wanted.to_lowercase() == department),
        has("seniority", &|wanted| wanted.to_lowercase() == seniority),
    ];
    let mut asked = asked.into_iter().flatten().peekable();
    if asked.peek().is_none() { unasked } else { asked.all(|suits| suits) }
}

/// Whether all words of the wanted title are in the title; what heads, leads or directs counts as the same.
fn alike(title: &str, wanted: &str) -> bool {
    let meaning = |word: &str| match word {
        "head" | "director" | "lead" | "chief" => "head",
        "ceo" => "executive",
        _ => "",
    };
    let has: Vec<&str> = title.split_whitespace().collect();
    let mut words = wanted.split_whitespace().filter(|word| *word != "of");
    words.all(|word| {
        has.iter().any(|own| {
            *own == word || (!meaning(word).is_empty() && meaning(word) == meaning(own)) || meaning(word) == *own
        })
    })
}

/// Whom an item means.
fn find<'a>(asking: &Asking<'a>, item: &Value, place: usize) -> Result<Option<Contact<'a>>, Reply> {
    let text = |name: &str| item[name].as_str().filter(|text| !text.trim().is_empty());
    if let Some(id) = text("id") {
        return Ok(contact(asking.world, id));
    }
    if let Some(url) = text("linkedinUrl") {
        let id = url.trim_end_matches('/').rsplit('-').next().unwrap_or_default();
        return Ok(contact(asking.world, id).filter(|contact| contact.profile() == url.trim_end_matches('/')));
    }
    if let Some(email) = text("email") {
        let company =
            email.split_once('@').and_then(|(_, domain)| find_company(asking.world, None, Some(domain), None));
        let people = company.map(|company| contacts(asking.world, company)).unwrap_or_default();
        return Ok(people.into_iter().find(|one| one.person.email.eq_ignore_ascii_case(email)));
    }
    let (domain, name) = (text("companyDomain"), text("companyName"));
    let (Some(first), Some(last), Some(_)) = (text("firstName"), text("lastName"), domain.or(name)) else {
        let kinds = "id, linkedinUrl, email, or firstName and lastName with companyName or companyDomain";
        return Err(wrong(format!("contacts.{place} must have {kinds}")));
    };
    if let Some(name) = name {
        acceptable(&format!("contacts.{place}.companyName"), name)?;
    }
    let company = find_company(asking.world, None, domain, name);
    let people = company.map(|company| contacts(asking.world, company)).unwrap_or_default();
    let full = format!("{first} {last}");
    Ok(people.into_iter().find(|one| one.person.name.eq_ignore_ascii_case(&full)))
}

fn preview(asking: &Asking<'_>, contact: &Contact<'_>) -> Value {
    let mut preview = contact.preview();
    let (mut has, mut can) = (vec![], vec![]);
    for (field, there, credits) in
        [("emails", contact.email.is_some(), EMAIL_CREDITS), ("phones", contact.phone.is_some(), PHONE_CREDITS)]
    {
        if there {
            let owned = asking.account.owned.contains(&thing(contact, field));
            has.push(field);
            can.push(json!({ "field": field, "credits": if owned { 0 } else { credits } }));
        }
    }
    preview["has"] = json!(has);
    preview["canReveal"] = json!(can);
    preview
}

/// What is bought: one kind of datum of one contact.
fn thing(contact: &Contact<'_>, field: &str) -> String {
    format!("contact:{}:{field}", contact.id)
}

/// The contact with what is to be revealed, each datum paid for once.
pub(super) fn whole(asking: &Asking<'_>, contact: &Contact<'_>, reveal: Reveal, receipt: &mut Receipt) -> Value {
    if contact.restricted {
        let error =
            json!({ "code": "COMPLIANCE_RESTRICTED", "message": "Contact cannot be shown for compliance reasons" });
        return json!({ "id": contact.id.to_string(), "error": error });
    }
    let mut whole = contact.preview();
    let mut pay = |field: &str, credits: u64| {
        let thing = thing(contact, field);
        let owned = asking.account.owned.contains(&thing) || receipt.things.iter().any(|(bought, _)| *bought == thing);
        let credits = if owned { 0 } else { credits };
        receipt.credits += credits;
        receipt.things.push((thing, credits));
    };
    if let Some(email) = contact.email.as_ref().filter(|_| reveal.emails) {
        pay("emails", EMAIL_CREDITS);
        whole["emails"] = json!([{ "email": email, "type": "work", "confidence": "A", "updateDate": "2026-09-14" }]);
    } else if reveal.emails {
        whole["emails"] = json!([]);
    }
    if let Some(phone) = contact.phone.as_ref().filter(|_| reveal.phones) {
        pay("phones", PHONE_CREDITS);
        whole["phones"] =
            json!([{ "number": phone, "type": "mobile", "doNotCall": false, "updateDate": "2026-09-14" }]);
    } else if reveal.phones {
        whole["phones"] = json!([]);
    }
    whole
}
