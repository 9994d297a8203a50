//! OpenAI: answers against a JSON schema, and vectors of texts. <https://developers.openai.com>, read November 2026.

use std::{fmt, time::Duration};

use reqwest::header::AUTHORIZATION;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Answered, Call, Charge, Class, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor, wire};

mod tools;

pub use tools::{Choose, Chosen, Tool};

/// The model that answers unless another is named.
pub const CHAT_MODEL: &str = "gpt-4o-mini";
/// The model that makes vectors unless another is named.
pub const EMBEDDING_MODEL: &str = "text-embedding-3-small";
const CHAT_TIMEOUT: Duration = Duration::from_secs(60);
const EMBED_TIMEOUT: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The same question gets the same seed, so that the model answers as evenly as it can.
const SEED: u32 = 7;
/// Tokens around messages, names and schema that no text of ours accounts for.
const TOKENS_AROUND: u64 = 64;
/// A text for a vector is cut to this, well below the model's 8,192 tokens.
const EMBED_CHARS_MAX: usize = 6_000;

/// A question whose answer has a shape. Not printed: it may hold what a site says about people.
#[derive(Clone)]
pub struct Chat {
    /// The model.
    pub model: String,
    /// What the model is to do. Text of strangers never goes in here.
    pub instructions: String,
    /// What it is to do it with: data, whatever it says.
    pub input: String,
    /// The shape's name, 1 to 64 of `A-Za-z0-9_-`.
    pub schema_name: &'static str,
    /// The shape, strict: every object closed, every property required.
    pub schema: Value,
    /// The answer's most tokens.
    pub tokens_max: u32,
}

/// What a model said.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", content = "value", rename_all = "snake_case")]
pub enum Said {
    /// An answer that is JSON; whether it has the shape, and is true, the caller finds out.
    Json(Value),
    /// It declined. Nothing to parse.
    Refused,
    /// It was cut off at the token limit, or filtered. Nothing to parse.
    CutOff,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(_) => "Json(…)",
            Self::Refused => "Refused",
            Self::CutOff => "CutOff",
        })
    }
}

impl Chat {
    fn body(&self) -> Value {
        let mut body = question(&self.model, &self.instructions, &self.input, self.tokens_max);
        let shape = json!({"name": self.schema_name, "schema": self.schema, "strict": true});
        body["response_format"] = json!({"type": "json_schema", "json_schema": shape});
        body
    }
}

/// What every question to a model has.
fn question(model: &str, instructions: &str, input: &str, tokens_max: u32) -> Value {
    let mut body = json!({
        "model": model,
        "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": input}],
        "max_completion_tokens": tokens_max,
        "seed": SEED,
    });
    if takes_temperature(model) {
        body["temperature"] = json!(0);
    }
    body
}

/// Reasoning models take no temperature but their own.
fn takes_temperature(model: &str) -> bool {
    let reasoning = ["o1", "o3", "o4", "gpt-5"];
    !reasoning.iter().any(|prefix| model.starts_with(prefix))
}

impl Call for Chat {
    const VENDOR: Vendor = Vendor::OpenAi;
    const OPERATION: &'static str = "chat";
    type Answer = Said;

    fn canonical(&self) -> Vec<u8> {
        self.body().to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        // A token is at least one byte of what is sent.
        let sent = self.instructions.len() + self.input.len() + self.schema_name.len() + self.schema.to_string().len();
        tokens(prices, &self.model, sent as u64 + TOKENS_AROUND, self.tokens_max.into())
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        post(endpoint, "/chat/completions", &self.body(), CHAT_TIMEOUT)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Said>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let charge = charged(self, prices, &self.model, &body)?;
        let answer = said(&body["choices"][0])?;
        // What was refused or cut off is paid for, and comes out the same when it is asked again.
        Ok(Answered { answer, charge, fresh_for: 30 * DAY })
    }
}

fn said(choice: &Value) -> Result<Said, Failure> {
    let message = &choice["message"];
    if message["refusal"].as_str().is_some_and(|text| !text.is_empty()) {
        return Ok(Said::Refused);
    }
    match (choice["finish_reason"].as_str(), message["content"].as_str()) {
        (Some("length" | "content_filter"), _) => Ok(Said::CutOff),
        (_, Some(text)) => Ok(serde_json::from_str(text).map_or(Said::CutOff, Said::Json)),
        _ => Err(Failure::new(Class::Lost, "OpenAI's answer says nothing")),
    }
}

