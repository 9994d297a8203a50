//! A run that was started from the chat, told while it goes on.

use std::time::Duration;

use presdr_events::RunId;
use presdr_projections::read::run::{self, View};
use presdr_rules::chat::TOP_MAX;
use presdr_store::runs;
use serde_json::json;
use tokio::time::Instant;

use super::{
    block::Block,
    turn::{Ended, Telling},
};
use crate::Problem;

/// How soon a run is looked at again when it publishes nothing; less and less often.
const LOOK_MIN: Duration = Duration::from_millis(500);
const LOOK_MAX: Duration = Duration::from_secs(10);
/// An answer follows a run for so long; then it says how to ask.
const FOLLOW_MAX: Duration = Duration::from_secs(3600);
/// The stages of a run as an answer tells them, and the step that each counts. A lead's pages are merged by the step that extracts.
const STAGES: [(&str, &str); 5] =
    [("crawl", "crawl"), ("merge", "extract"), ("extract", "extract"), ("verify", "verify"), ("score", "score")];

impl Telling<'_> {
    /// Tells a run's progress until it is over, and its shortlist then. What of it stays in the answer is where it stood last.
    pub async fn follow(&mut self, id: &str, run: RunId) -> Result<Vec<Block>, Ended> {
        let (begun, mut pause) = (Instant::now(), LOOK_MIN);
        let mut watching = self.turn.gateway.watch().run(&self.turn.caller.tenant, run).await;
        let mut last = String::new();
        loop {
            let view = self.look(run).await?;
            let progress = progress(&view);
            if progress != last {
                self.piece(id, &Block::Text(format!("\n\n{progress}")), false).await?;
                self.tell("custom", json!({ "type": "progress", "run_id": run, "stages": stages(&view) })).await?;
                last = progress;
            }
            let over = view.run.finished_at.is_some() && is_readable(&view);
            let stopping = self.turn.gateway.stopping();
            if !over && begun.elapsed() <= FOLLOW_MAX && !stopping.is_cancelled() {
                self.still_wanted().await?;
                let news = async {
                    tokio::time::sleep(LOOK_MIN).await;
                    // News of the run, or long enough without.
                    let _ = tokio::time::timeout(pause, watching.news.recv()).await;
                };
                tokio::select! {
                    () = news => {}
                    () = stopping.cancelled() => {}
                }
                pause = pause.mul_f64(1.2).min(LOOK_MAX);
                continue;
            }
            let stood = vec![Block::Text(format!("\n\n{last}"))];
            if !over {
                return Ok([stood, self.leave(id, run).await?].concat());
            }
            let end = vec![
                Block::Text(format!("\n\nRun {run} is {}.\n\n", view.run.status)),
                Block::Shortlist { run_id: run, top: view.run.cap.unsigned_abs().min(TOP_MAX) },
            ];
            for block in &end {
                self.piece(id, block, false).await?;
            }
            return Ok([stood, end].concat());
        }
    }

    /// Says how to hear more of a run that is not followed, or no longer.
    pub async fn leave(&mut self, id: &str, run: RunId) -> Result<Vec<Block>, Ended> {
        let block = Block::Text(format!("\n\nIt goes on. Ask: status of run {run}"));
        self.piece(id, &block, false).await?;
        Ok(vec![block])
    }

    async fn look(&self, run: RunId) -> Result<View, Ended> {
        let mut tx = self.turn.gateway.enter(&self.turn.caller.tenant).await?;
        let held = runs::get(&mut tx, run).await?.ok_or_else(Problem::not_found)?;
        Ok(run::view(&mut tx, &held).await?)
    }
}

/// Whether the read models have come as far as the run's end.
fn is_readable(view: &View) -> bool {
    view.stages.iter().any(|stage| stage.stage == "complete")
}

fn stages(view: &View) -> Vec<(&'static str, i64)> {
    let count =
        |step: &str| view.stages.iter().filter(|stage| stage.stage == step).map(|stage| stage.count_total).sum();
    STAGES.iter().map(|(name, step)| (*name, count(step))).collect()
}

fn progress(view: &View) -> String {
    let counts: Vec<String> = stages(view).iter().map(|(name, count)| format!("{name} {count}")).collect();
    counts.join(" → ")
}
