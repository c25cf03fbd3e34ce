//! Search for faults among edges in bounded memory: tasks and edges are sorted by the hash of the task that is
//! waited for, and joined. On a circle, the arrival that comes first waits for a task of which a part comes later; and
//! each of the others waits either for such a task, or for one that was found so before. So only those are held in memory
//! for the search, each edge once, and in a trace whose tasks come behind those that they wait for, there are none.

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashSet};
use units::graph::on_cycles;

use super::{TaskHash, WaitFault, hash_of_task};
use crate::spill::{FixedSort, FixedSorted, each_joined};
use crate::stream::Arrival;
use intake::TraceError;
use intake::origin::Origin;
use model::PodName;

/// Tasks and edges up to now.
#[derive(Default)]
pub(super) struct Edges {
    /// The tasks: hash, and the number of an arrival that is a part.
    tasks: FixedSort<3>,
    /// The edges of arrivals, in their order.
    log: FixedSort<7>,
    /// The edges by the task that is waited for: its hash, and the place of the edge.
    by_target: FixedSort<5>,
    faults: FixedSort<4>,
    /// The arrival that came last, with those below it that say the same.
    last: Option<Last>,
    /// Number of arrivals, but for those that say the same as the one before.
    count: u64,
}

/// An arrival, and the number of arrivals that stand for it.
struct Last {
    part: u16,
    task: PodName,
    after: Vec<PodName>,
    place: Place,
}

/// The place of an arrival: its number, its line, and the number of arrivals that stand for it.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    origin: u64,
    arrivals: u64,
}

/// A fault of arrivals that follow each other.
pub(super) struct Fault {
    pub(super) kind: WaitFault,
    pub(super) origin: Origin,
    pub(super) arrivals: u64,
}

/// The order in which the faults of one arrival are told.
const KINDS: [WaitFault; 3] = [
    WaitFault::ForItself,
    WaitFault::ForUnknown,
    WaitFault::InCircle,
];

/// Faults in the order of their arrivals.
pub(super) struct Faults(FixedSorted<4>, Option<[u64; 4]>);

impl Faults {
    /// Returns the next fault of an arrival, each kind once.
    pub(super) fn next(&mut self) -> Result<Option<Fault>, TraceError> {
        loop {
            let Some(fault) = self.0.next()? else {
                return Ok(None);
            };
            if self.1.replace(fault) != Some(fault) {
                let [_, kind, origin, arrivals] = fault;
                return Ok(Some(Fault {
                    kind: KINDS[kind as usize],
                    origin: Origin::of_number(origin),
                    arrivals,
                }));
            }
        }
    }
}

impl Edges {
    /// Adds an arrival.
    pub(super) fn take(&mut self, arrival: &Arrival) {
        if let Some(last) = &mut self.last
            && last.part == arrival.part
            && last.task == *arrival.task()
            && last.after == arrival.after()
        {
            last.place.arrivals += 1;
            return;
        }
        self.settle();
        self.count += 1;
        self.last = Some(Last {
            part: arrival.part,
            task: arrival.task().clone(),
            after: arrival.after().to_vec(),
            place: Place {
                number: self.count,
                origin: arrival.origin.number(),
                arrivals: 1,
            },
        });
    }

    /// Sorts in the arrival that came last, now that all that stand for it are known.
    fn settle(&mut self) {
        let Some(last) = self.last.take() else {
            return;
        };
        let own = hash_of_task(last.part, &last.task);
        let Place {
            number,
            origin,
            arrivals,
        } = last.place;
        self.tasks.push([own[0], own[1], number]);
        for other in &last.after {
            let other = hash_of_task(last.part, other);
            if other == own {
                self.fault(WaitFault::ForItself, last.place);
                continue;
            }
            self.by_target
                .push([other[0], other[1], number, origin, arrivals]);
            self.log
                .push([number, own[0], own[1], other[0], other[1], origin, arrivals]);
        }
    }

    fn fault(&mut self, kind: WaitFault, place: Place) {
        let rank = KINDS.iter().position(|&own| own == kind).unwrap_or(0);
        let record = [place.number, rank as u64, place.origin, place.arrivals];
        self.faults.push(record);
    }

    /// The faults of all arrivals.
    pub(super) fn faults(mut self) -> Result<Faults, TraceError> {
        self.settle();
        let forward = self.forward()?;
        self.tell_circles(forward)?;
        Ok(Faults(self.faults.sorted(), None))
    }

    /// The numbers of the arrivals that wait for a task of which a part comes later; a task that does not come is a fault.
    fn forward(&mut self) -> Result<FixedSort<1>, TraceError> {
        let mut forward = FixedSort::default();
        let tasks = std::mem::take(&mut self.tasks);
        let edges = std::mem::take(&mut self.by_target);
        // Of a task, its last part is met.
        each_joined(tasks, edges, |[_, _, number, origin, arrivals], task| {
            let place = Place {
                number,
                origin,
                arrivals,
            };
            match task {
                None => self.fault(WaitFault::ForUnknown, place),
                Some([_, _, last]) if last > number => forward.push([number]),
                Some(_) => {}
            }
        })?;
        Ok(forward)
    }

    /// Tells of the arrivals on circles.
    fn tell_circles(&mut self, forward: FixedSort<1>) -> Result<(), TraceError> {
        let mut log = std::mem::take(&mut self.log).sorted();
        let mut again = log.clone();
        let circles = Perhaps::of(&mut log, forward)?.in_circles();
        if circles.is_empty() {
            return Ok(());
        }
        let mut last = None;
        while let Some([number, own, own_too, other, other_too, origin, arrivals]) = again.next()? {
            let is_known = last == Some(number);
            if is_known || !circles.contains(&[own, own_too]) {
                continue;
            }
            if circles.contains(&[other, other_too]) {
                last = Some(number);
                let place = Place {
                    number,
                    origin,
                    arrivals,
                };
                self.fault(WaitFault::InCircle, place);
            }
        }
        Ok(())
    }
}

