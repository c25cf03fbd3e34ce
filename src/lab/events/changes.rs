//! Changes of an object, in words: replicas, what a horizontal autoscaler decided and why, what a
//! vertical one recommends, what queues admitted, and devices that claims have.

use intake::budget::bytes_in_words;
use model::dra::ResourceClaim;
use model::queueing::{ClusterQueueStatus, FlavorUsage, QueuedWorkload};
use model::workload::Job;
use model::workload::horizontal::HorizontalPodAutoscaler;
use model::workload::vertical::{
    ContainerRecommendation, ExcludedResources, VerticalPodAutoscaler,
};
use model::{Object, Relocation, RelocationAnswer, ResourceUsage, VolumeStep};
use units::{Quantity, plural};

/// Step of a migration or resize, in words.
pub(super) fn relocated(step: Relocation) -> String {
    match step {
        Relocation::Asked { answer, .. } => match answer {
            None => "asked for".to_owned(),
            Some(RelocationAnswer::Confirm { after }) => {
                format!("asked for, to be confirmed {after} after the start")
            }
            Some(RelocationAnswer::Revert { after }) => {
                format!("asked for, to be reverted {after} after the start")
            }
        },
        Relocation::Refused => "refused: no valid host".to_owned(),
        Relocation::Confirmed => "confirmed".to_owned(),
        Relocation::Reverted => "reverted".to_owned(),
        Relocation::Stranded => "live migration: no valid host".to_owned(),
        Relocation::GivenUp => "live migration: given up, it took too long".to_owned(),
    }
}

/// Change of an object, in words; empty where nothing of that kind changed.
pub(super) fn changed(before: Option<&Object>, after: &Object) -> String {
    match (before, after) {
        (Some(Object::HorizontalPodAutoscaler(before)), Object::HorizontalPodAutoscaler(own)) => {
            horizontal(before, own)
        }
        (Some(Object::VerticalPodAutoscaler(before)), Object::VerticalPodAutoscaler(own))
            if before.recommended != own.recommended =>
        {
            vertical(own)
        }
        (Some(Object::Workload(before)), Object::Workload(own)) => queued(before, own),
        (_, Object::ClusterQueue(own)) => queue(own),
        (Some(Object::ResourceClaim(before)), Object::ResourceClaim(own)) => claimed(before, own),
        (Some(Object::Job(before)), Object::Job(own)) => job(before, own),
        (Some(Object::Deployment(before)), Object::Deployment(own))
            if own.status.is_stuck() && !before.status.is_stuck() =>
        {
            "progress deadline exceeded".to_owned()
        }
        _ => match (before.and_then(replicas), replicas(after)) {
            (Some(before), Some(after)) if before != after => {
                format!("{before} to {}", plural::count(after, "replica"))
            }
            _ => String::new(),
        },
    }
}

/// A step of a volume, in words: its name, and how much was copied, lost or read.
pub(super) fn volume(step: &VolumeStep) -> String {
    let (_, name) = step.name();
    let amount = |bytes: i64| bytes_in_words(u64::try_from(bytes).unwrap_or(0));
    match step {
        VolumeStep::BackedUp { bytes, stored } => {
            let (bytes, stored) = (amount(*bytes), amount(*stored));
            format!("{name}: {bytes} copied, {stored} kept")
        }
        VolumeStep::Snapshotted { stored } => format!("{name}: {} kept", amount(*stored)),
        VolumeStep::Reachable { after } => format!("{name}: after {after}"),
        VolumeStep::Lost {
            data,
            is_restorable: true,
            ..
        } => format!("{name}: the writes of {data}, and the rest is restored from a copy"),
        VolumeStep::Lost { .. } => format!("{name} for good: there is no copy to restore"),
        VolumeStep::Restored { bytes: 0, after } => {
            format!("{name}: after {after}, without a copy that is read")
        }
        VolumeStep::Restored { bytes, after } => {
            format!("{name}: after {after}, {} read", amount(*bytes))
        }
        VolumeStep::CopiesDropped { backups, snapshots } => {
            let (backups, snapshots) = (amount(*backups), amount(*snapshots));
            format!("{name}: {backups} of backups are left, {snapshots} of snapshots")
        }
        VolumeStep::DiskFailed(_)
        | VolumeStep::BackupSkipped
        | VolumeStep::BackupBroken
        | VolumeStep::RestoreBroken
        | VolumeStep::Unreachable
        | VolumeStep::Corrupted { .. }
        | VolumeStep::SnapshotSkipped => name.to_owned(),
    }
}

/// A change of a job, in words: whether it stands still, and the conditions that begin to hold with their reasons.
fn job(before: &Job, own: &Job) -> String {
    if before.suspend != own.suspend {
        let word = if own.suspend { "suspended" } else { "resumed" };
        return word.to_owned();
    }
    let known = &before.status.conditions;
    let new = own.status.conditions.iter().filter(|condition| {
        condition.holds && condition.kind.is_ending() && !known.contains(condition)
    });
    let new: Vec<String> = new
        .map(|condition| format!("{:?}, {:?}", condition.kind, condition.reason))
        .collect();
    new.join("; ")
}

