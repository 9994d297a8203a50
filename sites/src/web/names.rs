//! Names to addresses, and the only place where a connection gets an address from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{closed, is_listed};
use super::request::Refusal;

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);
const LOOKUP_ATTEMPTS: usize = 2;

/// Where addresses come from.
#[derive(Clone)]
pub(super) enum Names {
    /// The domain name system, as the system or the operator configures it.
    Dns(Arc<TokioResolver>),
    /// One answer for every name, in development.
    Everything(IpAddr),
}

/// Why a name gave no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum NamesError {
    #[error("it has no address")]
    NoAddress,
    #[error(transparent)]
    Refused(Refusal),
    #[error("the look-up failed")]
    Failed(#[source] Box<NetError>),
}

impl Names {
    /// The system's resolver, or one that asks `servers`.
    pub fn dns(servers: &[SocketAddr]) -> Result<Self, NetError> {
        let mut builder = if servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        builder.options_mut().timeout = LOOKUP_TIMEOUT;
        builder.options_mut().attempts = LOOKUP_ATTEMPTS;
        Ok(Self::Dns(Arc::new(builder.build()?)))
    }

    /// The addresses of `host` that may be reached.
    pub async fn open_addresses(&self, host: &str, rule: &Rule) -> Result<Vec<IpAddr>, NamesError> {
        let all = match self {
            Self::Everything(address) => return Ok(vec![*address]),
            Self::Dns(resolver) => look_up(resolver, host).await?,
        };
        let refusal = all.iter().find_map(|address| rule.refuses(*address));
        let open: Vec<IpAddr> = all.into_iter().filter(|address| rule.refuses(*address).is_none()).collect();
        match refusal {
            Some(refusal) if open.is_empty() => Err(NamesError::Refused(refusal)),
            _ if open.is_empty() => Err(NamesError::NoAddress),
            _ => Ok(open),
        }
    }
}

fn name_server(server: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .map(|connection| {
            let mut connection = connection;
            connection.port = server.port();
            connection
        })
        .to_vec();
    NameServerConfig::new(server.ip(), true, connections)
}

async fn look_up(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, NamesError> {
    // The final dot keeps the system's search domains out: `intranet` must not become `intranet.corp.local`.
    let absolute = format!("{}.", host.trim_end_matches('.'));
    match resolver.lookup_ip(absolute).await {
        Ok(found) => Ok(found.iter().collect()),
        Err(error) if error.is_no_records_found() || error.is_nx_domain() => Err(NamesError::NoAddress),
        Err(error) => Err(NamesError::Failed(Box::new(error))),
    }
}

/// Which of a name's addresses may be connected to.
#[derive(Clone)]
pub(super) struct Rule {
    pub listed: Arc<[IpNet]>,
    /// Listed addresses alone: for URLs with a port of their own.
    pub listed_only: bool,
}

impl Rule {
    fn refuses(&self, address: IpAddr) -> Option<Refusal> {
        if self.listed_only && !is_listed(address, &self.listed) {
            return Some(Refusal::Port);
        }
        closed(address, &self.listed).map(|reason| Refusal::Address { reason })
    }
}

/// What a client resolves with. Connections use these very addresses: nothing is looked up again after the check.
pub(super) struct Guarded {
    pub names: Names,
    pub rule: Rule,
    /// The port for URLs that name none; 0 leaves the scheme's own.
    pub port: u16,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, rule, port) = (self.names.clone(), self.rule.clone(), self.port);
        Box::pin(async move {
            let addresses = names.open_addresses(name.as_str(), &rule).await?;
            let sockets = addresses.into_iter().map(move |address| SocketAddr::new(address, port));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}
