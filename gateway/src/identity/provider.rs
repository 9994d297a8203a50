//! The identity provider over HTTP: discovery, keys, tokens. Every answer is bounded in size and time, and no redirect is followed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, RequestBuilder, Response, header::CACHE_CONTROL, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::config::is_loopback;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long the provider may take for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How long what discovery told is used.
const DISCOVERY_FRESH: Duration = Duration::from_secs(3600);

/// Why the provider did not give what it was asked for. Never holds a token or a secret.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Not reached, or not understood.
    #[error("the identity provider's {what} {why}")]
    Unusable {
        /// Which document or endpoint.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It refuses what it was given.
    #[error("the identity provider refused: {0}")]
    Refused(String),
}

fn unusable(what: &'static str) -> impl Fn(String) -> ProviderError {
    move |why| ProviderError::Unusable { what, why }
}

/// Our registration with the provider.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The issuer, exactly as tokens name it.
    pub issuer: Url,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; a public client has none and relies on PKCE alone.
    pub client_secret: Option<SecretString>,
}

/// The provider.
pub struct Provider {
    registration: Registration,
    client: Client,
    discovered: Mutex<Option<(Instant, Metadata)>>,
}

/// What discovery tells (OpenID Connect Discovery 1.0, section 3), as far as it is used.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    pub(super) issuer: String,
    jwks_uri: Url,
    /// Where browsers sign in.
    pub authorization_endpoint: Url,
    token_endpoint: Url,
    /// Where browsers sign out, if they can.
    pub end_session_endpoint: Option<Url>,
    /// Whether answers to a browser name their issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// The provider's list of keys.
pub(super) struct KeyList {
    pub(super) keys: Vec<Value>,
    pub(super) max_age: Option<Duration>,
}

/// What a code or a refresh token was exchanged for.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: Option<String>,
    pub(super) refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenFault {
    error: String,
}

impl Provider {
    /// A provider that was not asked yet.
    ///
    /// # Errors
    /// When no client can be made, which is TLS failing to start.
    pub fn new(registration: Registration) -> Result<Self, ProviderError> {
        let client = Client::builder()
            .timeout(ANSWER_WAIT)
            .redirect(redirect::Policy::none())
            .https_only(!is_loopback(&registration.issuer))
            .no_proxy()
            .build()
            .map_err(|error| unusable("client")(error.to_string()))?;
        Ok(Self { registration, client, discovered: Mutex::default() })
    }

