//! A question of either kind, brought into one form, and what is written in answer.

use serde_json::{Value, json};

use crate::vendors::faults::FaultKind;
use crate::vendors::openai::evidence::Evidence;
use crate::vendors::openai::models::{Kind, Model};
use crate::vendors::openai::{error, fill, sentence, strict, tokens, wrong};
use crate::vendors::reply::{Receipt, Reply};

/// How many tokens a model reads.
const CONTEXT_TOKENS_MAX: u64 = 128_000;
/// Tokens that each message costs beside its text.
const MESSAGE_TOKENS: u64 = 4;

/// How an answer shall look.
pub(super) enum Format {
    /// Text.
    Text,
    /// Any JSON object.
    Object,
    /// JSON by this schema.
    Schema(Value),
}

/// A question.
pub(super) struct Prompt {
    /// What the question says, without instructions.
    pub user: String,
    /// Everything that is read.
    pub tokens: u64,
    /// How the answer shall look.
    pub format: Format,
    /// How many tokens the answer may have.
    pub tokens_max: u64,
}

/// How writing ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With its last word.
    Complete,
    /// At the limit.
    Cut,
    /// Before it began.
    Refused,
}

/// What was written.
pub(super) struct Written {
    pub text: String,
    pub ending: Ending,
    pub tokens_input: u64,
    pub tokens_output: u64,
}

impl Prompt {
    /// Reads messages (chat) or items (responses), `instructions` first.
    pub fn read(messages: &[Value], param: &str, instructions: Option<&str>) -> Result<Self, Reply> {
        let mut user = String::new();
        let mut read = instructions.map_or(0, tokens::count);
        for (place, message) in messages.iter().enumerate() {
            let role = message["role"].as_str().unwrap_or_default();
            if !matches!(role, "system" | "developer" | "user" | "assistant" | "tool") {
                let said = format!(
                    "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'."
                );
                return Err(wrong(&said, &format!("{param}[{place}].role")));
            }
            let text = content(&message["content"]).ok_or_else(|| {
                wrong(&format!("Invalid type for '{param}[{place}].content'."), &format!("{param}[{place}].content"))
            })?;
            read += tokens::count(&text) + MESSAGE_TOKENS;
            if role == "user" {
                user.push_str(&text);
                user.push('\n');
            }
        }
        if read > CONTEXT_TOKENS_MAX {
            let message = format!(
                "This model's maximum context length is {CONTEXT_TOKENS_MAX} tokens. However, your messages resulted in {read} tokens."
            );
            return Err(error(400, "invalid_request_error", &message, Some(param), Some("context_length_exceeded")));
        }
        Ok(Self { user, tokens: read, format: Format::Text, tokens_max: u64::MAX })
    }

    /// The same question with the shape of its answer. `schema` holds `name`, `schema` and `strict`.
    pub fn shaped(mut self, kind: Option<&str>, schema: &Value, param: &str) -> Result<Self, Reply> {
        self.format = match kind {
            None | Some("text") => Format::Text,
            Some("json_object") => Format::Object,
            Some("json_schema") => {
                strict::check(schema, param)?;
                self.tokens += tokens::count(&schema["schema"].to_string());
                Format::Schema(schema["schema"].clone())
            }
            Some(other) => {
                let said = format!(
                    "Invalid value: '{other}'. Supported values are: 'json_object', 'json_schema', and 'text'."
                );
                return Err(wrong(&said, &format!("{param}.type")));
            }
        };
        Ok(self)
    }

    /// The answer.
    pub fn write(&self, fault: Option<FaultKind>) -> Written {
        let invents = fault == Some(FaultKind::Hallucinate);
        let evidence = Evidence::of(&self.user, invents);
        let whole = match &self.format {
            Format::Schema(schema) => fill::fill(schema, &evidence).to_string(),
            Format::Object => json!({ "text": evidence.sentence }).to_string(),
            Format::Text => evidence.sentence.clone(),
        };
        let needed = tokens::count(&whole);
        let (text, ending) = match fault {
            Some(FaultKind::Refusal) => (sentence::REFUSAL.to_owned(), Ending::Refused),
            Some(FaultKind::Length) => (tokens::cut(&whole, needed / 2), Ending::Cut),
            _ if needed > self.tokens_max => (tokens::cut(&whole, self.tokens_max), Ending::Cut),
            _ => (whole, Ending::Complete),
        };
        let tokens_output = tokens::count(&text);
        Written { text, ending, tokens_input: self.tokens, tokens_output }
    }
}

impl Written {
    /// What it costs.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            credits: self.tokens_input + self.tokens_output,
            tokens_input: self.tokens_input,
            tokens_output: self.tokens_output,
            ..Receipt::default()
        }
    }
}

/// The text of a message: a string, or parts of which some are text.
fn content(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> = parts.iter().map(|part| part["text"].as_str()).collect();
            texts.map(|texts| texts.join("\n"))
        }
        _ => None,
    }
}

/// The temperature, which models that reason do not take.
pub(super) fn temperature(body: &Value, model: Model) -> Result<f64, Reply> {
    let given = &body["temperature"];
    if given.is_null() {
        return Ok(1.0);
    }
    let value = given.as_f64().filter(|value| (0.0..=2.0).contains(value));
    let value =
        value.ok_or_else(|| wrong("Invalid 'temperature': must be a number between 0 and 2.", "temperature"))?;
    if model.kind == Kind::Reasoning && (value - 1.0).abs() > f64::EPSILON {
        let message = format!(
            "Unsupported value: 'temperature' does not support {given} with this model. Only the default (1) value is supported."
        );
        return Err(error(400, "invalid_request_error", &message, Some("temperature"), Some("unsupported_value")));
    }
    Ok(value)
}

/// The limit of the answer by the name of its field.
pub(super) fn tokens_max(body: &Value, name: &str) -> Result<Option<u64>, Reply> {
    let given = &body[name];
    if given.is_null() {
        return Ok(None);
    }
    let value = given.as_u64().filter(|value| *value > 0);
    value
        .map(Some)
        .ok_or_else(|| wrong(&format!("Invalid '{name}': integer below minimum value. Expected a value >= 1."), name))
}

/// Models of other kinds do not write.
pub(super) fn writes(model: Model) -> Result<(), Reply> {
    if matches!(model.kind, Kind::Embedding { .. }) {
        let message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint.";
        return Err(error(404, "invalid_request_error", message, Some("model"), None));
    }
    Ok(())
}
