//! The component around the machine that consolidates: it reads nodes, pods and their use, places new
//! pods, and carries out moves.
//!
//! A pod is a virtual machine and a node a host; a thousandth of a core stands for a million
//! instructions per second. A move takes its time while the pod runs on; at its end the pod leaves its
//! node and goes on at its destination in the same instant.

use crate::parts::turn::Turn;
use std::collections::VecDeque;
use std::sync::Arc;

use cluster::{Conflict, Store, UsageSamples};
use control::{Component, Memory, Outbox, Progress, Write};
use model::{
    DeviceSet, EndReason, Event, EvictionCause, Node, PodChange, PodName, PodRef, ServiceLevels,
    Text,
};
use units::{Duration, Instant, NodeId, Revision, SortedMap};

use super::account::Balance;
use super::books::Books;
use super::datacenter::{Datacenter, Move, Rules};
use super::host::HostKind;
use super::ids::{HostId, VmId};
use super::vm::VmKind;

/// Options of the system.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsolidationOptions {
    /// Rules of the consolidation; without them pods take the first node with room and stay there.
    pub rules: Option<Rules>,
    /// Time between two decisions.
    pub interval: Duration,
    /// Number of cores that the processors of a node are; no machine uses more than one of them.
    pub cores: u32,
    /// Bandwidth of a node's network interface, in megabits per second.
    pub bandwidth_mbit: i64,
    /// Power of nodes at 0, 10, …, 100 percent of use, in watts, by name. A node without a power model
    /// counts as if it drew power in proportion to its use.
    pub watts: SortedMap<Text, [f64; 11]>,
    /// The run's seed.
    pub seed: u64,
}

impl Default for ConsolidationOptions {
    fn default() -> Self {
        Self {
            rules: None,
            interval: Duration::from_secs(300),
            cores: 1,
            bandwidth_mbit: 1000,
            watts: SortedMap::new(),
            seed: 0,
        }
    }
}

/// A pod that is a machine of the datacenter.
#[derive(Clone, Debug)]
struct Guest {
    pod: PodRef,
    name: PodName,
    /// Node that the pod is bound to as soon as it has come back.
    bound_for: Option<NodeId>,
    /// `true` until the pod has ended for good.
    is_there: bool,
    /// The number of orders to move it that are under way.
    moves: u32,
}

/// The component.
#[derive(Clone, Debug)]
pub struct Consolidator {
    options: ConsolidationOptions,
    /// Machines and hosts, with their account.
    books: Books,
    /// The balance that was last reported, and its instant.
    reported: Option<(Instant, Balance)>,
    /// Nodes of hosts, by host.
    nodes: Vec<NodeId>,
    /// Guests by machine.
    guests: Vec<Guest>,
    /// Number of guests that are there.
    present: usize,
    /// Machines by pod slot.
    by_slot: Vec<Option<VmId>>,
    /// Machines whose pods are on their way to another node, by name.
    travelling: SortedMap<PodName, VmId>,
    /// Machines without a host.
    waiting: Vec<VmId>,
    /// Moves under way, by the instant of their end.
    moves: SortedMap<Instant, Vec<Move>>,
    /// Nodes that are switched on, by host.
    is_on: Vec<bool>,
    /// Nodes that were switched on or off, in the order of the orders that the log has not shown yet.
    switched: VecDeque<(NodeId, bool)>,
    /// Instant of the next decision.
    next: Instant,
    /// The instant for which use was read.
    measured: Option<Instant>,
    cursor: Revision,
}

/// Bytes of a megabyte.
const MEGABYTE: i64 = 1 << 20;

impl Consolidator {
    /// A component that knows no nodes.
    pub fn new(options: ConsolidationOptions) -> Self {
        let next = Instant::ZERO.saturating_add(options.interval);
        Self {
            books: Books::new(Datacenter::new(options.rules, options.seed)),
            reported: None,
            options,
            nodes: Vec::new(),
            guests: Vec::new(),
            present: 0,
            by_slot: Vec::new(),
            travelling: SortedMap::new(),
            waiting: Vec::new(),
            moves: SortedMap::new(),
            is_on: Vec::new(),
            switched: VecDeque::new(),
            next,
            measured: None,
            cursor: Revision::default(),
        }
    }

    fn read(&mut self, turn: &mut Turn<'_>) {
        for entry in turn.store.log().since(self.cursor) {
            match &entry.event {
                Event::NodeAdded { node, object } => {
                    let kind = self.host_kind(turn.store, *node, object);
                    self.books.datacenter.add_host(kind);
                    self.nodes.push(*node);
                    self.is_on.push(true);
                }
                Event::PodCreated(created) => {
                    if let Some(vm) = self.travelling.remove(&created.name) {
                        self.arrived(vm, created.pod, turn);
                    } else {
                        self.joined(created.pod, &created.name, turn.store);
                    }
                }
                Event::PodEnded { pod, .. } => self.ended(*pod),
                Event::NodeReadiness { node, ready } => self.stated(*node, *ready),
                _ => {}
            }
        }
        self.cursor = turn.store.revision();
    }

