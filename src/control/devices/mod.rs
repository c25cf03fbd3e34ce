//! Claims on devices through their life: made from templates for the pods that name them, freed of pods
//! that ended, and without devices once no pod uses them (spec: batch-on-kubernetes.md 2.2).
//!
//! The claims themselves are objects of the store, which gives no device to two of them. The component
//! remembers nothing that the log does not say: one that takes over reads all of it and goes on.

use std::sync::Arc;

use crate::admission::Creation;
use crate::{Component, Outbox, Progress, Write};
use cluster::{Conflict, Store};
use model::dra::{ClaimKey, Consumer, DeviceObjects, PodClaims, ResourceClaim};
use model::{Event, Object, ObjectChange, PodCreated, PodRef, Text};
use units::{Instant, ObjectId, Revision, SortedMap, SortedSet};

/// A pod with claims, by namespace and name.
type PodKey = (Text, Text);

/// A living pod that claims devices.
#[derive(Clone, Debug)]
struct Claimant {
    key: PodKey,
    claims: PodClaims,
    /// Whether it was on its node before the run began.
    was_found: bool,
}

/// The component.
#[derive(Clone, Debug)]
pub struct ClaimController {
    /// Templates, and claims as the log says they are.
    objects: DeviceObjects,
    cursor: Revision,
    pods: SortedMap<PodRef, Claimant>,
    by_name: SortedMap<PodKey, SortedSet<PodRef>>,
    ids: SortedMap<ObjectId, ClaimKey>,
    /// Claims that each pod uses, or that were made for it.
    used: SortedMap<PodKey, SortedSet<ClaimKey>>,
    /// Pods whose claims are yet to be made.
    unmade: SortedSet<PodRef>,
    /// Entries whose claims are being made.
    asked: SortedSet<(PodKey, Text)>,
    /// Claims to look at.
    dirty: SortedSet<ClaimKey>,
}

const KIND: &str = "ResourceClaim";

