//! Claims that are bound at once, whatever the pods that use them (`volumeBindingMode: Immediate`, or no
//! class): the volume controller gives each the smallest volume that suits it, or has its provisioner make
//! one, whose place follows from the name of the claim.

use std::sync::Arc;

use crate::node::ZONE_LABEL;
use crate::objects::ClusterObjects;
use crate::volume::{PersistentVolume, PersistentVolumeClaim, StorageClass};
use crate::{Node, NodeSelector, NodeSelectorTerm, Operator, Requirement, Text};
use units::SortedSet;

/// Numbers of claims that were bound at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImmediateBindings {
    /// To volumes that were there.
    pub known: usize,
    /// To volumes that were made for them.
    pub made: usize,
    /// Made for them in a place that follows from their name.
    pub placed: usize,
    /// Claims without a volume or a provisioner, as `NAMESPACE/NAME`.
    pub waiting: Vec<String>,
}

/// Alternatives of places: labels with their value, sorted.
type Places = Vec<Vec<(Text, Text)>>;

/// Binds the claims of objects that wait for no consumer (`pv_controller.go`, `syncUnboundClaim`).
pub fn bind_at_once(objects: &mut ClusterObjects, nodes: &[Arc<Node>]) -> ImmediateBindings {
    let mut bound = ImmediateBindings::default();
    let keys: Vec<(Text, Text)> = objects.claims.keys().cloned().collect();
    for key in keys {
        let claim = objects.claims.get(&key);
        if claim.is_some_and(|claim| is_open(claim, objects)) {
            bound.count(&key, bind_one(objects, &key, nodes));
        }
    }
    bound
}

/// Way in which a claim got its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The volume was there.
    Known,
    /// The volume was made for it.
    Made {
        /// Whether in a place that follows from the name of the claim.
        is_placed: bool,
    },
}

impl ImmediateBindings {
    fn count(&mut self, key: &(Text, Text), origin: Option<Origin>) {
        match origin {
            Some(Origin::Known) => self.known += 1,
            Some(Origin::Made { is_placed }) => {
                self.made += 1;
                self.placed += usize::from(is_placed);
            }
            None => self.waiting.push(format!("{}/{}", key.0, key.1)),
        }
    }
}

/// Binds a claim that waits for no consumer, if there is a volume for it or one can be made.
pub fn bind_one(
    objects: &mut ClusterObjects,
    key: &(Text, Text),
    nodes: &[Arc<Node>],
) -> Option<Origin> {
    let claim = objects.claims.get(key)?;
    let (volume, origin) = if let Some(volume) = matching(claim, objects) {
        (volume, Origin::Known)
    } else {
        let volume = made(claim, objects, nodes)?;
        let is_placed = volume.node_affinity.is_some();
        (volume, Origin::Made { is_placed })
    };
    bind(objects, key, volume);
    Some(origin)
}

/// Gives a claim its volume.
pub fn bind(objects: &mut ClusterObjects, key: &(Text, Text), volume: PersistentVolume) {
    let Some(claim) = objects.claims.get_mut(key) else {
        return;
    };
    claim.volume = volume.name.clone();
    claim.is_bound = true;
    let volume = PersistentVolume {
        claim: Some(claim.reference()),
        is_available: false,
        ..volume
    };
    objects.volumes.insert(volume.name.clone(), volume);
}

/// Claims that wait for no consumer and are not bound, as `NAMESPACE/NAME`.
pub fn unbound(objects: &ClusterObjects) -> Vec<String> {
    let open = objects
        .claims
        .values()
        .filter(|claim| is_open(claim, objects));
    open.map(|own| format!("{}/{}", own.namespace, own.name))
        .collect()
}

/// Whether a claim is not bound yet and is to be, whichever pod uses it.
fn is_open(claim: &PersistentVolumeClaim, objects: &ClusterObjects) -> bool {
    let class = objects.storage_classes.get(&claim.class);
    let waits = claim.volume.is_empty() && class.is_some_and(|class| class.waits_for_consumer);
    !(claim.is_bound || claim.is_lost || claim.is_deleting || waits)
}

