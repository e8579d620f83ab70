//! Which IP addresses are public.
//!
//! Of IPv4 all are, except the blocks of IANA's special-purpose registry. Of IPv6 only global unicast is, `2000::/3`
//! (RFC 4291 section 2.4; iana-ipv6-unicast-address-assignments), except the blocks of IANA's registry and addresses that
//! embed an IPv4 address: what IANA has not assigned may be used inside a network.
//!
//! Sources, read in November 2026: <https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address can belong to a server on the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !in_any(u32::from(address).into(), 32, &SPECIAL_V4.map(|(a, len)| (v4(a), len))),
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            // ISATAP (RFC 5214) embeds an IPv4 address behind these interface identifiers.
            let isatap = matches!((bits >> 32) & 0xffff_ffff, 0x0000_5efe | 0x0200_5efe);
            let is_global = in_any(bits, 128, &[(u128::from(GLOBAL_V6.0), GLOBAL_V6.1)]);
            is_global && !isatap && !in_any(bits, 128, &SPECIAL_V6.map(|(a, len)| (u128::from(a), len)))
        }
    }
}

/// The address that stands for all that one customer of a network usually has: of IPv6 the first of a /64 (RFC 6177).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn v4(address: Ipv4Addr) -> u128 {
    u32::from(address).into()
}

fn in_any(bits: u128, width: u32, blocks: &[(u128, u32)]) -> bool {
    blocks.iter().any(|&(block, len)| (bits ^ block) >> (width - len) == 0)
}

const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),           // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // IETF protocols
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// Global unicast.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Blocks within global unicast whose addresses are not those of public servers.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocols, Teredo, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_PUBLIC: [&str; 48] = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "::ffff:0:7f00:1",
        "100:0:0:1::1",
        "200::1",
        "1fff:ffff::1",
        "4000::1",
        "8000::1",
        "2a00::5efe:7f00:1",
        "2a00::200:5efe:7f00:1",
    ];

    const PUBLIC: [&str; 20] = [
        "1.0.0.0",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700::1111",
        "2a00:1450::1",
        "2000::1",
        "3ffe::1",
    ];

    #[test]
    fn the_edges_of_every_block_are_private_and_their_neighbours_public() {
        for address in NOT_PUBLIC {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in PUBLIC {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    /// Spin blocks what this host refuses, except ISATAP, which no block describes.
    #[test]
    fn the_configuration_for_spin_blocks_the_same() {
        let file = include_str!("../../runtime-config.toml");
        let (_, list) = file.split_once("block_networks = [").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let blocks: Vec<(IpAddr, u32)> = list
            .split('"')
            .filter_map(|block| block.split_once('/'))
            .map(|(address, length)| (address.parse().unwrap(), length.parse().unwrap()))
            .collect();
        let blocked = |address: IpAddr| {
            blocks.iter().any(|&(block, length)| match (address, block) {
                (IpAddr::V4(address), IpAddr::V4(block)) => in_any(v4(address), 32, &[(v4(block), length)]),
                (IpAddr::V6(address), IpAddr::V6(block)) => in_any(address.into(), 128, &[(block.into(), length)]),
                _ => false,
            })
        };
        for address in NOT_PUBLIC.iter().filter(|address| !address.contains(":5efe:")) {
            assert!(blocked(address.parse().unwrap()), "{address}");
        }
        for address in PUBLIC {
            assert!(!blocked(address.parse().unwrap()), "{address}");
        }
    }
}
