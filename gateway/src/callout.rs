//! Progress straight from the broker: whoever connects to it with a token of the identity provider may listen to their own tenant's
//! progress for as long as the token holds, a quarter of an hour at most, and to nothing else. Then the broker ends the connection, and the
//! client comes back with a fresh token.

use std::{net::IpAddr, sync::Arc, time::Duration};

use chrono::TimeDelta;
use presdr_nats::{
    Broker, BrokerError,
    callout::{self, CalloutKeys, Grant, Token},
};
use presdr_store::{StoreError, tenants::Stage};
use tokio_util::sync::CancellationToken;

use crate::{
    Gateway, GatewayConfig,
    gateway::NotAdmitted,
    identity::token::{self, TokenError},
    limits::Limits,
};

/// So long a connection holds at most: a role that was taken away, or a tenant that was closed, is noticed then.
const HOLDS_MAX: TimeDelta = TimeDelta::minutes(15);
/// A server waits two seconds for an answer.
const ANSWER_MAX: Duration = Duration::from_millis(1500);

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
    let decide = |token: Token, from| async move {
        if !has_room(gateway.limits(), gateway.config(), from) {
            return Err("too many connections from this address; wait a moment");
        }
        // The server gives up on who waits longer, and others wait for the place.
        let decided = tokio::time::timeout(ANSWER_MAX, decide(gateway, token)).await;
        decided.unwrap_or(Err("the token could not be checked in time"))
    };
    callout::serve(broker, keys, || gateway.desk().now(), decide, stopping).await
}

/// Whether an address may ask once more. Where a proxy stands before the broker, everybody comes from it, and it is not counted.
fn has_room(limits: &Limits, config: &GatewayConfig, from: Option<IpAddr>) -> bool {
    from.filter(|from| !config.is_anybodys(*from)).is_none_or(|from| limits.stranger(from).is_ok())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::tests::production, limits::LimitPolicy};

    #[test]
    fn an_address_asks_so_often_and_a_proxy_stands_for_many() {
        let two = std::num::NonZeroU32::MIN.saturating_add(1);
        let limits = Limits::new(LimitPolicy { stranger_per_second: two, ..LimitPolicy::default() });
        let config =
            production(|config| config.transport = crate::Transport::Behind(vec!["10.0.0.0/8".parse().unwrap()]));
        let room = |from: Option<&str>| has_room(&limits, &config, from.map(|from| from.parse().unwrap()));
        let asked: Vec<bool> = (0..9).map(|_| room(Some("192.0.2.7"))).collect();
        assert!(asked[0] && asked.contains(&false), "{asked:?}");
        for from in [None, Some("10.1.2.3"), Some("127.0.0.1"), Some("::ffff:10.1.2.3"), Some("192.0.2.8")] {
            assert!((0..3).all(|_| room(from)), "{from:?}");
        }
    }
}
