//! `/v3/companies/...`.

use serde_json::{Value, json};

use crate::vendors::lusha::records::{company_id, company_preview, company_whole, find_company};
use crate::vendors::lusha::{Asking, COMPANY_CREDITS, acceptable, failed, paging, referred, search_credits, wrong};
use crate::vendors::reply::{Receipt, Reply};
use crate::vendors::world::Known;

/// What `reveal` may name.
const REVEALS: [&str; 7] = [
    "employeesByDepartment",
    "employeesByLocation",
    "employeesBySeniority",
    "competitors",
    "intent",
    "estimatedAnnualItSpend",
    "monthlyWebsiteTraffic",
];

/// Search, and with `enrich` everything about what was found.
pub(super) fn search(asking: &Asking<'_>, enrich: bool) -> Result<Reply, Reply> {
    let items = asking.items("companies")?;
    let (mut results, mut receipt, mut found) = (vec![], Receipt::default(), 0);
    for (place, item) in items.iter().enumerate() {
        let text = |name: &str| item[name].as_str().filter(|text| !text.trim().is_empty());
        let (id, domain, name) = (text("id"), text("domain"), text("name"));
        if id.or(domain).or(name).is_none() {
            return Err(wrong(format!("companies.{place} must have one of id, name, domain")));
        }
        if let Some(name) = name {
            acceptable(&format!("companies.{place}.name"), name)?;
        }
        let Some(company) = find_company(asking.world, id, domain, name) else {
            results.push(failed(item, "NOT_FOUND", "Company not found"));
            continue;
        };
        found += 1;
        results.push(referred(item, if enrich { reveal(company, &mut receipt) } else { preview(company) }));
    }
    if !enrich {
        receipt.credits = search_credits(found);
    }
    Ok(asking.list(results, receipt))
}

/// Everything about companies that were found before.
pub(super) fn enrich(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let ids = asking.items("ids")?;
    if let Some(unknown) = asking.body()?["reveal"].as_array().and_then(|reveals| {
        reveals.iter().find(|reveal| !reveal.as_str().is_some_and(|reveal| REVEALS.contains(&reveal)))
    }) {
        return Err(wrong(format!("reveal: {unknown} is not one of {}", REVEALS.join(", "))));
    }
    let (mut results, mut receipt) = (vec![], Receipt::default());
    for id in ids {
        match find_company(asking.world, id.as_str(), None, None).filter(|_| id.is_string()) {
            Some(company) => results.push(reveal(company, &mut receipt)),
            None => results.push(json!({ "id": id, "error": { "code": "NOT_FOUND", "message": "Company not found" } })),
        }
    }
    Ok(asking.list(results, receipt))
}

/// Companies by name or domain, or all.
pub(super) fn prospecting(asking: &Asking<'_>) -> Result<Reply, Reply> {
    let body = asking.body()?;
    let (page, size) = paging(&body["pagination"], 1..=50)?;
    let companies = chosen(asking, &body["filters"]["companies"]["include"]);
    let total = companies.len();
    let results: Vec<Value> = companies.into_iter().skip(page * size).take(size).map(preview).collect();
    let receipt = Receipt { credits: search_credits(results.len()), ..Receipt::default() };
    let mut reply = asking.list(results, receipt);
    reply.body = with_pages(&reply.body, page, size, total);
    Ok(reply)
}

/// The companies that a filter keeps: by name and domain where it has any, else all.
pub(super) fn chosen<'a>(asking: &Asking<'a>, include: &Value) -> Vec<&'a Known> {
    let texts = |name: &str| -> Vec<&str> {
        include[name].as_array().map(|all| all.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    };
    let (domains, names, ids) = (texts("domains"), texts("names"), texts("ids"));
    if domains.is_empty() && names.is_empty() && ids.is_empty() {
        let all = asking.world.companies().iter();
        return all
            .filter(|company| find_company(asking.world, Some(&company_id(company)), None, None).is_some())
            .collect();
    }
    let mut found: Vec<&Known> =
        ids.into_iter().filter_map(|id| find_company(asking.world, Some(id), None, None)).collect();
    found.extend(domains.into_iter().filter_map(|domain| find_company(asking.world, None, Some(domain), None)));
    found.extend(names.into_iter().filter_map(|name| find_company(asking.world, None, None, Some(name))));
    found.sort_by_key(|company| company.place);
    found.dedup_by_key(|company| company.place);
    found
}

/// The same answer with where it stands among all pages.
pub(super) fn with_pages(body: &str, page: usize, size: usize, total: usize) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap_or_default();
    body["pagination"] = json!({ "page": page, "size": size, "total": total });
    body.to_string()
}

fn preview(company: &Known) -> Value {
    let mut preview = company_preview(company);
    preview["has"] = json!(["technologies"]);
    preview["canReveal"] = json!([{ "field": "technologies", "credits": COMPANY_CREDITS }]);
    preview
}

fn reveal(company: &Known, receipt: &mut Receipt) -> Value {
    receipt.credits += COMPANY_CREDITS;
    receipt.things.push((format!("company:{}", company_id(company)), COMPANY_CREDITS));
    company_whole(company)
}
