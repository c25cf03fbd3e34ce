//! Ports: whether the host ports that a pod takes on a node are free there
//! (spec: kubernetes.md 1.5, `NodePorts`).

use crate::HostPort;

/// Whether two ports can't both be taken; the empty address is every address.
pub fn conflicts(one: &HostPort, other: &HostPort) -> bool {
    one.port == other.port
        && one.protocol == other.protocol
        && (one.host_ip.is_empty() || other.host_ip.is_empty() || one.host_ip == other.host_ip)
}

/// Whether any of the wanted ports is among the taken ones.
pub fn is_any_taken<'a>(
    wanted: &(impl Iterator<Item = &'a HostPort> + Clone),
    mut taken: impl Iterator<Item = &'a HostPort>,
) -> bool {
    taken.any(|taken| wanted.clone().any(|port| conflicts(port, taken)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(host_ip: &str, protocol: &str, port: u16) -> HostPort {
        HostPort {
            host_ip: host_ip.into(),
            protocol: protocol.into(),
            port,
        }
    }

    #[test]
    fn ports_conflict_on_an_address_in_common() {
        let web = port("", "TCP", 80);
        for (other, expected) in [
            (port("", "TCP", 80), true),
            (port("10.0.0.1", "TCP", 80), true),
            (port("", "UDP", 80), false),
            (port("", "TCP", 81), false),
        ] {
            assert_eq!(conflicts(&web, &other), expected, "{other:?}");
            let (wanted, taken) = ([web.clone()], [port("", "TCP", 79), other.clone()]);
            assert_eq!(is_any_taken(&wanted.iter(), taken.iter()), expected);
        }
        let (one, other) = (port("10.0.0.1", "TCP", 80), port("10.0.0.2", "TCP", 80));
        assert!(!conflicts(&one, &other));
    }
}
