//! Stable identities of pods: random draws about a pod are keyed by these, so that every run that has
//! the pod draws the same for it.

use model::{PodCreated, PodName, PodRef};
use units::{ClassId, Identity};

use super::Store;

impl Store {
    /// Stable identity of a living pod: its name and namespace, and which of the pods with its owner
    /// and index it is. Numbers of tenants follow from what else arrives, and are no part of it.
    pub fn identity_of(&self, pod: PodRef) -> Option<Identity> {
        let record = self.pods().get(pod)?;
        let turn = self.pod_states().get(pod).map_or(0, |state| state.turn);
        let named = self.named(&record.name, record.class);
        Some(named.nth(u64::from(turn)))
    }

    /// Stable identity of the pod that the store creates next.
    pub fn identity_of_new(&self, created: &PodCreated) -> Identity {
        let owner = created.owner;
        let row = owner.and_then(|owner| Some((self.objects().get(owner.object)?, owner.index)));
        let turn = row.map_or(0, |(row, index)| row.turn(index));
        let named = self.named(&created.name, created.class);
        named.nth(u64::from(turn))
    }

    fn named(&self, name: &PodName, class: ClassId) -> Identity {
        let namespace = &self.class(class).spec.namespace;
        name.identity(namespace).nth(0)
    }
}
