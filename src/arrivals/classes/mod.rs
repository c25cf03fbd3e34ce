//! The pod classes of a source, in order of first appearance. The first ones are in memory. A trace in which each task asks
//! for amounts of its own has as many classes as tasks: those beyond the first are in a temporary file and are read
//! back when they are asked for. Copies share both, so that a copy costs little however many there are.

mod bytes;
mod code;
mod log;

use std::ops::Range;
use std::sync::Arc;

use crate::class_columns::ClassColumns;
use crate::implausible::Extremes;
pub(crate) use bytes::{Broken, Taken, put, put_text};
pub(crate) use code::Code;
use intake::TraceError;
use log::Log;
use model::PodSpec;

/// The number of classes that are held in memory. They take about 1 KiB each; few traces have more.
const MOST_HELD: usize = crate::class_cache::MOST;

/// The pod classes of a source, in order of first appearance; grows as the source is read.
///
/// ```
/// use std::sync::Arc;
///
/// use model::PodSpec;
/// use arrivals::Classes;
///
/// let mut classes = Classes::from(vec![Arc::new(PodSpec::default())]);
/// let urgent = PodSpec {
///     priority: 9,
///     ..PodSpec::default()
/// };
/// classes.push(Arc::new(urgent));
/// assert_eq!(classes.get(1)?.priority, 9);
/// let priorities = classes.since(0).map(|spec| Ok(spec?.priority));
/// assert_eq!(priorities.collect::<Result<Vec<i32>, intake::TraceError>>()?, [0, 9]);
/// # Ok::<(), intake::TraceError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Classes {
    held: Arc<Vec<Arc<PodSpec>>>,
    most_held: usize,
    /// The classes beyond those in memory, and the number of them that are of this source.
    log: Option<Arc<Log>>,
    logged: usize,
    /// The columns that they need in a table.
    columns: ClassColumns,
    extremes: Extremes,
}

impl Default for Classes {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl From<Vec<Arc<PodSpec>>> for Classes {
    /// The classes that are in memory already stay there.
    fn from(held: Vec<Arc<PodSpec>>) -> Self {
        let needed = held.iter().map(|spec| ClassColumns::of(spec));
        let mut extremes = Extremes::default();
        for (class, spec) in held.iter().enumerate() {
            extremes.take(class, spec);
        }
        Self {
            most_held: MOST_HELD.max(held.len()),
            columns: needed.fold(ClassColumns::default(), ClassColumns::or),
            extremes,
            held: Arc::new(held),
            log: None,
            logged: 0,
        }
    }
}

impl Classes {
    /// Creates a list without classes, a number of which will be held in memory.
    pub fn holding(most_held: usize) -> Self {
        Self {
            held: Arc::default(),
            most_held,
            log: None,
            logged: 0,
            columns: ClassColumns::default(),
            extremes: Extremes::default(),
        }
    }

    /// Returns the columns that the classes need in a table.
    pub fn columns(&self) -> ClassColumns {
        self.columns
    }

    /// The extremes of what the classes request.
    pub(crate) fn extremes(&self) -> &Extremes {
        &self.extremes
    }

    /// Returns the number of classes.
    pub fn len(&self) -> usize {
        self.held.len() + self.logged
    }

    /// Returns whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a class.
    pub fn push(&mut self, spec: Arc<PodSpec>) {
        self.columns = self.columns.or(ClassColumns::of(&spec));
        self.extremes.take(self.len(), &spec);
        if self.held.len() < self.most_held {
            Arc::make_mut(&mut self.held).push(spec);
            return;
        }
        let log = self.log.get_or_insert_with(Arc::default);
        if !log.push(self.logged, &spec) {
            // A copy went on with other classes.
            *log = Arc::new(log.copy(self.logged));
            log.push(self.logged, &spec);
        }
        self.logged += 1;
    }

    /// Returns the spec of a class.
    ///
    /// # Errors
    /// The temporary file can't be read back.
    ///
    /// # Panics
    /// There is no such class.
    pub fn get(&self, class: u32) -> Result<Arc<PodSpec>, TraceError> {
        let place = class as usize;
        if let Some(spec) = self.held.get(place) {
            return Ok(Arc::clone(spec));
        }
        let place = place - self.held.len();
        assert!(place < self.logged, "a class of the source");
        let log = self.log.as_ref().expect("invariant: some are logged");
        log.get(place)
    }

    /// Returns the specs of the classes from a number on, each of which may be one that can't be read back.
    pub fn since(&self, first: usize) -> Specs<'_> {
        Specs {
            classes: self,
            left: first..self.len(),
        }
    }

    /// Returns the classes that are in memory: the first ones, or all.
    pub fn held(&self) -> &[Arc<PodSpec>] {
        &self.held
    }

    /// Returns all classes, which copies find in memory from then on: of a run that needs all of them, each is there once.
    ///
    /// # Errors
    /// The temporary file can't be read back.
    pub fn hold_all(&self) -> Result<Vec<Arc<PodSpec>>, TraceError> {
        let all = self.to_vec()?;
        if let Some(log) = &self.log {
            log.hold(&all[self.held.len()..]);
        }
        Ok(all)
    }

    /// Returns all classes, in memory.
    ///
    /// # Errors
    /// The temporary file can't be read back.
    pub fn to_vec(&self) -> Result<Vec<Arc<PodSpec>>, TraceError> {
        self.since(0).collect()
    }
}

/// Only of classes in memory.
/// The specs of the first classes, which are in memory; any other panics.
impl std::ops::Index<usize> for Classes {
    type Output = Arc<PodSpec>;

    fn index(&self, class: usize) -> &Arc<PodSpec> {
        &self.held[class]
    }
}

/// The specs of classes, one after the other.
#[derive(Debug)]
pub struct Specs<'c> {
    classes: &'c Classes,
    left: Range<usize>,
}

impl Iterator for Specs<'_> {
    type Item = Result<Arc<PodSpec>, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let class = self.left.next()?;
        Some(self.classes.get(class as u32))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

#[cfg(test)]
mod tests;
