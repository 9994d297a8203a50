//! Progress straight from the broker: whoever connects to it with a token of the identity provider may listen to their own tenant's
//! progress for as long as the token holds, a quarter of an hour at most, and to nothing else. Then the broker ends the connection, and the
//! client comes back with a fresh token.

use std::sync::Arc;

use chrono::TimeDelta;
use presdr_nats::{
    Broker, BrokerError,
    callout::{self, CalloutKeys, Grant, Token},
};
use presdr_store::{StoreError, tenants::Stage};
use tokio_util::sync::CancellationToken;

use crate::{
    Gateway,
    gateway::NotAdmitted,
    identity::token::{self, TokenError},
};

/// So long a connection holds at most: a role that was taken away, or a tenant that was closed, is noticed then.
const HOLDS_MAX: TimeDelta = TimeDelta::minutes(15);

/// Answers the broker's questions about connections until `stopping` is cancelled.
///
/// # Errors
/// [`BrokerError::Callout`] when they cannot be subscribed to.
pub async fn serve(
    gateway: &Gateway,
    broker: &Broker,
    keys: Arc<CalloutKeys>,
    stopping: CancellationToken,
) -> Result<(), BrokerError> {
    callout::serve(broker, keys, || gateway.desk().now(), |token| decide(gateway, token), stopping).await
}

/// What a token is good for. What is said of one that is good for nothing stands in the broker's log.
async fn decide(gateway: &Gateway, token: Token) -> Result<Grant, &'static str> {
    let now = gateway.desk().now();
    let claims = match token::check(token.expose(), gateway.expected(), gateway.keys(), now).await {
        Ok(claims) => claims,
        Err(TokenError::Keys(error)) => {
            tracing::warn!(%error, "tokens cannot be checked");
            return Err("the identity provider cannot be reached");
        }
        Err(error) => {
            tracing::debug!(%error, "a token was refused");
            return Err("the token is not believed");
        }
    };
    match gateway.admit(&claims.tenant, claims.odoo_db.as_deref()).await {
        Ok(Stage::Active) => {}
        Ok(Stage::SettingUp) | Err(NotAdmitted::Tenant(StoreError::NoTenant(_) | StoreError::Erased(_))) => {
            return Err("the token's tenant is not active here");
        }
        Err(NotAdmitted::OtherOdoo) => return Err("the token names another Odoo database"),
        Err(error) => {
            tracing::warn!(%error, "could not look whether a tenant is active");
            return Err("the database cannot be reached");
        }
    }
    let until = claims.expires_at.min(now + HOLDS_MAX);
    Ok(Grant { hears: vec![format!("progress.{}.>", claims.tenant)], until })
}
