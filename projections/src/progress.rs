//! How far runs are, for people who watch: made from the events alone, without anything personal.
//!
//! - [`Progress`]: what is published and shown; its counts are absolute, so the newest says all that those before it said
//! - [`run_progress`]: publishes it to `progress.<tenant>.<run>`; of several, one leads
//! - [`standing`]: the same from the read models, for who joins late

mod publish;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use presdr_events::{Envelope, Event, RunId, TenantId, event::types};
use presdr_store::{StoreError, TenantTx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use publish::run_progress;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// Which run.
    pub run_id: i64,
    /// The place in the log of the newest event that is counted: whoever has seen a higher one knows more.
    pub sequence: i64,
    /// When that happened.
    pub at: DateTime<Utc>,
    /// Its type, such as `lead.crawled`.
    pub event: String,
    /// `running`, `paused`, `cancelled` or `completed`.
    pub status: Status,
    /// Whether nothing more will happen.
    pub over: bool,
    /// Companies that the run has chosen; null before it has.
    pub targeted: Option<u64>,
    /// Leads that were admitted.
    pub admitted: u64,
    /// Leads that are done.
    pub done: u64,
    /// Leads that have passed each stage, by the stage's name.
    pub stages: BTreeMap<String, u64>,
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Leads are admitted.
    #[default]
    Running,
    /// No more are, for now.
    Paused,
    /// No more are, for good.
    Cancelled,
    /// All are done.
    Completed,
}

/// The subject on which a run's progress is published.
#[must_use]
pub fn subject(tenant: &TenantId, run: i64) -> String {
    format!("progress.{tenant}.{run}")
}

/// What counting needs of an event.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Fact {
    sequence: i64,
    #[sqlx(rename = "occurred_at")]
    at: DateTime<Utc>,
    #[sqlx(rename = "event_type")]
    event: String,
    stage: String,
    #[sqlx(rename = "company_id")]
    company: Option<i64>,
}

impl Fact {
    fn of(sequence: i64, envelope: &Envelope) -> Self {
        Self {
            sequence,
            at: envelope.time,
            event: envelope.event.event_type().name.to_owned(),
            stage: envelope.event.step().tool.clone(),
            company: envelope.company.map(i64::from),
        }
    }
}

/// A run's facts, counted. Taking one in twice, or in another order, comes to the same counts.
#[derive(Debug, Default)]
struct Tally {
    newest: Option<Fact>,
    status: Status,
    over: bool,
    targeted: Option<u64>,
    admitted: BTreeSet<i64>,
    done: BTreeSet<i64>,
    stages: BTreeMap<String, BTreeSet<i64>>,
}

impl Tally {
    fn take_event(&mut self, sequence: i64, envelope: &Envelope) {
        if let Event::RunTargeted(targeted) = &envelope.event {
            self.targeted = Some(targeted.company_ids.len() as u64);
        }
        self.take(Fact::of(sequence, envelope));
    }

    fn take(&mut self, fact: Fact) {
        let is = |kind: presdr_events::EventType| fact.event == kind.name;
        if is(types::RunCompleted) {
            self.over = true;
        }
        self.status = match self.status {
            Status::Cancelled => Status::Cancelled,
            _ if is(types::RunCancelled) => Status::Cancelled,
            _ if self.over => Status::Completed,
            _ if is(types::RunPaused) => Status::Paused,
            _ if is(types::RunResumed) => Status::Running,
            status => status,
        };
        if let Some(company) = fact.company
            && fact.event.starts_with("lead.")
        {
            if is(types::LeadAdmitted) {
                self.admitted.insert(company);
            } else {
                self.stages.entry(fact.stage.clone()).or_default().insert(company);
            }
            if [types::LeadScored, types::LeadDropped, types::LeadParked, types::LeadTimedOut].into_iter().any(is) {
                self.done.insert(company);
            }
        }
        if self.newest.as_ref().is_none_or(|newest| newest.sequence < fact.sequence) {
            self.newest = Some(fact);
        }
    }

    /// What it comes to; `None` before the first fact.
    fn progress(&self, run: i64) -> Option<Progress> {
        let newest = self.newest.as_ref()?;
        let count = |set: &BTreeSet<i64>| set.len() as u64;
        Some(Progress {
            run_id: run,
            sequence: newest.sequence,
            at: newest.at,
            event: newest.event.clone(),
            status: self.status,
            over: self.over,
            targeted: self.targeted,
            admitted: count(&self.admitted),
            done: count(&self.done),
            stages: self.stages.iter().map(|(stage, companies)| (stage.clone(), count(companies))).collect(),
        })
    }

