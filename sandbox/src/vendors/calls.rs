//! What was asked, and what was paid for, how often: so that a test can prove it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;

use crate::vendors::reply::Receipt;
use crate::vendors::vendor::Vendor;

/// One distinct request with how often it came. Requests are the same when vendor, operation and what is asked for are
/// the same, whatever key, time limit, references of the caller's own, or order of fields they carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Whose.
    pub vendor: Vendor,
    /// Which operation, such as `search`.
    pub operation: String,
    /// Method and path, as on the vendor's own host.
    pub route: String,
    /// What was asked for: canonical JSON of the query and the body, without what does not change the answer.
    pub request: String,
    /// How often it came.
    pub requests: u32,
    /// How often the vendor did the work, also when the answer never arrived.
    pub paid: u32,
    /// What it cost in all: credits, or tokens of OpenAI.
    pub credits: u64,
    /// Tokens read, of OpenAI.
    pub tokens_input: u64,
    /// Tokens written, of OpenAI.
    pub tokens_output: u64,
    /// How often it ended how: a status, or `timeout`, `half`, `invalid_json`, `slow`.
    pub endings: BTreeMap<String, u32>,
    /// When the work was done, each time.
    #[serde(skip)]
    pub paid_at: Vec<Instant>,
}

/// One thing with how often it was bought: an address, a URL, a company, a datum of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bought {
    /// Of whom.
    pub vendor: Vendor,
    /// By which operation.
    pub operation: String,
    /// What, such as `email:jane@kelmora.example`.
    pub thing: String,
    /// How often.
    pub times: u32,
    /// For how much in all; a thing that cost nothing is listed too.
    pub credits: u64,
    /// When, each time.
    #[serde(skip)]
    pub bought_at: Vec<Instant>,
}

/// The sums of one vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Requests that came.
    pub requests: u64,
    /// Requests for which the vendor did the work.
    pub paid: u64,
    /// Credits charged, or tokens of OpenAI.
    pub credits: u64,
    /// Tokens read, of OpenAI.
    pub tokens_input: u64,
    /// Tokens written, of OpenAI.
    pub tokens_output: u64,
}

/// All that was asked since the start or the last reset.
#[derive(Debug, Default)]
pub struct Calls(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    calls: BTreeMap<(Vendor, String, String), Call>,
    bought: BTreeMap<(Vendor, String, String), Bought>,
}

impl Calls {
    /// Every distinct request, by vendor and route.
    pub fn all(&self) -> Vec<Call> {
        self.lock().calls.values().cloned().collect()
    }

    /// Every distinct request of one vendor.
    pub fn of(&self, vendor: Vendor) -> Vec<Call> {
        self.lock().calls.values().filter(|call| call.vendor == vendor).cloned().collect()
    }

    /// Every distinct request of one operation.
    pub fn at(&self, vendor: Vendor, operation: &str) -> Vec<Call> {
        self.of(vendor).into_iter().filter(|call| call.operation == operation).collect()
    }

    /// Every thing that was bought, by vendor and operation.
    pub fn bought(&self) -> Vec<Bought> {
        self.lock().bought.values().cloned().collect()
    }

    /// How often `thing` was bought by whatever operation.
    pub fn times_bought(&self, vendor: Vendor, thing: &str) -> u32 {
        let ledger = self.lock();
        ledger
            .bought
            .values()
            .filter(|bought| bought.vendor == vendor && bought.thing == thing)
            .map(|one| one.times)
            .sum()
    }

    /// How often work was done again for a request that had been paid for already.
    pub fn paid_again(&self, vendor: Vendor) -> u32 {
        self.of(vendor).iter().map(|call| call.paid.saturating_sub(1)).sum()
    }

