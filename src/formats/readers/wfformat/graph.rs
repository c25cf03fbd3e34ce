//! The graph of a workflow. Names of tasks are found on disk by their hashes, and what is known of tasks and what they say of
//! others lies there, too. Where each task stands below those that it waits for, memory has the ends of those that others still
//! wait for; otherwise the numbers of the graph: about 30 bytes of a task with an edge.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::parts::task_edges::{Joined, TaskEdges};
use crate::readers::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted, NONE, Slots, TextLog};

/// A task as the file states it.
#[derive(Debug, Default)]
pub(super) struct Task {
    pub(super) line: u64,
    /// The place of its id.
    id: u64,
    pub(super) seconds: Option<Duration>,
    pub(super) cores_milli: Option<i64>,
    /// Start, since 1970.
    pub(super) start: Option<Instant>,
}

/// The number of words of a task.
const WORDS: usize = 5;

impl Task {
    /// A task of a line, of which nothing else is known.
    pub(super) fn of_line(line: u64) -> Self {
        Self {
            line,
            ..Self::default()
        }
    }

    fn words(&self) -> [u64; WORDS] {
        let seconds = self.seconds.map_or(NONE, Duration::as_nanos);
        let cores_milli = self.cores_milli.unwrap_or(NONE);
        let start = self.start.map_or(NONE, Instant::as_nanos);
        let amounts = [seconds, cores_milli, start].map(|own| own as u64);
        [self.line, self.id, amounts[0], amounts[1], amounts[2]]
    }

    fn of_words([line, id, seconds, cores_milli, start]: [u64; WORDS]) -> Self {
        let stated = |word: u64| Some(word as i64).filter(|&own| own != NONE);
        Self {
            line,
            id,
            seconds: stated(seconds).map(Duration::from_nanos),
            cores_milli: stated(cores_milli),
            start: stated(start).map(Instant::from_nanos),
        }
    }
}

/// The tasks of a workflow, by their places.
#[derive(Default)]
pub(super) struct Graph {
    tasks: Slots<WORDS>,
    ids: TextLog<1>,
    places: Places,
    edges: TaskEdges,
    /// The earliest start of a task, since 1970.
    pub(super) first: Option<Instant>,
}

