//! The ideal customer profile.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use presdr_producers::icp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Gateway, Problem, http::Body, identity::Caller};

/// A profile as a document; every key is optional, and an unknown one is refused by name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Document(Map<String, Value>);

/// The newest profile.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Profile {
    /// How often it was set.
    version: u32,
    /// As it was set.
    document: Value,
}

/// What was set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Set {
    /// The profile's id.
    rule_id: i64,
    /// Its new version.
    version: u32,
    /// The place of its event in the log.
    sequence: u64,
}

/// What a profile would find.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// Companies that would be candidates.
    candidates: u64,
    /// Live companies as the tenant sees them.
    companies: u64,
    /// How many were left after each filter that the profile asks for, in the order of a run.
    after_filters: BTreeMap<String, u64>,
    /// Whether nothing fits the whole profile, so that its industries alone were used.
    fallback: bool,
    /// Industries that the classification has no title for.
    unknown_industries: Vec<String>,
}

/// `GET /icp`
pub(crate) async fn show(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Profile>, Problem> {
    let shown = icp::show(gateway.desk(), &caller.tenant).await?;
    let (version, document) = shown.ok_or_else(Problem::not_found)?;
    Ok(Json(Profile { version, document }))
}

/// `PUT /icp`
pub(crate) async fn set(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(Document(document)): Body<Document>,
) -> Result<Json<Set>, Problem> {
    let desk = gateway.desk_of(&caller).await?;
    let set = icp::set(&desk, &caller.tenant, &Value::Object(document).to_string()).await?;
    Ok(Json(Set { rule_id: set.rule, version: set.version, sequence: set.sequence }))
}

/// `POST /icp/preview`
pub(crate) async fn preview(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(Document(document)): Body<Document>,
) -> Result<Json<Preview>, Problem> {
    let checked = icp::check(gateway.desk(), &caller.tenant, &Value::Object(document).to_string()).await?;
    let preview = gateway.preview(&caller.tenant, &checked).await?;
    Ok(Json(Preview {
        candidates: preview.candidates,
        companies: preview.before,
        after_filters: preview.after_filters,
        fallback: preview.fallback,
        unknown_industries: preview.unknown_industries,
    }))
}
