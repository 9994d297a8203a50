//! A run's ranking.

use axum::{Json, extract::State};
use presdr_events::RunId;
use presdr_projections::read::shortlist::{self, Filter, Place, Status};
use presdr_store::{TenantTx, runs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Gateway, Problem, http::Query, identity::Caller};

const SEARCH_CHARACTERS_MAX: usize = 100;

/// Which places.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Of this run instead of the newest finished one.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_i64))]
    run_id: Option<i64>,
    /// Only this bucket.
    bucket: Option<Bucket>,
    /// Only with at least this score, from 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    min_score: Option<f64>,
    /// Only those whose name or domain has this in it.
    #[schemars(length(min = 1, max = 100))]
    q: Option<String>,
    /// Only below this rank: `next` of the page before.
    #[schemars(range(min = 0, max = 1_000_000))]
    after: Option<u32>,
    /// At most so many, 50 unless told.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u16>,
}

/// Where a score puts a company.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum Bucket {
    High,
    Medium,
    Low,
}

/// A page of a ranking.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// Whose ranking; null before the tenant's first finished run.
    run_id: Option<i64>,
    /// The run's status.
    status: Option<String>,
    /// The places, best first.
    items: Vec<Place>,
    /// What to give as `after` for the next page; null on the last.
    next: Option<i64>,
}

/// How the newest ranking stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Standing {
    /// Null before the tenant's first run.
    newest: Option<Status>,
}

/// `GET /shortlist`
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    let limit = super::page_limit(asked.limit)?;
    let mut tx = gateway.enter(&caller.tenant).await?;
    let Some(run) = run(&mut tx, asked.run_id).await? else {
        return Ok(Json(Page { run_id: None, status: None, items: Vec::new(), next: None }));
    };
    let filter = asked.filter(i64::from(limit) + 1)?;
    let mut items = shortlist::places(&mut tx, run.id, &filter, caller.sight()).await?;
    let more = items.len() > usize::from(limit);
    items.truncate(usize::from(limit));
    let next = items.last().filter(|_| more).map(|place| place.rank);
    Ok(Json(Page { run_id: Some(run.id.get()), status: Some(run.status), items, next }))
}

/// `GET /shortlist/status`
pub(crate) async fn status(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Standing>, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    Ok(Json(Standing { newest: shortlist::status(&mut tx).await? }))
}

/// The run that is asked for, which must be the tenant's; or the newest finished one, if there is any.
async fn run(tx: &mut TenantTx, asked: Option<i64>) -> Result<Option<runs::Run>, Problem> {
    let id = match asked {
        Some(id) => Some(RunId::new(id).map_err(|_| Problem::not_found())?),
        None => shortlist::newest(tx).await?,
    };
    match id {
        Some(id) => runs::get(tx, id).await?.map(Some).ok_or_else(Problem::not_found),
        None => Ok(None),
    }
}

impl Asked {
    fn filter(&self, limit: i64) -> Result<Filter, Problem> {
        if self.min_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
            return Err(Problem::bad_request("min_score is between 0 and 1"));
        }
        let search = self.q.clone();
        if search
            .as_ref()
            .is_some_and(|text| text.is_empty() || text.chars().count() > SEARCH_CHARACTERS_MAX || text.contains('\0'))
        {
            return Err(Problem::bad_request(format!(
                "q has 1 to {SEARCH_CHARACTERS_MAX} characters, none of them NUL"
            )));
        }
        Ok(Filter {
            bucket: self.bucket.map(|bucket| format!("{bucket:?}")),
            score_min: self.min_score,
            search,
            after: i64::from(self.after.unwrap_or(0)),
            limit,
        })
    }
}
