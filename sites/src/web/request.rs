//! What is asked of a site, and what comes back.

use std::time::Duration;

use ipnet::IpNet;
use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap};
use url::{Host, Url};

use super::address::{closed, is_listed};
use super::body::Body;

/// One page to get.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Where it is.
    pub url: Url,
    /// What we held of it before: an unchanged page then answers 304 without a body (RFC 9110, 13.1).
    pub etag: Option<String>,
    /// As `etag`, for sites that only know the time of the last change.
    pub last_modified: Option<String>,
    /// How much of the body is read, after decompression. The rest is never received.
    pub bytes_max: usize,
    /// How many redirects are followed, all within the registrable domain of `url`. With 0 a redirect is an answer.
    pub redirects_max: usize,
    /// Which bodies are worth reading.
    pub wanted: Wanted,
}

/// Which bodies are worth reading; others are not received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// HTML, plain text, or what does not say what it is.
    Page,
    /// Whatever comes, as robots.txt and sitemaps are sent under many types.
    Anything,
}

/// Enough for all but the most bloated page.
pub(crate) const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
pub(crate) const REDIRECTS_MAX: usize = 5;

impl PageRequest {
    /// A page, unconditionally, within the default limits.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            etag: None,
            last_modified: None,
            bytes_max: PAGE_BYTES_MAX,
            redirects_max: REDIRECTS_MAX,
            wanted: Wanted::Page,
        }
    }
}

/// What a site answered.
#[derive(Debug)]
pub struct Fetched {
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The type the site declares.
    pub content_type: Option<String>,
    /// To be sent back on the next visit.
    pub etag: Option<String>,
    /// To be sent back on the next visit.
    pub last_modified: Option<String>,
    /// How long the site asks us to stay away.
    pub retry_after: Option<Duration>,
    /// Where a redirect that was not followed leads.
    pub location: Option<Url>,
    /// A header says that this is a test for humans and not the page.
    pub challenged: bool,
    /// The bytes, when they are of the wanted kind.
    pub body: Body,
}

impl Fetched {
    /// Reads the headers; the body follows.
    pub(super) fn from_headers(url: &Url, status: StatusCode, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let location = text(header::LOCATION).filter(|_| status.is_redirection());
        Self {
            url: url.clone(),
            status: status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
            retry_after: text(header::RETRY_AFTER).and_then(|wait| retry_after(&wait, text(header::DATE).as_deref())),
            location: location.and_then(|location| url.join(&location).ok()),
            challenged: text(header::HeaderName::from_static("cf-mitigated")).is_some_and(|value| value == "challenge")
                || text(header::HeaderName::from_static("x-amzn-waf-action")).is_some(),
            body: Body::default(),
        }
    }

    /// Whether the declared type is a page's, or there is none.
    pub fn is_page(&self) -> bool {
        let declared = self.content_type.as_deref().unwrap_or_default();
        let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(
            essence.as_str(),
            "" | "text/html" | "application/xhtml+xml" | "text/plain" | "text/xml" | "application/xml"
        )
    }
}

/// `Retry-After` in either form (RFC 9110, 10.2.3): seconds, or a date. A date counts from the answer's own `Date`, so that a clock
/// that is wrong, theirs or ours, changes nothing; without one it says nothing.
fn retry_after(wait: &str, date: Option<&str>) -> Option<Duration> {
    let wait = wait.trim();
    if let Ok(seconds) = wait.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(wait).ok()?;
    let from = httpdate::parse_http_date(date?.trim()).ok()?;
    // A date that is past asks for no wait.
    Some(until.duration_since(from).unwrap_or_default())
}

/// Why nothing came back. Messages name hosts, never paths: a path may name a person.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// We would not ask.
    #[error("will not fetch from {host}: {refusal}")]
    Refused {
        /// As written in the URL.
        host: String,
        /// Why.
        refusal: Refusal,
    },
    /// The name does not exist, or has no addresses.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// Name servers did not answer.
    #[error("could not look up {host}")]
    Lookup {
        /// The name.
        host: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// No connection, or no TLS session, came about.
    #[error("could not connect to {host}")]
    Connect {
        /// The name.
        host: String,
        /// What the client said; `None` where the attempt was not even made.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The site took longer than we wait.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// The name.
        host: String,
    },
    /// The answer broke off or was no HTTP.
    #[error("the answer of {host} broke off")]
    Broken {
        /// The name.
        host: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// A redirect leaves the registrable domain.
    #[error("{host} redirects to {to}, which is another domain")]
    RedirectedAway {
        /// The name asked.
        host: String,
        /// The host it sends visitors to.
        to: String,
    },
    /// More redirects than we follow.
    #[error("{host} redirects more than {max} times")]
    TooManyRedirects {
        /// The name asked.
        host: String,
        /// How many were followed.
        max: usize,
    },
}

impl FetchError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Lookup { .. } | Self::Connect { .. } | Self::TimedOut { .. } | Self::Broken { .. })
    }

    /// Whether no conversation came about at all, so that another scheme or host may be tried.
    pub(crate) fn before_any_answer(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NoAddress { .. } | Self::Lookup { .. } | Self::Connect { .. })
    }
}

/// Why a URL is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither http nor https.
    #[error("only http and https are fetched")]
    Scheme,
    /// A URL that carries a user name or password.
    #[error("the URL carries credentials")]
    Credentials,
    /// No host at all.
    #[error("the URL has no host")]
    NoHost,
    /// Another port than the scheme's, at an address that the operator does not list.
    #[error("its port is not the scheme's own")]
    Port,
    /// A host given by number that the operator does not list.
    #[error("a site is named, not numbered")]
    Numbered,
    /// Not the public internet.
    #[error("its address is {reason}")]
    Address {
        /// Which kind of address.
        reason: &'static str,
    },
}

/// What a URL may be fetched through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Any open address at the scheme's port.
    Open,
    /// Only an address the operator lists, at whatever port.
    Listed,
}

/// Judges a URL by itself. The URL parser has already turned every notation of a number (`0x7f.1`, `2130706433`,
/// `[::ffff:127.0.0.1]`) into an address, and a host that is an address is never looked up, so it is judged here.
pub(super) fn route(url: &Url, listed: &[IpNet]) -> Result<Route, Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let address = match url.host() {
        None => return Err(Refusal::NoHost),
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) if url.port().is_none() => return Ok(Route::Open),
        Some(Host::Domain(_)) if listed.is_empty() => return Err(Refusal::Port),
        Some(Host::Domain(_)) => return Ok(Route::Listed),
    };
    match closed(address, listed) {
        Some(reason) => Err(Refusal::Address { reason }),
        None if is_listed(address, listed) => Ok(Route::Listed),
        None => Err(Refusal::Numbered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_asks_to_be_left_alone_in_seconds_or_until_a_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let seconds = |wait, date| retry_after(wait, date).map(|wait| wait.as_secs());
        assert_eq!(seconds(" 120 ", None), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:51:37 GMT", date), Some(120));
        assert_eq!(seconds("Sunday, 06-Nov-94 08:51:37 GMT", date), Some(120), "obsolete dates are dates");
        assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT", date), Some(0), "past");
        assert_eq!(seconds("Sun, 06 Nov 1994 08:51:37 GMT", None), None);
        assert_eq!(seconds("soon", date), None);
    }
}
