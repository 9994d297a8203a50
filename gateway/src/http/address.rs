//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};

use crate::{GatewayConfig, Transport};

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Whether a connection from there is answered at all.
pub(crate) fn is_answered(config: &GatewayConfig, peer: IpAddr) -> bool {
    match &config.transport {
        Transport::Behind(networks) => networks.iter().any(|network| network.contains(&peer.to_canonical())),
        Transport::Plain | Transport::Tls { .. } => true,
    }
}

/// The client's address: the connection's, or what the trusted proxy says that it was there. Only the last name in
/// `X-Forwarded-For` is the proxy's own word; those before it are the client's.
pub(crate) fn of(config: &GatewayConfig, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
    let peer = extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    let Transport::Behind(_) = config.transport else { return peer };
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).map(str::trim);
    last.and_then(named).unwrap_or(peer)
}

/// An address as proxies write it: with a port or without.
fn named(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.trim_matches(['[', ']']).parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn an_address_is_read_with_its_port_and_without() {
        for text in ["192.0.2.7", "192.0.2.7:5678"] {
            assert_eq!(named(text), Some([192, 0, 2, 7].into()), "{text}");
        }
        for text in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:5678"] {
            assert_eq!(named(text), "2001:db8::7".parse().ok(), "{text}");
        }
        assert_eq!(named("unknown"), None);
    }
}
