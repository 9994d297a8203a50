//! Choosing a port on loopback.

use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which systems take the ports of outgoing connections, so that a server that is restarted finds its
/// own port free again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How many ports are tried before giving up on finding a free one.
const TRIES_MAX: usize = 50;

/// A port that was free a moment ago: `wanted` if it was, another one if not. The server that gets it may still find it taken,
/// and is then started with another.
pub(crate) fn free(wanted: Option<u16>) -> u16 {
    let random = std::iter::repeat_with(|| rand::random_range(PORTS)).take(TRIES_MAX);
    let mut candidates = wanted.into_iter().chain(random);
    candidates.find(|port| is_free(*port)).unwrap_or_else(|| rand::random_range(PORTS))
}

/// Whether a server could listen on this port now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
