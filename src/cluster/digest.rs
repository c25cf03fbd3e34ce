//! The digest of a run: a running hash over every change and every order to a machine, in canonical
//! bytes (ids, not names; no version of the program).

mod declared;

use std::hash::Hash;

use crate::model::canonical::Canonical;
use crate::model::event::Hold;
use crate::model::{Event, ObjectChange, PodChange, PodCreated, PodRef};
use crate::units::{Duration, Instant, NodeId};

/// Hashing in blocks is an order of magnitude cheaper than event by event; blocks of a power of two
/// fill the vector units all the way up the hash's tree.
const BLOCK_BYTES: usize = 64 * 1024;

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
            block: Vec::with_capacity(BLOCK_BYTES + 1_024),
        }
    }

    /// Adds a change.
    pub fn event(&mut self, at: Instant, event: &Event) {
        self.number(at.as_nanos() as u64);
        match event {
            Event::SpecAdded { spec, object } => {
                self.tagged(0, &[u64::from(spec.0)]);
                declared::spec(self, object);
            }
            Event::NodeAdded { node, object } => {
                self.tagged(1, &[u64::from(node.0)]);
                declared::node(self, object);
            }
            Event::NodeUpdated { node, object } => {
                self.tagged(2, &[u64::from(node.0)]);
                declared::node(self, object);
            }
            Event::NodeReadiness { node, ready } => {
                self.tagged(3, &[u64::from(node.0), u64::from(*ready)]);
            }
            Event::NodeRemoved { node } => self.tagged(4, &[u64::from(node.0)]),
            Event::PodCreated(created) => self.created(created),
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
            Event::PodChanged { pod, change } => self.changed(*pod, *change),
            Event::Object(change) => self.object(change),
            Event::HoldPlaced(hold) => self.hold(hold),
            Event::HoldReleased { owner, number } => {
                self.tagged(12, &[u64::from(owner.0), *number]);
            }
        }
        self.flush_full_block();
    }

    /// Adds an order to the machine of a node: to start a pod.
    pub fn start(&mut self, at: Instant, pod: PodRef, node: NodeId) {
        self.command(at, 13, pod, node);
    }

    /// Adds an order to the machine of a node: to stop a pod.
    pub fn stop(&mut self, at: Instant, pod: PodRef, node: NodeId) {
        self.command(at, 14, pod, node);
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

    fn created(&mut self, created: &PodCreated) {
        self.pod(5, created.pod);
        let gang = created.gang.map_or(u64::MAX, |gang| u64::from(gang.0));
        let limit = created.time_limit.map_or(-1, Duration::as_nanos);
        self.number(u64::from(created.spec.0));
        self.number(u64::from(created.tenant.0));
        self.number(gang);
        self.number(limit as u64);
        if let Some(found) = &created.found {
            let started = found.started.map_or(i64::MAX, Instant::as_nanos);
            let flag = u64::from(found.is_terminating);
            self.tagged(15, &[u64::from(found.node.0), started as u64, flag]);
        }
        if let Some(owner) = created.owner {
            self.tagged(20, &[u64::from(owner.object.0), owner.index as u64]);
        }
    }

    fn changed(&mut self, pod: PodRef, change: PodChange) {
        self.pod(16, pod);
        match change {
            PodChange::Ready(ready) => self.tagged(0, &[u64::from(ready)]),
            PodChange::Restarted(restarts) => self.tagged(1, &[u64::from(restarts)]),
            PodChange::Terminating { grace, reason } => {
                self.tagged(2, &[grace.as_nanos() as u64, reason as u64]);
            }
            PodChange::Forgotten => self.tagged(3, &[]),
        }
    }

    /// Adds a value, every field of it.
    fn canonical(&mut self, value: &impl Hash) {
        Canonical(|bytes: &[u8]| self.block.extend_from_slice(bytes)).add(value);
    }

    fn object(&mut self, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, owner, object } => {
                let owner = owner.map_or(u64::MAX, |owner| u64::from(owner.0));
                self.tagged(17, &[u64::from(id.0), owner]);
                self.canonical(object);
            }
            ObjectChange::Updated { id, object } => {
                self.tagged(18, &[u64::from(id.0)]);
                self.canonical(object);
            }
            ObjectChange::Deleted { id } => self.tagged(19, &[u64::from(id.0)]),
        }
    }

    fn hold(&mut self, hold: &Hold) {
        self.tagged(
            11,
            &[u64::from(hold.owner.0), hold.number, u64::from(hold.node.0)],
        );
        let taken = &hold.resources;
        for amount in [
            taken.cpu_milli,
            taken.memory_bytes,
            taken.storage_bytes,
            taken.gpu_milli,
            taken.pods,
            taken.extended.len() as i64,
        ] {
            self.number(amount as u64);
        }
        for &(id, amount) in &taken.extended {
            self.number(u64::from(id.0));
            self.number(amount as u64);
        }
        self.number(hold.devices.0);
        self.number(u64::from(hold.milli_per_device));
        self.number(hold.until.map_or(-1, Instant::as_nanos) as u64);
    }

    fn command(&mut self, at: Instant, tag: u8, pod: PodRef, node: NodeId) {
        self.number(at.as_nanos() as u64);
        self.pod(tag, pod);
        self.number(u64::from(node.0));
        self.flush_full_block();
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

    /// A text: its length, then its bytes.
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.block.extend_from_slice(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.block.push(u8::from(flag));
    }

    fn flush_full_block(&mut self) {
        while let Some(whole) = self.block.get(..BLOCK_BYTES) {
            self.hasher.update(whole);
            self.block.drain(..BLOCK_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{DeviceSet, Node, PodSpec, ResourceList, Taint, TaintEffect};
    use crate::units::{ComponentId, PodId, PodSlot, Quantity, Resources, SpecId};

    const POD: PodRef = PodRef {
        id: PodId(3),
        slot: PodSlot(1),
    };

    fn node(change: impl Fn(&mut Node)) -> Event {
        let mut object = Node::default();
        change(&mut object);
        Event::NodeAdded {
            node: NodeId(0),
            object: Arc::new(object),
        }
    }

    fn spec(change: impl Fn(&mut PodSpec)) -> Event {
        let mut object = PodSpec::with_requests(ResourceList::default());
        change(&mut object);
        Event::SpecAdded {
            spec: SpecId(0),
            object: Arc::new(object),
        }
    }

    fn hold(cpu_milli: i64, milli_per_device: u16, until: Option<Instant>) -> Event {
        Event::HoldPlaced(Arc::new(Hold {
            owner: ComponentId(0),
            number: 1,
            node: NodeId(0),
            resources: Resources {
                cpu_milli,
                ..Resources::default()
            },
            devices: DeviceSet::EMPTY,
            milli_per_device,
            until,
        }))
    }

    fn value(event: &Event) -> String {
        let mut digest = Digest::new();
        digest.event(Instant::ZERO, event);
        digest.value()
    }

    #[test]
    fn whatever_a_decision_may_depend_on_changes_the_digest() {
        let amount = |nanos| Quantity::from_nanos(nanos);
        let values = [
            value(&node(|_| ())),
            value(&node(|node| node.allocatable.set("cpu", amount(1)))),
            value(&node(|node| node.allocatable.set("cpu", amount(1 << 64)))),
            value(&node(|node| node.capacity.set("cpu", amount(1)))),
            value(&node(|node| node.unschedulable = true)),
            value(&node(|node| {
                node.labels.insert("disk".into(), "ssd".into());
            })),
            value(&node(|node| {
                node.taints.push(Taint {
                    key: "disk".into(),
                    value: "ssd".into(),
                    effect: TaintEffect::NoSchedule,
                });
            })),
            value(&spec(|_| ())),
            value(&spec(|spec| spec.priority = 1)),
            value(&spec(|spec| {
                spec.node_selector.insert("disk".into(), "ssd".into());
            })),
            value(&spec(|spec| {
                spec.labels.insert("disk".into(), "ssd".into());
            })),
            value(&spec(|spec| spec.gpu.devices = 1)),
            value(&hold(1, 0, None)),
            value(&hold(2, 0, None)),
            value(&hold(1, 5, None)),
            value(&hold(1, 0, Some(Instant::ZERO))),
        ];
        for (index, value) in values.iter().enumerate() {
            assert!(
                !values[..index].contains(value),
                "case {index} is another's"
            );
        }
    }

    #[test]
    fn names_of_nodes_are_no_part_of_the_digest() {
        assert_eq!(
            value(&node(|_| ())),
            value(&node(|node| node.name = "a".into()))
        );
    }

    #[test]
    fn orders_to_machines_are_part_of_the_digest() {
        let with = |order: fn(&mut Digest, Instant, PodRef, NodeId)| {
            let mut digest = Digest::new();
            order(&mut digest, Instant::ZERO, POD, NodeId(0));
            digest.value()
        };
        assert_ne!(with(Digest::start), with(Digest::stop));
        assert_ne!(with(Digest::start), Digest::new().value());
    }
}
