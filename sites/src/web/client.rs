//! The HTTP client.

use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::net::NetError;
use ipnet::IpNet;
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::address::closed_to_all;
use super::body::{self, LargeBodies};
use super::config::{ResolveTo, UserAgent, WebConfig};
use super::names::{Guarded, Names, NamesError, Rule};
use super::registrable_domain;
use super::request::{FetchError, Fetched, PageRequest, Refusal, Route, Wanted, route};
use crate::robots::RobotsCache;

/// Error pages are read this far: enough to tell a refusal from a test for humans.
const ERROR_PAGE_BYTES_MAX: usize = 64 * 1024;
/// Long enough for the usual pause between two requests; a thousand sites visited must not leave a thousand sockets.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(5);
const ACCEPT: &str = "text/html,application/xhtml+xml;q=0.9,text/plain;q=0.5,*/*;q=0.1";
const ACCEPT_LANGUAGE: &str = "en-SG,en;q=0.8,*;q=0.5";

/// The only HTTP client for web sites. Cheap to clone: clones share connections, caches and bounds.
#[derive(Clone)]
pub struct Web(Arc<Shared>);

struct Shared {
    user_agent: UserAgent,
    listed: Arc<[IpNet]>,
    resolve_to: Option<ResolveTo>,
    names: Names,
    clients: Clients,
    large_bodies: LargeBodies,
    parsers: Arc<Semaphore>,
    robots: Mutex<RobotsCache>,
}

