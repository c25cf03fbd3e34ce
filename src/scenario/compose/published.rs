//! Ports of the host that containers publish: each is taken once, and a container that finds none free fails to
//! start (`port is already allocated`).

use super::Target;
use super::load::Loader;
use super::project::{Port, Service};
use crate::diagnostic::{Code, Finding};
use crate::tree::{Entry, Span};
use units::{SortedMap, plural};

/// A container's wish for one of some ports of the host.
#[derive(Clone, Copy, Debug)]
struct Wish<'p> {
    service: usize,
    first: u16,
    last: u16,
    address: &'p str,
}

impl<'p> Wish<'p> {
    /// The wish of a service's containers for a port; `None` if any will do.
    fn of(service: usize, port: &'p Port) -> Option<Self> {
        let (first, last) = port.published?;
        let address = &port.address;
        Some(Self {
            service,
            first,
            last,
            address,
        })
    }

    /// Whether two addresses share ports; all addresses hold each.
    fn shares(&self, other: &Wish<'_>) -> bool {
        self.address == other.address || is_any(self.address) || is_any(other.address)
    }

    fn ports(&self) -> String {
        if self.first == self.last {
            format!("port {}", self.first)
        } else {
            format!("a port of {}-{}", self.first, self.last)
        }
    }
}

fn is_any(address: &str) -> bool {
    matches!(address, "" | "0.0.0.0" | "::" | "[::]")
}

/// Refuses ports that are published more often than hosts have them: all containers of a project are on one
/// host; those of a stack share the ports of all nodes.
pub(super) fn check(loader: &mut Loader<'_>, on: &[&Entry], services: &[Service]) {
    match loader.request.target {
        Target::Kubernetes => {}
        Target::Compose => {
            if each_alone(loader, on, services) {
                together(loader, on, services);
            }
        }
        Target::SwarmKit => fixed_twice(loader, on, services),
    }
}

/// The place of a service's ports.
fn place(on: &[&Entry], service: usize) -> Span {
    let ports = on[service].value.entry("ports");
    ports.map_or(on[service].key_span, |own| own.key_span)
}

/// Refuses services that publish fewer ports than they have containers; whether there is none.
fn each_alone(loader: &mut Loader<'_>, on: &[&Entry], services: &[Service]) -> bool {
    let before = loader.findings.len();
    for (number, service) in services.iter().enumerate() {
        for (first, last) in service.ports.iter().filter_map(|port| port.published) {
            let room = u32::from(last - first) + 1;
            if service.replicas > room {
                let message = format!(
                    "{} of `{}` publish port {first}, and one host has it once",
                    plural::count(service.replicas, "container"),
                    service.name
                );
                let finding = Finding::new(Code::Conflict, message, place(on, number));
                let label = "expected a range of as many ports, or none";
                loader.findings.push(finding.label(label));
            }
        }
    }
    loader.findings.len() == before
}

/// Gives each container the lowest free port that it can have, those with the earliest last port first, which
/// finds ports for as many as any order does; refuses those that find none.
fn together(loader: &mut Loader<'_>, on: &[&Entry], services: &[Service]) {
    let mut wishes: SortedMap<&str, Vec<Wish<'_>>> = SortedMap::new();
    for (service, own) in services.iter().enumerate() {
        for port in &own.ports {
            let of = wishes.entry(port.protocol.as_str()).or_default();
            let wish = Wish::of(service, port);
            of.extend(wish.filter(|_| own.replicas > 0));
        }
    }
    for (protocol, mut wishes) in wishes {
        wishes.sort_by_key(|own| (own.last, own.first));
        let mut taken: SortedMap<u16, Vec<Wish<'_>>> = SortedMap::new();
        for wish in wishes {
            let mut next = wish.first..=wish.last;
            for _ in 0..services[wish.service].replicas {
                let free = next.find(|port| holder(&taken, *port, &wish).is_none());
                let Some(port) = free else {
                    let ports = wish.first..=wish.last;
                    let holders = ports.filter_map(|port| holder(&taken, port, &wish));
                    let mut others = holders.filter(|own| own.service != wish.service);
                    let other = others.next().unwrap_or(wish);
                    clash(loader, on, services, &wish, &other, protocol);
                    break;
                };
                taken.entry(port).or_default().push(wish);
            }
        }
    }
}

/// The wish that was granted a port, and that another shares ports with.
fn holder<'p>(
    taken: &SortedMap<u16, Vec<Wish<'p>>>,
    port: u16,
    wish: &Wish<'_>,
) -> Option<Wish<'p>> {
    let mut granted = taken.get(&port).into_iter().flatten();
    granted.find(|other| other.shares(wish)).copied()
}

/// Refuses fixed ports that two services of a stack publish (swarmkit `manager/controlapi/service.go`,
/// `checkPortConflicts`).
fn fixed_twice(loader: &mut Loader<'_>, on: &[&Entry], services: &[Service]) {
    let mut taken: Vec<(&Port, Wish<'_>)> = Vec::new();
    for (service, own) in services.iter().enumerate() {
        for port in &own.ports {
            let wish = Wish::of(service, port).filter(|own| own.first == own.last);
            let Some(wish) = wish.filter(|_| own.replicas > 0) else {
                continue;
            };
            // Two that publish it on their own hosts are placed apart.
            let before = taken.iter().find(|(of, other)| {
                of.protocol == port.protocol
                    && !(of.is_of_host && port.is_of_host)
                    && other.service != service
                    && other.first == wish.first
                    && other.shares(&wish)
            });
            if let Some((of, other)) = before {
                clash(loader, on, services, &wish, other, &of.protocol);
            }
            taken.push((port, wish));
        }
    }
}

/// Refuses a wish for ports that another one has.
fn clash(
    loader: &mut Loader<'_>,
    on: &[&Entry],
    services: &[Service],
    wish: &Wish<'_>,
    other: &Wish<'_>,
    protocol: &str,
) {
    let before = other.service.min(wish.service);
    let after = other.service.max(wish.service);
    let ports = wish.ports();
    let [one, two] = [before, after].map(|own| &services[own].name);
    let message = if before == after {
        format!("{ports}/{protocol} is published by `{one}` twice")
    } else {
        format!("{ports}/{protocol} is published by `{one}` and by `{two}`")
    };
    let finding = Finding::new(Code::Conflict, message, place(on, after));
    let finding = finding.label("expected a port of its own");
    loader.findings.push(if before == after {
        finding
    } else {
        finding.context(place(on, before), "published here first")
    });
}
