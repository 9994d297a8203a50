//! Where vendors are, with which keys, and how fast they may be asked.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use presdr_rules::transport::is_loopback;
use presdr_store::breakers::Rate;
use url::Url;

use crate::{Prices, PricesError, Secrets, Vendor, secrets::ApiKey};

/// How a vendor may be asked with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Requests per minute, over the whole fleet.
    pub rate: Rate,
    /// Requests at a time in one process.
    pub concurrency: usize,
}

impl Terms {
    /// What the smallest plan of each vendor allows.
    fn of(vendor: Vendor) -> Self {
        let terms = |per_minute, concurrency| Self { rate: Rate { per_minute }, concurrency };
        match vendor {
            Vendor::Tavily => terms(100, 32),
            Vendor::Lusha => terms(40, 16),
            Vendor::ZeroBounce => terms(20, 8), // batches
            Vendor::OpenAi => terms(500, 64),
        }
    }
}

/// Where vendors are, their keys, terms and prices.
#[derive(Debug, Clone)]
pub struct VendorConfig {
    bases: BTreeMap<Vendor, Url>,
    terms: BTreeMap<Vendor, Terms>,
    /// The keys.
    pub secrets: Secrets,
    /// The prices.
    pub prices: Prices,
}

/// Why the configuration cannot be used. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a URL to which a key may be sent.
    #[error("PRESDR_{variable}_URL must be https, or http on loopback, without user, query or fragment")]
    Url {
        /// The vendor, as variables name it.
        variable: &'static str,
    },
    /// Not a number of requests.
    #[error("PRESDR_{variable}_PER_MINUTE must be a number of requests from 1 on")]
    PerMinute {
        /// The vendor, as variables name it.
        variable: &'static str,
    },
    /// TLS or the client itself: most often, no root certificates are installed (package ca-certificates).
    #[error("could not set up the HTTP client; are root certificates installed?")]
    Client(#[source] reqwest::Error),
    /// The file of prices cannot be used.
    #[error(transparent)]
    Prices(#[from] PricesError),
}

impl VendorConfig {
    /// From the environment: `PRESDR_<VENDOR>_URL`, `PRESDR_<VENDOR>_PER_MINUTE`, `PRESDR_PRICES`, and keys as [`Secrets`] says.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same, from any variables.
    ///
    /// # Errors
    /// [`ConfigError`] for the first that cannot be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let said = |name: String| variable(&name).filter(|value| !value.trim().is_empty());
        let mut config = Self::new(Secrets::from_variables(&variable));
        for vendor in Vendor::ALL {
            let name = vendor.variable();
            if let Some(url) = said(format!("PRESDR_{name}_URL")) {
                let url = Url::parse(url.trim()).map_err(|_| ConfigError::Url { variable: name })?;
                config = config.at(vendor, url)?;
            }
            if let Some(rate) = said(format!("PRESDR_{name}_PER_MINUTE")) {
                let per_minute = rate.trim().parse().ok().filter(|rate| *rate > 0);
                let per_minute = per_minute.ok_or(ConfigError::PerMinute { variable: name })?;
                let terms = Terms { rate: Rate { per_minute }, ..config.terms(vendor) };
                config = config.under(vendor, terms);
            }
        }
        if let Some(path) = said("PRESDR_PRICES".to_owned()) {
            config.prices = Prices::from_file(&PathBuf::from(path))?;
        }
        Ok(config)
    }

    /// The real vendors, with default terms and prices.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        let bases = Vendor::ALL.into_iter().map(|vendor| match Url::parse(vendor.url()) {
            Ok(url) => (vendor, url),
            Err(_) => unreachable!("a vendor's own URL is a URL"),
        });
        let terms = Vendor::ALL.into_iter().map(|vendor| (vendor, Terms::of(vendor)));
        Self { bases: bases.collect(), terms: terms.collect(), secrets, prices: Prices::default() }
    }

    /// The same with a vendor elsewhere, such as in the sandbox.
    ///
    /// # Errors
    /// [`ConfigError::Url`] for anything but https and loopback: the key goes there.
    pub fn at(mut self, vendor: Vendor, url: Url) -> Result<Self, ConfigError> {
        let fits = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url.host_str()));
        let plain =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if !fits || !plain {
            return Err(ConfigError::Url { variable: vendor.variable() });
        }
        self.bases.insert(vendor, url);
        Ok(self)
    }

    /// The same under other terms.
    #[must_use]
    pub fn under(mut self, vendor: Vendor, terms: Terms) -> Self {
        self.terms.insert(vendor, terms);
        self
    }

    /// A vendor's terms.
    #[must_use]
    pub fn terms(&self, vendor: Vendor) -> Terms {
        self.terms.get(&vendor).copied().unwrap_or_else(|| Terms::of(vendor))
    }

    /// Whether any vendor is asked over TLS.
    pub(crate) fn tls(&self) -> bool {
        self.bases.values().any(|url| url.scheme() == "https")
    }

    /// Where and with which key a vendor is asked for a tenant; none without a key.
    pub(crate) fn endpoint(&self, tenant: &presdr_events::TenantId, vendor: Vendor) -> Option<Endpoint> {
        let key = self.secrets.key(tenant, vendor)?;
        Some(Endpoint { base: self.bases.get(&vendor)?.clone(), key })
    }
}

/// Where a vendor is asked, and with which key. Shows neither.
#[derive(Clone)]
pub struct Endpoint {
    base: Url,
    key: ApiKey,
}

impl Endpoint {
    /// The key, for the place where the vendor wants it.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.expose()
    }

    pub(crate) fn api_key(&self) -> &ApiKey {
        &self.key
    }

    /// The URL of a path under the vendor's base.
    pub(crate) fn url(&self, path: &str, query: &[(&'static str, String)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<VendorConfig, ConfigError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        VendorConfig::from_variables(find)
    }

    #[test]
    fn a_key_goes_over_https_or_to_this_machine_alone() {
        for fine in
            ["https://proxy.example/tavily", "http://127.0.0.1:9000", "http://[::1]:9000/x", "http://localhost:1"]
        {
            assert!(config(&[("PRESDR_TAVILY_URL", fine)]).is_ok(), "{fine}");
        }
        for wrong in [
            "http://proxy.example",
            "http://10.0.0.1",
            "ftp://localhost",
            "https://a:b@proxy.example",
            "https://x.example/?k=v",
            "x",
        ] {
            let error = config(&[("PRESDR_TAVILY_URL", wrong)]).unwrap_err().to_string();
            assert!(error.contains("PRESDR_TAVILY_URL") && !error.contains("a:b"), "{error}");
        }
    }

    #[test]
    fn a_path_goes_under_the_base() {
        let tenant = presdr_events::TenantId::new("acme").unwrap();
        let config =
            config(&[("PRESDR_ZEROBOUNCE_API_KEY", "k"), ("PRESDR_ZEROBOUNCE_URL", "http://127.0.0.1:1/v2/")]).unwrap();
        let endpoint = config.endpoint(&tenant, Vendor::ZeroBounce).unwrap();
        let url = endpoint.url("/getcredits", &[("api_key", "a b&c".to_owned())]);
        assert_eq!(url.as_str(), "http://127.0.0.1:1/v2/getcredits?api_key=a+b%26c");
        assert!(config.endpoint(&tenant, Vendor::Tavily).is_none(), "no key");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(…)");
    }
}
