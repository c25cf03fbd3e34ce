//! Storage that pods take with their place: chosen when a pod gets its place, kept for its claim
//! until it is bound, and then the claim's; given back if it is never bound
//! (spec: kubernetes.md 1.4 point 8, 1.12).
//!
//! Storage left that a driver publishes stays as it was published, whatever is made from it: the
//! original learns of it when the driver publishes it again, and no driver is modelled. Two pods may
//! count on the same bytes, as there.

use super::Cache;
use model::node::ZONE_LABEL;
use model::objects::ClusterObjects;
use model::volume::{ClaimReference, PersistentVolume};
use model::{Labels, NodeSelector, NodeSelectorTerm, Operator, Requirement, Text};
use units::{SortedMap, SortedSet};

/// Provisioners whose disks are reached in one zone alone.
const ZONAL_PROVISIONERS: [&str; 7] = [
    "ebs.csi.aws.com",
    "kubernetes.io/aws-ebs",
    "pd.csi.storage.gke.io",
    "kubernetes.io/gce-pd",
    "disk.csi.azure.com",
    "kubernetes.io/azure-disk",
    "cinder.csi.openstack.org",
];

/// A claim, by namespace and name.
pub type ClaimKey = (Text, Text);

/// Volume that a claim gets on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeChoice {
    /// A volume that is there.
    Known {
        /// The claim.
        claim: ClaimKey,
        /// The volume's name.
        volume: Text,
    },
    /// A volume that is made for the claim.
    New {
        /// The claim.
        claim: ClaimKey,
        /// The position of the published storage that it comes from, if any is published.
        capacity: Option<usize>,
    },
}

impl VolumeChoice {
    fn claim(&self) -> &ClaimKey {
        match self {
            Self::Known { claim, .. } | Self::New { claim, .. } => claim,
        }
    }
}

/// Choice that was replaced.
#[derive(Clone, Debug)]
enum ReplacedChoice {
    Volume(Option<ClaimReference>),
    /// The claim's selected node.
    Claim(Option<Text>),
}

#[derive(Clone, Debug)]
struct Reservation {
    choice: VolumeChoice,
    before: ReplacedChoice,
    /// The pods that count on it: a claim may be shared.
    pods: SortedSet<u64>,
}

/// Reservations for claims of pods that have a node but are not bound yet.
#[derive(Clone, Debug, Default)]
pub struct Reservations {
    by_claim: SortedMap<ClaimKey, Reservation>,
}

impl Reservations {
    /// Keeps what was chosen for a pod on a node.
    pub fn take(
        &mut self,
        objects: &mut ClusterObjects,
        pod: u64,
        node: &Text,
        choices: Vec<VolumeChoice>,
    ) {
        for choice in choices {
            let key = choice.claim().clone();
            if let Some(known) = self.by_claim.get_mut(&key) {
                known.pods.insert(pod);
                continue;
            }
            if let Some(before) = keep(objects, node, &choice) {
                let pods = SortedSet::from([pod]);
                let reservation = Reservation {
                    choice,
                    before,
                    pods,
                };
                self.by_claim.insert(key, reservation);
            }
        }
    }

    /// A pod lost its place before it was bound.
    pub fn give_back(&mut self, objects: &mut ClusterObjects, pod: u64) {
        for reservation in self.without(pod, |left| left == 0) {
            restore(objects, reservation);
        }
    }

    /// A pod is bound to a node: its claims have their volumes. Gives those that got them now.
    pub fn complete(&mut self, cache: &mut Cache, pod: u64, slot: usize) -> Vec<ClaimKey> {
        if self.by_claim.is_empty() {
            return Vec::new();
        }
        let labels = cache.node_in(slot).map(|node| node.object.labels.clone());
        let labels = labels.unwrap_or_default();
        let objects = &mut cache.objects;
        let over = self.without(pod, |_| true);
        for reservation in &over {
            match &reservation.choice {
                VolumeChoice::Known { claim, volume } => bind(objects, claim, volume),
                VolumeChoice::New { claim, capacity } => {
                    let storage = capacity.and_then(|index| objects.capacities.get(index));
                    let topology = storage.and_then(|storage| storage.node_topology.as_ref());
                    let keys = topology.into_iter().flat_map(|own| &own.requirements);
                    let keys: SortedSet<Text> = keys.map(|own| own.key.clone()).collect();
                    if let Some(volume) = made(objects, claim, &labels, keys) {
                        let name = volume.name.clone();
                        objects.volumes.insert(name.clone(), volume);
                        bind(objects, claim, &name);
                    }
                }
            }
        }
        let claims = over.iter().map(|own| own.choice.claim().clone());
        claims.collect()
    }

    /// Takes a pod from its reservations; those that `is_over` by how many pods are left come back.
    fn without(&mut self, pod: u64, is_over: impl Fn(usize) -> bool) -> Vec<Reservation> {
        let own = self.by_claim.iter_mut();
        let own = own.filter_map(|(key, known)| {
            let is_over = known.pods.remove(&pod) && is_over(known.pods.len());
            is_over.then(|| key.clone())
        });
        let over: Vec<ClaimKey> = own.collect();
        let over = over.iter();
        over.filter_map(|key| self.by_claim.remove(key)).collect()
    }
}

