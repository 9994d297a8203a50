//! Messages: as clients send them, as they are kept, as clients see them.
//!
//! What people write is kept with every address masked; what the agent answers is kept as [`Block`]s. So a stored message names nobody.

use presdr_rules::chat::redact;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::block::Block;

/// A message as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its client's id, or ours.
    pub id: String,
    /// Who says it.
    pub by: By,
    /// In order.
    pub blocks: Vec<Block>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The person.
    Human,
    /// The agent.
    Ai,
    /// Whatever else a client puts in: kept for its id, shown to nobody.
    Other,
}

/// What a run was given.
#[derive(Debug, Default)]
pub struct Given {
    /// To be kept.
    pub messages: Vec<Message>,
    /// The newest line of the person, as it was written: it is acted on and never kept.
    pub line: Option<String>,
}

/// Ids and texts longer than this are refused.
const ID_CHARACTERS_MAX: usize = 200;
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Messages of one turn.
const GIVEN_MAX: usize = 100;
/// A thread that is longer is cut at its beginning.
const MESSAGES_MAX: usize = 400;
const MESSAGES_BYTES_MAX: usize = 256 * 1024;

/// Reads `input`: `{"messages": [...]}`, where one message may stand without its list.
///
/// # Errors
/// What is wrong, without the values.
pub fn read(input: &Value) -> Result<Given, &'static str> {
    let messages = match input.get("messages") {
        None | Some(Value::Null) => return Ok(Given::default()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    if messages.len() > GIVEN_MAX {
        return Err("a turn says at most 100 messages");
    }
    let mut given = Given::default();
    for message in messages {
        let (message, text) = read_one(message)?;
        if message.by == By::Human {
            given.line = Some(text);
        }
        given.messages.push(message);
    }
    Ok(given)
}

fn read_one(message: &Value) -> Result<(Message, String), &'static str> {
    let kind = message.get("type").or_else(|| message.get("role")).and_then(Value::as_str);
    let by = match kind.ok_or("a message has a type, such as \"human\"")? {
        "human" | "user" | "HumanMessage" => By::Human,
        "ai" | "assistant" | "AIMessage" => By::Ai,
        _ => By::Other,
    };
    let id = match message.get("id") {
        Some(Value::String(id)) if id.chars().count() <= ID_CHARACTERS_MAX && !id.contains(['\0', '@']) => id.clone(),
        None | Some(Value::Null) => Uuid::new_v4().to_string(),
        Some(_) => return Err("a message's id is a text of at most 200 characters, no address among them"),
    };
    let text = text_of(message.get("content")).replace('\0', " ");
    if text.len() > TEXT_BYTES_MAX {
        return Err("a message has at most 64 KiB of text");
    }
    let blocks = vec![Block::Text(redact(&text))];
    Ok((Message { id, by, blocks }, text))
}

