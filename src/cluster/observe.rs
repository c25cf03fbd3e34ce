//! Watching a store from outside the control plane: metrics, tables, checks.

use crate::model::{Event, Pod};
use crate::units::Instant;

use super::{Measured, Store};

/// Sees every change right after it was applied. Observers never influence a run.
pub trait Observer {
    /// A change was applied. `ended` is the record of the pod that the change ended, as it was
    /// before.
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store);

    /// Everything of an instant has happened; `next` is when something happens next.
    fn settled(&mut self, at: Instant, store: &Store) {
        let _ = (at, store);
    }

    /// What the world measures now, shown every now and then once an instant has settled.
    fn measured(&mut self, at: Instant, store: &Store, measured: &dyn Measured) {
        let _ = (at, store, measured);
    }
}
