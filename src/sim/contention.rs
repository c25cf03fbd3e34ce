//! Processes that share a node: CPU is shared by weight and capped by limits; memory is not shared.
//! A process over its memory limit is killed at that instant, a node without free memory kills the process
//! of the highest score, and before that its kubelet evicts pods, one in ten seconds
//! (spec: kubernetes.md part 4, orchestrators-b.md 10.6). Instants are computed from what pods use over
//! time; nodes on which nothing changes are not looked at.

mod resources;

use model::{PodRef, ResourceUsage};
use units::{Duration, Instant, NodeId, PodId, SortedMap, SortedSet};

use super::cores::{Claim, CorePlace, Cores, ProcessRef};
use super::hosts::PaceChange;
pub(super) use resources::{LOOK, ProcessResources, on_grid};

/// The number of all processes of a pod whose containers are one.
pub(super) const WHOLE: u16 = u16::MAX;

/// The resources of a node that its processes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentionModel {
    /// Whether they share cores.
    pub cpu: bool,
    /// Whether they share memory.
    pub memory: bool,
    /// The use of each node by itself.
    pub overhead: ResourceUsage,
}

/// A process that is up.
#[derive(Clone, Copy, Debug)]
struct Process {
    pod: PodRef,
    /// The instant at which the process is over its limit of memory, if it will be.
    over: Option<Instant>,
}

/// The shared resources of the nodes of a cell.
#[derive(Clone, Debug)]
pub(super) struct Contention {
    model: ContentionModel,
    cores: Cores,
    processes: SortedMap<(PodId, u16), Process>,
    over: SortedSet<(Instant, (PodId, u16))>,
    /// Instants of the next looks at nodes, in order, and by node.
    looks: SortedSet<(Instant, NodeId)>,
    look_at: SortedMap<NodeId, Instant>,
    /// Earliest instants at which pods of nodes are evicted next.
    passes: SortedMap<NodeId, Instant>,
    evicted: SortedSet<PodId>,
    /// Nodes that say they are short of memory, and until when at least.
    pressures: SortedMap<NodeId, Instant>,
}

impl Contention {
    pub(super) fn new(model: ContentionModel) -> Self {
        Self {
            model,
            cores: Cores::default(),
            processes: SortedMap::new(),
            over: SortedSet::new(),
            looks: SortedSet::new(),
            look_at: SortedMap::new(),
            passes: SortedMap::new(),
            evicted: SortedSet::new(),
            pressures: SortedMap::new(),
        }
    }

    /// Instants at which something is due next, and whether it is more than the end of a process.
    pub(super) fn due(&self) -> impl Iterator<Item = (Instant, bool)> {
        let ends = self.cores.due().map(|at| (at, false));
        let over = self.over.first().map(|&(at, _)| (at, true));
        let look = self.looks.first().map(|&(at, _)| (at, true));
        [ends, over, look].into_iter().flatten()
    }

    /// A node is to be looked at then, or before.
    pub(super) fn look(&mut self, node: NodeId, at: Instant) {
        let known = self.look_at.get(&node).copied();
        if known.is_none_or(|known| at < known) && at < Instant::MAX {
            self.looks.extend([(at, node)]);
            if let Some(known) = self.look_at.insert(node, at) {
                self.looks.remove(&(known, node));
            }
        }
    }

    /// A node is heard again: what it said when it was away is looked at.
    pub(super) fn look_again(&mut self, now: Instant, node: NodeId) {
        if self.pressures.contains_key(&node) {
            self.look(node, now);
        }
    }

    /// The next node that is to be looked at by now.
    pub(super) fn next_look(&mut self, now: Instant) -> Option<NodeId> {
        let &(at, node) = self.looks.first().filter(|&&(at, _)| at <= now)?;
        self.looks.remove(&(at, node));
        self.look_at.remove(&node);
        Some(node)
    }

    /// A process is gone.
    pub(super) fn down(&mut self, now: Instant, pod: PodId, container: u16) {
        self.cores.end(now, pod, container);
        let key = (pod, container);
        if let Some(at) = self.processes.remove(&key).and_then(|known| known.over) {
            self.over.remove(&(at, key));
        }
    }

    /// The host of a pod gets on with its work at another pace.
    pub(super) fn stretch(&mut self, now: Instant, pod: PodId, change: PaceChange) {
        self.cores.stretch(now, pod, change);
    }

    /// All processes of a pod are gone.
    pub(super) fn forget(&mut self, now: Instant, pod: PodId) {
        let own = self.processes.range((pod, 0)..=(pod, WHOLE));
        let keys: Vec<(PodId, u16)> = own.map(|(&key, _)| key).collect();
        for (pod, container) in keys {
            self.down(now, pod, container);
        }
        self.evicted.remove(&pod);
    }

