//! The digest of a run: a running hash over every change and every order to a machine, in canonical
//! bytes (ids, not names; no version of the program).

mod declarations;
mod relocations;

use std::hash::Hash;

use model::canonical::Canonical;
use model::event::Hold;
use model::{Event, IndexFailures, ObjectChange, PodChange, PodCreated, PodRef, PullStep};
use units::{Duration, Instant, NodeId};

/// Hashing in blocks is an order of magnitude cheaper than event by event; blocks of a power of two
/// fill the vector units all the way up the hash's tree.
const BLOCK_BYTES: usize = 64 * 1024;

/// The longest record of fixed length: an instant, a tag and five numbers.
const RECORD_BYTES: usize = 8 + 1 + 5 * 8;

/// A running hash over changes and commands.
#[derive(Clone, Debug)]
pub struct Digest {
    hasher: blake3::Hasher,
    /// A block that is being filled, with room for a record beyond its end.
    block: Vec<u8>,
    filled: usize,
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// A digest of nothing.
    pub fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            block: vec![0; BLOCK_BYTES + RECORD_BYTES],
            filled: 0,
        }
    }

    /// Adds a change. Reports of nodes are none: how they are made, renewal by renewal or only
    /// where renewals cease, is no part of a run.
    pub fn event(&mut self, at: Instant, event: &Event) {
        match event {
            Event::ClassAdded {
                class: spec,
                object,
            } => {
                self.record(at, 0, [u64::from(spec.0)]);
                declarations::spec(self, object);
            }
            Event::NodeAdded { node, object } => {
                self.record(at, 1, [u64::from(node.0)]);
                declarations::node(self, object);
            }
            Event::NodeUpdated { node, object } => {
                self.record(at, 2, [u64::from(node.0)]);
                declarations::node(self, object);
            }
            Event::NodeReadiness { node, ready } => {
                self.record(at, 3, [u64::from(node.0), u64::from(*ready)]);
            }
            Event::NodeContact { .. } => {}
            Event::NodeRemoved { node } => self.record(at, 4, [u64::from(node.0)]),
            Event::PodCreated(created) => self.created(at, created),
            Event::PodUnschedulable { pod } => self.record(at, 6, [number_of(*pod)]),
            Event::PodBound { pod, node, devices } => {
                self.record(at, 7, [number_of(*pod), u64::from(node.0), devices.0]);
            }
            Event::PodStarting { pod } => self.record(at, 8, [number_of(*pod)]),
            Event::PodRunning { pod } => self.record(at, 9, [number_of(*pod)]),
            Event::PodEnded { pod, reason } => {
                self.record(at, 10, [number_of(*pod), reason.code()]);
            }
            Event::PodChanged { pod, change } => self.changed(at, *pod, *change),
            Event::Object(change) => self.object(at, change),
            Event::HoldPlaced(hold) => self.hold(at, hold),
            Event::HoldReleased { owner, number } => {
                self.record(at, 12, [u64::from(owner.0), *number]);
            }
            Event::Decided(decision) => {
                let began = decision.began.as_nanos() as u64;
                let counts = [decision.claims, decision.conflicts, decision.placed].map(u64::from);
                self.record(at, 36, [began, counts[0], counts[1], counts[2]]);
                self.bytes(decision.scheduler.as_bytes());
            }
            Event::Delivery(own) => {
                let (pushed, step) = (own.pushed.as_nanos() as u64, own.step as u64);
                let lengths = [own.push.image.len() as u64, own.workload.len() as u64];
                self.record(at, 39, [pushed, step, lengths[0], lengths[1]]);
                self.bytes(own.push.image.as_bytes());
                self.bytes(own.workload.as_bytes());
            }
            Event::Rollout { workload, step } => {
                self.record(at, 42, [u64::from(workload.0), *step as u64]);
            }
            Event::Volume(news) => {
                let ((step, _), [one, other]) = (news.step.name(), news.step.figures());
                let length = news.name.len() as u64;
                self.record(at, 40, [step, one as u64, other as u64, length]);
                self.bytes(news.name.as_bytes());
            }
            Event::ServiceLevels(own) => {
                let figures = [own.in_use, own.overloaded, own.asked, own.lost_by_moves];
                self.record(at, 41, figures.map(|figure| figure as u64));
            }
            Event::MachineFailed(own) => self.machine_failed(at, own),
            Event::PriceChanged(new) => {
                let length = new.kind.len() as u64;
                self.record(at, 35, [new.price_micro_per_hour as u64, length]);
                self.bytes(new.kind.as_bytes());
            }
        }
    }

    /// Adds an order to the machine of a node: to start a pod.
    pub fn start(&mut self, at: Instant, pod: PodRef, node: NodeId) {
        self.record(at, 13, [number_of(pod), u64::from(node.0)]);
    }

    /// Adds an order to the machine of a node: to stop a pod.
    pub fn stop(&mut self, at: Instant, pod: PodRef, node: NodeId) {
        self.record(at, 14, [number_of(pod), u64::from(node.0)]);
    }

    /// Adds an order to the machine of a node about one container of a pod: to start it, or to stop
    /// it.
    pub fn container(&mut self, at: Instant, pod: PodRef, container: u16, starts: bool) {
        self.record(
            at,
            20,
            [number_of(pod), u64::from(container), u64::from(starts)],
        );
    }

    /// Adds another digest's value, as cells are taken in order.
    pub fn include(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The digest so far, as 64 hexadecimal digits.
    pub fn value(&self) -> String {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.block[..self.filled]);
        hasher.finalize().to_hex().to_string()
    }

    fn created(&mut self, at: Instant, created: &PodCreated) {
        let gang = created.gang.map_or(u64::MAX, |gang| u64::from(gang.0));
        let limit = created.time_limit.map_or(-1, Duration::as_nanos);
        let (spec, tenant) = (u64::from(created.class.0), u64::from(created.tenant.0));
        self.record(
            at,
            5,
            [number_of(created.pod), spec, tenant, gang, limit as u64],
        );
        if let Some(found) = &created.found {
            let started = found.started.map_or(i64::MAX, Instant::as_nanos);
            let flag = u64::from(found.is_terminating);
            self.tagged(15, [u64::from(found.node.0), started as u64, flag]);
            if found.says_more() {
                self.tagged(35, []);
                self.canonical(&(found.readiness, &found.containers));
            }
            if let Some(end) = &found.end {
                self.tagged(44, []);
                self.canonical(end);
            }
        }
        if let Some(owner) = created.owner {
            self.tagged(20, [u64::from(owner.object.0), owner.index as u64]);
            // Few pods have any.
            let failures = owner.failures;
            if failures != IndexFailures::default() {
                let amounts = [failures.counted, failures.ignored];
                self.tagged(34, amounts.map(|count| count as u64));
            }
        }
    }

    fn changed(&mut self, at: Instant, pod: PodRef, change: PodChange) {
        // Codes follow from what pods are and from other reports.
        if matches!(change, PodChange::Exited { .. }) {
            return;
        }
        self.record(at, 16, [number_of(pod)]);
        match change {
            PodChange::Ready(ready) => self.tagged(0, [u64::from(ready)]),
            PodChange::Restarted(restarts) => self.tagged(1, [u64::from(restarts.total())]),
            PodChange::Terminating { grace, reason } => {
                self.tagged(2, [grace.as_nanos() as u64, reason.code()]);
            }
            PodChange::Forgotten => self.tagged(3, []),
            PodChange::Exited { .. } => {}
            PodChange::OomKilled { container } => self.tagged(9, [u64::from(container)]),
            PodChange::Pull { container, step } => {
                let container = u64::from(container);
                match step {
                    PullStep::Asked => self.tagged(4, [container]),
                    PullStep::Done { bytes } => self.tagged(5, [container, bytes as u64]),
                    PullStep::Failed { error, again } => {
                        self.tagged(6, [container, error as u64, again.as_nanos() as u64]);
                    }
                }
            }
            PodChange::Held => self.tagged(7, []),
            PodChange::Released => self.tagged(8, []),
            PodChange::Declared { class } => self.tagged(10, [u64::from(class.0)]),
            PodChange::Moving { to } => self.tagged(11, [u64::from(to.0)]),
            PodChange::Resized { class, .. } => self.tagged(12, [u64::from(class.0)]),
            PodChange::Relocated(step) => self.relocation(step),
        }
    }

    /// Adds a value, every field of it.
    fn canonical(&mut self, value: &impl Hash) {
        Canonical(|bytes: &[u8]| self.bytes(bytes)).add(value);
    }

    fn object(&mut self, at: Instant, change: &ObjectChange) {
        match change {
            ObjectChange::Created { id, owner, object } => {
                let owner = owner.map_or(u64::MAX, |owner| u64::from(owner.0));
                self.record(at, 17, [u64::from(id.0), owner]);
                self.canonical(object);
            }
            ObjectChange::Updated { id, object } => {
                self.record(at, 18, [u64::from(id.0)]);
                self.canonical(object);
            }
            ObjectChange::Terminating { id } => self.record(at, 37, [u64::from(id.0)]),
            ObjectChange::Orphaned { id } => self.record(at, 38, [u64::from(id.0)]),
            ObjectChange::Deleted { id } => self.record(at, 19, [u64::from(id.0)]),
        }
    }

    fn hold(&mut self, at: Instant, hold: &Hold) {
        let (owner, node) = (u64::from(hold.owner.0), u64::from(hold.node.0));
        self.record(at, 11, [owner, hold.number, node]);
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

    /// An instant, a tag and up to five numbers: straight into the block, at once.
    #[inline]
    fn record<const NUMBERS: usize>(&mut self, at: Instant, tag: u8, numbers: [u64; NUMBERS]) {
        const {
            assert!(
                9 + 8 * NUMBERS <= RECORD_BYTES,
                "it has room beyond the block"
            );
        };
        let rest = &mut self.block[self.filled..];
        let (record, _) = rest
            .split_first_chunk_mut::<RECORD_BYTES>()
            .expect("invariant: the block has room for a record beyond its end");
        let (instant, rest) = record.split_at_mut(8);
        put(instant, at.as_nanos() as u64);
        rest[0] = tag;
        let mut rest = &mut rest[1..];
        for number in numbers {
            rest = put(rest, number);
        }
        self.filled += 9 + 8 * NUMBERS;
        if self.filled >= BLOCK_BYTES {
            self.hash_block();
        }
    }

    /// A tag and numbers that belong to the record before.
    fn tagged<const NUMBERS: usize>(&mut self, tag: u8, numbers: [u64; NUMBERS]) {
        self.bytes(&[tag]);
        for number in numbers {
            self.number(number);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// A text: its length, then its bytes.
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.bytes(&[u8::from(flag)]);
    }

    #[inline]
    fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = bytes.len().min(BLOCK_BYTES - self.filled);
            let (now, later) = bytes.split_at(room);
            self.block[self.filled..self.filled + room].copy_from_slice(now);
            self.filled += room;
            bytes = later;
            if self.filled == BLOCK_BYTES {
                self.hash_block();
            }
        }
    }

    /// Hashes the full block; what is beyond it begins the next one.
    fn hash_block(&mut self) {
        self.hasher.update(&self.block[..BLOCK_BYTES]);
        self.block.copy_within(BLOCK_BYTES..self.filled, 0);
        self.filled -= BLOCK_BYTES;
    }
}

