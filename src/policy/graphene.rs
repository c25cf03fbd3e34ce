//! Graphene (OSDI'16; spec: orchestrators-b.md section 6.5), for jobs whose tasks depend on one another.
//!
//! [`preferred`] finds an order of the tasks before the job runs: troublesome tasks, which are long or hard
//! to pack, are placed first in a space of resources and time, and their ancestors and descendants
//! around them. [`bound`] is the bound on the makespan: no schedule is shorter than the longest chain of
//! tasks, nor than the work of all tasks spread over a resource without gaps.

mod space;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::space::Space;

/// A task of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Run time.
    pub duration: f64,
    /// Demand by resource, in the order of the capacities.
    pub demand: Vec<f64>,
    /// Numbers of the tasks that have to end before.
    pub parents: Vec<usize>,
}

/// The parts of the bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Run time of the longest chain.
    pub critical_path: f64,
    /// Work of all tasks over the capacity, by resource.
    pub work_over_capacity: Vec<f64>,
}

impl Bound {
    /// The bound itself.
    pub fn makespan(&self) -> f64 {
        let work = self.work_over_capacity.iter().copied();
        work.fold(self.critical_path, f64::max)
    }
}

/// The bound for a job on a cluster; `None` if tasks depend on each other in a circle, or on one that
/// is not there.
///
/// ```
/// use policy::graphene::{Task, bound};
///
/// let task = |duration, parents| Task { duration, demand: vec![2.0], parents };
/// let job = [task(3.0, vec![]), task(4.0, vec![0]), task(9.0, vec![])];
/// let bound = bound(&job, &[4.0]).expect("no circle");
/// assert_eq!(bound.critical_path, 9.0);
/// assert_eq!(bound.work_over_capacity, [8.0]);
/// assert_eq!(bound.makespan(), 9.0);
/// ```
pub fn bound(tasks: &[Task], capacities: &[f64]) -> Option<Bound> {
    let mut ends: Vec<Option<f64>> = vec![None; tasks.len()];
    let mut left = tasks.len();
    while left > 0 {
        let before = left;
        for (index, task) in tasks.iter().enumerate() {
            if ends[index].is_some() {
                continue;
            }
            let parents = task.parents.iter().map(|&parent| *ends.get(parent)?);
            let begin = parents.collect::<Option<Vec<f64>>>();
            if let Some(parents) = begin {
                let begin = parents.into_iter().fold(0.0, f64::max);
                ends[index] = Some(begin + task.duration);
                left -= 1;
            }
        }
        if left == before {
            return None;
        }
    }
    let work = |(resource, &capacity): (usize, &f64)| {
        let demand = |task: &Task| task.demand.get(resource).copied().unwrap_or(0.0);
        let work: f64 = tasks.iter().map(|task| task.duration * demand(task)).sum();
        if work == 0.0 { 0.0 } else { work / capacity }
    };
    Some(Bound {
        critical_path: ends.into_iter().flatten().fold(0.0, f64::max),
        work_over_capacity: capacities.iter().enumerate().map(work).collect(),
    })
}

/// An order of the tasks of a job, with the makespan of the schedule that it was taken from.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOrder {
    /// Numbers of the tasks, by their begin in the schedule.
    pub order: Vec<usize>,
    /// Length of the schedule.
    pub makespan: f64,
}

/// Shares of the longest task from which on a task counts as long, and of the capacity of a resource from
/// which on a demand counts as hard to pack; beyond 1 none does.
const THRESHOLDS: [f64; 4] = [0.25, 0.5, 0.75, 1.1];

/// Number of tasks beyond which one threshold alone is tried.
const MOST_TRIED: usize = 1_000;

