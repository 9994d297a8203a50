//! Lusha: v3 companies and contacts (search, enrich, both, prospecting), account usage, and the commoner calls of v2.

mod companies;
mod contacts;
mod legacy;
mod records;

use std::time::{Duration, Instant};

use axum::http::Method;
use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::vendors::account::Account;
use crate::vendors::ids::Ids;
use crate::vendors::imitation::Imitation;
use crate::vendors::reply::{Ask, Receipt, Reply};
use crate::vendors::world::World;

/// How many items one request may hold.
const ITEMS_MAX: usize = 100;
/// How many found items one credit of a search is for.
const RESULTS_PER_CREDIT: u64 = 25;
/// What an address, a number and a company cost.
const EMAIL_CREDITS: u64 = 1;
const PHONE_CREDITS: u64 = 5;
const COMPANY_CREDITS: u64 = 1;
/// The windows with the names that headers give them.
const WINDOWS: [(&str, &str, &str, &str); 3] = [
    ("daily", "x-rate-limit-daily", "x-daily-requests-left", "x-daily-usage"),
    ("hourly", "x-rate-limit-hourly", "x-hourly-requests-left", "x-hourly-usage"),
    ("minute", "x-rate-limit-minute", "x-minute-requests-left", "x-minute-usage"),
];

/// The imitation of Lusha.
#[derive(Debug, Default)]
pub(crate) struct Lusha {
    ids: Ids,
}

/// An error in Lusha's form.
fn error(status: u16, message: &str, errors: &[String]) -> Reply {
    let mut body = json!({ "statusCode": status, "message": message });
    if !errors.is_empty() {
        body["errors"] = json!(errors);
    }
    Reply::json(status, &body)
}

/// A request that names its field wrongly.
fn wrong(problem: String) -> Reply {
    error(400, "Bad Request", &[problem])
}

/// What is done at which path: method, path, operation.
const ROUTES: [(Method, &str, &str); 17] = [
    (Method::POST, "/v3/companies/search", "companies_search"),
    (Method::POST, "/v3/companies/enrich", "companies_enrich"),
    (Method::POST, "/v3/companies/search-and-enrich", "companies"),
    (Method::POST, "/v3/companies/prospecting", "companies_prospecting"),
    (Method::POST, "/v3/contacts/search", "contacts_search"),
    (Method::POST, "/v3/contacts/enrich", "contacts_enrich"),
    (Method::POST, "/v3/contacts/search-and-enrich", "contacts"),
    (Method::POST, "/v3/contacts/prospecting", "contacts_prospecting"),
    (Method::GET, "/v3/account/usage", "usage"),
    (Method::GET, "/v2/company", "v2_company"),
    (Method::POST, "/v2/company", "v2_company"),
    (Method::POST, "/bulk/company/v2", "v2_company"),
    (Method::GET, "/v2/person", "v2_person"),
    (Method::POST, "/v2/person", "v2_person"),
    (Method::POST, "/prospecting/contact/search", "v2_contacts_search"),
    (Method::POST, "/prospecting/contact/enrich", "v2_contacts_enrich"),
    (Method::GET, "/account/usage", "v2_usage"),
];

impl Imitation for Lusha {
    fn operation(&self, ask: &Ask) -> Result<&'static str, Reply> {
        let known = ROUTES.iter().find(|(method, path, _)| *method == ask.method && *path == ask.path);
        known
            .map(|(_, _, operation)| *operation)
            .ok_or_else(|| error(404, &format!("Cannot {} {}", ask.method, ask.path), &[]))
    }

    fn key(&self, ask: &Ask) -> Option<String> {
        ask.header("api_key").map(str::to_owned)
    }

    fn refused(&self, _operation: &str, _ask: &Ask) -> Reply {
        error(401, "Invalid API key", &[])
    }

    fn limited(&self, operation: &str, _ask: &Ask, account: &mut Account, now: Instant) -> Option<Reply> {
        if operation.ends_with("usage") && account.window("usage").take(now, 1).is_err() {
            return Some(error(429, "Rate limit exceeded: 5 requests per minute for account usage", &[]));
        }
        for (name, message) in [
            ("daily", "Daily API rate limit exceeded"),
            ("hourly", "Hourly API rate limit exceeded"),
            ("minute", "Rate limit exceeded: too many requests per minute"),
            ("second", "Rate limit exceeded: too many requests per second"),
        ] {
            if account.window(name).take(now, 1).is_err() {
                return Some(error(429, message, &[]));
            }
        }
        None
    }

    fn rate_limit(&self, _wait: Duration) -> Reply {
        error(429, "Rate limit exceeded: too many requests per minute", &[])
    }

    fn quota(&self, _operation: &str) -> Reply {
        error(402, "Insufficient credits for this operation", &[])
    }

    fn server_error(&self, status: u16) -> Reply {
        error(status, "Internal server error", &[])
    }

    fn answer(&self, operation: &str, ask: &Ask, account: &Account, world: &World) -> Reply {
        let asking = Asking { ask, account, world, ids: &self.ids };
        let answered = match operation {
            "companies_search" | "companies" => companies::search(&asking, operation == "companies"),
            "companies_enrich" => companies::enrich(&asking),
            "companies_prospecting" => companies::prospecting(&asking),
            "contacts_search" | "contacts" => contacts::search(&asking, operation == "contacts"),
            "contacts_enrich" => contacts::enrich(&asking),
            "contacts_prospecting" => contacts::prospecting(&asking),
            "v2_company" => legacy::company(&asking),
            "v2_person" => legacy::person(&asking),
            "v2_contacts_search" => legacy::contacts_search(&asking),
            "v2_contacts_enrich" => legacy::contacts_enrich(&asking),
            "v2_usage" => Ok(Reply::json(200, &json!({ "usage": { "credits": credits(account) } }))),
            _ => Ok(Reply::json(200, &json!({}))), // the snapshot of the account is made with its windows, below
        };
        answered.unwrap_or_else(|refusal| refusal)
    }

    fn dress(&self, mut reply: Reply, operation: &str, account: &mut Account, now: Instant) -> Reply {
        if operation == "usage" && reply.status == 200 {
            reply.body = usage(account, now).to_string();
        }
        for (name, limit, left, used) in WINDOWS {
            let window = account.window(name);
            reply = reply.header(limit, window.limit().to_string());
            reply = reply.header(left, window.left().to_string()).header(used, window.used().to_string());
        }
        reply
    }
}

