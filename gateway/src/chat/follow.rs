//! A run that was started from the chat, told while it goes on.

use std::{fmt, time::Duration};

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
/// A run is told in about so many lines, however many leads it has.
const LINES: i64 = 20;
/// The stages of a run as an answer tells them, and the step that each counts. A lead's pages are merged by the step that extracts.
const STAGES: [(&str, &str); 5] =
    [("crawl", "crawl"), ("merge", "extract"), ("extract", "extract"), ("verify", "verify"), ("score", "score")];

impl Telling<'_> {
    /// Tells a run's progress until it is over, and its shortlist then. What of it stays in the answer is where it stood last.
    pub async fn follow(&mut self, id: &str, run: RunId) -> Result<Vec<Block>, Ended> {
        let (begun, mut pause) = (Instant::now(), LOOK_MIN);
        let mut watching = self.turn.gateway.watch().run(&self.turn.caller.tenant, run).await;
        let (mut seen, mut said) = (None, None);
        loop {
            let view = self.look(run).await?;
            let stands = Stands::of(&view);
            let over = view.run.finished_at.is_some() && is_readable(&view);
            let stopping = self.turn.gateway.stopping();
            let goes_on = !over && begun.elapsed() <= FOLLOW_MAX && !stopping.is_cancelled();
            let block = Block::Text(format!("\n\n{stands}"));
            if stands.is_worth_a_line(said.as_ref()) || (!goes_on && said.as_ref() != Some(&stands)) {
                self.piece(id, &block, false).await?;
                said = Some(stands.clone());
            }
            if seen.as_ref() != Some(&stands) {
                self.tell("custom", json!({ "type": "progress", "run_id": run, "stages": stands.stages })).await?;
                seen = Some(stands);
            }
            if goes_on {
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
            if !over {
                return Ok([vec![block], self.leave(id, run).await?].concat());
            }
            let end = vec![
                Block::Text(format!("\n\nRun {run} is {}.\n\n", view.run.status)),
                Block::Shortlist { run_id: run, top: view.run.cap.unsigned_abs().min(TOP_MAX) },
            ];
            for block in &end {
                self.piece(id, block, false).await?;
            }
            return Ok([vec![block], end].concat());
        }
    }

    /// Says how to hear more of a run that is not followed, or no longer.
    pub async fn leave(&mut self, id: &str, run: RunId) -> Result<Vec<Block>, Ended> {
        let block = goes_on(run);
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

/// What an answer says of a run that it does not follow, or no longer.
pub(super) fn goes_on(run: RunId) -> Block {
    Block::Text(format!("\n\nIt goes on. Ask: status of run {run}"))
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stands {
    /// The steps that each stage did.
    stages: Vec<(&'static str, i64)>,
    /// How many leads the run has.
    leads: i64,
}

impl Stands {
    fn of(view: &View) -> Self {
        let count =
            |step: &str| view.stages.iter().filter(|stage| stage.stage == step).map(|stage| stage.count_total).sum();
        Self {
            stages: STAGES.iter().map(|(name, step)| (*name, count(step))).collect(),
            leads: view.leads.iter().map(|of| of.leads).sum(),
        }
    }

    /// A line for each change of a big run would be hundreds of lines.
    fn is_worth_a_line(&self, said: Option<&Self>) -> bool {
        let Some(said) = said else { return true };
        let begins = |(now, before): (&(&str, i64), &(&str, i64))| now.1 > 0 && before.1 == 0;
        let steps = |stands: &Self| stands.stages.iter().map(|(_, count)| count).sum::<i64>();
        let all = self.leads * STAGES.len() as i64;
        self.stages.iter().zip(&said.stages).any(begins) || (steps(self) - steps(said)) * LINES > all.max(LINES - 1)
    }
}

impl fmt::Display for Stands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.stages.iter().map(|(name, count)| format!("{name} {count}")).collect();
        f.write_str(&counts.join(" → "))?;
        if self.leads > 0 { write!(f, " of {}", self.leads) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(leads: i64, counts: [i64; 5]) -> Stands {
        Stands { stages: STAGES.iter().zip(counts).map(|((name, _), count)| (*name, count)).collect(), leads }
    }

    #[test]
    fn a_line_is_said_when_a_stage_begins_and_when_a_twentieth_was_done() {
        let said = stands(200, [40, 20, 20, 0, 0]);
        assert!(said.is_worth_a_line(None));
        assert!(!said.is_worth_a_line(Some(&said)));
        assert!(!stands(200, [60, 30, 30, 0, 0]).is_worth_a_line(Some(&said)), "40 of 1,000 steps more");
        assert!(stands(200, [60, 36, 36, 0, 0]).is_worth_a_line(Some(&said)), "52 more");
        assert!(stands(200, [40, 20, 20, 1, 0]).is_worth_a_line(Some(&said)), "verifying began");
        assert!(
            stands(5, [3, 2, 2, 1, 1]).is_worth_a_line(Some(&stands(5, [3, 1, 1, 1, 1]))),
            "a small run tells everything"
        );
    }

    #[test]
    fn a_line_tells_of_how_many() {
        assert_eq!(stands(9, [8, 7, 7, 6, 5]).to_string(), "crawl 8 → merge 7 → extract 7 → verify 6 → score 5 of 9");
        assert_eq!(stands(0, [0; 5]).to_string(), "crawl 0 → merge 0 → extract 0 → verify 0 → score 0");
    }
}
