//! One company.

use axum::{Json, extract::State};
use presdr_events::CompanyId;
use presdr_projections::read::company::{self, Company};

use crate::{Gateway, Problem, http::Id, identity::Caller};

/// `GET /companies/{company_id}`
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    caller: Caller,
    Id(id): Id<CompanyId>,
) -> Result<Json<Company>, Problem> {
    let mut tx = gateway.enter(&caller.tenant).await?;
    company::company(&mut tx, id, caller.sight()).await?.map(Json).ok_or_else(Problem::not_found)
}
