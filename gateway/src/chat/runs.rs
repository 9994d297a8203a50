//! The routes of runs: a turn of a conversation asked for, followed, waited for, cancelled.

use axum::{
    Json,
    body::Body as HttpBody,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{SecondsFormat, TimeDelta};
use futures::StreamExt;
use presdr_store::{
    threads,
    turns::{self, Turn as Held},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    assistants, message, state,
    stream::{self, Modes, Reader},
    threads::{checkpoint_of, held, id},
    turn::Turn,
};
use crate::{Gateway, Problem, http::Body, identity::Caller};

/// A turn whose gateway has said nothing for so long is lost.
const LOST_AFTER: TimeDelta = TimeDelta::seconds(30);

/// A turn to be given. Fields that are not read here are ignored: clients add some each release.
#[derive(Debug, Deserialize)]
pub struct Asked {
    assistant_id: String,
    input: Option<Value>,
    metadata: Option<Value>,
    stream_mode: Option<OneOrMany>,
    #[serde(default)]
    stream_resumable: bool,
    checkpoint: Option<Value>,
    checkpoint_id: Option<Value>,
    if_not_exists: Option<String>,
    on_disconnect: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Asked {
    fn modes(&self) -> Result<Modes, Problem> {
        Modes::read(match &self.stream_mode {
            None => Vec::new(),
            Some(OneOrMany::One(mode)) => vec![mode.clone()],
            Some(OneOrMany::Many(modes)) => modes.clone(),
        })
    }
}

/// A turn that was begun.
struct Begun {
    reader: Reader,
    /// Its thread belongs to it alone.
    alone: bool,
}

impl Begun {
    /// Relative to the root of the API, as clients expect.
    fn path(&self) -> String {
        let Reader { thread, run, .. } = &self.reader;
        if self.alone { format!("/runs/{run}") } else { format!("/threads/{thread}/runs/{run}") }
    }
}

/// Begins a turn in a thread, or in one of its own.
async fn begin(gateway: &Gateway, caller: &Caller, thread: Option<Uuid>, asked: Asked) -> Result<Begun, Problem> {
    assistants::check(&asked.assistant_id)?;
    let modes = asked.modes()?;
    let given = message::read(asked.input.as_ref().unwrap_or(&Value::Null)).map_err(Problem::unprocessable)?;
    let owner = gateway.owner(caller).await?;
    let (id, run) = (thread.unwrap_or_else(Uuid::now_v7), Uuid::now_v7());
    let mut tx = gateway.enter(&caller.tenant).await?;
    if thread.is_none() || asked.if_not_exists.as_deref() == Some("create") {
        threads::create(&mut tx, &owner, id, &json!({}), thread.is_none()).await?;
    }
    let known = held(&mut tx, &owner, id).await?;
    if turns::end_lost(&mut tx, id, gateway.desk().now() - LOST_AFTER).await? > 0 {
        threads::change_status(&mut tx, &owner, id, &["busy"], "error").await?;
    }
    // Searches ask for these, and clients do not set them.
    let about = json!({ "graph_id": state::GRAPH, "assistant_id": assistants::id() });
    threads::merge_metadata(&mut tx, &owner, id, &about).await?;
    if !threads::change_status(&mut tx, &owner, id, &["idle", "interrupted", "error"], "busy").await? {
        return Err(Problem::conflict(
            "Thread is already running a task. Wait for it to finish or choose a different multitask strategy.",
        ));
    }
    let metadata = asked.metadata.clone().unwrap_or_else(|| json!({}));
    turns::begin(&mut tx, id, run, &metadata, asked.stream_resumable).await?;
    tx.commit().await?;
    let named = asked.checkpoint.as_ref().or(asked.checkpoint_id.as_ref()).and_then(checkpoint_of);
    let turn = Turn {
        gateway: gateway.clone(),
        caller: caller.clone(),
        owner: owner.clone(),
        thread: id,
        run,
        given,
        parent: named.or(known.head),
    };
    tokio::spawn(turn.give());
    let (gateway, caller) = (gateway.clone(), caller.clone());
    Ok(Begun { reader: Reader { gateway, caller, owner, thread: id, run, modes, after: 0 }, alone: thread.is_none() })
}

fn followed(begun: Begun, cancel_on_leaving: bool) -> Result<Response, Problem> {
    let path = begun.path();
    let leaving = cancel_on_leaving.then(|| Leaving(Some(begun.reader.clone())));
    let events = stream::events(begun.reader).map(move |event| {
        let _ = &leaving;
        event
    });
    let mut response = HttpBody::from_stream(events).into_response();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::internal());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CONTENT_LOCATION, value(&path)?);
    headers.insert(header::LOCATION, value(&format!("{path}/stream"))?);
    Ok(response)
}

