//! Processes that share a node: its cores are had by weight and limit, memory is there or is not.
//! Whoever is over his own limit is killed at that instant, a node that has none left kills the process
//! of the highest score, and before that its kubelet evicts pods, one in ten seconds
//! (spec: kubernetes.md part 4, orchestrators-b.md 10.6). Instants are computed from what pods use over
//! time; nodes on which nothing changes are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::control::MachineEvent;
use crate::control::controllers::kubelet_eviction::{
    CandidateUsage, EvictionCandidate, EvictionSignal, PERIOD, PRESSURE_HOLD, rank,
};
use crate::control::node::{ContainerEvent, StopOrder};
use crate::model::exit::KILLED;
use crate::model::node::MEMORY_PRESSURE_TAINT;
use crate::model::qos::{CRITICAL_PRIORITY, QosClass, oom_score};
use crate::model::resource_list::{CPU, MEMORY};
use crate::model::usage::Curve;
use crate::model::{
    Container, EndReason, Event, EvictionCause, PodChange, PodRef, PodSpec, Text, Used,
};
use crate::units::{Duration, Instant, NodeId, PodId};

use super::SimError;
use super::cell::Cell;
use super::cores::{Claim, Cores, cpu_shares, cpu_weight};
use super::engine::Engine;
use super::hosts::Pace;

/// What of memory has to be left on a node, or pods are evicted.
const EVICTION_THRESHOLD: i64 = 100 << 20;
/// What a container gets to end that is evicted.
const EVICTION_GRACE: Duration = Duration::from_secs(2);
/// How often usage is looked at that changes by itself.
const LOOK: Duration = Duration::from_secs(60);
/// The number of all processes of a pod whose containers are one.
pub(super) const WHOLE: u16 = u16::MAX;

/// What processes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentionModel {
    /// Whether they share cores.
    pub cpu: bool,
    /// Whether they share memory.
    pub memory: bool,
    /// What each node uses by itself.
    pub overhead: Used,
}

/// A process that is up.
#[derive(Clone, Copy, Debug)]
struct Process {
    pod: PodRef,
    /// When it is over its limit of memory, if it will be.
    over: Option<Instant>,
}

/// What processes of a cell share.
#[derive(Clone, Debug)]
pub(super) struct Contention {
    pub(super) model: ContentionModel,
    cores: Cores,
    processes: BTreeMap<(PodId, u16), Process>,
    over: BTreeSet<(Instant, (PodId, u16))>,
    /// When nodes are looked at next, and the other way round.
    looks: BTreeSet<(Instant, NodeId)>,
    look_at: BTreeMap<NodeId, Instant>,
    /// When pods of nodes are evicted next at the earliest.
    passes: BTreeMap<NodeId, Instant>,
    evicted: BTreeSet<PodId>,
    /// Nodes that say they are short of memory, and until when at least.
    pressures: BTreeMap<NodeId, Instant>,
}

impl Contention {
    pub(super) fn new(model: ContentionModel) -> Self {
        Self {
            model,
            cores: Cores::default(),
            processes: BTreeMap::new(),
            over: BTreeSet::new(),
            looks: BTreeSet::new(),
            look_at: BTreeMap::new(),
            passes: BTreeMap::new(),
            evicted: BTreeSet::new(),
            pressures: BTreeMap::new(),
        }
    }

    /// When something is due next.
    pub(super) fn due(&self) -> Option<Instant> {
        let over = self.over.first().map(|&(at, _)| at);
        let look = self.looks.first().map(|&(at, _)| at);
        [self.cores.due(), over, look].into_iter().flatten().min()
    }

