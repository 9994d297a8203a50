//! The routes of runs: a turn of a conversation asked for, followed, waited for, interrupted.

use std::{convert::Infallible, pin::Pin, time::Duration};

use axum::{
    Extension, Json,
    body::{Body as HttpBody, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, stream as streams};
use presdr_store::{
    threads,
    turns::{self, Turn as Held},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{
    assistants,
    begin::{self, Begun, begin},
    block::Reading,
    state,
    stream::{self, Modes, Reader},
    threads::{held, id},
};
use crate::{
    Gateway, Problem,
    http::{Body, Cut, Named, Query},
    identity::Caller,
};

/// A turn to be given. Fields that are not read here are ignored: clients add some each release.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Asked {
    /// The assistant's id, or `agent`.
    pub(super) assistant_id: String,
    /// `{"messages": [...]}`; nothing to have the answer given again.
    pub(super) input: Option<Value>,
    /// Goes on after an interrupt, where there are any: here a change waits in the conversation for a yes.
    command: Option<Value>,
    /// What the client attaches to the turn.
    pub(super) metadata: Option<Value>,
    stream_mode: Option<OneOrMany>,
    /// Whether what is told has ids to go on from.
    #[serde(default)]
    pub(super) stream_resumable: bool,
    /// The state to go on from; where the thread stands when not given.
    pub(super) checkpoint: Option<Value>,
    /// The same by its id.
    pub(super) checkpoint_id: Option<Value>,
    /// `create` makes the thread when there is none.
    pub(super) if_not_exists: Option<String>,
    /// What becomes of the turn before: `reject`, `interrupt`, `rollback`, or `enqueue`.
    pub(super) multitask_strategy: Option<String>,
    /// `cancel` interrupts the turn when its reader leaves.
    on_disconnect: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Asked {
    pub(super) fn modes(&self) -> Result<Modes, Problem> {
        Modes::read(match &self.stream_mode {
            None => Vec::new(),
            Some(OneOrMany::One(mode)) => vec![mode.clone()],
            Some(OneOrMany::Many(modes)) => modes.clone(),
        })
    }

    /// There are no interrupts, so nothing goes on after one.
    pub(super) fn check(&self) -> Result<(), Problem> {
        match &self.command {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Problem::unprocessable(
                "there are no interrupts here, so no command goes on after one: what waits for a yes waits in the conversation",
            )),
        }
    }

    fn is_cancelled_by_leaving(&self) -> bool {
        self.on_disconnect.as_deref() == Some("cancel")
    }
}

/// Interrupts a turn when its reader leaves before its end; a turn that is over cannot be interrupted. Who had to leave has not left.
struct Leaving(Reader, Cut);

impl Drop for Leaving {
    fn drop(&mut self) {
        if self.1.is_ours() {
            return;
        }
        let reader = self.0.clone();
        tokio::spawn(async move {
            if let Err(problem) = begin::stop(&reader, false).await {
                tracing::warn!(chat.run = %reader.run, detail = problem.detail(), "a turn that nobody reads goes on");
            }
        });
    }
}

fn located(path: &str, more: &str) -> Result<[(header::HeaderName, HeaderValue); 2], Problem> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Problem::internal());
    Ok([(header::CONTENT_LOCATION, value(path)?), (header::LOCATION, value(&format!("{path}/{more}"))?)])
}

/// `place` is the reader's among the tenant's streams: it is taken before anything is begun.
fn followed(begun: Begun, cancel_on_leaving: bool, place: OwnedSemaphorePermit) -> Result<Response, Problem> {
    let path = begun.path();
    let cut = Cut::default();
    let leaving = cancel_on_leaving.then(|| Leaving(begun.reader.clone(), cut.clone()));
    let events = stream::events(begun.reader).map(move |event| {
        let _ = (&leaving, &place);
        event
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, located(&path, "stream")?, Extension(cut), HttpBody::from_stream(events)).into_response())
}

/// `POST /threads/{thread_id}/runs/stream`
pub(crate) async fn stream_in(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(thread): Named<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let (leaving, place) = (asked.is_cancelled_by_leaving(), gateway.limits().stream(&caller.tenant)?);
    followed(begin(&gateway, &caller, Some(id(&thread)?), asked).await?, leaving, place)
}

