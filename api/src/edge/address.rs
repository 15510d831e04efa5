//! Whose address it really is: that of the connection, or what a trusted proxy says of it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;

/// More proxies in a row than anybody has: what is beyond them is somebody's invention.
const MAX_HOPS: usize = 16;

/// The text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network such as 10.0.0.0/8")]
pub struct BadNetwork(String);

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: Ipv6Addr,
    bits: u8,
}

impl Network {
    /// Does the address belong to it? An IPv4 address counts the same written as IPv6.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = 128 - u32::from(self.bits);
        let head = |address: Ipv6Addr| u128::from(address).checked_shr(shift).unwrap_or(0);
        head(wide(address)) == head(self.first)
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| bad())?;
        let (most, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse::<u8>().map_err(|_| bad()))?;
        if bits > most { Err(bad()) } else { Ok(Self { first: wide(address), bits: before + bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

const fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    }
}

/// The client behind a trusted peer: in `X-Forwarded-For`, the last address that is not itself a trusted proxy. Whatever stands
/// before it was written by somebody whom we do not know.
pub(super) fn client(peer: SocketAddr, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> SocketAddr {
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for hop in hops.iter().rev().take(MAX_HOPS) {
        let Some(address) = address_of(hop) else { break };
        nearest = SocketAddr::new(address, 0);
        if !trusted(address) {
            break;
        }
    }
    nearest
}

/// An address, with or without its port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("::1", "::1", "127.0.0.1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("8.8.8.8".parse().unwrap()));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "example.org", "::1/129", "1.2.3.4/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let proxy: Network = "10.0.0.0/8".parse().unwrap();
        let of = |forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            client("10.0.0.1:4000".parse().unwrap(), &headers, |address| proxy.contains(address)).ip().to_string()
        };
        assert_eq!(of(&[]), "10.0.0.1");
        assert_eq!(of(&["203.0.113.9"]), "203.0.113.9");
        // the first one is the client's own invention
        assert_eq!(of(&["1.1.1.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(of(&["1.1.1.1", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(of(&["203.0.113.9:51000"]), "203.0.113.9");
        assert_eq!(of(&["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(of(&["1.1.1.1, nonsense"]), "10.0.0.1");
    }
}