    /// Our registration.
    #[must_use]
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The issuer as it spells itself, once it was asked.
    pub(super) fn spelled(&self) -> Option<String> {
        let known = self.discovered.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, metadata)| metadata.issuer.clone())
    }

    /// The issuer without a slash at its end, which a URL without a path always gets: people and sessions are known by this.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.registration.issuer.as_str().trim_end_matches('/').to_owned()
    }

    /// What the provider tells of itself, asked for at most once an hour.
    ///
    /// # Errors
    /// When it cannot be reached, or tells of another issuer.
    pub async fn metadata(&self) -> Result<Metadata, ProviderError> {
        let known = self.discovered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some((at, metadata)) if at.elapsed() < DISCOVERY_FRESH => Ok(metadata),
            known => match self.discover().await {
                Ok(metadata) => {
                    let discovered = Some((Instant::now(), metadata.clone()));
                    *self.discovered.lock().unwrap_or_else(PoisonError::into_inner) = discovered;
                    Ok(metadata)
                }
                // Where the endpoints are changes seldom: what was known is better than nothing.
                Err(error) => known.map(|(_, metadata)| metadata).ok_or(error),
            },
        }
    }

    async fn discover(&self) -> Result<Metadata, ProviderError> {
        const WHAT: &str = "discovery document";
        let url = format!("{}/.well-known/openid-configuration", self.issuer());
        let (metadata, _): (Metadata, _) = json(WHAT, self.client.get(url)).await?;
        if metadata.issuer.trim_end_matches('/') != self.issuer() {
            return Err(unusable(WHAT)(format!("is of another issuer, {}, than {}", metadata.issuer, self.issuer())));
        }
        let endpoints = [&metadata.jwks_uri, &metadata.authorization_endpoint, &metadata.token_endpoint];
        let safe = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
        let plain = endpoints.into_iter().chain(&metadata.end_session_endpoint).find(|url| !safe(url)).cloned();
        match plain {
            Some(plain) => Err(unusable(WHAT)(format!("names an endpoint without TLS, {plain}"))),
            None => Ok(metadata),
        }
    }

    /// The keys that sign tokens.
    pub(super) async fn keys(&self) -> Result<KeyList, ProviderError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let url = self.metadata().await?.jwks_uri;
        let (set, max_age): (Set, _) = json("list of keys", self.client.get(url)).await?;
        match set.keys.is_empty() {
            true => Err(unusable("list of keys")("is empty".to_owned())),
            false => Ok(KeyList { keys: set.keys, max_age }),
        }
    }

    /// Exchanges an authorization code, or a refresh token, for tokens.
    pub(super) async fn tokens(&self, grant: &[(&str, &str)]) -> Result<Tokens, ProviderError> {
        const WHAT: &str = "token endpoint";
        let Registration { client_id, client_secret, .. } = &self.registration;
        let mut form: Vec<(&str, &str)> = grant.to_vec();
        let mut request = self.client.post(self.metadata().await?.token_endpoint);
        match client_secret {
            Some(secret) => {
                request = request.basic_auth(form_encoded(client_id), Some(form_encoded(secret.expose_secret())))
            }
            None => form.push(("client_id", client_id)),
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.map_err(|error| unusable(WHAT)(told(&error)))?;
        let (status, bytes) = (answer.status(), bounded(WHAT, answer).await?);
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|_| unusable(WHAT)("answered something else than tokens".to_owned()));
        }
        match serde_json::from_slice::<TokenFault>(&bytes) {
            // An error code is one of a few words (RFC 6749, section 5.2): anything else is not repeated.
            Ok(fault)
                if fault.error.len() <= 64
                    && fault.error.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()) =>
            {
                match ENDS_A_GRANT.contains(&fault.error.as_str()) {
                    true => Err(ProviderError::Refused(fault.error)),
                    false => Err(unusable(WHAT)(format!("answered {status}, {}", fault.error))),
                }
            }
            _ => Err(unusable(WHAT)(format!("answered {status}"))),
        }
    }
}

/// What says that a code or a refresh token is worth nothing any more. Anything else is a fault of the provider's, or of ours.
const ENDS_A_GRANT: [&str; 3] = ["invalid_grant", "login_required", "interaction_required"];

/// RFC 6749, section 2.3.1: name and secret are form-encoded before they become basic credentials.
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn json<T: DeserializeOwned>(
    what: &'static str,
    request: RequestBuilder,
) -> Result<(T, Option<Duration>), ProviderError> {
    let answer = request.send().await.map_err(|error| unusable(what)(told(&error)))?;
    if !answer.status().is_success() {
        return Err(unusable(what)(format!("answered {}", answer.status())));
    }
    let max_age = answer.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
    let bytes = bounded(what, answer).await?;
    let read = serde_json::from_slice(&bytes).map_err(|error| unusable(what)(format!("cannot be read: {error}")))?;
    Ok((read, max_age))
}

async fn bounded(what: &'static str, mut answer: Response) -> Result<Vec<u8>, ProviderError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unusable(what)(told(&error)))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(unusable(what)(format!("is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// A request's fault without its URL, which may hold what was asked.
fn told(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() { "did not answer in time" } else { "was not reached" };
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| kind.to_owned(), |cause| format!("{kind}: {cause}"))
}

fn max_age(header: &str) -> Option<Duration> {
    let named = header.split(',').find_map(|part| part.trim().strip_prefix("max-age="));
    named.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_read_wherever_it_stands() {
        assert_eq!(max_age("public, max-age=600, must-revalidate"), Some(Duration::from_secs(600)));
        assert_eq!(max_age("no-store"), None);
        assert_eq!(max_age("max-age=soon"), None);
    }
}
