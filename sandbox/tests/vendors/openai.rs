use presdr_sandbox::vendors::{Limits, Vendor};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Caller;

const PAGE: &str = "# Welcome to Kelmora Engineering\n\nKelmora Engineering builds special machines for plants in Asia.\n\nEmail: sales@kelmora.example\nTel: +65 6777 1234\n";

fn schema() -> Value {
    let list = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["company_name", "emails", "phones", "about"],
        "properties": { "company_name": { "type": ["string", "null"] }, "emails": list, "phones": list, "about": { "type": ["string", "null"] } },
    })
}

fn chat(text: &str) -> Value {
    json!({ "model": "gpt-4o-mini", "messages": [{ "role": "system", "content": "You read pages." }, { "role": "user", "content": text }] })
}

fn extraction(text: &str) -> Value {
    let mut body = chat(text);
    body["response_format"] =
        json!({ "type": "json_schema", "json_schema": { "name": "facts", "strict": true, "schema": schema() } });
    body
}

fn error(json: &Value) -> (&str, &str) {
    (json["error"]["type"].as_str().unwrap_or_default(), json["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_strict_schema_is_filled_from_the_text_and_from_nothing_else() {
    let openai = Caller::of(Vendor::OpenAi).await;
    let told = openai.post("/chat/completions", &extraction(PAGE)).await;
    let choice = &told.json["choices"][0];
    assert_eq!(
        (told.status, &choice["finish_reason"], &choice["message"]["refusal"]),
        (200, &json!("stop"), &Value::Null)
    );
    let facts: Value = serde_json::from_str(choice["message"]["content"].as_str().unwrap()).unwrap();
    let expected = json!({
        "company_name": "Kelmora Engineering",
        "emails": ["sales@kelmora.example"],
        "phones": ["+65 6777 1234"],
        "about": "Kelmora Engineering builds special machines for plants in Asia.",
    });
    assert_eq!(facts, expected);
    let usage = &told.json["usage"];
    let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], sum);
    assert_eq!(openai.sandbox.calls().totals(Vendor::OpenAi).credits, sum);
    assert!(told.header("x-request-id").starts_with("req_"));
    assert_eq!(told.header("x-ratelimit-remaining-requests"), "9999");
    let again = openai.post("/chat/completions", &extraction(PAGE)).await;
    assert_eq!(again.json["choices"], told.json["choices"]);
    assert_ne!(again.json["id"], told.json["id"]);
    let nothing = openai.post("/chat/completions", &extraction("hello")).await;
    let facts: Value =
        serde_json::from_str(nothing.json["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(facts, json!({ "company_name": null, "emails": [], "phones": [], "about": null }));
}

#[tokio::test]
async fn a_question_about_features_gets_a_sentence_of_them() {
    let openai = Caller::of(Vendor::OpenAi).await;
    let told = openai.post("/chat/completions", &chat("{\"industry_match\": true, \"employees\": 84}")).await;
    assert_eq!(told.json["choices"][0]["message"]["content"], "This lead stands out: employees 84 and industry match.");
}

#[tokio::test]
async fn responses_say_the_same_in_their_own_shape() {
    let openai = Caller::of(Vendor::OpenAi).await;
    let format = json!({ "type": "json_schema", "name": "facts", "strict": true, "schema": schema() });
    let mut body =
        json!({ "model": "gpt-4.1-mini", "instructions": "Read.", "input": PAGE, "text": { "format": format } });
    let told = openai.post("/responses", &body).await.json;
    let content = &told["output"][0]["content"][0];
    assert_eq!((&told["status"], &content["type"]), (&json!("completed"), &json!("output_text")));
    assert!(content["text"].as_str().unwrap().contains("sales@kelmora.example"));
    body["max_output_tokens"] = json!(5);
    let told = openai.post("/responses", &body).await.json;
    assert_eq!(
        (&told["status"], &told["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert!(told["usage"]["output_tokens"].as_u64().unwrap() <= 6);
}

#[tokio::test]
async fn embeddings_have_unit_length_in_either_encoding() {
    let openai = Caller::of(Vendor::OpenAi).await;
    let ask = async |more: Value| {
        let mut body = json!({ "model": "text-embedding-3-small", "input": ["ships and boats", "cakes"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        openai.post("/embeddings", &body).await
    };
    let floats = ask(json!({})).await.json;
    let vector: Vec<f32> =
        floats["data"][0]["embedding"].as_array().unwrap().iter().map(|one| one.as_f64().unwrap() as f32).collect();
    assert_eq!(vector.len(), 1_536);
    assert!((vector.iter().map(|one| one * one).sum::<f32>() - 1.0).abs() < 1e-4);
    let short = ask(json!({ "dimensions": 64 })).await.json;
    assert_eq!(short["data"][1]["embedding"].as_array().unwrap().len(), 64);
    let text = ask(json!({ "encoding_format": "base64" })).await.json;
    let text = text["data"][0]["embedding"].as_str().unwrap();
    assert_eq!(text.len(), 1_536 * 4 / 3 * 4, "four bytes a number, four letters for three bytes");
    let many: Vec<String> = (0..2_049).map(|number| number.to_string()).collect();
    assert_eq!(ask(json!({ "input": many })).await.status, 400);
    assert_eq!(ask(json!({ "input": "" })).await.status, 400);
    assert_eq!(ask(json!({ "input": "x ".repeat(20_000) })).await.status, 400);
    assert_eq!(ask(json!({ "input": [[1, 2, 3], [4]] })).await.json["usage"]["prompt_tokens"], 4);
    assert_eq!(ask(json!({ "model": "text-embedding-ada-002", "dimensions": 64 })).await.status, 400);
}

#[tokio::test]
async fn wrong_questions_are_refused_in_its_words_and_cost_nothing() {
    let openai = Caller::of(Vendor::OpenAi).await;
    let with = |name: &str, value: Value| {
        let mut body = extraction(PAGE);
        body[name] = value;
        body
    };
    let mut open = extraction(PAGE);
    open["response_format"]["json_schema"]["schema"]["additionalProperties"] = json!(true);
    let reasoning =
        json!({ "model": "gpt-5-mini", "messages": [{ "role": "user", "content": "x" }], "temperature": 0 });
    let counted = json!({ "model": "gpt-5-mini", "messages": [{ "role": "user", "content": "x" }], "max_tokens": 9 });
    for (path, body, status, code, words) in [
        ("/chat/completions", with("model", json!("gpt-9")), 404, "model_not_found", "gpt-9"),
        ("/chat/completions", with("model", Value::Null), 400, "", "you must provide a model parameter"),
        ("/chat/completions", with("messages", json!([])), 400, "", "messages"),
        ("/chat/completions", with("messages", json!([{ "role": "boss", "content": "x" }])), 400, "", "boss"),
        ("/chat/completions", with("temperature", json!(3)), 400, "", "temperature"),
        ("/chat/completions", open, 400, "", "Invalid schema for response_format 'facts'"),
        ("/chat/completions", reasoning, 400, "unsupported_value", "temperature"),
        ("/chat/completions", counted, 400, "unsupported_parameter", "max_completion_tokens"),
        ("/chat/completions", chat(&"word ".repeat(110_000)), 400, "context_length_exceeded", "maximum context length"),
        ("/chat/completions", json!("text"), 400, "", "parse the JSON body"),
        ("/nothing", json!({}), 404, "", "Invalid URL"),
    ] {
        let told = openai.post(path, &body).await;
        let message = told.json["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((told.status, error(&told.json).1), (status, code), "{message}");
        assert!(message.contains(words), "{message}");
        assert!(told.json["error"].as_object().unwrap().len() == 4, "all four fields are there");
    }
    let key = "sk-proj-abcdefghijklmnop";
    let told = openai.ask_as(key, Method::POST, "/chat/completions", &json!({})).await.unwrap();
    assert_eq!((told.status, error(&told.json)), (401, ("invalid_request_error", "invalid_api_key")));
    assert!(!told.json.to_string().contains(key), "the key is echoed with its middle hidden");
    assert_eq!(openai.sandbox.calls().totals(Vendor::OpenAi).credits, 0);
    assert_eq!(openai.get("/models/gpt-4o-mini").await.json["id"], "gpt-4o-mini");
}

#[tokio::test]
async fn rate_and_quota_share_a_status_and_differ_in_code() {
    let openai = Caller::limited(Vendor::OpenAi, Limits { openai_requests_per_minute: 1, ..Limits::default() }).await;
    assert_eq!(openai.post("/chat/completions", &chat("x")).await.status, 200);
    let told = openai.post("/chat/completions", &chat("x")).await;
    assert_eq!((told.status, error(&told.json).1), (429, "rate_limit_exceeded"));
    assert!(told.header("retry-after").parse::<u64>().is_ok() && told.header("retry-after-ms").parse::<u64>().is_ok());

    let poor = Caller::of(Vendor::OpenAi).await;
    poor.sandbox.set_credits(Vendor::OpenAi, 5);
    let told = poor.post("/chat/completions", &extraction(PAGE)).await;
    assert_eq!((told.status, error(&told.json)), (429, ("insufficient_quota", "insufficient_quota")));
    assert_eq!(told.headers.get("retry-after"), None);
}
