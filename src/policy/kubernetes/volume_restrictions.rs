//! `VolumeRestrictions`: disks and claims that can't be shared (spec: kubernetes.md 1.12).

use std::sync::Arc;

use model::volume::PersistentVolumeClaim;
use model::{Change, Changes, ClusterObjects, PodVolume, Text};
use scheduler::kube::cacheable::CacheableFilter;
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeFilter,
    NodeInfo, PodInfo, PreFilterResult, Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};
use units::SortedSet;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "VolumeRestrictions",
    point: Point::KubePlugin,
    summary: "Rejects nodes where a disk of the pod is in use, and all nodes if a claim is.",
    source: "kubernetes.md 1.12",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter"],
        weight: Some(0),
        build: |_, changes| Arc::new(VolumeRestrictions::new(changes)),
    }),
};

/// The access mode of claims that one pod has for itself.
const ONE_POD: &str = "ReadWriteOncePod";

/// Rejects nodes where a disk of the pod is in use, and all if a claim is.
pub struct VolumeRestrictions {
    /// Reason for a claim in use (spec: kubernetes-releases.md A7).
    in_use: &'static str,
}

impl VolumeRestrictions {
    /// Plugin with the switches of a release.
    pub const fn new(changes: Changes) -> Self {
        let in_use = if changes.has(Change::OnePodClaimText) {
            "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode \
             already in-use by another pod"
        } else {
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod \
             access mode"
        };
        Self { in_use }
    }
}

#[derive(Clone)]
struct RestrictionFilter<'a> {
    pod: &'a PodInfo,
    /// The pod's claims that are for one pod.
    exclusive: SortedSet<Text>,
    /// Number of volumes that others use.
    conflicts: i64,
    in_use: &'static str,
}

/// Whether two disks can't be on one node.
fn conflicts(one: &PodVolume, other: &PodVolume) -> bool {
    use PodVolume::{EbsVolume, GceDisk, Iscsi, Rbd};
    match (one, other) {
        (
            GceDisk { disk, read_only },
            GceDisk {
                disk: other,
                read_only: other_read_only,
            },
        )
        | (
            Iscsi {
                name: disk,
                read_only,
            },
            Iscsi {
                name: other,
                read_only: other_read_only,
            },
        ) => disk == other && !(*read_only && *other_read_only),
        (EbsVolume(volume), EbsVolume(other)) => volume == other,
        (
            Rbd {
                monitors,
                pool,
                image,
                read_only,
            },
            Rbd {
                monitors: other_monitors,
                pool: other_pool,
                image: other_image,
                read_only: other_read_only,
            },
        ) => {
            monitors
                .iter()
                .any(|monitor| other_monitors.contains(monitor))
                && pool == other_pool
                && image == other_image
                && !(*read_only && *other_read_only)
        }
        _ => false,
    }
}

const fn is_disk(volume: &PodVolume) -> bool {
    !matches!(
        volume,
        PodVolume::Claim(_) | PodVolume::Ephemeral(_) | PodVolume::Kept(_)
    )
}

fn is_for_one_pod(claim: &PersistentVolumeClaim) -> bool {
    claim.access_modes.iter().any(|mode| **mode == *ONE_POD)
}

impl RestrictionFilter<'_> {
    /// Adds or removes the volumes of another pod that have an exclusive claim's name; neither
    /// namespaces nor claims made for a pod alone are looked at, as in the original.
    fn change(&mut self, other: &PodInfo, sign: i64) {
        let shared = other
            .stated_claim_names()
            .filter(|name| self.exclusive.contains(name));
        self.conflicts += sign * shared.count() as i64;
    }
}

impl<'a> NodeFilter<'a> for RestrictionFilter<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        let own = &self.pod.spec().volumes;
        let is_in_use = |volume: &PodVolume| {
            let others = node.pods.iter().flat_map(|other| &other.spec().volumes);
            others.into_iter().any(|other| conflicts(volume, other))
        };
        if own.iter().any(is_in_use) {
            return Err(Rejection::unschedulable("node(s) had no available disk"));
        }
        if self.conflicts > 0 {
            return Err(Rejection::unschedulable(self.in_use));
        }
        Ok(())
    }

    fn add_pod(&mut self, pod: &PodInfo, _: &NodeInfo) {
        self.change(pod, 1);
    }

    fn remove_pod(&mut self, pod: &PodInfo, _: &NodeInfo) {
        self.change(pod, -1);
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}

