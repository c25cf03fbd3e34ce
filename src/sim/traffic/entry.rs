//! Requests from outside, at the port that nodes publish for a service: each at any node, whether that is
//! up or not (spec: orchestrators-a.md section 2.8; libnetwork `service_linux.go`). In ingress mode a
//! node has any endpoint take them, in host mode one of its own or none.

use model::PodRef;
use model::service::Publish;
use rng::Stream;
use units::{NodeId, PodId, PodSlot, SortedMap, SortedSet};

use super::service_backend::{ServiceBackend, VisibleEndpoint};

/// Place of requests that no pod takes.
pub(super) const NOBODY: PodRef = PodRef {
    id: PodId(u32::MAX),
    slot: PodSlot(u32::MAX),
};

/// Hosts as clients outside know them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    /// All, in order.
    pub hosts: &'a [NodeId],
    /// Nodes that are down.
    pub down: &'a SortedSet<NodeId>,
}

/// Admission of a request at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The balancer forwards the request to an endpoint.
    Forwarded,
    /// This endpoint takes it.
    Local(VisibleEndpoint),
    /// No listener.
    Refused,
    /// The host is down: nothing comes back.
    Silent,
}

/// Spread of a flow's requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spread {
    /// Part of the requests for each endpoint.
    pub endpoints: Vec<(VisibleEndpoint, f64)>,
    /// Part of the requests that finds no listener.
    pub refused: f64,
    /// Part of the requests that is not answered.
    pub silent: f64,
}

impl Entry<'_> {
    /// Whether a host is down.
    pub(super) fn is_down(&self, node: NodeId) -> bool {
        self.down.contains(&node)
    }

    /// A request comes to a host that is drawn.
    pub(super) fn admit(&self, backing: &ServiceBackend, rng: &mut Stream) -> Admission {
        if self.hosts.is_empty() {
            return Admission::Refused;
        }
        let host = self.hosts[rng.below(self.hosts.len() as u64) as usize];
        if self.is_down(host) {
            return Admission::Silent;
        }
        match backing.publish {
            Publish::No => Admission::Refused,
            Publish::Ingress => Admission::Forwarded,
            Publish::Host => {
                let own: Vec<&VisibleEndpoint> = backing
                    .seen
                    .iter()
                    .filter(|seen| node_of(backing, seen) == Some(host))
                    .collect();
                match own.len() {
                    0 => Admission::Refused,
                    count => Admission::Local(own[rng.below(count as u64) as usize].clone()),
                }
            }
        }
    }

    /// Spread of a flow of requests whose balancer would give these parts.
    pub(super) fn spread(
        &self,
        backing: &ServiceBackend,
        balanced: Vec<(VisibleEndpoint, f64)>,
    ) -> Spread {
        let each = 1.0 / self.hosts.len().max(1) as f64;
        let is_down = |host: &&NodeId| self.is_down(**host);
        let silent = self.hosts.iter().filter(is_down).count() as f64 * each;
        let up = if self.hosts.is_empty() {
            0.0
        } else {
            1.0 - silent
        };
        match backing.publish {
            Publish::No => Spread {
                endpoints: Vec::new(),
                refused: 1.0 - silent,
                silent,
            },
            Publish::Ingress => {
                let scaled = balanced.into_iter();
                Spread {
                    endpoints: scaled.map(|(seen, share)| (seen, share * up)).collect(),
                    refused: if self.hosts.is_empty() { 1.0 } else { 0.0 },
                    silent,
                }
            }
            Publish::Host => {
                let mut counts: SortedMap<NodeId, u32> = SortedMap::new();
                for node in backing
                    .seen
                    .iter()
                    .filter_map(|seen| node_of(backing, seen))
                {
                    *counts.entry(node).or_default() += 1;
                }
                let served = counts.keys().filter(|node| !self.is_down(**node)).count();
                let own = backing.seen.iter().filter_map(|seen| {
                    let node = node_of(backing, seen).filter(|node| !self.is_down(*node))?;
                    Some((seen.clone(), each / f64::from(counts[&node])))
                });
                Spread {
                    endpoints: own.collect(),
                    refused: (1.0 - silent - served as f64 * each).max(0.0),
                    silent,
                }
            }
        }
    }
}

fn node_of(backing: &ServiceBackend, seen: &VisibleEndpoint) -> Option<NodeId> {
    backing.member(&seen.address)?.node
}
