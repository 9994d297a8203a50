//! A browser signs in: authorization code with PKCE, state and nonce. What must be remembered meanwhile is in a sealed cookie of the browser's,
//! so that only the browser that began can end it.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use presdr_store::keys::random;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    provider::{Metadata, ProviderError},
    session::{self, Cookie, Vouched},
};
use crate::{
    Gateway, Problem,
    http::{Query, address},
};

const COOKIE: &str = "__Host-presdr-login";
const PURPOSE: &str = "gateway login";
const RETURN_TO_BYTES_MAX: usize = 1024;
/// So long somebody has for signing in at the provider; ends of sessions are remembered for longer (`presdr_store::sessions`).
const SIGN_IN_MAX: TimeDelta = TimeDelta::minutes(10);

/// Where to go once signed in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A path of ours, or a page of a chat UI that we know; the start page when not given.
    #[schemars(length(max = 1024))]
    return_to: Option<String>,
}

/// What the provider sends the browser back with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Answered {
    state: Option<String>,
    code: Option<String>,
    /// What went wrong, in the provider's word.
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// What is remembered between beginning and end.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    return_to: String,
    began: DateTime<Utc>,
}

/// `GET /login`
pub(crate) async fn begin(
    State(gateway): State<Gateway>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Response, Problem> {
    throttled(&gateway, &request)?;
    let return_to = return_to(&gateway, asked.return_to)?;
    let metadata = gateway.provider().metadata().await.map_err(|error| unreachable_provider(&error))?;
    let pending =
        Pending { state: secret(), nonce: secret(), verifier: secret(), return_to, began: gateway.desk().now() };
    let there = authorization(&gateway, &metadata, &pending)?;
    let sealed = seal(&gateway, &pending)?;
    let cookie = session::set_cookie(COOKIE, &sealed, 600)?;
    Ok((StatusCode::FOUND, [(header::LOCATION, there.to_string())], [(header::SET_COOKIE, cookie)]).into_response())
}

/// `GET /login/callback`
pub(crate) async fn end(
    State(gateway): State<Gateway>,
    Query(answered): Query<Answered>,
    request: Request,
) -> Result<Response, Problem> {
    throttled(&gateway, &request)?;
    let headers = request.headers();
    let pending = pending(&gateway, headers)?;
    if answered.state.as_deref() != Some(&pending.state) {
        return Err(again("this sign-in was begun elsewhere"));
    }
    let metadata = gateway.provider().metadata().await.map_err(|error| unreachable_provider(&error))?;
    let named = answered.iss.as_deref();
    if named.map_or(metadata.authorization_response_iss_parameter_supported, |issuer| issuer != metadata.issuer) {
        return Err(again("the answer is of another identity provider"));
    }
    if answered.error.is_some() {
        return Err(Problem::forbidden("the identity provider did not sign you in"));
    }
    let code = answered.code.ok_or_else(|| again("the identity provider sent no code"))?;
    let redirect = redirect(&gateway)?;
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &redirect),
        ("code_verifier", &pending.verifier),
    ];
    let tokens = gateway.provider().tokens(&grant).await.map_err(|error| match error {
        ProviderError::Refused(_) => again("the identity provider did not take its own code back"),
        error => unreachable_provider(&error),
    })?;
    let vouched = Vouched::read(&gateway, tokens).await?;
    if vouched.nonce.as_deref() != Some(&pending.nonce) {
        return Err(again("the identity provider's answer belongs to another sign-in"));
    }
    let cookie =
        session::begin(&gateway, &vouched, Cookie::read(headers, &gateway.desk().keyring()), pending.began).await?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, pending.return_to)]).into_response();
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response.headers_mut().append(header::SET_COOKIE, session::set_cookie(COOKIE, "", 0)?);
    Ok(response)
}

fn throttled(gateway: &Gateway, request: &Request) -> Result<(), Problem> {
    gateway.limits().login(address::of(gateway.config(), request.extensions(), request.headers()))
}

fn again(why: &str) -> Problem {
    Problem::bad_request(format!("{why}: go to /login and begin again"))
}

fn unreachable_provider(error: &ProviderError) -> Problem {
    tracing::warn!(%error, "nobody can sign in");
    Problem::unavailable("the identity provider cannot be reached; try again")
}

/// 256 random bits as text.
fn secret() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

fn redirect(gateway: &Gateway) -> Result<String, Problem> {
    gateway.config().public_url.join("/login/callback").map(Into::into).map_err(|_| Problem::internal())
}

fn authorization(gateway: &Gateway, metadata: &Metadata, pending: &Pending) -> Result<Url, Problem> {
    let mut there = metadata.authorization_endpoint.clone();
    there
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &gateway.provider().registration().client_id)
        .append_pair("redirect_uri", &redirect(gateway)?)
        .append_pair("scope", "openid email profile offline_access")
        .append_pair("state", &pending.state)
        .append_pair("nonce", &pending.nonce)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&pending.verifier)))
        .append_pair("code_challenge_method", "S256");
    Ok(there)
}

fn seal(gateway: &Gateway, pending: &Pending) -> Result<String, Problem> {
    let text = serde_json::to_vec(pending).map_err(|_| Problem::internal())?;
    Ok(URL_SAFE_NO_PAD.encode(gateway.desk().keyring().seal_platform(PURPOSE, &text)?))
}

fn pending(gateway: &Gateway, headers: &HeaderMap) -> Result<Pending, Problem> {
    let opened = session::cookie(headers, COOKIE).and_then(|text| {
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = gateway.desk().keyring().open_platform(PURPOSE, &sealed)?;
        serde_json::from_slice::<Pending>(&text).ok()
    });
    opened
        .filter(|pending| pending.began + SIGN_IN_MAX > gateway.desk().now())
        .ok_or_else(|| again("this browser has begun no sign-in, or took too long"))
}

/// Where to go afterwards: a path of ours or a page of an origin that we know, so that nobody is led astray by a link to us.
fn return_to(gateway: &Gateway, asked: Option<String>) -> Result<String, Problem> {
    let Some(asked) = asked else { return Ok("/".to_owned()) };
    let config = gateway.config();
    let there = config.public_url.join(&asked).ok().filter(|_| asked.len() <= RETURN_TO_BYTES_MAX);
    let origin = there.as_ref().map(|url| url.origin().ascii_serialization());
    let known = origin.is_some_and(|origin| origin == config.origin() || config.origins.contains(&origin));
    match there {
        Some(there) if known && there.username().is_empty() => Ok(there.into()),
        _ => Err(Problem::bad_request("return_to is a path here, or a page of a chat UI that the gateway was told of")),
    }
}
