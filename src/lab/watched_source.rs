//! A source of arrivals that is delivered as it is, with work of the lab around each arrival.

use arrivals::stream::{ClassTotal, Classes};
use arrivals::{Arrival, ArrivalSource};
use intake::TraceError;

/// Result of taking the next arrival of a source.
pub(super) type Next = Result<Option<Arrival>, TraceError>;

/// A source whose arrivals are taken by `next`, which delivers them unchanged.
struct WatchedSource<F> {
    source: Box<dyn ArrivalSource>,
    next: F,
}

/// The source, whose arrivals `next` takes from now on; a fork of it is a fork of the plain source.
pub(super) fn watched(
    source: Box<dyn ArrivalSource>,
    next: impl FnMut(&mut dyn ArrivalSource) -> Next + Send + 'static,
) -> Box<dyn ArrivalSource> {
    Box::new(WatchedSource { source, next })
}

impl<F: FnMut(&mut dyn ArrivalSource) -> Next + Send> ArrivalSource for WatchedSource<F> {
    fn next(&mut self) -> Next {
        (self.next)(&mut *self.source)
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.source)
    }

    fn classes(&self) -> &Classes {
        self.source.classes()
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        self.source.class_totals()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.source.fork()
    }
}
