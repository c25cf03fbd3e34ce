//! Nodes that leave for a while and come back, as planners try losses: the fast form keeps its answers
//! about the other nodes and decides as the plain form at every step.

use std::sync::Arc;

use proptest::prelude::*;

use super::contract::default_profile;
use crate::testing::{node, pod};
use model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use model::volume::{CsiNode, PersistentVolume, PersistentVolumeClaim, StorageClass};
use model::{
    LabelSelector, Labels, NodeSelector, NodeSelectorTerm, Operator, PodAffinityTerm, PodSpec,
    PodVolume, Requirement, Taint, TaintEffect, Text, Toleration, TopologySpread,
};
use scheduler::kube::cycle::{Outcome, Round};
use scheduler::kube::{Cache, KubeProfile, PodInfo, TieBreak};
use scheduler::pipeline::evaluate::Form;

/// Driver of the volumes.
const DRIVER: &str = "csi.example.com";

/// Claims of every kind, by number: bound in a zone, by its volume's affinity or labels; bound
/// anywhere; waiting for a node; for one pod alone; without its volume.
const CLAIMS: u8 = 6;

fn volume(name: &Text, number: u8) -> PersistentVolume {
    let zone = |zone: &str| NodeSelector {
        terms: vec![NodeSelectorTerm {
            match_expressions: selector(ZONE_LABEL, zone).requirements,
            match_fields: Vec::new(),
        }],
    };
    let label = (number == 1).then(|| (ZONE_LABEL.into(), "a__b".into()));
    PersistentVolume {
        name: name.clone(),
        node_affinity: number.is_multiple_of(4).then(|| zone("a")),
        labels: label.into_iter().collect(),
        csi: Some((DRIVER.into(), name.clone())),
        ..PersistentVolume::default()
    }
}

/// The claims, their volumes, and how many of them some nodes can attach.
fn add_storage(cache: &mut Cache, nodes: usize) {
    let objects = &mut *cache.objects;
    let class = StorageClass {
        name: "late".into(),
        provisioner: DRIVER.into(),
        waits_for_consumer: true,
        is_default: false,
        ..StorageClass::default()
    };
    objects.storage_classes.insert("late".into(), class);
    for number in 0..CLAIMS {
        let name: Text = format!("c{number}").into();
        let is_bound = number != 3;
        let mode = if number == 4 {
            "ReadWriteOncePod"
        } else {
            "ReadWriteOnce"
        };
        let claim = PersistentVolumeClaim {
            namespace: "default".into(),
            name: name.clone(),
            access_modes: vec![mode.into()],
            class: "late".into(),
            volume: if is_bound {
                name.clone()
            } else {
                Text::default()
            },
            is_bound,
            ..PersistentVolumeClaim::default()
        };
        let key = (claim.namespace.clone(), name.clone());
        objects.claims.insert(key, claim);
        if is_bound && number != 5 {
            let volume = volume(&name, number);
            objects.volumes.insert(name, volume);
        }
    }
    for index in (0..nodes).step_by(4) {
        let drivers = vec![(DRIVER.into(), Some(2))];
        let name: Text = format!("n{index}").into();
        let limits = CsiNode {
            name: name.clone(),
            drivers,
        };
        objects.csi_nodes.insert(name, limits);
    }
}

/// Binds the claim that waits to a volume, or takes it from it.
fn toggle(cache: &mut Cache) {
    let name = Text::from("c3");
    let objects = &mut *cache.objects;
    objects.volumes.insert(name.clone(), volume(&name, 0));
    if let Some(claim) = objects.claims.get_mut(&("default".into(), name.clone())) {
        claim.is_bound = !claim.is_bound;
        claim.volume = if claim.is_bound {
            name
        } else {
            Text::default()
        };
    }
}

/// Nodes in three zones of different sizes, and some without a zone; every third has an image.
fn cache(nodes: usize) -> Cache {
    let mut cache = Cache::default();
    for index in 0..nodes {
        let mut object = node(
            &format!("n{index}"),
            2_000 + 500 * (index as i64 % 4),
            4_096,
            (0, ""),
        );
        let name = object.name.clone();
        object.labels.insert(HOSTNAME_LABEL.into(), name);
        let zone = [Some("a"), Some("b"), Some("a"), Some("c"), None][index % 5];
        if let Some(zone) = zone {
            object.labels.insert(ZONE_LABEL.into(), zone.into());
        }
        if index % 2 == 0 {
            object.labels.insert("disk".into(), "ssd".into());
        }
        if index % 7 == 3 {
            object.taints.push(Taint {
                key: "own".into(),
                value: Text::default(),
                effect: TaintEffect::NoSchedule,
            });
        }
        if index % 3 == 0 {
            let mebibytes = 1024 * 1024 * (100 + index as i64 % 2);
            object.images.push(("web:latest".into(), mebibytes));
        }
        cache.add_node(Arc::new(object)).expect("a new node");
    }
    add_storage(&mut cache, nodes);
    cache
}

