//! `NodeVolumeLimits`: how many volumes a driver can attach to a node (spec: kubernetes.md 1.12).

use std::sync::Arc;

use model::{Change, Changes, ClusterObjects, Text};
use scheduler::kube::cacheable::{CacheTest, CacheableFilter, CacheableRule};
use scheduler::kube::{
    AttemptContext, Cache, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo, PodInfo,
    PreFilterResult, Reach, Rejection,
};

use crate::{Constructor, Entry, KubeConstructor, Point};
use units::{SortedMap, SortedSet};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodeVolumeLimits",
    point: Point::KubePlugin,
    summary: "Rejects nodes that can attach no more volumes of a driver.",
    source: "kubernetes.md 1.12",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter"],
        weight: Some(0),
        build: |_, changes| Arc::new(NodeVolumeLimits::new(changes)),
    }),
};

/// Rejects nodes that could not attach the pod's volumes.
pub struct NodeVolumeLimits(CountRules);

/// Rules by which volumes and limits count (spec: kubernetes-releases.md A16).
#[derive(Clone, Copy)]
struct CountRules {
    /// Whether volumes that are attached count though no pod of the node uses them.
    attachments: bool,
    /// Whether allocatable amounts of the node are limits.
    allocatable: bool,
}

impl NodeVolumeLimits {
    /// Plugin with the switches of a release.
    pub const fn new(changes: Changes) -> Self {
        Self(CountRules {
            attachments: changes.has(Change::VolumeAttachments),
            allocatable: changes.has(Change::AllocatableVolumeLimits),
        })
    }
}

/// Longest name of a resource that a driver's limit is given under.
const LONGEST_NAME: usize = 63;

/// Limits of a node, by driver: those of its allocatable amounts where they count, and in their
/// place those that its `CSINode` states.
fn limits(
    counting: CountRules,
    wanted: &SortedSet<(Text, Text)>,
    objects: &ClusterObjects,
    node: &NodeInfo,
) -> SortedMap<Text, i64> {
    let mut limits = SortedMap::new();
    for (driver, _) in wanted.iter().filter(|_| counting.allocatable) {
        let name = format!("attachable-volumes-csi-{driver}");
        let limit = node.allocatable.scalars.get(name.as_str());
        if let Some(&limit) = limit.filter(|_| name.len() <= LONGEST_NAME) {
            limits.insert(driver.clone(), limit);
        }
    }
    let stated = objects.csi_nodes.get(node.name());
    for (driver, limit) in stated.iter().flat_map(|csi| &csi.drivers) {
        if let Some(limit) = limit {
            limits.insert(driver.clone(), *limit);
        }
    }
    limits
}

/// Number of the volumes of each driver that the pods of a node use, and the number that it takes; drivers
/// without a limit are left out.
pub fn attachments(cache: &Cache, node: &NodeInfo) -> SortedMap<Text, (i64, i64)> {
    let NodeVolumeLimits(counting) = NodeVolumeLimits::new(cache.changes());
    let objects = &cache.objects;
    let mut present = SortedSet::new();
    for pod in &node.pods {
        present.append(&mut attached(pod, objects));
    }
    let limits = limits(counting, &present, objects, node).into_iter();
    let used = |driver: &Text| present.iter().filter(|(own, _)| own == driver).count() as i64;
    limits
        .map(|(driver, limit)| {
            let used = used(&driver);
            (driver, (used, limit))
        })
        .collect()
}

/// Whether a node states how many volumes it takes of a driver of a pod's.
pub fn are_limited(cache: &Cache, pod: &PodInfo) -> bool {
    let NodeVolumeLimits(counting) = NodeVolumeLimits::new(cache.changes());
    let wanted = attached(pod, &cache.objects);
    cache.nodes().any(|node| {
        let limits = limits(counting, &wanted, &cache.objects, node);
        wanted.iter().any(|(driver, _)| limits.contains_key(driver))
    })
}

