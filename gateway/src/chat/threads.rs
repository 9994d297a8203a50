//! The routes of threads: made, found, renamed, deleted, and the states they have been in.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use presdr_store::{
    TenantTx,
    threads::{self, NewCheckpoint, Search, Thread},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    begin,
    block::Reading,
    message,
    state::{self, Room},
};
use crate::{
    Gateway, Problem,
    http::{Body, Named},
    identity::Caller,
};

const PAGE_DEFAULT: i64 = 10;
const PAGE_MAX: i64 = 1000;
/// States of a history that are in memory as they are kept.
const HISTORY_AT_ONCE: i64 = 20;
const OFFSET_MAX: i64 = 1_000_000;
const BUSY: &str = "busy";
const STATUSES: [&str; 4] = ["idle", "busy", "interrupted", "error"];
/// What a client may attach to a thread.
const METADATA_BYTES_MAX: usize = 16 * 1024;

/// A thread's id as it stands in a path.
pub(super) fn id(text: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::unprocessable("Invalid thread ID: must be a UUID"))
}

/// A thread of the caller's.
pub(super) async fn held(tx: &mut TenantTx, owner: &str, id: Uuid) -> Result<Thread, Problem> {
    threads::get(tx, owner, id).await?.ok_or_else(Problem::not_found)
}

/// What a client attaches to a thread or a turn, as it is kept: an object, addresses in it masked.
pub(super) fn metadata_of(value: Option<Value>) -> Result<Value, Problem> {
    let value = value.filter(|value| !value.is_null()).unwrap_or_else(|| json!({}));
    match value.is_object() && value.to_string().len() <= METADATA_BYTES_MAX && !value.to_string().contains("\\u0000") {
        true => Ok(message::masked(value)),
        false => Err(Problem::unprocessable(format!(
            "metadata is an object of at most {METADATA_BYTES_MAX} bytes, without NUL"
        ))),
    }
}

/// A thread to make.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct New {
    thread_id: Option<Uuid>,
    metadata: Option<Value>,
    if_exists: Option<String>,
}

/// `POST /threads`
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<Json<Value>, Problem> {
    let owner = gateway.owner(&caller).await?;
    let (id, metadata) = (new.thread_id.unwrap_or_else(Uuid::now_v7), metadata_of(new.metadata)?);
    let (mut tx, mut reading) = (gateway.enter(&caller.tenant).await?, Reading::new(caller.sight()));
    let made = threads::create(&mut tx, &owner, id, &metadata, false).await?;
    if !made && new.if_exists.as_deref() != Some("do_nothing") {
        return Err(Problem::conflict("a thread with this ID already exists"));
    }
    let held =
        held(&mut tx, &owner, id).await.map_err(|_| Problem::conflict("a thread with this ID already exists"))?;
    let shown = state::thread(&mut tx, &held, &mut reading).await?;
    tx.commit().await?;
    Ok(Json(shown))
}

/// Which threads are looked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Asked {
    metadata: Option<Value>,
    ids: Option<Vec<Uuid>>,
    status: Option<String>,
    limit: Option<i64>,
    offset: i64,
}

impl Asked {
    fn search(self) -> Result<Search, Problem> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) || !(0..=OFFSET_MAX).contains(&self.offset) {
            return Err(Problem::unprocessable(format!(
                "limit is between 1 and {PAGE_MAX}, offset between 0 and {OFFSET_MAX}"
            )));
        }
        if self.status.as_ref().is_some_and(|status| !STATUSES.contains(&status.as_str())) {
            return Err(Problem::unprocessable(format!("status is one of {}", STATUSES.join(", "))));
        }
        let metadata = self.metadata.filter(|metadata| !metadata.is_null());
        let metadata = metadata.map(|asked| metadata_of(Some(asked))).transpose()?;
        Ok(Search { metadata, ids: self.ids, status: self.status, limit, offset: self.offset })
    }
}

