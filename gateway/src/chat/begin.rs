//! Beginning a turn: one at a time in a thread. Ending one from outside.

use std::time::Duration;

use presdr_store::{
    TenantTx,
    threads::{self, Thread},
    turns,
};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    assistants, message,
    runs::Asked,
    state,
    stream::{Modes, Reader},
    threads::{checkpoint_of, metadata_of},
    turn::Turn,
};
use crate::{Gateway, Problem, identity::Caller};

/// A turn whose gateway has said nothing for so long is lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// Whoever waits for their turn waits so long; then the one before is interrupted. What follows a run may go on for an hour, and whoever
/// says something meanwhile wants to be heard.
const WAIT_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A turn that was begun.
pub struct Begun {
    pub reader: Reader,
    /// Its thread belongs to it alone.
    pub alone: bool,
}

impl Begun {
    /// Relative to the root of the API, as clients expect.
    pub fn path(&self) -> String {
        let Reader { thread, run, .. } = &self.reader;
        if self.alone { format!("/runs/{run}") } else { format!("/threads/{thread}/runs/{run}") }
    }
}

/// Begins a turn in a thread, or in one of its own.
pub async fn begin(gateway: &Gateway, caller: &Caller, thread: Option<Uuid>, asked: Asked) -> Result<Begun, Problem> {
    assistants::check(&asked.assistant_id)?;
    asked.check()?;
    let modes = asked.modes()?;
    let given =
        message::read(asked.input.as_ref().unwrap_or(&serde_json::Value::Null)).map_err(Problem::unprocessable)?;
    let turn_place = gateway.limits().turn(&caller.tenant)?;
    let owner = gateway.owner(caller).await?;
    let (id, run) = (thread.unwrap_or_else(Uuid::now_v7), Uuid::now_v7());
    let known = place(gateway, caller, &owner, (id, thread.is_none()), (run, &modes), &asked).await?;
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
    // Boxed, since futures that hold one another grow deeper than the compiler follows.
    let given = gateway.news().given(run);
    gateway.turns().spawn(Box::pin(turn.give(turn_place, given)));
    let (gateway, caller) = (gateway.clone(), caller.clone());
    Ok(Begun { reader: Reader { gateway, caller, owner, thread: id, run, modes, after: 0 }, alone: thread.is_none() })
}

/// Takes the thread for the turn, when it is free or the one before has had its time.
async fn place(
    gateway: &Gateway,
    caller: &Caller,
    owner: &str,
    (id, alone): (Uuid, bool),
    (run, modes): (Uuid, &Modes),
    asked: &Asked,
) -> Result<Thread, Problem> {
    let metadata = metadata_of(asked.metadata.clone())?;
    let begun = Instant::now();
    loop {
        let mut tx = gateway.enter(&caller.tenant).await?;
        if alone || asked.if_not_exists.as_deref() == Some("create") {
            threads::create(&mut tx, owner, id, &json!({}), alone).await?;
        }
        let mut known = threads::lock(&mut tx, owner, id).await?.ok_or_else(Problem::not_found)?;
        let lost = end_lost(&mut tx, id).await?;
        if known.status == "busy" && !lost {
            match asked.multitask_strategy.as_deref() {
                Some("reject") => {
                    return Err(Problem::conflict(
                        "Thread is already running a task. Wait for it to finish or choose a different multitask strategy.",
                    ));
                }
                Some("interrupt") => turns::interrupt(&mut tx, id).await?,
                Some("rollback") => {
                    for turn in turns::under_way(&mut tx, id).await? {
                        threads::take_back(&mut tx, id, turn).await?;
                        turns::delete(&mut tx, turn).await?;
                    }
                    known = threads::lock(&mut tx, owner, id).await?.ok_or_else(Problem::not_found)?;
                }
                _ if begun.elapsed() >= WAIT_MAX => turns::interrupt(&mut tx, id).await?,
                _ => {
                    drop(tx);
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
            }
        }
        // Searches ask for these, and clients do not set them.
        let about = json!({ "graph_id": state::GRAPH, "assistant_id": assistants::id() });
        threads::merge_metadata(&mut tx, owner, id, &about).await?;
        threads::change_status(&mut tx, owner, id, &[&known.status], "busy").await?;
        turns::begin(&mut tx, id, run, &metadata, (modes.names(), asked.stream_resumable)).await?;
        tx.commit().await?;
        return Ok(known);
    }
}

/// Interrupts a turn; whether there was something to interrupt. `taking_back` forgets what it said and that it was.
pub async fn stop(reader: &Reader, taking_back: bool) -> Result<bool, Problem> {
    let mut tx = reader.gateway.enter(&reader.caller.tenant).await?;
    threads::lock(&mut tx, &reader.owner, reader.thread).await?.ok_or_else(Problem::not_found)?;
    if !turns::change_status(&mut tx, reader.run, &["pending", "running"], "interrupted").await? {
        return Ok(false);
    }
    let status = if taking_back { "idle" } else { "interrupted" };
    threads::change_status(&mut tx, &reader.owner, reader.thread, &["busy"], status).await?;
    if taking_back {
        threads::take_back(&mut tx, reader.thread, reader.run).await?;
        turns::delete(&mut tx, reader.run).await?;
    }
    tx.commit().await?;
    reader.gateway.news().more(reader.run);
    Ok(true)
}

/// Ends the thread's turns whose gateway is gone, and the thread with them.
pub async fn bury(gateway: &Gateway, caller: &Caller, owner: &str, thread: Uuid) -> Result<(), Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    threads::lock(&mut tx, owner, thread).await?;
    if end_lost(&mut tx, thread).await? {
        threads::change_status(&mut tx, owner, thread, &["busy"], "error").await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn end_lost(tx: &mut TenantTx, thread: Uuid) -> Result<bool, Problem> {
    let told = json!({ "error": "CommandFailed", "message": "the answer was cut off; look whether its command was carried out, and ask again" });
    Ok(turns::end_lost(tx, thread, LOST_AFTER, &told).await? > 0)
}
