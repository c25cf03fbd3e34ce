//! The controller of resource quotas: counts anew what their pods ask for once pods are gone (spec:
//! kubernetes.md 2.10). What new pods ask for is charged by the API itself.

use std::sync::Arc;

use super::entry::ControllerEntry;
use super::{Change, Controller, Sync};
use crate::admission::quota::counted;
use cluster::Store;
use model::workload::{QuotaStatus, ResourceQuota};
use model::{Event, Object, ObjectChange, PodChange};
use units::{ObjectId, SortedSet};

/// The registry's entry.
pub(super) const ENTRY: ControllerEntry = ControllerEntry {
    name: "resource-quota",
    summary: "Recounts the usage of a ResourceQuota after pods are gone.",
    build: |_| Box::new(Quotas::default()),
};

/// The controller.
#[derive(Clone, Default)]
struct Quotas {
    known: SortedSet<ObjectId>,
}

impl Controller for Quotas {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
        match change.event {
            Event::Object(ObjectChange::Created { id, object, .. }) => {
                if matches!(object, Object::ResourceQuota(_)) {
                    self.known.insert(*id);
                    look_at.push(*id);
                }
            }
            // Of an update the charges of new pods are no news; another declaration was not counted.
            Event::Object(ObjectChange::Updated { id, object }) => {
                if let Object::ResourceQuota(quota) = object
                    && !quota.status.is_counted
                {
                    look_at.push(*id);
                }
            }
            Event::Object(ObjectChange::Deleted { id }) => {
                self.known.remove(id);
                // It may have been counted itself.
                look_at.extend(self.known.iter().copied());
            }
            Event::PodEnded { .. }
            | Event::PodChanged {
                change: PodChange::Forgotten,
                ..
            } => look_at.extend(self.known.iter().copied()),
            _ => {}
        }
    }

    fn sync(&mut self, step: &mut Sync<'_>) {
        let Some(Object::ResourceQuota(quota)) = step.object() else {
            return;
        };
        // A sum beyond all amounts can't be represented; the former count stays.
        let Ok(used) = counted(step.store, quota, step.now) else {
            return;
        };
        if quota.status.is_counted && quota.status.used == used {
            return;
        }
        let object = ResourceQuota {
            status: QuotaStatus {
                used,
                is_counted: true,
            },
            ..(**quota).clone()
        };
        step.update(step.key, Object::ResourceQuota(Arc::new(object)));
    }

    fn clone_controller(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
