//! How far the setting up of the caller's tenant is, and going on with it. Nothing is begun here: an operator does that.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use presdr_producers::tenants;
use presdr_store::onboarding;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Gateway, Problem, identity::Caller};

/// How the setting up of a tenant stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Onboarding {
    /// Whose.
    pub tenant_id: TenantId,
    /// The organisation's name.
    pub name: String,
    /// `provisioning`, `syncing` or `ready`.
    pub state: &'static str,
    /// Whether it waits for an Odoo, or did.
    pub awaits_odoo: bool,
    /// What keeps it from going on, and what cures that.
    pub problem: Option<String>,
    /// Since when it is ready; null before, and where nobody knows.
    pub ready_at: Option<DateTime<Utc>>,
}

impl Onboarding {
    pub(crate) fn new(tenant_id: TenantId, stands: onboarding::Onboarding) -> Self {
        let onboarding::Onboarding { name, state, awaits_odoo, problem, ready_at, .. } = stands;
        Self { tenant_id, name, state: state.as_str(), awaits_odoo, problem, ready_at }
    }
}

/// `GET /onboarding`
pub(crate) async fn show(State(gateway): State<Gateway>, caller: Caller) -> Result<Json<Onboarding>, Problem> {
    let stands = tenants::standing(gateway.desk(), &caller.tenant).await?;
    Ok(Json(Onboarding::new(caller.tenant, stands)))
}

/// `POST /onboarding/finish`: goes on as far as that can go now. A form of our own page is led back there.
pub(crate) async fn finish(
    State(gateway): State<Gateway>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let desk = gateway.desk_of(&caller).await?;
    let stands = tenants::go_on(&desk, &caller.tenant).await?;
    let by_form = headers.get(header::ACCEPT).is_some_and(|kinds| kinds.as_bytes().starts_with(b"text/html"));
    Ok(match by_form {
        true => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
        false => Json(Onboarding::new(caller.tenant, stands)).into_response(),
    })
}
