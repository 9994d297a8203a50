//! One company.

use axum::{Json, extract::State};
use presdr_events::CompanyId;
use presdr_producers::{companies, runs};
use presdr_projections::read::company::{self, Company};
use presdr_rules::chat::PageWish;
use schemars::JsonSchema;
use serde::Deserialize;

use super::runs::Done;
use crate::{
    Gateway, Problem,
    http::{Body, Id},
    identity::Caller,
};

/// `GET /companies/{company_id}`
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<CompanyId>,
) -> Result<Json<Company>, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    company::company(&mut tx, id, caller.sight()).await?.map(Json).ok_or_else(Problem::not_found)
}

/// What to read of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Enrich {
    /// Kinds of pages that are read beside the usual choice: `contact`, `about`, `careers`, `team`, `services`, `products`, `pricing`, `cases`.
    #[schemars(length(max = 8))]
    include: Vec<String>,
}

/// `POST /companies/{company_id}/enrich`: a run of that company alone.
pub(crate) async fn enrich(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<CompanyId>,
    Body(asked): Body<Enrich>,
) -> Result<Json<Done>, Problem> {
    let include: Option<Vec<PageWish>> = asked.include.iter().map(|name| PageWish::named(name)).collect();
    let known = || PageWish::ALL.map(PageWish::as_str).join(", ");
    let include = include.ok_or_else(|| Problem::unprocessable(format!("include names any of: {}", known())))?;
    let mut tx = gateway.enter(&caller.tenant).await?;
    if !companies::is_known(&mut tx, id).await? {
        return Err(Problem::not_found());
    }
    drop(tx);
    let desk = gateway.desk_of(&caller).await?;
    let started = runs::start_named(&desk, &caller.tenant, &[id], &include).await?;
    Ok(Json(Done::open(started.run, started.sequence)))
}
