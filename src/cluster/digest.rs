//! The digest of a run: a running hash over every change in canonical bytes (ids, not names; no
//! version of the program).

use crate::model::{Event, PodRef};
use crate::units::Instant;

/// Hashing in blocks is an order of magnitude cheaper than event by event.
const BLOCK_BYTES: usize = 16 * 1024;

/// A running hash over changes and commands.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    hasher: blake3::Hasher,
    block: Vec<u8>,
}

impl Digest {
    /// A digest of nothing.
    pub fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            block: Vec::with_capacity(BLOCK_BYTES + 256),
        }
    }

    /// Adds a change.
    pub fn event(&mut self, at: Instant, event: &Event) {
        self.number(at.as_nanos() as u64);
        match event {
            Event::SpecAdded { spec, object } => {
                self.tagged(0, &[u64::from(spec.0), object.priority as u64]);
                if let Ok(requests) = object.requests() {
                    self.number(requests.iter().count() as u64);
                    for (_, amount) in requests.iter() {
                        self.number(amount.units_ceil().unwrap_or(i64::MAX) as u64);
                        self.number(amount.milli_ceil().unwrap_or(i64::MAX) as u64);
                    }
                }
                self.number(object.gpu.total_milli() as u64);
                self.number(u64::from(object.gpu.devices));
            }
            Event::NodeAdded { node, .. } => self.tagged(1, &[u64::from(node.0)]),
            Event::NodeUpdated { node, .. } => self.tagged(2, &[u64::from(node.0)]),
            Event::NodeReadiness { node, ready } => {
                self.tagged(3, &[u64::from(node.0), u64::from(*ready)]);
            }
            Event::NodeRemoved { node } => self.tagged(4, &[u64::from(node.0)]),
            Event::PodCreated(created) => {
                self.pod(5, created.pod);
                let gang = created.gang.map_or(u64::MAX, |gang| u64::from(gang.0));
                let limit = created
                    .time_limit
                    .map_or(-1, crate::units::Duration::as_nanos);
                self.number(u64::from(created.spec.0));
                self.number(u64::from(created.tenant.0));
                self.number(gang);
                self.number(limit as u64);
            }
            Event::PodUnschedulable { pod } => self.pod(6, *pod),
            Event::PodBound { pod, node, devices } => {
                self.pod(7, *pod);
                self.number(u64::from(node.0));
                self.number(devices.0);
            }
            Event::PodStarting { pod } => self.pod(8, *pod),
            Event::PodRunning { pod } => self.pod(9, *pod),
            Event::PodEnded { pod, reason } => {
                self.pod(10, *pod);
                self.number(*reason as u64);
            }
            Event::HoldPlaced(hold) => {
                self.tagged(
                    11,
                    &[u64::from(hold.owner.0), hold.number, u64::from(hold.node.0)],
                );
                self.number(hold.devices.0);
            }
            Event::HoldReleased { owner, number } => {
                self.tagged(12, &[u64::from(owner.0), *number]);
            }
        }
        if self.block.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    /// Adds another digest's value, as cells are taken in order.
    pub fn include(&mut self, value: &str) {
        self.block.extend_from_slice(value.as_bytes());
    }

    /// The digest so far, as 64 hexadecimal digits.
    pub fn value(&self) -> String {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.block);
        hasher.finalize().to_hex().to_string()
    }

    fn pod(&mut self, tag: u8, pod: PodRef) {
        self.tagged(tag, &[u64::from(pod.id.0)]);
    }

    fn tagged(&mut self, tag: u8, numbers: &[u64]) {
        self.block.push(tag);
        for &number in numbers {
            self.number(number);
        }
    }

    fn number(&mut self, number: u64) {
        self.block.extend_from_slice(&number.to_le_bytes());
    }

    fn flush(&mut self) {
        self.hasher.update(&self.block);
        self.block.clear();
    }
}
