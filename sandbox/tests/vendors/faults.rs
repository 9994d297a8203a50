use std::time::Duration;

use presdr_sandbox::vendors::{Fault, FaultKind, Vendor, VendorConfig, VendorSandbox};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, client, world};

/// A question that the vendor answers with 200 and charges.
fn question(vendor: Vendor, caller: &Caller) -> (Method, &'static str, Value) {
    let domains: Vec<Value> =
        caller.sandbox.world().companies().iter().take(30).map(|company| json!({ "domain": company.domain })).collect();
    match vendor {
        Vendor::Tavily => (Method::POST, "/search", json!({ "query": caller.sandbox.world().companies()[0].name })),
        Vendor::Lusha => (Method::POST, "/v3/companies/search", json!({ "companies": domains })),
        Vendor::ZeroBounce => (
            Method::POST,
            "/validatebatch",
            json!({ "email_batch": [{ "email_address": "a.b@c.example" }, { "email_address": "d.e@f.example" }] }),
        ),
        Vendor::OpenAi => (
            Method::POST,
            "/chat/completions",
            json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "score: 0.9" }] }),
        ),
    }
}

async fn ask(caller: &Caller) -> Result<(u16, Value), reqwest::Error> {
    let (method, path, body) = question(caller.vendor, caller);
    let told = caller.ask_as(caller.sandbox.key(caller.vendor), method, path, &body).await?;
    Ok((told.status, told.json))
}

#[tokio::test]
async fn a_fault_shows_in_the_vendors_own_words_once_and_costs_nothing() {
    let limits = |vendor| match vendor {
        Vendor::Tavily | Vendor::Lusha | Vendor::ZeroBounce | Vendor::OpenAi => 429,
    };
    let quota = |vendor| match vendor {
        Vendor::Tavily => (432, "usage limit"),
        Vendor::Lusha => (402, "Insufficient credits"),
        Vendor::ZeroBounce => (200, "ran out of credits"),
        Vendor::OpenAi => (429, "insufficient_quota"),
    };
    let refused = |vendor| match vendor {
        Vendor::ZeroBounce => (200, "Invalid API key"),
        _ => (401, "API key"),
    };
    for vendor in Vendor::ALL {
        let caller = Caller::of(vendor).await;
        for (kind, (status, words)) in [
            (FaultKind::RateLimit { seconds: 3 }, (limits(vendor), "")),
            (FaultKind::ServerError { status: 500 }, (500, "")),
            (FaultKind::ServerError { status: 503 }, (503, "")),
            (FaultKind::Html403, (403, "<html>")),
            (FaultKind::Quota, quota(vendor)),
            (FaultKind::KeyRefused, refused(vendor)),
        ] {
            caller.sandbox.faults().add(Fault::once(vendor, kind));
            let (told, body) = ask(&caller).await.unwrap();
            assert_eq!((told, body.to_string().contains(words)), (status, true), "{vendor} {kind}: {body}");
        }
        assert_eq!(caller.sandbox.calls().totals(vendor).credits, 0, "{vendor}");
        assert_eq!(ask(&caller).await.unwrap().0, 200, "{vendor} is well again");
        assert!(caller.sandbox.calls().totals(vendor).credits > 0, "{vendor}");
        assert_eq!(caller.sandbox.calls().of(vendor).len(), 1, "one question, asked seven times");
        assert_eq!(caller.sandbox.calls().of(vendor)[0].requests, 7);
    }
}

#[tokio::test]
async fn what_is_lost_on_the_way_was_done_and_paid_for() {
    for vendor in Vendor::ALL {
        let caller = Caller::of(vendor).await;
        ask(&caller).await.unwrap();
        let price = caller.sandbox.calls().totals(vendor).credits;

        caller.sandbox.faults().add(Fault::once(vendor, FaultKind::Half));
        assert!(ask(&caller).await.is_err(), "{vendor}: the connection drops within the body");
        caller.sandbox.faults().add(Fault::once(vendor, FaultKind::InvalidJson));
        let (status, body) = ask(&caller).await.unwrap();
        assert!(status == 200 && body.is_string(), "{vendor}: the body is no JSON");
        caller.sandbox.faults().add(Fault::once(vendor, FaultKind::Slow { milliseconds: 40 }));
        assert_eq!(ask(&caller).await.unwrap().0, 200);
        caller.sandbox.faults().add(Fault::once(vendor, FaultKind::Timeout));
        let given_up = tokio::time::timeout(Duration::from_millis(300), ask(&caller)).await;
        assert!(given_up.is_err(), "{vendor}: no answer comes");

        let call = caller.sandbox.calls().of(vendor).remove(0);
        assert_eq!((call.paid, call.credits), (5, 5 * price), "{vendor}");
        let endings: Vec<&str> = call.endings.keys().map(String::as_str).collect();
        assert_eq!(endings, ["200", "half", "invalid_json", "slow", "timeout"]);
        assert_eq!(caller.sandbox.calls().paid_again(vendor), 4);
        caller.sandbox.stop().await;
    }
}

#[tokio::test]
async fn a_standing_fault_stays_at_its_operation_until_it_is_cleared() {
    let tavily = Caller::of(Vendor::Tavily).await;
    tavily.sandbox.faults().add(Fault::standing(Vendor::Tavily, FaultKind::RateLimit { seconds: 2 }).at("search"));
    for _ in 0..3 {
        let told = tavily.post("/search", &json!({ "query": "x" })).await;
        assert_eq!((told.status, told.header("retry-after")), (429, "2"));
    }
    assert_eq!(tavily.get("/usage").await.status, 200);
    tavily.sandbox.faults().clear_of(Vendor::Tavily);
    assert_eq!(tavily.post("/search", &json!({ "query": "x" })).await.status, 200);
}

