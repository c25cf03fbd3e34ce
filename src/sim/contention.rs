//! Processes that share a node: its cores are had by weight and limit, memory is there or is not.
//! Whoever is over his own limit is killed at that instant, a node that has none left kills the process
//! of the highest score, and before that its kubelet evicts pods, one in ten seconds
//! (spec: kubernetes.md part 4, orchestrators-b.md 10.6). Instants are computed from what pods use over
//! time; nodes on which nothing changes are not looked at.

mod asked;
mod memory;

use std::collections::{BTreeMap, BTreeSet};

use control::MachineEvent;
use control::node::ContainerEvent;
use model::exit::KILLED;
use model::resource_list::CPU;
use model::{Event, PodChange, PodRef, PodSpec, Used};
use units::{Instant, NodeId, PodId};

use super::SimError;
use super::cell::Cell;
use super::cores::{Claim, Cores, cpu_shares, cpu_weight};
use super::engine::Engine;
use super::hosts::Pace;
use asked::{Asked, capacity, cpu_changes, cpu_demand};
use memory::over_limit;

/// The number of all processes of a pod whose containers are one.
pub(super) const WHOLE: u16 = u16::MAX;

/// Model of the resources that processes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentionModel {
    /// Whether they share cores.
    pub cpu: bool,
    /// Whether they share memory.
    pub memory: bool,
    /// Usage of each node without pods.
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

impl Engine<'_> {
    fn spec_of_pod(cell: &Cell, pod: PodRef) -> Option<(NodeId, std::sync::Arc<PodSpec>)> {
        let record = cell.store.pods().get(pod)?;
        Some((
            record.node()?,
            cell.store.class(record.class).object.clone(),
        ))
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
}
