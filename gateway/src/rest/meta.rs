//! What the gateway is, how it is, and who asks.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
};
use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Gateway, Problem,
    identity::{
        Caller, has_token, identify,
        roles::{self, Permission, Role},
    },
};

/// What the gateway is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Info {
    /// Of presdr.
    pub version: &'static str,
    /// `production` or `development`.
    pub mode: &'static str,
    /// What a person must know of it before they trust it with anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
    /// Where the broker lets whoever has a token listen to `progress.<their tenant>.>`, over a WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websocket: Option<String>,
}

/// How the gateway is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// `ok`, or `unavailable`.
    pub status: &'static str,
    /// What cannot be reached.
    pub missing: Vec<&'static str>,
}

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WhoAmI {
    /// As the identity provider names them.
    pub sub: String,
    /// Their address, if the provider tells it.
    pub email: Option<String>,
    /// Whose data they see.
    pub tenant_id: TenantId,
    /// What they are.
    pub roles: Vec<Role>,
    /// What that allows.
    pub permissions: Vec<Permission>,
    /// The tenant's Odoo database, if the token names one.
    pub odoo_db: Option<String>,
    /// Until when; null in development without a token.
    pub expires_at: Option<DateTime<Utc>>,
}

/// `GET /info`. A chat UI that was given a key looks here whether it is good.
pub(crate) async fn info(
    State(gateway): State<Gateway>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Info>, Problem> {
    if has_token(&headers)? {
        let caller = identify(&gateway, &method, &headers).await?;
        gateway.admit(&caller.tenant, caller.odoo_db.as_deref()).await?;
    }
    Ok(Json(gateway.info()))
}

/// `GET /health/live`
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "ok", missing: Vec::new() })
}

/// `GET /health/ready`
pub(crate) async fn ready(State(gateway): State<Gateway>) -> (StatusCode, Json<Health>) {
    let database = async { gateway.database().shared().await.is_ok() };
    let (database, identity) = tokio::join!(database, gateway.keys().ready());
    let parts =
        [("database", database), ("broker", gateway.desk().is_connected()), ("identity provider", identity.is_ok())];
    let missing: Vec<_> = parts.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect();
    match missing.is_empty() {
        true => (StatusCode::OK, Json(Health { status: "ok", missing })),
        false => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "unavailable", missing })),
    }
}

/// `GET /whoami`
pub(crate) async fn whoami(caller: Caller) -> Json<WhoAmI> {
    let permissions = roles::permissions(&caller.roles);
    let Caller { subject, email, tenant, roles, odoo_db, expires_at, .. } = caller;
    Json(WhoAmI { sub: subject, email, tenant_id: tenant, roles, permissions, odoo_db, expires_at })
}

/// That it answers, as LangGraph clients ask.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Okay {
    ok: bool,
}

/// `GET /ok`
pub(crate) async fn ok() -> Json<Okay> {
    Json(Okay { ok: true })
}