/// The text of a content, which is a string or a list of blocks of which only text is read.
fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => {
            let text = |block: &Value| match block {
                Value::String(text) => Some(text.clone()),
                block => block.get("text").and_then(Value::as_str).map(str::to_owned),
            };
            blocks.iter().filter_map(text).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A client's JSON with every address and number in its texts masked.
#[must_use]
pub fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(list) => list.into_iter().map(masked).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (redact(&key), masked(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other,
    }
}

impl Message {
    /// Bytes of what is kept of it as text.
    fn bytes(&self) -> usize {
        let texts = self.blocks.iter().map(|block| match block {
            Block::Text(text) => text.len(),
            Block::Shortlist { .. } | Block::Explained { .. } => 0,
        });
        self.id.len() + texts.sum::<usize>()
    }
}

/// Appends messages; one whose id is there already takes its place. What is too much goes at the beginning.
#[must_use]
pub fn merged(mut kept: Vec<Message>, new: Vec<Message>) -> Vec<Message> {
    for message in new {
        match kept.iter_mut().find(|held| held.id == message.id) {
            Some(held) => *held = message,
            None => kept.push(message),
        }
    }
    let mut bytes = 0;
    let fits = kept.iter().rev().take(MESSAGES_MAX).take_while(|message| {
        bytes += message.bytes();
        bytes <= MESSAGES_BYTES_MAX
    });
    let surplus = kept.len() - fits.count();
    kept.drain(..surplus);
    kept
}

/// The newest line of the person, as it is kept, and the id of its message.
#[must_use]
pub fn last_line(messages: &[Message]) -> Option<(String, String)> {
    let last = messages.iter().rev().find(|message| message.by == By::Human)?;
    let text = last.blocks.iter().find_map(|block| match block {
        Block::Text(text) => Some(text.clone()),
        Block::Shortlist { .. } | Block::Explained { .. } => None,
    });
    Some((last.id.clone(), text?))
}

/// A message as clients see it, given its blocks' text; `None` for what is shown to nobody.
#[must_use]
pub fn shown(message: &Message, text: &str) -> Option<Value> {
    let kind = match message.by {
        By::Human => "human",
        By::Ai => "ai",
        By::Other => return None,
    };
    let mut shown = json!({
        "content": text, "additional_kwargs": {}, "response_metadata": {}, "type": kind, "name": null, "id": message.id,
    });
    if message.by == By::Ai {
        shown["tool_calls"] = json!([]);
        shown["invalid_tool_calls"] = json!([]);
        shown["usage_metadata"] = Value::Null;
    }
    Some(shown)
}

/// A piece of a message that is being said. `last` is the one that ends it.
#[must_use]
pub fn delta(id: &str, text: &str, last: bool) -> Value {
    json!({
        "content": text, "additional_kwargs": {}, "response_metadata": {}, "type": "AIMessageChunk", "name": null, "id": id,
        "tool_calls": [], "invalid_tool_calls": [], "usage_metadata": null, "tool_call_chunks": [],
        "chunk_position": if last { json!("last") } else { Value::Null },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &Message) -> &str {
        match &message.blocks[..] {
            [Block::Text(text)] => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_spellings_of_a_message_are_read_and_ids_are_kept() {
        let input = json!({ "messages": [
            { "type": "human", "id": "one", "content": "help" },
            { "role": "user", "content": [{ "type": "text", "text": "run" }, { "type": "image", "data": "AAAA" }] },
        ] });
        let given = read(&input).unwrap();
        assert_eq!(given.line.as_deref(), Some("run"));
        assert_eq!((given.messages[0].id.as_str(), text(&given.messages[0])), ("one", "help"));
        assert!(Uuid::parse_str(&given.messages[1].id).is_ok());
        let one = read(&json!({ "messages": { "type": "human", "content": "help" } })).unwrap();
        assert_eq!(one.line.as_deref(), Some("help"));
        for nothing in [json!(null), json!({}), json!({ "messages": null }), json!({ "messages": [] })] {
            assert!(read(&nothing).unwrap().messages.is_empty());
        }
        assert!(read(&json!({ "messages": [{ "content": "help" }] })).is_err());
    }

    #[test]
    fn an_address_is_acted_on_and_not_kept() {
        let given =
            read(&json!({ "messages": [{ "type": "human", "content": "suppress jane@acme.example" }] })).unwrap();
        assert_eq!(given.line.as_deref(), Some("suppress jane@acme.example"));
        assert!(!serde_json::to_string(&given.messages).unwrap().contains("jane"));
    }

    #[test]
    fn the_same_id_again_replaces() {
        let human = |id: &str, text: &str| Message {
            id: id.to_owned(),
            by: By::Human,
            blocks: vec![Block::Text(text.to_owned())],
        };
        let messages = merged(vec![human("1", "a"), human("2", "b")], vec![human("1", "c"), human("3", "d")]);
        assert_eq!(messages, [human("1", "c"), human("2", "b"), human("3", "d")]);
        assert_eq!(last_line(&messages), Some(("3".to_owned(), "d".to_owned())));
    }

    #[test]
    fn a_thread_that_grows_too_long_is_cut_at_its_beginning() {
        let human = |id: usize, bytes: usize| Message {
            id: id.to_string(),
            by: By::Human,
            blocks: vec![Block::Text("x".repeat(bytes))],
        };
        let many = merged(Vec::new(), (0..MESSAGES_MAX + 2).map(|id| human(id, 1)).collect());
        assert_eq!((many.len(), many[0].id.as_str()), (MESSAGES_MAX, "2"));
        let long = merged(Vec::new(), (0..9).map(|id| human(id, TEXT_BYTES_MAX)).collect());
        assert_eq!((long.len(), long[0].id.as_str()), (3, "6"));
    }

    #[test]
    fn what_is_neither_persons_nor_agents_is_shown_to_nobody() {
        let given =
            read(&json!({ "messages": [{ "type": "tool", "id": "do-not-render-1", "content": "x" }] })).unwrap();
        assert_eq!(given.line, None);
        assert_eq!(shown(&given.messages[0], "x"), None);
    }
}