    /// A node is to be looked at then, or before.
    fn look(&mut self, node: NodeId, at: Instant) {
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

    fn next_look(&mut self, now: Instant) -> Option<NodeId> {
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
    pub(super) fn stretch(&mut self, now: Instant, pod: PodId, paces: (Pace, Pace)) {
        self.cores.stretch(now, pod, paces);
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
}

/// What a process asks for: one container, or all that run beside each other.
struct Asked {
    cpu_request: i64,
    cpu_limit: Option<i64>,
    memory_request: i64,
    memory_limit: Option<i64>,
}

fn amount(container: &Container, name: &str, of_limits: bool) -> i64 {
    let list = if of_limits {
        &container.limits
    } else {
        &container.requests
    };
    let amount = list.get(name);
    let whole = match name {
        CPU => amount.milli_ceil(),
        _ => amount.units_ceil(),
    };
    whole.unwrap_or(i64::MAX)
}

impl Asked {
    fn of(spec: &PodSpec, container: u16) -> Self {
        let all: Vec<&Container> = match container {
            WHOLE => spec.containers.iter().collect(),
            number => spec
                .all_containers()
                .skip(usize::from(number))
                .take(1)
                .collect(),
        };
        let sum = |name| {
            let amounts = all.iter().map(|own| amount(own, name, false));
            amounts.fold(0, i64::saturating_add)
        };
        let limit = |name| {
            let limits = all
                .iter()
                .map(|own| Some(amount(own, name, true)).filter(|&n| n > 0));
            let limits: Option<Vec<i64>> = limits.collect();
            limits.map(|limits| limits.into_iter().fold(0, i64::saturating_add))
        };
        Self {
            cpu_request: sum(CPU),
            cpu_limit: limit(CPU),
            memory_request: sum(MEMORY),
            memory_limit: limit(MEMORY),
        }
    }
}

/// The part of a pod's use that is one process's: as its request is of the pod's, or all.
fn part(whole: i64, (own, all): (i64, i64), container: u16, containers: usize) -> i64 {
    if container == WHOLE {
        return whole;
    }
    let (own, all) = if all > 0 {
        (own, all)
    } else {
        (1, containers.max(1) as i64)
    };
    let part = i128::from(whole) * i128::from(own) / i128::from(all);
    i64::try_from(part).unwrap_or(i64::MAX)
}

/// The first point of a grid of periods at or after an instant.
fn on_grid(at: Instant, period: Duration) -> Instant {
    let period = period.as_nanos();
    let whole = at.as_nanos().saturating_add(period - 1) / period;
    Instant::from_nanos(whole.saturating_mul(period))
}

/// What a node has of a resource.
fn capacity(cell: &Cell, node: NodeId, name: &str) -> i64 {
    let Some(object) = cell.store.nodes().object(node) else {
        return 0;
    };
    let list = if object.capacity.is_empty() {
        &object.allocatable
    } else {
        &object.capacity
    };
    let amount = match name {
        CPU => list.get(name).milli_ceil(),
        _ => list.get(name).units_ceil(),
    };
    amount.unwrap_or(i64::MAX)
}

/// What a process of a pod wants of the cores, in thousandths: what is said of its use, or else what
/// it requests, or else one core.
fn cpu_demand(cell: &Cell, now: Instant, pod: PodRef, spec: &PodSpec, container: u16) -> i64 {
    let asked = Asked::of(spec, container);
    let wanted = cell.usage.wanted(pod, now).map_or(0, |used| used.cpu_milli);
    if wanted > 0 {
        let all = Asked::of(spec, WHOLE).cpu_request;
        return part(
            wanted,
            (asked.cpu_request, all),
            container,
            spec.containers.len(),
        );
    }
    match asked.cpu_request {
        0 => 1_000,
        request => request,
    }
}

/// When what a pod uses of the cores changes next by itself, as far as it is looked at.
fn cpu_changes(cell: &Cell, now: Instant, pod: PodRef) -> Option<Instant> {
    let (cpu, ..) = cell.usage.curves(pod)?;
    let next = on_grid(now.saturating_add(Duration::from_nanos(1)), LOOK);
    match cpu {
        Some(Curve::Constant(_)) => None,
        Some(Curve::Steps(series)) => {
            let place = series.partition_point(|&(at, _)| at <= now);
            series.get(place).map(|&(at, _)| at)
        }
        Some(_) => Some(next),
        None => cell
            .usage
            .wanted(pod, now)
            .filter(|used| used.cpu_milli > 0)
            .map(|_| next),
    }
}

impl Engine<'_> {
    fn spec_of_pod(cell: &Cell, pod: PodRef) -> Option<(NodeId, std::sync::Arc<PodSpec>)> {
        let record = cell.store.pods().get(pod)?;
        Some((record.node()?, cell.store.class(record.spec).object.clone()))
    }

    /// A process is up: it takes part in what its node has.
    pub(super) fn process_up(
        &mut self,
        cell: &mut Cell,
        pod: PodRef,
        container: u16,
    ) -> Result<(), SimError> {
        let Some(model) = cell.contention.as_ref().map(|own| own.model) else {
            return Ok(());
        };
        let Some((node, spec)) = Self::spec_of_pod(cell, pod) else {
            return Ok(());
        };
        let now = self.now;
        if cell.usage.wanted(pod, now).is_none() {
            cell.usage.started(now, pod, &cell.store);
        }
        let asked = Asked::of(&spec, container);
        let claim = Claim {
            weight: cpu_weight(cpu_shares(asked.cpu_request)),
            demand_milli: cpu_demand(cell, now, pod, &spec, container),
            limit_milli: asked.cpu_limit,
        };
        let run_time = match container {
            WHOLE => cell.machine.work(pod).and_then(|work| work.run_time),
            number => self.drawn_run_time((cell.number, pod, usize::from(number)), &spec)?,
        };
        let pace = cell.hosts.pace(node);
        let run_time = run_time.map(|span| pace.stretch(span, Pace::USUAL));
        let cores = capacity(cell, node, CPU)
            .saturating_sub(model.overhead.cpu_milli)
            .max(0);
        let look = cpu_changes(cell, now, pod);
        let over = if model.memory {
            over_limit(cell, now, pod, &spec, (container, &asked))
        } else {
            None
        };
        let Some(contention) = &mut cell.contention else {
            return Ok(());
        };
        let key = (pod.id, container);
        contention.down(now, pod.id, container);
        if model.cpu {
            let place = (node, cores);
            contention
                .cores
                .begin(now, place, (pod, container), claim, run_time);
            if let Some(at) = look {
                contention.look(node, at);
            }
        }
        contention.over.extend(over.map(|at| (at, key)));
        contention.processes.insert(key, Process { pod, over });
        if model.memory {
            contention.look(node, now);
        }
        self.expect_tick(cell);
        Ok(())
    }

    /// What is due of processes that share nodes.
    pub(super) fn contend(&mut self, cell: &mut Cell) -> Result<(), SimError> {
        let now = self.now;
        loop {
            let Some(contention) = &mut cell.contention else {
                return Ok(());
            };
            let ended = contention.cores.ended(now);
            for &(pod, container) in &ended {
                let code = Self::spec_of_pod(cell, pod).map_or(0, |(_, spec)| {
                    let number = if container == WHOLE { 0 } else { container };
                    spec.exit_code(usize::from(number))
                });
                self.process_exits(cell, (pod, container), code)?;
            }
            let Some(contention) = &mut cell.contention else {
                return Ok(());
            };
            let over = contention.over.first().copied();
            if let Some((at, key)) = over.filter(|&(at, _)| at <= now) {
                contention.over.remove(&(at, key));
                if let Some(process) = contention.processes.get(&key).copied() {
                    self.kill_process(cell, (process.pod, key.1))?;
                }
                continue;
            }
            match contention.next_look(now) {
                Some(node) => self.look_at(cell, node)?,
                None if ended.is_empty() => return Ok(()),
                None => {}
            }
        }
    }

    /// A process ends by itself, or is killed.
    fn process_exits(
        &mut self,
        cell: &mut Cell,
        (pod, container): (PodRef, u16),
        code: i32,
    ) -> Result<(), SimError> {
        if let Some(contention) = &mut cell.contention {
            contention.down(self.now, pod.id, container);
        }
        let event = if container == WHOLE {
            if !cell.machine.is_running(pod) {
                return Ok(());
            }
            cell.machine.process_ended(self.now, pod);
            MachineEvent::Exited { code }
        } else {
            cell.machine.stop_container(pod, container);
            if code != 0 {
                // What grows begins anew.
                cell.usage.started(self.now, pod, &cell.store);
            }
            MachineEvent::Container(container, ContainerEvent::Exited { code })
        };
        cell.agent
            .machine(self.now, pod, event, &mut cell.agent_output);
        self.carry(cell)
    }

    /// A process is killed for want of memory.
    fn kill_process(
        &mut self,
        cell: &mut Cell,
        (pod, container): (PodRef, u16),
    ) -> Result<(), SimError> {
        if cell.store.pods().get(pod).is_none() {
            return Ok(());
        }
        let number = if container == WHOLE { 0 } else { container };
        let change = PodChange::OomKilled { container: number };
        self.observed(cell, Event::PodChanged { pod, change })?;
        self.process_exits(cell, (pod, container), KILLED)
    }

    /// A node is looked at: who wants how much of its cores, and whether its memory suffices.
    fn look_at(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        let now = self.now;
        let Some(contention) = &cell.contention else {
            return Ok(());
        };
        let model = contention.model;
        if model.cpu {
            for (pod, container) in contention.cores.on(node) {
                let Some((_, spec)) = Self::spec_of_pod(cell, pod) else {
                    continue;
                };
                let demand = cpu_demand(cell, now, pod, &spec, container);
                let next = cpu_changes(cell, now, pod);
                if let Some(contention) = &mut cell.contention {
                    contention.cores.wants(now, pod.id, container, demand);
                    if let Some(at) = next {
                        contention.look(node, at);
                    }
                }
            }
        }
        if model.memory {
            self.look_at_memory(cell, node, model)?;
        }
        Ok(())
    }

    fn look_at_memory(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        model: ContentionModel,
    ) -> Result<(), SimError> {
        let now = self.now;
        let whole = capacity(cell, node, MEMORY);
        let users = memory_users(cell, now, node);
        let used = users.iter().map(|user| user.bytes);
        let used = used.fold(model.overhead.memory_bytes, i64::saturating_add);
        if used > whole {
            let score = |user: &MemoryUser| {
                let qos = QosClass::of(&user.spec);
                let request = Asked::of(&user.spec, WHOLE).memory_request;
                oom_score(user.bytes, whole, qos.oom_score_adj(request, whole))
            };
            // The first of equals.
            let worst = users.iter().rev().max_by_key(|user| score(user));
            if let Some(user) = worst {
                if let Some(contention) = &mut cell.contention {
                    contention.look(node, now);
                }
                return self.kill_process(cell, (user.pod, user.container));
            }
            return Ok(());
        }
        // The kernel does not wait for the kubelet.
        if let (Some(at), Some(contention)) = (
            next_shortage(cell, now, &users, whole - used),
            &mut cell.contention,
        ) {
            contention.look(node, at);
        }
        let slack = whole - used - EVICTION_THRESHOLD;
        if slack >= 0 {
            self.relieve(cell, node)?;
            let next = next_shortage(cell, now, &users, slack);
            if let (Some(at), Some(contention)) = (next, &mut cell.contention) {
                contention.look(node, on_grid(at, PERIOD));
            }
            return Ok(());
        }
        let Some(contention) = &mut cell.contention else {
            return Ok(());
        };
        let pass = contention.passes.get(&node).copied();
        if let Some(at) = pass.filter(|&at| at > now) {
            contention.look(node, at);
            return Ok(());
        }
        let due = on_grid(now, PERIOD);
        if due > now {
            contention.look(node, due);
            return Ok(());
        }
        let next = now.saturating_add(PERIOD);
        contention.passes.insert(node, next);
        contention.look(node, next);
        let until = now.saturating_add(PRESSURE_HOLD);
        if cell.hosts.is_reached(node) && contention.pressures.insert(node, until).is_none() {
            self.told(cell, "short of memory", node, true);
            self.pressure(cell, node, MEMORY_PRESSURE_TAINT, true)?;
        }
        self.evict(cell, node, users)
    }

    /// A node has memory enough: five minutes after it had not it says so.
    fn relieve(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        let is_reached = cell.hosts.is_reached(node);
        let Some(contention) = &mut cell.contention else {
            return Ok(());
        };
        let Some(&until) = contention.pressures.get(&node) else {
            return Ok(());
        };
        if until > self.now {
            contention.look(node, until);
            return Ok(());
        }
        // One that is away is looked at once it is back.
        if !is_reached {
            return Ok(());
        }
        contention.pressures.remove(&node);
        self.told(cell, "short of memory", node, false);
        self.pressure(cell, node, MEMORY_PRESSURE_TAINT, false)
    }

    /// The kubelet of a node evicts the pod whose turn it is.
    fn evict(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        users: Vec<MemoryUser>,
    ) -> Result<(), SimError> {
        let Some(contention) = &cell.contention else {
            return Ok(());
        };
        let mut pods: Vec<(PodRef, EvictionCandidate)> = Vec::new();
        for user in users {
            if user.spec.priority >= CRITICAL_PRIORITY || contention.evicted.contains(&user.pod.id)
            {
                continue;
            }
            if let Some((_, known)) = pods.iter_mut().find(|(pod, _)| *pod == user.pod) {
                if let Some(usage) = &mut known.usage {
                    usage.bytes = usage.bytes.saturating_add(user.bytes);
                }
                continue;
            }
            let name: Text = cell
                .store
                .pods()
                .get(user.pod)
                .map_or_else(Text::default, |record| record.name.text());
            let usage = CandidateUsage {
                bytes: user.bytes,
                processes: 1,
            };
            pods.push((
                user.pod,
                EvictionCandidate {
                    name,
                    priority: user.spec.priority,
                    request: Asked::of(&user.spec, WHOLE).memory_request,
                    usage: Some(usage),
                },
            ));
        }
        let candidates: Vec<EvictionCandidate> = pods.iter().map(|(_, one)| one.clone()).collect();
        let Some(&first) = rank(EvictionSignal::Memory, &candidates).first() else {
            return Ok(());
        };
        let pod = pods[first].0;
        if let Some(contention) = &mut cell.contention {
            contention.evicted.insert(pod.id);
        }
        let order = StopOrder {
            pod,
            node,
            grace: EVICTION_GRACE,
            reason: EndReason::Evicted(EvictionCause::NodePressure),
        };
        cell.agent.stopping(self.now, order, &mut cell.agent_output);
        self.carry(cell)
    }
}

/// A process and the memory that it uses.
struct MemoryUser {
    pod: PodRef,
    container: u16,
    spec: std::sync::Arc<PodSpec>,
    bytes: i64,
}

/// The processes on a node in the order of their pods.
fn memory_users(cell: &Cell, now: Instant, node: NodeId) -> Vec<MemoryUser> {
    let slots = cell.store.nodes().pods(node).iter();
    let mut pods: Vec<PodRef> = (slots.filter_map(|&slot| cell.store.pods().at(slot)))
        .map(|record| record.pod)
        .collect();
    pods.sort_unstable();
    let mut users = Vec::new();
    let Some(contention) = &cell.contention else {
        return users;
    };
    for pod in pods {
        let own = contention.processes.range((pod.id, 0)..=(pod.id, WHOLE));
        for (&(_, container), process) in own {
            let Some((_, spec)) = Engine::spec_of_pod(cell, process.pod) else {
                continue;
            };
            let whole = cell
                .usage
                .wanted(pod, now)
                .map_or(0, |used| used.memory_bytes);
            let own = Asked::of(&spec, container).memory_request;
            let all = Asked::of(&spec, WHOLE).memory_request;
            let bytes = part(whole, (own, all), container, spec.containers.len());
            users.push(MemoryUser {
                pod,
                container,
                spec,
                bytes,
            });
        }
    }
    users
}

/// When a process is over its own limit of memory.
fn over_limit(
    cell: &Cell,
    now: Instant,
    pod: PodRef,
    spec: &PodSpec,
    (container, asked): (u16, &Asked),
) -> Option<Instant> {
    let limit = asked.memory_limit?;
    let (_, memory, since) = cell.usage.curves(pod)?;
    let level = i128::from(limit) + 1;
    let level = if container == WHOLE {
        level
    } else {
        let all = i128::from(Asked::of(spec, WHOLE).memory_request);
        match i128::from(asked.memory_request) {
            own if own > 0 && all > 0 => (level * all + own - 1) / own,
            _ => level * spec.containers.len().max(1) as i128,
        }
    };
    memory?.reaches(i64::try_from(level).ok()?, now, since)
}

/// When memory may run short next: not before one of those whose use changes uses so much more that
/// the others, each by as much, would make up for what is left.
fn next_shortage(cell: &Cell, now: Instant, users: &[MemoryUser], slack: i64) -> Option<Instant> {
    let pods: BTreeSet<PodRef> = users.iter().map(|user| user.pod).collect();
    let (mut curves, mut next) = (Vec::new(), None);
    for pod in pods {
        match cell.usage.curves(pod) {
            None | Some((_, Some(Curve::Constant(_)), _)) => {}
            Some((_, Some(memory), since)) => curves.push((memory, since)),
            // What pods share depends on all of them.
            Some((_, None, _)) => {
                let wanted = cell
                    .usage
                    .wanted(pod, now)
                    .map_or(0, |used| used.memory_bytes);
                next = next.or((wanted > 0).then(|| now.saturating_add(LOOK)));
            }
        }
    }
    let each = slack / (curves.len().max(1) as i64) + 1;
    let reached = curves.into_iter().filter_map(|(memory, since)| {
        let level = memory.at(now, since).saturating_add(each);
        memory.reaches(level, now, since)
    });
    reached.chain(next).min()
}