impl KubePlugin for VolumeRestrictions {
    fn name(&self) -> &'static str {
        "VolumeRestrictions"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER.and(KubePoints::FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::POD_DELETE)
            .and(EventKinds::CLAIM)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((Some(deleted), None)) = event.pod() else {
            return true;
        };
        let own = &pod.spec().volumes;
        let others = &deleted.spec().volumes;
        let frees_disk = own
            .iter()
            .any(|volume| others.iter().any(|other| conflicts(volume, other)));
        let is_shared = |name: Text| deleted.stated_claim_names().any(|other| other == name);
        deleted.spec().namespace == pod.spec().namespace
            && (frees_disk || pod.stated_claim_names().any(is_shared))
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        let namespace = &ctx.pod.spec().namespace;
        let mut exclusive = SortedSet::new();
        for name in ctx.pod.stated_claim_names() {
            let Some(claim) = ctx.cache.objects.claim(namespace, &name) else {
                return PreFilterResult::Reject(Rejection::unresolvable(format!(
                    "persistentvolumeclaim {:?} not found",
                    &*name
                )));
            };
            if is_for_one_pod(claim) {
                exclusive.insert(name);
            }
        }
        let is_used = |name: &&Text| {
            ctx.cache.nodes().flat_map(|node| &node.pods).any(|other| {
                other.spec().namespace == *namespace
                    && other.stated_claim_names().any(|own| own == **name)
            })
        };
        let conflicts = exclusive.iter().filter(is_used).count() as i64;
        if conflicts == 0 && !ctx.pod.spec().volumes.iter().any(is_disk) {
            return PreFilterResult::Skip;
        }
        PreFilterResult::run_with(RestrictionFilter {
            pod: ctx.pod,
            exclusive,
            conflicts,
            in_use: self.in_use,
        })
    }
}

impl FastPlugin for VolumeRestrictions {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        self.kept_filter(ctx).reach()
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        let namespace = &ctx.pod.spec().namespace;
        let objects = &ctx.cache.objects;
        let mut claims = ctx.pod.stated_claim_names();
        let is_shared = claims.all(|name| {
            let claim = objects.claim(namespace, &name);
            claim.is_some_and(|claim| !is_for_one_pod(claim))
        });
        if ctx.pod.spec().volumes.is_empty() {
            CacheableFilter::Open
        } else if is_shared && !ctx.pod.spec().volumes.iter().any(is_disk) {
            CacheableFilter::Rules(Vec::new())
        } else {
            CacheableFilter::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PodSpec;
    use scheduler::kube::PodClass;

    #[test]
    fn a_pod_that_frees_a_disk_or_a_claim_of_the_namespace_is_of_help() {
        let pod = |namespace: &str, volume: PodVolume| {
            let spec = PodSpec {
                namespace: namespace.into(),
                volumes: vec![volume],
                ..PodSpec::default()
            };
            PodInfo {
                class: Arc::new(
                    PodClass::derive(Arc::new(spec), Changes::default()).expect("amounts that fit"),
                ),
                ..PodInfo::default()
            }
        };
        let disk = |name: &str| PodVolume::EbsVolume(name.into());
        let claim = |name: &str| PodVolume::Claim(name.into());
        for (own, namespace, other, helps) in [
            (disk("d"), "default", disk("d"), true),
            (disk("d"), "default", disk("e"), false),
            (disk("d"), "other", disk("d"), false),
            (claim("c"), "default", claim("c"), true),
            (claim("c"), "default", claim("d"), false),
        ] {
            let deleted = ClusterEvent::PodDeleted(Arc::new(pod(namespace, other)));
            let own = pod("default", own);
            let objects = ClusterObjects::default();
            let plugin = VolumeRestrictions::new(Changes::default());
            let hint = plugin.queueing_hint(&own, &deleted, &objects);
            assert_eq!(hint, helps, "{own:?} {deleted:?}");
        }
    }
}
