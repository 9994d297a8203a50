//! `presdr serve`: the gateway.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use ipnet::IpNet;
use presdr_events::Actor;
use presdr_gateway::{
    Gateway, GatewayConfig, LimitPolicy, Transport,
    identity::{keys::KeyPolicy, provider::Registration},
};
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    broker::BrokerServer,
    config::{Config, Mode},
    database::DatabaseServer,
    output::Output,
    roles,
};

/// `presdr serve`
#[derive(Debug, Args)]
pub struct Command {
    /// Where to listen
    #[arg(
        long,
        env = "PRESDR_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8443"
    )]
    listen: SocketAddr,
    /// Where people's browsers find it, such as https://presdr.example
    #[arg(long, env = "PRESDR_PUBLIC_URL", hide_env_values = true, value_name = "URL")]
    public_url: Url,
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
    oidc_issuer: Url,
    /// Our name at the identity provider
    #[arg(long, env = "PRESDR_OIDC_CLIENT_ID", hide_env_values = true, value_name = "ID")]
    oidc_client_id: String,
    /// File with our secret at the identity provider; without it we are a public client
    #[arg(long, env = "PRESDR_OIDC_CLIENT_SECRET_FILE", hide_env_values = true, value_name = "FILE")]
    oidc_client_secret_file: Option<PathBuf>,
    /// What access tokens are for: one of these must be a token's audience
    #[arg(
        long,
        env = "PRESDR_OIDC_AUDIENCE",
        hide_env_values = true,
        value_name = "NAME,...",
        value_delimiter = ',',
        required = true
    )]
    oidc_audience: Vec<String>,
    /// Origins of chat UIs whose pages may ask from a browser
    #[arg(long, env = "PRESDR_ALLOW_ORIGIN", hide_env_values = true, value_name = "ORIGIN,...", value_delimiter = ',')]
    allow_origin: Vec<String>,
}

/// Serves until the process is asked to end.
///
/// # Errors
/// When it must not run as it is told, cannot listen, or a server cannot be reached.
pub async fn run(command: Command, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let told = told(command, config)?;
    // What must not run does not even look for its servers.
    told.check()?;
    let database = DatabaseServer::open(config).await?;
    let broker = BrokerServer::open(config).await?;
    let desk = roles::desk_of_many(&database, &broker, Actor::service("gateway")).await?;
    let listen = told.listen;
    let gateway = Gateway::new(told, desk)?;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;
    let address = listener.local_addr()?;
    let info = gateway.info();
    output.answer(&json!({ "state": "serving", "listen": address, "mode": info.mode }), |_| {
        let warning = info.warning.map(|warning| format!("\n{warning}")).unwrap_or_default();
        format!("presdr serves on {address}; Ctrl-C ends it{warning}")
    })?;
    let stopping = CancellationToken::new();
    let until = stopping.clone();
    let serving = tokio::spawn(presdr_gateway::serve(gateway, listener, until));
    roles::asked_to_end().await;
    stopping.cancel();
    serving.await??;
    broker.stop().await;
    database.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn told(command: Command, config: &Config) -> anyhow::Result<GatewayConfig> {
    let transport = match (command.tls_cert, command.tls_key) {
        (Some(certificates), Some(key)) => Transport::Tls { certificates, key },
        _ if !command.trusted_proxy.is_empty() => Transport::Behind(command.trusted_proxy),
        _ => Transport::Plain,
    };
    let secret = command.oidc_client_secret_file.map(|file| {
        let read =
            std::fs::read_to_string(&file).with_context(|| format!("reading the client's secret {}", file.display()));
        read.map(|text| SecretString::from(text.trim()))
    });
    Ok(GatewayConfig {
        listen: command.listen,
        mode: match config.mode {
            Mode::Production => presdr_gateway::Mode::Production,
            Mode::Development => presdr_gateway::Mode::Development,
        },
        transport,
        public_url: command.public_url,
        registration: Registration {
            issuer: command.oidc_issuer,
            client_id: command.oidc_client_id,
            client_secret: secret.transpose()?,
        },
        audiences: command.oidc_audience,
        origins: command.allow_origin,
        keys: KeyPolicy::default(),
        limits: LimitPolicy::default(),
    })
}