/// Keeps a choice for its claim; what it took the place of.
fn keep(
    objects: &mut ClusterObjects,
    node: &Text,
    choice: &VolumeChoice,
) -> Option<ReplacedChoice> {
    let claim = objects.claims.get_mut(choice.claim())?;
    match choice {
        VolumeChoice::Known { volume, .. } => {
            let reference = claim.reference();
            let volume = objects.volumes.get_mut(volume)?;
            Some(ReplacedChoice::Volume(volume.claim.replace(reference)))
        }
        VolumeChoice::New { .. } => Some(ReplacedChoice::Claim(
            claim.selected_node.replace(node.clone()),
        )),
    }
}

fn restore(objects: &mut ClusterObjects, reservation: Reservation) {
    match (reservation.choice, reservation.before) {
        (VolumeChoice::Known { volume, .. }, ReplacedChoice::Volume(before)) => {
            if let Some(volume) = objects.volumes.get_mut(&volume) {
                volume.claim = before;
            }
        }
        (VolumeChoice::New { claim, .. }, ReplacedChoice::Claim(selected_node)) => {
            if let Some(claim) = objects.claims.get_mut(&claim) {
                claim.selected_node = selected_node;
            }
        }
        _ => {}
    }
}

fn bind(objects: &mut ClusterObjects, claim: &ClaimKey, volume: &Text) {
    let volume_object = objects.volumes.get_mut(volume);
    if let (Some(claim), Some(object)) = (objects.claims.get_mut(claim), volume_object) {
        object.is_available = false;
        claim.volume = volume.clone();
        claim.is_bound = true;
    }
}

/// The volume that a driver makes for a claim, for nodes that are like this one in the labels that
/// its class and its published storage name.
fn made(
    objects: &ClusterObjects,
    claim: &ClaimKey,
    labels: &Labels,
    mut keys: SortedSet<Text>,
) -> Option<PersistentVolume> {
    let claim = objects.claims.get(claim)?;
    let class = objects.storage_classes.get(&claim.class)?;
    let stated = class.allowed_topologies.iter().flatten();
    keys.extend(stated.map(|(key, _)| key.clone()));
    if keys.is_empty() {
        // Nothing says where it is reached; others of the class, which the same driver made, do.
        let mut others = objects
            .volumes
            .values()
            .filter(|volume| volume.class == claim.class);
        let affinity = others.find_map(|other| other.node_affinity.as_ref());
        let terms = affinity.iter().flat_map(|own| &own.terms);
        keys.extend(
            terms
                .flat_map(|term| &term.match_expressions)
                .map(|own| own.key.clone()),
        );
    }
    if keys.is_empty() && ZONAL_PROVISIONERS.contains(&&*class.provisioner) {
        keys.insert(ZONE_LABEL.into());
    }
    let alike = |key: Text| {
        let values = vec![labels.get(&key)?.clone()];
        Some(Requirement {
            key,
            operator: Operator::In,
            values,
        })
    };
    let match_expressions: Vec<Requirement> = keys.into_iter().filter_map(alike).collect();
    let term = NodeSelectorTerm {
        match_expressions,
        match_fields: Vec::new(),
    };
    let affinity = (!term.match_expressions.is_empty()).then(|| NodeSelector { terms: vec![term] });
    Some(PersistentVolume::made_for(claim, class, affinity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::volume::{CsiStorageCapacity, PersistentVolumeClaim};
    use units::Quantity;

    fn objects() -> ClusterObjects {
        let mut objects = ClusterObjects::default();
        let claim = PersistentVolumeClaim {
            namespace: "n".into(),
            name: "c".into(),
            request: Quantity::from_units(3),
            ..PersistentVolumeClaim::default()
        };
        objects.claims.insert(("n".into(), "c".into()), claim);
        let volume = PersistentVolume {
            name: "v".into(),
            is_available: true,
            ..PersistentVolume::default()
        };
        objects.volumes.insert("v".into(), volume);
        objects.capacities.push(CsiStorageCapacity {
            capacity: Some(Quantity::from_units(10)),
            maximum_volume: Some(Quantity::from_units(8)),
            ..CsiStorageCapacity::default()
        });
        objects
    }

    fn known() -> VolumeChoice {
        VolumeChoice::Known {
            claim: ("n".into(), "c".into()),
            volume: "v".into(),
        }
    }

    #[test]
    fn what_is_given_back_is_as_it_was_once_nobody_counts_on_it() {
        let new = VolumeChoice::New {
            claim: ("n".into(), "c".into()),
            capacity: Some(0),
        };
        for choice in [known(), new] {
            let (mut own, mut kept) = (objects(), Reservations::default());
            let node = Text::from("a");
            kept.take(&mut own, 1, &node, vec![choice.clone()]);
            let reserved = own.clone();
            assert_ne!(reserved, objects());
            // A second pod with the same claim takes nothing more.
            kept.take(&mut own, 2, &node, vec![choice]);
            assert_eq!(own, reserved);
            kept.give_back(&mut own, 1);
            assert_eq!(own, reserved);
            kept.give_back(&mut own, 2);
            assert_eq!(own, objects());
            kept.give_back(&mut own, 2);
            assert_eq!(own, objects());
        }
    }

    #[test]
    fn a_bound_claim_has_its_volume_for_good() {
        let mut cache = Cache::default();
        *cache.objects = objects();
        let mut kept = Reservations::default();
        kept.take(&mut cache.objects, 1, &"a".into(), vec![known()]);
        kept.complete(&mut cache, 1, 0);
        kept.give_back(&mut cache.objects, 1);
        let claim = &cache.objects.claims[&("n".into(), "c".into())];
        assert_eq!((&*claim.volume, claim.is_bound), ("v", true));
        let volume = &cache.objects.volumes["v"];
        assert!(!volume.is_available && volume.claim.is_some());
    }
}