/// The best order found, whose schedule is the shortest over all thresholds; `None` if tasks depend on
/// each other in a circle, on one that is not there, or ask for more than the capacities.
///
/// ```
/// use policy::graphene::{Task, preferred};
///
/// let task = |duration, demand, parents| Task { duration, demand: vec![demand], parents };
/// // The long task follows the short one, which goes before the task of middle length.
/// let job = [task(2.0, 0.5, vec![]), task(2.0, 0.5, vec![]), task(1.0, 0.5, vec![]), task(8.0, 0.5, vec![2])];
/// let found = preferred(&job, &[1.0]).expect("a job that fits");
/// assert_eq!((found.order[0], found.makespan), (2, 9.0));
/// assert!(preferred(&job, &[0.4]).is_none());
/// ```
pub fn preferred(tasks: &[Task], capacities: &[f64]) -> Option<TaskOrder> {
    let fits = |task: &Task| {
        let mut pairs = task.demand.iter().zip(capacities);
        pairs.all(|(demand, capacity)| *demand <= capacity + space::ROUNDING)
    };
    let graph = Graph::of(tasks)?;
    if !tasks.iter().all(fits) {
        return None;
    }
    let longest = tasks.iter().map(|task| task.duration).fold(0.0, f64::max);
    let largest = |task: &Task| {
        let shares = task.demand.iter().zip(capacities);
        let shares = shares.filter(|(_, capacity)| **capacity > 0.0);
        shares
            .map(|(demand, capacity)| demand / capacity)
            .fold(0.0, f64::max)
    };
    let thresholds: &[f64] = if tasks.len() > MOST_TRIED {
        &THRESHOLDS[1..2]
    } else {
        &THRESHOLDS
    };
    let mut seen: Vec<Vec<bool>> = Vec::new();
    let mut best: Option<TaskOrder> = None;
    for &long in thresholds {
        for &hard in thresholds {
            let is_troublesome =
                |task: &Task| task.duration >= long * longest || largest(task) >= hard;
            let troublesome = graph.between(tasks.iter().map(is_troublesome).collect());
            if seen.contains(&troublesome) {
                continue;
            }
            for turns in TURNS {
                let mut schedule = Schedule::new(tasks, &graph, capacities);
                schedule.place_all(&troublesome, turns);
                let found = schedule.finish();
                if best
                    .as_ref()
                    .is_none_or(|best| found.makespan < best.makespan - space::ROUNDING)
                {
                    best = Some(found);
                }
            }
            seen.push(troublesome);
        }
    }
    best
}

/// A part of the tasks beside the troublesome ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Ancestors of troublesome tasks.
    Ancestors,
    /// Descendants of troublesome tasks.
    Descendants,
    /// Tasks that are neither.
    Others,
}

/// Orders in which the other parts are placed once the troublesome tasks are. Others may have ancestors
/// and descendants in the other parts, and go between what is placed.
const TURNS: [[Part; 3]; 4] = [
    [Part::Others, Part::Ancestors, Part::Descendants],
    [Part::Others, Part::Descendants, Part::Ancestors],
    [Part::Ancestors, Part::Others, Part::Descendants],
    [Part::Descendants, Part::Others, Part::Ancestors],
];

/// Dependencies between the tasks of a job.
struct Graph {
    /// Numbers of the tasks, parents before children.
    order: Vec<usize>,
    children: Vec<Vec<usize>>,
}

impl Graph {
    fn of(tasks: &[Task]) -> Option<Self> {
        let mut children = vec![Vec::new(); tasks.len()];
        let mut missing = vec![0_usize; tasks.len()];
        for (own, task) in tasks.iter().enumerate() {
            for &parent in &task.parents {
                children.get_mut(parent)?.push(own);
                missing[own] += 1;
            }
        }
        let mut order: Vec<usize> = (0..tasks.len()).filter(|&own| missing[own] == 0).collect();
        let mut next = 0;
        while let Some(&own) = order.get(next) {
            next += 1;
            for &child in &children[own] {
                missing[child] -= 1;
                if missing[child] == 0 {
                    order.push(child);
                }
            }
        }
        (order.len() == tasks.len()).then_some(Self { order, children })
    }

    /// Which tasks have one of these among their ancestors.
    fn below(&self, of: &[bool]) -> Vec<bool> {
        let mut below = vec![false; of.len()];
        for &own in &self.order {
            if of[own] || below[own] {
                for &child in &self.children[own] {
                    below[child] = true;
                }
            }
        }
        below
    }

    /// Which tasks have one of these among their descendants.
    fn above(&self, of: &[bool]) -> Vec<bool> {
        let mut above = vec![false; of.len()];
        for &own in self.order.iter().rev() {
            above[own] = self.children[own]
                .iter()
                .any(|&child| of[child] || above[child]);
        }
        above
    }

    /// The tasks with those that lie on a way from one of them to another.
    fn between(&self, mut of: Vec<bool>) -> Vec<bool> {
        let (below, above) = (self.below(&of), self.above(&of));
        for (own, is_of) in of.iter_mut().enumerate() {
            *is_of |= below[own] && above[own];
        }
        of
    }
}

/// Tasks that are tied to one.
type Ties<'a> = &'a dyn Fn(usize) -> &'a Vec<usize>;