/// Whether a node may have a limit for a driver of the volumes.
fn has_limits(counting: CountRules, wanted: &SortedSet<(Text, Text)>, cache: &Cache) -> bool {
    let objects = &cache.objects;
    !wanted.is_empty()
        && (!objects.csi_nodes.is_empty()
            || cache
                .nodes()
                .any(|node| !limits(counting, wanted, objects, node).is_empty()))
}

/// The volumes of a pod, as driver and handle. A claim without a volume stands for itself.
fn attached(pod: &PodInfo, objects: &ClusterObjects) -> SortedSet<(Text, Text)> {
    let namespace = &pod.spec().namespace;
    let mut volumes = SortedSet::new();
    for name in pod.claim_names() {
        let Some(claim) = objects.claim(namespace, &name) else {
            continue;
        };
        match objects.volumes.get(&claim.volume) {
            Some(volume) => volumes.extend(volume.csi.clone()),
            None => {
                if let Some(class) = objects.storage_classes.get(&claim.class) {
                    let stand_in = format!("{namespace}/{name}").into();
                    volumes.insert((class.provisioner.clone(), stand_in));
                }
            }
        }
    }
    volumes
}

fn check(
    counting: CountRules,
    wanted: &SortedSet<(Text, Text)>,
    objects: &ClusterObjects,
    node: &NodeInfo,
) -> Result<(), Rejection> {
    let limits = limits(counting, wanted, objects, node);
    let attachments = objects.attachments.iter().filter(|_| counting.attachments);
    let most = node.claims + wanted.len() + attachments.clone().count();
    if limits.values().all(|&limit| most as i64 <= limit) {
        return Ok(());
    }
    let mut present = SortedSet::new();
    for other in &node.pods {
        present.append(&mut attached(other, objects));
    }
    let of_driver = |volumes: &SortedSet<(Text, Text)>, driver: &Text| {
        volumes.iter().filter(|(own, _)| own == driver).count() as i64
    };
    let fresh: SortedSet<_> = wanted.difference(&present).cloned().collect();
    present.extend(attachments.filter_map(|attachment| {
        let volume = objects.volumes.get(&attachment.volume)?;
        let (_, handle) = volume.csi.as_ref()?;
        (attachment.node == *node.name()).then(|| (attachment.driver.clone(), handle.clone()))
    }));
    for (driver, &limit) in &limits {
        let count = of_driver(&fresh, driver);
        if count > 0 && of_driver(&present, driver) + count > limit {
            return Err(Rejection::unschedulable("node(s) exceed max volume count"));
        }
    }
    Ok(())
}

impl KubePlugin for NodeVolumeLimits {
    fn name(&self) -> &'static str {
        "NodeVolumeLimits"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER.and(KubePoints::FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::POD_DELETE.and(EventKinds::CLAIM)
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        let objects = &ctx.cache.objects;
        let wanted = attached(ctx.pod, objects);
        if wanted.is_empty() {
            return PreFilterResult::Skip;
        }
        let (wanted, counting) = (Arc::new(wanted), self.0);
        PreFilterResult::run_with(move |node: &NodeInfo| check(counting, &wanted, objects, node))
    }
}

impl FastPlugin for NodeVolumeLimits {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        self.kept_filter(ctx).reach()
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.spec().volumes.is_empty() {
            return CacheableFilter::Open;
        }
        // Claims made for a pod alone have names of their own.
        if ctx.pod.claims().any(|(_, is_made)| is_made) {
            return CacheableFilter::Unknown;
        }
        let counting = self.0;
        let wanted = attached(ctx.pod, &ctx.cache.objects);
        if !has_limits(counting, &wanted, ctx.cache) {
            return CacheableFilter::Rules(Vec::new());
        }
        let test: CacheTest =
            Arc::new(move |cache, node| check(counting, &wanted, &cache.objects, node).is_ok());
        CacheableFilter::Rules(vec![CacheableRule::Asked(test)])
    }
}
