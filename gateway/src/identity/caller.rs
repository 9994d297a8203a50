//! Who asks.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
};
use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use presdr_projections::read::Sight;
use url::Url;

use super::{
    claims::Claims,
    roles::{self, Permission, Role},
    session::{self, Cookie},
    token::{self, TokenError},
};
use crate::{Gateway, Mode, Problem, config::is_loopback};

/// Who asks. Only the layer that checked them makes one, so a handler that takes a caller cannot be reached by anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who, as the provider names them: personal, never logged.
    pub subject: String,
    /// Their address, if the provider tells it.
    pub email: Option<String>,
    /// Whose data they see.
    pub tenant: TenantId,
    /// What they are, lowest first.
    pub roles: Vec<Role>,
    /// The tenant's Odoo database, if the token names one.
    pub odoo_db: Option<String>,
    /// Until when that holds: a stream ends then.
    pub expires_at: Option<DateTime<Utc>>,
    /// Of a browser, its session: when that ends, so does a stream.
    pub(super) session: Option<Cookie>,
}

impl Caller {
    /// Whether they may.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        roles::allows(&self.roles, permission)
    }

    /// How much of personal data they see.
    #[must_use]
    pub fn sight(&self) -> Sight {
        if self.may(Permission::ReadPersonal) { Sight::Clear } else { Sight::Masked }
    }

    /// Whoever asks in development mode without a token.
    fn developer(tenant: TenantId) -> Self {
        Self {
            subject: "developer".to_owned(),
            email: None,
            tenant,
            roles: Role::ALL.to_vec(),
            odoo_db: None,
            expires_at: None,
            session: None,
        }
    }
}

impl From<Claims> for Caller {
    fn from(claims: Claims) -> Self {
        let Claims { subject, email, tenant, roles, odoo_db, expires_at } = claims;
        Self { subject, email, tenant, roles, odoo_db, expires_at: Some(expires_at), session: None }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::internal)
    }
}

/// Finds out who asks.
pub(crate) async fn identify(gateway: &Gateway, method: &Method, headers: &HeaderMap) -> Result<Caller, Problem> {
    let now = gateway.desk().now();
    let in_development = gateway.config().mode == Mode::Development;
    if let Some(token) = token_of(headers)? {
        // A chat UI has one field for a key and can send no other header. Tokens have dots in them, tenants' names have none.
        if in_development && !token.contains('.') {
            return developer(gateway, headers, token);
        }
        let claims = token::check(token, gateway.expected(), gateway.keys(), now).await;
        return claims.map(Caller::from).map_err(|error| refusal(&error));
    }
    let Some(cookie) = Cookie::read(headers, &gateway.desk().keyring()) else {
        let tenant = headers.get("x-tenant-id").filter(|_| in_development).and_then(|value| value.to_str().ok());
        let signed_out = "sign in, or send a token of the identity provider: `Authorization: Bearer TOKEN`";
        let tenant = tenant.ok_or_else(|| Problem::unauthenticated(signed_out))?;
        return developer(gateway, headers, tenant);
    };
    if !session::is_from_our_pages(gateway, method, headers) {
        return Err(Problem::forbidden("what changes something is taken from our own pages alone"));
    }
    session::caller(gateway, &cookie)
        .await?
        .ok_or_else(|| Problem::unauthenticated("your session has ended: sign in again at /login"))
}

/// Whether a token is sent, good or not.
pub(crate) fn has_token(headers: &HeaderMap) -> Result<bool, Problem> {
    token_of(headers).map(|token| token.is_some())
}

/// The token, from the one of two headers that a client can send. With both they must agree: nobody has two tenants at once.
fn token_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let unreadable =
        || Problem::unauthenticated("send one token: `Authorization: Bearer TOKEN`, or the same in `X-Api-Key`");
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(|text| Some(text.trim())).map_err(|_| unreadable()),
            (Some(_), Some(_)) => Err(unreadable()),
        }
    };
    let bearer = match one(header::AUTHORIZATION.as_str())? {
        None => None,
        Some(text) => {
            let (scheme, token) = text.split_once(' ').ok_or_else(unreadable)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(unreadable());
            }
            Some(token.trim())
        }
    };
    match (bearer, one("x-api-key")?.filter(|key| !key.is_empty())) {
        (Some(bearer), Some(key)) if bearer != key => Err(unreadable()),
        (token, other) => Ok(token.or(other)),
    }
}

pub(super) fn refusal(error: &TokenError) -> Problem {
    match error {
        TokenError::Keys(error) => {
            tracing::warn!(%error, "tokens cannot be checked");
            Problem::unavailable("the identity provider cannot be reached, so your token cannot be checked; try again")
        }
        TokenError::Claims(super::claims::ClaimsError::NoRole) => {
            Problem::forbidden("your account has none of the roles viewer, ops and admin here")
        }
        error => {
            tracing::debug!(%error, "a token was refused");
            Problem::unauthenticated(error.to_string())
        }
    }
}

/// Whoever asks for a tenant in development, by its name alone.
fn developer(gateway: &Gateway, headers: &HeaderMap, tenant: &str) -> Result<Caller, Problem> {
    if !is_named_locally(gateway, headers) {
        return Err(Problem::forbidden(
            "in development the gateway is asked under its public URL, or as localhost: a name of somebody else's leads here",
        ));
    }
    TenantId::new(tenant)
        .map(Caller::developer)
        .map_err(|error| Problem::bad_request(format!("the tenant's name: {error}")))
}

/// Whether the client asks under a name of ours: a page whose name was made to lead to this machine asks under its own.
fn is_named_locally(gateway: &Gateway, headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true }; // HTTP/2, or no browser
    let Some(url) = host.to_str().ok().and_then(|host| Url::parse(&format!("http://{host}")).ok()) else {
        return false;
    };
    is_loopback(&url) || url.host() == gateway.config().public_url.host()
}
