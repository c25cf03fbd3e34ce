//! Ports of a service (compose-spec `05-services.md` ports, expose).

use std::net::IpAddr;

use super::Target;
use super::project::Port;
use super::service::Reader;
use crate::diagnostic::Code;
use crate::tree::{Tree, Value};

impl Reader<'_, '_> {
    pub(super) fn ports(&mut self, tree: &Tree) -> Vec<Port> {
        let mut ports = Vec::new();
        let stated = tree.get("ports");
        for item in stated.into_iter().flat_map(Tree::items) {
            let read = match &item.value {
                Value::Map(_) => long_port(item).map(|port| vec![port]),
                _ => item.text().and_then(short_ports),
            };
            if let Some(entry) = item
                .entry("mode")
                .filter(|_| self.target() == Target::Compose)
            {
                let why = "one host publishes ports alike in both modes";
                self.remark("ports.mode", entry.key_span, why);
            }
            if let Some(read) = read {
                ports.extend(read);
            } else {
                let text = item.text().unwrap_or("this");
                let message = format!("`{text}` is no port");
                let expected = "`[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]` such as `8080:80`, or \
                                    `target` and `published`";
                self.wrong(Code::WrongType, message, item.span, expected);
            }
        }
        let exposed = tree.get("expose");
        for item in exposed.into_iter().flat_map(Tree::items) {
            let Some(read) = item.text().and_then(short_ports) else {
                let message = format!("`{}` is no port", item.text().unwrap_or("this"));
                let expected = "`TARGET[/PROTOCOL]` such as `8080` or `3000-3005/tcp`";
                self.wrong(Code::WrongType, message, item.span, expected);
                continue;
            };
            for port in read {
                if ports.iter().all(|own: &Port| own.target != port.target) {
                    ports.push(port);
                }
            }
        }
        ports
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some((first, last))
}

/// Whether a text is an address of a host, or none; one of version 6 may stand in brackets.
fn is_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|own| own.strip_suffix(']'));
    text.is_empty() || bare.unwrap_or(text).parse::<IpAddr>().is_ok()
}

fn is_protocol(text: &str) -> bool {
    matches!(text, "tcp" | "udp" | "sctp")
}

/// The ports of the short form; a range of targets has each its own.
fn short_ports(text: &str) -> Option<Vec<Port>> {
    let (places, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !is_protocol(protocol) {
        return None;
    }
    let (rest, target) = places.rsplit_once(':').unwrap_or(("", places));
    let (first, last) = range(target)?;
    // An address of version 6 holds colons itself.
    let (address, published) = rest.rsplit_once(':').unwrap_or(("", rest));
    let published = match published {
        "" => None,
        text => Some(range(text)?),
    };
    if !is_address(address) {
        return None;
    }
    let count = last - first;
    let ports = (0..=count).map(|own| {
        let published = match published {
            // As many published ones as targets: one each.
            Some((from, until)) if count > 0 => {
                (until - from == count).then_some(Some((from + own, from + own)))?
            }
            other => other,
        };
        Some(Port {
            target: first + own,
            published,
            address: address.to_owned(),
            protocol: protocol.to_owned(),
            is_of_host: false,
        })
    });
    ports.collect()
}

fn long_port(tree: &Tree) -> Option<Port> {
    let text = |key: &str| tree.get(key).and_then(Tree::text);
    let published = match text("published") {
        None | Some("") => None,
        Some(text) => Some(range(text)?),
    };
    let protocol = text("protocol").unwrap_or("tcp");
    if !is_protocol(protocol) || !is_address(text("host_ip").unwrap_or_default()) {
        return None;
    }
    Some(Port {
        target: text("target")?.parse().ok().filter(|port| *port > 0)?,
        published,
        address: text("host_ip").unwrap_or_default().to_owned(),
        protocol: protocol.to_owned(),
        is_of_host: text("mode") == Some("host"),
    })
}
