//! The gateway: whether it may run as it is told, reaches its identity provider, and answers.

use std::time::Duration;

use presdr_gateway::{GatewayConfig, Transport, identity::provider::Provider};
use tokio::{net::TcpStream, time::timeout};

use super::Check;
use crate::{config::Config, serve};

const WHAT: &str = "gateway";
/// How long somebody who listens may take to answer the call.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// Looks at the gateway that the environment tells of.
pub async fn check(options: &serve::Options, config: &Config, checks: &mut Vec<Check>) {
    match options.clone().told(config.mode) {
        Ok(None) => checks.push(Check::note(
            WHAT,
            "is not configured: nobody gets in over HTTP",
            "`presdr serve --help` tells what it needs",
        )),
        Err(error) => {
            checks.push(Check::wrong(WHAT, format!("{error:#}"), "`presdr serve --help` tells what it needs"))
        }
        Ok(Some(told)) => {
            checks.push(files(&told));
            checks.push(provider(&told).await);
            checks.push(answers(&told).await);
        }
    }
}

/// Where TLS ends.
fn files(told: &GatewayConfig) -> Check {
    match (&told.transport, told.check_files()) {
        (_, Err(error)) => Check::wrong(WHAT, error.to_string(), "look at --tls-cert and --tls-key"),
        (Transport::Tls { certificates, .. }, Ok(())) => {
            Check::ok(WHAT, format!("TLS ends here, with {}", certificates.display()))
        }
        (Transport::Behind(networks), Ok(())) => {
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            Check::ok(WHAT, format!("TLS ends at a proxy in {}", networks.join(", ")))
        }
        (Transport::Plain, Ok(())) => {
            Check::note(WHAT, "is in development, without TLS", "give --tls-cert and --tls-key, or --trusted-proxy")
        }
    }
}

async fn provider(told: &GatewayConfig) -> Check {
    let issuer = &told.registration.issuer;
    let found = async {
        let provider = Provider::new(told.registration.clone())?;
        provider.metadata().await
    };
    match found.await {
        Ok(_) => Check::ok(WHAT, format!("the identity provider {issuer} answers")),
        Err(error) => {
            Check::wrong(WHAT, error.to_string(), format!("start it, or look at --oidc-issuer, which is {issuer}"))
        }
    }
}

async fn answers(told: &GatewayConfig) -> Check {
    match timeout(ANSWER_WAIT, TcpStream::connect(told.listen)).await {
        Ok(Ok(_)) => Check::ok(WHAT, format!("listens on {}", told.listen)),
        _ => Check::note(WHAT, format!("nobody listens on {}", told.listen), "`presdr serve`, or `presdr up`"),
    }
}
