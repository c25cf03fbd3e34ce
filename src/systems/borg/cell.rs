//! Machines of a cell, and the choice among them (spec: orchestrators-b.md section 5.2). For a task of
//! production or monitoring the limits of such tasks count as used, for others the reservations of all:
//! what is reclaimed serves them alone.
//!
//! The plain form looks at every machine. The fast form keeps the answers about all machines for each
//! class of tasks (score caching and equivalence classes) and asks again about machines that changed; a
//! property test holds the two to each other.

use std::sync::Arc;

use fixedbitset::FixedBitSet;

use model::{Node, PodRef, PodSpec, Tier, rules};
use policy::borg::{Rule, fractions, plain, points};
use policy::preemption::borg_preemption::{Running, may_preempt, victims_until};
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use scheduler::pipeline::{Standings, Ties};
use units::{ClassId, NodeId, Resources, SortedMap};

/// A task on a machine.
#[derive(Clone, Debug)]
pub struct Held {
    /// The task.
    pub pod: PodRef,
    /// The priority of the task.
    pub priority: i32,
    /// The place of the task among all that were placed.
    pub started: i64,
    /// The resources that the task asked for.
    pub limit: Resources,
    /// The resources that are kept for the task.
    pub reserved: Resources,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The machine as declared.
    pub object: Arc<Node>,
    /// Whether the machine takes tasks.
    pub is_open: bool,
    /// The resources of the machine.
    pub offered: Resources,
    /// The resources beside the limits of tasks of production and monitoring.
    beside_limits: Resources,
    /// The resources beside all reservations.
    beside_reservations: Resources,
    /// Tasks, the newest last.
    pub tasks: Vec<Held>,
}

/// The demands of a class of tasks.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The class.
    pub class: ClassId,
    /// The spec, which says what machines the tasks may go to.
    pub spec: Arc<PodSpec>,
    /// The resources that a task asks for.
    pub limit: Resources,
}

impl Machine {
    /// A machine without tasks.
    pub fn new(object: Arc<Node>, offered: Resources) -> Self {
        Self {
            is_open: !object.unschedulable,
            object,
            beside_limits: offered.clone(),
            beside_reservations: offered.clone(),
            offered,
            tasks: Vec::new(),
        }
    }

    /// Whether a task has room as things are.
    fn has_room(&self, demand: &Demand) -> bool {
        let is_prod = Tier::of(demand.spec.priority).is_prod();
        self.is_open
            && demand.limit.fits_in(&self.beside_reservations)
            && (!is_prod || demand.limit.fits_in(&self.beside_limits))
    }

    /// Points of a task; the largest are the best.
    fn points(&self, rule: Rule, demand: &Demand) -> i64 {
        let mut unused = plain(&self.beside_reservations);
        if Tier::of(demand.spec.priority).is_prod() {
            let beside = plain(&self.beside_limits);
            for (own, other) in unused.iter_mut().zip(beside) {
                *own = (*own).min(other);
            }
        }
        let (free, task) = fractions(&plain(&self.offered), &unused, &plain(&demand.limit));
        points(rule, &free, &task)
    }

    /// The tasks that are killed so that one has room, in order; `None` if that makes none.
    pub fn victims(&self, demand: &Demand) -> Option<Vec<PodRef>> {
        if !self.is_open || !rules::admits(&demand.spec, &self.object) {
            return None;
        }
        let priority = demand.spec.priority;
        let is_prod = Tier::of(priority).is_prod();
        let running: Vec<Running<&Held>> = self
            .tasks
            .iter()
            .map(|held| Running {
                task: held,
                priority: held.priority,
                started: held.started,
                holds: held.reserved.clone(),
            })
            .collect();
        let mut beside_limits = self.beside_limits.clone();
        let mut beside_reservations = self.beside_reservations.clone();
        let killed = victims_until(priority, &running, |killed| {
            if let Some(victim) = killed {
                beside_reservations.add(&victim.holds);
                if Tier::of(victim.priority).is_prod() {
                    beside_limits.add(&victim.task.limit);
                }
            }
            demand.limit.fits_in(&beside_reservations)
                && (!is_prod || demand.limit.fits_in(&beside_limits))
        });
        Some(killed?.into_iter().map(|own| own.task.pod).collect())
    }

    fn add(&mut self, held: Held) {
        self.beside_reservations.subtract(&held.reserved);
        if Tier::of(held.priority).is_prod() {
            self.beside_limits.subtract(&held.limit);
        }
        self.tasks.push(held);
    }

    fn remove(&mut self, pod: PodRef) -> Option<Held> {
        let place = self.tasks.iter().position(|held| held.pod == pod)?;
        let held = self.tasks.remove(place);
        self.beside_reservations.add(&held.reserved);
        if Tier::of(held.priority).is_prod() {
            self.beside_limits.add(&held.limit);
        }
        Some(held)
    }
}

