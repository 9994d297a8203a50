//! Where a secret may travel.

use std::net::IpAddr;

/// Whether a URL's host, as `Url::host_str` tells it, is this machine: nobody on the way could listen.
#[must_use]
pub fn is_loopback(host: Option<&str>) -> bool {
    host.is_some_and(|host| {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_alone_is_loopback() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(Some(host)), "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "[::2]", "10.0.0.1", "0.0.0.0", "", "[]"] {
            assert!(!is_loopback(Some(host)), "{host}");
        }
        assert!(!is_loopback(None));
    }
}
