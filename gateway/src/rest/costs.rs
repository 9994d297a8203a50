//! What paid vendors cost.

use axum::{Json, extract::State};
use chrono::{Days, NaiveDate};
use presdr_projections::read::costs::{self, By, Costs};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Gateway, Problem, http::Query, identity::Caller};

/// Days shown when no date is given.
const DAYS_DEFAULT: u64 = 30;
/// Most days that are summed for one question.
const DAYS_MAX: i64 = 400;

/// Which days, and one line for each of what.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// First day, in Singapore; 30 days ago when not given.
    from: Option<NaiveDate>,
    /// Last day, in Singapore; today when not given.
    to: Option<NaiveDate>,
    /// One line for each vendor, day, run or purpose.
    by: Option<By>,
}

/// `GET /costs`
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Costs>, Problem> {
    let to = asked.to.unwrap_or_else(|| presdr_vendors::day(gateway.desk().now()));
    let from = asked.from.unwrap_or_else(|| to.checked_sub_days(Days::new(DAYS_DEFAULT)).unwrap_or(to));
    if !(0..=DAYS_MAX).contains(&(to - from).num_days()) {
        return Err(Problem::bad_request(format!("from is before to, by at most {DAYS_MAX} days")));
    }
    let mut tx = gateway.enter(&caller.tenant).await?;
    Ok(Json(costs::costs(&mut tx, from, to, asked.by.unwrap_or_default()).await?))
}