/// The answers about all machines for a class of tasks.
#[derive(Clone, Debug)]
struct Table {
    admitted: FixedBitSet,
    standings: Standings,
    /// Number of changes that the table shows.
    seen: u64,
}

/// Entries of all tables together beyond which the ones of the class that was asked about longest ago
/// are dropped: half a gigabyte.
const MOST_ENTRIES: usize = 1 << 25;

/// The machines of a cell.
#[derive(Clone, Debug)]
pub struct Cell {
    rule: Rule,
    form: Form,
    candidates: Option<u32>,
    machines: Vec<Machine>,
    tables: SortedMap<ClassId, Table>,
    /// Machines that changed, the newest last.
    changes: Vec<NodeId>,
    /// Number of the first of these changes.
    first_change: u64,
    /// Number of running tasks by priority.
    priorities: SortedMap<i32, usize>,
    started: i64,
}

impl Cell {
    /// A cell without machines under a packing score.
    pub fn new(rule: Rule, form: Form, candidates: Option<u32>) -> Self {
        Self {
            rule,
            form,
            candidates,
            machines: Vec::new(),
            tables: SortedMap::new(),
            changes: Vec::new(),
            first_change: 0,
            priorities: SortedMap::new(),
            started: 0,
        }
    }

    /// The machines, by node.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// Adds a machine.
    pub fn join(&mut self, machine: Machine) {
        self.machines.push(machine);
        self.tables.clear();
    }

    /// Notes what a machine is declared as now.
    pub fn declare(&mut self, node: NodeId, object: &Arc<Node>, offered: Resources) {
        let Some(machine) = self.machines.get_mut(node.index()) else {
            return;
        };
        for beside in [&mut machine.beside_limits, &mut machine.beside_reservations] {
            beside.subtract(&machine.offered);
            beside.add(&offered);
        }
        machine.offered = offered;
        machine.object = object.clone();
        self.tables.clear();
    }

    /// Opens a machine for tasks, or closes it.
    pub fn open(&mut self, node: NodeId, is_open: bool) {
        if let Some(machine) = self.machines.get_mut(node.index())
            && machine.is_open != is_open
        {
            machine.is_open = is_open;
            self.change(node);
        }
    }

    /// Places a task on a machine.
    pub fn add(&mut self, node: NodeId, pod: PodRef, demand: &Demand) {
        let Some(machine) = self.machines.get_mut(node.index()) else {
            return;
        };
        let priority = demand.spec.priority;
        machine.add(Held {
            pod,
            priority,
            started: self.started,
            limit: demand.limit.clone(),
            reserved: demand.limit.clone(),
        });
        self.started += 1;
        *self.priorities.entry(priority).or_default() += 1;
        self.change(node);
    }

