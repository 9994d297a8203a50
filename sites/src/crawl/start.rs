//! Where a visit starts.

use std::collections::HashMap;

use tokio::time::Instant;
use url::{Host, Url};

use super::report::KnownPage;
use crate::choose::PageKind;
use crate::extract::Region;
use crate::web::registrable_domain;

/// One visit to make.
#[derive(Debug, Clone)]
pub struct VisitRequest {
    /// The home page. HTTPS is tried first whatever the scheme says.
    pub start: Url,
    /// Pages of an earlier visit by their address.
    pub known: HashMap<String, KnownPage>,
    /// Kinds of pages that must be read if the site has them, even when it has said enough.
    pub extra: Vec<PageKind>,
    /// Where the company is, as a hint for phone numbers.
    pub region: Region,
    /// The site may not be asked earlier: the spacing of whoever asked before.
    pub not_before: Option<Instant>,
}

/// What cannot be visited.
#[derive(Debug, thiserror::Error)]
#[error("a visit starts at a domain or an http(s) URL: {source}")]
pub struct StartError {
    #[source]
    source: url::ParseError,
}

impl VisitRequest {
    /// A visit to a domain (`acme.com.sg`) or a URL (`https://acme.com.sg/en/`).
    pub fn new(start: &str) -> Result<Self, StartError> {
        let start = start.trim();
        let parsed = match start.contains("://") {
            true => Url::parse(start),
            false => Url::parse(&format!("https://{start}")),
        };
        Ok(Self::at(parsed.map_err(|source| StartError { source })?))
    }

    /// A visit to a URL.
    pub fn at(start: Url) -> Self {
        Self { start, known: HashMap::new(), extra: Vec::new(), region: Region::default(), not_before: None }
    }

    /// The registrable domain that will be asked.
    pub fn domain(&self) -> String {
        registrable_domain(self.start.host_str().unwrap_or_default())
    }

    /// The addresses at which the home page is sought, in order: HTTPS before HTTP, the host as given before `www.`.
    pub(super) fn doors(&self) -> Vec<Url> {
        let is_named = matches!(self.start.host(), Some(Host::Domain(_)));
        if !is_named || self.start.port().is_some() || !matches!(self.start.scheme(), "http" | "https") {
            return vec![self.start.clone()];
        }
        let mut hosts = vec![self.start.host_str().unwrap_or_default().to_owned()];
        if hosts[0] == self.domain() && hosts[0].contains('.') {
            hosts.push(format!("www.{}", hosts[0]));
        }
        let door = |host: &str, scheme: &str| {
            let mut door = self.start.clone();
            door.set_fragment(None);
            door.set_host(Some(host)).ok()?;
            door.set_scheme(scheme).ok()?;
            Some(door)
        };
        hosts
            .iter()
            .flat_map(|host| ["https", "http"].into_iter().filter_map(move |scheme| door(host, scheme)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(start: &str) -> Vec<String> {
        VisitRequest::new(start).unwrap().doors().iter().map(Url::to_string).collect()
    }

    #[test]
    fn https_is_tried_before_http_and_the_bare_domain_before_www() {
        let expected =
            ["https://acme.com.sg/", "http://acme.com.sg/", "https://www.acme.com.sg/", "http://www.acme.com.sg/"];
        assert_eq!(doors("acme.com.sg"), expected);
        assert_eq!(doors("http://acme.com.sg"), expected);
        assert_eq!(
            doors("https://shop.acme.com.sg/en/#top"),
            ["https://shop.acme.com.sg/en/", "http://shop.acme.com.sg/en/"]
        );
    }

    #[test]
    fn a_number_or_a_port_is_taken_as_given() {
        assert_eq!(doors("http://127.0.0.1:8080/"), ["http://127.0.0.1:8080/"]);
        assert_eq!(doors("http://localhost:8080/"), ["http://localhost:8080/"]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for start in ["", "http://", "https://[::1", "not a domain"] {
            assert!(VisitRequest::new(start).is_err(), "{start:?}");
        }
    }
}
