//! Pods that are wanted and not made, because a quota refuses them. Refusals are in no log: they follow
//! from what is wanted, what is there, and what is left of the quotas, once an instant is over.

use cluster::Store;
use model::workload::ResourceQuota;
use model::{Object, ObjectChange, PodSpec, Text};
use units::{Instant, ObjectId, Quantity, SortedMap};

use super::{Cause, Diagnostician, answers_for};

/// Kinds that make pods up to a number.
const MAKERS: [&str; 2] = ["ReplicaSet", "StatefulSet"];

/// Number of pods that an object wants.
pub(super) fn wanted(object: ObjectId, store: &Store) -> Option<u64> {
    let count = match &store.objects().get(object)?.object {
        Object::Deployment(own) => own.replicas,
        Object::ReplicaSet(own) => own.replicas,
        Object::StatefulSet(own) => own.replicas,
        _ => return None,
    };
    u64::try_from(count).ok()
}

/// Template of the object's pods.
fn template(object: &Object) -> Option<&PodSpec> {
    match object {
        Object::ReplicaSet(own) => Some(&own.template),
        Object::StatefulSet(own) => Some(&own.template),
        _ => None,
    }
}

/// Whether a quota has too little left for another pod, or obliges it to state what it does not.
fn refuses(quota: &ResourceQuota, spec: &PodSpec) -> bool {
    if !quota.takes(spec) || !quota.status.is_counted {
        return false;
    }
    if !quota.unstated(spec).is_empty() {
        return true;
    }
    let Ok(asked) = quota.usage(spec, false) else {
        return false;
    };
    let used = &quota.status.used;
    let mut limits = quota.hard.iter();
    limits.any(|(resource, most)| {
        let more = asked.get(resource);
        let sum = used.get(resource).checked_add(more);
        more > Quantity::ZERO && sum.is_ok_and(|sum| sum > most)
    })
}

impl Diagnostician {
    /// Objects may want more pods, or may have more.
    pub(super) fn object(&mut self, at: Instant, change: &ObjectChange, _store: &Store) {
        let (ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. }) = change
        else {
            return;
        };
        let namespace = Text::clone(object.namespace());
        if matches!(object, Object::ResourceQuota(_)) {
            self.quotas.insert(namespace.clone());
        }
        let matters = matches!(object, Object::ResourceQuota(_)) || template(object).is_some();
        if matters && self.quotas.contains(&namespace) {
            self.unseen.insert(namespace, at);
        }
    }

    /// Looks at the quotas that something changed about, once the instant of that is over.
    pub(super) fn look_at_quotas(&mut self, now: Instant, store: &Store) {
        if self.unseen.values().all(|at| *at >= now) {
            return;
        }
        let due: Vec<(Text, Instant)> = (self.unseen.iter())
            .filter(|(_, at)| **at < now)
            .map(|(namespace, at)| (namespace.clone(), *at))
            .collect();
        for (namespace, at) in due {
            self.unseen.remove(&namespace);
            // Of a rollout one set of pods may be complete while another waits.
            let mut owners: SortedMap<ObjectId, bool> = SortedMap::new();
            for kind in MAKERS {
                for (maker, row) in store.objects().of_kind(kind, &namespace) {
                    let is_refused = self.is_refused(maker, &row.object, &namespace, store);
                    *owners.entry(answers_for(maker, store)).or_default() |= is_refused;
                }
            }
            for (owner, is_refused) in owners {
                self.note_refused(at, owner, is_refused, store);
            }
        }
    }

    /// Whether an object wants pods that a quota refuses.
    fn is_refused(
        &self,
        maker: ObjectId,
        object: &Object,
        namespace: &Text,
        store: &Store,
    ) -> bool {
        let there = self.made.get(&maker).copied().unwrap_or(0);
        let is_short = wanted(maker, store).is_some_and(|wanted| there < wanted);
        let Some(spec) = template(object).filter(|_| is_short) else {
            return false;
        };
        let mut quotas = store.objects().of_kind("ResourceQuota", namespace);
        quotas.any(|(_, row)| match &row.object {
            Object::ResourceQuota(quota) => refuses(quota, spec),
            _ => false,
        })
    }

    fn note_refused(&mut self, at: Instant, owner: ObjectId, is_refused: bool, store: &Store) {
        let is_known = self
            .workloads
            .get(&owner)
            .map(|workload| workload.is_refused);
        if is_known.unwrap_or(false) == is_refused {
            return;
        }
        let own = self.workloads.entry(owner).or_default();
        own.is_refused = is_refused;
        if !is_refused {
            self.heal(at, owner);
        } else if own.fault.is_none() {
            self.begin(at, owner, Cause::QuotaExceeded.into(), store);
        }
    }
}
