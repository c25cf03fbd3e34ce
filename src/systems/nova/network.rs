//! Networks of hosts: a request may ask for a host whose address is near another one (openstack/nova
//! `scheduler/filters/affinity_filter.py`, `SimpleCIDRAffinityFilter`).

use std::net::IpAddr;

use thiserror::Error;

/// Length of a network's prefix that requests mean where they state none (`cidr`).
pub const DEFAULT_PREFIX: &str = "/24";

/// Network that an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// Reason why texts are no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// The address is none.
    #[error("`{0}` is no IP address")]
    Address(String),
    /// The length of the prefix is none, or is beyond that of addresses.
    #[error("`{0}` is no length of a prefix; expected `/` and a number up to {1}")]
    Prefix(String, u32),
}

/// The bits of an address, the first ones first, and their number.
fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(own) => (u128::from(u32::from(own)) << 96, 32),
        IpAddr::V6(own) => (u128::from(own), 128),
    }
}

impl Network {
    /// The network around an address by the length of its prefix, such as `/24`.
    ///
    /// # Errors
    /// One of them is none.
    pub fn around(address: &str, prefix: &str) -> Result<Self, NetworkError> {
        let parsed: IpAddr = address
            .parse()
            .map_err(|_| NetworkError::Address(address.to_owned()))?;
        let (_, most) = bits_of(parsed);
        let bits = prefix.strip_prefix('/').and_then(|own| own.parse().ok());
        let bits = bits.filter(|bits| *bits <= most);
        Ok(Self {
            address: parsed,
            bits: bits.ok_or_else(|| NetworkError::Prefix(prefix.to_owned(), most))?,
        })
    }

    /// Whether an address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((own, size), (other, others)) = (bits_of(self.address), bits_of(address));
        let differs = own ^ other;
        size == others && (self.bits == 0 || differs.leading_zeros() >= self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_near_by_their_first_bits() {
        for (address, prefix, other, expected) in [
            ("10.0.0.5", "/24", "10.0.0.200", true),
            ("10.0.0.5", "/24", "10.0.1.5", false),
            ("10.0.0.5", "/23", "10.0.1.5", true),
            ("10.0.0.5", "/32", "10.0.0.5", true),
            ("10.0.0.5", "/0", "192.168.0.1", true),
            ("10.0.0.5", "/0", "::1", false),
            ("fd00::1", "/64", "fd00::2:1", true),
            ("fd00::1", "/64", "fd00:0:0:1::1", false),
        ] {
            let network = Network::around(address, prefix).expect("a network");
            let other = other.parse().expect("an address");
            assert_eq!(network.contains(other), expected, "{address}{prefix}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for (address, prefix) in [("10.0.0", "/24"), ("10.0.0.1", "24"), ("10.0.0.1", "/33")] {
            assert!(Network::around(address, prefix).is_err());
        }
    }
}
