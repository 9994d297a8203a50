//! Which addresses are the public internet, by IANA's special-purpose registries and the clouds' own habits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that no company's public site is in, and why.
const CLOSED_V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 8, "unspecified"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a carrier"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([168, 63, 129, 16], 32, "a cloud's metadata service"),
    ([169, 254, 0, 0], 16, "link-local or a cloud's metadata service"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "reserved for protocols"),
    ([192, 0, 2, 0], 24, "reserved for documentation"),
    ([192, 88, 99, 0], 24, "a 6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "reserved for benchmarks"),
    ([198, 51, 100, 0], 24, "reserved for documentation"),
    ([203, 0, 113, 0], 24, "reserved for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved or broadcast"),
];

/// The same for IPv6. What is outside 2000::/3 is not global unicast and closed altogether.
const CLOSED_V6: &[([u16; 8], u8, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "an IPv4 address in disguise"),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 32, "an IPv4 address behind NAT64"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "reserved for protocols"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "reserved for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "an IPv4 address behind 6to4"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "reserved for documentation"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];
const GLOBAL_UNICAST_V6: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Why `address` may not be reached, or `None` when it may: it is public, or the operator lists it.
pub(super) fn closed(address: IpAddr, listed: &[IpNet]) -> Option<&'static str> {
    // ::ffff:a.b.c.d is a.b.c.d to the kernel, so it is judged, and listed, as that.
    let address = address.to_canonical();
    if !is_listed(address, listed) {
        return closed_to_all(address);
    }
    // Listing a translator's prefix does not list what can be reached through it.
    embedded(address).and_then(|inner| closed(IpAddr::V4(inner), listed))
}

/// Whether the operator lists this address.
pub(super) fn is_listed(address: IpAddr, listed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    listed.iter().any(|network| network.contains(&address))
}

/// Why an address is not public, if it is not.
pub(super) fn closed_to_all(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => CLOSED_V4
            .iter()
            .find(|(network, bits, _)| same_prefix_v4(address, Ipv4Addr::from(*network), *bits))
            .map(|(_, _, reason)| *reason),
        IpAddr::V6(address) => CLOSED_V6
            .iter()
            .find(|(network, bits, _)| same_prefix_v6(address, *network, *bits))
            .map(|(_, _, reason)| *reason)
            .or_else(|| {
                let (network, bits) = GLOBAL_UNICAST_V6;
                (!same_prefix_v6(address, network, bits)).then_some("not global unicast")
            }),
    }
}

/// The IPv4 address that a translating IPv6 address (NAT64, 6to4) leads to.
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let octets = address.octets();
    match address.segments() {
        [0x64, 0xff9b, ..] => Some(Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15])),
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => None,
    }
}

fn same_prefix_v4(address: Ipv4Addr, network: Ipv4Addr, bits: u8) -> bool {
    (address.to_bits() ^ network.to_bits()).leading_zeros() >= u32::from(bits)
}

fn same_prefix_v6(address: Ipv6Addr, network: [u16; 8], bits: u8) -> bool {
    (address.to_bits() ^ Ipv6Addr::from(network).to_bits()).leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed_by_default(address: &str) -> bool {
        closed(address.parse().unwrap(), &[]).is_some()
    }

    #[test]
    fn public_addresses_are_open() {
        for address in ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1"]
        {
            assert!(!closed_by_default(address), "{address}");
        }
        for address in ["2606:4700:4700::1111", "2a00:1450:4001::1", "2400:cb00::1", "::ffff:8.8.8.8"] {
            assert!(!closed_by_default(address), "{address}");
        }
    }

    #[test]
    fn every_other_address_is_closed() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            assert!(closed_by_default(address), "{address}");
            assert!(closed_by_default(&format!("::ffff:{address}")), "::ffff:{address}");
        }
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "64:ff9b::808:808",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(closed_by_default(address), "{address}");
        }
    }

    #[test]
    fn the_operator_may_list_networks() {
        let listed = ["127.0.0.0/8".parse().unwrap(), "64:ff9b::/96".parse().unwrap()];
        let closed = |address: &str| closed(address.parse().unwrap(), &listed).is_some();
        assert!(!closed("127.0.0.1"));
        assert!(!closed("::ffff:127.0.0.1"));
        assert!(closed("10.0.0.1"));
        assert!(!closed("64:ff9b::808:808"), "a listed translator leads to the public internet");
        assert!(closed("64:ff9b::a00:1"), "but to nothing private");
    }
}