fn selector(key: &str, value: &str) -> LabelSelector {
    LabelSelector {
        requirements: vec![Requirement {
            key: key.into(),
            operator: Operator::In,
            values: vec![value.into()],
        }],
    }
}

/// A pod out of few numbers: plain, spread over zones or nodes, or apart from its like; with claims or
/// without.
fn spec(kind: u8) -> PodSpec {
    let mut spec = pod(250 * i64::from(kind % 5), 128, (0, 0));
    spec.namespace = "default".into();
    let app = ["web", "job", "db"][usize::from(kind % 3)];
    spec.labels = Labels::from([("app".into(), app.into())]);
    if kind.is_multiple_of(2) {
        spec.containers[0].image = "web".into();
    }
    if kind % 11 == 5 {
        spec.node_selector.insert("disk".into(), "ssd".into());
    }
    if kind % 6 == 1 {
        spec.tolerations.push(Toleration {
            key: Some("own".into()),
            value: None,
            effect: None,
            tolerates_for: None,
        });
    }
    if kind % 7 < 3 {
        let claims = [kind % CLAIMS, kind / 8 % CLAIMS];
        let claims = claims.map(|number| PodVolume::Claim(format!("c{number}").into()));
        spec.volumes
            .extend_from_slice(&claims[..=usize::from(kind.is_multiple_of(7))]);
    }
    let key: Text = if kind & 8 == 0 {
        ZONE_LABEL
    } else {
        HOSTNAME_LABEL
    }
    .into();
    match kind >> 4 {
        0..3 => {}
        own @ 3..9 => {
            let rule = |key: Text| TopologySpread {
                max_skew: 1 + i32::from(kind & 1),
                topology_key: key,
                hard: own < 6,
                selector: Some(selector("app", app)),
                min_domains: None,
                honor_node_affinity: kind & 4 == 0,
                honor_node_taints: kind % 3 == 1,
                match_label_keys: Vec::new(),
            };
            spec.topology_spread.push(rule(key));
            if own % 3 == 0 {
                spec.topology_spread.push(rule(ZONE_LABEL.into()));
            }
        }
        own => {
            let term = PodAffinityTerm {
                selector: Some(selector("app", if own < 12 { app } else { "web" })),
                topology_key: key,
                namespaces: Vec::new(),
                namespace_selector: None,
                match_label_keys: Vec::new(),
                mismatch_label_keys: Vec::new(),
            };
            match own {
                9 => spec.affinity.required_pod_anti_affinity.push(term),
                10..13 => spec.affinity.required_pod_affinity.push(term),
                _ => spec.affinity.preferred_pod_affinity.push((10, term)),
            }
        }
    }
    spec
}

/// Both forms with their cluster.
struct Forms {
    profile: KubeProfile,
    cache: Cache,
    fast: Round,
    plain: Round,
    made: usize,
}

impl Forms {
    fn new(cache: Cache, ties: TieBreak, budget: usize, preempts: bool) -> Self {
        let mut profile = default_profile();
        if !preempts {
            profile.post_filter.clear();
        }
        Self {
            profile,
            cache,
            fast: Round::with_budget(ties.clone(), budget),
            plain: Round::new(ties, Form::Plain),
            made: 0,
        }
    }

    /// Has both forms place a pod, which have to agree; the pod and its slot.
    fn place(&mut self, kind: u8) -> Option<(Arc<PodInfo>, usize)> {
        self.made += 1;
        let pod = PodInfo {
            class: self
                .cache
                .class(&Arc::new(spec(kind)))
                .expect("amounts that fit"),
            name: format!("p{}", self.made).into(),
            uid: self.made as u64,
            ..PodInfo::default()
        };
        let found = self.fast.decide(&self.profile, &self.cache, &pod);
        let expected = self.plain.decide(&self.profile, &self.cache, &pod);
        assert_eq!(
            format!("{found:?}"),
            format!("{expected:?}"),
            "{kind} p{}",
            self.made
        );
        assert_eq!(self.fast.start, self.plain.start);
        let Outcome::Placed(slot) = expected else {
            return None;
        };
        let pod = Arc::new(pod);
        self.cache.add_pod_in(pod.clone(), slot);
        Some((pod, slot))
    }