    /// The resources that processes share.
    pub(super) const fn model(&self) -> ContentionModel {
        self.model
    }

    /// A process is up.
    pub(super) fn up(&mut self, now: Instant, up: ProcessUp) {
        let ProcessRef { pod, container } = up.process;
        self.down(now, pod.id, container);
        let node = up.place.node;
        if self.model.cpu {
            self.cores
                .begin(now, up.place, up.process, up.claim, up.run_time);
            if let Some(at) = up.changes {
                self.look(node, at);
            }
        }
        let key = (pod.id, container);
        self.over.extend(up.over.map(|at| (at, key)));
        let process = Process { pod, over: up.over };
        self.processes.insert(key, process);
        if self.model.memory {
            self.look(node, now);
        }
    }

    /// Takes out the processes whose work is done by now.
    pub(super) fn ended(&mut self, now: Instant) -> Vec<ProcessRef> {
        self.cores.ended(now)
    }

    /// Takes out a process that is over its limit of memory by now.
    pub(super) fn next_over_limit(&mut self, now: Instant) -> Option<ProcessRef> {
        loop {
            let &(at, key) = self.over.first().filter(|&&(at, _)| at <= now)?;
            self.over.remove(&(at, key));
            if let Some(process) = self.processes.get(&key) {
                let (pod, container) = (process.pod, key.1);
                return Some(ProcessRef { pod, container });
            }
        }
    }

    /// The processes of a pod.
    pub(super) fn processes_of(&self, pod: PodId) -> impl Iterator<Item = ProcessRef> {
        let own = self.processes.range((pod, 0)..=(pod, WHOLE));
        own.map(|(&(_, container), process)| ProcessRef {
            pod: process.pod,
            container,
        })
    }

    /// The cores that each pod on some nodes gets, in thousandths; `None` where nodes do not share them.
    pub(super) fn rates_on(&self, nodes: &[NodeId]) -> Option<SortedMap<PodId, i64>> {
        self.model.cpu.then(|| self.cores.rates_on(nodes))
    }

    /// Takes out the nodes whose cores are shared in another way than before.
    pub(super) fn take_changed(&mut self) -> Vec<NodeId> {
        self.cores.take_changed()
    }

    /// The processes on a node that use its cores.
    pub(super) fn on_cores(&self, node: NodeId) -> Vec<ProcessRef> {
        self.cores.on(node)
    }

    /// A process wants so much of the cores from now on.
    pub(super) fn wants(&mut self, now: Instant, process: ProcessRef, demand_milli: i64) {
        let ProcessRef { pod, container } = process;
        self.cores.wants(now, pod.id, container, demand_milli);
    }

    /// Earliest instant at which a pod of a node is evicted next, if one was.
    pub(super) fn next_pass(&self, node: NodeId) -> Option<Instant> {
        self.passes.get(&node).copied()
    }

    /// A node evicts a pod now, and the next one then.
    pub(super) fn pass(&mut self, node: NodeId, next: Instant) {
        self.passes.insert(node, next);
        self.look(node, next);
    }

    /// Whether a pod was evicted.
    pub(super) fn is_evicted(&self, pod: PodId) -> bool {
        self.evicted.contains(&pod)
    }

    /// A pod is evicted.
    pub(super) fn evict(&mut self, pod: PodId) {
        self.evicted.insert(pod);
    }

    /// A node is short of memory, and says so until then at least; whether it did not before.
    pub(super) fn begin_pressure(&mut self, node: NodeId, until: Instant) -> bool {
        self.pressures.insert(node, until).is_none()
    }

    /// Instant until which a node reports at least that it is short of memory.
    pub(super) fn pressed_until(&self, node: NodeId) -> Option<Instant> {
        self.pressures.get(&node).copied()
    }

    /// A node is no longer short of memory.
    pub(super) fn end_pressure(&mut self, node: NodeId) {
        self.pressures.remove(&node);
    }
}

/// A process that came up, and what it asks of its node.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessUp {
    pub(super) process: ProcessRef,
    pub(super) place: CorePlace,
    pub(super) claim: Claim,
    /// The run time with all that the process wants; `None` until it is stopped.
    pub(super) run_time: Option<Duration>,
    /// The instant at which its demand for cores changes by itself.
    pub(super) changes: Option<Instant>,
    /// The instant at which the process is over its limit of memory.
    pub(super) over: Option<Instant>,
}
