//! The graph of a workflow. Names of tasks are found on disk by their hashes and what tasks say of others is sorted there, so that
//! memory has no more than the numbers of a graph: about 75 bytes of a task with an edge.

use crate::error::TraceError;
use crate::ledger::{Action, Journal};
use crate::spill::{FixedSort, Places, TextLog};
use units::{Duration, Instant};

/// The kind of what a task says that waits for another.
const PARENT: u64 = 0;
/// The kind of what a task says that another waits for.
const CHILD: u64 = 1;

/// Notes about lists of children.
const NOTES: [&str; 2] = [
    "names a child that is not there; ignored",
    "`children` names a task whose `parents` don't; it waits all the same",
];
const NO_CHILD: u64 = 0;
const ONLY_CHILD: u64 = 1;

/// A task as the file states it.
#[derive(Debug, Default)]
pub(super) struct Task {
    pub(super) line: u64,
    /// The place of its id.
    id: u64,
    /// Whether it says that it waits for others.
    has_parents: bool,
    pub(super) seconds: Option<Duration>,
    pub(super) cores_milli: Option<i64>,
}

/// The tasks of a workflow, by their places.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) tasks: Vec<Task>,
    ids: TextLog<1>,
    places: Places,
    /// The records of edges as tasks state them: the task, the number of the record, its kind and the key of the other's name.
    said: FixedSort<5>,
    count: u64,
}

