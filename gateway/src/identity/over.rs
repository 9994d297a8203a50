//! Until when somebody who reads a stream may: their token or session ends, or their tenant does.

use presdr_store::tenants::Stage;
use tokio::time::{Instant, sleep_until};

use super::{caller::Caller, session};
use crate::Gateway;

/// Why somebody may read on no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The token, or the longest that a session lasts, has run out; or the reader has other roles by now.
    Expired,
    /// The session was ended: here, at the provider, or because it was not renewed.
    SignedOut,
    /// The tenant is no longer active.
    Closed,
    /// The gateway ends: another one goes on.
    Stopping,
}

impl Over {
    /// The word for it that a client sees.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::SignedOut => "signed_out",
            Self::Closed => "tenant_closed",
            Self::Stopping => "stopping",
        }
    }
}

/// Waits until the caller may read on no longer. A session is renewed meanwhile, as with any other request of its browser.
pub(crate) async fn over(gateway: Gateway, caller: Caller) -> Over {
    let left = caller.expires_at.map(|at| (at - gateway.desk().now()).to_std().unwrap_or_default());
    let ends = left.map(|left| Instant::now() + left);
    loop {
        let look = Instant::now() + gateway.config().limits.stream_look;
        sleep_until(ends.map_or(look, |ends| ends.min(look))).await;
        if ends.is_some_and(|ends| ends <= Instant::now()) {
            return Over::Expired;
        }
        if let Some(over) = looked(&gateway, &caller).await {
            return over;
        }
    }
}

/// What cannot be looked up now is looked up again later: a database that is away ends no stream.
async fn looked(gateway: &Gateway, caller: &Caller) -> Option<Over> {
    match gateway.admit(&caller.tenant, caller.odoo_db.as_deref()).await {
        Ok(Stage::Active) => {}
        Err(error) if error.is_transient() => {}
        Ok(Stage::SettingUp) | Err(_) => return Some(Over::Closed),
    }
    match session::caller(gateway, caller.session.as_ref()?).await {
        Ok(None) => Some(Over::SignedOut),
        // They come back as what they are now.
        Ok(Some(now)) if now.roles != caller.roles => Some(Over::Expired),
        Ok(Some(_)) | Err(_) => None,
    }
}
