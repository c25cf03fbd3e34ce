//! The choice among the machines of a cell (spec: orchestrators-b.md section 5.2): by a packing score, and
//! by what [`Wishes`] add to it.
//!
//! The plain form looks at every machine. The fast form keeps the answers about all machines for each
//! class of tasks (score caching and equivalence classes) and asks again about machines that changed; a
//! property test holds the two to each other.

use std::sync::Arc;

use fixedbitset::FixedBitSet;

use model::{Node, Text, rules};
use policy::borg::{Rule, unit};
use policy::preemption::borg_preemption::may_preempt;
use rng::Stream;
use scheduler::pipeline::evaluate::Form;
use scheduler::pipeline::{ScoreTree, Ties};
use units::{ClassId, NodeId, Resources, SortedMap, SortedSet};

use super::machine::{Demand, Held, Holder, JobKey, Machine};
use super::options::Wishes;

/// The answers about all machines for a class of tasks.
#[derive(Clone, Debug, Default)]
struct Table {
    admitted: FixedBitSet,
    standings: ScoreTree,
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
    wishes: Wishes,
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
    /// Number of running tasks by job and failure domain, where these matter.
    domains: SortedMap<(JobKey, Text), u32>,
    started: i64,
}

impl Cell {
    /// A cell without machines under a packing score.
    pub fn new(rule: Rule, form: Form, candidates: Option<u32>) -> Self {
        Self {
            rule,
            wishes: Wishes::default(),
            form,
            candidates,
            machines: Vec::new(),
            tables: SortedMap::new(),
            changes: Vec::new(),
            first_change: 0,
            priorities: SortedMap::new(),
            domains: SortedMap::new(),
            started: 0,
        }
    }

