//! What the client is told at the start.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// How the web is reached. The defaults suit the public internet.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Who we say we are, to every site.
    pub user_agent: UserAgent,
    /// Networks that may be reached although they are not public. They may also be named by address and at any port.
    pub allow: Vec<IpNet>,
    /// Sends every host to one local address. Development only.
    pub resolve_to: Option<ResolveTo>,
    /// Name servers to ask instead of the system's.
    pub name_servers: Vec<SocketAddr>,
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub read_timeout: Duration,
    /// From the request to the last byte of its answer.
    pub request_timeout: Duration,
    /// How many pages are parsed at once, whatever the number of visits.
    pub parsers_max: usize,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            user_agent: UserAgent::default(),
            allow: Vec::new(),
            resolve_to: None,
            name_servers: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            parsers_max: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// An honest User-Agent: the product, its version, and where a site's owner reads about it and can object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAgent {
    /// The product token that robots.txt names us by: letters, `-` and `_` alone (RFC 9309, 2.2.1).
    pub product: String,
    /// The product's version.
    pub version: String,
    /// A page or a `mailto:` address that reaches the operator.
    pub contact: Url,
}

impl UserAgent {
    /// The operator's own contact under this product's name.
    pub fn with_contact(contact: Url) -> Self {
        Self { product: "presdr".into(), version: env!("CARGO_PKG_VERSION").into(), contact }
    }

    /// Whether the contact is still the placeholder, which reaches nobody. An operator must set a real one.
    pub fn is_placeholder(&self) -> bool {
        self.contact.host_str().is_some_and(|host| host.ends_with(".example"))
    }

    /// The header's value, such as `presdr/0.1.0 (+https://operator.example/crawler)`.
    pub fn header(&self) -> String {
        format!("{}/{} (+{})", self.product, self.version, self.contact)
    }
}

impl Default for UserAgent {
    fn default() -> Self {
        match Url::parse("https://presdr.example/crawler") {
            Ok(contact) => Self::with_contact(contact),
            Err(error) => unreachable!("a literal URL is a URL: {error}"),
        }
    }
}

/// Sends every host to one local address, whatever DNS says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolveTo {
    /// A private or loopback address: all traffic of all sites goes there.
    pub address: IpAddr,
    /// Where plain HTTP is answered.
    pub http_port: u16,
    /// Where HTTPS is answered; `None` makes every such attempt fail at once.
    pub https_port: Option<u16>,
    _proof: DevelopmentOnly,
}

impl ResolveTo {
    /// The override; whoever makes it shows that this is development mode.
    pub fn new(proof: DevelopmentOnly, address: IpAddr, http_port: u16, https_port: Option<u16>) -> Self {
        Self { address, http_port, https_port, _proof: proof }
    }
}

/// Shows that the process runs in development mode. Made only where that has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevelopmentOnly(());

impl DevelopmentOnly {
    /// For the place that has just read "development mode" from the operator, and for tests.
    pub fn confirmed() -> Self {
        Self(())
    }
}
