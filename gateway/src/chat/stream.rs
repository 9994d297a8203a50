//! What a turn told, to its client: server-sent events with ids, in the stream modes asked for, with the sight of whoever reads.

use std::time::Duration;

use axum::body::Bytes;
use futures::{Stream, StreamExt, stream};
use presdr_store::turns::{self, Told, Turn};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::{
    begin,
    block::{Block, Reading},
    message, state,
};
use crate::{Gateway, Problem, identity::Caller};

/// How soon it is looked for more of a turn that is given elsewhere; twice as long each time that there is nothing.
const LOOK_MIN: Duration = Duration::from_millis(20);
const LOOK_MAX: Duration = Duration::from_millis(500);
/// And of one that is given here, when nothing was heard of it.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// Clients that have seen a heartbeat expect the next within three times this.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
const BATCH: i64 = 100;

/// What a client wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes(Vec<String>);

const KNOWN: [&str; 9] =
    ["values", "messages-tuple", "messages", "updates", "custom", "events", "debug", "tasks", "checkpoints"];

impl Modes {
    /// Reads the modes; none means `values`.
    ///
    /// # Errors
    /// [`Problem`] for one that there is not.
    pub fn read(asked: Vec<String>) -> Result<Self, Problem> {
        let asked: Vec<String> = asked.into_iter().filter(|mode| !mode.is_empty()).collect();
        if asked.iter().any(|mode| !KNOWN.contains(&mode.as_str())) {
            return Err(Problem::unprocessable(format!("stream_mode is one of {}", KNOWN.join(", "))));
        }
        Ok(Self::as_before(asked))
    }

    /// What somebody asked for before; an older version did not write it down.
    #[must_use]
    pub fn as_before(asked: Vec<String>) -> Self {
        Self(if asked.is_empty() { vec!["values".to_owned()] } else { asked })
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    fn want(&self, mode: &str) -> bool {
        self.0.iter().any(|asked| asked == mode)
    }
}

/// A reader of one turn.
#[derive(Clone)]
pub struct Reader {
    pub gateway: Gateway,
    pub caller: Caller,
    /// The user's opaque id, as the thread names its owner.
    pub owner: String,
    pub thread: Uuid,
    pub run: Uuid,
    /// What of it they want to be told.
    pub modes: Modes,
    /// Only what was told after this.
    pub after: i64,
}

/// Where a reader stands.
struct Place {
    reader: Reader,
    reading: Reading,
    /// The text told so far of the message that is being said, for the mode that accumulates.
    said: String,
    /// Whether `said` holds what was told before this reader came.
    caught_up: bool,
    /// While the turn is given in this process.
    news: Option<watch::Receiver<()>>,
    beat: Instant,
    over: bool,
}

/// The events of a turn from where its reader stands to its end.
pub fn events(reader: Reader) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let reading = Reading::new(reader.caller.sight());
    // Heard from now on, and read after that: nothing is missed in between.
    let news = reader.gateway.news().listen(reader.run);
    let place =
        Place { reader, reading, news, said: String::new(), caught_up: false, beat: Instant::now(), over: false };
    stream::unfold(place, |mut place| async move {
        if place.over {
            return None;
        }
        let bytes = place.next().await;
        Some((Ok(bytes), place))
    })
    .filter(|bytes| std::future::ready(!matches!(bytes, Ok(bytes) if bytes.is_empty())))
}