impl ClaimController {
    /// A controller of the claims of a cluster that has seen nothing yet; `None` where nothing claims
    /// devices.
    pub fn new(objects: &DeviceObjects) -> Option<Self> {
        (!objects.is_empty()).then(|| Self {
            // The log has the claims.
            objects: objects.without_claims(),
            cursor: Revision::default(),
            pods: SortedMap::new(),
            by_name: SortedMap::new(),
            ids: SortedMap::new(),
            used: SortedMap::new(),
            unmade: SortedSet::new(),
            asked: SortedSet::new(),
            dirty: SortedSet::new(),
        })
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => self.pod_came(store, created),
                Event::PodEnded { pod, .. } => {
                    self.unmade.remove(pod);
                    if let Some(gone) = self.pods.remove(pod) {
                        self.asked.retain(|(key, _)| *key != gone.key);
                        if let Some(pods) = self.by_name.get_mut(&gone.key) {
                            pods.remove(pod);
                            if pods.is_empty() {
                                self.by_name.remove(&gone.key);
                            }
                        }
                        let used = self.used.get(&gone.key);
                        self.dirty.extend(used.into_iter().flatten().cloned());
                    }
                }
                Event::Object(change) => self.claim_changed(change),
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    fn pod_came(&mut self, store: &Store, created: &PodCreated) {
        let spec = &store.class(created.class).spec;
        if spec.device_claims.0.is_empty() {
            return;
        }
        let claimant = Claimant {
            key: (spec.namespace.clone(), created.name.text()),
            claims: spec.device_claims.clone(),
            was_found: created.found.is_some(),
        };
        let named = self.by_name.entry(claimant.key.clone()).or_default();
        named.insert(created.pod);
        self.pods.insert(created.pod, claimant);
        self.unmade.insert(created.pod);
    }

    fn claim_changed(&mut self, change: &ObjectChange) {
        match change {
            ObjectChange::Created {
                id,
                object: Object::ResourceClaim(claim),
                ..
            }
            | ObjectChange::Updated {
                id,
                object: Object::ResourceClaim(claim),
            } => {
                let key = (claim.namespace.clone(), claim.name.clone());
                self.ids.insert(*id, key.clone());
                for user in users(claim) {
                    let pod = (key.0.clone(), user.name.clone());
                    self.used.entry(pod).or_default().insert(key.clone());
                }
                if let Some(made_for) = &claim.made_for {
                    let pod = (key.0.clone(), made_for.pod.name.clone());
                    self.asked.remove(&(pod, made_for.entry.clone()));
                }
                self.objects.put(Arc::clone(claim));
                self.dirty.insert(key);
            }
            ObjectChange::Deleted { id } => {
                if let Some(key) = self.ids.remove(id) {
                    self.forget(&key);
                }
            }
            _ => {}
        }
    }

    /// Asks for the claims that pods name templates for.
    fn make(&mut self, out: &mut Outbox) {
        for pod in std::mem::take(&mut self.unmade) {
            let Some(own) = self.pods.get(&pod) else {
                continue;
            };
            let (namespace, name) = &own.key;
            for entry in &own.claims.0 {
                let asked = (own.key.clone(), entry.name.clone());
                let made = self.objects.made_for(namespace, name, pod.id, &entry.name);
                if made.is_some() || self.asked.contains(&asked) {
                    continue;
                }
                let claim = self.objects.to_be_made(namespace, name, pod.id, entry);
                if let Some(claim) = claim {
                    self.asked.insert(asked);
                    out.creations.push(Creation::Object {
                        owner: None,
                        object: Object::ResourceClaim(Arc::new(claim)),
                    });
                }
            }
        }
    }

    /// Whether a pod that a claim names is still there.
    fn lives(&self, namespace: &Text, user: &Consumer) -> bool {
        let named = self.by_name.get(&(namespace.clone(), user.name.clone()));
        let mut pods = named.into_iter().flatten();
        pods.any(|pod| match user.id {
            Some(id) => pod.id == id,
            None => self.pods.get(pod).is_some_and(|pod| pod.was_found),
        })
    }

    /// Writes what becomes of claims whose pods ended.
    fn free(&mut self, view: &Store, out: &mut Outbox) {
        for key in std::mem::take(&mut self.dirty) {
            let id = view.objects().find(KIND, &key.0, &key.1);
            let (Some(id), Some(claim)) = (id, self.objects.claim(&key)) else {
                self.forget(&key);
                continue;
            };
            let made_for = claim.made_for.as_ref();
            if made_for.is_some_and(|made_for| !self.lives(&key.0, &made_for.pod)) {
                out.write(view, Event::Object(ObjectChange::Deleted { id }));
                continue;
            }
            let mut after = ResourceClaim::clone(claim);
            after.reserved_for.retain(|user| self.lives(&key.0, user));
            if after.reserved_for.len() == claim.reserved_for.len() {
                continue;
            }
            if after.reserved_for.is_empty() {
                after.allocation = None;
            }
            let object = Object::ResourceClaim(Arc::new(after));
            out.write(view, Event::Object(ObjectChange::Updated { id, object }));
        }
    }

    fn forget(&mut self, key: &ClaimKey) {
        if let Some(gone) = self.objects.remove(key) {
            for user in users(&gone) {
                let pod = (key.0.clone(), user.name.clone());
                if let Some(used) = self.used.get_mut(&pod) {
                    used.remove(key);
                    if used.is_empty() {
                        self.used.remove(&pod);
                    }
                }
            }
        }
    }
}

/// Pods that use a claim, and the one that it was made for.
fn users(claim: &ResourceClaim) -> impl Iterator<Item = &Consumer> {
    let made_for = claim.made_for.iter().map(|own| &own.pod);
    claim.reserved_for.iter().chain(made_for)
}

impl Component for ClaimController {
    fn name(&self) -> &'static str {
        "resource-claim-controller"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(view);
        self.make(out);
        self.free(view, out);
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::Object(ObjectChange::Updated {
            object: Object::ResourceClaim(claim),
            ..
        }) = &write.event
        {
            let key = (claim.namespace.clone(), claim.name.clone());
            self.dirty.insert(key);
        }
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Object {
            object: Object::ResourceClaim(claim),
            ..
        } = creation
            && let Some(made_for) = &claim.made_for
        {
            let key = (claim.namespace.clone(), made_for.pod.name.clone());
            self.asked.remove(&(key.clone(), made_for.entry.clone()));
            let pods = self.by_name.get(&key).into_iter().flatten().copied();
            self.unmade.extend(pods);
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