/// Writes a number; returns what comes behind it.
#[inline]
fn put(bytes: &mut [u8], number: u64) -> &mut [u8] {
    let (place, rest) = bytes
        .split_first_chunk_mut()
        .expect("invariant: a record has room for its numbers");
    *place = number.to_le_bytes();
    rest
}

/// The number that stands for a pod.
#[inline]
fn number_of(pod: PodRef) -> u64 {
    u64::from(pod.id.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::{DeviceSet, Node, PodSpec, ResourceList, Taint, TaintEffect};
    use units::{ClassId, ComponentId, PodId, PodSlot, Quantity, Resources};

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
        Event::ClassAdded {
            class: ClassId(0),
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
    fn where_blocks_end_makes_no_difference() {
        let (mut digest, mut bytes) = (Digest::new(), Vec::new());
        for number in 0..6_000_i64 {
            let at = Instant::from_nanos(number);
            digest.start(at, POD, NodeId(7));
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.push(13);
            bytes.extend_from_slice(&3_u64.to_le_bytes());
            bytes.extend_from_slice(&7_u64.to_le_bytes());
            if number % 100 == 0 {
                let text = "x".repeat(number as usize * 30);
                digest.text(&text);
                bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        assert_eq!(digest.value(), blake3::hash(&bytes).to_hex().to_string());
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
