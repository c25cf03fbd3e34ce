//! A workload of which fields are written anew, arrival by arrival.

use std::sync::Arc;

use crate::expression::{Assigned, Assignment, apply};
use arrivals::class_cache::ByClass;
use arrivals::intern::{ClassTable, NameTable};
use arrivals::stream::{Arrival, ArrivalSource, Classes};
use intake::TraceError;
use model::{PodName, PodSpec, Text};
use units::Instant;

/// A source with assignments after it.
pub(super) struct Rewritten {
    inner: Box<dyn ArrivalSource>,
    assignments: Arc<[Assignment]>,
    classes: ClassTable,
    tenants: NameTable,
    /// Classes of the inner source that assignments leave as they are.
    kept: ByClass<u32>,
    last: Instant,
    /// The gang of the last arrival, and when that was submitted before.
    gang: Option<(u16, PodName, Instant)>,
}

impl Rewritten {
    pub(super) fn new(inner: Box<dyn ArrivalSource>, assignments: Arc<[Assignment]>) -> Self {
        Self {
            inner,
            assignments,
            classes: ClassTable::default(),
            tenants: NameTable::default(),
            kept: ByClass::default(),
            last: Instant::ZERO,
            gang: None,
        }
    }

    /// Refuses a submission apart from that of the mate above.
    fn keep_together(&mut self, arrival: &Arrival, before: Instant) -> Result<(), TraceError> {
        let gang = arrival.gang().cloned();
        let gang = gang.map(|gang| (arrival.part, gang, before));
        if gang.is_some() && gang == self.gang && arrival.submit != self.last {
            return Err(refused_edit(format!(
                "`{}` would be submitted apart from others of its gang, which start together; leave `submit` \
                 alone or change it alike for all of a gang",
                arrival.name,
            )));
        }
        self.gang = gang;
        Ok(())
    }

    fn number(&mut self, arrival: &mut Arrival, own: &Assigned, before: &Arc<PodSpec>) {
        let old = arrival.class;
        let is_kept = Arc::ptr_eq(&own.spec, before);
        let known = self.kept.get(old).copied().filter(|_| is_kept);
        arrival.class = known.unwrap_or_else(|| self.classes.class_of_shared(&own.spec));
        if is_kept {
            self.kept.put(old, arrival.class);
        }
        arrival.tenant = self.tenants.number_of(own.tenant.as_bytes());
    }
}

impl ArrivalSource for Rewritten {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(arrival) = self.inner.next()? else {
            return Ok(None);
        };
        let tenant = self.inner.tenants().get(arrival.tenant as usize);
        let before = self.inner.classes().get(arrival.class)?;
        let submit = arrival.submit;
        let mut own = Assigned {
            spec: Arc::clone(&before),
            tenant: tenant.cloned().unwrap_or_else(|| "default".into()),
            arrival,
        };
        apply(&self.assignments, &mut own).map_err(refused_edit)?;
        let mut arrival = own.arrival.clone();
        self.number(&mut arrival, &own, &before);
        if arrival.submit < self.last {
            return Err(refused_edit(format!(
                "`{}` would be submitted at {}, before an arrival above it; an edit keeps the order, so \
                 leave `submit` alone or change all alike",
                arrival.name,
                arrival.submit.since(Instant::ZERO),
            )));
        }
        self.keep_together(&arrival, submit)?;
        self.last = arrival.submit;
        Ok(Some(arrival))
    }

    fn classes(&self) -> &Classes {
        self.classes.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            assignments: Arc::clone(&self.assignments),
            classes: self.classes.clone(),
            tenants: self.tenants.clone(),
            kept: self.kept.clone(),
            last: self.last,
            gang: self.gang.clone(),
        }))
    }

    fn tenants(&self) -> &[Text] {
        self.tenants.names()
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

/// Error of an edit that an arrival does not allow.
pub(crate) fn refused_edit(reason: String) -> TraceError {
    TraceError::Format {
        file: "edit".to_owned(),
        reason,
    }
}
