//! Tavily: `/search`, `/extract`, `/crawl`, `/map`, `/usage`.

mod crawl;
mod extract;
mod search;

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use crate::vendors::account::Account;
use crate::vendors::ids::Ids;
use crate::vendors::imitation::Imitation;
use crate::vendors::reply::{Ask, Receipt, Reply};
use crate::vendors::world::World;

/// The imitation of Tavily.
#[derive(Debug, Default)]
pub(crate) struct Tavily {
    ids: Ids,
}

/// An error in Tavily's form.
fn error(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "detail": { "error": text } }))
}

impl Imitation for Tavily {
    fn operation(&self, ask: &Ask) -> Result<&'static str, Reply> {
        match (ask.method == Method::POST, ask.path.as_str()) {
            (true, "/search") => Ok("search"),
            (true, "/extract") => Ok("extract"),
            (true, "/crawl") => Ok("crawl"),
            (true, "/map") => Ok("map"),
            (false, "/usage") if ask.method == Method::GET => Ok("usage"),
            (_, "/search" | "/extract" | "/crawl" | "/map" | "/usage") => {
                Err(Reply::json(405, &json!({ "detail": "Method Not Allowed" })))
            }
            _ => Err(Reply::json(404, &json!({ "detail": "Not Found" }))),
        }
    }

    fn key(&self, ask: &Ask) -> Option<String> {
        ask.bearer().map(str::to_owned)
    }

    fn refused(&self, _operation: &str, _ask: &Ask) -> Reply {
        error(401, "Unauthorized: missing or invalid API key.")
    }

    fn limited(&self, operation: &str, _ask: &Ask, account: &mut Account, now: Instant) -> Option<Reply> {
        let crawls = matches!(operation, "crawl" | "map");
        let wait = account.window("minute").take(now, 1).err();
        let wait = wait.or_else(|| if crawls { account.window("crawl").take(now, 1).err() } else { None });
        wait.map(|wait| self.rate_limit(wait))
    }

    fn rate_limit(&self, wait: Duration) -> Reply {
        let text = "Your request has been blocked due to excessive requests. Please reduce the rate of requests.";
        let reply = error(429, text);
        let seconds = wait.as_secs_f64().ceil();
        if seconds > 0.0 { reply.header("retry-after", format!("{seconds:.0}")) } else { reply }
    }

    fn quota(&self, _operation: &str) -> Reply {
        error(
            432,
            "This request exceeds your plan's set usage limit. Please upgrade your plan or contact support@tavily.com",
        )
    }

    fn server_error(&self, status: u16) -> Reply {
        if status == 500 { error(500, "Internal Server Error") } else { Reply::html(status, "Bad Gateway") }
    }

    fn answer(&self, operation: &str, ask: &Ask, account: &Account, world: &World) -> Reply {
        if operation == "usage" {
            return Reply::json(200, &usage(account));
        }
        let Some(Value::Object(wanted)) = &ask.json else {
            return error(400, "Invalid request body: a JSON object is required.");
        };
        let wanted = Wanted(wanted);
        let found = match operation {
            "search" => search::answer(&wanted, world),
            "extract" => extract::answer(&wanted, account.carried, world),
            "crawl" => crawl::crawl(&wanted, account.carried, world),
            _ => crawl::map(&wanted, world),
        };
        match found {
            Err(reply) => reply,
            Ok((mut body, receipt)) => {
                body["response_time"] = json!(0.42);
                body["request_id"] = json!(self.ids.uuid());
                if wanted.flag("include_usage") {
                    body["usage"] = json!({ "credits": receipt.credits });
                }
                Reply::json(200, &body).receipt(receipt)
            }
        }
    }
}

fn usage(account: &Account) -> Value {
    let by = |operation: &str| account.tally(&format!("{operation}_usage"));
    json!({
        "key": {
            "usage": account.spent,
            "limit": null,
            "search_usage": by("search"),
            "extract_usage": by("extract"),
            "crawl_usage": by("crawl"),
            "map_usage": by("map"),
            "research_usage": 0,
        },
        "account": {
            "current_plan": "Sandbox",
            "plan_usage": account.spent,
            "plan_limit": account.granted,
            "paygo_usage": 0,
            "paygo_limit": 0,
            "search_usage": by("search"),
            "extract_usage": by("extract"),
            "crawl_usage": by("crawl"),
            "map_usage": by("map"),
            "research_usage": 0,
        },
    })
}

/// An answer with its price, or a refusal.
type Found = Result<(Value, Receipt), Reply>;

/// The fields of a request, each read with its own limits.
struct Wanted<'a>(&'a serde_json::Map<String, Value>);

impl Wanted<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// True for `true` and for a word that stands for one of several ways of yes.
    fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.as_bool().unwrap_or(value.is_string()))
    }

    /// One of `choices`, the first unless given.
    fn choice(&self, name: &str, choices: &[&'static str]) -> Result<&'static str, Reply> {
        let Some(value) = self.get(name) else { return Ok(choices[0]) };
        let known = choices.iter().find(|choice| value.as_str() == Some(choice));
        known.copied().ok_or_else(|| error(400, &format!("Invalid {name}. Must be one of: {}.", choices.join(", "))))
    }

    /// A whole number from `low` to `high`, `usual` unless given.
    fn number(&self, name: &str, low: u64, high: u64, usual: u64) -> Result<u64, Reply> {
        let Some(value) = self.get(name) else { return Ok(usual) };
        // Time limits may have a fraction; their whole part decides nothing here but whether they are in range.
        let number = value.as_f64().filter(|number| (low as f64..=high as f64).contains(number));
        number
            .map(|number| number as u64)
            .ok_or_else(|| error(400, &format!("Invalid {name}. Must be between {low} and {high}.")))
    }

    /// A list of texts of at most `most`; a single text is a list of one.
    fn list(&self, name: &str, most: usize) -> Result<Vec<String>, Reply> {
        let wrong = || error(400, &format!("Invalid {name}. Must be a list of strings."));
        let list = match self.get(name) {
            None => vec![],
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => {
                let texts: Option<Vec<String>> = many.iter().map(|one| one.as_str().map(str::to_owned)).collect();
                texts.ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        if list.len() > most { Err(error(400, &format!("Max {most} {name} are allowed."))) } else { Ok(list) }
    }
}

/// The parts of `text` that share most with `query`, as chunks are returned.
fn chunks(text: &str, query: &str, count: usize) -> String {
    let wanted = crate::vendors::world::words(query);
    let mut paragraphs: Vec<(usize, usize, &str)> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .enumerate()
        .map(|(place, paragraph)| {
            (crate::vendors::world::words(paragraph).intersection(&wanted).count(), place, paragraph)
        })
        .collect();
    paragraphs.sort_by_key(|(shared, place, _)| (usize::MAX - shared, *place));
    paragraphs.into_iter().take(count).map(|(_, _, paragraph)| paragraph).collect::<Vec<_>>().join(" [...] ")
}