    /// The sums of one vendor.
    pub fn totals(&self, vendor: Vendor) -> Totals {
        self.of(vendor).iter().fold(Totals::default(), |sum, call| Totals {
            requests: sum.requests + u64::from(call.requests),
            paid: sum.paid + u64::from(call.paid),
            credits: sum.credits + call.credits,
            tokens_input: sum.tokens_input + call.tokens_input,
            tokens_output: sum.tokens_output + call.tokens_output,
        })
    }

    /// Forgets all.
    pub fn clear(&self) {
        *self.lock() = Ledger::default();
    }

    /// Notes one request, how it ended, and what was done for it, if anything.
    pub(crate) fn note(&self, asked: Asked<'_>, ending: &str, receipt: Option<&Receipt>) {
        let mut ledger = self.lock();
        let Asked { vendor, operation, route, request } = asked;
        let call = ledger.calls.entry((vendor, route.clone(), request.clone())).or_insert_with(|| Call {
            vendor,
            operation: operation.to_owned(),
            route,
            request,
            requests: 0,
            paid: 0,
            credits: 0,
            tokens_input: 0,
            tokens_output: 0,
            endings: BTreeMap::new(),
            paid_at: Vec::new(),
        });
        call.requests += 1;
        *call.endings.entry(ending.to_owned()).or_default() += 1;
        let Some(receipt) = receipt else { return };
        let now = Instant::now();
        call.paid += 1;
        call.paid_at.push(now);
        call.credits += receipt.credits;
        call.tokens_input += receipt.tokens_input;
        call.tokens_output += receipt.tokens_output;
        for (thing, credits) in &receipt.things {
            let bought = ledger.bought.entry((vendor, operation.to_owned(), thing.clone())).or_insert_with(|| Bought {
                vendor,
                operation: operation.to_owned(),
                thing: thing.clone(),
                times: 0,
                credits: 0,
                bought_at: Vec::new(),
            });
            bought.times += 1;
            bought.bought_at.push(now);
            bought.credits += credits;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // counts are whole even when whoever held them panicked
    }
}

/// One request as it is counted.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub vendor: Vendor,
    pub operation: &'a str,
    pub route: String,
    pub request: String,
}

/// Fields that say who asks and how patiently, not what for.
const VOLATILE: [&str; 10] = [
    "api_key",
    "timeout",
    "include_usage",
    "clientReferenceId",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "metadata",
    "store",
    "service_tier",
];

/// `value` with its fields in alphabetical order and without those that do not change the answer.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> =
                fields.iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str())).collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(request: &str) -> Asked<'static> {
        let (route, request) = ("POST /extract".to_owned(), request.to_owned());
        Asked { vendor: Vendor::Tavily, operation: "extract", route, request }
    }

    #[test]
    fn who_asks_and_in_which_order_does_not_make_a_request_another() {
        let one =
            canonical(&json!({ "query": "a", "api_key": "x", "contacts": [{ "clientReferenceId": "1", "id": "7" }] }));
        let other =
            canonical(&json!({ "contacts": [{ "id": "7", "clientReferenceId": "9" }], "timeout": 5, "query": "a" }));
        assert_eq!(one.to_string(), other.to_string());
    }

    #[test]
    fn what_was_paid_for_twice_is_seen() {
        let calls = Calls::default();
        let receipt =
            Receipt { credits: 2, things: vec![("url:a".into(), 1), ("url:b".into(), 1)], ..Receipt::default() };
        calls.note(asked("a,b"), "timeout", Some(&receipt));
        calls.note(asked("a,b"), "200", Some(&receipt));
        calls.note(asked("b"), "429", None);
        let all = calls.all();
        assert_eq!((all[0].requests, all[0].paid, all[0].credits), (2, 2, 4));
        assert_eq!((all[1].requests, all[1].paid), (1, 0));
        assert_eq!(calls.times_bought(Vendor::Tavily, "url:b"), 2);
        assert_eq!(calls.paid_again(Vendor::Tavily), 1);
        assert_eq!(calls.totals(Vendor::Tavily), Totals { requests: 3, paid: 2, credits: 4, ..Totals::default() });
    }
}
