//! Context of a scheduling attempt, which the plugins read.

use cluster::{Class, Store};
use units::{ClassId, Instant};

/// The cluster and the class of the pod being placed. Filters and scores see the class and not the
/// pod, so pods of one class get one answer.
#[derive(Clone, Copy, Debug)]
pub struct ClassContext<'a> {
    /// The present.
    pub now: Instant,
    /// The cluster as the scheduler sees it.
    pub store: &'a Store,
    /// The class's index.
    pub id: ClassId,
    /// The class.
    pub class: &'a Class,
}

impl<'a> ClassContext<'a> {
    /// The context of a class at an instant.
    #[inline]
    pub fn new(now: Instant, store: &'a Store, id: ClassId) -> Self {
        Self {
            now,
            store,
            id,
            class: store.class(id),
        }
    }
}
