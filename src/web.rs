//! How the web is reached: the options that `crawl` and the roles share.

use std::{net::IpAddr, str::FromStr};

use anyhow::{Context, bail};
use clap::Args;
use ipnet::IpNet;
use presdr_sites::{DevelopmentOnly, ResolveTo, UserAgent, Web, WebConfig};
use url::Url;

use crate::config::Mode;

/// Options about the web.
#[derive(Debug, Clone, Args)]
pub struct WebOptions {
    /// Where the owner of a site reaches you, a page or mailto:; part of the User-Agent
    #[arg(long, env = "PRESDR_CONTACT", hide_env_values = true, value_name = "URL")]
    pub contact: Option<Url>,

    /// Reach this network although it is not public; repeat for more
    #[arg(long, value_name = "CIDR")]
    pub allow: Vec<IpNet>,

    /// Send all sites to this local address, IP:HTTP-PORT[,HTTPS-PORT]; development only
    #[arg(long, env = "PRESDR_RESOLVE_TO", hide_env_values = true, value_name = "ADDR")]
    pub resolve_to: Option<Target>,
}

/// A local address that plays the whole web.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    address: IpAddr,
    http_port: u16,
    https_port: Option<u16>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address: write IP, IP:PORT, or IP:HTTP-PORT,HTTPS-PORT");
        let (first, https_port) = match text.split_once(',') {
            Some((first, port)) => (first, Some(port.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        match first.parse::<std::net::SocketAddr>() {
            Ok(socket) => Ok(Self { address: socket.ip(), http_port: socket.port(), https_port }),
            Err(_) => {
                let address = first.trim_matches(['[', ']']).parse().map_err(|_| wrong())?;
                Ok(Self { address, http_port: 80, https_port: https_port.or(Some(443)) })
            }
        }
    }
}

impl WebOptions {
    /// The client, whose every connection follows these options.
    ///
    /// # Errors
    /// When sites are to be sent elsewhere outside of development mode, or the client cannot be set up.
    pub fn open(&self, mode: Mode) -> anyhow::Result<Web> {
        let resolve_to = match self.resolve_to {
            Some(target) if mode == Mode::Development => {
                Some(ResolveTo::new(DevelopmentOnly::confirmed(), target.address, target.http_port, target.https_port))
            }
            Some(_) => bail!(
                "--resolve-to sends all sites to one address, which only development mode accepts: add --mode development"
            ),
            None => None,
        };
        let user_agent = self.contact.clone().map_or_else(UserAgent::default, UserAgent::with_contact);
        if user_agent.is_placeholder() && resolve_to.is_none() {
            tracing::warn!(
                "sites see the contact {}, which reaches nobody: set --contact or PRESDR_CONTACT",
                user_agent.contact
            );
        }
        Web::new(WebConfig { user_agent, allow: self.allow.clone(), resolve_to, ..WebConfig::default() })
            .context("setting up the web client")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_with_its_ports() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let target = |text: &str| text.parse::<Target>();
        assert_eq!(target("127.0.0.1:8080"), Ok(Target { address: local, http_port: 8080, https_port: None }));
        assert_eq!(target("127.0.0.1:80,443"), Ok(Target { address: local, http_port: 80, https_port: Some(443) }));
        assert_eq!(target("127.0.0.1"), target("127.0.0.1:80,443"));
        assert!(target("localhost:80").is_err());
    }
}