/// `POST /threads/search`
pub(crate) async fn search(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, asked.search()?);
    let (mut tx, mut reading) = (gateway.enter(&caller.tenant).await?, Reading::new(caller.sight()));
    let (found, total) = threads::search(&mut tx, &owner, &asked).await?;
    let (mut shown, mut room) = (Vec::with_capacity(found.len()), Room::of_an_answer());
    for held in &found {
        let thread = state::thread(&mut tx, held, &mut reading).await?;
        let more = room.take(&thread);
        shown.push(thread);
        if !more {
            break;
        }
    }
    let next = asked.offset + i64::try_from(shown.len()).unwrap_or(asked.limit);
    let mut response = ([("x-pagination-total", total.to_string())], Json(shown)).into_response();
    if next < total {
        response.headers_mut().insert("x-pagination-next", next.into());
    }
    Ok(response)
}

/// `POST /threads/count`
pub(crate) async fn count(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Json<i64>, Problem> {
    let owner = gateway.owner(&caller).await?;
    let mut tx = gateway.enter(&caller.tenant).await?;
    let (_, total) = threads::search(&mut tx, &owner, &Search { limit: 1, offset: 0, ..asked.search()? }).await?;
    Ok(Json(total))
}

/// `GET /threads/{thread_id}`
pub(crate) async fn get(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let (mut tx, mut reading) = (gateway.enter(&caller.tenant).await?, Reading::new(caller.sight()));
    let mut held = self::held(&mut tx, &owner, asked).await?;
    if held.status == BUSY {
        drop(tx);
        begin::bury(&gateway, &caller, &owner, asked).await?;
        tx = gateway.enter(&caller.tenant).await?;
        held = self::held(&mut tx, &owner, asked).await?;
    }
    Ok(Json(state::thread(&mut tx, &held, &mut reading).await?))
}

/// What a thread's metadata gets added.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Change {
    metadata: Option<Value>,
}

/// `PATCH /threads/{thread_id}`
pub(crate) async fn patch(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
    Body(change): Body<Change>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let (mut tx, mut reading) = (gateway.enter(&caller.tenant).await?, Reading::new(caller.sight()));
    let changed = threads::merge_metadata(&mut tx, &owner, asked, &metadata_of(change.metadata)?).await?;
    let changed = changed.ok_or_else(Problem::not_found)?;
    if changed.metadata.to_string().len() > METADATA_BYTES_MAX {
        return Err(Problem::unprocessable(format!(
            "a thread's metadata has at most {METADATA_BYTES_MAX} bytes in all"
        )));
    }
    let shown = state::thread(&mut tx, &changed, &mut reading).await?;
    tx.commit().await?;
    Ok(Json(shown))
}

