//! A workload whose classes and tenants are numbered by their first arrivals: those that an edit left out
//! have no number, so that a run is that of the edited trace written and read again.

use super::by_class::ByClass;
use super::error::TraceError;
use super::header_record::HeaderRecord;
use super::intern::{ClassTable, NameTable};
use super::ledger::Ledger;
use super::stream::{Arrival, ArrivalSource, Classes};
use model::Text;
use units::SortedMap;

/// A source with numbers of its own.
pub(super) struct Renumbered {
    inner: Box<dyn ArrivalSource>,
    classes: ClassTable,
    tenants: NameTable,
    class_numbers: ByClass<u32>,
    tenant_numbers: SortedMap<u32, u32>,
}

impl Renumbered {
    pub(super) fn new(inner: Box<dyn ArrivalSource>) -> Self {
        Self {
            inner,
            classes: ClassTable::default(),
            tenants: NameTable::default(),
            class_numbers: ByClass::default(),
            tenant_numbers: SortedMap::new(),
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
        arrival.class = match self.class_numbers.get(old) {
            Some(known) => *known,
            None => classes.class_of_shared(&inner.classes().get(old)?),
        };
        self.class_numbers.put(old, arrival.class);
        let tenant = self.tenant_numbers.entry(arrival.tenant);
        arrival.tenant = *tenant.or_insert_with_key(|old| {
            let name = inner.tenants().get(*old as usize);
            let name = name.cloned().unwrap_or_else(|| old.to_string().into());
            tenants.number_of(name.as_bytes())
        });
        Ok(Some(arrival))
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }

    fn has_gangs(&self) -> bool {
        self.inner.has_gangs()
    }

    fn header(&self) -> &HeaderRecord {
        self.inner.header()
    }

    fn classes(&self) -> &Classes {
        self.classes.classes()
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

    fn ledger(&self) -> &Ledger {
        self.inner.ledger()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }

    fn files(&self) -> &[std::sync::Arc<str>] {
        self.inner.files()
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }
}
