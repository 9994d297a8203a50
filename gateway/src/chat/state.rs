//! Threads and their states as LangGraph clients know them.

use chrono::{DateTime, SecondsFormat, Utc};
use presdr_store::{
    TenantTx,
    threads::{self, Checkpoint, Thread},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    block::{Block, Reading},
    message::{self, Message},
};
use crate::Problem;

/// The values of a state: all its messages. `checkpoint` is the id as it was told.
pub async fn values(
    tx: &mut TenantTx,
    thread: Uuid,
    checkpoint: &Value,
    reading: &mut Reading,
) -> Result<Value, Problem> {
    let id = checkpoint.as_str().and_then(|id| Uuid::parse_str(id).ok());
    let held = match id {
        Some(id) => threads::checkpoint(tx, thread, id).await?,
        None => None,
    };
    match held {
        Some(held) => of(tx, &held, reading).await,
        None => Ok(json!({})),
    }
}

/// So many bytes of a state are read anew for whoever reads it; what was found longer ago is not shown again.
const FOUND_BYTES_MAX: usize = 1024 * 1024;
const NOT_AGAIN: &str = "*(Too long ago to be shown again: ask once more.)*";

async fn of(tx: &mut TenantTx, held: &Checkpoint, reading: &mut Reading) -> Result<Value, Problem> {
    let messages: Vec<Message> = serde_json::from_value(held.messages.clone()).map_err(|_| Problem::internal())?;
    let (mut shown, mut found_bytes) = (Vec::with_capacity(messages.len()), 0);
    // The newest first: it is what people look at.
    for message in messages.iter().rev() {
        let mut text = String::new();
        for block in &message.blocks {
            let before = text.len();
            match block {
                Block::Text(_) => reading.write(tx, block, &mut text).await?,
                _ if found_bytes > FOUND_BYTES_MAX => text.push_str(NOT_AGAIN),
                _ => {
                    reading.write(tx, block, &mut text).await?;
                    found_bytes += text.len() - before;
                }
            }
        }
        shown.extend(message::shown(message, &text));
    }
    shown.reverse();
    Ok(json!({ "messages": shown }))
}

/// A state as clients know it. One that was reached has nothing left to do: a command that waits for a yes waits in the conversation.
pub async fn state(
    tx: &mut TenantTx,
    thread: Uuid,
    held: &Checkpoint,
    reading: &mut Reading,
) -> Result<Value, Problem> {
    let place = |id: Uuid| json!({ "checkpoint_id": id, "thread_id": thread, "checkpoint_ns": "" });
    Ok(json!({
        "values": of(tx, held, reading).await?,
        "next": [],
        "tasks": [],
        "metadata": { "source": held.source, "step": held.step, "run_id": held.run_id, "thread_id": thread, "graph_id": GRAPH },
        "created_at": time(held.created_at),
        "checkpoint": place(held.checkpoint_id),
        "parent_checkpoint": held.parent_id.map(place),
        "interrupts": [],
        "checkpoint_id": held.checkpoint_id,
        "parent_checkpoint_id": held.parent_id,
    }))
}

/// The state of a thread in which nothing was said.
#[must_use]
pub fn fresh() -> Value {
    json!({
        "values": {}, "next": [], "tasks": [], "metadata": null, "created_at": null, "checkpoint": null, "parent_checkpoint": null,
        "interrupts": [], "checkpoint_id": null, "parent_checkpoint_id": null,
    })
}

/// A thread as clients know it.
pub async fn thread(tx: &mut TenantTx, held: &Thread, reading: &mut Reading) -> Result<Value, Problem> {
    let values = match held.head {
        Some(head) => values(tx, held.thread_id, &json!(head), reading).await?,
        None => Value::Null,
    };
    Ok(json!({
        "thread_id": held.thread_id,
        "created_at": time(held.created_at),
        "updated_at": time(held.updated_at),
        "state_updated_at": time(held.state_updated_at),
        "metadata": held.metadata,
        "status": held.status,
        "config": {},
        "values": values,
        "interrupts": {},
    }))
}

/// How much of an answer may still be filled: what lists many states or threads is not longer than it should be.
pub struct Room(usize);

/// Longer answers are cut: whoever reads on asks on.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Room {
    /// That of an answer.
    pub fn of_an_answer() -> Self {
        Self(ANSWER_BYTES_MAX)
    }

    /// Takes what a value needs; whether there is room for more.
    pub fn take(&mut self, value: &Value) -> bool {
        self.0 = self.0.saturating_sub(bytes(value));
        self.0 > 0
    }
}

/// About as many as it is written in.
fn bytes(value: &Value) -> usize {
    const EACH: usize = 8;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(bytes).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() + bytes(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The only graph.
pub const GRAPH: &str = "agent";

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_so_much_room() {
        let mut room = Room::of_an_answer();
        let state = json!({ "messages": ["x".repeat(ANSWER_BYTES_MAX / 2)] });
        assert!(room.take(&state) && !room.take(&state));
    }
}