/// The volume that a claim gets: the one that it names, one kept for it, or the smallest of those with the
/// fewest access modes (`findBestMatchForClaim`).
fn matching(claim: &PersistentVolumeClaim, objects: &ClusterObjects) -> Option<PersistentVolume> {
    if !claim.volume.is_empty() {
        let named = objects.volumes.get(&claim.volume);
        return named.filter(|own| own.is_free_for(claim)).cloned();
    }
    let suiting: Vec<&PersistentVolume> = { objects.volumes.values() }
        .filter(|own| own.suits(claim) && own.allows_modes_of(claim))
        .collect();
    if let Some(kept) = suiting.iter().find(|own| own.is_kept_for(claim)) {
        return Some((*kept).clone());
    }
    let selector = claim.selector.as_ref();
    let free = suiting.into_iter().filter(|own| {
        own.is_available
            && own.class == claim.class
            && selector.is_none_or(|selector| selector.matches(&own.labels))
    });
    free.min_by_key(|own| (own.access_modes.len(), own.capacity))
        .cloned()
}

/// The volume that the provisioner of a claim's class makes for it.
fn made(
    claim: &PersistentVolumeClaim,
    objects: &ClusterObjects,
    nodes: &[Arc<Node>],
) -> Option<PersistentVolume> {
    let class = objects.storage_classes.get(&claim.class)?;
    // A claim that names a volume waits for it, and none is made for a selector.
    if class.is_by_hand() || !claim.volume.is_empty() || claim.selector.is_some() {
        return None;
    }
    let places = places(class, nodes);
    let number = u32::try_from(places.len()).unwrap_or(u32::MAX).max(1);
    let place = places.get((offset(&claim.name) % number) as usize);
    let affinity = place.map(|place| within(place));
    Some(PersistentVolume::made_for(claim, class, affinity))
}

/// The places in which volumes of a class can be made, sorted: those that it allows, or else the zones of
/// nodes (`GenerateAccessibilityRequirements`).
fn places(class: &StorageClass, nodes: &[Arc<Node>]) -> Places {
    let mut all: SortedSet<(usize, Vec<(Text, Text)>)> = SortedSet::new();
    for term in &class.allowed_topologies {
        let mut flat: Places = Vec::new();
        for (key, values) in term {
            let before = if flat.is_empty() {
                vec![Vec::new()]
            } else {
                flat
            };
            let each = values.iter().flat_map(|value| {
                before.iter().map(move |own| {
                    let mut own = own.clone();
                    own.push((key.clone(), value.clone()));
                    own
                })
            });
            flat = each.collect();
        }
        for mut place in flat {
            place.sort();
            all.insert((place.len(), place));
        }
    }
    if class.allowed_topologies.is_empty() {
        for node in nodes {
            if let Some(zone) = node.labels.get(ZONE_LABEL) {
                all.insert((1, vec![(ZONE_LABEL.into(), zone.clone())]));
            }
        }
    }
    all.into_iter().map(|(_, place)| place).collect()
}

fn within(place: &[(Text, Text)]) -> NodeSelector {
    let requirements = place.iter().map(|(key, value)| Requirement {
        key: key.clone(),
        operator: Operator::In,
        values: vec![value.clone()],
    });
    NodeSelector {
        terms: vec![NodeSelectorTerm {
            match_expressions: requirements.collect(),
            ..NodeSelectorTerm::default()
        }],
    }
}