/// A change of a workload in its queue, in words.
fn queued(before: &QueuedWorkload, own: &QueuedWorkload) -> String {
    let evicted = own.holding("Evicted");
    if let Some(evicted) = evicted.filter(|own| before.holding("Evicted") != Some(own)) {
        return format!("evicted: {}", evicted.reason);
    }
    if own.holding("Finished").is_some() {
        return "finished".to_owned();
    }
    match &own.admission {
        Some(admission) if before.admission.is_none() => {
            let sets = admission.pod_sets.iter().flat_map(|set| {
                set.flavors.iter().map(|(resource, flavor)| {
                    let amount = set.usage.get(resource).copied().unwrap_or_default();
                    format!("{amount} {resource} of {flavor}")
                })
            });
            let sets: Vec<String> = sets.collect();
            format!(
                "admitted by {}: {}",
                admission.cluster_queue,
                sets.join(", ")
            )
        }
        _ => String::new(),
    }
}

/// Devices that a claim got or gave back, and pods that use them, in words.
fn claimed(before: &ResourceClaim, own: &ResourceClaim) -> String {
    let pods: Vec<&str> = own.reserved_for.iter().map(|own| &*own.name).collect();
    let pods = pods.join(", ");
    match (&before.allocation, &own.allocation) {
        (Some(_), None) => "has no devices any more".to_owned(),
        (None, Some(allocation)) => {
            let devices = allocation.devices.iter();
            let devices = devices.map(|own| format!("{} for {}", own.id, own.request));
            let devices: Vec<String> = devices.collect();
            format!("has {}, reserved for {pods}", devices.join(", "))
        }
        _ if pods.is_empty() => "reserved for no pod".to_owned(),
        _ => format!("reserved for {pods}"),
    }
}

/// The workloads that wait in a queue and the amounts held of its quotas, in words.
fn queue(own: &ClusterQueueStatus) -> String {
    let usage = own.usage.iter().map(|own| {
        let FlavorUsage {
            flavor,
            resource,
            nominal,
            total,
            borrowed,
        } = own;
        let words = format!("{resource} of {flavor}: {total} of {nominal}");
        if *borrowed > Quantity::ZERO {
            format!("{words}, {borrowed} borrowed")
        } else {
            words
        }
    });
    let usage: Vec<String> = usage.collect();
    let (pending, reserving) = (own.pending, own.reserving);
    format!(
        "{pending} pending, {reserving} with quota; {}",
        usage.join("; ")
    )
}

fn replicas(object: &Object) -> Option<i32> {
    match object {
        Object::Deployment(own) => Some(own.replicas),
        Object::ReplicaSet(own) => Some(own.replicas),
        Object::StatefulSet(own) => Some(own.replicas),
        _ => None,
    }
}

fn horizontal(before: &HorizontalPodAutoscaler, own: &HorizontalPodAutoscaler) -> String {
    let (least, most) = (own.spec.min(), own.spec.max_replicas);
    if (least, most) != (before.spec.min(), before.spec.max_replicas) {
        return format!("between {least} and {}", plural::count(most, "replica"));
    }
    let status = &own.status;
    if status.desired != status.current && status.last_scale != before.status.last_scale {
        let (current, desired, why) = (status.current, status.desired, &status.reason);
        return format!("{current} to {}: {why}", plural::count(desired, "replica"));
    }
    if status.reason != before.status.reason {
        return status.reason.to_string();
    }
    String::new()
}

fn vertical(own: &VerticalPodAutoscaler) -> String {
    let each = own.recommended.iter();
    let each = each.map(|(name, target)| recommended(name, target, own.policy(name).spared));
    let each: Vec<String> = each.collect();
    each.join("; ")
}

/// Recommendation for a container: the target, and the requests between which pods are left alone. Of resources
/// that the policy spares there is none.
fn recommended(name: &str, own: &ContainerRecommendation, spared: ExcludedResources) -> String {
    let cpu = |used: ResourceUsage| format!("{}m", used.cpu_milli);
    let memory = |used: ResourceUsage| format!("{}Mi", used.memory_bytes >> 20);
    let of = |text: &dyn Fn(ResourceUsage) -> String| {
        let (target, lower, upper) = (text(own.target), text(own.lower), text(own.upper));
        format!("{target} ({lower} to {upper})")
    };
    let each = [
        (!spared.cpu).then(|| format!("cpu {}", of(&cpu))),
        (!spared.memory).then(|| format!("memory {}", of(&memory))),
    ];
    let each: Vec<String> = each.into_iter().flatten().collect();
    format!("{name}: {}", each.join(", "))
}
