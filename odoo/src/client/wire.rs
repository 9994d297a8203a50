//! The HTTP client, and one request over it.

use std::time::Duration;

use presdr_rules::transport::is_loopback;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use url::Url;

use super::Fault;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A batch of rows takes Odoo seconds; on a busy one, a minute.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// No answer of ours is larger; one that is cannot be what was asked for.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What came back.
pub(super) struct Received {
    pub status: u16,
    pub is_json: bool,
    pub body: Vec<u8>,
}

/// The base URL in its normal form: https, or http on loopback, without user, query or fragment. The key goes there.
///
/// # Errors
/// [`Fault::FixNeeded`] for anything else.
pub fn base_url(text: &str) -> Result<Url, Fault> {
    let wrong = || Fault::FixNeeded {
        what: "the address of the Odoo cannot be used".to_owned(),
        cure: "give https://HOST, or http on this machine's own loopback, without user, query or fragment".to_owned(),
    };
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url.host_str());
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if is_safe && is_plain && url.host().is_some() { Ok(url) } else { Err(wrong()) }
}

/// The client: no redirects (a key must not travel), no proxy, no retries of its own. Without TLS no root certificates are needed, and a
/// development machine may have none.
pub(super) fn client(tls: bool) -> Result<reqwest::Client, Fault> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("presdr/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .timeout(CALL_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT);
    if !tls {
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|_| Fault::FixNeeded {
        what: "no HTTP client can be made".to_owned(),
        cure: "install root certificates (package ca-certificates)".to_owned(),
    })
}

pub(super) async fn send(request: reqwest::RequestBuilder) -> Result<Received, Fault> {
    let mut response = request.header(ACCEPT, "application/json").send().await.map_err(|error| broken(&error))?;
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_json = content_type.starts_with("application/json");
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Fault::Refused("an answer is larger than any should be".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Received { status, is_json, body })
}

/// Tells in our own words: the client's error names the URL.
fn broken(error: &reqwest::Error) -> Fault {
    Fault::Retry(
        match (error.is_connect(), error.is_timeout()) {
            (true, _) => "no connection",
            (_, true) => "no answer in time",
            _ => "the connection broke",
        }
        .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_tls_or_stays_on_the_machine() {
        for good in
            ["https://odoo.acme.example", "http://127.0.0.1:8069", "http://[::1]:8069/", "http://localhost:8069"]
        {
            assert!(base_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://odoo.acme.example",
            "https://me:secret@odoo.example",
            "https://odoo.example/?db=x",
            "odoo",
            "file:///x",
        ] {
            let error = base_url(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
