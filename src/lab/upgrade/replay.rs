//! Replay of a dump's own arrivals in two releases: all pods that live, in their order of creation,
//! on the empty cluster. Pods of nodes (static ones, those of daemon sets) stand where they are.

use std::sync::Arc;

use rayon::prelude::*;

use super::landing::waiting;
use super::{Side, UpgradePlan};
use crate::snapshot::profile::profile_of;
use crate::snapshot::{Gathered, SnapshotError, pod_info};
use crate::statistics::{Interval, mean, student_interval};
use manifest::{Maker, ManifestPod};
use model::{Change, Changes};
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{Attempt, Cache, TieBreak};
use scheduler::pipeline::evaluate::Form;

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// Measure of a replay.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Name of the measure.
    pub name: &'static str,
    /// Unit of the measure.
    pub unit: &'static str,
    /// Mean over the seeds in the earlier release.
    pub from: f64,
    /// Mean over the seeds in the later release.
    pub to: f64,
    /// Interval of the mean difference over the seeds; `None` with a single seed.
    pub interval: Option<Interval>,
}

/// Result of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Number of pods.
    pub pods: usize,
    /// Number of seeds.
    pub seeds: usize,
    /// Mean share of pods that are on another node than in the earlier release with the same seed,
    /// in percent. Without a change it is 0: ties are drawn alike.
    pub elsewhere_percent: f64,
    /// Measures of the cluster after the last arrival.
    pub effects: Vec<Effect>,
}

/// Measures, by name and unit.
const MEASURES: [(&str, &str); 5] = [
    ("pods that wait", ""),
    ("allocated CPU", "%"),
    ("allocated memory", "%"),
    ("fragmented free CPU", "%"),
    ("nodes in use", ""),
];

/// End of a replay with one seed in one release.
struct End {
    /// Slot of each pod's node; `None` waits.
    slots: Vec<Option<usize>>,
    measures: [f64; MEASURES.len()],
}

/// Replays the arrivals of a dump; `None` without seeds or pods.
pub(super) fn replay(plan: &UpgradePlan<'_>) -> Result<Option<Replayed>, SnapshotError> {
    let mut pods: Vec<&ManifestPod> = { plan.gathered.pods.iter() }
        .filter(|pod| !pod.phase.is_final() && !pod.is_terminating)
        .collect();
    if plan.seeds.is_empty() || pods.is_empty() {
        return Ok(None);
    }
    pods.sort_by_key(|pod| (pod.maker != Maker::Node, pod.created_unix_secs));
    let sides = [plan.before(), plan.after()];
    let work = plan
        .seeds
        .iter()
        .flat_map(|seed| sides.map(|side| (*seed, side)));
    let work: Vec<(u64, Changes)> = work.collect();
    let ends: Vec<End> = work
        .into_par_iter()
        .map(|(seed, changes)| run(plan, &pods, seed, changes))
        .collect::<Result<_, _>>()?;
    let pairs: Vec<(&End, &End)> = ends
        .chunks_exact(2)
        .map(|pair| (&pair[0], &pair[1]))
        .collect();
    let elsewhere = pairs.iter().map(|(one, other)| {
        let places = one.slots.iter().zip(&other.slots);
        places.filter(|(one, other)| one != other).count() as f64
    });
    let elsewhere: Vec<f64> = elsewhere.collect();
    let effects = MEASURES.iter().enumerate().map(|(index, &(name, unit))| {
        let of = |end: &End| end.measures[index];
        let before: Vec<f64> = pairs.iter().map(|(one, _)| of(one)).collect();
        let after: Vec<f64> = pairs.iter().map(|(_, other)| of(other)).collect();
        let differences = pairs.iter().map(|(one, other)| of(other) - of(one));
        Effect {
            name,
            unit,
            from: mean(&before).unwrap_or(0.0),
            to: mean(&after).unwrap_or(0.0),
            interval: student_interval(&differences.collect::<Vec<f64>>(), CONFIDENCE),
        }
    });
    Ok(Some(Replayed {
        pods: pods.len(),
        seeds: plan.seeds.len(),
        elsewhere_percent: 100.0 * mean(&elsewhere).unwrap_or(0.0) / pods.len() as f64,
        effects: effects.collect(),
    }))
}

