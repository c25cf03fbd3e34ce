//! The tables and findings that families leave beside their values.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A table or finding of a family: any type of its own.
pub trait Table: Any + Debug + Send + Sync {}

impl<T: Any + Debug + Send + Sync> Table for T {}

/// The tables and findings of a run, found by their types. A family that leaves one defines its type;
/// a reader of results that knows the type asks for it.
///
/// ```
/// use metrics::Tables;
///
/// #[derive(Debug, PartialEq)]
/// struct Sightings(Vec<&'static str>);
///
/// let mut tables = Tables::default();
/// tables.put(Sightings(vec!["node-3"]));
/// assert_eq!(tables.get(), Some(&Sightings(vec!["node-3"])));
/// assert_eq!(tables.get::<String>(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tables(Vec<Arc<dyn Table>>);

impl Tables {
    /// Adds a table.
    pub fn put<T: Table>(&mut self, table: T) {
        self.0.push(Arc::new(table));
    }

    /// The first table of a type.
    pub fn get<T: Table>(&self) -> Option<&T> {
        let mut all = self.0.iter();
        all.find_map(|table| (table.as_ref() as &dyn Any).downcast_ref())
    }

    /// The rows of a table that is a list; none if no family left it.
    pub fn rows<T: Table>(&self) -> &[T] {
        self.get::<Vec<T>>().map_or(&[], Vec::as_slice)
    }
}

/// A finding: the run has no steady state, for this reason. Estimates of one then have no value in a
/// run that was made to give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSteadyState(pub String);
