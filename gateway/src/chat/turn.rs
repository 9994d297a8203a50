//! One answer being given. Whatever it tells is committed first, so a client may leave and come back, at whichever gateway.
//!
//! A turn is cancelled by setting its status: whatever it then tries to tell is refused, and it ends.

use std::time::Duration;

use presdr_events::RunId;
use presdr_projections::read::run::{self, View};
use presdr_store::{
    StoreError, runs,
    threads::{self, NewCheckpoint},
    turns::{self, Told},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    agent::{Agent, Answer, Pending},
    block::Block,
    message::{self, By, Given, Message},
};
use crate::{Gateway, Problem, identity::Caller};

/// How often a run that an answer follows is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// An answer follows a run for so long; then it says how to ask.
const FOLLOW_MAX: Duration = Duration::from_secs(3600);
/// The stages of a run as an answer tells them, and the steps that each counts. A lead's pages are merged as part of its extraction.
const STAGES: [(&str, &[&str]); 5] = [
    ("crawl", &["crawl"]),
    ("merge", &["extract"]),
    ("extract", &["extract"]),
    ("verify", &["verify"]),
    ("score", &["score"]),
];

/// A turn to be given.
pub struct Turn {
    pub gateway: Gateway,
    pub caller: Caller,
    /// The user's id, as the thread names its owner.
    pub owner: String,
    pub thread: Uuid,
    pub run: Uuid,
    pub given: Given,
    /// The state to go on from.
    pub parent: Option<Uuid>,
}

/// Why a turn ended before its answer did.
enum Ended {
    Cancelled,
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
struct Telling<'t> {
    turn: &'t Turn,
    seq: i64,
}