/// Places all pods in one release.
fn run(
    plan: &UpgradePlan<'_>,
    pods: &[&ManifestPod],
    seed: u64,
    changes: Changes,
) -> Result<End, SnapshotError> {
    let empty = Gathered {
        nodes: plan.gathered.nodes.clone(),
        objects: plan.gathered.objects.clone(),
        changes,
        ..Gathered::default()
    };
    let mut side = Side::of(plan, empty)?;
    for pod in pods {
        side.snapshot.name_namespace(pod.namespace());
    }
    let ties = if changes.has(Change::HeapRoot) {
        TieBreak::HeapRoot
    } else {
        TieBreak::random(seed, 0)
    };
    let mut round = Round::new(ties, Form::Incremental);
    let mut slots = Vec::with_capacity(pods.len());
    for pod in pods {
        slots.push(arrive(&mut side, &mut round, pod)?);
    }
    let cache = &side.snapshot.cache;
    Ok(End {
        measures: measures(cache, pods, &slots),
        slots,
    })
}

/// Places one pod; evicted pods leave at once and do not return.
fn arrive(
    side: &mut Side,
    round: &mut Round,
    pod: &ManifestPod,
) -> Result<Option<usize>, SnapshotError> {
    let cache = &mut side.snapshot.cache;
    let info = pod_info(cache, &waiting(pod))?;
    let own = pod.node_name.as_ref().filter(|_| pod.maker == Maker::Node);
    let mut slot = own.and_then(|node| cache.slot_of(node));
    if slot.is_none() {
        let profile = profile_of(&side.profiles, &info)?;
        if Attempt::gate(profile, &info).is_err() {
            return Ok(None);
        }
        slot = match round.decide(profile, cache, &info) {
            Outcome::Placed(slot) => Some(slot),
            Outcome::Failed(failure) => match failure.nomination {
                Nomination::Make(candidate) => {
                    for victim in &candidate.victims {
                        cache.remove_pod(victim, &candidate.node);
                    }
                    cache.slot_of(&candidate.node)
                }
                _ => None,
            },
        };
    }
    if let Some(slot) = slot {
        cache.add_pod_in(Arc::new(info), slot);
    }
    Ok(slot)
}

/// Measures of a cluster after the last arrival.
fn measures(
    cache: &Cache,
    pods: &[&ManifestPod],
    slots: &[Option<usize>],
) -> [f64; MEASURES.len()] {
    let mut wanted: Vec<i64> = { pods.iter() }
        .filter_map(|pod| pod.spec.requests().ok()?.get("memory").units_ceil().ok())
        .collect();
    wanted.sort_unstable();
    // Free CPU is of no use where the median pod finds no memory.
    let median = wanted.get(wanted.len() / 2).copied().unwrap_or(0);
    let (mut cpu, mut cpu_used, mut memory, mut memory_used) = (0_i64, 0_i64, 0_i64, 0_i64);
    let (mut lost, mut in_use) = (0_i64, 0_usize);
    for node in cache.nodes() {
        let (offered, used) = (&node.allocatable, &node.requested);
        cpu = cpu.saturating_add(offered.cpu_milli);
        cpu_used = cpu_used.saturating_add(used.cpu_milli);
        memory = memory.saturating_add(offered.memory);
        memory_used = memory_used.saturating_add(used.memory);
        if offered.memory - used.memory < median {
            lost += (offered.cpu_milli - used.cpu_milli).max(0);
        }
        in_use += usize::from(!node.pods.is_empty());
    }
    let percent = |part: i64, whole: i64| match whole {
        0 => 0.0,
        whole => 100.0 * part as f64 / whole as f64,
    };
    let waiting = slots.iter().filter(|slot| slot.is_none()).count();
    [
        waiting as f64,
        percent(cpu_used, cpu),
        percent(memory_used, memory),
        percent(lost, cpu - cpu_used),
        in_use as f64,
    ]
}