/// The place of a claim among others by its name: claims of a stateful set go round
/// (`getPVCNameHashAndIndexOffset`).
fn offset(name: &str) -> u32 {
    let ordinal = name.rsplit_once('-');
    let ordinal = ordinal.and_then(|(stem, own)| Some((stem, own.parse::<u32>().ok()?)));
    let (stem, index) = ordinal.unwrap_or((name, 0));
    let stem = match ordinal {
        Some(_) => stem.rsplit_once('-').map_or(stem, |(_, set)| set),
        None => stem,
    };
    let hash = stem.bytes().fold(2_166_136_261_u32, |hash, byte| {
        hash.wrapping_mul(16_777_619) ^ u32::from(byte)
    });
    hash.wrapping_add(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(zone: &str) -> Arc<Node> {
        let mut node = Node::default();
        node.labels.insert(ZONE_LABEL.into(), zone.into());
        Arc::new(node)
    }

    fn claim(name: &str, class: &str) -> PersistentVolumeClaim {
        PersistentVolumeClaim {
            namespace: "d".into(),
            name: name.into(),
            request: units::Quantity::from_units(10),
            access_modes: vec!["ReadWriteOnce".into()],
            class: class.into(),
            ..PersistentVolumeClaim::default()
        }
    }

    fn volume(name: &str, size: i64, modes: &[&str]) -> PersistentVolume {
        PersistentVolume {
            name: name.into(),
            capacity: units::Quantity::from_units(size),
            access_modes: modes.iter().map(|mode| Text::from(*mode)).collect(),
            is_available: true,
            ..PersistentVolume::default()
        }
    }

    fn of(
        claims: Vec<PersistentVolumeClaim>,
        volumes: Vec<PersistentVolume>,
        classes: Vec<StorageClass>,
    ) -> ClusterObjects {
        let mut objects = ClusterObjects::default();
        for own in claims {
            objects
                .claims
                .insert((own.namespace.clone(), own.name.clone()), own);
        }
        for own in volumes {
            objects.volumes.insert(own.name.clone(), own);
        }
        for own in classes {
            objects.storage_classes.insert(own.name.clone(), own);
        }
        objects
    }

    fn bound_to(objects: &ClusterObjects, name: &str) -> Text {
        let claim = objects.claim(&"d".into(), &name.into()).expect("a claim");
        assert!(claim.is_bound);
        claim.volume.clone()
    }

    #[test]
    fn the_smallest_volume_of_the_fewest_modes_is_taken() {
        let once = &["ReadWriteOnce"][..];
        let volumes = vec![
            volume("small", 9, once),
            volume("large", 100, once),
            volume("fits", 20, once),
            volume("shared", 10, &["ReadWriteMany", "ReadWriteOnce"]),
        ];
        let mut objects = of(
            vec![claim("one", ""), claim("two", "")],
            volumes,
            Vec::new(),
        );
        let bound = bind_at_once(&mut objects, &[]);
        assert_eq!((bound.known, bound.made), (2, 0));
        assert_eq!(&*bound_to(&objects, "one"), "fits");
        assert_eq!(&*bound_to(&objects, "two"), "large");
        assert!(
            objects
                .volumes
                .values()
                .filter(|volume| volume.is_available)
                .count()
                == 2
        );
    }

    #[test]
    fn claims_of_a_set_go_round_the_zones() {
        let class = StorageClass {
            name: "disks".into(),
            provisioner: "ebs.csi.aws.com".into(),
            ..StorageClass::default()
        };
        let nodes = ["b", "a", "c", "a"].map(node);
        let names = ["data-db-0", "data-db-1", "data-db-2", "logs-db-0"];
        let claims = names.map(|name| claim(name, "disks")).to_vec();
        let waits = StorageClass {
            name: "later".into(),
            waits_for_consumer: true,
            is_default: false,
            ..class.clone()
        };
        let claims = [claims, vec![claim("later", "later")]].concat();
        let mut objects = of(claims, Vec::new(), vec![class, waits]);
        let bound = bind_at_once(&mut objects, &nodes);
        assert_eq!((bound.made, bound.placed), (4, 4));
        let zones = names.map(|name| {
            let volume = &objects.volumes[&bound_to(&objects, name)];
            let terms = &volume.node_affinity.as_ref().expect("a zone").terms;
            terms[0].match_expressions[0].values[0].clone()
        });
        // FNV-1 of `db` is 0x6d7728c3, which is 1 of 3.
        assert_eq!(zones.each_ref().map(|own| &**own), ["b", "c", "a", "b"]);
        assert!(!objects.claims[&("d".into(), "later".into())].is_bound);
    }

    #[test]
    fn a_claim_waits_where_nobody_makes_volumes() {
        let mut objects = of(vec![claim("one", "")], Vec::new(), Vec::new());
        let bound = bind_at_once(&mut objects, &[]);
        assert_eq!(bound.waiting, ["d/one"]);
        assert_eq!(unbound(&objects), ["d/one"]);
    }
}