#[tokio::test]
async fn a_model_refuses_stops_short_or_makes_things_up() {
    let openai = Caller::of(Vendor::OpenAi).await;
    let page = "# Kelmora\n\nEmail: sales@kelmora.example\n";
    let schema = json!({ "type": "object", "additionalProperties": false, "required": ["emails"], "properties": { "emails": { "type": "array", "items": { "type": "string" } } } });
    let body = json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": page }],
        "response_format": { "type": "json_schema", "json_schema": { "name": "facts", "strict": true, "schema": schema } },
    });
    let met = async |kind| {
        openai.sandbox.faults().add(Fault::once(Vendor::OpenAi, kind));
        openai.post("/chat/completions", &body).await.json["choices"][0].clone()
    };
    let refused = met(FaultKind::Refusal).await;
    assert_eq!((&refused["message"]["content"], &refused["finish_reason"]), (&Value::Null, &json!("stop")));
    assert!(refused["message"]["refusal"].is_string());
    let cut = met(FaultKind::Length).await;
    assert_eq!(cut["finish_reason"], "length");
    assert!(serde_json::from_str::<Value>(cut["message"]["content"].as_str().unwrap()).is_err());
    let invented = met(FaultKind::Hallucinate).await;
    let facts: Value = serde_json::from_str(invented["message"]["content"].as_str().unwrap()).unwrap();
    let emails: Vec<&str> = facts["emails"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(emails.len(), 2);
    assert!(!page.contains(emails[0]) && page.contains(emails[1]));
    assert_eq!(openai.sandbox.calls().totals(Vendor::OpenAi).paid, 3, "all three are charged");
}

#[tokio::test]
async fn latency_comes_before_the_answer_and_after_the_charge() {
    let tavily = Caller::of(Vendor::Tavily).await;
    tavily.sandbox.set_latency(Duration::from_secs(30));
    let given_up = tokio::time::timeout(Duration::from_millis(300), ask(&tavily)).await;
    assert!(given_up.is_err());
    assert_eq!(tavily.sandbox.calls().totals(Vendor::Tavily).paid, 1, "whoever gives up has paid");
}

#[tokio::test]
async fn a_running_sandbox_is_steered_over_http() {
    let tavily = Caller::of(Vendor::Tavily).await;
    let admin = tavily.sandbox.admin();
    let send = async |method: Method, path: &str, body: Value| {
        let request = client().request(method, format!("{admin}/{path}")).body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    let faults = json!([{ "vendor": "tavily", "operation": "search", "kind": "rate_limit=7", "times": 1 }, { "vendor": "lusha", "kind": "half" }]);
    assert_eq!(send(Method::POST, "faults", faults.clone()).await.0, 200);
    assert_eq!(send(Method::GET, "faults", Value::Null).await.1["faults"], faults);
    let told = tavily.post("/search", &json!({ "query": "x" })).await;
    assert_eq!((told.status, told.header("retry-after")), (429, "7"));
    send(Method::DELETE, "faults", Value::Null).await;
    assert!(tavily.sandbox.faults().all().is_empty());
    assert_eq!(tavily.post("/search", &json!({ "query": "x", "api_key": "ignored" })).await.status, 200);
    let calls = send(Method::GET, "calls?vendor=tavily", Value::Null).await.1;
    assert_eq!(calls["calls"].as_array().unwrap().len(), 1, "the same question");
    assert_eq!((&calls["totals"]["tavily"]["requests"], &calls["totals"]["tavily"]["credits"]), (&json!(2), &json!(1)));
    assert_eq!(calls["bought"][0]["thing"], "query:x");
    assert_eq!(send(Method::POST, "credits", json!({ "vendor": "tavily", "credits": 0 })).await.0, 200);
    assert_eq!(tavily.post("/search", &json!({ "query": "x" })).await.status, 432);
    assert_eq!(send(Method::POST, "faults", json!({ "vendor": "tavily", "kind": "tired" })).await.0, 400);
    assert_eq!(send(Method::POST, "latency", json!({ "milliseconds": 1 })).await.0, 200);
    assert_eq!(send(Method::POST, "reset", Value::Null).await.0, 200);
    assert!(tavily.sandbox.calls().all().is_empty());
    assert_eq!(send(Method::GET, "nothing", Value::Null).await.0, 404);
}

#[tokio::test]
async fn accounts_of_several_keys_are_kept_apart() {
    let tavily = Caller::of(Vendor::Tavily).await;
    tavily.sandbox.open_account(Vendor::Tavily, "tvly-prod-globex", 1);
    let ask = async || {
        tavily.ask_as("tvly-prod-globex", Method::POST, "/search", &json!({ "query": "x" })).await.unwrap().status
    };
    assert_eq!([ask().await, ask().await], [200, 432]);
    assert_eq!(tavily.sandbox.credits_left_of(Vendor::Tavily, "tvly-prod-globex"), Some(0));
    assert_eq!(tavily.sandbox.credits_left(Vendor::Tavily), 100_000);
}

#[tokio::test]
async fn nobody_listens_beyond_loopback() {
    let config = VendorConfig { address: "0.0.0.0:0".parse().unwrap(), ..VendorConfig::default() };
    assert!(VendorSandbox::start(config, world()).await.is_err());
}