/// Edges that may be on a circle, each once however many arrivals state it: those of a trace that repeats its tasks take
/// no more memory so.
#[derive(Default)]
struct Perhaps {
    /// The tasks that wait.
    tasks: IndexSet<TaskHash, FxBuildHasher>,
    /// The place of a task among them, and the task that it waits for.
    edges: IndexSet<(u32, TaskHash), FxBuildHasher>,
}

impl Perhaps {
    /// Those of a log, some of whose arrivals wait for a task of which a part comes later.
    fn of(log: &mut FixedSorted<7>, forward: FixedSort<1>) -> Result<Self, TraceError> {
        let mut perhaps = Self::default();
        let mut forward = forward.sorted();
        let mut next = forward.next()?;
        while let Some([number, own, own_too, other, other_too, ..]) = log.next()? {
            while next.is_some_and(|[first]| first < number) {
                next = forward.next()?;
            }
            let (own, other) = ([own, own_too], [other, other_too]);
            if next == Some([number]) || perhaps.tasks.contains(&other) {
                let (task, _) = perhaps.tasks.insert_full(own);
                perhaps.edges.insert((task as u32, other));
            }
        }
        Ok(perhaps)
    }

    /// The tasks that wait for tasks that wait for them.
    fn in_circles(self) -> FxHashSet<TaskHash> {
        let mut edges = vec![Vec::new(); self.tasks.len()];
        for (task, other) in self.edges {
            edges[task as usize].extend(self.tasks.get_index_of(&other));
        }
        let found = on_cycles(&edges);
        let both = self.tasks.into_iter().zip(found);
        { both.filter(|&(_, is_found)| is_found) }
            .map(|(task, _)| task)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::Instant;

    use super::*;
    use crate::links::Links;

    fn arrival(task: u64, after: &[u64], line: u64) -> Arrival {
        let after = after.iter().map(|&other| PodName::Job(other)).collect();
        Arrival {
            links: Links::of(Some(PodName::Job(task)), after),
            origin: Origin::line(line),
            ..Arrival::new(Instant::ZERO, PodName::Text(format!("part-{line}").into()))
        }
    }

    /// The faults of arrivals, each a task with those that it waits for: line, place of the kind, arrivals.
    fn faults(arrivals: &[(u64, Vec<u64>)], most_held: usize) -> Vec<(u32, usize)> {
        let mut edges = Edges {
            tasks: FixedSort::holding(most_held),
            log: FixedSort::holding(most_held),
            by_target: FixedSort::holding(most_held),
            faults: FixedSort::holding(most_held),
            ..Edges::default()
        };
        for (line, (task, after)) in (1..).zip(arrivals) {
            edges.take(&arrival(*task, after, line));
        }
        let mut faults = edges.faults().expect("readable");
        let mut seen = Vec::new();
        while let Some(fault) = faults.next().expect("readable") {
            let kind = KINDS.iter().position(|&own| own == fault.kind);
            let lines = fault.origin.line..;
            let lines = lines.take(fault.arrivals as usize);
            seen.extend(lines.map(|line| (line, kind.expect("a kind"))));
        }
        seen.sort_unstable();
        seen
    }

    /// The same, from all edges at once.
    fn plain(arrivals: &[(u64, Vec<u64>)]) -> Vec<(u32, usize)> {
        let mut all = Perhaps::default();
        for (task, after) in arrivals {
            let (place, _) = all.tasks.insert_full([*task, 0]);
            let others = after.iter().filter(|&other| other != task);
            all.edges
                .extend(others.map(|&other| (place as u32, [other, 0])));
        }
        let found = all.in_circles();
        let is_found = |task: &u64| found.contains(&[*task, 0]);
        let is_there = |other: &u64| arrivals.iter().any(|(task, _)| task == other);
        let mut seen = Vec::new();
        for (line, (task, after)) in (1..).zip(arrivals) {
            let waits_on_circle = after.iter().any(|own| own != task && is_found(own));
            let faults = [
                after.contains(task),
                !after.iter().all(is_there),
                is_found(task) && waits_on_circle,
            ];
            let own = (0..).zip(faults).filter(|&(_, is_so)| is_so);
            seen.extend(own.map(|(kind, _)| (line, kind)));
        }
        seen
    }

    proptest! {
        #[test]
        fn faults_found_by_sorting_are_those_of_the_whole_graph(
            arrivals in prop::collection::vec(
                (0_u64..9, prop::collection::vec(0_u64..10, 0..3)),
                0..16,
            ),
            most_held in 1_usize..9,
        ) {
            let expected = plain(&arrivals);
            prop_assert_eq!(faults(&arrivals, usize::MAX), expected.clone());
            prop_assert_eq!(faults(&arrivals, most_held), expected);
        }
    }

    #[test]
    fn edges_that_are_stated_again_are_held_once() {
        let mut edges = Edges::default();
        for line in 0..3_000 {
            let task = line % 3;
            edges.take(&arrival(task, &[task + 1], line));
        }
        edges.settle();
        let forward = edges.forward().expect("in memory");
        let mut log = std::mem::take(&mut edges.log).sorted();
        let perhaps = Perhaps::of(&mut log, forward);
        let perhaps = perhaps.expect("in memory");
        assert_eq!((perhaps.tasks.len(), perhaps.edges.len()), (2, 2));
    }
}
