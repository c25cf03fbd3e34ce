//! Watching a store from outside the control plane: metrics, tables, checks.

use crate::model::{Event, Pod};
use crate::units::Instant;

use super::Store;

/// Sees every change right after it was applied. Observers never influence a run.
pub trait Observer {
    /// A change was applied. `ended` is the record of the pod that the change ended, as it was
    /// before.
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store);

    /// Everything of an instant has happened; `next` is when something happens next.
    fn settled(&mut self, at: Instant, store: &Store) {
        let _ = (at, store);
    }
}