    /// A node was switched on or off, or failed or came back by itself.
    fn stated(&mut self, node: NodeId, is_ready: bool) {
        if self.switched.front() == Some(&(node, is_ready)) {
            self.switched.pop_front();
            return;
        }
        if let Some(host) = self.nodes.iter().position(|&own| own == node) {
            self.books.datacenter.hosts[host].is_down = !is_ready;
            self.is_on[host] = is_ready;
        }
    }

    fn host_kind(&self, store: &Store, id: NodeId, node: &Node) -> HostKind {
        let offered = store.nodes().allocatable().row(id);
        let mips = offered.cpu_milli as f64;
        let watts = self.options.watts.get(&node.name).copied();
        HostKind {
            cores: self.options.cores,
            core_mips: mips / f64::from(self.options.cores),
            memory_mb: offered.memory_bytes / MEGABYTE,
            bandwidth_mbit: self.options.bandwidth_mbit,
            watts: watts
                .unwrap_or_else(|| std::array::from_fn(|tenths| tenths as f64 * mips / 1e4)),
        }
    }

    fn joined(&mut self, pod: PodRef, name: &PodName, store: &Store) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let class = store.class(record.class);
        // No machine has a device to give: the pod waits for good.
        if crate::mapping::refusal(super::entry::CAPABILITIES, &class.spec).is_some() {
            return;
        }
        let asked = &class.requests;
        let vm = self.books.datacenter.add_vm(VmKind {
            mips: (asked.cpu_milli as f64).max(1.0),
            memory_mb: asked.memory_bytes / MEGABYTE,
            bandwidth_mbit: 0,
        });
        let (name, bound_for) = (name.clone(), None);
        self.guests.push(Guest {
            pod,
            name,
            bound_for,
            is_there: true,
            moves: 0,
        });
        self.present += 1;
        self.note(pod, vm);
        self.waiting.push(vm);
    }

    fn note(&mut self, pod: PodRef, vm: VmId) {
        let slot = pod.slot.index();
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        self.by_slot[slot] = Some(vm);
    }

    /// A pod that was taken off its node is back: it goes on at its destination.
    fn arrived(&mut self, vm: VmId, pod: PodRef, turn: &mut Turn<'_>) {
        self.note(pod, vm);
        let guest = &mut self.guests[vm.index()];
        guest.pod = pod;
        if let Some(node) = guest.bound_for.take() {
            bind(pod, node, turn);
        }
    }

    /// A pod ended; one that travels is only on its way.
    fn ended(&mut self, pod: PodRef) {
        let known = self.by_slot.get_mut(pod.slot.index());
        let Some(&mut Some(vm)) = known else {
            return;
        };
        let guest = &mut self.guests[vm.index()];
        if guest.pod != pod || self.travelling.contains_key(&guest.name) {
            return;
        }
        guest.is_there = false;
        self.present -= 1;
        self.by_slot[pod.slot.index()] = None;
        self.waiting.retain(|&own| own != vm);
        if guest.moves == 0 {
            self.books.datacenter.remove(vm);
        }
    }

    /// Places machines without a host, in the order of their arrival.
    fn place(&mut self, turn: &mut Turn<'_>) {
        let mut left = Vec::new();
        for vm in std::mem::take(&mut self.waiting) {
            let pod = self.guests[vm.index()].pod;
            if let Some(host) = self.books.datacenter.place(vm) {
                self.switch(host, true, turn);
                bind(pod, self.nodes[host.index()], turn);
                turn.out.decided_pods += 1;
                turn.out.decided_jobs += 1;
            } else {
                left.push(vm);
            }
        }
        self.waiting = left;
    }

    /// Ends the moves that are due.
    fn finish(&mut self, turn: &mut Turn<'_>) {
        while let Some((&at, _)) = self.moves.first_key_value()
            && at <= turn.now
        {
            for order in self.moves.remove(&at).unwrap_or_default() {
                let guest = &mut self.guests[order.vm.index()];
                guest.moves -= 1;
                if self.books.datacenter.hosts[order.to.index()].is_down && guest.is_there {
                    self.books.datacenter.cancel(order, guest.moves == 0);
                    continue;
                }
                self.books.datacenter.finish(order);
                if !guest.is_there {
                    if guest.moves == 0 {
                        self.books.datacenter.remove(order.vm);
                    }
                    continue;
                }
                let node = self.nodes[order.to.index()];
                let is_on_the_way = guest.bound_for.replace(node).is_some();
                if !is_on_the_way {
                    let pod = guest.pod;
                    self.travelling.insert(guest.name.clone(), order.vm);
                    let reason = EndReason::Evicted(EvictionCause::Consolidation);
                    turn.write(Event::PodEnded { pod, reason });
                }
            }
        }
    }

    /// Decides on the moves of an interval, and starts them.
    fn decide(&mut self, turn: &mut Turn<'_>) {
        for order in self.books.datacenter.decide() {
            self.books.start(order, turn.now.as_secs_f64());
            let guest = &mut self.guests[order.vm.index()];
            guest.moves += 1;
            let (pod, to) = (guest.pod, self.nodes[order.to.index()]);
            let change = PodChange::Moving { to };
            turn.write(Event::PodChanged { pod, change });
            self.switch(order.to, true, turn);
            let span = duration(self.books.datacenter.seconds(order));
            self.moves
                .entry(turn.now.saturating_add(span))
                .or_default()
                .push(order);
        }
    }

    /// Reports what machines asked for and got since the last report.
    fn report(&mut self, turn: &mut Turn<'_>) {
        let balance = self.books.account.balance();
        let Some((since, before)) = self.reported.replace((turn.now, balance)) else {
            return;
        };
        if since == turn.now {
            return;
        }
        let scaled = |part: f64, unit: f64| (part * unit).round() as i64;
        turn.write(Event::ServiceLevels(Arc::new(ServiceLevels {
            since,
            in_use: scaled(balance.in_use - before.in_use, 1e9),
            overloaded: scaled(balance.overloaded - before.overloaded, 1e9),
            asked: scaled(balance.asked - before.asked, 1e6),
            lost_by_moves: scaled(balance.lost_by_moves - before.lost_by_moves, 1e6),
        })));
    }

    /// Switches hosts off on which no machine is.
    fn switch_off(&mut self, turn: &mut Turn<'_>) {
        for index in 0..self.nodes.len() {
            let host = &self.books.datacenter.hosts[index];
            if host.vms.is_empty() && !host.is_down {
                self.switch(HostId(index as u32), false, turn);
            }
        }
    }

    fn switch(&mut self, host: HostId, ready: bool, turn: &mut Turn<'_>) {
        let node = self.nodes[host.index()];
        if std::mem::replace(&mut self.is_on[host.index()], ready) != ready {
            turn.write(Event::NodeReadiness { node, ready });
            self.switched.push_back((node, ready));
        }
    }
}

