//! What vendors may cost.

use axum::{Json, extract::State};
use presdr_producers::settings;
use presdr_rules::settings::Section;
use presdr_vendors::VendorSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Gateway, Problem, http::Body, identity::Caller};

/// Caps by what they count (`usd`, `openai_tokens`, `tavily_calls`, `lusha_lookups`, `zerobounce_verifications`): each a `day` and a `run`, amounts
/// as text or numbers, null for no limit of that kind.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Caps(Map<String, Value>);

/// The caps that hold.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Budgets {
    /// How often the tenant's settings were set.
    version: u32,
    /// Every cap, with its default where the tenant has set none.
    caps: Value,
}

/// What was set.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Set {
    /// How often the tenant's settings were set.
    version: u32,
    /// The place of its event in the log.
    sequence: u64,
}

/// `GET /budgets`
pub(crate) async fn show(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Budgets>, Problem> {
    let settings = settings::show(gateway.desk(), &caller.tenant).await?;
    let caps = settings.sections.get(VendorSettings::NAME).and_then(|section| section.get("caps")).cloned();
    Ok(Json(Budgets { version: settings.version, caps: caps.unwrap_or_default() }))
}

/// `PUT /budgets`: these caps take the place of all that were set before; the tenant's other settings stay.
pub(crate) async fn set(
    State(gateway): State<Gateway>,
    caller: Caller,
    Body(Caps(caps)): Body<Caps>,
) -> Result<Json<Set>, Problem> {
    let caps = Value::Object(caps);
    let wrong = settings::problem(VendorSettings::NAME, &serde_json::json!({ "caps": caps }));
    if let Some(wrong) = wrong {
        return Err(Problem::unprocessable(wrong));
    }
    let desk = gateway.desk_of(&caller).await?;
    let set = settings::set_key(&desk, &caller.tenant, VendorSettings::NAME, "caps", caps).await?;
    Ok(Json(Set { version: set.version, sequence: set.sequence }))
}
