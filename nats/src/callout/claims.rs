//! The claims of a question, an answer and a user, as servers read and write them: JSON web tokens signed with Ed25519 by NATS keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Utc};
use nkeys::KeyPair;
use presdr_events::Digest;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{CalloutError, Grant, Question};

/// The account that our users are in, when a server's configuration names none.
const ACCOUNT: &str = "$G";
const NO_LIMIT: i64 = -1;
/// Subscriptions of one connection, at most.
const SUBSCRIPTIONS_MAX: i64 = 8;

#[derive(Deserialize)]
pub(super) struct Asked {
    pub iss: String,
    pub aud: String,
    pub nats: AskedOf,
}

#[derive(Deserialize)]
pub(super) struct AskedOf {
    pub server_id: ServerId,
    pub user_nkey: String,
    #[serde(default)]
    pub client_info: ClientInfo,
    pub connect_opts: ConnectOptions,
}

#[derive(Deserialize)]
pub(super) struct ServerId {
    pub id: String,
}

#[derive(Deserialize, Default)]
pub(super) struct ClientInfo {
    pub host: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ConnectOptions {
    pub auth_token: Option<String>,
    pub pass: Option<String>,
}

/// Reads claims that their issuer has signed.
pub(super) fn read<T: DeserializeOwned>(token: &[u8]) -> Result<T, CalloutError> {
    let wrong = CalloutError::Question;
    let text = std::str::from_utf8(token).map_err(|_| wrong("it is no text"))?;
    let (signed, signature) = text.rsplit_once('.').ok_or_else(|| wrong("it has no signature"))?;
    let (_, body) = signed.split_once('.').ok_or_else(|| wrong("it has no claims"))?;
    let decoded = |part: &str| BASE64.decode(part).map_err(|_| wrong("it is not base64"));
    let claims: Value = serde_json::from_slice(&decoded(body)?).map_err(|_| wrong("its claims are no JSON"))?;
    let issuer = KeyPair::from_public_key(claims["iss"].as_str().unwrap_or_default())?;
    issuer.verify(signed.as_bytes(), &decoded(signature)?)?;
    T::deserialize(claims).map_err(|_| wrong("its claims are others"))
}

/// The claims of a user who may listen for a while.
pub(super) fn user(issuer: &KeyPair, user: &str, grant: &Grant, now: DateTime<Utc>) -> Value {
    json!({
        "iss": issuer.public_key(), "sub": user, "aud": ACCOUNT, "name": "listener",
        "iat": now.timestamp(), "exp": grant.until.timestamp(),
        "nats": {
            "type": "user", "version": 2,
            "pub": { "deny": [">"] }, "sub": { "allow": grant.hears },
            "subs": SUBSCRIPTIONS_MAX, "data": NO_LIMIT, "payload": NO_LIMIT,
        },
    })
}

/// The claims of an answer: the user, or why there is none.
pub(super) fn answer(issuer: &KeyPair, question: &Question, user: Result<String, &str>, now: DateTime<Utc>) -> Value {
    let (user, refused) = user.map_or_else(|refused| (String::new(), refused), |user| (user, ""));
    json!({
        "iss": issuer.public_key(), "sub": question.user, "aud": question.server_id, "iat": now.timestamp(),
        "nats": { "type": "authorization_response", "version": 2, "jwt": user, "error": refused },
    })
}

/// Claims as a signed token. Their id is their digest.
pub(super) fn sign(issuer: &KeyPair, claims: &Value) -> Result<String, CalloutError> {
    let mut claims = claims.clone();
    claims["jti"] = Digest::of(&serde_json::to_vec(&claims)?).to_string().into();
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let encoded = |value: &Value| Ok::<_, serde_json::Error>(BASE64.encode(serde_json::to_vec(value)?));
    let signed = format!("{}.{}", encoded(&header)?, encoded(&claims)?);
    let signature = BASE64.encode(issuer.sign(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}
