//! Checking a token: bounded work, the cheap checks first, the signature (by `jsonwebtoken`) with a key of the provider's own list alone.
//!
//! `jku`, `x5u`, `jwk` and `x5c` of a header are never looked at: a token cannot bring the key it is checked with.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::{
    claims::{self, Claims, ClaimsError},
    json,
    keys::{Keys, KeysError},
    signature,
};

/// Longer tokens are refused unread.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Longest key id that is looked up.
const KEY_ID_BYTES_MAX: usize = 256;
/// How far the provider's clock may be from ours.
const CLOCK_SKEW_MAX: TimeDelta = TimeDelta::seconds(30);

/// Why a token is not believed. The texts hold nothing of the token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Not a signed token in compact form, or with a name that stands twice.
    #[error("this is no signed token (RFC 7515, compact form)")]
    Malformed,
    /// `none`, a symmetric one, or an unknown one.
    #[error("the token's algorithm is not allowed: RS, PS and ES of 256, 384 (and 512 of RSA), and EdDSA are")]
    Algorithm,
    /// An extension that must be understood, or a token of another kind.
    #[error("the token is of another kind than is asked for here")]
    Kind,
    /// From elsewhere.
    #[error("the token is of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Too late.
    #[error("the token has expired: sign in anew for another")]
    Expired,
    /// Too early.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// None of the provider's keys has made it.
    #[error("the token's signature is of no key of the provider")]
    Signature,
    /// A claim is not as it must be.
    #[error("the token cannot be used: {0}")]
    Claims(#[from] ClaimsError),
    /// Nothing to check it with.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// What a token must say to be believed.
#[derive(Debug, Clone)]
pub struct Expected {
    /// This issuer, without a slash at its end. Whether tokens have one there, the provider's own document says.
    pub issuer: String,
    /// At least one of these audiences.
    pub audiences: Vec<String>,
}

/// A token in its parts, not yet believed.
pub(super) struct Parts<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// The header's `typ`, in lower case, without `application/`.
    pub(super) kind: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// All of it.
    pub(super) token: &'a str,
}

/// Checks an access token and reads its claims.
///
/// # Errors
/// [`TokenError`]; [`TokenError::Keys`] alone is no fault of the token.
pub async fn check(
    token: &str,
    expected: &Expected,
    keys: &Arc<Keys>,
    now: DateTime<Utc>,
) -> Result<Claims, TokenError> {
    let parts = believe(token, expected, keys, now, &[None, Some("jwt"), Some("at+jwt")]).await?;
    // A logout token is signed by the same keys, and is nobody's permission to read anything.
    // Nor is an ID token: it stands in the address of a sign-out, and in the browser's history then.
    if ["events", "nonce", "at_hash", "c_hash", "s_hash"].iter().any(|claim| parts.contains_key(*claim)) {
        return Err(TokenError::Kind);
    }
    Ok(Claims::read(&parts)?)
}

/// Checks a token of one of `kinds` and gives its claims, unread.
pub(super) async fn believe(
    token: &str,
    expected: &Expected,
    keys: &Arc<Keys>,
    now: DateTime<Utc>,
    kinds: &[Option<&str>],
) -> Result<Map<String, Value>, TokenError> {
    let parts = parse(token)?;
    if !kinds.contains(&parts.kind.as_deref()) {
        return Err(TokenError::Kind);
    }
    holds(&parts.claims, expected, now)?;
    keys.verify(&parts, expected).await?;
    // Whoever has given us keys has told how it spells itself.
    if !keys.is_of_issuer(parts.claims.get("iss").and_then(Value::as_str)) {
        return Err(TokenError::Issuer);
    }
    Ok(parts.claims)
}

/// Takes a token apart without believing any of it.
pub(super) fn parse(token: &str) -> Result<Parts<'_>, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    if payload.contains('.') || signature.is_empty() {
        return Err(if signature.is_empty() { TokenError::Algorithm } else { TokenError::Malformed });
    }
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| json::object(&bytes));
    let header = part(header).ok_or(TokenError::Malformed)?;
    let named = header.get("alg").and_then(Value::as_str);
    let algorithm = named.and_then(signature::allowed).ok_or(TokenError::Algorithm)?;
    if header.contains_key("crit") {
        return Err(TokenError::Kind);
    }
    let key_id = claims::optional(&header, "kid").map_err(|_| TokenError::Malformed)?;
    if key_id.as_ref().is_some_and(|id| id.len() > KEY_ID_BYTES_MAX) {
        return Err(TokenError::Malformed);
    }
    let kind = claims::optional(&header, "typ").map_err(|_| TokenError::Malformed)?.map(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.strip_prefix("application/").map(str::to_owned).unwrap_or(kind)
    });
    let claims = part(payload).ok_or(TokenError::Malformed)?;
    Ok(Parts { algorithm, key_id, kind, claims, token })
}

/// Issuer, audience and times. Before the signature: what fails here costs no cryptography and fetches no keys.
fn holds(claims: &Map<String, Value>, expected: &Expected, now: DateTime<Utc>) -> Result<(), TokenError> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    if issuer.map(|issuer| issuer.strip_suffix('/').unwrap_or(issuer)) != Some(&expected.issuer) {
        return Err(TokenError::Issuer);
    }
    let is_ours =
        |audience: &Value| audience.as_str().is_some_and(|text| expected.audiences.iter().any(|our| our == text));
    let for_us = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(is_ours),
        Some(audience) => is_ours(audience),
        None => false,
    };
    if !for_us {
        return Err(TokenError::Audience);
    }
    let expires_at = claims::time(claims, "exp")?.ok_or(ClaimsError::Malformed("exp"))?;
    if expires_at + CLOCK_SKEW_MAX <= now {
        return Err(TokenError::Expired);
    }
    for name in ["nbf", "iat"] {
        if claims::time(claims, name)?.is_some_and(|time| time - CLOCK_SKEW_MAX > now) {
            return Err(TokenError::NotYetValid);
        }
    }
    Ok(())
}
