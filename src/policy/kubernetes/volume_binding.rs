//! `VolumeBinding`: claims and the volumes they have or could get on a node
//! (spec: kubernetes.md 1.12).

use std::sync::Arc;

use model::volume::{CsiStorageCapacity, PersistentVolume, PersistentVolumeClaim, StorageClass};
use model::{Change, Changes, ClusterObjects, NodeSelector, Text};
use scheduler::kube::cacheable::{
    CacheableFilter, CacheableRule, CacheableScore, NamedTest, NodeTest,
};
use scheduler::kube::{
    AttemptContext, Code, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo,
    PreFilterResult, Reach, Rejection, VolumeChoice,
};

use crate::{Constructor, Entry, KubeConstructor, Point};
use units::SortedSet;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "VolumeBinding",
    point: Point::KubePlugin,
    summary: "Rejects nodes where the claims of the pod cannot have their volumes.",
    source: "kubernetes.md 1.12",
    parameters: &[],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter"],
        weight: Some(0),
        build: |_, changes| Arc::new(VolumeBinding::new(changes)),
    }),
};

const NOT_FOUND: &str = "node(s) didn't find available persistent volumes to bind";
const NOT_ENOUGH: &str = "node(s) did not have enough free storage";
const GONE: &str = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/// Rejects nodes where the pod's claims can't have their volumes.
pub struct VolumeBinding {
    /// Reason for a volume that can't be used on a node (spec: kubernetes-releases.md A9).
    not_reached: &'static str,
}

impl VolumeBinding {
    /// Plugin with the switches of a release.
    pub const fn new(changes: Changes) -> Self {
        let not_reached = if changes.has(Change::VolumeAffinityText) {
            "node(s) didn't match PersistentVolume's node affinity"
        } else {
            "node(s) had volume node affinity conflict"
        };
        Self { not_reached }
    }
}

/// The pod's claims, by what remains to be done for them.
struct Claims<'a> {
    objects: &'a ClusterObjects,
    bound: Vec<&'a PersistentVolumeClaim>,
    /// Claims that wait for a node.
    delayed: Vec<&'a PersistentVolumeClaim>,
}

/// Whether a volume can be used on a node.
fn reaches(volume: &PersistentVolume, node: &NodeInfo) -> bool {
    let affinity = volume.node_affinity.as_ref();
    affinity.is_none_or(|affinity| is_within(affinity, node))
}

/// Whether a node is one of those that reach a volume. Nodes have no names here, as in the original.
fn is_within(affinity: &NodeSelector, node: &NodeInfo) -> bool {
    affinity.matches("", &node.object.labels)
}

fn key_of(claim: &PersistentVolumeClaim) -> (Text, Text) {
    (claim.namespace.clone(), claim.name.clone())
}

impl Claims<'_> {
    fn check(&self, node: &NodeInfo, not_reached: &'static str) -> Result<(), Rejection> {
        let mut reasons = Vec::new();
        if let Err(reason) = self.check_bound(node, not_reached) {
            reasons.push(reason.into());
        }
        if let Err(reason) = self.choose(node) {
            reasons.push(reason.into());
        }
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Rejection {
            code: Code::UnschedulableAndUnresolvable,
            reasons,
        })
    }

    fn check_bound(&self, node: &NodeInfo, not_reached: &'static str) -> Result<(), &'static str> {
        for claim in &self.bound {
            let volume = self.objects.volumes.get(&claim.volume).ok_or(GONE)?;
            if !reaches(volume, node) {
                return Err(not_reached);
            }
        }
        Ok(())
    }

    /// Chooses volumes on the node for waiting claims: first claims whose volumes are being
    /// provisioned, in the order of the pod's volumes, then the others by increasing request.
    fn choose(&self, node: &NodeInfo) -> Result<Vec<VolumeChoice>, &'static str> {
        let mut choices = Vec::new();
        let mut taken = SortedSet::new();
        let (mut fresh, mut open) = (Vec::new(), Vec::new());
        for claim in &self.delayed {
            match &claim.selected_node {
                Some(selected) if selected != node.name() => return Err(NOT_FOUND),
                Some(_) => fresh.push(*claim),
                None => open.push(*claim),
            }
        }
        open.sort_by_key(|claim| claim.request);
        for claim in open {
            match self.matching(claim, node, &taken) {
                Some(volume) => {
                    taken.insert(volume.name.clone());
                    choices.push(VolumeChoice::Known {
                        claim: key_of(claim),
                        volume: volume.name.clone(),
                    });
                }
                None => fresh.push(claim),
            }
        }
        for claim in fresh {
            choices.push(VolumeChoice::New {
                claim: key_of(claim),
                capacity: self.storage_for(claim, node)?,
            });
        }
        Ok(choices)
    }

    /// The smallest volume for a claim that no other claim took; one kept for the claim goes
    /// first.
    fn matching(
        &self,
        claim: &PersistentVolumeClaim,
        node: &NodeInfo,
        taken: &SortedSet<Text>,
    ) -> Option<&PersistentVolume> {
        let volumes = self.objects.volumes.values();
        let suiting: Vec<&PersistentVolume> = volumes
            .filter(|volume| {
                !taken.contains(&volume.name) && volume.class == claim.class && volume.suits(claim)
            })
            .collect();
        if let Some(kept) = suiting.iter().find(|volume| volume.is_kept_for(claim)) {
            return reaches(kept, node).then_some(kept);
        }
        let selector = claim.selector.as_ref();
        let free = suiting.into_iter().filter(|volume| {
            volume.is_available
                && selector.is_none_or(|selector| selector.matches(&volume.labels))
                && reaches(volume, node)
                && volume.allows_modes_of(claim)
        });
        free.min_by_key(|volume| volume.capacity)
    }

    /// The published storage that a volume for a claim can be made from; `None` if none is
    /// published and it can be made all the same.
    fn storage_for(
        &self,
        claim: &PersistentVolumeClaim,
        node: &NodeInfo,
    ) -> Result<Option<usize>, &'static str> {
        let class = self.objects.storage_classes.get(&claim.class);
        let class = class.ok_or(NOT_FOUND)?;
        if class.is_by_hand() || !is_allowed(class, node) {
            return Err(NOT_FOUND);
        }
        let driver = self.objects.csi_drivers.get(&class.provisioner);
        if !driver.is_some_and(|driver| driver.publishes_capacity) {
            return Ok(None);
        }
        let has_enough = |own: &CsiStorageCapacity| {
            own.class == class.name
                && own
                    .node_topology
                    .as_ref()
                    .is_some_and(|topology| topology.matches(&node.object.labels))
                && own
                    .maximum_volume
                    .or(own.capacity)
                    .is_some_and(|most| most >= claim.request)
        };
        let storage = self.objects.capacities.iter().position(has_enough);
        storage.map(Some).ok_or(NOT_ENOUGH)
    }
}

