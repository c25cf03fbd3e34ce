//! The digest of placements: which pod got which node and devices, when, and when it ended. Names and
//! labels are not part of it, unlike of the digest of a run, so it tells whether they mattered.

use cluster::{Observer, Store};
use model::{Event, Pod, PodRef};
use units::{Instant, NodeId};

/// Bytes that are gathered before they are hashed.
const GATHERED: usize = 1 << 16;

/// A running hash over placements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placements {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
    /// First nodes of the pods, where they are asked for.
    first_nodes: Option<FirstNodes>,
}

/// First node of each pod of a run, by the order in which the pods were created.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstNodes(Vec<Option<NodeId>>);

impl FirstNodes {
    /// Number of pods that were created.
    pub(crate) fn pods(&self) -> usize {
        self.0.len()
    }

    /// First node of a pod; `None` if it never had one.
    pub(crate) fn of(&self, pod: usize) -> Option<NodeId> {
        self.0.get(pod).copied().flatten()
    }

    fn entry(&mut self, pod: PodRef) -> &mut Option<NodeId> {
        let place = pod.id.0 as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, None);
        }
        &mut self.0[place]
    }

    #[cfg(test)]
    pub(crate) fn made_up(nodes: &[Option<u32>]) -> Self {
        Self(nodes.iter().map(|node| node.map(NodeId)).collect())
    }
}

impl Placements {
    /// Placements that keep the first node of each pod beside the hash.
    pub(crate) fn with_first_nodes() -> Self {
        Self {
            first_nodes: Some(FirstNodes::default()),
            ..Self::default()
        }
    }

    /// First nodes of the pods, if they were asked for; they are kept no longer.
    pub(crate) fn take_first_nodes(&mut self) -> FirstNodes {
        self.first_nodes.take().unwrap_or_default()
    }

    /// The digest so far, as 64 hexadecimal digits.
    pub(crate) fn value(mut self) -> String {
        self.hasher.update(&self.gathered);
        self.hasher.finalize().to_hex().to_string()
    }

    fn add(&mut self, at: Instant, pod: PodRef, numbers: &[u64]) {
        self.gathered
            .extend_from_slice(&at.as_nanos().to_le_bytes());
        self.gathered.extend_from_slice(&pod.id.0.to_le_bytes());
        for number in numbers {
            self.gathered.extend_from_slice(&number.to_le_bytes());
        }
        if self.gathered.len() >= GATHERED {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }
}

impl Observer for Placements {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, _store: &Store) {
        match event {
            Event::PodCreated(created) => {
                if let Some(nodes) = &mut self.first_nodes {
                    nodes.entry(created.pod);
                }
            }
            Event::PodBound { pod, node, devices } => {
                if let Some(nodes) = &mut self.first_nodes {
                    nodes.entry(*pod).get_or_insert(*node);
                }
                self.add(at, *pod, &[u64::from(node.0), devices.0]);
            }
            Event::PodRunning { pod } => self.add(at, *pod, &[]),
            Event::PodEnded { pod, reason } => self.add(at, *pod, &[reason.code()]),
            _ => {}
        }
    }
}