/// `POST /runs/stream`
pub(crate) async fn stream_alone(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let (leaving, place) = (asked.is_cancelled_by_leaving(), gateway.limits().stream(&caller.tenant)?);
    followed(begin(&gateway, &caller, None, asked).await?, leaving, place)
}

fn run(held: &Held) -> Value {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, false);
    json!({
        "run_id": held.run_id, "thread_id": held.thread_id, "assistant_id": assistants::id(), "metadata": held.metadata,
        "status": held.status, "kwargs": {}, "multitask_strategy": "enqueue",
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
    Named(thread): Named<String>,
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

/// So often a blank is sent while a client waits: JSON may begin with blanks, and proxies cut what is silent.
const BLANK_EVERY: Duration = Duration::from_secs(5);

/// Waits for the end of a turn and answers with the thread's values. `place` is the client's among the tenant's streams.
fn waited(reader: Reader, path: &str, place: OwnedSemaphorePermit) -> Result<Response, Problem> {
    type Waiting = Pin<Box<dyn Future<Output = Value> + Send>>;
    let waiting: Waiting = Box::pin(async move {
        let _place = place;
        match outcome(reader).await {
            Ok(values) => values,
            Err(problem) => json!({ "__error__": { "error": "Unavailable", "message": problem.detail() } }),
        }
    });
    let chunks = streams::unfold(Some(waiting), |waiting| async move {
        let mut waiting = waiting?;
        match tokio::time::timeout(BLANK_EVERY, &mut waiting).await {
            Ok(values) => Some((Ok::<_, Infallible>(Bytes::from(values.to_string())), None)),
            Err(_) => Some((Ok(Bytes::from_static(b"\n")), Some(waiting))),
        }
    });
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((kind, located(path, "join")?, HttpBody::from_stream(chunks)).into_response())
}

async fn outcome(reader: Reader) -> Result<Value, Problem> {
    let mut events = std::pin::pin!(stream::events(reader.clone()));
    while events.next().await.is_some() {}
    let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
    if let Some(failure) = turns::failure(&mut tx, reader.run).await? {
        return Ok(json!({ "__error__": failure }));
    }
    // What it came to itself, whatever was said since; where the thread stands, when it said nothing.
    let last = match threads::last_of(&mut tx, reader.thread, reader.run).await? {
        Some(last) => Some(last),
        None => held(&mut tx, &reader.owner, reader.thread).await?.head,
    };
    state::values(&mut tx, reader.thread, &json!(last), &mut Reading::new(reader.caller.sight())).await
}

/// `POST /threads/{thread_id}/runs/wait`
pub(crate) async fn wait_in(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(thread): Named<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let place = gateway.limits().stream(&caller.tenant)?;
    let begun = begin(&gateway, &caller, Some(id(&thread)?), asked).await?;
    let path = begun.path();
    waited(begun.reader, &path, place)
}

/// `POST /runs/wait`
pub(crate) async fn wait_alone(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let place = gateway.limits().stream(&caller.tenant)?;
    let begun = begin(&gateway, &caller, None, asked).await?;
    let path = begun.path();
    waited(begun.reader, &path, place)
}

/// A turn of a thread of the caller's, by the ids of a path.
async fn known(gateway: &Gateway, caller: Caller, thread: &str, run: &str) -> Result<(Reader, Held), Problem> {
    let (owner, thread) = (gateway.owner(&caller).await?, id(thread)?);
    let run = Uuid::parse_str(run).map_err(|_| Problem::unprocessable("Invalid run ID: must be a UUID"))?;
    let found = async || {
        let mut tx = gateway.enter(&caller.tenant).await?;
        let turn = turns::get(&mut tx, &owner, run).await?.filter(|turn| turn.thread_id == thread);
        turn.ok_or_else(Problem::not_found)
    };
    let mut turn = found().await?;
    if !turn.is_over() {
        begin::bury(gateway, &caller, &owner, thread).await?;
        turn = found().await?;
    }
    let gateway = gateway.clone();
    let modes = Modes::as_before(turn.modes.clone());
    Ok((Reader { gateway, caller, owner, thread, run, modes, after: 0 }, turn))
}

/// `GET /threads/{thread_id}/runs/{run_id}`
pub(crate) async fn get(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named((thread, asked)): Named<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (_, turn) = known(&gateway, caller, &thread, &asked).await?;
    Ok(Json(run(&turn)))
}

/// Which turns.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Page {
    /// At most so many; 10 when not given.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u16>,
    /// So many are passed over.
    offset: u32,
}

const PAGE_DEFAULT: u16 = 10;
const PAGE_MAX: u16 = 1000;

/// `GET /threads/{thread_id}/runs`
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(thread): Named<String>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<Value>>, Problem> {
    let (owner, thread) = (gateway.owner(&caller).await?, id(&thread)?);
    let limit = page.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let mut tx = gateway.enter(&caller.tenant).await?;
    held(&mut tx, &owner, thread).await?;
    let turns = turns::list(&mut tx, thread, limit.into(), page.offset.into()).await?;
    Ok(Json(turns.iter().map(run).collect()))
}

/// `DELETE /threads/{thread_id}/runs/{run_id}`
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named((thread, asked)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (reader, _) = known(&gateway, caller, &thread, &asked).await?;
    begin::stop(&reader, false).await?;
    let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
    turns::delete(&mut tx, reader.run).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The values of a key that a query may repeat.
fn asked_for<'q>(query: Option<&'q str>, name: &'q str) -> impl Iterator<Item = String> + 'q {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn says_yes(query: Option<&str>, name: &str) -> bool {
    asked_for(query, name).any(|value| value == "1" || value == "true")
}

/// `GET /threads/{thread_id}/runs/{run_id}/stream`: what was told after `Last-Event-ID`, then what comes.
pub(crate) async fn rejoin(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named((thread, asked)): Named<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (reader, turn) = known(&gateway, caller, &thread, &asked).await?;
    // JS SDK 2.0 sends a list as JSON, the others repeat the key.
    let modes = asked_for(query.as_deref(), "stream_mode");
    let modes = modes.flat_map(|mode| serde_json::from_str::<Vec<String>>(&mode).unwrap_or_else(|_| vec![mode]));
    let modes: Vec<String> = modes.filter(|mode| !mode.is_empty()).collect();
    // Who does not say is told what whoever asked for the turn wanted: a message as pieces or so far, not both.
    let modes = if modes.is_empty() { reader.modes.clone() } else { Modes::read(modes)? };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse::<i64>().ok());
    let after = match last {
        Some(last) if turn.resumable => last.max(0),
        // Without an id only what comes is told; a turn whose events have no ids cannot be gone on with.
        _ => last_told(&reader).await?,
    };
    let leaving = says_yes(query.as_deref(), "cancel_on_disconnect");
    let place = reader.gateway.limits().stream(&reader.caller.tenant)?;
    followed(Begun { reader: Reader { modes, after, ..reader }, alone: false }, leaving, place)
}

async fn last_told(reader: &Reader) -> Result<i64, Problem> {
    let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
    Ok(turns::last_told(&mut tx, reader.run).await?)
}

/// `GET /threads/{thread_id}/runs/{run_id}/join`
pub(crate) async fn join(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named((thread, asked)): Named<(String, String)>,
) -> Result<Response, Problem> {
    let (reader, turn) = known(&gateway, caller, &thread, &asked).await?;
    let place = reader.gateway.limits().stream(&reader.caller.tenant)?;
    waited(reader, &format!("/threads/{}/runs/{}", turn.thread_id, turn.run_id), place)
}

/// `POST /threads/{thread_id}/runs/{run_id}/cancel`: it is interrupted when this answers, whether the client waits or not.
pub(crate) async fn cancel(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named((thread, asked)): Named<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let (reader, _) = known(&gateway, caller, &thread, &asked).await?;
    let taking_back = asked_for(query.as_deref(), "action").any(|action| action == "rollback");
    if begin::stop(&reader, taking_back).await? { Ok(Json(json!({}))) } else { Err(Problem::not_found()) }
}
