//! A workload whose classes and tenants are numbered by their first arrivals, whatever the order of the rows of its file:
//! those that an edit left out have no number, so that a run is that of the trace written and read again.

use super::by_class::ByClass;
use super::error::TraceError;
use super::intern::{ClassTable, NameTable};
use super::memory::Recorded;
use super::stream::{Arrival, ArrivalSource, ClassTotal, Classes};
use model::Text;

/// The classes and tenants of arrivals by their first arrivals.
pub(super) struct Numbers {
    classes: Order,
    tenants: Order,
}

/// Numbers in the order in which they were met.
#[derive(Default)]
struct Order {
    /// The new number of each old one; `NONE` of one that was not met.
    of: Vec<u32>,
    /// The old numbers.
    met: Vec<u32>,
}

/// No number.
const NONE: u32 = u32::MAX;

impl Order {
    fn meet(&mut self, old: u32) {
        let place = old as usize;
        if self.of.len() <= place {
            self.of.resize(place + 1, NONE);
        }
        if self.of[place] == NONE {
            self.of[place] = self.met.len() as u32;
            self.met.push(old);
        }
    }
}

impl Numbers {
    /// The numbers of arrivals in order of submission.
    pub(super) fn of(arrivals: &[Arrival]) -> Self {
        let (mut classes, mut tenants) = (Order::default(), Order::default());
        for arrival in arrivals {
            classes.meet(arrival.class);
            tenants.meet(arrival.tenant);
        }
        Self { classes, tenants }
    }

    /// Gives a trace these numbers; its classes.
    ///
    /// # Errors
    /// A class can't be read back.
    pub(super) fn apply(
        &self,
        trace: &mut Recorded,
        classes: &Classes,
    ) -> Result<Classes, TraceError> {
        for arrival in &mut trace.arrivals {
            arrival.class = self.classes.of[arrival.class as usize];
            arrival.tenant = self.tenants.of[arrival.tenant as usize];
        }
        let name = |old: &u32| trace.tenants.get(*old as usize).cloned();
        trace.tenants = self.tenants.met.iter().filter_map(name).collect();
        let mut numbered = Classes::default();
        for &old in &self.classes.met {
            numbered.push(classes.get(old)?);
        }
        Ok(numbered)
    }
}

/// A source with numbers of its own.
pub(super) struct Renumbered {
    inner: Box<dyn ArrivalSource>,
    classes: ClassTable,
    tenants: NameTable,
    class_numbers: ByClass<u32>,
    tenant_numbers: ByClass<u32>,
}

impl Renumbered {
    pub(super) fn new(inner: Box<dyn ArrivalSource>) -> Self {
        Self {
            inner,
            classes: ClassTable::default(),
            tenants: NameTable::default(),
            class_numbers: ByClass::default(),
            tenant_numbers: ByClass::default(),
        }
    }
}

impl ArrivalSource for Renumbered {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            return Ok(None);
        };
        let (inner, classes, tenants) = (&self.inner, &mut self.classes, &mut self.tenants);
        let old = arrival.class;
        arrival.class = if let Some(known) = self.class_numbers.get(old) {
            *known
        } else {
            let class = classes.class_of_shared(&inner.classes().get(old)?);
            self.class_numbers.put(old, class);
            class
        };
        let old = arrival.tenant;
        arrival.tenant = if let Some(known) = self.tenant_numbers.get(old) {
            *known
        } else {
            let name = inner.tenants().get(old as usize);
            let name = name.cloned().unwrap_or_else(|| old.to_string().into());
            let tenant = tenants.number_of(name.as_bytes());
            self.tenant_numbers.put(old, tenant);
            tenant
        };
        Ok(Some(arrival))
    }

    fn classes(&self) -> &Classes {
        self.classes.classes()
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        self.inner.class_totals()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            classes: self.classes.clone(),
            tenants: self.tenants.clone(),
            class_numbers: self.class_numbers.clone(),
            tenant_numbers: self.tenant_numbers.clone(),
        }))
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}
