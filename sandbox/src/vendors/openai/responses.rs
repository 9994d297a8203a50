//! `POST /v1/responses`.

use chrono::Utc;
use serde_json::{Value, json};

use crate::vendors::faults::FaultKind;
use crate::vendors::ids::Ids;
use crate::vendors::openai::models;
use crate::vendors::openai::prompt::{Ending, Prompt, temperature, tokens_max, writes};
use crate::vendors::openai::{text, wrong};
use crate::vendors::reply::Reply;

/// The answer, or what is wrong with the question.
pub(super) fn answer(body: &Value, fault: Option<FaultKind>, ids: &Ids) -> Result<Reply, Reply> {
    let model = models::named(body)?;
    writes(model)?;
    if body["stream"] == true {
        return Err(wrong("The sandbox does not stream.", "stream"));
    }
    let items = match &body["input"] {
        Value::String(text) => vec![json!({ "role": "user", "content": text })],
        Value::Array(items) if !items.is_empty() => items.clone(),
        _ => return Err(wrong("Missing required parameter: 'input'.", "input")),
    };
    let temperature = temperature(body, model)?;
    let format = &body["text"]["format"];
    let mut prompt = Prompt::read(&items, "input", text(body, "instructions"))?;
    prompt = prompt.shaped(text(format, "type"), format, "text.format")?;
    prompt.tokens_max = tokens_max(body, "max_output_tokens")?.unwrap_or(u64::MAX);
    let written = prompt.write(fault);
    let content = match written.ending {
        Ending::Refused => json!({ "type": "refusal", "refusal": written.text }),
        _ => json!({ "type": "output_text", "text": written.text, "annotations": [], "logprobs": [] }),
    };
    let cut = written.ending == Ending::Cut;
    let status = if cut { "incomplete" } else { "completed" };
    let answer = json!({
        "id": ids.token("resp_"),
        "object": "response",
        "created_at": Utc::now().timestamp(),
        "status": status,
        "error": null,
        "incomplete_details": if cut { json!({ "reason": "max_output_tokens" }) } else { Value::Null },
        "instructions": body["instructions"],
        "max_output_tokens": body["max_output_tokens"],
        "metadata": {},
        "model": model.snapshot,
        "output": [{
            "type": "message",
            "id": ids.token("msg_"),
            "status": status,
            "role": "assistant",
            "content": [content],
        }],
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null },
        "store": body["store"].as_bool().unwrap_or(true),
        "temperature": temperature,
        "text": { "format": if format.is_null() { json!({ "type": "text" }) } else { format.clone() } },
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": written.tokens_input,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": written.tokens_output,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": written.tokens_input + written.tokens_output,
        },
        "user": null,
    });
    Ok(Reply::json(200, &answer).receipt(written.receipt()))
}
