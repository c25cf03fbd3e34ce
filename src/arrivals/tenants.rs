//! Tenants of a workload that have the numbers which a list gives them.

use std::sync::Arc;

use crate::stream::{Arrival, ArrivalSource, ClassTotal};
use intake::TraceError;
use model::Text;

/// A source whose tenants are those of a list, numbered by their places in it; an arrival of any other
/// tenant is an error.
///
/// ```
/// use arrivals::tenants::ListedTenants;
/// use arrivals::{Arrival, ArrivalSource, MemorySource, Recorded};
/// use model::PodName;
/// use units::Instant;
///
/// let arrival = Arrival::new(Instant::ZERO, PodName::Job(1));
/// let recorded = || Recorded {
///     arrivals: vec![arrival.clone()],
///     tenants: vec!["bob".into()],
///     ..Recorded::default()
/// };
/// let source = Box::new(MemorySource::new(recorded()));
/// let mut source = ListedTenants::new(source, vec!["ann".into(), "bob".into()], "accounts");
/// assert_eq!(source.next()?.map(|arrival| arrival.tenant), Some(1));
/// let source = Box::new(MemorySource::new(recorded()));
/// let mut source = ListedTenants::new(source, vec!["ann".into()], "accounts");
/// assert!(source.next().is_err());
/// # Ok::<(), intake::TraceError>(())
/// ```
pub struct ListedTenants {
    inner: Box<dyn ArrivalSource>,
    listed: Arc<[Text]>,
    /// The place in the list of each tenant of the inner source.
    places: Vec<Option<u32>>,
    /// The field that has the list.
    field: &'static str,
}

impl ListedTenants {
    /// A source under the list that stands in a field of the experiment.
    pub fn new(
        inner: Box<dyn ArrivalSource>,
        listed: impl Into<Arc<[Text]>>,
        field: &'static str,
    ) -> Self {
        Self {
            inner,
            listed: listed.into(),
            places: Vec::new(),
            field,
        }
    }

    fn unknown(&self, tenant: u32) -> TraceError {
        let name = self.inner.tenants().get(tenant as usize);
        let who = match name {
            Some(name) => format!("`{name}` of the workload is not listed here"),
            None => "the workload names no users".to_owned(),
        };
        TraceError::Format {
            file: self.field.to_owned(),
            reason: format!("{who}; add every user, or leave `{}` out", self.field),
        }
    }
}

impl ArrivalSource for ListedTenants {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            return Ok(None);
        };
        for name in &self.inner.tenants()[self.places.len()..] {
            let place = self.listed.iter().position(|listed| listed == name);
            self.places.push(place.map(|place| place as u32));
        }
        let place = self.places.get(arrival.tenant as usize).copied().flatten();
        arrival.tenant = place.ok_or_else(|| self.unknown(arrival.tenant))?;
        Ok(Some(arrival))
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        self.inner.class_totals()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let inner = self.inner.fork()?;
        Ok(Box::new(Self {
            inner,
            listed: Arc::clone(&self.listed),
            places: Vec::new(),
            field: self.field,
        }))
    }

    fn tenants(&self) -> &[Text] {
        &self.listed
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}