fn bind(pod: PodRef, node: NodeId, turn: &mut Turn<'_>) {
    let devices = DeviceSet::default();
    turn.write(Event::PodBound { pod, node, devices });
}

/// Seconds as a duration, to the nanosecond.
fn duration(seconds: f64) -> Duration {
    Duration::from_nanos((seconds * 1e9).round() as i64)
}

impl Component for Consolidator {
    fn name(&self) -> &'static str {
        "consolidation"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let turn = &mut Turn::new(now, view, out);
        self.read(turn);
        self.place(turn);
        self.finish(turn);
        let is_measured = self.measured == Some(now);
        if is_measured {
            self.books.settle(now.as_secs_f64());
            self.report(turn);
        }
        if now >= self.next {
            if is_measured {
                self.books.datacenter.remember();
                self.decide(turn);
            }
            let interval = self.options.interval.as_nanos();
            let passed = now.as_nanos().div_euclid(interval);
            self.next = Instant::from_nanos((passed + 1).saturating_mul(interval));
        }
        self.switch_off(turn);
        if let Some((&at, _)) = self.moves.first_key_value() {
            turn.out.wake_at(at);
        }
        // What machines use changes by itself: each interval can bring decisions as long as there are
        // machines on hosts, so it keeps the run going. Those that wait alone change nothing.
        if self.present > self.waiting.len() {
            turn.out.wake_at(self.next);
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::NodeReadiness { node, ready } = write.event {
            let place = self.switched.iter().position(|own| *own == (node, ready));
            place.and_then(|place| self.switched.remove(place));
            return;
        }
        let Event::PodBound { pod, .. } = write.event else {
            return;
        };
        if let Some(&Some(vm)) = self.by_slot.get(pod.slot.index())
            && self.guests[vm.index()].pod == pod
        {
            self.books.datacenter.withdraw(vm);
            self.waiting.push(vm);
        }
    }

    fn reads_metrics(&self, now: Instant) -> bool {
        now >= self.next
            || self
                .moves
                .first_key_value()
                .is_some_and(|(&at, _)| at <= now)
    }

    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        let used: Vec<f64> = (0..)
            .zip(&self.guests)
            .map(|(index, guest): (usize, &Guest)| {
                let vm = &self.books.datacenter.vms[index];
                let cpu = usage.pod(guest.pod).map(|used| used.cpu_milli as f64);
                match cpu {
                    Some(cpu) => cpu / vm.kind.mips,
                    None if view.pods().get(guest.pod).is_none() => 0.0,
                    None => vm.used,
                }
            })
            .collect();
        self.books.observe(now.as_secs_f64(), |vm| used[vm.index()]);
        self.measured = Some(now);
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn resumes_pods(&self) -> bool {
        true
    }

    fn memory(&self) -> Memory {
        Memory::Lost
    }

    fn backlog(&self) -> usize {
        self.waiting.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let known = self.by_slot.get(pod.slot.index()).copied().flatten();
        let known = known.filter(|vm| self.guests[vm.index()].pod == pod);
        match known {
            Some(vm) if self.waiting.contains(&vm) => Some("no host has room for it".into()),
            Some(_) => None,
            None => Some("asks for what no host has".into()),
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
