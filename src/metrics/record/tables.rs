//! The tables and findings that families leave beside their values.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A table or finding of a family: any type of its own.
///
/// Any type that threads may share and that can be printed is a table; a list of rows is one, too.
///
/// ```
/// use metrics::Tables;
///
/// #[derive(Debug)]
/// struct Outage {
///     node: &'static str,
///     seconds: u32,
/// }
///
/// let mut tables = Tables::default();
/// tables.put(vec![Outage { node: "n1", seconds: 30 }, Outage { node: "n2", seconds: 12 }]);
/// let down: u32 = tables.rows::<Outage>().iter().map(|outage| outage.seconds).sum();
/// assert_eq!(down, 42);
/// assert_eq!(tables.rows::<Outage>()[0].node, "n1");
/// ```
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