    /// Takes a task off its machine.
    pub fn remove(&mut self, node: NodeId, pod: PodRef) {
        let machine = self.machines.get_mut(node.index());
        let Some(held) = machine.and_then(|machine| machine.remove(pod)) else {
            return;
        };
        if let Some(count) = self.priorities.get_mut(&held.priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&held.priority);
            }
        }
        self.change(node);
    }

    /// Changes the reservations of a machine's tasks; `true` if any of them changed.
    pub fn reserve(&mut self, node: NodeId, mut estimate: impl FnMut(&Held) -> (i64, i64)) -> bool {
        let Some(machine) = self.machines.get_mut(node.index()) else {
            return false;
        };
        let mut has_changed = false;
        for held in &mut machine.tasks {
            let (cpu_milli, memory_bytes) = estimate(held);
            let before = &mut held.reserved;
            if (before.cpu_milli, before.memory_bytes) != (cpu_milli, memory_bytes) {
                let beside = &mut machine.beside_reservations;
                beside.cpu_milli += before.cpu_milli - cpu_milli;
                beside.memory_bytes += before.memory_bytes - memory_bytes;
                (before.cpu_milli, before.memory_bytes) = (cpu_milli, memory_bytes);
                has_changed = true;
            }
        }
        if has_changed {
            self.change(node);
        }
        has_changed
    }

    fn change(&mut self, node: NodeId) {
        if self.form == Form::Plain || self.candidates.is_some() {
            return;
        }
        // A table that is so far behind is made again.
        if self.changes.len() >= 2 * self.machines.len().max(64) {
            self.first_change += self.changes.len() as u64;
            self.changes.clear();
        }
        self.changes.push(node);
    }

    /// The machine for a task among those with room; of equally good ones the first.
    pub fn select(&mut self, demand: &Demand, random: &mut Stream) -> Option<NodeId> {
        match (self.candidates, self.form) {
            (Some(candidates), _) => self.sample(demand, candidates as usize, random),
            (None, Form::Plain) => {
                let nodes = (0..self.machines.len()).filter(|&own| self.takes(own, demand));
                self.best(nodes, demand)
            }
            (None, Form::Incremental) => self.look_up(demand),
        }
    }

    fn takes(&self, own: usize, demand: &Demand) -> bool {
        let machine = &self.machines[own];
        machine.has_room(demand) && rules::admits(&demand.spec, &machine.object)
    }

    fn best(&self, nodes: impl Iterator<Item = usize>, demand: &Demand) -> Option<NodeId> {
        let scored = nodes.map(|own| (self.machines[own].points(self.rule, demand), own));
        let best = scored.reduce(|best, next| {
            let is_better = next.0 > best.0 || next.0 == best.0 && next.1 < best.1;
            if is_better { next } else { best }
        });
        best.map(|(_, own)| NodeId::from_index(own))
    }

    /// Relaxed randomisation: machines in random order until enough have room.
    fn sample(&self, demand: &Demand, enough: usize, random: &mut Stream) -> Option<NodeId> {
        let count = self.machines.len();
        if count == 0 {
            return None;
        }
        let first = random.below(count as u64) as usize;
        let mut stride = 1 + random.below(count as u64) as usize;
        while gcd(stride, count) != 1 {
            stride += 1;
        }
        let order = (0..count).map(|step| (first + step * stride) % count);
        let with_room = order.filter(|&own| self.takes(own, demand)).take(enough);
        self.best(with_room, demand)
    }

    /// The plain form's machine, from what is kept about the class.
    fn look_up(&mut self, demand: &Demand) -> Option<NodeId> {
        let newest = self.first_change + self.changes.len() as u64;
        let table = self.tables.get(&demand.class);
        if table.is_none_or(|table| table.seen < self.first_change) {
            let table = self.table(demand);
            self.forget_some();
            self.tables.insert(demand.class, table);
        }
        let table = self.tables.get_mut(&demand.class)?;
        let unseen = (table.seen - self.first_change) as usize;
        for &node in &self.changes[unseen..] {
            if table.admitted.contains(node.index()) {
                let machine = &self.machines[node.index()];
                let has_room = machine.has_room(demand);
                let points = has_room.then(|| machine.points(self.rule, demand));
                table.standings.set(node, points);
            }
        }
        table.seen = newest;
        let has_any = table.standings.feasible() > 0;
        has_any.then(|| Ties::Best(&table.standings).nth(0))
    }

    fn table(&self, demand: &Demand) -> Table {
        let mut standings = Standings::default();
        standings.reset(self.machines.len());
        let mut admitted = FixedBitSet::with_capacity(self.machines.len());
        for (own, machine) in self.machines.iter().enumerate() {
            if rules::admits(&demand.spec, &machine.object) {
                admitted.insert(own);
                if machine.has_room(demand) {
                    let points = machine.points(self.rule, demand);
                    standings.set(NodeId::from_index(own), Some(points));
                }
            }
        }
        Table {
            admitted,
            standings,
            seen: self.first_change + self.changes.len() as u64,
        }
    }

    /// Drops the table that is farthest behind where there is no room for another one.
    fn forget_some(&mut self) {
        while (self.tables.len() + 1) * self.machines.len() > MOST_ENTRIES {
            let oldest = self.tables.iter().min_by_key(|(_, table)| table.seen);
            let Some(class) = oldest.map(|(&class, _)| class) else {
                return;
            };
            self.tables.remove(&class);
        }
    }

    /// The machine where killing tasks makes room for one: the one whose highest victim is lowest, then
    /// the one with the fewest victims, then the first.
    pub fn preempt(&self, demand: &Demand) -> Option<(NodeId, Vec<PodRef>)> {
        let priority = demand.spec.priority;
        let may_kill = |&other: &i32| may_preempt(priority, other);
        if !self.priorities.keys().any(may_kill) {
            return None;
        }
        let found = self
            .machines
            .iter()
            .enumerate()
            .filter_map(|(own, machine)| {
                let victims = machine.victims(demand)?;
                let of = |pod: &PodRef| machine.tasks.iter().find(|held| held.pod == *pod);
                let highest = victims.iter().filter_map(of).map(|held| held.priority);
                Some((highest.max()?, victims.len(), own, victims))
            });
        let best = found.min_by_key(|&(highest, count, own, _)| (highest, count, own));
        best.map(|(_, _, own, victims)| (NodeId::from_index(own), victims))
    }
}

const fn gcd(mut one: usize, mut other: usize) -> usize {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}
