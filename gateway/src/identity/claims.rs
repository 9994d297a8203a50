//! What a token says of a person, once it is believed.

use chrono::{DateTime, Utc};
use presdr_events::TenantId;
use serde_json::{Map, Value};

use super::roles::Role;

/// Longest subject: OpenID Connect Core 1.0, section 2.
const SUBJECT_CHARACTERS_MAX: usize = 255;
/// Longest address: RFC 5321.
const EMAIL_CHARACTERS_MAX: usize = 254;

/// What a validated token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who, as the provider names them. May be personal: never logged, never in an event.
    pub subject: String,
    /// Their address, if the token tells it.
    pub email: Option<String>,
    /// Whose data they may see.
    pub tenant: TenantId,
    /// What they may do, lowest first; at least one.
    pub roles: Vec<Role>,
    /// The tenant's Odoo database, if the token names one.
    pub odoo_db: Option<String>,
    /// Until when the token holds.
    pub expires_at: DateTime<Utc>,
}

/// Why claims cannot be used. The texts hold nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// A claim is missing or of another type.
    #[error("its claim {0} is missing or malformed")]
    Malformed(&'static str),
    /// No role of ours.
    #[error("it names none of the roles viewer, ops and admin")]
    NoRole,
}

impl Claims {
    /// Reads the claims of a token whose signature, issuer, audience and times hold.
    ///
    /// # Errors
    /// [`ClaimsError`] when one is missing, of the wrong type, or no role of ours is among them.
    pub fn read(claims: &Map<String, Value>) -> Result<Self, ClaimsError> {
        let subject = required(claims, "sub")?;
        if subject.is_empty() || subject.chars().count() > SUBJECT_CHARACTERS_MAX {
            return Err(ClaimsError::Malformed("sub"));
        }
        let tenant = TenantId::new(required(claims, "tenant_id")?).map_err(|_| ClaimsError::Malformed("tenant_id"))?;
        let email = optional(claims, "email")?;
        if email.as_ref().is_some_and(|email| email.chars().count() > EMAIL_CHARACTERS_MAX) {
            return Err(ClaimsError::Malformed("email"));
        }
        Ok(Self {
            subject,
            email,
            tenant,
            roles: roles(claims)?,
            odoo_db: optional(claims, "odoo_db")?,
            expires_at: time(claims, "exp")?.ok_or(ClaimsError::Malformed("exp"))?,
        })
    }
}

/// A claim that must be there.
pub(super) fn required(claims: &Map<String, Value>, name: &'static str) -> Result<String, ClaimsError> {
    optional(claims, name)?.ok_or(ClaimsError::Malformed(name))
}

/// A claim that may be missing.
pub(super) fn optional(claims: &Map<String, Value>, name: &'static str) -> Result<Option<String>, ClaimsError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ClaimsError::Malformed(name)),
    }
}

/// A NumericDate (RFC 7519): seconds since 1970, perhaps with a fraction, which is dropped.
pub(super) fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<DateTime<Utc>>, ClaimsError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_f64().filter(|seconds| seconds.is_finite() && (0.0..1e11).contains(seconds));
    #[expect(clippy::cast_possible_truncation, reason = "checked to be between 0 and 1e11")]
    let time = whole.and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0));
    time.map(Some).ok_or(ClaimsError::Malformed(name))
}

fn roles(claims: &Map<String, Value>) -> Result<Vec<Role>, ClaimsError> {
    let listed = match claims.get("roles") {
        None | Some(Value::Null) => return Err(ClaimsError::NoRole),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err(ClaimsError::Malformed("roles")),
    };
    let mut roles: Vec<Role> = listed.iter().filter_map(Value::as_str).filter_map(Role::named).collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { Err(ClaimsError::NoRole) } else { Ok(roles) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Claims, ClaimsError> {
        let claims =
            json!({ "sub": "u1", "email": "a@b.example", "tenant_id": "acme", "roles": ["ops"], "exp": 1_800_000_000 });
        let Value::Object(mut claims) = claims else { unreachable!() };
        change(&mut claims);
        Claims::read(&claims)
    }

    fn with(name: &str, value: Value) -> Result<Claims, ClaimsError> {
        read(|claims| drop(claims.insert(name.to_owned(), value)))
    }

    #[test]
    fn the_tenant_is_one_slug() {
        assert_eq!(read(|_| {}).unwrap().tenant.as_str(), "acme");
        let refused = Err(ClaimsError::Malformed("tenant_id"));
        for other in [
            json!(["acme"]),
            json!(null),
            json!(""),
            json!("Acme"),
            json!("acme\0x"),
            json!(7),
            json!({ "id": "acme" }),
        ] {
            assert_eq!(with("tenant_id", other), refused);
        }
        assert_eq!(read(|claims| drop(claims.remove("tenant_id"))), refused);
    }

    #[test]
    fn roles_that_are_not_ours_give_nothing() {
        let roles = with("roles", json!(["admin", "viewer", "root", 7, "viewer"])).unwrap().roles;
        assert_eq!(roles, [Role::Viewer, Role::Admin]);
        for none in [json!([]), json!(["root"]), json!(null), json!([["admin"]])] {
            assert_eq!(with("roles", none), Err(ClaimsError::NoRole));
        }
        assert_eq!(with("roles", json!("admin")), Err(ClaimsError::Malformed("roles")));
    }

    #[test]
    fn subject_and_times_are_bounded() {
        for subject in [json!(""), json!(1), json!("x".repeat(256))] {
            assert_eq!(with("sub", subject), Err(ClaimsError::Malformed("sub")));
        }
        for exp in [json!("1800000000"), json!(-1), json!(1e300), json!(null)] {
            assert_eq!(with("exp", exp), Err(ClaimsError::Malformed("exp")));
        }
        assert_eq!(with("exp", json!(1_800_000_000.9)).unwrap().expires_at.timestamp(), 1_800_000_000);
        assert_eq!(with("email", json!("x".repeat(255))), Err(ClaimsError::Malformed("email")));
    }
}