    /// What the read models hold of a run, up to a place in the log.
    async fn read(tx: &mut TenantTx, run: i64, up_to: i64) -> Result<Self, StoreError> {
        let tenant = tx.tenant().clone();
        let facts: Vec<Fact> = sqlx::query_as(
            "select sequence, occurred_at, event_type, stage, company_id from run_event_logs
             where tenant_id = $1 and run_id = $2 and sequence <= $3 order by sequence",
        )
        .bind(tenant.as_str())
        .bind(run)
        .bind(up_to)
        .fetch_all(&mut **tx)
        .await?;
        let targeted: Option<Option<i32>> = sqlx::query_scalar(
            "select cardinality(selected_ids) from run_manifests where tenant_id = $1 and run_id = $2",
        )
        .bind(tenant.as_str())
        .bind(run)
        .fetch_optional(&mut **tx)
        .await?;
        let mut tally =
            Self { targeted: targeted.flatten().and_then(|count| count.try_into().ok()), ..Self::default() };
        facts.into_iter().for_each(|fact| tally.take(fact));
        Ok(tally)
    }
}

/// How far a run is, as far as the read models know; `None` before its first event is in them.
///
/// # Errors
/// What the database says.
pub async fn standing(tx: &mut TenantTx, run: RunId) -> Result<Option<Progress>, StoreError> {
    Ok(Tally::read(tx, run.get(), i64::MAX).await?.progress(run.get()))
}

/// The newest place in the log that the read models know of a run; `None` before its first event is in them.
///
/// # Errors
/// What the database says.
pub async fn known_up_to(tx: &mut TenantTx, run: RunId) -> Result<Option<i64>, StoreError> {
    let tenant = tx.tenant().clone();
    let newest = sqlx::query_scalar("select max(sequence) from run_event_logs where tenant_id = $1 and run_id = $2");
    Ok(newest.bind(tenant.as_str()).bind(run.get()).fetch_one(&mut **tx).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(sequence: i64, event: &str, stage: &str, company: Option<i64>) -> Fact {
        Fact { sequence, at: DateTime::UNIX_EPOCH, event: event.into(), stage: stage.into(), company }
    }

    fn told(facts: impl IntoIterator<Item = Fact>) -> Progress {
        let mut tally = Tally::default();
        facts.into_iter().for_each(|fact| tally.take(fact));
        tally.progress(7).unwrap()
    }

    fn run() -> Vec<Fact> {
        vec![
            fact(1, "run.started", "start", None),
            fact(2, "lead.admitted", "admit", Some(10)),
            fact(3, "lead.admitted", "admit", Some(11)),
            fact(4, "lead.crawled", "crawl", Some(10)),
            fact(5, "vendor.called", "lusha", Some(10)),
            fact(6, "lead.crawled", "crawl", Some(10)),
            fact(7, "lead.scored", "score", Some(10)),
            fact(8, "lead.dropped", "score", Some(11)),
            fact(9, "run.completed", "complete", None),
        ]
    }

    #[test]
    fn leads_are_counted_and_not_their_events() {
        let progress = told(run());
        assert_eq!((progress.admitted, progress.done), (2, 2));
        assert_eq!(progress.stages, BTreeMap::from([("crawl".to_owned(), 1), ("score".to_owned(), 2)]));
        assert_eq!((progress.sequence, progress.event.as_str()), (9, "run.completed"));
        assert_eq!((progress.status, progress.over), (Status::Completed, true));
    }

    #[test]
    fn what_comes_twice_or_in_another_order_comes_to_the_same() {
        let twice = told(run().into_iter().chain(run()));
        assert_eq!(twice, told(run()));
        assert_eq!(told(run().into_iter().rev()), twice);
    }

    #[test]
    fn a_run_that_was_cancelled_stays_so_when_it_is_over() {
        let status = |events: &[&str]| {
            let facts = events.iter().zip(1..).map(|(event, place)| fact(place, event, "x", None));
            let progress = told(facts);
            (progress.status, progress.over)
        };
        assert_eq!(status(&["run.started", "run.paused"]), (Status::Paused, false));
        assert_eq!(status(&["run.paused", "run.resumed"]), (Status::Running, false));
        assert_eq!(status(&["run.cancelled", "run.completed"]), (Status::Cancelled, true));
    }
}
