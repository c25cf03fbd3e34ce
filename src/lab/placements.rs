//! The digest of placements: which pod got which node and devices, when, and when it ended. Names and
//! labels are not part of it, unlike of the digest of a run, so it tells whether they mattered.

use cluster::{Observer, Store};
use model::{Event, Pod, PodRef};
use units::Instant;

/// Bytes that are gathered before they are hashed.
const GATHERED: usize = 1 << 16;

/// A running hash over placements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placements {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl Placements {
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
            Event::PodBound { pod, node, devices } => {
                self.add(at, *pod, &[u64::from(node.0), devices.0]);
            }
            Event::PodRunning { pod } => self.add(at, *pod, &[]),
            Event::PodEnded { pod, reason } => self.add(at, *pod, &[reason.code()]),
            _ => {}
        }
    }
}
