//! ZeroBounce v2: `/validate`, `/validatebatch`, `/getcredits`, `/getapiusage`. Files are not imitated.

mod usage;
mod verdict;

use std::time::{Duration, Instant};

use axum::http::Method;
use chrono::Utc;
use serde_json::{Value, json};

use crate::vendors::account::Account;
use crate::vendors::imitation::Imitation;
use crate::vendors::reply::{Ask, Receipt, Reply};
use crate::vendors::world::World;
use verdict::{Verdict, verdict};

/// One message for a bad key and for no credits.
const KEY_OR_CREDITS: &str = "Invalid API key or your account ran out of credits";
/// How many addresses a batch may hold.
const BATCH_MAX: usize = 200;
/// With more unknown addresses than this a batch counts as odd.
const ODD_UNKNOWNS: usize = 20;

/// The imitation of ZeroBounce.
#[derive(Debug, Default)]
pub(crate) struct ZeroBounce;

impl Imitation for ZeroBounce {
    fn operation(&self, ask: &Ask) -> Result<&'static str, Reply> {
        let (get, post) = (ask.method == Method::GET, ask.method == Method::POST);
        match ask.path.as_str() {
            "/v2/validate" if get || post => Ok("validate"),
            "/v2/validatebatch" if post => Ok("validatebatch"),
            "/v2/getcredits" if get => Ok("getcredits"),
            "/v2/getapiusage" if get => Ok("getapiusage"),
            "/v2/validate" | "/v2/validatebatch" | "/v2/getcredits" | "/v2/getapiusage" => {
                Err(Reply::html(405, "Method Not Allowed"))
            }
            _ => Err(Reply::html(404, "Not Found")),
        }
    }

    fn key(&self, ask: &Ask) -> Option<String> {
        // A batch with a numeric time limit is answered as if its key were wrong.
        let numeric = ask.json.as_ref().is_some_and(|json| json["timeout"].is_number());
        let named =
            ask.json.as_ref().and_then(|json| json["api_key"].as_str()).filter(|_| ask.path == "/v2/validatebatch");
        named
            .filter(|_| !numeric)
            .or_else(|| ask.field("api_key").filter(|_| ask.path != "/v2/validatebatch"))
            .map(str::to_owned)
    }

    fn refused(&self, operation: &str, _ask: &Ask) -> Reply {
        match operation {
            "getcredits" => Reply::json(200, &json!({ "Credits": "-1" })),
            "validatebatch" => Reply::json(
                200,
                &json!({ "email_batch": [], "errors": [{ "error": KEY_OR_CREDITS, "email_address": "all" }] }),
            ),
            _ => Reply::json(200, &json!({ "error": KEY_OR_CREDITS })),
        }
    }

    fn limited(&self, operation: &str, _ask: &Ask, account: &mut Account, now: Instant) -> Option<Reply> {
        let window = match operation {
            "validate" => "validate",
            "validatebatch" => "batch",
            _ => "credits",
        };
        let bad = account.window("bad_requests").closed(now, 0);
        let odd = account.window("odd_batches").closed(now, 0);
        let wait = bad.or(odd).or_else(|| account.window(window).take(now, 1).err());
        wait.map(|wait| self.rate_limit(wait))
    }

    fn rate_limit(&self, _wait: Duration) -> Reply {
        Reply::json(429, &json!({ "error": "Too many requests. Your access is temporarily blocked." }))
    }

    fn quota(&self, operation: &str) -> Reply {
        match operation {
            "getcredits" => Reply::json(200, &json!({ "Credits": "0" })),
            "validatebatch" => Reply::json(
                200,
                &json!({ "email_batch": [], "errors": [{ "error": KEY_OR_CREDITS, "email_address": "all" }] }),
            ),
            _ => Reply::json(200, &json!({ "error": KEY_OR_CREDITS })),
        }
    }

    fn server_error(&self, status: u16) -> Reply {
        Reply::html(status, "Server Error")
    }

    fn answer(&self, operation: &str, ask: &Ask, account: &Account, world: &World) -> Reply {
        match operation {
            "getcredits" => Reply::json(200, &json!({ "Credits": account.left().to_string() })),
            "getapiusage" => usage::answer(ask, account),
            "validate" => validate(ask, world),
            _ => batch(ask, world),
        }
    }

    fn dress(&self, reply: Reply, operation: &str, account: &mut Account, now: Instant) -> Reply {
        if reply.status == 400 {
            let window = account.window("bad_requests");
            window.closed(now, 0); // the minute that this one counts for has begun
            window.count(1);
        }
        let unknown = |(name, _): &&(String, u64)| name == "status_unknown";
        let receipt = reply.receipt.as_deref();
        let unknowns = receipt.map_or(0, |receipt| receipt.tally.iter().filter(unknown).count());
        if operation == "validatebatch" && unknowns > ODD_UNKNOWNS {
            let window = account.window("odd_batches");
            window.closed(now, 0);
            window.count(1);
        }
        reply
    }
}

