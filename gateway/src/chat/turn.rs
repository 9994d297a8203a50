//! One answer being given. Whatever it tells is committed first, so a client may leave and come back, at whichever gateway.
//!
//! A turn is interrupted by setting its status: whatever it then tries to tell or to keep is refused, and it ends.

use presdr_store::{
    StoreError,
    threads::{self, Checkpoint, NewCheckpoint},
    turns::{self, Told},
};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{
    agent::{Agent, Answer, Line, Waiting},
    block::Block,
    follow::goes_on,
    message::{self, By, Given, Message},
    news,
};
use crate::{Gateway, Problem, identity::Caller};

/// A turn to be given.
pub struct Turn {
    pub gateway: Gateway,
    pub caller: Caller,
    /// The user's opaque id, as the thread names its owner.
    pub owner: String,
    pub thread: Uuid,
    pub run: Uuid,
    pub given: Given,
    /// The state to go on from.
    pub parent: Option<Uuid>,
}

/// Why a turn ended before its answer did.
pub enum Ended {
    /// Somebody interrupted it, or its thread is gone.
    Interrupted,
    /// It went wrong.
    Failed(Problem),
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sqlx::Error> for Ended {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What is told, one after the other.
pub struct Telling<'t> {
    pub turn: &'t Turn,
    /// Its place among the tenant's answers that are being given; later among those that follow a run.
    place: OwnedSemaphorePermit,
    seq: i64,
}

impl Turn {
    /// Gives the answer. Thread and turn end in a state that says how it went, unless the database is away; then the turn is taken for
    /// lost after a while.
    pub async fn give(self, place: OwnedSemaphorePermit, _given: news::Given) {
        let mut telling = Telling { turn: &self, place, seq: 0 };
        let (status, thread) = match telling.answer().await {
            Ok(()) => ("success", "idle"),
            Err(Ended::Interrupted) => return, // whoever interrupted it has said so
            Err(Ended::Failed(problem)) => {
                let error = json!({ "error": "CommandFailed", "message": problem.detail() });
                if telling.tell("error", error).await.is_err() {
                    tracing::warn!(chat.run = %self.run, "a failed turn could not say so");
                }
                ("error", "error")
            }
        };
        if let Err(error) = self.end(status, thread).await {
            tracing::warn!(chat.run = %self.run, %error, "a turn could not be ended; it counts as lost after a while");
        }
    }

