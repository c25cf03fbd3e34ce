//! Decisions on single pods, each taken out of the cluster and put back.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::Side;
use crate::snapshot::profile::{decides, profile_of};
use crate::snapshot::{Snapshot, SnapshotError};
use k8s::ManifestPod;
use model::{PodPhase, PodVolume, Text};
use rng::Stream;
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{Attempt, KubeProfile, PodInfo, TieBreak};
use scheduler::pipeline::evaluate::Form;
use units::{SortedMap, plural};

/// Outcome of a pod that is scheduled anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// It goes to one of the nodes in these slots, which tie for the best.
    On(Vec<usize>),
    /// Pods of lower priority are evicted from a node to make room.
    Evicting(Text),
    /// It waits, with this message.
    Waits(Text),
}

/// Pods that no decision tells apart: of one class, and on one node.
pub(super) struct Subject {
    /// Positions of the pods among those of the dump.
    pub(super) pods: Vec<usize>,
    /// Node of the pods in the dump.
    pub(super) node: Option<Text>,
}

impl Subject {
    /// Names of the pods, as `NAMESPACE/NAME`.
    pub(super) fn names(&self, snapshot: &Snapshot) -> Vec<String> {
        let pods = self.pods.iter().map(|&index| &snapshot.pods[index]);
        pods.map(|pod| format!("{}/{}", pod.namespace(), pod.name))
            .collect()
    }
}

/// Pods that are to be scheduled again.
pub(super) struct Chosen {
    /// The pods, by class and node.
    pub(super) subjects: Vec<Subject>,
    /// Number of pods that live and are not told to end, from which these were taken.
    pub(super) living: usize,
}

/// The pods of a dump that live and are not told to end; where they are more than asked for, a part
/// drawn at random.
pub(super) fn subjects(side: &Side, most_pods: usize) -> Chosen {
    // The number of a pod whose volumes bear its own name; 0 is that of all others.
    type Key = (usize, Option<Text>, Option<Text>, usize);
    let (snapshot, profiles) = (&side.snapshot, &side.profiles);
    let mut numbers: IndexMap<Key, Subject, FxBuildHasher> = IndexMap::default();
    let is_eligible = |pod: &ManifestPod| {
        let is_lost =
            { pod.node_name.as_ref() }.is_some_and(|node| snapshot.cache.node(node).is_none());
        let is_known = decides(profiles, &pod.spec);
        !pod.phase.is_final() && !pod.is_terminating && !is_lost && is_known
    };
    let pods = snapshot.pods.iter().enumerate();
    let living: Vec<(usize, &ManifestPod)> = pods.filter(|(_, pod)| is_eligible(pod)).collect();
    let mut drawn: Vec<usize> = (0..living.len()).collect();
    if living.len() > most_pods {
        Stream::new(0, "upgrade/sample", 0).shuffle(&mut drawn);
        drawn.truncate(most_pods);
        drawn.sort_unstable();
    }
    for (index, pod) in drawn.into_iter().map(|place| living[place]) {
        let mut volumes = pod.spec.volumes.iter();
        let has_own = volumes.any(|volume| matches!(volume, PodVolume::Ephemeral(_)));
        let own = if has_own { index + 1 } else { 0 };
        let class = Arc::as_ptr(&pod.spec) as usize;
        let key = (
            class,
            pod.node_name.clone(),
            pod.nominated_node.clone(),
            own,
        );
        let subject = numbers.entry(key).or_insert_with(|| Subject {
            pods: Vec::new(),
            node: pod.node_name.clone(),
        });
        subject.pods.push(index);
    }
    Chosen {
        subjects: numbers.into_values().collect(),
        living: living.len(),
    }
}

/// Pods of schedulers that none of the profiles is, in words: they stay where they are.
pub(super) fn foreign(side: &Side) -> Option<String> {
    let pods = { side.snapshot.pods.iter() }
        .filter(|pod| !pod.phase.is_final() && !decides(&side.profiles, &pod.spec));
    let mut counts: SortedMap<&str, usize> = SortedMap::new();
    for pod in pods {
        *counts.entry(pod.spec.scheduler()).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let names: Vec<String> = counts.keys().map(|name| format!("`{name}`")).collect();
    (total > 0).then(|| {
        format!(
            "{} of {} {} placed by that and {} as in the dump; a profile of the name in `--config` has them decided",
            plural::count(total, "pod"),
            names.join(", "),
            plural::either(total, "is", "are"),
            plural::either(total, "stays", "stay"),
        )
    })
}

/// Schedules one pod of each subject anew.
pub(super) fn land(side: &mut Side, subjects: &[&Subject]) -> Result<Vec<Landing>, SnapshotError> {
    let mut round = Round::new(TieBreak::Every(Vec::new()), Form::Incremental);
    // Every node is asked, so that an answer does not hang on where the search begins.
    for profile in &mut side.profiles {
        profile.percentage_of_nodes_to_score = 100;
    }
    let (snapshot, profiles) = (&mut side.snapshot, &side.profiles);
    let subjects = subjects.iter();
    subjects
        .map(|subject| land_one(snapshot, profiles, &mut round, subject))
        .collect()
}

fn land_one(
    snapshot: &mut Snapshot,
    profiles: &[KubeProfile],
    round: &mut Round,
    subject: &Subject,
) -> Result<Landing, SnapshotError> {
    let pod = &snapshot.pods[subject.pods[0]];
    let fresh = waiting(pod);
    let info = snapshot.pod_info(&fresh)?;
    let profile = profile_of(profiles, &info)?;
    if let Err(status) = Attempt::gate(profile, &info, &snapshot.cache.objects) {
        return Ok(Landing::Waits(status.text().into()));
    }
    let slot = { subject.node.as_ref() }.and_then(|node| snapshot.cache.slot_of(node));
    let found = slot.and_then(|slot| {
        let mut pods = snapshot.cache.node_in(slot)?.pods.iter();
        pods.find(|known| known.is(&info)).cloned()
    });
    if let (Some(slot), Some(known)) = (slot, &found) {
        snapshot.cache.remove_pod_in(known, slot);
    }
    round.start = 0;
    let landing = decide(snapshot, profile, round, &info);
    if let (Some(slot), Some(known)) = (slot, found) {
        snapshot.cache.add_pod_in(known, slot);
    }
    Ok(landing)
}

/// A pod as it is before it has a node.
pub(super) fn waiting(pod: &ManifestPod) -> ManifestPod {
    if pod.node_name.is_none() {
        return pod.clone();
    }
    ManifestPod {
        node_name: None,
        nominated_node: None,
        accounted: None,
        started_unix_secs: None,
        phase: PodPhase::Pending,
        ..pod.clone()
    }
}

fn decide(
    snapshot: &Snapshot,
    profile: &KubeProfile,
    round: &mut Round,
    info: &PodInfo,
) -> Landing {
    if let TieBreak::Every(places) = &mut round.ties {
        places.clear();
    }
    match round.decide(profile, &snapshot.cache, info) {
        Outcome::Placed(slot) => {
            let places = match &round.ties {
                TieBreak::Every(places) => places.as_slice(),
                _ => &[],
            };
            let tied = places
                .iter()
                .filter_map(|&place| snapshot.cache.slot_at(place));
            let mut slots: Vec<usize> = tied.collect();
            if slots.is_empty() {
                slots.push(slot);
            }
            slots.sort_unstable();
            Landing::On(slots)
        }
        Outcome::Failed(failure) => match failure.nomination {
            Nomination::Make(candidate) => Landing::Evicting(candidate.node),
            _ => Landing::Waits(failure.message),
        },
    }
}
