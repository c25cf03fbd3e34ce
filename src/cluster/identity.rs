//! Stable identities of pods: random draws about a pod are keyed by these, so that every run that has
//! the pod draws the same for it.
//!
//! A pod that a controller makes is its owner's n-th, or the n-th of its ordinal (of a stateful set), index
//! (of a job) or node (of a daemon set). Its name is no part of that: it holds a hash of the template, and a
//! new tag of an image would change all draws. For a deployment's replica sets the deployment counts.
//! Pods that nothing made are known by their names.

use model::{Object, PodCreated, PodName, PodOwner, PodRef};
use units::{ClassId, Identity, NodeId};

use super::Store;

impl Store {
    /// Stable identity of a living pod: its owner and which of the owner's pods it is, or its name and
    /// namespace. Numbers of tenants follow from what else arrives, and are no part of it.
    pub fn identity_of(&self, pod: PodRef) -> Option<Identity> {
        let record = self.pods().get(pod)?;
        let state = self.pod_states().get(pod);
        let turn = state.map_or(0, |state| state.turn);
        let owner = state.and_then(|state| state.owner);
        let owned = self.owned(&record.name, owner, turn);
        Some(owned.unwrap_or_else(|| self.named(&record.name, record.class, turn)))
    }

    /// Stable identity of the pod that the store creates next.
    pub fn identity_of_new(&self, created: &PodCreated) -> Identity {
        let turn = (created.owner).map_or(0, |owner| self.objects().turn_of_root(owner));
        // What was found on a node has had its name before.
        let owner = created.owner.filter(|_| created.found.is_none());
        let owned = self.owned(&created.name, owner, turn);
        owned.unwrap_or_else(|| self.named(&created.name, created.class, turn))
    }

    fn owned(&self, name: &PodName, owner: Option<PodOwner>, turn: u32) -> Option<Identity> {
        let owner = owner.filter(|_| matches!(name, PodName::Text(_)))?;
        let root = self.objects().get(self.objects().root(owner.object))?;
        let place = match root.object {
            // Nodes that join are numbered by age; their names are stable.
            Object::DaemonSet(_) => {
                let node = self.nodes().name(NodeId(owner.index as u32));
                root.identity.with(node)
            }
            _ => root.identity.nth(owner.index as u64),
        };
        Some(place.nth(u64::from(turn)))
    }

    fn named(&self, name: &PodName, class: ClassId, turn: u32) -> Identity {
        let namespace = &self.class(class).spec.namespace;
        name.identity(namespace).nth(0).nth(u64::from(turn))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::workload::{Deployment, ReplicaSet, StatefulSet};
    use model::{Event, ObjectChange, PodSpec};
    use units::{Instant, ObjectId, TenantId};

    fn create(store: &mut Store, owner: Option<ObjectId>, object: Object) -> ObjectId {
        let id = store.objects().next();
        let change = ObjectChange::Created { id, owner, object };
        let created = store.apply(Instant::ZERO, Event::Object(change));
        created.expect("an object");
        id
    }

    /// Creates a pod; its identity before and after.
    fn pod(store: &mut Store, name: &str, owner: Option<PodOwner>) -> Identity {
        let spec = Arc::new(PodSpec::default());
        if let Some(event) = store.class_added(&spec) {
            store.apply(Instant::ZERO, event).expect("a class");
        }
        let created = PodCreated {
            pod: store.pods().next(),
            class: store.class_of(&spec).expect("just added"),
            name: name.into(),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner,
        };
        let who = store.identity_of_new(&created);
        let event = Event::PodCreated(created.clone());
        store.apply(Instant::ZERO, event).expect("a pod");
        assert_eq!(store.identity_of(created.pod), Some(who));
        who
    }

    /// Identities of the pods of a deployment, whose sets have these names in turn.
    fn of_deployment(sets: [&str; 3]) -> Vec<Identity> {
        let mut store = Store::new();
        let deployment = Deployment {
            name: "web".into(),
            ..Deployment::default()
        };
        let object = Object::Deployment(Arc::new(deployment));
        let web = create(&mut store, None, object);
        let pods = sets.into_iter().map(|name| {
            let namespace = Deployment::default().namespace;
            let known = store.objects().find("ReplicaSet", &namespace, &name.into());
            let set = known.unwrap_or_else(|| {
                let set = ReplicaSet {
                    namespace,
                    name: name.into(),
                    ..ReplicaSet::default()
                };
                create(&mut store, Some(web), Object::ReplicaSet(Arc::new(set)))
            });
            pod(
                &mut store,
                &format!("{name}-x"),
                Some(PodOwner::new(set, 0)),
            )
        });
        pods.collect()
    }

    #[test]
    fn the_hash_in_a_name_is_no_part_of_an_identity() {
        let one = of_deployment(["web-5c", "web-5c", "web-7d"]);
        assert_eq!(one, of_deployment(["web-9f", "web-9f", "web-11"]));
        let different: units::SortedSet<Identity> = one.iter().copied().collect();
        assert_eq!(different.len(), 3);
    }

    #[test]
    fn pods_of_an_ordinal_are_counted_by_themselves() {
        let mut store = Store::new();
        let set = Object::StatefulSet(Arc::new(StatefulSet::default()));
        let set = create(&mut store, None, set);
        let third = pod(&mut store, "db-2", Some(PodOwner::new(set, 2)));
        let first = pod(&mut store, "db-0", Some(PodOwner::new(set, 0)));
        let again = pod(&mut store, "db-2", Some(PodOwner::new(set, 2)));
        assert!(third != first && third != again);
        let mut other = Store::new();
        let set = Object::StatefulSet(Arc::new(StatefulSet::default()));
        let set = create(&mut other, None, set);
        assert_eq!(pod(&mut other, "db-0", Some(PodOwner::new(set, 0))), first);
        assert_ne!(pod(&mut other, "db-0", None), first);
    }
}
