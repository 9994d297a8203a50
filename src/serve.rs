//! `presdr serve`: the gateway.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use ipnet::IpNet;
use presdr_gateway::{
    GatewayConfig, LimitPolicy, Transport,
    identity::{keys::KeyPolicy, provider::Registration},
};
use presdr_nats::callout::CalloutKeys;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::{
    broker::BrokerServer,
    config::{Config, Mode},
    database::DatabaseServer,
    key_file,
    output::Output,
    roles::{self, Roles},
    up,
};

/// `presdr serve`
#[derive(Debug, Args)]
pub struct Command {
    #[command(flatten)]
    gateway: Options,
}

/// How the gateway is run. All of it can stand in the environment, where `presdr up` and `presdr doctor` find it, too.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Gateway")]
pub struct Options {
    /// Where to listen
    #[arg(
        long,
        env = "PRESDR_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8443"
    )]
    listen: SocketAddr,
    /// Where people's browsers find it, such as `https://presdr.example`
    #[arg(long, env = "PRESDR_PUBLIC_URL", hide_env_values = true, value_name = "URL")]
    public_url: Option<Url>,
    /// Certificate chain for TLS, PEM
    #[arg(long, env = "PRESDR_TLS_CERT", hide_env_values = true, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key for TLS, PEM
    #[arg(long, env = "PRESDR_TLS_KEY", hide_env_values = true, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Network of the proxy where TLS ends: nobody else is answered
    #[arg(
        long,
        env = "PRESDR_TRUSTED_PROXY",
        hide_env_values = true,
        value_name = "NETWORK,...",
        value_delimiter = ',',
        conflicts_with = "tls_cert"
    )]
    trusted_proxy: Vec<IpNet>,
    /// The identity provider's issuer, exactly as tokens name it
    #[arg(long, env = "PRESDR_OIDC_ISSUER", hide_env_values = true, value_name = "URL")]
    oidc_issuer: Option<Url>,
    /// Our name at the identity provider
    #[arg(long, env = "PRESDR_OIDC_CLIENT_ID", hide_env_values = true, value_name = "ID")]
    oidc_client_id: Option<String>,
    /// File with our secret at the identity provider; without it we are a public client
    #[arg(long, env = "PRESDR_OIDC_CLIENT_SECRET_FILE", hide_env_values = true, value_name = "FILE")]
    oidc_client_secret_file: Option<PathBuf>,
    /// What access tokens are for: one of these must be a token's audience
    #[arg(long, env = "PRESDR_OIDC_AUDIENCE", hide_env_values = true, value_name = "NAME,...", value_delimiter = ',')]
    oidc_audience: Vec<String>,
    /// Origins of chat UIs whose pages may ask from a browser
    #[arg(long, env = "PRESDR_ALLOW_ORIGIN", hide_env_values = true, value_name = "ORIGIN,...", value_delimiter = ',')]
    allow_origin: Vec<String>,
    /// Key with which another broker than presdr's own asks about connections (`presdr topology callout` makes it)
    #[arg(long, env = "PRESDR_CALLOUT_KEY_FILE", hide_env_values = true, value_name = "FILE")]
    callout_key_file: Option<PathBuf>,
    /// Where that broker listens for WebSockets, such as `wss://nats.example`
    #[arg(
        long,
        env = "PRESDR_WEBSOCKET_URL",
        hide_env_values = true,
        value_name = "URL",
        requires = "callout_key_file"
    )]
    websocket_url: Option<Url>,
}

/// Serves until the process is asked to end.
///
/// # Errors
/// When it must not run as it is told, cannot listen, or a server cannot be reached.
pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let callout = command.gateway.callout()?;
    let Some(told) = command.gateway.told(config.mode)? else {
        bail!("the gateway is not configured: give {}", NEEDED.join(", "));
    };
    let database = DatabaseServer::open(config).await?;
    let broker = BrokerServer::open(config).await?;
    let mut roles = Roles::new();
    let (address, info) = roles.serve(&database, &broker, told, callout, up::vendors()?).await?;
    let asked = roles::asked_to_end();
    output.answer(&json!({ "state": "serving", "listen": address, "mode": info.mode }), |_| {
        let warning = info.warning.map(|warning| format!("\n{warning}")).unwrap_or_default();
        format!("presdr serves on {address}; Ctrl-C ends it{warning}")
    })?;
    up::run(roles, asked, database, broker).await
}

/// What there must be for a gateway.
const NEEDED: [&str; 4] = ["--public-url", "--oidc-issuer", "--oidc-client-id", "--oidc-audience"];

impl Options {
    /// With what a broker that is not presdr's own asks about connections.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn callout(&self) -> anyhow::Result<Option<CalloutKeys>> {
        let key = self.callout_key_file.as_deref().map(key_file::read).transpose()?;
        Ok(key.as_ref().map(CalloutKeys::new).transpose()?)
    }

    /// What the gateway is told, checked; `None` when nothing that it needs is given: there is none then.
    ///
    /// # Errors
    /// When something is missing, a file cannot be read, or it must not run so.
    pub fn told(self, mode: Mode) -> anyhow::Result<Option<GatewayConfig>> {
        let needed = [
            self.public_url.is_some(),
            self.oidc_issuer.is_some(),
            self.oidc_client_id.is_some(),
            !self.oidc_audience.is_empty(),
        ];
        let missing: Vec<&str> =
            NEEDED.into_iter().zip(needed).filter(|(_, given)| !given).map(|(name, _)| name).collect();
        let (Some(public_url), Some(issuer), Some(client_id), true) =
            (self.public_url, self.oidc_issuer, self.oidc_client_id, missing.is_empty())
        else {
            let nothing = missing.len() == NEEDED.len() && self.tls_cert.is_none() && self.trusted_proxy.is_empty();
            return if nothing { Ok(None) } else { Err(anyhow!("the gateway lacks {}", missing.join(", "))) };
        };
        let transport = match (self.tls_cert, self.tls_key) {
            (Some(certificates), Some(key)) => Transport::Tls { certificates, key },
            _ if !self.trusted_proxy.is_empty() => Transport::Behind(self.trusted_proxy),
            _ => Transport::Plain,
        };
        let secret = self.oidc_client_secret_file.map(|file| {
            let read = std::fs::read_to_string(&file);
            let read = read.with_context(|| format!("reading the client's secret {}", file.display()));
            read.map(|text| SecretString::from(text.trim()))
        });
        let told = GatewayConfig {
            listen: self.listen,
            mode: match mode {
                Mode::Production => presdr_gateway::Mode::Production,
                Mode::Development => presdr_gateway::Mode::Development,
            },
            transport,
            public_url,
            registration: Registration { issuer, client_id, client_secret: secret.transpose()? },
            audiences: self.oidc_audience,
            origins: self.allow_origin,
            keys: KeyPolicy::default(),
            limits: LimitPolicy::default(),
            websocket: self.websocket_url,
        };
        // What must not run does not even look for its servers.
        told.check()?;
        Ok(Some(told))
    }
}