fn is_allowed(class: &StorageClass, node: &NodeInfo) -> bool {
    let holds = |(key, values): &(Text, Vec<Text>)| {
        node.label(key).is_some_and(|value| values.contains(value))
    };
    let mut terms = class.allowed_topologies.iter().peekable();
    terms.peek().is_none() || terms.any(|term| !term.is_empty() && term.iter().all(holds))
}

/// Sorts the pod's claims; the error refuses the pod.
fn sort_claims(ctx: AttemptContext<'_>) -> Result<Claims<'_>, Rejection> {
    let objects = &ctx.cache.objects;
    let mut claims = Claims {
        objects,
        bound: Vec::new(),
        delayed: Vec::new(),
    };
    let mut has_immediate = false;
    for (name, is_made) in ctx.pod.claims() {
        let broken = |what: &str| {
            let text = format!("persistentvolumeclaim {:?} {what}", &*name);
            Rejection::unresolvable(text)
        };
        let claim = objects.claim(&ctx.pod.spec().namespace, &name);
        let claim = claim.ok_or_else(|| {
            if is_made {
                let text = "waiting for ephemeral volume controller to create the";
                return Rejection::unresolvable(format!(
                    "{text} persistentvolumeclaim {:?}",
                    &*name
                ));
            }
            broken("not found")
        })?;
        if claim.is_lost {
            return Err(broken(&format!(
                "bound to non-existent persistentvolume {:?}",
                &*claim.volume
            )));
        }
        if claim.is_deleting {
            return Err(broken("is being deleted"));
        }
        let class = objects.storage_classes.get(&claim.class);
        if !claim.volume.is_empty() && claim.is_bound {
            claims.bound.push(claim);
        } else if claim.volume.is_empty() && class.is_some_and(|class| class.waits_for_consumer) {
            claims.delayed.push(claim);
        } else {
            has_immediate = true;
        }
    }
    if has_immediate {
        return Err(Rejection::unresolvable(
            "pod has unbound immediate PersistentVolumeClaims",
        ));
    }
    Ok(claims)
}

impl KubePlugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER.and(KubePoints::FILTER)
    }

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::CLAIM)
    }

    fn reserve(&self, ctx: AttemptContext<'_>, node: &NodeInfo) -> Vec<VolumeChoice> {
        if ctx.pod.claim_names().next().is_none() {
            return Vec::new();
        }
        let claims = sort_claims(ctx).ok();
        let chosen = claims.and_then(|claims| claims.choose(node).ok());
        chosen.unwrap_or_default()
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if ctx.pod.claim_names().next().is_none() {
            return PreFilterResult::Skip;
        }
        match sort_claims(ctx) {
            Err(rejection) => PreFilterResult::Reject(rejection),
            Ok(claims) => {
                let (claims, not_reached) = (Arc::new(claims), self.not_reached);
                PreFilterResult::run_with(move |node: &NodeInfo| claims.check(node, not_reached))
            }
        }
    }
}

impl FastPlugin for VolumeBinding {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        self.kept_filter(ctx).reach()
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> CacheableScore {
        CacheableScore::Nothing
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        if ctx.pod.spec().volumes.is_empty() {
            return CacheableFilter::Open;
        }
        // Claims made for a pod alone have names of their own.
        let is_made = ctx.pod.claims().any(|(_, is_made)| is_made);
        let claims = sort_claims(ctx);
        let Some(claims) = claims.ok().filter(|own| !is_made && own.delayed.is_empty()) else {
            return CacheableFilter::Unknown;
        };
        let mut reached = Vec::new();
        for claim in &claims.bound {
            match claims.objects.volumes.get(&claim.volume) {
                Some(volume) => reached.extend(volume.node_affinity.clone()),
                None => return CacheableFilter::Unknown,
            }
        }
        if reached.is_empty() {
            return CacheableFilter::Rules(Vec::new());
        }
        let name = format!("VolumeBinding {reached:?}").into();
        let test: NodeTest =
            Arc::new(move |node| reached.iter().all(|affinity| is_within(affinity, node)));
        CacheableFilter::Rules(vec![CacheableRule::Within(NamedTest { test, name })])
    }
}