impl Graph {
    /// No tasks yet; a number of them, of names and of edges is held in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            tasks: Slots::holding(most_held),
            places: Places::holding(most_held),
            edges: TaskEdges::holding(most_held),
            ..Self::default()
        }
    }

    /// The number of tasks.
    pub(super) const fn len(&self) -> u64 {
        self.tasks.count()
    }

    /// The place of the task of a name.
    pub(super) fn place(&self, name: &str) -> Result<Option<u64>, TraceError> {
        self.places.get(Places::key([name]))
    }

    /// Adds a task with an id and a name, either of which may be empty, by which others know it; and the names of those that
    /// it waits for, and of those that wait for it.
    pub(super) fn add(
        &mut self,
        mut task: Task,
        names: [&str; 2],
        [parents, children]: [Vec<String>; 2],
    ) -> Result<(), TraceError> {
        let known = names.into_iter().filter(|name| !name.is_empty());
        let id = { known.clone() }.next().unwrap_or_default();
        task.id = self.ids.push([id]);
        let place = self.tasks.push(task.words())?;
        for name in known {
            let key = Places::key([name]);
            if self.places.get(key)?.is_none() {
                self.places.put(key, place)?;
            }
        }
        self.edges.add(place, &parents, &children);
        Ok(())
    }

    /// The task of a place.
    pub(super) fn task(&mut self, place: u64) -> Result<Task, TraceError> {
        Ok(Task::of_words(self.tasks.get(place)?))
    }

    /// Puts a task in the place of one.
    pub(super) fn put(&mut self, place: u64, task: &Task) -> Result<(), TraceError> {
        self.tasks.put(place, task.words())
    }

    /// The id of a task.
    pub(super) fn id(&self, task: &Task) -> Result<String, TraceError> {
        let [id] = self.ids.get(task.id)?;
        Ok(id)
    }

    /// The order of the tasks, once all of them are there.
    pub(super) fn order(&mut self, journal: &mut Journal) -> Result<Order, TraceError> {
        let mut edges = std::mem::take(&mut self.edges).joined(&self.places)?;
        while let Some((task, kind)) = edges.next_note()? {
            journal.dirt(kind, Action::Repair, self.task(task)?.line)?;
        }
        while let Some(task) = edges.next_unknown()? {
            let kind = "waits for a task that is not there; ignored";
            journal.dirt(kind, Action::Repair, self.task(task)?.line)?;
        }
        let mut by_parent = FixedSort::default();
        let mut stand_below = true;
        edges.each(|task, parent| {
            stand_below &= parent < task;
            by_parent.push([parent, task]);
        })?;
        let begins = if stand_below {
            Begins::Following(Following::of(by_parent)?)
        } else {
            let mut waits = vec![0; self.len() as usize];
            edges.each(|task, _| waits[task as usize] += 1)?;
            Begins::Held(self.begins(by_parent, waits)?)
        };
        Ok(Order { edges, begins })
    }

    /// The earliest instant at which each task can begin: when the last of those that it waits for ends, of which `waits` has
    /// the number. None of a task that waits for itself, if only through others.
    fn begins(
        &mut self,
        by_parent: FixedSort<2>,
        mut waits: Vec<u32>,
    ) -> Result<Vec<Option<Instant>>, TraceError> {
        let children = Children::of(by_parent, waits.len())?;
        let mut begins = vec![Instant::ZERO; waits.len()];
        let mut ready: Vec<usize> = { 0..waits.len() }
            .filter(|&place| waits[place] == 0)
            .collect();
        while let Some(place) = ready.pop() {
            let run = self.task(place as u64)?.seconds.unwrap_or(Duration::ZERO);
            let end = begins[place].saturating_add(run);
            for &child in children.of_task(place) {
                let child = child as usize;
                begins[child] = begins[child].max(end);
                waits[child] -= 1;
                if waits[child] == 0 {
                    ready.push(child);
                }
            }
        }
        let both = begins.into_iter().zip(waits);
        Ok(both
            .map(|(begin, waits)| (waits == 0).then_some(begin))
            .collect())
    }
}

/// The tasks that each task of a graph waits for, and the instant at which it can begin; asked for place by place.
pub(super) struct Order {
    edges: Joined,
    begins: Begins,
}

/// The earliest instants at which tasks can begin.
enum Begins {
    /// Each is known when those of all places before it are.
    Following(Following),
    Held(Vec<Option<Instant>>),
}

impl Order {
    /// The places of those that a task waits for; those of all places before it were asked for.
    pub(super) fn parents_of(&mut self, place: u64) -> Result<Vec<u64>, TraceError> {
        Ok(self.edges.parents_of(place)?.known)
    }

    /// The earliest instant at which the task of a place can begin; `None` of one that waits for itself. Those of all places
    /// before it were asked for.
    pub(super) fn begin_of(
        &mut self,
        place: u64,
        task: &Task,
    ) -> Result<Option<Instant>, TraceError> {
        match &mut self.begins {
            Begins::Following(following) => Ok(Some(following.begin_of(place, task)?)),
            Begins::Held(held) => Ok(held[place as usize]),
        }
    }
}

/// The earliest instants of tasks, each of which stands below those that it waits for.
struct Following {
    by_parent: FixedSorted<2>,
    next: Option<[u64; 2]>,
    /// The ends of tasks above, by the place of one that waits for it.
    ends: BinaryHeap<Reverse<(u64, Instant)>>,
}

impl Following {
    fn of(by_parent: FixedSort<2>) -> Result<Self, TraceError> {
        let mut by_parent = by_parent.sorted();
        Ok(Self {
            next: by_parent.next()?,
            by_parent,
            ends: BinaryHeap::new(),
        })
    }