impl Graph {
    /// No tasks yet, a number of names and edges of which are held in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            places: Places::holding(most_held),
            said: FixedSort::holding(most_held),
            ..Self::default()
        }
    }

    /// The place of the task of a name.
    pub(super) fn place(&self, name: &str) -> Result<Option<usize>, TraceError> {
        let found = self.places.get(Places::key([name]))?;
        Ok(found.map(|place| place as usize))
    }

    /// Adds a task of a line with an id and a name, either of which may be empty, by which others know it; and the names of
    /// those that it waits for, and of those that wait for it.
    pub(super) fn add(
        &mut self,
        line: u64,
        names: [&str; 2],
        [parents, children]: [Vec<String>; 2],
    ) -> Result<&mut Task, TraceError> {
        let place = self.tasks.len() as u64;
        let known = names.into_iter().filter(|name| !name.is_empty());
        for name in known.clone() {
            let key = Places::key([name]);
            if self.places.get(key)?.is_none() {
                self.places.put(key, place)?;
            }
        }
        let has_parents = !parents.is_empty();
        for (kind, others) in [(PARENT, parents), (CHILD, children)] {
            for other in others {
                let [first, second] = Places::key([other.as_str()]);
                self.said.push([place, self.count, kind, first, second]);
                self.count += 1;
            }
        }
        self.tasks.push(Task {
            line,
            id: self.ids.push([{ known }.next().unwrap_or_default()]),
            has_parents,
            seconds: None,
            cores_milli: None,
        });
        Ok(&mut self.tasks[place as usize])
    }

    /// The id of a task.
    pub(super) fn id(&self, place: usize) -> Result<String, TraceError> {
        let [id] = self.ids.get(self.tasks[place].id)?;
        Ok(id)
    }

    /// The tasks that each waits for, those that its own list names before those whose lists of children name it.
    pub(super) fn parents(&mut self, journal: &mut Journal) -> Result<Edges, TraceError> {
        // The child, whether the parent alone says so, the order, and the parent.
        let mut edges: FixedSort<4> = FixedSort::default();
        let mut stated: FixedSort<2> = FixedSort::default();
        let mut by_parents: FixedSort<3> = FixedSort::default();
        let mut notes: FixedSort<3> = FixedSort::default();
        let mut unknown: FixedSort<1> = FixedSort::default();
        let mut said = std::mem::take(&mut self.said).sorted();
        while let Some([task, number, kind, first, second]) = said.next()? {
            match (kind, self.places.get([first, second])?) {
                (PARENT, Some(parent)) => {
                    stated.push([task, parent]);
                    edges.push([task, PARENT, number, parent]);
                }
                (PARENT, None) => unknown.push([task]),
                (_, Some(child)) => by_parents.push([child, task, number]),
                (_, None) => notes.push([task, number, NO_CHILD]),
            }
        }
        let (mut stated, mut by_parents) = (stated.sorted(), by_parents.sorted());
        let mut known = stated.next()?;
        let mut last = None;
        while let Some([child, parent, number]) = by_parents.next()? {
            let edge = Some([child, parent]);
            while known.is_some() && known < edge {
                known = stated.next()?;
            }
            if known == edge || last == edge {
                continue;
            }
            last = edge;
            if self.tasks[child as usize].has_parents {
                notes.push([parent, number, ONLY_CHILD]);
            }
            edges.push([child, CHILD, parent, parent]);
        }
        let mut note = |kind: &str, task: u64| {
            let line = self.tasks[task as usize].line;
            journal.dirt(kind, Action::Repair, line)
        };
        let mut notes = notes.sorted();
        while let Some([task, _, kind]) = notes.next()? {
            note(NOTES[kind as usize], task)?;
        }
        let mut unknown = unknown.sorted();
        while let Some([task]) = unknown.next()? {
            note("waits for a task that is not there; ignored", task)?;
        }
        let mut all = Edges::default();
        let mut edges = edges.sorted();
        while let Some([child, _, _, parent]) = edges.next()? {
            all.push(child as usize, parent as u32);
        }
        all.end(self.tasks.len());
        Ok(all)
    }

    /// The earliest instant at which each task can begin: when the last of those that it waits for
    /// ends. None of a task that waits for itself, if only through others.
    pub(super) fn earliest(&self, parents: &Edges) -> Vec<Option<Instant>> {
        let children = parents.turned();
        let all = 0..self.tasks.len();
        let mut waits: Vec<u32> = { all.clone() }
            .map(|place| parents.of(place).len() as u32)
            .collect();
        let mut begins = vec![Instant::ZERO; all.len()];
        let mut ready: Vec<usize> = all.filter(|&place| waits[place] == 0).collect();
        while let Some(place) = ready.pop() {
            let run = self.tasks[place].seconds.unwrap_or(Duration::ZERO);
            let end = begins[place].saturating_add(run);
            for &child in children.of(place) {
                let child = child as usize;
                begins[child] = begins[child].max(end);
                waits[child] -= 1;
                if waits[child] == 0 {
                    ready.push(child);
                }
            }
        }
        let both = begins.into_iter().zip(waits);
        both.map(|(begin, waits)| (waits == 0).then_some(begin))
            .collect()
    }
}

/// The tasks at the other ends of edges, by the places of those at the one.
#[derive(Debug, Default)]
pub(super) struct Edges {
    others: Vec<u32>,
    /// The number of edges up to the end of each task.
    ends: Vec<usize>,
}

impl Edges {
    /// Adds an edge of a task, after those of all before it.
    fn push(&mut self, task: usize, other: u32) {
        self.end(task);
        self.others.push(other);
    }

    /// Ends the edges of all tasks before one.
    fn end(&mut self, task: usize) {
        self.ends.resize(task, self.others.len());
    }

    /// The other ends of the edges of a task.
    pub(super) fn of(&self, task: usize) -> &[u32] {
        let from = task.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.others[from..self.ends[task]]
    }

    /// The edges of the others.
    fn turned(&self) -> Self {
        let mut ends = vec![0; self.ends.len()];
        for &other in &self.others {
            ends[other as usize] += 1;
        }
        let mut all = 0;
        for end in &mut ends {
            all += *end;
            *end = all - *end;
        }
        let mut others = vec![0; self.others.len()];
        for task in 0..self.ends.len() {
            for &other in self.of(task) {
                let place = &mut ends[other as usize];
                others[*place] = task as u32;
                *place += 1;
            }
        }
        Self { others, ends }
    }
}
