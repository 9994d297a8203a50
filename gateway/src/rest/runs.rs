//! Runs: looking at them, starting and steering them.

use axum::{Json, extract::State};
use presdr_events::RunId;
use presdr_producers::{CommandError, Desk, runs};
use presdr_projections::read::run::{self, Facts, Stats, View};
use presdr_store::runs as records;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Gateway, Problem,
    http::{Body, Id, Query},
    identity::Caller,
};

const PAGE_DEFAULT: u16 = 20;
const PAGE_MAX: u16 = 200;
const REASON_CHARACTERS_MAX: usize = 500;

/// How many runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// At most so many, 20 unless told.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u16>,
    /// Only those before this one: `next` of the page before.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    before: Option<i64>,
}

/// A page of runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// Newest first.
    items: Vec<Facts>,
    /// What to give as `before` for the next page; null on the last.
    next: Option<i64>,
}

/// A run to start.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// At most so many leads; the tenant's daily cap when not given.
    #[schemars(range(min = 1, max = 5000))]
    cap: Option<u32>,
}

/// Why a run is steered.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steer {
    /// For the record.
    #[schemars(length(max = 500))]
    reason: Option<String>,
}

/// What a command did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    /// To which run.
    run_id: RunId,
    /// What the run is now.
    status: &'static str,
    /// The place of its event in the log.
    sequence: u64,
}

impl Done {
    /// Of a run that was started.
    pub(super) fn open(run_id: RunId, sequence: u64) -> Self {
        Self { run_id, status: "open", sequence }
    }
}

/// `GET /runs`
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    let limit = asked.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) || asked.before.is_some_and(|before| before < 1) {
        return Err(Problem::bad_request(format!("limit is between 1 and {PAGE_MAX}, and before is a run's id")));
    }
    let mut tx = gateway.enter(&caller.tenant).await?;
    let mut runs = records::list_before(&mut tx, asked.before, i64::from(limit) + 1).await?;
    let more = runs.len() > usize::from(limit);
    runs.truncate(usize::from(limit));
    let next = runs.last().filter(|_| more).map(|run| run.id.get());
    Ok(Json(Page { items: runs.iter().map(Facts::from).collect(), next }))
}

/// `GET /runs/{run_id}`
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> Result<Json<View>, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    let held = records::get(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(run::view(&mut tx, &held).await?))
}

/// `GET /runs/{run_id}/stats`
pub(crate) async fn stats(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> Result<Json<Stats>, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    records::get(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(run::stats(&mut tx, id).await?))
}

/// `POST /runs/start`
pub(crate) async fn start(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(asked): Body<Start>,
) -> Result<Json<Done>, Problem> {
    if asked.cap.is_some_and(|cap| !(1..=runs::CAP_MAX).contains(&cap)) {
        return Err(Problem::unprocessable(format!("cap is between 1 and {}", runs::CAP_MAX)));
    }
    let desk = gateway.desk_of(&caller).await?;
    let started = runs::start(&desk, &caller.tenant, asked.cap).await?;
    Ok(Json(Done::open(started.run, started.sequence)))
}

/// `POST /runs/{run_id}/pause`
pub(crate) async fn pause(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<RunId>,
    Body(asked): Body<Steer>,
) -> Result<Json<Done>, Problem> {
    steer(&gateway, caller, id, asked, "paused", async |desk, caller, reason| {
        runs::pause(desk, &caller.tenant, id, reason).await
    })
    .await
}

/// `POST /runs/{run_id}/resume`
pub(crate) async fn resume(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<RunId>,
    Body(asked): Body<Steer>,
) -> Result<Json<Done>, Problem> {
    steer(&gateway, caller, id, asked, "open", async |desk, caller, reason| {
        runs::resume(desk, &caller.tenant, id, reason).await
    })
    .await
}

/// `POST /runs/{run_id}/cancel`
pub(crate) async fn cancel(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<RunId>,
    Body(asked): Body<Steer>,
) -> Result<Json<Done>, Problem> {
    steer(&gateway, caller, id, asked, "cancelled", async |desk, caller, reason| {
        runs::cancel(desk, &caller.tenant, id, reason).await
    })
    .await
}

async fn steer(
    gateway: &Gateway,
    caller: Caller,
    run: RunId,
    asked: Steer,
    status: &'static str,
    command: impl AsyncFnOnce(&Desk, &Caller, Option<String>) -> Result<u64, CommandError>,
) -> Result<Json<Done>, Problem> {
    let unfit = |reason: &String| reason.chars().count() > REASON_CHARACTERS_MAX || reason.contains('\0');
    if asked.reason.as_ref().is_some_and(unfit) {
        return Err(Problem::unprocessable(format!(
            "reason has at most {REASON_CHARACTERS_MAX} characters, none of them NUL"
        )));
    }
    let mut tx = gateway.enter(&caller.tenant).await?;
    records::get(&mut tx, run).await?.ok_or_else(Problem::not_found)?;
    drop(tx);
    let desk = gateway.desk_of(&caller).await?;
    let sequence = command(&desk, &caller, asked.reason).await?;
    Ok(Json(Done { run_id: run, status, sequence }))
}
