//! Identifiers as types: a bare `String`, `i64` or `Uuid` stops at the edge.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

/// Largest integer that every JSON reader keeps exact (2^53 - 1, RFC 8259 section 6).
const JSON_INTEGER_MAX: i64 = (1 << 53) - 1;

/// Why a text or number is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A tenant slug outside `[a-z0-9-]{1,32}`.
    #[error("tenant {0:?} is not a slug: use 1 to 32 of a-z, 0-9 and '-'")]
    Tenant(String),
    /// A number that is not positive and below 2^53.
    #[error("{what} {value} is not between 1 and 2^53 - 1")]
    Number {
        /// Which identifier.
        what: &'static str,
        /// The value as given.
        value: String,
    },
    /// An actor that is empty, too long, or could be an e-mail address.
    #[error("actor is not an opaque id: use 1 to 64 of A-Z a-z 0-9 . _ : -")]
    Actor,
}

/// A tenant: a slug `[a-z0-9-]{1,32}`, never reused, the second token of every event's subject.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z0-9-]{1,32}$"))]
pub struct TenantId(String);

impl TenantId {
    /// The platform itself, for facts that belong to no customer (registry ingest). Not a tenant that can be created.
    pub const PLATFORM: &'static str = "presdr";

    /// Parses a slug.
    ///
    /// # Errors
    /// [`IdError::Tenant`] when `text` is not `[a-z0-9-]{1,32}`.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text)),
            false => Err(IdError::Tenant(text)),
        }
    }

    /// The platform's own name as an id.
    #[must_use]
    pub fn platform() -> Self {
        Self(Self::PLATFORM.to_owned())
    }

    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl FromStr for TenantId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "i64", into = "i64")]
        #[schemars(with = "i64", extend("minimum" = 1, "maximum" = 9_007_199_254_740_991_i64))]
        pub struct $name(i64);

        impl $name {
            /// Checks the range.
            ///
            /// # Errors
            /// [`IdError::Number`] unless `0 < value < 2^53`.
            pub fn new(value: i64) -> Result<Self, IdError> {
                match (1..=JSON_INTEGER_MAX).contains(&value) {
                    true => Ok(Self(value)),
                    false => Err(IdError::Number { what: $what, value: value.to_string() }),
                }
            }

            /// The number.
            #[must_use]
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = IdError;
            fn try_from(value: i64) -> Result<Self, IdError> {
                Self::new(value)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let number = text.parse().map_err(|_| IdError::Number { what: $what, value: text.to_owned() })?;
                Self::new(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// One run of a tenant's pipeline.
    RunId,
    "run id"
);
number_id!(
    /// A company, allotted once per UEN.
    CompanyId,
    "company id"
);

/// Which try at a lead's step this is, from 1. A number, never a time, so that a redelivery makes the same event id.
pub type Attempt = u32;

/// Who caused an event: an opaque user or service id. E-mail addresses live in the users table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9._:-]{1,64}$"))]
pub struct Actor(String);

impl Actor {
    /// Parses an opaque id such as `service:crawl` or `user:0195…`.
    ///
    /// # Errors
    /// [`IdError::Actor`] for anything that is not 1 to 64 of `A-Za-z0-9._:-`; `@` is refused on purpose.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        match (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text)),
            false => Err(IdError::Actor),
        }
    }

    /// A service of ours, by its permanent name.
    #[must_use]
    pub fn service(name: &'static str) -> Self {
        Self(format!("service:{name}"))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Actor {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.0
    }
}

/// A data subject: random, per tenant. Erasing a person destroys the key filed under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SubjectId(pub Uuid);

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's id: UUIDv5 of what the event means (RFC 9562), so that telling the same fact twice is one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

/// The namespace of presdr's event ids: UUIDv5 of the DNS name `events.presdr` (made once, never changed).
pub(crate) const NAMESPACE: Uuid =
    Uuid::from_bytes([0xae, 0xd7, 0xe3, 0x0c, 0x4e, 0xe3, 0x53, 0xb2, 0x86, 0xd6, 0xbc, 0x12, 0x50, 0xd2, 0x29, 0x4e]);

impl EventId {
    /// The id of a step of a lead (or of the run itself, with no company).
    ///
    /// `step` is the event type's name; nothing personal and no time goes in.
    #[must_use]
    pub fn of(tenant: &TenantId, run: Option<RunId>, company: Option<CompanyId>, step: &str, attempt: Attempt) -> Self {
        let number = |id: Option<i64>| id.unwrap_or(0);
        let run = number(run.map(RunId::get));
        let company = number(company.map(CompanyId::get));
        let name = format!("{tenant}/{run}/{company}/{step}/{attempt}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_slug() {
        assert!(TenantId::new("acme-2").is_ok());
        for wrong in ["", "Acme", "a.b", "a*", "a b", "a".repeat(33).as_str()] {
            assert!(TenantId::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_actor_is_never_an_address() {
        assert!(Actor::new("jo@acme.example").is_err());
        assert!(Actor::new("user:42").is_ok());
    }

    #[test]
    fn the_same_fact_has_the_same_id_and_another_attempt_another() {
        let tenant = TenantId::new("acme").unwrap();
        let id = |attempt| EventId::of(&tenant, RunId::new(7).ok(), CompanyId::new(9).ok(), "lead.crawled", attempt);
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
    }

    #[test]
    fn numbers_stay_exact_in_json() {
        assert!(RunId::new(0).is_err());
        assert!(RunId::new(1 << 53).is_err());
        assert!("12".parse::<CompanyId>().is_ok());
    }
}
