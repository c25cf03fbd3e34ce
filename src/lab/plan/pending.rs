//! Pods that wait today: which of them find nodes on the cluster as it is, and why the others don't.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::Demand;
use super::loss::Unplaced;
use crate::explain::{Remedy, remedies};
use crate::snapshot::profile::profile_or_default;
use model::Text;
use scheduler::kube::{Attempt, KubeProfile};
use units::SortedMap;

/// Most classes for which changes are looked for that would be enough.
const MOST_LOOKED_AT: usize = 100;

/// Pods of one class that wait today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The first of them, `NAMESPACE/NAME`.
    pub first: String,
    /// Number of pods.
    pub pods: u64,
    /// Nodes that the scheduler finds for them, by name, with the number of pods that each takes.
    pub nodes: Vec<(Text, u64)>,
    /// The first pod that finds no node; its message counts the nodes by the filter that excludes
    /// them.
    pub unplaced: Option<Unplaced>,
    /// Changes of which each would give that pod a node.
    pub remedies: Vec<Remedy>,
}

impl Pending {
    /// Number of pods that find a node.
    pub fn placed(&self) -> u64 {
        self.nodes.iter().map(|(_, pods)| pods).sum()
    }
}

/// Has the scheduler place the pods that wait today on the cluster as it is, one after the other; no
/// pod is displaced. Gives the classes, and the places of the pods that find nodes.
pub(super) fn pending(
    bench: &Bench<'_>,
    demand: &Demand,
    calm: &[KubeProfile],
) -> (Vec<Pending>, Vec<usize>) {
    let (mut placed, mut looked_at) = (Vec::new(), 0);
    let mut own = Bench::new(bench.cache().clone(), calm);
    let mut classes: IndexMap<usize, Found, FxBuildHasher> = IndexMap::default();
    for (place, pod) in demand.waiting.iter().enumerate() {
        let key = Arc::as_ptr(&pod.info.class).addr();
        let found = classes.entry(key).or_insert_with(|| Found {
            first: pod.name.clone(),
            pods: 0,
            nodes: SortedMap::new(),
            unplaced: None,
            remedies: Vec::new(),
        });
        found.pods += 1;
        match own.place(&pod.info) {
            Ok(node) => {
                placed.push(place);
                *found.nodes.entry(node).or_default() += 1;
            }
            Err(message) if found.unplaced.is_none() => {
                found.unplaced = Some(Unplaced {
                    pod: pod.name.clone(),
                    message: message.to_string(),
                });
                if looked_at < MOST_LOOKED_AT {
                    looked_at += 1;
                    let profile = profile_or_default(calm, &pod.info);
                    let attempt = Attempt::begin(profile, own.cache(), &pod.info);
                    found.remedies = remedies(&attempt, &pod.info);
                }
            }
            Err(_) => {}
        }
    }
    let classes = classes.into_values().map(|found| Pending {
        first: found.first,
        pods: found.pods,
        nodes: found.nodes.into_iter().collect(),
        unplaced: found.unplaced,
        remedies: found.remedies,
    });
    (classes.collect(), placed)
}

/// Outcomes for a class so far.
struct Found {
    first: String,
    pods: u64,
    nodes: SortedMap<Text, u64>,
    unplaced: Option<Unplaced>,
    remedies: Vec<Remedy>,
}