    /// Loses nodes, places pods, and takes it all back; within it, loses further nodes.
    fn lose(&mut self, steps: &[Step]) {
        let Some(((first, kind), rest)) = steps.split_first() else {
            return;
        };
        let names: Vec<Text> = { self.cache.nodes() }
            .filter(|node| match *first {
                Loss::Zone(zone) => node.label(ZONE_LABEL).is_some_and(|own| **own == *zone),
                Loss::Node(number) => **node.name() == *format!("n{number}"),
            })
            .map(|node| node.name().clone())
            .collect();
        let nodes = self.cache.take_nodes(&names);
        let placed = [self.place(*kind), self.place(kind / 2)];
        self.lose(rest);
        let last = self.place(kind.wrapping_mul(3));
        for (pod, slot) in placed.into_iter().chain([last]).flatten() {
            self.cache.remove_pod_in(&pod, slot);
        }
        self.cache.put_back(nodes);
    }
}

/// Loss of a node or zone, and a pod that is placed then.
type Step = (Loss, u8);

#[derive(Clone, Debug)]
enum Loss {
    Node(usize),
    Zone(&'static str),
}

fn lost() -> impl Strategy<Value = Loss> {
    prop_oneof![
        8 => (0..130_usize).prop_map(Loss::Node),
        1 => prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(Loss::Zone),
    ]
}

/// Pods to place, and the losses that are tried after each.
type LossScript = Vec<(u8, Vec<Step>)>;

fn course() -> impl Strategy<Value = LossScript> {
    let steps = proptest::collection::vec((lost(), any::<u8>()), 0..4);
    proptest::collection::vec((any::<u8>(), steps), 10..50)
}

#[test]
fn pods_with_bound_claims_are_decided_by_kept_answers() {
    let mut forms = Forms::new(cache(10), TieBreak::First, 1 << 28, true);
    // A pod with the claim of zone a, and one with the claim that waits for a node.
    let (bound, waiting) = (36, 9);
    assert_eq!(
        [bound, waiting].map(|kind| spec(kind).volumes),
        ["c0", "c3"].map(|name| vec![PodVolume::Claim(name.into())])
    );
    let mut taken = Vec::new();
    for kind in [bound, waiting, bound, waiting] {
        let before = forms.fast.taken_fast();
        assert!(forms.place(kind).is_some());
        taken.push(forms.fast.taken_fast() - before);
        if taken.len() == 2 {
            toggle(&mut forms.cache);
        }
    }
    assert_eq!(taken, [1, 0, 1, 1]);
}

#[test]
fn why_pods_with_bound_claims_find_no_node_is_kept() {
    for preempts in [true, false] {
        let mut forms = Forms::new(cache(10), TieBreak::First, 1 << 28, preempts);
        forms.cache.objects.csi_nodes.clear();
        // Claims of zone a by the volume's affinity, by its labels, and bound anywhere.
        let kinds = [36, 1, 2];
        let claims = ["c0", "c1", "c2"].map(|name| PodVolume::Claim(name.into()));
        assert_eq!(kinds.map(|kind| spec(kind).volumes[0].clone()), claims);
        let of_zone = forms.cache.nodes().filter(|node| {
            let zone = node.label(ZONE_LABEL);
            zone.is_none_or(|zone| ["a", "b"].contains(&&**zone))
        });
        let names: Vec<Text> = of_zone.map(|node| node.name().clone()).collect();
        // Both zones are lost and come back, one node after the other.
        for lost in names.chunks(2).chain([names.as_slice()]) {
            let nodes = forms.cache.take_nodes(lost);
            let before = forms.fast.taken_fast();
            let placed = kinds.map(|kind| forms.place(kind));
            assert_eq!(forms.fast.taken_fast() - before, 3, "{lost:?}");
            assert_eq!(placed[0].is_none(), lost.len() == names.len());
            for (pod, slot) in placed.into_iter().flatten() {
                forms.cache.remove_pod_in(&pod, slot);
            }
            forms.cache.put_back(nodes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn losses_that_are_taken_back_leave_the_forms_alike(
        nodes in prop_oneof![3 => 2..20_usize, 1 => 110..130_usize],
        seed in 0..3_u64,
        budget in prop_oneof![Just(20_000), Just(1 << 28)],
        preempts in any::<bool>(),
        course in course(),
    ) {
        let ties = match seed {
            0 => TieBreak::First,
            1 => TieBreak::HeapRoot,
            _ => TieBreak::random(seed, 0),
        };
        let mut forms = Forms::new(cache(nodes), ties, budget, preempts);
        for (step, (kind, losses)) in course.iter().enumerate() {
            forms.place(*kind);
            forms.lose(losses);
            if step % 8 == 7 {
                toggle(&mut forms.cache);
            }
            // Some nodes leave for good.
            if step % 16 == 15 {
                forms.cache.remove_node(&format!("n{}", step / 16));
            }
        }
        prop_assert!(forms.fast.taken_fast() > 0);
    }
}