/// A schedule of a job in the making.
struct Schedule<'a> {
    tasks: &'a [Task],
    graph: &'a Graph,
    space: Space,
    /// Begin of each task that is placed.
    begins: Vec<Option<f64>>,
}

impl<'a> Schedule<'a> {
    fn new(tasks: &'a [Task], graph: &'a Graph, capacities: &[f64]) -> Self {
        Self {
            tasks,
            graph,
            space: Space::new(capacities),
            begins: vec![None; tasks.len()],
        }
    }

    fn place_all(&mut self, troublesome: &[bool], turns: [Part; 3]) {
        let (below, above) = (self.graph.below(troublesome), self.graph.above(troublesome));
        self.place(|own| troublesome[own], Part::Others);
        for part in turns {
            let is_of = |own: usize| {
                let is_part = match part {
                    Part::Ancestors => above[own],
                    Part::Descendants => below[own],
                    Part::Others => !above[own] && !below[own],
                };
                is_part && !troublesome[own]
            };
            self.place(is_of, part);
        }
    }

    /// Places tasks: ancestors backward from what is below them, others forward from what is above. Of those
    /// that could be next, the longest goes first.
    fn place(&mut self, is_of: impl Fn(usize) -> bool, part: Part) {
        let (tasks, graph) = (self.tasks, self.graph);
        let is_backward = part == Part::Ancestors;
        let (before, behind): (Ties<'_>, Ties<'_>) =
            (&|own| &tasks[own].parents, &|own| &graph.children[own]);
        let (before, behind) = if is_backward {
            (behind, before)
        } else {
            (before, behind)
        };
        let mut missing = vec![0_usize; tasks.len()];
        // Durations are not negative, so their bits are in the order of their values.
        let mut ready = BinaryHeap::new();
        let entry = |own: usize| (tasks[own].duration.to_bits(), Reverse(own));
        for &own in graph.order.iter().filter(|&&own| is_of(own)) {
            missing[own] = before(own).iter().filter(|&&tie| is_of(tie)).count();
            if missing[own] == 0 {
                ready.push(entry(own));
            }
        }
        while let Some((_, Reverse(own))) = ready.pop() {
            self.put(own, is_backward);
            for &next in behind(own).iter().filter(|&&next| is_of(next)) {
                missing[next] -= 1;
                if missing[next] == 0 {
                    ready.push(entry(next));
                }
            }
        }
    }

    /// Puts a task between those that it depends on and those that depend on it, as far as they are
    /// placed; where that leaves no room, whatever is later makes way.
    fn put(&mut self, own: usize, is_backward: bool) {
        let task = &self.tasks[own];
        let ends = task
            .parents
            .iter()
            .filter_map(|&parent| Some(self.begins[parent]? + self.tasks[parent].duration));
        let earliest = ends.reduce(f64::max);
        let begins = self.graph.children[own]
            .iter()
            .filter_map(|&child| self.begins[child]);
        let latest = begins.reduce(f64::min);
        let begin = match (is_backward, earliest, latest) {
            (true, _, Some(latest)) => self.space.latest(task, latest - task.duration),
            (_, earliest, _) => self.space.earliest(task, earliest.unwrap_or(0.0)),
        };
        self.space.take(task, begin);
        self.begins[own] = Some(begin);
    }

    /// The order of the begins, and the makespan of the tasks started in it, none before its parents have
    /// ended.
    fn finish(self) -> TaskOrder {
        let begin = |own: usize| self.begins[own].unwrap_or(0.0);
        let mut order = self.graph.order.clone();
        order.sort_by(|&one, &other| begin(one).total_cmp(&begin(other)));
        let mut space = self.space.emptied();
        let mut ends = vec![None; self.tasks.len()];
        let mut waiting = order.clone();
        let mut makespan = 0.0_f64;
        // A task that precedes its parents in the order waits for them.
        while !waiting.is_empty() {
            waiting.retain(|&own| {
                let task = &self.tasks[own];
                let parents = task.parents.iter().map(|&parent| ends[parent]);
                let Some(parents) = parents.collect::<Option<Vec<f64>>>() else {
                    return true;
                };
                let from = parents.into_iter().fold(0.0, f64::max);
                let begin = space.earliest(task, from);
                space.take(task, begin);
                ends[own] = Some(begin + task.duration);
                makespan = makespan.max(begin + task.duration);
                false
            });
        }
        TaskOrder { order, makespan }
    }
}

#[cfg(test)]
mod tests;