/// What an answer is made from.
struct Asking<'a> {
    ask: &'a Ask,
    account: &'a Account,
    world: &'a World,
    ids: &'a Ids,
}

impl Asking<'_> {
    /// The body, which must be an object.
    fn body(&self) -> Result<&Value, Reply> {
        let body = self.ask.json.as_ref().filter(|body| body.is_object());
        body.ok_or_else(|| error(400, "Bad Request", &["body must be a JSON object".to_owned()]))
    }

    /// The list of that name with 1 to 100 items.
    fn items(&self, name: &str) -> Result<&Vec<Value>, Reply> {
        let items = self.body()?[name].as_array().ok_or_else(|| wrong(format!("{name} must be an array")))?;
        match items.len() {
            0 => Err(wrong(format!("{name} must contain at least 1 elements"))),
            1..=ITEMS_MAX => Ok(items),
            _ => Err(wrong(format!("{name} must contain no more than {ITEMS_MAX} elements"))),
        }
    }

    /// A v3 list answer with its price.
    fn list(&self, results: Vec<Value>, receipt: Receipt) -> Reply {
        let returned = results.iter().filter(|result| result.get("error").is_none()).count();
        let body = json!({
            "requestId": self.ids.uuid(),
            "results": results,
            "billing": { "creditsCharged": receipt.credits, "resultsReturned": returned },
        });
        Reply::json(200, &body).receipt(receipt)
    }
}

/// An item that could not be served, inside an answer that is none the worse for it.
fn failed(item: &Value, code: &str, message: &str) -> Value {
    referred(item, json!({ "error": { "code": code, "message": message } }))
}

/// The same result with the reference of whoever asked.
fn referred(item: &Value, mut result: Value) -> Value {
    if let Some(reference) = item.get("clientReferenceId") {
        result["clientReferenceId"] = reference.clone();
    }
    result
}

/// What a search that found so much costs.
fn search_credits(found: usize) -> u64 {
    (found as u64).div_ceil(RESULTS_PER_CREDIT)
}

/// A company's name as Lusha takes it, or what is wrong with it.
fn acceptable(name: &str, text: &str) -> Result<(), Reply> {
    let fine = |letter: char| letter.is_alphanumeric() || letter == ' ' || ".,&-_()".contains(letter);
    if text.chars().all(fine) { Ok(()) } else { Err(wrong(format!("{name} contains invalid characters"))) }
}

/// `page` and `size` of a filter search.
fn paging(value: &Value, sizes: std::ops::RangeInclusive<u64>) -> Result<(usize, usize), Reply> {
    let page = value["page"].as_u64().unwrap_or(0);
    let size = value["size"].as_u64().unwrap_or(25);
    if page > 1_000 {
        return Err(wrong("pages.page must not be greater than 1000".into()));
    }
    if !sizes.contains(&size) {
        return Err(wrong(format!("pages.size must be between {} and {}", sizes.start(), sizes.end())));
    }
    Ok((page as usize, size as usize))
}

fn credits(account: &Account) -> Value {
    json!({ "total": account.granted, "used": account.spent, "remaining": account.left() })
}

/// The snapshot of the account.
fn usage(account: &mut Account, now: Instant) -> Value {
    let mut limits = json!({});
    for (name, ..) in WINDOWS {
        let window = account.window(name);
        let resets = Utc::now() + TimeDelta::from_std(window.resets_in(now)).unwrap_or_default();
        limits[name] = json!({
            "limit": window.limit(),
            "used": window.used(),
            "remaining": window.left(),
            "resetsAt": resets.to_rfc3339_opts(SecondsFormat::Millis, true),
        });
    }
    let price = |credits: u64, per: u64| json!({ "credits": credits, "perQuantity": per });
    json!({
        "credits": credits(account),
        "rateLimits": limits,
        "plan": { "category": "Scale" },
        "pricing": {
            "api_search": price(1, RESULTS_PER_CREDIT),
            "reveal_email": price(EMAIL_CREDITS, 1),
            "reveal_phone": price(PHONE_CREDITS, 1),
            "reveal_company": price(COMPANY_CREDITS, 1),
        },
    })
}
