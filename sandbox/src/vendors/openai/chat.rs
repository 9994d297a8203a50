//! `POST /v1/chat/completions`.

use chrono::Utc;
use serde_json::{Value, json};

use crate::vendors::faults::FaultKind;
use crate::vendors::ids::Ids;
use crate::vendors::openai::models::{self, Kind};
use crate::vendors::openai::prompt::{Ending, Prompt, temperature, tokens_max, writes};
use crate::vendors::openai::{error, text, tokens, tools, wrong};
use crate::vendors::reply::Reply;

/// The answer, or what is wrong with the question.
pub(super) fn answer(body: &Value, fault: Option<FaultKind>, ids: &Ids) -> Result<Reply, Reply> {
    let model = models::named(body)?;
    writes(model)?;
    if body["stream"] == true {
        return Err(wrong("The sandbox does not stream.", "stream"));
    }
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| wrong("Missing required parameter: 'messages'.", "messages"))?;
    temperature(body, model)?;
    if model.kind == Kind::Reasoning && !body["max_tokens"].is_null() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(error(400, "invalid_request_error", message, Some("max_tokens"), Some("unsupported_parameter")));
    }
    let format = &body["response_format"];
    let mut prompt = Prompt::read(messages, "messages", None)?;
    prompt = prompt.shaped(text(format, "type"), &format["json_schema"], "response_format")?;
    if format["type"] == "json_object" && !body["messages"].to_string().to_lowercase().contains("json") {
        let message =
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
        return Err(wrong(message, "messages"));
    }
    let limit = tokens_max(body, "max_completion_tokens")?.or(tokens_max(body, "max_tokens")?);
    prompt.tokens_max = limit.unwrap_or(u64::MAX);
    let offer = tools::offered(body)?;
    prompt.tokens += offer.as_ref().map_or(0, |offer| offer.read);
    let mut written = prompt.write(fault);
    let refused = written.ending == Ending::Refused;
    let called = offer.and_then(|offer| offer.called(&prompt.user)).filter(|_| !refused);
    if let Some((_, arguments)) = &called {
        written.tokens_output = tokens::count(arguments);
    }
    let calls = called.map(|(name, arguments)| {
        let function = json!({ "name": name, "arguments": arguments });
        json!([{ "id": ids.token("call_"), "type": "function", "function": function }])
    });
    let answer = json!({
        "id": ids.token("chatcmpl-"),
        "object": "chat.completion",
        "created": Utc::now().timestamp(),
        "model": model.snapshot,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": if refused || calls.is_some() { Value::Null } else { json!(written.text) },
                "tool_calls": calls,
                "refusal": if refused { json!(written.text) } else { Value::Null },
                "annotations": [],
            },
            "logprobs": null,
            "finish_reason": match (written.ending, &calls) {
                (Ending::Cut, _) => "length",
                (_, Some(_)) if body["tool_choice"] != "required" => "tool_calls",
                _ => "stop",
            },
        }],
        "usage": {
            "prompt_tokens": written.tokens_input,
            "completion_tokens": written.tokens_output,
            "total_tokens": written.tokens_input + written.tokens_output,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_sandbox",
    });
    Ok(Reply::json(200, &answer).receipt(written.receipt()))
}
