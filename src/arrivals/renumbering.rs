//! A workload whose classes and tenants are numbered by their first arrivals, whatever the order of the rows of its file:
//! those that an edit left out have no number, so that a run is that of the trace written and read again.

use std::collections::VecDeque;

use crate::class_cache::ByClass;
use crate::intern::{ClassTable, NameTable};
use crate::memory::Recorded;
use crate::stream::{Arrival, ArrivalSource, ClassTotal, Classes};
use intake::TraceError;
use model::Text;

/// The classes and tenants of arrivals by their first arrivals.
pub struct Numbers {
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
    pub fn of(arrivals: &[Arrival]) -> Self {
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
    pub fn apply(&self, trace: &mut Recorded, classes: &Classes) -> Result<Classes, TraceError> {
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
pub struct Renumbered {
    inner: Box<dyn ArrivalSource>,
    classes: ClassTable,
    tenants: NameTable,
    class_numbers: ByClass<u32>,
    tenant_numbers: ByClass<u32>,
    /// Numbers of classes and of tenants below which all are as they were: all of them, mostly.
    same_classes: u32,
    same_tenants: u32,
}

impl Renumbered {
    /// A source around another.
    pub fn new(inner: Box<dyn ArrivalSource>) -> Self {
        Self {
            inner,
            classes: ClassTable::default(),
            tenants: NameTable::default(),
            class_numbers: ByClass::default(),
            tenant_numbers: ByClass::default(),
            same_classes: 0,
            same_tenants: 0,
        }
    }

    fn class_of(&mut self, old: u32) -> Result<u32, TraceError> {
        if let Some(known) = self.class_numbers.get(old) {
            return Ok(*known);
        }
        let spec = self.inner.classes().get(old)?;
        let class = self.classes.class_of_shared(&spec);
        self.class_numbers.put(old, class);
        self.same_classes += u32::from(class == old && old == self.same_classes);
        Ok(class)
    }

    fn tenant_of(&mut self, old: u32) -> u32 {
        if let Some(known) = self.tenant_numbers.get(old) {
            return *known;
        }
        let name = self.inner.tenants().get(old as usize);
        let name = name.cloned().unwrap_or_else(|| old.to_string().into());
        let tenant = self.tenants.number_of_shared(&name);
        self.tenant_numbers.put(old, tenant);
        self.same_tenants += u32::from(tenant == old && old == self.same_tenants);
        tenant
    }

    /// Gives an arrival its own numbers.
    #[inline]
    fn number(&mut self, arrival: &mut Arrival) -> Result<(), TraceError> {
        if arrival.class >= self.same_classes {
            arrival.class = self.class_of(arrival.class)?;
        }
        if arrival.tenant >= self.same_tenants {
            arrival.tenant = self.tenant_of(arrival.tenant);
        }
        Ok(())
    }
}

impl ArrivalSource for Renumbered {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let mut next = self.inner.next()?;
        if let Some(arrival) = &mut next {
            self.number(arrival)?;
        }
        Ok(next)
    }

    fn append_to(
        &mut self,
        buffer: &mut VecDeque<Arrival>,
        most: usize,
    ) -> Result<bool, TraceError> {
        let known = buffer.len();
        let goes_on = self.inner.append_to(buffer, most);
        for arrival in buffer.iter_mut().skip(known) {
            self.number(arrival)?;
        }
        goes_on
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
            same_classes: self.same_classes,
            same_tenants: self.same_tenants,
        }))
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}