/// `DELETE /threads/{thread_id}`
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
) -> Result<StatusCode, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let mut tx = gateway.enter(&caller.tenant).await?;
    if !threads::delete(&mut tx, &owner, asked).await? {
        return Err(Problem::not_found());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /threads/{thread_id}/state`
pub(crate) async fn head(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let mut tx = gateway.enter(&caller.tenant).await?;
    match held(&mut tx, &owner, asked).await?.head {
        Some(head) => at(&mut tx, asked, head, &caller).await,
        None => Ok(Json(state::fresh())),
    }
}

async fn at(tx: &mut TenantTx, thread: Uuid, checkpoint: Uuid, caller: &Caller) -> Result<Json<Value>, Problem> {
    let held = threads::checkpoint(tx, thread, checkpoint).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(state::state(tx, thread, &held, &mut Reading::new(caller.sight())).await?))
}

/// `GET /threads/{thread_id}/state/{checkpoint_id}`
pub(crate) async fn state_at(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named((asked, checkpoint)): Named<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let checkpoint = Uuid::parse_str(&checkpoint).map_err(|_| Problem::not_found())?;
    let mut tx = gateway.enter(&caller.tenant).await?;
    held(&mut tx, &owner, asked).await?;
    at(&mut tx, asked, checkpoint, &caller).await
}

/// Which state.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Place {
    /// With its `checkpoint_id`.
    checkpoint: Option<Value>,
}

/// `POST /threads/{thread_id}/state/checkpoint`
pub(crate) async fn state_of(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
    Body(place): Body<Place>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let mut tx = gateway.enter(&caller.tenant).await?;
    held(&mut tx, &owner, asked).await?;
    let checkpoint = place.checkpoint.as_ref().and_then(checkpoint_of).ok_or_else(Problem::not_found)?;
    at(&mut tx, asked, checkpoint, &caller).await
}

/// `POST /threads/{thread_id}/copy`: a thread of its own that stands where the other stands, and is in no other state before.
pub(crate) async fn copy(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let (mut tx, mut reading) = (gateway.enter(&caller.tenant).await?, Reading::new(caller.sight()));
    let original = held(&mut tx, &owner, asked).await?;
    let copy = Uuid::now_v7();
    threads::create(&mut tx, &owner, copy, &original.metadata, false).await?;
    let stands = match original.head {
        Some(head) => threads::checkpoint(&mut tx, asked, head).await?,
        None => None,
    };
    if let Some(stands) = stands {
        // What waits for a yes waits where it was asked for.
        let new = NewCheckpoint { parent: None, run: None, source: "update", messages: stands.messages, pending: None };
        threads::advance(&mut tx, &owner, copy, &new).await?;
    }
    let made = held(&mut tx, &owner, copy).await?;
    let shown = state::thread(&mut tx, &made, &mut reading).await?;
    tx.commit().await?;
    Ok(Json(shown))
}

/// Which states are asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Before {
    limit: Option<i64>,
    before: Option<Value>,
}

/// `POST /threads/{thread_id}/history`
pub(crate) async fn history(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
    Body(before): Body<Before>,
) -> Result<Json<Vec<Value>>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let limit = before.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::unprocessable(format!("limit is between 1 and {PAGE_MAX}")));
    }
    let (mut tx, mut reading) = (gateway.enter(&caller.tenant).await?, Reading::new(caller.sight()));
    held(&mut tx, &owner, asked).await?;
    let mut before = before.before.as_ref().and_then(checkpoint_of);
    let (mut states, mut room) = (Vec::new(), Room::of_an_answer());
    loop {
        let left = limit - i64::try_from(states.len()).unwrap_or(limit);
        let held = threads::history(&mut tx, asked, before, left.min(HISTORY_AT_ONCE)).await?;
        let Some(last) = held.last() else { return Ok(Json(states)) };
        before = Some(last.checkpoint_id);
        for held in &held {
            let state = state::state(&mut tx, asked, held, &mut reading).await?;
            let more = room.take(&state);
            states.push(state);
            if !more {
                return Ok(Json(states));
            }
        }
    }
}

/// The id of a checkpoint, given bare, as a checkpoint, or as a configuration.
pub(super) fn checkpoint_of(value: &Value) -> Option<Uuid> {
    let id = value
        .as_str()
        .or_else(|| value.get("checkpoint_id").and_then(Value::as_str))
        .or_else(|| value.pointer("/configurable/checkpoint_id").and_then(Value::as_str))?;
    Uuid::parse_str(id).ok()
}

/// Values to be put into a thread.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Update {
    values: Option<Value>,
    checkpoint: Option<Value>,
}

/// `POST /threads/{thread_id}/state`
pub(crate) async fn update(
    State(gateway): State<Gateway>,
    caller: Caller,
    Named(asked): Named<String>,
    Body(update): Body<Update>,
) -> Result<Json<Value>, Problem> {
    let (owner, asked) = (gateway.owner(&caller).await?, id(&asked)?);
    let given = message::read(&update.values.unwrap_or_default()).map_err(Problem::unprocessable)?;
    begin::bury(&gateway, &caller, &owner, asked).await?;
    let mut tx = gateway.enter(&caller.tenant).await?;
    let known = threads::lock(&mut tx, &owner, asked).await?.ok_or_else(Problem::not_found)?;
    if known.status == BUSY {
        return Err(Problem::conflict("something is being answered in this thread; wait for it or cancel it"));
    }
    let parent = update.checkpoint.as_ref().and_then(checkpoint_of).or(known.head);
    let kept = match parent {
        Some(parent) => threads::checkpoint(&mut tx, asked, parent).await?.ok_or_else(Problem::not_found)?.messages,
        None => json!([]),
    };
    let kept = serde_json::from_value(kept).map_err(|_| Problem::internal())?;
    let new = NewCheckpoint {
        parent,
        run: None,
        source: "update",
        messages: json!(message::merged(kept, given.messages)),
        pending: None,
    };
    let kept = threads::advance(&mut tx, &owner, asked, &new).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    let id = kept.checkpoint_id;
    let place = json!({ "thread_id": asked, "checkpoint_ns": "", "checkpoint_id": id });
    Ok(Json(json!({ "checkpoint": place, "configurable": place, "checkpoint_id": id })))
}
