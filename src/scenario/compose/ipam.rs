//! Addresses of a network (`ipam`). They have no effect here; what an engine refuses when it makes the network is
//! refused (compose-spec `06-networks.md`; moby `api/types/network/ipam.go`).

use std::net::IpAddr;

use super::load::Loader;
use super::shapes::unknown;
use crate::diagnostic::{Code, Finding};
use crate::tree::{Tree, Value};

const OF_IPAM: &[&str] = &["config", "driver", "options"];
const OF_CONFIG: &[&str] = &["aux_addresses", "gateway", "ip_range", "subnet"];

/// A block of addresses: the first, and the number of bits that all have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    first: IpAddr,
    bits: u32,
}

impl Block {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let first: IpAddr = address.parse().ok()?;
        let is_plain = bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse().ok().filter(|bits| *bits <= width(first))?;
        is_plain.then_some(Self { first, bits })
    }

    /// The block with no bit set behind those in common.
    fn masked(self) -> Self {
        let first = match self.first {
            IpAddr::V4(own) => {
                let host = u32::MAX.checked_shr(self.bits).unwrap_or(0);
                IpAddr::V4((own.to_bits() & !host).into())
            }
            IpAddr::V6(own) => {
                let host = u128::MAX.checked_shr(self.bits).unwrap_or(0);
                IpAddr::V6((own.to_bits() & !host).into())
            }
        };
        Self { first, ..self }
    }

    fn contains(self, address: IpAddr) -> bool {
        let own = Self {
            first: address,
            bits: self.bits,
        };
        self.first.is_ipv4() == address.is_ipv4() && own.masked().first == self.masked().first
    }
}

/// Number of bits of an address.
const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Checks the addresses of a network.
pub(super) fn check(loader: &mut Loader<'_>, ipam: &Tree) {
    if !only(loader, ipam, OF_IPAM) {
        return;
    }
    if let Some(own) = stated(ipam, "driver")
        && own.text().is_none()
    {
        loader.wrong_type(own, "the name of a driver");
    }
    if let Some(own) = stated(ipam, "options") {
        names(loader, own, "a map of options");
    }
    let Some(config) = stated(ipam, "config") else {
        return;
    };
    if !matches!(config.value, Value::List(_)) {
        loader.wrong_type(config, "a list of blocks of addresses");
    }
    for own in config.items() {
        block(loader, own);
    }
}

/// A field of a map that is not empty.
fn stated<'t>(tree: &'t Tree, field: &str) -> Option<&'t Tree> {
    tree.get(field).filter(|own| own.value != Value::Null)
}

/// Refuses what is no map, and unknown fields; whether it is a map.
fn only(loader: &mut Loader<'_>, tree: &Tree, known: &[&str]) -> bool {
    let is_map = matches!(tree.value, Value::Map(_));
    if !is_map && tree.value != Value::Null {
        let expected = format!("a map of `{}`", known.join("`, `"));
        loader.wrong_type(tree, &expected);
    }
    for entry in tree.entries() {
        if !entry.key.starts_with("x-") && !known.contains(&&*entry.key) {
            unknown(loader, entry, known);
        }
    }
    is_map
}

/// Refuses what is no map of texts.
fn names(loader: &mut Loader<'_>, tree: &Tree, expected: &str) {
    if !matches!(tree.value, Value::Map(_)) {
        loader.wrong_type(tree, expected);
    }
    for entry in tree.entries() {
        if entry.value.text().is_none() {
            loader.wrong_type(&entry.value, "a text");
        }
    }
}

/// One entry of `config`.
fn block(loader: &mut Loader<'_>, own: &Tree) {
    if !only(loader, own, OF_CONFIG) {
        return;
    }
    let subnet = blocks(loader, own, "subnet");
    if stated(own, "subnet").is_none() {
        let others = own.entries().iter();
        if let Some(other) = others
            .into_iter()
            .find(|one| OF_CONFIG.contains(&&*one.key))
        {
            let message = format!("`{}` is stated without a `subnet`", other.key);
            let finding = Finding::new(Code::MissingField, message, other.key_span);
            let label = "expected `subnet` beside it, such as `172.28.0.0/16`";
            loader.findings.push(finding.label(label));
        }
    }
    if let Some(range) = blocks(loader, own, "ip_range")
        && let Some(tree) = own.get("ip_range")
        && let Some(subnet) = subnet
        && !(subnet.contains(range.first) && range.bits >= subnet.bits)
    {
        outside(loader, tree, subnet);
    }
    if let Some(gateway) = stated(own, "gateway") {
        address(loader, gateway, subnet);
    }
    if let Some(aux) = stated(own, "aux_addresses") {
        if !matches!(aux.value, Value::Map(_)) {
            loader.wrong_type(aux, "a map of host names to addresses");
        }
        for entry in aux.entries() {
            address(loader, &entry.value, subnet);
        }
    }
}

