//! The edges of a graph of tasks, as these state them before all of them are known: a task names those that it waits for, and
//! those that wait for it. Long lists of names are sorted on disk, and so are the edges that come of them.

use crate::prelude::*;
use arrivals::spill::{FixedSort, FixedSorted};

/// The relation of a task to another that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// That it waits for the other.
    Parent,
    /// That the other waits for it.
    Child,
}

/// The notes about lists of children.
const NOTES: [&str; 2] = [
    "names a child that is not there; ignored",
    "`children` names a task whose `parents` don't; it waits all the same",
];
const NO_CHILD: u64 = 0;
const ONLY_CHILD: u64 = 1;

/// The relations that tasks have stated up to now, by the numbers of the tasks.
#[derive(Debug, Default)]
pub(crate) struct TaskEdges {
    /// The task, the number of the record, what it says, and the key of the other's name.
    said: FixedSort<5>,
    count: u64,
}

impl TaskEdges {
    /// Nothing yet; a number of records is held in memory.
    #[cfg(test)]
    pub(crate) const fn holding(most_held: usize) -> Self {
        Self {
            said: FixedSort::holding(most_held),
            count: 0,
        }
    }

    /// Adds the lists of a task: the names of those that it waits for, and of those that wait for it.
    pub(crate) fn add<N: AsRef<str>>(&mut self, task: u64, parents: &[N], children: &[N]) {
        for (said, others) in [(Said::Parent, parents), (Said::Child, children)] {
            for other in others {
                self.say(task, said, other.as_ref());
            }
        }
    }

    fn say(&mut self, task: u64, said: Said, other: &str) {
        let [first, second] = Places::key([other]);
        self.said
            .push([task, self.count, said as u64, first, second]);
        self.count += 1;
    }

    /// The edges between tasks, the numbers of which are found by their names.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub(crate) fn joined(self, places: &Places) -> Result<Joined, TraceError> {
        let mut edges: FixedSort<4> = FixedSort::default();
        let mut stated: FixedSort<2> = FixedSort::default();
        let mut by_parents: FixedSort<3> = FixedSort::default();
        let mut notes: FixedSort<3> = FixedSort::default();
        let (mut unknown, mut have_lists) = (FixedSort::default(), FixedSort::default());
        let (mut said, mut last_list) = (self.said.sorted(), None);
        while let Some([task, number, kind, first, second]) = said.next()? {
            let is_parent = kind == Said::Parent as u64;
            if is_parent && last_list.replace(task) != Some(task) {
                have_lists.push([task]);
            }
            match (is_parent, places.get([first, second])?) {
                (true, Some(parent)) => {
                    stated.push([task, parent]);
                    edges.push([task, kind, number, parent]);
                }
                (true, None) => unknown.push([task]),
                (false, Some(child)) => by_parents.push([child, task, number]),
                (false, None) => notes.push([task, number, NO_CHILD]),
            }
        }
        let (mut stated, mut have_lists) = (stated.sorted(), have_lists.sorted());
        let mut by_parents = by_parents.sorted();
        let (mut known, mut list) = (stated.next()?, have_lists.next()?);
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
            while list.is_some_and(|own| own < [child]) {
                list = have_lists.next()?;
            }
            if list == Some([child]) {
                notes.push([parent, number, ONLY_CHILD]);
            }
            edges.push([child, Said::Child as u64, parent, parent]);
        }
        let (mut edges, mut unknown) = (edges.sorted(), unknown.sorted());
        Ok(Joined {
            edge: edges.next()?,
            edges,
            unknown: unknown.next()?,
            unknowns: unknown,
            notes: notes.sorted(),
        })
    }
}

/// The edges of a graph, and what is wrong with what its tasks said.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    /// The task, what said so, the order, and the parent.
    edges: FixedSorted<4>,
    edge: Option<[u64; 4]>,
    /// Tasks that name a parent that is not there, once for each of them.
    unknowns: FixedSorted<1>,
    unknown: Option<[u64; 1]>,
    notes: FixedSorted<3>,
}

/// The tasks that one waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parents {
    /// The numbers of those that are there, those that its own list names before those whose lists of children name it.
    pub(crate) known: Vec<u64>,
    /// Whether it waits for one that is not there as well.
    pub(crate) has_unknown: bool,
}

impl Joined {
    /// Takes each edge: the number of a task, and that of one that it waits for.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub(crate) fn each(&self, mut take: impl FnMut(u64, u64)) -> Result<(), TraceError> {
        let (mut edges, mut edge) = (self.edges.clone(), self.edge);
        while let Some([task, _, _, parent]) = edge {
            take(task, parent);
            edge = edges.next()?;
        }
        Ok(())
    }

    /// The tasks that one waits for; those of all smaller numbers were asked for.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub(crate) fn parents_of(&mut self, task: u64) -> Result<Parents, TraceError> {
        let mut parents = Parents::default();
        while let Some(edge) = self.edge.filter(|edge| edge[0] == task) {
            parents.known.push(edge[3]);
            self.edge = self.edges.next()?;
        }
        while self.unknown == Some([task]) {
            parents.has_unknown = true;
            self.unknown = self.unknowns.next()?;
        }
        Ok(parents)
    }

    /// The next task that says that it waits for one that is not there, once for each of them.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub(crate) fn next_unknown(&mut self) -> Result<Option<u64>, TraceError> {
        let unknown = self.unknown;
        self.unknown = self.unknowns.next()?;
        Ok(unknown.map(|[task]| task))
    }

    /// The next note about a list of children, with its task.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub(crate) fn next_note(&mut self) -> Result<Option<(u64, &'static str)>, TraceError> {
        let note = self.notes.next()?;
        Ok(note.map(|[task, _, kind]| (task, NOTES[kind as usize])))
    }
}
