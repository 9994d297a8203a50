//! How a running sandbox is steered and asked what happened, over HTTP: everything below `/_sandbox/`.
//!
//! | | |
//! |---|---|
//! | `GET /_sandbox/calls[?vendor=V]` | distinct requests, things bought, sums |
//! | `GET`, `POST`, `DELETE /_sandbox/faults` | those still to show; add `{"vendor", "operation"?, "kind", "times"?}` or a list of them; forget all |
//! | `POST /_sandbox/latency` | `{"milliseconds": 300}` |
//! | `POST /_sandbox/credits` | `{"vendor", "credits", "key"?}`: what an account holds from here on; a new key is a new account |
//! | `POST /_sandbox/reset` | calls, faults and accounts as at the start |

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::vendors::door::{Shared, own};
use crate::vendors::faults::Fault;
use crate::vendors::vendor::Vendor;

/// The first part of the paths.
pub(crate) const FOLDER: &str = "_sandbox";
/// Nobody has more to say than this.
const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    milliseconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credits {
    vendor: Vendor,
    credits: u64,
    key: Option<String>,
}

/// Answers one request about the sandbox itself.
pub(crate) async fn handle(shared: &Arc<Shared>, path: &str, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return own(413, &json!({ "error": "the body is too long" }));
    };
    match (parts.method, path) {
        (Method::GET, "calls") => calls(shared, query),
        (Method::GET, "faults") => own(200, &json!({ "faults": shared.faults.all() })),
        (Method::DELETE, "faults") => {
            shared.faults.clear();
            done()
        }
        (Method::POST, "faults") => read(&body, |faults: OneOrMore<Fault>| {
            match faults {
                OneOrMore::One(fault) => shared.faults.add(fault),
                OneOrMore::More(faults) => faults.into_iter().for_each(|fault| shared.faults.add(fault)),
            }
            done()
        }),
        (Method::POST, "latency") => read(&body, |latency: Latency| {
            shared.latency_ms.store(latency.milliseconds, Ordering::Relaxed);
            done()
        }),
        (Method::POST, "credits") => read(&body, |credits: Credits| {
            if let Some(house) = shared.houses.get(&credits.vendor) {
                house.accounts.grant(credits.key.as_deref().unwrap_or(&house.key), credits.credits);
            }
            done()
        }),
        (Method::POST, "reset") => {
            shared.reset();
            done()
        }
        _ => own(404, &json!({ "error": "take calls, faults, latency, credits or reset" })),
    }
}

fn read<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T) -> Response<Body>) -> Response<Body> {
    serde_json::from_slice(body).map_or_else(|error| own(400, &json!({ "error": error.to_string() })), act)
}

fn done() -> Response<Body> {
    own(200, &json!({ "done": true }))
}

fn calls(shared: &Shared, query: &str) -> Response<Body> {
    let named = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "vendor");
    let only = match named.map(|(_, vendor)| vendor.parse::<Vendor>()) {
        None => None,
        Some(Ok(vendor)) => Some(vendor),
        Some(Err(error)) => return own(400, &json!({ "error": error.to_string() })),
    };
    let wanted = |vendor: Vendor| only.is_none_or(|only| only == vendor);
    let totals: serde_json::Map<String, Value> = shared
        .houses
        .values()
        .filter(|house| wanted(house.vendor))
        .map(|house| {
            let mut totals = json!(shared.calls.totals(house.vendor));
            totals["paid_again"] = json!(shared.calls.paid_again(house.vendor));
            totals["left"] = json!(house.accounts.left(&house.key));
            (house.vendor.as_str().to_owned(), totals)
        })
        .collect();
    let calls: Vec<_> = shared.calls.all().into_iter().filter(|call| wanted(call.vendor)).collect();
    let bought: Vec<_> = shared.calls.bought().into_iter().filter(|bought| wanted(bought.vendor)).collect();
    own(200, &json!({ "totals": totals, "calls": calls, "bought": bought }))
}
