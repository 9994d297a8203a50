//! A question that is answered by calling one of some tools.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DAY, TOKENS_AROUND, charged, check, post, question, tokens};
use crate::{Answered, Call, Charge, Class, Endpoint, Failure, Prices, Reply, RequestSpec, Unpriced, Vendor};

/// Somebody waits for it.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// A tool that a model may call.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name, 1 to 64 of `A-Za-z0-9_-`.
    pub name: &'static str,
    /// When it is meant.
    pub description: &'static str,
    /// The shape of its arguments, strict: every object closed, every property required.
    pub parameters: Value,
}

/// A question of which the answer is the call of one tool. Not printed: it holds what somebody wrote.
#[derive(Clone)]
pub struct Choose {
    /// The model.
    pub model: String,
    /// What the model is to do. Text of strangers never goes in here.
    pub instructions: String,
    /// What it is to do it with: data, whatever it says.
    pub input: String,
    /// What it may call.
    pub tools: Vec<Tool>,
    /// The answer's most tokens.
    pub tokens_max: u32,
    /// What the question belongs to: the same asked again for the same is not bought again, and for something else it is. Not sent.
    pub asked_for: String,
}

/// What a model chose.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "chose", rename_all = "snake_case")]
pub enum Chosen {
    /// One tool, with arguments; whether they hold, the caller finds out.
    Tool {
        /// Its name.
        name: String,
        /// With what.
        arguments: Value,
    },
    /// None, several, or it was cut off.
    Nothing,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool { name, .. } => write!(f, "Tool({name}, …)"),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl Choose {
    fn body(&self) -> Value {
        let tools: Vec<Value> = self.tools.iter().map(tool).collect();
        let mut body = question(&self.model, &self.instructions, &self.input, self.tokens_max);
        body["tools"] = tools.into();
        body["tool_choice"] = "required".into();
        body["parallel_tool_calls"] = false.into();
        body
    }
}

fn tool(tool: &Tool) -> Value {
    let Tool { name, description, parameters } = tool;
    json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters, "strict": true}})
}

impl Call for Choose {
    const VENDOR: Vendor = Vendor::OpenAi;
    const OPERATION: &'static str = "choose";
    type Answer = Chosen;

    fn canonical(&self) -> Vec<u8> {
        json!({"for": self.asked_for, "body": self.body()}).to_string().into_bytes()
    }

    fn worst_case(&self, prices: &Prices) -> Result<Charge, Unpriced> {
        // A token is at least one byte of what is sent.
        let tools: usize = self.tools.iter().map(|one| tool(one).to_string().len()).sum();
        let sent = self.instructions.len() + self.input.len() + tools;
        tokens(prices, &self.model, sent as u64 + TOKENS_AROUND, self.tokens_max.into())
    }

    fn request(&self, endpoint: &Endpoint) -> RequestSpec {
        post(endpoint, "/chat/completions", &self.body(), TIMEOUT)
    }

    fn read(&self, reply: &Reply<'_>, prices: &Prices) -> Result<Answered<Chosen>, Failure> {
        check(reply)?;
        let body: Value = reply.json()?;
        let charge = charged(self, prices, &self.model, &body)?;
        let answer = chosen(&body["choices"][0])?;
        // Whoever asks again for the same does so soon.
        Ok(Answered { answer, charge, fresh_for: DAY })
    }
}

fn chosen(choice: &Value) -> Result<Chosen, Failure> {
    let message = choice["message"].as_object();
    let message = message.ok_or_else(|| Failure::new(Class::Lost, "OpenAI's answer says nothing"))?;
    let calls = message.get("tool_calls").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let cut_off = matches!(choice["finish_reason"].as_str(), Some("length" | "content_filter"));
    let [call] = calls else { return Ok(Chosen::Nothing) };
    let arguments = call["function"]["arguments"].as_str().and_then(|text| serde_json::from_str(text).ok());
    Ok(match (call["function"]["name"].as_str(), arguments) {
        (Some(name), Some(arguments)) if !cut_off => Chosen::Tool { name: name.to_owned(), arguments },
        _ => Chosen::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{openai::CHAT_MODEL, testing::said};

    fn choose(asked_for: &str) -> Choose {
        Choose {
            model: CHAT_MODEL.to_owned(),
            instructions: "Choose.".to_owned(),
            input: "look at it".to_owned(),
            tools: vec![Tool { name: "look", description: "Look", parameters: json!({"type": "object"}) }],
            tokens_max: 100,
            asked_for: asked_for.to_owned(),
        }
    }

    fn answer(finish: &str, calls: &Value) -> String {
        let message = json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls});
        json!({"choices": [{"message": message, "finish_reason": finish}], "usage": {"prompt_tokens": 58, "completion_tokens": 7}})
            .to_string()
    }

    #[test]
    fn one_call_is_a_choice_and_anything_else_is_none() {
        let call = |arguments: &str| json!({"id": "call_1", "type": "function", "function": {"name": "look", "arguments": arguments}});
        let read = |reply: &Reply<'_>| choose("a").read(reply, &Prices::default());
        let came = |finish: &str, calls: Value| said(read, 200, &answer(finish, &calls)).unwrap().answer;
        let one = Chosen::Tool { name: "look".to_owned(), arguments: json!({"at": "it"}) };
        assert_eq!(came("tool_calls", json!([call(r#"{"at": "it"}"#)])), one);
        assert_eq!(came("stop", json!([call(r#"{"at": "it"}"#)])), one, "so it ends where a call is required");
        for (finish, calls) in [
            ("length", json!([call(r#"{"at": "it"}"#)])),
            ("tool_calls", json!([call("{"),])),
            ("tool_calls", json!([call("{}"), call("{}")])),
            ("stop", json!(null)),
        ] {
            assert_eq!(came(finish, calls), Chosen::Nothing);
        }
        assert!(said(read, 200, r#"{"choices": []}"#).is_err());
    }

    #[test]
    fn the_same_for_something_else_is_another_question_and_is_sent_as_the_same() {
        assert_eq!(choose("a").canonical(), choose("a").canonical());
        assert_ne!(choose("a").canonical(), choose("b").canonical());
        assert_eq!(choose("a").body(), choose("b").body());
        let worst = choose("a").worst_case(&Prices::default()).unwrap();
        assert!(worst.tokens_input as usize >= choose("a").instructions.len() + choose("a").input.len());
    }
}