/// Cancels a turn when its reader leaves before its end; a turn that is over cannot be cancelled.
struct Leaving(Option<Reader>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(reader) = self.0.take() {
            tokio::spawn(async move {
                if let Err(problem) = stop(&reader).await {
                    tracing::warn!(chat.run = %reader.run, detail = problem.detail(), "a turn that nobody reads goes on");
                }
            });
        }
    }
}

/// Whether there was something to stop.
async fn stop(reader: &Reader) -> Result<bool, Problem> {
    let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
    let stopped = turns::change_status(&mut tx, reader.run, &["pending", "running"], "interrupted").await?;
    if stopped {
        threads::change_status(&mut tx, &reader.owner, reader.thread, &["busy"], "interrupted").await?;
    }
    tx.commit().await?;
    Ok(stopped)
}

/// `POST /threads/{thread_id}/runs/stream`
pub(crate) async fn stream_in(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(thread): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let leaving = asked.on_disconnect.as_deref() == Some("cancel");
    followed(begin(&gateway, &caller, Some(id(&thread)?), asked).await?, leaving)
}

/// `POST /runs/stream`
pub(crate) async fn stream_alone(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let leaving = asked.on_disconnect.as_deref() == Some("cancel");
    followed(begin(&gateway, &caller, None, asked).await?, leaving)
}

fn run(held: &Held) -> Value {
    let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, false);
    json!({
        "run_id": held.run_id, "thread_id": held.thread_id, "assistant_id": assistants::id(), "metadata": held.metadata,
        "status": held.status, "kwargs": {}, "multitask_strategy": "reject",
        "created_at": time(held.created_at), "updated_at": time(held.updated_at),
    })
}

async fn background(begun: Begun) -> Result<Response, Problem> {
    let path = begun.path();
    let Reader { gateway, caller, owner, run: id, .. } = begun.reader;
    let mut tx = gateway.enter(&caller.tenant).await?;
    let held = turns::get(&mut tx, &owner, id).await?.ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_LOCATION, path)], Json(run(&held))).into_response())
}

/// `POST /threads/{thread_id}/runs`
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(thread): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    background(begin(&gateway, &caller, Some(id(&thread)?), asked).await?).await
}

/// `POST /runs`
pub(crate) async fn create_alone(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    background(begin(&gateway, &caller, None, asked).await?).await
}

/// Waits for the end of a turn and answers with the thread's values.
async fn waited(reader: Reader, path: String) -> Result<Response, Problem> {
    let mut failed = None;
    let mut events = std::pin::pin!(stream::events(Reader { modes: Modes::read(vec!["custom".into()])?, ..reader.clone() }));
    while let Some(event) = events.next().await {
        let Ok(event) = event;
        let text = String::from_utf8_lossy(&event);
        failed = text.lines().skip_while(|line| *line != "event: error").find_map(|line| line.strip_prefix("data: ").map(str::to_owned)).or(failed);
    }
    let values = match failed.and_then(|data| serde_json::from_str::<Value>(&data).ok()) {
        Some(error) => json!({ "__error__": error }),
        None => {
            let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
            let head = held(&mut tx, &reader.owner, reader.thread).await?.head;
            state::values(&mut tx, reader.thread, &json!(head), reader.caller.sight()).await?
        }
    };
    let location = [(header::CONTENT_LOCATION, path.clone()), (header::LOCATION, format!("{path}/join"))];
    Ok((location, Json(values)).into_response())
}

/// `POST /threads/{thread_id}/runs/wait`
pub(crate) async fn wait_in(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(thread): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let begun = begin(&gateway, &caller, Some(id(&thread)?), asked).await?;
    let path = begun.path();
    waited(begun.reader, path).await
}

/// `POST /runs/wait`
pub(crate) async fn wait_alone(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let begun = begin(&gateway, &caller, None, asked).await?;
    let path = begun.path();
    waited(begun.reader, path).await
}