/// A block of addresses of a field.
fn blocks(loader: &mut Loader<'_>, own: &Tree, field: &str) -> Option<Block> {
    let tree = stated(own, field)?;
    let text = tree.text().unwrap_or_default();
    let Some(block) = Block::parse(text) else {
        let message = format!("{field}: `{text}` is no block of addresses");
        let finding = Finding::new(Code::WrongType, message, tree.span);
        let label = "expected ADDRESS/BITS such as `172.28.0.0/16`";
        loader.findings.push(finding.label(label));
        return None;
    };
    let masked = block.masked();
    if masked != block {
        let message = format!("{field}: `{text}` has bits of a host");
        let finding = Finding::new(Code::Impossible, message, tree.span);
        let label = format!("expected `{}/{}`", masked.first, masked.bits);
        loader.findings.push(finding.label(label));
    }
    Some(masked)
}

/// Checks an address that has to be in a block.
fn address(loader: &mut Loader<'_>, tree: &Tree, subnet: Option<Block>) {
    let text = tree.text().unwrap_or_default();
    match (text.parse::<IpAddr>(), subnet) {
        (Err(_), _) => {
            let message = format!("`{text}` is no address");
            let finding = Finding::new(Code::WrongType, message, tree.span);
            let label = "expected an address such as `172.28.0.1`";
            loader.findings.push(finding.label(label));
        }
        (Ok(address), Some(subnet)) if !subnet.contains(address) => {
            outside(loader, tree, subnet);
        }
        _ => {}
    }
}

/// Refuses an address, or a block, that its subnet does not have.
fn outside(loader: &mut Loader<'_>, tree: &Tree, subnet: Block) {
    let text = tree.text().unwrap_or_default();
    let (first, bits) = (subnet.first, subnet.bits);
    let message = format!("`{text}` is outside of the subnet {first}/{bits}");
    let label = "expected addresses of the subnet";
    let finding = Finding::new(Code::Conflict, message, tree.span);
    loader.findings.push(finding.label(label));
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::super::tests::read_as;

    fn read(ipam: &str) -> Result<usize, String> {
        let text = format!("services: {{a: {{image: a}}}}\nnetworks:\n  n:\n    ipam: {ipam}\n");
        read_as(&text, Target::Compose, &[]).map(|own| own.remarks.len())
    }

    #[test]
    fn addresses_that_an_engine_takes_are_listed_as_without_effect() {
        for ipam in [
            "{driver: default, options: {a: b}}",
            "{config: [{subnet: 172.28.0.0/16, ip_range: 172.28.5.0/24, gateway: 172.28.5.254, \
             aux_addresses: {host1: 172.28.1.5}}]}",
            "{config: [{subnet: '2001:db8::/64', gateway: '2001:db8::1'}, {subnet: 10.0.0.0/8}]}",
            "{config: [{subnet: 10.9.8.7/32}]}",
        ] {
            assert_eq!(read(ipam), Ok(1), "{ipam}");
        }
    }

    #[test]
    fn addresses_that_an_engine_refuses_are_refused_at_their_place() {
        for (ipam, expected) in [
            ("default", "expected a map of `config`, `driver`, `options`"),
            ("{drivr: default}", "there is no field `drivr`"),
            ("{config: {subnet: 10.0.0.0/8}}", "a list of blocks"),
            (
                "{config: [10.0.0.0/8]}",
                "expected a map of `aux_addresses`",
            ),
            (
                "{config: [{subnets: 10.0.0.0/8}]}",
                "there is no field `subnets`",
            ),
            ("{config: [{subnet: 10.0.0.0}]}", "is no block of addresses"),
            (
                "{config: [{subnet: 10.0.0.0/33}]}",
                "is no block of addresses",
            ),
            ("{config: [{subnet: 10.0.0/8}]}", "is no block of addresses"),
            ("{config: [{subnet: 10.1.0.0/8}]}", "expected `10.0.0.0/8`"),
            ("{config: [{gateway: 10.0.0.1}]}", "without a `subnet`"),
            (
                "{config: [{subnet: 10.0.0.0/8, gateway: 11.0.0.1}]}",
                "`11.0.0.1` is outside of the subnet 10.0.0.0/8",
            ),
            (
                "{config: [{subnet: 10.0.0.0/16, ip_range: 10.0.0.0/8}]}",
                "`10.0.0.0/8` is outside of the subnet 10.0.0.0/16",
            ),
            (
                "{config: [{subnet: 10.0.0.0/8, gateway: '::1'}]}",
                "`::1` is outside",
            ),
            (
                "{config: [{subnet: 10.0.0.0/8, aux_addresses: {a: 10.0}}]}",
                "`10.0` is no address",
            ),
            (
                "{config: [{subnet: 10.0.0.0/8, aux_addresses: [10.0.0.1]}]}",
                "a map of host names to addresses",
            ),
            ("{driver: {a: b}}", "the name of a driver"),
            ("{options: {a: [b]}}", "expected a text"),
        ] {
            let words = read(ipam).expect_err(ipam);
            assert!(words.contains(expected), "{ipam}: {words}");
            assert!(words.contains("compose.yaml:4:"), "{ipam}: {words}");
            assert_eq!(words.matches("error[").count(), 1, "{ipam}: {words}");
        }
    }
}
