//! OpenAI: `/v1/chat/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/models`. Answers are not streamed.
//!
//! Nobody thinks here: what is asked for by a JSON schema is filled from the text that came with the question, by the names
//! and types of its fields, and so are the arguments of the tool that shares most words with it; anything else gets a sentence made of the features in the question.

mod chat;
mod embeddings;
mod evidence;
mod fill;
mod models;
mod prompt;
mod responses;
mod sentence;
mod strict;
mod tokens;
mod tools;

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use crate::vendors::account::Account;
use crate::vendors::ids::Ids;
use crate::vendors::imitation::Imitation;
use crate::vendors::reply::{Ask, Reply};
use crate::vendors::world::World;

/// The imitation of OpenAI.
#[derive(Debug, Default)]
pub(crate) struct OpenAi {
    ids: Ids,
}

/// An error in OpenAI's form.
fn error(status: u16, kind: &str, message: &str, param: Option<&str>, code: Option<&str>) -> Reply {
    let error = json!({ "message": message, "type": kind, "param": param, "code": code });
    Reply::json(status, &json!({ "error": error }))
}

/// A request that cannot be served as it is.
fn wrong(message: &str, param: &str) -> Reply {
    error(400, "invalid_request_error", message, Some(param), None)
}

impl Imitation for OpenAi {
    fn operation(&self, ask: &Ask) -> Result<&'static str, Reply> {
        let (get, post) = (ask.method == Method::GET, ask.method == Method::POST);
        match ask.path.as_str() {
            "/v1/chat/completions" if post => Ok("chat"),
            "/v1/responses" if post => Ok("responses"),
            "/v1/embeddings" if post => Ok("embeddings"),
            path if get && (path == "/v1/models" || path.starts_with("/v1/models/")) => Ok("models"),
            path => {
                let message = format!("Invalid URL ({} {path})", ask.method);
                Err(error(404, "invalid_request_error", &message, None, None))
            }
        }
    }

    fn key(&self, ask: &Ask) -> Option<String> {
        ask.bearer().map(str::to_owned)
    }

    fn refused(&self, _operation: &str, ask: &Ask) -> Reply {
        let message = match ask.bearer() {
            None => "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.".to_owned(),
            Some(key) => format!(
                "Incorrect API key provided: {}. You can find your API key at https://platform.openai.com/account/api-keys.",
                masked(key)
            ),
        };
        error(401, "invalid_request_error", &message, None, Some("invalid_api_key"))
    }

    fn limited(&self, _operation: &str, _ask: &Ask, account: &mut Account, now: Instant) -> Option<Reply> {
        let tokens = account.window("tokens").closed(now, 1);
        let wait = account.window("requests").take(now, 1).err().or(tokens);
        wait.map(|wait| self.rate_limit(wait))
    }

    fn rate_limit(&self, wait: Duration) -> Reply {
        let message = "Rate limit reached for requests. Please try again later.";
        let reply = error(429, "requests", message, None, Some("rate_limit_exceeded"));
        if wait.is_zero() {
            return reply;
        }
        let reply = reply.header("retry-after", format!("{:.0}", wait.as_secs_f64().ceil()));
        reply.header("retry-after-ms", wait.as_millis().to_string())
    }

    fn quota(&self, _operation: &str) -> Reply {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        error(429, "insufficient_quota", message, None, Some("insufficient_quota"))
    }

    fn server_error(&self, status: u16) -> Reply {
        let (message, code) = match status {
            503 => ("The server is currently overloaded with other requests. Please retry later.", Some("slow_down")),
            _ => ("The server had an error while processing your request. Sorry about that!", None),
        };
        error(status, "server_error", message, None, code)
    }

    fn answer(&self, operation: &str, ask: &Ask, _account: &Account, _world: &World) -> Reply {
        if operation == "models" {
            return models::answer(&ask.path);
        }
        let Some(body) = ask.json.as_ref().filter(|body| body.is_object()) else {
            let message = "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.";
            return error(400, "invalid_request_error", message, None, None);
        };
        let answered = match operation {
            "chat" => chat::answer(body, ask.fault, &self.ids),
            "responses" => responses::answer(body, ask.fault, &self.ids),
            _ => embeddings::answer(body),
        };
        answered.unwrap_or_else(|refusal| refusal)
    }

    fn dress(&self, reply: Reply, _operation: &str, account: &mut Account, now: Instant) -> Reply {
        let spent = reply.receipt.as_deref().map_or(0, |receipt| receipt.credits);
        account.window("tokens").count(spent);
        let mut reply = reply.header("x-request-id", self.ids.token("req_"));
        reply = reply.header("openai-processing-ms", "42").header("openai-version", "2020-10-01");
        for (name, limit, left, reset) in [
            ("requests", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
            ("tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ] {
            let window = account.window(name);
            reply = reply.header(limit, window.limit().to_string()).header(left, window.left().to_string());
            reply = reply.header(reset, duration(window.resets_in(now)));
        }
        reply
    }
}

/// A key as error messages echo it.
fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    if letters.len() < 12 {
        return "*".repeat(letters.len());
    }
    let (first, last): (String, String) =
        (letters[..8].iter().collect(), letters[letters.len() - 4..].iter().collect());
    format!("{first}{}{last}", "*".repeat(letters.len() - 12))
}

/// A duration as OpenAI writes one: `12ms`, `1s`, `6m0s`.
fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        seconds @ 1..60 => format!("{seconds}s"),
        seconds => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

/// A text of `body`, when it has one.
fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body[name].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_keys_are_written_as_the_vendor_writes_them() {
        assert_eq!(duration(Duration::from_millis(12)), "12ms");
        assert_eq!(duration(Duration::from_millis(1_400)), "1s");
        assert_eq!(duration(Duration::from_secs(360)), "6m0s");
        assert_eq!(masked("sk-proj-abcdefgh1234"), "sk-proj-********1234");
        assert_eq!(masked("short"), "*****");
    }
}
