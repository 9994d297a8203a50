//! One request over the wire, and how long to wait before the next.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

use crate::{Class, Endpoint, Failure, Method, Reply, RequestSpec};

/// No answer of a vendor is larger; one that is cannot be what was asked for.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(30);

/// The HTTP client for vendors: no redirects (a key must not travel), no proxy, no retries of its own.
#[derive(Debug, Clone)]
pub(crate) struct Wire(reqwest::Client);

/// What came back, owned.
pub(crate) struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn reply(&self) -> Reply<'_> {
        Reply { status: self.status, headers: &self.headers, body: &self.body }
    }
}

impl Wire {
    /// `tls` is whether any vendor is asked over TLS: without it no root certificates are needed, and a development machine may have none.
    pub fn new(tls: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("presdr/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION_MAX);
        if !tls {
            builder = builder.tls_certs_only([]);
        }
        Ok(Self(builder.build()?))
    }

    /// Sends one request. A connection that was never made is free; whatever breaks later may have been charged.
    pub async fn send(&self, endpoint: &Endpoint, spec: &RequestSpec) -> Result<Received, Failure> {
        let url = endpoint.url(spec.path, &spec.query);
        let mut request = match spec.method {
            Method::Get => self.0.get(url),
            Method::Post => self.0.post(url),
        };
        request = request.header(ACCEPT, "application/json").headers(spec.headers.clone()).timeout(spec.timeout);
        if let Some(body) = &spec.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = request.send().await.map_err(|error| broken(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = body_of(response, status).await?;
        Ok(Received { status, headers, body })
    }
}

/// Reads a body up to the most there may be. Half an error is still that error: the status says what it is.
async fn body_of(mut response: reqwest::Response, status: u16) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_BYTES_MAX => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.into()),
            _ if !(200..300).contains(&status) => return Ok(body.into()),
            Ok(Some(_)) => return Err(Failure::new(Class::Lost, "the answer is larger than any should be")),
            Err(error) => return Err(broken(&error)),
        }
    }
}

/// Tells in our own words: the client's error names the URL, which may hold the key.
fn broken(error: &reqwest::Error) -> Failure {
    let again = Class::Retry { after: None, rate_limit: false };
    if error.is_connect() {
        Failure::new(again, "no connection")
    } else if error.is_builder() {
        Failure::new(Class::Never, "the request cannot be sent")
    } else if error.is_timeout() {
        Failure::new(Class::Lost, "no answer in time")
    } else {
        Failure::new(Class::Lost, "the connection broke before the answer was here")
    }
}

/// A class that says to try again, after what the vendor asks for: `retry-after-ms`, or `retry-after` in seconds or as a date
/// (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(reply: &Reply<'_>, rate_limit: bool) -> Class {
    Class::Retry { after: asked_wait(reply, SystemTime::now()), rate_limit }
}

fn asked_wait(reply: &Reply<'_>, now: SystemTime) -> Option<Duration> {
    let number = |name: &str| {
        reply.header(name)?.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
    };
    if let Some(milliseconds) = number("retry-after-ms") {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    if let Some(seconds) = number("retry-after") {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = chrono::DateTime::parse_from_rfc2822(reply.header("retry-after")?.trim()).ok()?;
    Some(SystemTime::from(date).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&'static str, &str)]) -> Option<Duration> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_000); // Mon, 23 Nov 2026 00:00:00 GMT
        asked_wait(&Reply { status: 429, headers: &map, body: b"" }, now)
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_milliseconds_or_as_a_date() {
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", "9"), ("retry-after-ms", "250")]), Some(Duration::from_millis(250)));
        assert_eq!(wait(&[("retry-after", "Mon, 23 Nov 2026 00:00:30 GMT")]), Some(Duration::from_secs(30)));
        assert_eq!(wait(&[("retry-after", "Sun, 22 Nov 2026 00:00:30 GMT")]), Some(Duration::ZERO), "over already");
        for nonsense in ["soon", "-1", "inf", ""] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(wait(&[]), None);
    }
}
