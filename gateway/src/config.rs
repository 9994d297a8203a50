//! How the gateway is run, and what it refuses to be run with.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use url::Url;

use crate::{
    identity::{keys::KeyPolicy, provider::Registration},
    limits::LimitPolicy,
    tls,
};

/// What the gateway is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For real.
    Production,
    /// On a developer's machine: `X-Tenant-ID` is believed of whoever has no token.
    Development,
}

/// How requests arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Without TLS, in development alone.
    Plain,
    /// With TLS that ends here.
    Tls {
        /// The chain of certificates, PEM.
        certificates: PathBuf,
        /// The private key, PEM.
        key: PathBuf,
    },
    /// From a proxy in one of these networks, where TLS ends; nobody else is answered.
    Behind(Vec<IpNet>),
}

/// All that the gateway is told at its start.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// For what.
    pub mode: Mode,
    /// How requests arrive.
    pub transport: Transport,
    /// Where people's browsers find it: scheme, host and port.
    pub public_url: Url,
    /// Our registration with the identity provider.
    pub registration: Registration,
    /// What access tokens are for: at least one of these must be a token's audience.
    pub audiences: Vec<String>,
    /// Origins of chat UIs whose pages may talk to us from a browser.
    pub origins: Vec<String>,
    /// How long keys are used.
    pub keys: KeyPolicy,
    /// How much is too much.
    pub limits: LimitPolicy,
    /// Where the broker listens for WebSockets, for whoever wants progress straight from it.
    pub websocket: Option<Url>,
}

/// Why the gateway does not start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Development beyond this machine.
    #[error(
        "in development the gateway believes whoever asks, so it listens on this machine alone: not on {0}; use 127.0.0.1, or production mode"
    )]
    DevelopmentBeyondLoopback(SocketAddr),
    /// Production in the clear.
    #[error(
        "in production the gateway needs TLS: give --tls-cert and --tls-key, or --trusted-proxy with the network of the proxy where TLS ends"
    )]
    NoTls,
    /// No network.
    #[error("--trusted-proxy names no network")]
    NoProxy,
    /// A provider in the clear.
    #[error("the identity provider {0} must be spoken to with TLS: its URL begins with https://")]
    PlainProvider(Url),
    /// An address that browsers would not treat as ours.
    #[error(
        "the public URL {0} must be https://HOST[:PORT] without a path: sessions live in cookies that only such a page gets"
    )]
    PublicUrl(Url),
    /// No audience.
    #[error("no audience is named: tokens for any service of the provider would be let in; give --oidc-audience")]
    NoAudience,
}

impl GatewayConfig {
    /// Whether it may start so.
    ///
    /// # Errors
    /// [`ConfigError`] with the cure.
    pub fn check(&self) -> Result<(), ConfigError> {
        let issuer = &self.registration.issuer;
        if issuer.scheme() != "https" && !(issuer.scheme() == "http" && is_loopback(issuer)) {
            return Err(ConfigError::PlainProvider(issuer.clone()));
        }
        if self.audiences.is_empty() {
            return Err(ConfigError::NoAudience);
        }
        let public = &self.public_url;
        let secure = public.scheme() == "https" || (self.mode == Mode::Development && is_loopback(public));
        if !secure || !public.has_host() || public.path() != "/" || public.query().is_some() {
            return Err(ConfigError::PublicUrl(public.clone()));
        }
        match (self.mode, &self.transport) {
            (Mode::Development, _) if !self.listen.ip().is_loopback() => {
                Err(ConfigError::DevelopmentBeyondLoopback(self.listen))
            }
            (Mode::Production, Transport::Plain) => Err(ConfigError::NoTls),
            (_, Transport::Behind(networks)) if networks.is_empty() => Err(ConfigError::NoProxy),
            _ => Ok(()),
        }
    }

    /// Whether the files it needs can be read and used.
    ///
    /// # Errors
    /// Which file, and what is wrong with it; a key is never shown.
    pub fn check_files(&self) -> io::Result<()> {
        match &self.transport {
            Transport::Tls { certificates, key } => tls::Certified::read(certificates, key).map(drop),
            Transport::Plain | Transport::Behind(_) => Ok(()),
        }
    }

    /// Whether whoever comes from there may be anybody: it is a proxy's address, or this machine's.
    #[must_use]
    pub fn is_anybodys(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let behind = match &self.transport {
            Transport::Behind(networks) => networks.iter().any(|network| network.contains(&address)),
            Transport::Plain | Transport::Tls { .. } => false,
        };
        behind || address.is_loopback()
    }

    /// Where people's browsers find it, as they name it in `Origin`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }
}

/// Whether a URL leads to this machine: nobody on the way could listen.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    presdr_rules::transport::is_loopback(url.host_str())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut GatewayConfig)) -> Result<(), ConfigError> {
        production(change).check()
    }

    /// A configuration that holds, with a change.
    pub(crate) fn production(change: impl FnOnce(&mut GatewayConfig)) -> GatewayConfig {
        let mut config = GatewayConfig {
            listen: "0.0.0.0:8443".parse().unwrap(),
            mode: Mode::Production,
            transport: Transport::Behind(vec!["10.0.0.0/8".parse().unwrap()]),
            public_url: "https://presdr.example".parse().unwrap(),
            registration: Registration {
                issuer: "https://sso.example".parse().unwrap(),
                client_id: "presdr".into(),
                client_secret: None,
            },
            audiences: vec!["presdr".into()],
            origins: Vec::new(),
            keys: KeyPolicy::default(),
            limits: LimitPolicy::default(),
            websocket: None,
        };
        change(&mut config);
        config
    }

    #[test]
    fn production_needs_tls() {
        assert_eq!(config(|_| {}), Ok(()));
        assert_eq!(config(|config| config.transport = Transport::Plain), Err(ConfigError::NoTls));
        assert_eq!(config(|config| config.transport = Transport::Behind(Vec::new())), Err(ConfigError::NoProxy));
        assert!(matches!(
            config(|config| config.public_url = "http://presdr.example".parse().unwrap()),
            Err(ConfigError::PublicUrl(_))
        ));
        assert!(matches!(
            config(|config| config.public_url = "https://presdr.example/x".parse().unwrap()),
            Err(ConfigError::PublicUrl(_))
        ));
    }

    #[test]
    fn development_stays_on_this_machine() {
        let development = |listen: &str| {
            config(|config| {
                config.mode = Mode::Development;
                config.transport = Transport::Plain;
                config.listen = listen.parse().unwrap();
                config.public_url = "http://127.0.0.1:8080".parse().unwrap();
            })
        };
        assert_eq!(development("127.0.0.1:8080"), Ok(()));
        assert_eq!(development("[::1]:8080"), Ok(()));
        for beyond in ["0.0.0.0:8080", "192.168.1.2:8080", "[::]:8080"] {
            assert_eq!(development(beyond), Err(ConfigError::DevelopmentBeyondLoopback(beyond.parse().unwrap())));
        }
    }

    #[test]
    fn the_provider_is_spoken_to_with_tls() {
        let provider = |issuer: &str| config(|config| config.registration.issuer = issuer.parse().unwrap());
        assert_eq!(provider("http://127.0.0.1:9000"), Ok(()), "nobody listens on the way to this machine");
        for plain in ["http://sso.example", "http://127.0.0.1.example", "ftp://127.0.0.1"] {
            assert!(matches!(provider(plain), Err(ConfigError::PlainProvider(_))), "{plain}");
        }
        assert_eq!(config(|config| config.audiences.clear()), Err(ConfigError::NoAudience));
    }
}
