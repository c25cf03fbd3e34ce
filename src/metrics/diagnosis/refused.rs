//! Pods that are wanted and not made, because a quota refuses them. Refusals are in no log: they follow
//! from what is wanted, what is there, and what is left of the quotas, once an instant is over.

use cluster::Store;
use model::workload::ResourceQuota;
use model::{Object, ObjectChange, PodSpec, Text};
use units::{Instant, ObjectId, Quantity};

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

/// Whether a quota has too little left for another pod.
fn refuses(quota: &ResourceQuota, spec: &PodSpec) -> bool {
    if !quota.takes(spec) || !quota.status.is_counted {
        return false;
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
            for kind in MAKERS {
                let makers = store.objects().of_kind(kind, &namespace);
                let makers: Vec<ObjectId> = makers.map(|(id, _)| id).collect();
                for maker in makers {
                    self.look_at(at, maker, &namespace, store);
                }
            }
        }
    }

    fn look_at(&mut self, at: Instant, maker: ObjectId, namespace: &Text, store: &Store) {
        let there = self.made.get(&maker).copied().unwrap_or(0);
        let is_short = wanted(maker, store).is_some_and(|wanted| there < wanted);
        let spec = store.objects().get(maker);
        let spec = spec.and_then(|row| template(&row.object));
        let is_refused = is_short
            && spec.is_some_and(|spec| {
                let mut quotas = store.objects().of_kind("ResourceQuota", namespace);
                quotas.any(|(_, row)| match &row.object {
                    Object::ResourceQuota(quota) => refuses(quota, spec),
                    _ => false,
                })
            });
        let owner = answers_for(maker, store);
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