/// The vector of a text. Not printed.
#[derive(Clone)]
pub struct Embed {
    model: String,
    text: String,
}

impl Embed {
    /// The vector of `text`, cut to what the model takes.
    #[must_use]
    pub fn new(model: impl Into<String>, text: &str) -> Self {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { model: model.into(), text: text.chars().take(EMBED_CHARS_MAX).collect() }
    }
}

impl Call for Embed {
    const VENDOR: Vendor = Vendor::OpenAi;
    const OPERATION: &'static str = "embed";
    /// Of unit length.
    type Answer = Vec<f32>;

    fn canonical(&self) -> Vec<u8> {
        json!({"model": self.model, "input": self.text}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        tokens(prices, &self.model, self.text.len() as u64 + TOKENS_AROUND, 0)
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        let body = json!({"model": self.model, "input": self.text, "encoding_format": "float"});
        post(endpoint, "/embeddings", &body, EMBED_TIMEOUT)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Vec<f32>>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let read = body["usage"]["prompt_tokens"].as_u64();
        let charge = read.map_or_else(|| self.worst_case(prices), |read| tokens(prices, &self.model, read, 0));
        let charge = charge.map_err(unpriced)?;
        let vector: Vec<f32> = Deserialize::deserialize(&body["data"][0]["embedding"])
            .map_err(|_| Failure::new(Class::Lost, "OpenAI's vector is none"))?;
        Ok(Answered { answer: vector, charge, fresh_for: 90 * DAY })
    }
}

/// Which models there are: free, and tells whether the key is good.
pub(crate) fn models(endpoint: &Endpoint) -> RequestSpec {
    RequestSpec::get("/models", EMBED_TIMEOUT).with_secret(AUTHORIZATION, &format!("Bearer {}", endpoint.key()))
}

/// Reads [`models`]: OpenAI does not say what is left.
pub(crate) fn left(reply: &Reply<'_>) -> Result<Option<Decimal>, Failure> {
    check(reply).map(|()| None)
}

fn post(endpoint: &Endpoint, path: &'static str, body: &Value, timeout: Duration) -> RequestSpec {
    RequestSpec::post(path, body, timeout).with_secret(AUTHORIZATION, &format!("Bearer {}", endpoint.key()))
}

fn tokens(prices: &Prices, model: &str, input: u64, output: u64) -> Result<Charge, Unpriced> {
    let metered = Decimal::from(input) + Decimal::from(output);
    let usd = prices.tokens(model, input, output)?;
    Ok(Charge { metered, units: metered, tokens_input: input, tokens_output: output, usd })
}

/// What `call` cost by the tokens that its answer counts. One that counts none was paid for all the same, and nobody says how much.
fn charged<C: Call>(call: &C, prices: &Prices, model: &str, answer: &Value) -> Result<Charge, Failure> {
    let count = |name: &str| answer["usage"][name].as_u64();
    let charge = match (count("prompt_tokens"), count("completion_tokens")) {
        (Some(read), Some(written)) => tokens(prices, model, read, written),
        _ => call.worst_case(prices),
    };
    charge.map_err(unpriced)
}

fn unpriced(_: Unpriced) -> Failure {
    Failure::new(Class::Lost, "the model has no price")
}

fn check(reply: &Reply<'_>) -> Result<(), Failure> {
    let failure = |class, what| Err(Failure::new(class, what));
    match reply.status {
        200..=299 => Ok(()),
        401 => failure(Class::Key, "OpenAI refuses the key"),
        403 => failure(Class::Key, "OpenAI does not let this key in"),
        408 | 409 => failure(wire::retry_after(reply, false), "OpenAI asks to try again"),
        429 if is_quota(reply) => failure(Class::Quota { lasts: None }, "OpenAI's quota is used up"),
        429 => failure(wire::retry_after(reply, true), "OpenAI's rate limit"),
        500..=599 => failure(wire::retry_after(reply, false), "OpenAI failed"),
        _ => failure(Class::Never, "OpenAI refuses the request"),
    }
}

/// A used-up quota has the same status as a rate limit.
fn is_quota(reply: &Reply<'_>) -> bool {
    let body: Value = serde_json::from_slice(reply.body).unwrap_or_default();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    let kind = body["error"]["type"].as_str().unwrap_or_default();
    [code, kind].iter().any(|word| {
        matches!(*word, "insufficient_quota" | "credit_balance_exhausted" | "organization_spend_limit_exceeded")
    })
}

#[cfg(test)]
mod tests;
