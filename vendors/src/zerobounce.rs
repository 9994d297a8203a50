//! ZeroBounce: verifies addresses. <https://www.zerobounce.net/docs>, read November 2026.

use std::{fmt, time::Duration};

use presdr_rules::email_policy::VerificationStatus;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Answered, BatchCall, Charge, Class, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor, wire,
};

/// Addresses in one batch.
pub const BATCH_MAX: usize = 100;
/// How long the vendor may look, in seconds; it wants this as text.
const BATCH_SECONDS: &str = "70";
const BATCH_TIMEOUT: Duration = Duration::from_secs(90);
/// Who sends too many batches is shut out for so long.
const BLOCKED: Duration = Duration::from_secs(600);
/// Behind its shield it wants to be asked slowly.
const SHIELDED: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// Verifies addresses, up to [`BATCH_MAX`] at a time: one credit for each that gets a clear answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Validate;

/// An address to verify. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address, without spaces around it. Its domain, in any case, is one and the same.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self(address.trim().to_lowercase())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// What ZeroBounce says of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In our words.
    pub status: VerificationStatus,
    /// In theirs.
    pub raw_status: String,
    /// Their finer word; empty when there is none.
    #[serde(default)]
    pub sub_status: String,
    /// How sure it is that mail arrives, from 0 to 1. The vendor gives none: this is made of status and sub-status.
    pub confidence: f64,
    /// Whether it is at a free mail provider.
    #[serde(default)]
    pub free_mail: bool,
    /// Whether its domain takes mail at all.
    #[serde(default)]
    pub mail_server: Option<bool>,
}

impl Verdict {
    /// Reads what the vendor said; a status that we do not know is unknown, and kept.
    #[must_use]
    pub fn of(raw_status: &str, sub_status: &str) -> Self {
        // The account's own filters decide these two, whatever the address is.
        let status = match (VerificationStatus::read(raw_status), sub_status) {
            (_, "allowed") => VerificationStatus::Valid,
            (_, "blocked") => VerificationStatus::Invalid,
            (status, _) => status,
        };
        let confidence = confidence(status, sub_status);
        let (raw_status, sub_status) = (raw_status.to_owned(), sub_status.to_owned());
        Self { status, raw_status, sub_status, confidence, free_mail: false, mail_server: None }
    }

    /// How long it stands. An unclear answer is asked for again: soon when the verifier failed, later when the server was busy.
    #[must_use]
    pub fn fresh_for(&self) -> Duration {
        match (self.status, self.sub_status.as_str()) {
            (VerificationStatus::Unknown, "exception_occurred") => HOUR,
            (VerificationStatus::Unknown, "greylisted") => 6 * HOUR,
            (VerificationStatus::Unknown, _) => 12 * HOUR,
            _ => 90 * DAY,
        }
    }
}

fn confidence(status: VerificationStatus, sub_status: &str) -> f64 {
    match (status, sub_status) {
        (VerificationStatus::Valid, "accept_all" | "role_based_accept_all") => 0.7,
        (VerificationStatus::Valid, "alternate" | "alias_address" | "leading_period_removed") => 0.9,
        (VerificationStatus::Valid, "ai_agent_mailbox") => 0.6,
        (VerificationStatus::Valid, _) => 0.98,
        (VerificationStatus::CatchAll, _) => 0.5,
        (VerificationStatus::DoNotMail, "role_based") => 0.4,
        (VerificationStatus::DoNotMail, "role_based_catch_all") => 0.3,
        (VerificationStatus::Unknown, "mailbox_quota_exceeded") => 0.2,
        (VerificationStatus::Unknown, "greylisted" | "antispam_system" | "timeout_exceeded") => 0.3,
        (VerificationStatus::Unknown, _) => 0.25,
        (VerificationStatus::Invalid, "mailbox_quota_exceeded") => 0.05,
        _ => 0.0,
    }
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    address: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    sub_status: Value,
    #[serde(default)]
    free_email: Value,
    #[serde(default)]
    mx_found: Value,
}

impl BatchCall for Validate {
    const VENDOR: Vendor = Vendor::ZeroBounce;
    const OPERATION: &'static str = "validate";
    const THINGS_MAX: usize = BATCH_MAX;
    type Thing = Address;
    type Answer = Verdict;

    fn canonical(&self, address: &Address) -> Vec<u8> {
        json!({"email": address.0}).to_string().into_bytes()
    }

    fn worst_case(&self, _: &Address, prices: &Prices) -> Result<Charge, Unpriced> {
        charge(prices)
    }