    fn begin_of(&mut self, place: u64, task: &Task) -> Result<Instant, TraceError> {
        let mut begin = Instant::ZERO;
        while let Some(&Reverse((own, end))) = self.ends.peek()
            && own == place
        {
            begin = begin.max(end);
            self.ends.pop();
        }
        let end = begin.saturating_add(task.seconds.unwrap_or(Duration::ZERO));
        while let Some([_, child]) = self.next.filter(|edge| edge[0] == place) {
            self.ends.push(Reverse((child, end)));
            self.next = self.by_parent.next()?;
        }
        Ok(begin)
    }
}

/// The tasks that wait for others, by the places of those.
struct Children {
    all: Vec<u32>,
    /// The number of edges up to the end of each task.
    ends: Vec<usize>,
}

impl Children {
    fn of(by_parent: FixedSort<2>, tasks: usize) -> Result<Self, TraceError> {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(tasks));
        let mut by_parent = by_parent.sorted();
        while let Some([parent, child]) = by_parent.next()? {
            ends.resize(parent as usize, all.len());
            all.push(child as u32);
        }
        ends.resize(tasks, all.len());
        Ok(Self { all, ends })
    }

    fn of_task(&self, place: usize) -> &[u32] {
        let from = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[from..self.ends[place]]
    }
}

#[cfg(test)]
mod tests {

    use proptest::prelude::*;

    use super::*;
    use intake::ledger::RowPolicy;

    /// The begins of tasks by their run times and parents, by going over all of them again and again.
    fn plain(tasks: &[(i64, Vec<usize>)]) -> Vec<Option<Instant>> {
        let mut begins = vec![None; tasks.len()];
        for _ in tasks {
            for (place, (_, parents)) in tasks.iter().enumerate() {
                let ends = parents.iter().map(|&parent| {
                    let begin: Option<Instant> = begins[parent];
                    Some(begin? + Duration::from_secs(tasks[parent].0))
                });
                let ends: Option<Vec<Instant>> = ends.collect();
                begins[place] = ends.map(|ends| ends.into_iter().max().unwrap_or(Instant::ZERO));
            }
        }
        begins
    }

    proptest! {
        #[test]
        fn tasks_begin_when_the_last_before_them_ends(
            tasks in prop::collection::vec((0..9_i64, prop::collection::vec(0..20_usize, 0..3)), 1..20),
            stand_below: bool,
            most_held in 1_usize..30,
        ) {
            let known = tasks.len();
            let of = |place: usize, (run, parents): (i64, Vec<usize>)| {
                let is_there = |parent: &usize| *parent < if stand_below { place } else { known };
                (run, parents.into_iter().filter(is_there).collect())
            };
            let tasks = tasks.into_iter().enumerate().map(|(place, own)| of(place, own));
            let tasks: Vec<(i64, Vec<usize>)> = tasks.collect();
            let mut graph = Graph::holding(most_held);
            for (place, (run, parents)) in tasks.iter().enumerate() {
                let task = Task {
                    seconds: Some(Duration::from_secs(*run)),
                    ..Task::of_line(place as u64 + 1)
                };
                let parents = parents.iter().map(ToString::to_string).collect();
                graph.add(task, [&place.to_string(), ""], [parents, Vec::new()]).expect("readable");
            }
            let mut journal = Journal::new(Arc::from("w.json"), RowPolicy::REPORT);
            let mut order = graph.order(&mut journal).expect("readable");
            let begins = (0..known as u64).map(|place| {
                let task = graph.task(place).expect("readable");
                prop_assert_eq!(task.line, place + 1);
                Ok(order.begin_of(place, &task).expect("readable"))
            });
            let begins = begins.collect::<Result<Vec<_>, TestCaseError>>()?;
            prop_assert_eq!(begins, plain(&tasks));
        }
    }
}