fn missing(parameter: &str) -> Reply {
    Reply::json(400, &json!({ "error": format!("Missing parameter: {parameter}.") }))
}

fn validate(ask: &Ask, world: &World) -> Reply {
    let Some(email) = ask.field("email").map(str::trim).filter(|email| !email.is_empty()) else {
        return missing("email");
    };
    let seconds = ask.field("timeout").map(str::parse::<u32>);
    if seconds.is_some_and(|seconds| !seconds.is_ok_and(|seconds| (3..=60).contains(&seconds))) {
        return Reply::json(400, &json!({ "error": "Invalid timeout: must be between 3 and 60." }));
    }
    let told = verdict(world, email);
    let mut body = result(email, &told, ask.field("ip_address"));
    if ask.field("activity_data") == Some("true") {
        body["active_in_days"] = told.active_in_days();
    }
    Reply::json(200, &body).receipt(receipt(&[(email.to_owned(), told)]))
}

fn batch(ask: &Ask, world: &World) -> Reply {
    let Some(items) = ask.json.as_ref().and_then(|json| json["email_batch"].as_array()) else {
        return missing("email_batch");
    };
    if items.is_empty() || items.len() > BATCH_MAX {
        return Reply::json(400, &json!({ "error": format!("email_batch must hold 1 to {BATCH_MAX} addresses.") }));
    }
    let (mut told, mut results, mut errors) = (vec![], vec![], vec![]);
    for item in items {
        let email = item["email_address"].as_str().map(str::trim).unwrap_or_default();
        if email.is_empty() {
            errors.push(json!({ "email_address": email, "error": "Invalid email address." }));
            continue;
        }
        let verdict = verdict(world, email);
        results.push(result(email, &verdict, item["ip_address"].as_str()));
        told.push((email.to_owned(), verdict));
    }
    Reply::json(200, &json!({ "email_batch": results, "errors": errors })).receipt(receipt(&told))
}

fn receipt(told: &[(String, Verdict)]) -> Receipt {
    let mut receipt = Receipt::default();
    for (email, verdict) in told {
        receipt.credits += verdict.credits();
        receipt.things.push((format!("email:{}", email.to_lowercase()), verdict.credits()));
        receipt.tally.push(("total".into(), 1));
        receipt.tally.push((format!("status_{}", verdict.status.replace('-', "_")), 1));
        if !verdict.sub_status.is_empty() {
            receipt.tally.push((format!("sub_status_{}", verdict.sub_status), 1));
        }
    }
    receipt
}

/// The result object of one address.
fn result(email: &str, verdict: &Verdict, address_of_person: Option<&str>) -> Value {
    let (account, domain) = email.split_once('@').unwrap_or((email, ""));
    let mail = verdict.mail_exists();
    let known_place = address_of_person == Some("99.110.204.1");
    let place = |text: &str| if known_place { json!(text) } else { Value::Null };
    let names = verdict.names(account);
    json!({
        "address": email,
        "status": verdict.status,
        "sub_status": verdict.sub_status,
        "free_email": verdict.free,
        "did_you_mean": verdict.did_you_mean,
        "account": account,
        "domain": domain,
        "domain_age_days": if mail { json!(verdict.domain_age_days.to_string()) } else { Value::Null },
        "smtp_provider": if mail { json!(verdict.provider) } else { Value::Null },
        "mx_found": if mail { "true" } else { "false" },
        "mx_record": if mail { json!(format!("mx.{domain}")) } else { Value::Null },
        "firstname": names.as_ref().map(|(first, _)| first.clone()),
        "lastname": names.as_ref().map(|(_, last)| last.clone()),
        "gender": Value::Null,
        "country": place("United States"),
        "region": place("Florida"),
        "city": place("West Palm Beach"),
        "zipcode": place("33401"),
        "processed_at": Utc::now().format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
    })
}