    /// A cell whose score also heeds wishes.
    #[must_use]
    pub fn with_wishes(self, wishes: Wishes) -> Self {
        Self { wishes, ..self }
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
        if node.index() >= self.machines.len() {
            return;
        }
        let before = self.domain(node);
        let machine = &mut self.machines[node.index()];
        machine.offer(offered);
        machine.object = object.clone();
        let jobs: Vec<JobKey> = { machine.tasks.iter() }
            .filter_map(|held| held.job.clone())
            .collect();
        let after = self.domain(node);
        if self.wishes.spread > 0.0 && before != after {
            for job in jobs {
                let left = self.domains.entry((job.clone(), before.clone()));
                let left = left.or_default();
                *left = left.saturating_sub(1);
                *self.domains.entry((job, after.clone())).or_default() += 1;
            }
        }
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

    /// Places a task or an alloc on a machine.
    pub fn add(&mut self, node: NodeId, holder: Holder, demand: &Demand) {
        let Some(machine) = self.machines.get_mut(node.index()) else {
            return;
        };
        let priority = demand.spec.priority;
        machine.add(Held {
            holder,
            class: demand.class,
            job: demand.job.clone(),
            priority,
            started: self.started,
            limit: demand.limit.clone(),
            reserved: demand.limit.clone(),
        });
        if self.wishes.packages > 0.0 && holder.task().is_some() {
            machine.packages.extend(demand.packages().cloned());
        }
        self.started += 1;
        *self.priorities.entry(priority).or_default() += 1;
        if self.wishes.spread > 0.0
            && let Some(job) = &demand.job
        {
            let place = (job.clone(), self.domain(node));
            *self.domains.entry(place).or_default() += 1;
        }
        self.change(node);
    }

    /// Takes a task or an alloc off its machine.
    pub fn remove(&mut self, node: NodeId, holder: Holder) {
        let machine = self.machines.get_mut(node.index());
        let Some(held) = machine.and_then(|machine| machine.remove(holder)) else {
            return;
        };
        if let Some(count) = self.priorities.get_mut(&held.priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&held.priority);
            }
        }
        if self.wishes.spread > 0.0
            && let Some(job) = held.job
        {
            let place = (job, self.domain(node));
            if let Some(count) = self.domains.get_mut(&place) {
                *count -= 1;
                if *count == 0 {
                    self.domains.remove(&place);
                }
            }
        }
        self.change(node);
    }

    /// The failure domain of a machine; all machines without one are one.
    fn domain(&self, node: NodeId) -> Text {
        let labels = &self.machines[node.index()].object.labels;
        let domain = labels.get(&self.wishes.spread_label);
        domain.cloned().unwrap_or_default()
    }

    /// Changes the reservations of a machine's tasks; `true` if any of them changed.
    pub fn reserve(&mut self, node: NodeId, mut estimate: impl FnMut(&Held) -> (i64, i64)) -> bool {
        let machine = self.machines.get_mut(node.index());
        let has_changed = machine.is_some_and(|machine| machine.reserve(&mut estimate));
        if has_changed {
            self.change(node);
        }
        has_changed
    }

    /// Whether the answers about machines are kept: a task changes those about all machines of its
    /// domain where tasks are spread.
    fn keeps_answers(&self) -> bool {
        self.form == Form::Incremental && self.candidates.is_none() && self.wishes.spread <= 0.0
    }

    /// Points of a machine for a task; the largest are the best.
    fn points(&self, own: usize, demand: &Demand) -> i64 {
        let machine = &self.machines[own];
        let packing = machine.points(self.rule, demand);
        let (wishes, preferred) = (&self.wishes, &demand.spec.affinity.node.preferred);
        let is_wish = wishes.packages > 0.0 || wishes.spread > 0.0;
        if preferred.is_empty() && !is_wish {
            return packing;
        }
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let all: i64 = preferred.iter().map(|own| i64::from(own.0)).sum();
        let met = rules::affinity::preference(preferred, &machine.object);
        let packages = demand.packages().count();
        let held = demand
            .packages()
            .filter(|own| machine.packages.contains(*own));
        let mut wished = wishes.soft * share(met as f64, all as f64)
            + wishes.packages * share(held.count() as f64, packages as f64);
        if self.wishes.spread > 0.0 {
            let domain = self.domain(NodeId::from_index(own));
            let others = demand
                .job
                .clone()
                .and_then(|job| self.domains.get(&(job, domain)));
            let others = others.copied().unwrap_or(0);
            wished += wishes.spread / f64::from(1 + others);
        }
        packing.saturating_add((wished * unit(self.rule)).round() as i64)
    }

    fn change(&mut self, node: NodeId) {
        if !self.keeps_answers() {
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
        if let Some(candidates) = self.candidates {
            return self.sample(demand, candidates as usize, random);
        }
        if self.keeps_answers() {
            return self.look_up(demand);
        }
        let nodes = (0..self.machines.len()).filter(|&own| self.takes(own, demand));
        self.best(nodes, demand)
    }

    /// The machine for a task among those with room that are not barred to it; of equally good ones the
    /// first.
    pub fn select_but(&self, demand: &Demand, barred: &SortedSet<NodeId>) -> Option<NodeId> {
        let is_open = |own: &usize| !barred.contains(&NodeId::from_index(*own));
        let nodes = (0..self.machines.len()).filter(is_open);
        self.best(nodes.filter(|&own| self.takes(own, demand)), demand)
    }

    fn takes(&self, own: usize, demand: &Demand) -> bool {
        let machine = &self.machines[own];
        machine.has_room(demand) && rules::admits(&demand.spec, &machine.object)
    }

    fn best(&self, nodes: impl Iterator<Item = usize>, demand: &Demand) -> Option<NodeId> {
        let scored = nodes.map(|own| (self.points(own, demand), own));
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
        let mut table = std::mem::take(self.tables.get_mut(&demand.class)?);
        let unseen = (table.seen - self.first_change) as usize;
        for &node in &self.changes[unseen..] {
            if table.admitted.contains(node.index()) {
                let has_room = self.machines[node.index()].has_room(demand);
                let points = has_room.then(|| self.points(node.index(), demand));
                table.standings.set(node, points);
            }
        }
        table.seen = newest;
        let has_any = table.standings.feasible() > 0;
        let best = has_any.then(|| Ties::Best(&table.standings).nth(0));
        *self.tables.get_mut(&demand.class)? = table;
        best
    }

    fn table(&self, demand: &Demand) -> Table {
        let mut standings = ScoreTree::default();
        standings.reset(self.machines.len());
        let mut admitted = FixedBitSet::with_capacity(self.machines.len());
        for (own, machine) in self.machines.iter().enumerate() {
            if rules::admits(&demand.spec, &machine.object) {
                admitted.insert(own);
                if machine.has_room(demand) {
                    let points = self.points(own, demand);
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
    pub fn preempt(&self, demand: &Demand) -> Option<(NodeId, Vec<Holder>)> {
        self.preempt_but(demand, &SortedSet::new())
    }

    /// As [`Self::preempt`], on machines that are not barred to a task.
    pub fn preempt_but(
        &self,
        demand: &Demand,
        barred: &SortedSet<NodeId>,
    ) -> Option<(NodeId, Vec<Holder>)> {
        let priority = demand.spec.priority;
        let may_kill = |&other: &i32| may_preempt(priority, other);
        if !self.priorities.keys().any(may_kill) {
            return None;
        }
        let found = self
            .machines
            .iter()
            .enumerate()
            .filter(|&(own, _)| !barred.contains(&NodeId::from_index(own)))
            .filter_map(|(own, machine)| {
                let victims = machine.victims(demand)?;
                let of = |own: &Holder| machine.tasks.iter().find(|held| held.holder == *own);
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