    fn request(&self, addresses: &[&Address], endpoint: &Endpoint) -> RequestSpec {
        let batch: Vec<Value> =
            addresses.iter().map(|address| json!({"email_address": address.0, "ip_address": null})).collect();
        let body = json!({"api_key": endpoint.key(), "email_batch": batch, "timeout": BATCH_SECONDS});
        RequestSpec::post("/validatebatch", &body, BATCH_TIMEOUT)
    }

    fn read(
        &self,
        addresses: &[&Address],
        reply: &Reply<'_>,
        prices: &Prices,
    ) -> Result<Vec<Option<Answered<Verdict>>>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let items = body["email_batch"].as_array().map_or(&[][..], Vec::as_slice);
        if items.is_empty() && (body.get("error").is_some() || refused(&body)) {
            return Err(key_or_quota());
        }
        let items: Vec<Item> = items.iter().filter_map(|item| serde_json::from_value(item.clone()).ok()).collect();
        let price = charge(prices).map_err(|_| Failure::new(Class::Lost, "a verification has no price"))?;
        // Joined on the address: the vendor promises no order.
        let answered = addresses.iter().map(|address| {
            let item = items.iter().find(|item| text(&item.address).trim().to_lowercase() == address.0)?;
            Some(answered(item, address, price))
        });
        Ok(answered.collect())
    }
}

fn answered(item: &Item, address: &Address, price: Charge) -> Answered<Verdict> {
    let mut answer = Verdict::of(text(&item.status), text(&item.sub_status));
    answer.free_mail = flag(&item.free_email).unwrap_or_default();
    answer.mail_server = flag(&item.mx_found);
    // An unclear answer is free, and so are the vendor's own test addresses.
    let free = answer.raw_status == "unknown" || address.0.ends_with("@example.com");
    let fresh_for = answer.fresh_for();
    Answered { answer, charge: if free { Charge::default() } else { price }, fresh_for }
}

fn charge(prices: &Prices) -> Result<Charge, Unpriced> {
    let usd = prices.usd("zerobounce.verification")?;
    Ok(Charge { metered: Decimal::ONE, units: Decimal::ONE, usd, ..Charge::default() })
}

/// One error for the whole batch is the one message for two things.
fn refused(body: &Value) -> bool {
    let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
    errors.iter().any(|error| {
        error["email_address"] == "all"
            || error["error"].as_str().is_some_and(|text| text.contains("ran out of credits"))
    })
}

fn key_or_quota() -> Failure {
    Failure::new(Class::KeyOrQuota, "ZeroBounce refuses the key, or its credits are gone")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A flag, as such or as text.
fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.to_ascii_lowercase().parse().ok())
}

/// What the account has left.
pub(crate) fn credits(endpoint: &Endpoint) -> RequestSpec {
    let mut request = RequestSpec::get("/getcredits", Duration::from_secs(20));
    request.query.push(("api_key", endpoint.key().to_owned()));
    request
}

/// Reads [`credits`]: -1 is a wrong key.
pub(crate) fn left(reply: &Reply<'_>) -> Result<Option<Decimal>, Failure> {
    check(reply)?;
    let body: Value = reply.json()?;
    let credits = &body["Credits"];
    let credits: Option<Decimal> =
        credits.as_str().map_or_else(|| credits.to_string(), str::to_owned).trim().parse().ok();
    match credits {
        Some(credits) if credits.is_sign_negative() && !credits.is_zero() => {
            Err(Failure::new(Class::Key, "ZeroBounce refuses the key"))
        }
        Some(credits) => Ok(Some(credits)),
        None => Err(Failure::new(Class::Never, "ZeroBounce does not say what credits are left")),
    }
}

fn check(reply: &Reply<'_>) -> Result<(), Failure> {
    let failure = |class, what| Err(Failure::new(class, what));
    let one_message = || std::str::from_utf8(reply.body).is_ok_and(|text| text.contains("ran out of credits"));
    match reply.status {
        200..=299 => Ok(()),
        400..=402 if one_message() => Err(key_or_quota()),
        401 => failure(Class::Key, "ZeroBounce refuses the key"),
        402 => failure(Class::Quota { lasts: None }, "ZeroBounce's credits are gone"),
        429 => failure(not_before(reply, true, BLOCKED), "ZeroBounce's rate limit"),
        403 => failure(not_before(reply, false, SHIELDED), "ZeroBounce's shield"),
        500..=599 => failure(wire::retry_after(reply, false), "ZeroBounce failed"),
        _ => failure(Class::Never, "ZeroBounce refuses the request"),
    }
}

/// The vendor does not say for how long: its own documents do.
fn not_before(reply: &Reply<'_>, rate_limit: bool, wait: Duration) -> Class {
    match wire::retry_after(reply, rate_limit) {
        Class::Retry { after: None, rate_limit } => Class::Retry { after: Some(wait), rate_limit },
        said => said,
    }
}

#[cfg(test)]
mod tests;