struct Clients {
    http: reqwest::Client,
    https: reqwest::Client,
    /// For addresses that the operator lists, at any port.
    listed: Option<reqwest::Client>,
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The system's resolver configuration cannot be used.
    #[error("could not read the system's name servers")]
    Names(#[from] NetError),
    /// TLS or the client itself: most often, no root certificates are installed (package ca-certificates).
    #[error("could not set up the HTTP client; are root certificates installed?")]
    Client(#[from] reqwest::Error),
    /// The product, version or contact cannot stand in a header.
    #[error("the user agent does not fit into a header or names no product that robots.txt could name")]
    UserAgent,
    /// A resolver override to the public internet would flood whoever is there.
    #[error("the resolver override must lead to a private or loopback address, not to {0}")]
    NotLocal(std::net::IpAddr),
}

impl Web {
    /// Sets the client up; nothing is sent yet.
    pub fn new(config: WebConfig) -> Result<Self, WebError> {
        let names = match config.resolve_to {
            Some(target) if closed_to_all(target.address).is_none() => {
                return Err(WebError::NotLocal(target.address));
            }
            Some(target) => Names::Everything(target.address),
            None => Names::dns(&config.name_servers)?,
        };
        let listed: Arc<[IpNet]> = config.allow.iter().copied().collect();
        Ok(Self(Arc::new(Shared {
            clients: Clients::new(&config, &names, &listed)?,
            user_agent: config.user_agent,
            listed,
            resolve_to: config.resolve_to,
            names,
            large_bodies: LargeBodies::default(),
            parsers: Arc::new(Semaphore::new(config.parsers_max.max(1))),
            robots: Mutex::default(),
        })))
    }

    /// Whether a name has an address that may be reached. `Err` when the name servers did not say.
    pub async fn resolves(&self, host: &str) -> Result<bool, NetError> {
        match Host::parse(host) {
            Err(_) => return Ok(false),
            Ok(Host::Domain(_)) => {}
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => {
                let url = Url::parse(&format!("http://{host}/"));
                return Ok(url.is_ok_and(|url| route(&url, &self.0.listed).is_ok()));
            }
        }
        let rule = Rule { listed: Arc::clone(&self.0.listed), listed_only: false };
        match self.0.names.open_addresses(host, &rule).await {
            Ok(_) => Ok(true),
            Err(NamesError::NoAddress | NamesError::Refused(_)) => Ok(false),
            Err(NamesError::Failed(error)) => Err(*error),
        }
    }

    /// Gets one page. Redirects are followed within the registrable domain only; an error status is an answer.
    ///
    /// This asks at once: spacing and robots.txt are kept by [`crate::visit`], which most callers want.
    pub async fn get(&self, request: &PageRequest) -> Result<Fetched, FetchError> {
        let domain = registrable_domain(request.url.host_str().unwrap_or_default());
        let mut url = request.url.clone();
        for _ in 0..=request.redirects_max {
            let answer = self.ask(request, &url).await?;
            match &answer.location {
                Some(next) if request.redirects_max > 0 => {
                    let to = next.host_str().unwrap_or_default().to_owned();
                    if registrable_domain(&to) != domain {
                        return Err(FetchError::RedirectedAway { host: host_of(&request.url), to });
                    }
                    url = next.clone();
                }
                _ => return Ok(answer),
            }
        }
        Err(FetchError::TooManyRedirects { host: host_of(&request.url), max: request.redirects_max })
    }

    /// One request, one answer.
    async fn ask(&self, request: &PageRequest, url: &Url) -> Result<Fetched, FetchError> {
        let client = self.client_for(url)?;
        let mut builder = client.get(url.clone());
        // A validator speaks about the page it came from, not about where a redirect leads.
        if *url == request.url {
            builder = with_validator(builder, header::IF_NONE_MATCH, request.etag.as_deref());
            builder = with_validator(builder, header::IF_MODIFIED_SINCE, request.last_modified.as_deref());
        }
        let mut response = builder.send().await.map_err(|error| explain(url, error))?;
        // The override stands in for DNS too: whoever answers for every name says 421 where there is no such name.
        if self.0.resolve_to.is_some() && response.status() == reqwest::StatusCode::MISDIRECTED_REQUEST {
            return Err(FetchError::NoAddress { host: host_of(url) });
        }
        let mut answer = Fetched::from_headers(url, response.status(), response.headers());
        let bytes_max = match response.status().is_success() {
            true => request.bytes_max,
            false => request.bytes_max.min(ERROR_PAGE_BYTES_MAX),
        };
        if answer.location.is_none() && (request.wanted == Wanted::Anything || answer.is_page()) {
            let read = body::read(&mut response, bytes_max, &self.0.large_bodies).await;
            answer.body = read.map_err(|error| explain(url, error))?;
        }
        Ok(answer)
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, FetchError> {
        let refused = |refusal| FetchError::Refused { host: host_of(url), refusal };
        let is_https = url.scheme() == "https";
        match (route(url, &self.0.listed).map_err(refused)?, self.0.resolve_to) {
            (Route::Listed, _) => self.0.clients.listed.as_ref().ok_or_else(|| refused(Refusal::Port)),
            (Route::Open, Some(ResolveTo { https_port: None, .. })) if is_https => {
                Err(FetchError::Connect { host: host_of(url), source: None })
            }
            (Route::Open, _) => Ok(if is_https { &self.0.clients.https } else { &self.0.clients.http }),
        }
    }

    /// Who we say we are.
    pub fn user_agent(&self) -> &UserAgent {
        &self.0.user_agent
    }

    /// The places for parsing, shared by all visits.
    pub(crate) fn parsers(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.parsers)
    }

    /// What sites asked of us lately.
    pub(crate) fn robots_cache(&self) -> MutexGuard<'_, RobotsCache> {
        // The cache is whole between its methods, so a panic elsewhere does not spoil it.
        self.0.robots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    fn new(config: &WebConfig, names: &Names, listed: &Arc<[IpNet]>) -> Result<Self, WebError> {
        let guarded = |port: u16, listed_only: bool| Guarded {
            names: names.clone(),
            rule: Rule { listed: Arc::clone(listed), listed_only },
            port,
        };
        let listed = match listed.is_empty() {
            true => None,
            false => Some(client(config, guarded(0, true))?),
        };
        let Some(target) = config.resolve_to else {
            let client = client(config, guarded(0, false))?;
            return Ok(Self { http: client.clone(), https: client, listed });
        };
        let http = client(config, guarded(target.http_port, false))?;
        let https = match target.https_port {
            Some(port) => client(config, guarded(port, false))?,
            None => http.clone(),
        };
        Ok(Self { http, https, listed })
    }
}

fn client(config: &WebConfig, names: Guarded) -> Result<reqwest::Client, WebError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(ACCEPT_LANGUAGE));
    let product = &config.user_agent.product;
    let names_us =
        !product.is_empty() && product.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
    let user_agent = HeaderValue::from_str(&config.user_agent.header());
    let user_agent = user_agent.ok().filter(|_| names_us).ok_or(WebError::UserAgent)?;
    let mut builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .timeout(config.request_timeout)
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(IDLE_CONNECTION_MAX)
        .http1_ignore_invalid_headers_in_responses(true)
        .dns_resolver(names);
    if config.resolve_to.is_some_and(|target| target.https_port.is_none()) {
        // Without HTTPS no root certificates are needed, and a bare development machine may have none.
        builder = builder.tls_certs_only([]);
    }
    Ok(builder.build()?)
}

fn with_validator(
    builder: reqwest::RequestBuilder,
    name: header::HeaderName,
    value: Option<&str>,
) -> reqwest::RequestBuilder {
    match value.and_then(|value| HeaderValue::from_str(value).ok()) {
        Some(value) => builder.header(name, value),
        None => builder,
    }
}

/// Turns the client's error into ours, without its URL.
fn explain(url: &Url, error: reqwest::Error) -> FetchError {
    let host = host_of(url);
    let names = std::iter::successors(error.source(), |&cause| cause.source())
        .find_map(|cause| cause.downcast_ref::<NamesError>());
    match names {
        Some(NamesError::NoAddress) => return FetchError::NoAddress { host },
        Some(NamesError::Refused(refusal)) => {
            return FetchError::Refused { host, refusal: refusal.clone() };
        }
        Some(NamesError::Failed(_)) => {
            return FetchError::Lookup { host, source: error.without_url() };
        }
        None => {}
    }
    if error.is_connect() {
        FetchError::Connect { host, source: Some(error.without_url()) }
    } else if error.is_timeout() {
        FetchError::TimedOut { host }
    } else {
        FetchError::Broken { host, source: error.without_url() }
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}