/// A turn of a thread of the caller's, by the ids of a path.
async fn known(gateway: &Gateway, caller: &Caller, thread: &str, run: &str) -> Result<(String, Held), Problem> {
    let (owner, thread) = (gateway.owner(caller).await?, id(thread)?);
    let run = Uuid::parse_str(run).map_err(|_| Problem::unprocessable("Invalid run ID: must be a UUID"))?;
    let mut tx = gateway.enter(&caller.tenant).await?;
    let turn = turns::get(&mut tx, &owner, run).await?.filter(|turn| turn.thread_id == thread);
    Ok((owner, turn.ok_or_else(Problem::not_found)?))
}

/// `GET /threads/{thread_id}/runs/{run_id}`
pub(crate) async fn get(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path((thread, asked)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (_, turn) = known(&gateway, &caller, &thread, &asked).await?;
    Ok(Json(run(&turn)))
}

/// `GET /threads/{thread_id}/runs`
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path(thread): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Value>>, Problem> {
    let (owner, thread) = (gateway.owner(&caller).await?, id(&thread)?);
    let number = |name, default| asked_for(query.as_deref(), name).next().map_or(Ok(default), |text| text.parse());
    let unfit = |_| Problem::unprocessable("limit and offset are numbers");
    let (limit, offset): (i64, i64) = (number("limit", 10).map_err(unfit)?, number("offset", 0).map_err(unfit)?);
    let mut tx = gateway.enter(&caller.tenant).await?;
    held(&mut tx, &owner, thread).await?;
    let turns = turns::list(&mut tx, thread, limit.clamp(1, 1000), offset.max(0)).await?;
    Ok(Json(turns.iter().map(run).collect()))
}

/// The values of a key that a query may repeat.
fn asked_for<'q>(query: Option<&'q str>, name: &'q str) -> impl Iterator<Item = String> + 'q {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// `GET /threads/{thread_id}/runs/{run_id}/stream`: what was told after `Last-Event-ID`, then what comes.
pub(crate) async fn rejoin(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path((thread, asked)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (owner, turn) = known(&gateway, &caller, &thread, &asked).await?;
    let modes: Vec<String> = asked_for(query.as_deref(), "stream_mode").filter(|mode| !mode.is_empty()).collect();
    let modes = if modes.is_empty() { Modes::all() } else { Modes::read(modes)? };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse::<i64>().ok());
    let after = match last {
        Some(last) if turn.resumable => last.max(0),
        // Without an id only what comes is told; a turn whose events have no ids cannot be gone on with.
        _ => last_told(&gateway, &caller, &turn).await?,
    };
    let leaving = asked_for(query.as_deref(), "cancel_on_disconnect").any(|value| value == "1" || value == "true");
    let reader = Reader { gateway, caller, owner, thread: turn.thread_id, run: turn.run_id, modes, after };
    followed(Begun { reader, alone: false }, leaving)
}

async fn last_told(gateway: &Gateway, caller: &Caller, turn: &Held) -> Result<i64, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    Ok(turns::last_told(&mut tx, turn.run_id).await?)
}

/// `GET /threads/{thread_id}/runs/{run_id}/join`
pub(crate) async fn join(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path((thread, asked)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (owner, turn) = known(&gateway, &caller, &thread, &asked).await?;
    let reader = Reader { gateway, caller, owner, thread: turn.thread_id, run: turn.run_id, modes: Modes::all(), after: 0 };
    let path = format!("/threads/{}/runs/{}", turn.thread_id, turn.run_id);
    waited(reader, path).await
}

/// `POST /threads/{thread_id}/runs/{run_id}/cancel`
pub(crate) async fn cancel(
    State(gateway): State<Gateway>,
    caller: Caller,
    Path((thread, asked)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (owner, turn) = known(&gateway, &caller, &thread, &asked).await?;
    let (thread, run) = (turn.thread_id, turn.run_id);
    let reader = Reader { gateway, caller, owner, thread, run, modes: Modes::all(), after: 0 };
    if !stop(&reader).await? {
        return Err(Problem::not_found());
    }
    if asked_for(query.as_deref(), "action").any(|action| action == "rollback") {
        let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
        turns::delete(&mut tx, run).await?;
        tx.commit().await?;
    }
    let waits = asked_for(query.as_deref(), "wait").any(|value| value == "1" || value == "true");
    Ok(if waits { Json(json!({})).into_response() } else { StatusCode::ACCEPTED.into_response() })
}