impl Place {
    /// What comes next: events, a heartbeat, or nothing when it is over.
    async fn next(&mut self) -> Bytes {
        let mut pause = LOOK_MIN;
        loop {
            match self.read().await {
                Ok((told, over)) if told.is_empty() && !over => {}
                Ok((told, over)) => {
                    self.over = over;
                    return Bytes::from(told);
                }
                Err(problem) => {
                    self.over = true;
                    let data = json!({ "error": "Unavailable", "message": problem.detail() });
                    return Bytes::from(event(None, "error", &data));
                }
            }
            if self.beat.elapsed() >= HEARTBEAT_EVERY {
                self.beat = Instant::now();
                let Reader { gateway, caller, owner, thread, .. } = &self.reader;
                if let Err(problem) = begin::bury(gateway, caller, owner, *thread).await {
                    tracing::warn!(chat.run = %self.reader.run, detail = problem.detail(), "whether a turn is lost could not be told");
                }
                return Bytes::from_static(b": heartbeat\r\n\r\n");
            }
            match &mut self.news {
                Some(news) => match tokio::time::timeout(QUIET_MAX, news.changed()).await {
                    Ok(Ok(())) | Err(_) => {}
                    // It is over, or goes wrong: what it came to is to be read.
                    Ok(Err(_)) => self.news = None,
                },
                None => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LOOK_MAX);
                }
            }
        }
    }

    /// The events since, and whether they are the last. The status is read first: what was told before the end is then there.
    async fn read(&mut self) -> Result<(String, bool), Problem> {
        let reader = self.reader.clone();
        let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
        let turn = turns::get(&mut tx, &reader.owner, reader.run).await?;
        let told = turns::told_after(&mut tx, reader.run, reader.after, BATCH).await?;
        let more = i64::try_from(told.len()).unwrap_or(BATCH) == BATCH;
        let resumable = turn.as_ref().is_some_and(|turn| turn.resumable);
        if !self.caught_up {
            self.catch_up(&mut tx).await?;
        }
        let mut text = String::new();
        for told in told {
            self.reader.after = told.seq;
            let id = resumable.then_some(told.seq);
            for (name, data) in self.shown(&mut tx, &told).await? {
                text.push_str(&event(id, &name, &data));
            }
        }
        Ok((text, !more && turn.as_ref().is_none_or(Turn::is_over)))
    }

    /// Whoever is told messages so far, and comes back, has to be told what was said before they came.
    async fn catch_up(&mut self, tx: &mut presdr_store::TenantTx) -> Result<(), Problem> {
        self.caught_up = true;
        let mut seen = 0;
        while self.reader.modes.want("messages") && seen < self.reader.after {
            let told = turns::told_after(tx, self.reader.run, seen, BATCH).await?;
            let Some(last) = told.last().map(|told| told.seq) else { break };
            for told in told.iter().filter(|told| told.event == "messages" && told.seq <= self.reader.after) {
                let block: Block =
                    serde_json::from_value(told.data["block"].clone()).map_err(|_| Problem::internal())?;
                self.reading.write(tx, &block, &mut self.said).await?;
            }
            seen = last;
        }
        Ok(())
    }

    /// The events as which this reader sees what was told.
    async fn shown(&mut self, tx: &mut presdr_store::TenantTx, told: &Told) -> Result<Vec<(String, Value)>, Problem> {
        let modes = self.reader.modes.clone();
        let (data, want) = (&told.data, |mode: &str| modes.want(mode));
        Ok(match told.event.as_str() {
            "metadata" | "error" => vec![(told.event.clone(), data.clone())],
            "custom" if want("custom") => vec![("custom".to_owned(), data.clone())],
            "values" if want("values") => {
                let values = state::values(tx, self.reader.thread, &data["checkpoint"], &mut self.reading).await?;
                vec![("values".to_owned(), values)]
            }
            "updates" if want("updates") => {
                let values = state::values(tx, self.reader.thread, &data["checkpoint"], &mut self.reading).await?;
                let said = values["messages"].as_array().and_then(|all| all.last()).cloned();
                vec![("updates".to_owned(), json!({ "agent": { "messages": Vec::from_iter(said) } }))]
            }
            "messages" => {
                let (tuple, partial) = (want("messages-tuple"), want("messages"));
                let block: Block = serde_json::from_value(data["block"].clone()).map_err(|_| Problem::internal())?;
                let mut text = String::new();
                self.reading.write(tx, &block, &mut text).await?;
                let (id, last) = (data["id"].as_str().unwrap_or_default(), data["last"] == true);
                self.pieces(id, &text, last, tuple, partial)
            }
            _ => Vec::new(),
        })
    }

    /// A piece as a delta and as the message so far, whichever is wanted.
    fn pieces(&mut self, id: &str, text: &str, last: bool, tuple: bool, partial: bool) -> Vec<(String, Value)> {
        let (run, thread) = (self.reader.run, self.reader.thread);
        let about = json!({
            "run_id": run, "thread_id": thread, "langgraph_node": "agent", "langgraph_step": 1,
            "langgraph_checkpoint_ns": "", "checkpoint_ns": "",
        });
        let mut events = Vec::new();
        if tuple {
            events.push(("messages".to_owned(), json!([message::delta(id, text, last), about])));
        }
        if partial {
            if self.said.is_empty() {
                events.push(("messages/metadata".to_owned(), json!({ id: { "metadata": about } })));
            }
            self.said.push_str(text);
            events.push(("messages/partial".to_owned(), json!([message::delta(id, &self.said, last)])));
        }
        events
    }
}

/// One event as it goes over the wire: data on one line, ids only where a client may come back.
fn event(id: Option<i64>, name: &str, data: &Value) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\r\n"));
    format!("event: {name}\r\ndata: {data}\r\n{id}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_the_order_that_clients_expect() {
        let told = event(Some(3), "values", &json!({ "a": "b\nc" }));
        assert_eq!(told, "event: values\r\ndata: {\"a\":\"b\\nc\"}\r\nid: 3\r\n\r\n");
        assert!(!event(None, "values", &json!({})).contains("id:"));
    }

    #[test]
    fn no_mode_means_values_and_an_unknown_one_is_refused() {
        assert_eq!(Modes::read(vec![String::new()]).unwrap(), Modes(vec!["values".to_owned()]));
        assert_eq!(Modes::as_before(Vec::new()), Modes(vec!["values".to_owned()]));
        assert!(Modes::read(vec!["everything".to_owned()]).is_err());
    }
}
