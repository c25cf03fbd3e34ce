//! Resource quotas at work: what new pods ask for is charged before they are there (spec:
//! kubernetes.md 2.10).

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::workload::{ObservedPhase, QuotaStatus, ResourceQuota};
use model::{Event, Object, ObjectChange, PodSpec, ResourceList};
use units::{Duration, Instant, QuantityError};

use super::bounds::{check_stated, used_with};

/// Whether a pod counts for more than its number: it has not ended, and its time to end is not over.
pub fn is_charged(
    now: Instant,
    phase: ObservedPhase,
    deletion: Option<Instant>,
    grace: Option<Duration>,
) -> bool {
    let is_overdue = match (deletion, grace) {
        (Some(deletion), Some(grace)) => now > deletion.saturating_add(grace),
        _ => false,
    };
    !phase.is_terminal() && !is_overdue
}

/// The changes that charge a pod to the quotas of its namespace.
///
/// # Errors
/// One of them has not so much left, or obliges the pod to state what it does not.
pub(super) fn charged(store: &Store, spec: &PodSpec) -> Result<Vec<Event>, Conflict> {
    let mut charges = Vec::new();
    for (id, row) in store.objects().of_kind("ResourceQuota", &spec.namespace) {
        let Object::ResourceQuota(quota) = &row.object else {
            continue;
        };
        if !quota.takes(spec) {
            continue;
        }
        check_stated(quota, spec)?;
        let used = if quota.status.is_counted {
            quota.status.used.clone()
        } else {
            counted(store, quota, Instant::ZERO).map_err(Conflict::Quantity)?
        };
        let asked = quota.usage(spec, false).map_err(Conflict::Quantity)?;
        if quota.counts_pods() {
            let object = charge(quota, &asked, &used)?;
            charges.push(Event::Object(ObjectChange::Updated { id, object }));
        }
    }
    Ok(charges)
}

/// The changes that charge an object to the quotas of its namespace.
///
/// # Errors
/// One of them has no more left of its kind.
pub(super) fn charged_object(store: &Store, object: &Object) -> Result<Vec<Event>, Conflict> {
    let mut charges = Vec::new();
    for (id, row) in store.objects().of_kind("ResourceQuota", object.namespace()) {
        let Object::ResourceQuota(quota) = &row.object else {
            continue;
        };
        let asked = quota.object_usage(object.kind());
        if asked.is_empty() {
            continue;
        }
        let used = if quota.status.is_counted {
            quota.status.used.clone()
        } else {
            counted(store, quota, Instant::ZERO).map_err(Conflict::Quantity)?
        };
        let object = charge(quota, &asked, &used)?;
        charges.push(Event::Object(ObjectChange::Updated { id, object }));
    }
    Ok(charges)
}

/// A quota with so much more used.
fn charge(
    quota: &ResourceQuota,
    asked: &ResourceList,
    used: &ResourceList,
) -> Result<Object, Conflict> {
    let now = used_with(quota, asked, used)?;
    Ok(Object::ResourceQuota(Arc::new(ResourceQuota {
        status: QuotaStatus {
            used: now,
            is_counted: true,
        },
        ..quota.clone()
    })))
}

/// Total usage of the pods in a quota's namespace at an instant. Pods that have ended, and
/// terminating pods past their grace period, count only as objects.
///
/// # Errors
/// If a sum overflows.
pub fn counted(
    store: &Store,
    quota: &ResourceQuota,
    now: Instant,
) -> Result<ResourceList, QuantityError> {
    let mut used = ResourceList::default();
    for (resource, _) in quota.hard.iter() {
        used.set(resource, units::Quantity::ZERO);
    }
    let objects = store.objects().iter();
    for (_, row) in objects.filter(|(_, row)| *row.object.namespace() == quota.namespace) {
        used.add(&quota.object_usage(row.object.kind()))?;
    }
    let states = store.pod_states();
    let living = store.pods().iter().map(|pod| {
        let told = states.get(pod.pod).and_then(|state| state.terminating);
        let is_over = told.is_some_and(|told| {
            // The time of its deletion holds its grace already, and the grace is waited for once more.
            let deletion = told.since.saturating_add(told.grace);
            !is_charged(
                now,
                ObservedPhase::Running,
                Some(deletion),
                Some(told.grace),
            )
        });
        (pod.class, is_over)
    });
    let ended = states.all_finished().map(|ended| (ended.pod.class, true));
    for (class, is_over) in living.chain(ended) {
        let spec = &store.class(class).spec;
        if spec.namespace == quota.namespace && quota.takes(spec) {
            used.add(&quota.usage(spec, is_over)?)?;
        }
    }
    Ok(used)
}