    async fn end(&self, status: &str, thread: &str) -> Result<(), StoreError> {
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        threads::lock(&mut tx, &self.owner, self.thread).await?;
        // Another turn may have the thread by now.
        if turns::change_status(&mut tx, self.run, &["pending", "running"], status).await? {
            threads::change_status(&mut tx, &self.owner, self.thread, &["busy"], thread).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

impl Telling<'_> {
    /// A change that waits for a yes waits in the conversation: no client has to know of interrupts.
    async fn answer(&mut self) -> Result<(), Ended> {
        let turn = self.turn;
        let mut tx = turn.gateway.enter(&turn.caller.tenant).await?;
        if !turns::change_status(&mut tx, turn.run, &["pending"], "running").await? {
            return Err(Ended::Interrupted);
        }
        tx.commit().await?;
        self.tell("metadata", json!({ "run_id": turn.run, "attempt": 1 })).await?;
        let parent = match turn.parent {
            Some(parent) => self.state(parent).await?,
            // Everything begins in a state in which nothing was said, to which whoever says their first line otherwise goes back.
            None => {
                let root = self.keep(None, "input", &[], None).await?;
                self.state(root).await?
            }
        };
        let kept: Vec<Message> = serde_json::from_value(parent.messages).map_err(|_| Problem::internal())?;
        let waiting = parent.pending.is_some().then_some(Waiting {
            thread: turn.thread,
            checkpoint: parent.checkpoint_id,
            since: parent.created_at,
        });
        let messages = message::merged(kept, turn.given.messages.clone());
        let asked = match turn.given.messages.is_empty() {
            // Nothing is said anew: the answer alone is given again.
            true => parent.checkpoint_id,
            false => self.keep(Some(parent.checkpoint_id), "input", &messages, None).await?,
        };
        self.tell("values", json!({ "checkpoint": asked })).await?;
        self.tell("custom", json!({ "type": "progress", "step": "reading the command" })).await?;
        let (id, kept) = message::last_line(&messages).unwrap_or_default();
        let text = turn.given.line.clone().unwrap_or(kept);
        let agent = Agent { gateway: &turn.gateway, caller: &turn.caller, owner: &turn.owner };
        let line = Line { text: &text, thread: turn.thread, message: &id };
        let answer = agent.hear(line, waiting).await?;
        self.say(asked, messages, answer).await
    }

    /// A state of the turn's thread.
    async fn state(&self, id: Uuid) -> Result<Checkpoint, Ended> {
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        let held = threads::checkpoint(&mut tx, self.turn.thread, id).await?;
        let never = || Problem::unprocessable("the thread was never in the state of that checkpoint");
        Ok(held.ok_or_else(never)?)
    }

    /// Says an answer piece by piece under one id, and keeps it. One that follows a run is kept before it follows, too: whoever interrupts it
    /// finds what was said, and how to hear more.
    async fn say(&mut self, asked: Uuid, messages: Vec<Message>, answer: Answer) -> Result<(), Ended> {
        let id = format!("lc_run--{}", self.turn.run);
        let with = |blocks: Vec<Block>| {
            let mut messages = messages.clone();
            messages.push(Message { id: id.clone(), by: By::Ai, blocks });
            messages
        };
        let mut blocks = answer.blocks;
        for block in &blocks {
            self.piece(&id, block, false).await?;
        }
        let pending = answer.pending.map(|pending| json!(pending));
        let until_then = answer.follow.map(goes_on);
        let kept = blocks.iter().cloned().chain(until_then).collect();
        let mut answered = self.keep(Some(asked), "loop", &with(kept), pending).await?;
        if let Some(run) = answer.follow {
            self.tell("updates", json!({ "checkpoint": answered })).await?;
            let more = match self.turn.gateway.limits().follower(&self.turn.caller.tenant) {
                Some(place) => {
                    self.place = place;
                    self.follow(&id, run).await?
                }
                None => self.leave(&id, run).await?,
            };
            blocks.extend(more);
            answered = self.keep(Some(answered), "loop", &with(blocks), None).await?;
        }
        self.piece(&id, &Block::Text(String::new()), true).await?;
        self.tell("updates", json!({ "checkpoint": answered })).await?;
        self.tell("values", json!({ "checkpoint": answered })).await
    }

    /// Says that it lives, and learns whether it was interrupted.
    pub async fn still_wanted(&self) -> Result<(), Ended> {
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        let wanted = turns::change_status(&mut tx, self.turn.run, &["running"], "running").await?;
        tx.commit().await?;
        if wanted { Ok(()) } else { Err(Ended::Interrupted) }
    }

    /// Says a piece of the message with this id.
    pub async fn piece(&mut self, id: &str, block: &Block, last: bool) -> Result<(), Ended> {
        self.tell("messages", json!({ "id": id, "block": block, "last": last })).await
    }

    /// Keeps a state as the thread's head, if the thread is still the turn's.
    async fn keep(
        &self,
        parent: Option<Uuid>,
        source: &'static str,
        messages: &[Message],
        pending: Option<Value>,
    ) -> Result<Uuid, Ended> {
        let turn = self.turn;
        let new = NewCheckpoint { parent, run: Some(turn.run), source, messages: json!(messages), pending };
        let mut tx = turn.gateway.enter(&turn.caller.tenant).await?;
        threads::lock(&mut tx, &turn.owner, turn.thread).await?.ok_or(Ended::Interrupted)?;
        if !turns::change_status(&mut tx, turn.run, &["running"], "running").await? {
            return Err(Ended::Interrupted);
        }
        let kept = threads::advance(&mut tx, &turn.owner, turn.thread, &new).await?.ok_or(Ended::Interrupted)?;
        tx.commit().await?;
        Ok(kept.checkpoint_id)
    }

    /// Tells something: what it is named, and by reference what it says.
    pub async fn tell(&mut self, event: &str, data: Value) -> Result<(), Ended> {
        let told = Told { seq: self.seq + 1, event: event.to_owned(), data };
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        if !turns::tell(&mut tx, self.turn.run, &told).await? {
            return Err(Ended::Interrupted);
        }
        tx.commit().await?;
        self.turn.gateway.news().more(self.turn.run);
        self.seq += 1;
        Ok(())
    }
}