impl Turn {
    /// Gives the answer. Thread and turn end in a state that says how it went, unless the database is away; then the turn is taken for
    /// lost after a while.
    pub async fn give(self) {
        let mut telling = Telling { turn: &self, seq: 0 };
        let (status, thread) = match telling.answer().await {
            Ok(()) => ("success", "idle"),
            Err(Ended::Cancelled) => ("interrupted", "interrupted"),
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

    /// The thread first: whoever sees the turn over may read the thread at once.
    async fn end(&self, status: &str, thread: &str) -> Result<(), StoreError> {
        let mut tx = self.gateway.enter(&self.caller.tenant).await?;
        threads::change_status(&mut tx, &self.owner, self.thread, &["busy"], thread).await?;
        turns::change_status(&mut tx, self.run, &["pending", "running"], status).await?;
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
            return Err(Ended::Cancelled);
        }
        let parent = match turn.parent {
            Some(parent) => threads::checkpoint(&mut tx, turn.thread, parent).await?,
            None => None,
        };
        tx.commit().await?;
        self.tell("metadata", json!({ "run_id": turn.run, "attempt": 1 })).await?;
        let kept: Vec<Message> = parent.as_ref().map_or(Ok(Vec::new()), |held| {
            serde_json::from_value(held.messages.clone()).map_err(|_| Problem::internal())
        })?;
        let pending: Option<Pending> = parent.and_then(|held| serde_json::from_value(held.pending?).ok());
        let messages = message::merged(kept, turn.given.messages.clone());
        let asked = self.keep(turn.parent, "input", &messages, None).await?;
        let line = turn.given.line.clone().or_else(|| message::last_line(&messages)).unwrap_or_default();
        self.tell("custom", json!({ "type": "progress", "step": "parse" })).await?;
        let agent = Agent { gateway: &turn.gateway, caller: &turn.caller };
        let answer = agent.hear(&line, pending).await?;
        self.say(asked, messages, answer).await
    }

    /// Says an answer piece by piece under one id, then keeps it.
    async fn say(&mut self, asked: Uuid, mut messages: Vec<Message>, answer: Answer) -> Result<(), Ended> {
        let id = format!("lc_run--{}", self.turn.run);
        let mut blocks = answer.blocks;
        for block in &blocks {
            self.piece(&id, block, false).await?;
        }
        if let Some(run) = answer.follow {
            blocks.extend(self.follow(&id, run).await?);
        }
        self.piece(&id, &Block::Text(String::new()), true).await?;
        messages.push(Message { id: id.clone(), by: By::Ai, blocks });
        let pending = answer.pending.map(|pending| json!(pending));
        let answered = self.keep(Some(asked), "loop", &messages, pending).await?;
        self.tell("updates", json!({ "checkpoint": answered, "message": id })).await?;
        self.tell("values", json!({ "checkpoint": answered })).await
    }

    /// Tells a run's progress until it is over, and its shortlist then.
    async fn follow(&mut self, id: &str, run: RunId) -> Result<Vec<Block>, Ended> {
        let begun = tokio::time::Instant::now();
        let mut said = Vec::new();
        let mut last = String::new();
        loop {
            let view = self.look(run).await?;
            let progress = progress(&view);
            if progress != last {
                let block = Block::Text(format!("\n\n{progress}"));
                self.piece(id, &block, false).await?;
                self.tell("custom", json!({ "type": "progress", "run_id": run, "stages": stages(&view) })).await?;
                said.push(block);
                last = progress;
            }
            let over = view.run.finished_at.is_some() && view.stages.iter().any(|stage| stage.stage == "complete");
            let more = match (over, begun.elapsed() > FOLLOW_MAX) {
                (false, false) => {
                    self.still_wanted().await?;
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
                (true, _) => vec![
                    Block::Text(format!("\n\nRun {run} is {}.\n\n", view.run.status)),
                    Block::Shortlist { run_id: run, top: view.run.cap.unsigned_abs() },
                ],
                (false, true) => vec![Block::Text(format!("\n\nIt goes on. Ask: status of run {run}"))],
            };
            for block in more {
                self.piece(id, &block, false).await?;
                said.push(block);
            }
            return Ok(said);
        }
    }

    async fn look(&self, run: RunId) -> Result<View, Ended> {
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        let held = runs::get(&mut tx, run).await?.ok_or_else(Problem::not_found)?;
        Ok(run::view(&mut tx, &held).await?)
    }

    /// A turn that says nothing for long says that it lives, and learns whether it was cancelled.
    async fn still_wanted(&self) -> Result<(), Ended> {
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        let wanted = turns::change_status(&mut tx, self.turn.run, &["running"], "running").await?;
        tx.commit().await?;
        if wanted { Ok(()) } else { Err(Ended::Cancelled) }
    }

    async fn piece(&mut self, id: &str, block: &Block, last: bool) -> Result<(), Ended> {
        self.tell("messages", json!({ "id": id, "block": block, "last": last })).await
    }

    /// Keeps a state as the thread's head and tells it.
    async fn keep(
        &mut self,
        parent: Option<Uuid>,
        source: &'static str,
        messages: &[Message],
        pending: Option<Value>,
    ) -> Result<Uuid, Ended> {
        let turn = self.turn;
        let id = Uuid::now_v7();
        let new = NewCheckpoint { id, parent, run: Some(turn.run), source, messages: json!(messages), pending };
        let mut tx = turn.gateway.enter(&turn.caller.tenant).await?;
        // A thread that was deleted meanwhile has nobody to answer.
        threads::advance(&mut tx, &turn.owner, turn.thread, &new).await?.ok_or(Ended::Cancelled)?;
        tx.commit().await?;
        if source == "input" {
            self.tell("values", json!({ "checkpoint": id })).await?;
        }
        Ok(id)
    }

    async fn tell(&mut self, event: &str, data: Value) -> Result<(), Ended> {
        let told = Told { seq: self.seq + 1, event: event.to_owned(), data };
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        if !turns::tell(&mut tx, self.turn.run, &told).await? {
            return Err(Ended::Cancelled);
        }
        tx.commit().await?;
        self.seq += 1;
        Ok(())
    }
}

fn stages(view: &View) -> Vec<(&'static str, i64)> {
    let count = |steps: &[&str]| {
        view.stages.iter().filter(|stage| steps.contains(&stage.stage.as_str())).map(|stage| stage.count_total).sum()
    };
    STAGES.iter().map(|(name, steps)| (*name, count(steps))).collect()
}

fn progress(view: &View) -> String {
    let counts: Vec<String> = stages(view).iter().map(|(name, count)| format!("{name} {count}")).collect();
    counts.join(" → ")
}
