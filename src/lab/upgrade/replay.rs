//! Replay of a dump's own arrivals in two releases: all pods that live, in their order of creation,
//! on the empty cluster. Pods of nodes (static ones, those of daemon sets) stand where they are. Of a
//! large dump each seed replays a part of its nodes with the same part of its pods.

use std::sync::Arc;

use rayon::prelude::*;

use super::effect::Effect;
use super::landing::waiting;
use super::{Side, UpgradePlan};
use crate::snapshot::profile::{decides, profile_of};
use crate::snapshot::{Gathered, SnapshotError, pod_info};
use crate::statistics::mean;
use k8s::{Maker, ManifestPod};
use model::{Change, Changes};
use rng::Stream;
use scheduler::kube::cycle::{Nomination, Outcome, Round};
use scheduler::kube::{Attempt, Cache, TieBreak};
use scheduler::pipeline::evaluate::Form;
use units::SortedSet;

/// Number of pods from which a part of the cluster is replayed.
const MANY_PODS: usize = 20_000;
/// Number of pods in such a part.
const PART: usize = 4000;

/// Result of a replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Number of pods that were replayed with a seed.
    pub pods: usize,
    /// Number of pods in the dump.
    pub all_pods: usize,
    /// Number of nodes that took part with a seed.
    pub nodes: usize,
    /// Number of seeds.
    pub seeds: usize,
    /// Mean share of pods that are on another node than in the earlier release with the same seed,
    /// in percent.
    pub elsewhere_percent: f64,
    /// Mean share of pods that are on another node when the earlier release draws other ties, in
    /// percent: the part of the difference that is chance.
    pub chance_percent: f64,
    /// Measures of the cluster after the last arrival.
    pub effects: Vec<Effect>,
}

/// Names of the measures, in order.
const MEASURES: [&str; 6] = [
    "pods that wait",
    "allocated CPU",
    "allocated memory",
    "fragmented free CPU",
    "nodes in use",
    "price of nodes in use",
];

/// Run of a replay.
#[derive(Clone, Copy)]
struct Trial {
    seed: u64,
    /// Stream from which ties are drawn.
    ties: u64,
    changes: Changes,
}

/// End of a replay with one seed in one release.
struct End {
    /// Slot of each pod's node; `None` waits.
    slots: Vec<Option<usize>>,
    nodes: usize,
    measures: [f64; MEASURES.len()],
}

impl End {
    /// Share of the pods that are on another node, in percent.
    fn elsewhere(&self, other: &Self) -> f64 {
        let places = self.slots.iter().zip(&other.slots);
        let count = places.filter(|(one, other)| one != other).count();
        100.0 * count as f64 / self.slots.len().max(1) as f64
    }
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
    let trial = |seed, ties, changes| Trial {
        seed,
        ties,
        changes,
    };
    let work = plan.seeds.iter().flat_map(|&seed| {
        let (before, after) = (plan.before(), plan.after());
        [
            trial(seed, 0, before),
            trial(seed, 0, after),
            trial(seed, 1, before),
        ]
    });
    let work: Vec<Trial> = work.collect();
    let ends: Vec<End> = work
        .into_par_iter()
        .map(|trial| run(plan, &pods, trial))
        .collect::<Result<_, _>>()?;
    let each = |of: fn(&[End]) -> f64| -> Vec<f64> { ends.chunks_exact(3).map(of).collect() };
    let elsewhere = each(|own| own[0].elsewhere(&own[1]));
    let chance = each(|own| own[0].elsewhere(&own[2]));
    let is_priced = plan.prices.is_some();
    let last = MEASURES.len() - usize::from(!is_priced);
    let effects = MEASURES[..last].iter().enumerate().map(|(index, &name)| {
        let of = |side: usize| {
            ends.chunks_exact(3)
                .map(move |own| own[side].measures[index])
        };
        let (before, after): (Vec<f64>, Vec<f64>) = (of(0).collect(), of(1).collect());
        Effect::new(name, &unit(plan, index), &before, &after)
    });
    Ok(Some(Replayed {
        pods: ends.first().map_or(0, |end| end.slots.len()),
        all_pods: pods.len(),
        nodes: ends.first().map_or(0, |end| end.nodes),
        seeds: plan.seeds.len(),
        elsewhere_percent: mean(&elsewhere).unwrap_or(0.0),
        chance_percent: mean(&chance).unwrap_or(0.0),
        effects: effects.collect(),
    }))
}

/// Unit of a measure.
fn unit(plan: &UpgradePlan<'_>, index: usize) -> String {
    match (index, plan.prices) {
        (1..=3, _) => "%".to_owned(),
        (5, Some(prices)) => format!("{}/h", prices.currency),
        _ => String::new(),
    }
}

/// Nodes of a replay, by their positions in the dump, and its pods in order of arrival.
struct Part<'a> {
    nodes: Vec<usize>,
    pods: Vec<&'a ManifestPod>,
}

/// The whole cluster, or of a large one a part that each seed draws for itself.
fn part<'a>(plan: &UpgradePlan<'_>, pods: &[&'a ManifestPod], seed: u64) -> Part<'a> {
    let nodes: Vec<usize> = (0..plan.gathered.nodes.len()).collect();
    if pods.len() < MANY_PODS {
        return Part {
            nodes,
            pods: pods.to_vec(),
        };
    }
    let share = pods.len().div_ceil(PART);
    let mut dice = Stream::new(seed, "upgrade/replay", 0);
    let nodes = drawn(nodes, share, &mut dice);
    let names: SortedSet<&str> = { nodes.iter() }
        .map(|&index| &*plan.gathered.nodes[index].name)
        .collect();
    let is_of_node = |pod: &ManifestPod| pod.maker == Maker::Node;
    let positions = 0..pods.len();
    let free: Vec<usize> = positions
        .filter(|&index| !is_of_node(pods[index]))
        .collect();
    let free = drawn(free, share, &mut dice);
    let stands = |pod: &&&ManifestPod| {
        is_of_node(pod) && { pod.node_name.as_deref() }.is_some_and(|node| names.contains(node))
    };
    let standing = pods.iter().filter(stands).copied();
    Part {
        pods: standing
            .chain(free.iter().map(|&index| pods[index]))
            .collect(),
        nodes,
    }
}

/// A part of positions, in order.
fn drawn(mut positions: Vec<usize>, share: usize, dice: &mut Stream) -> Vec<usize> {
    let count = positions.len().div_ceil(share);
    dice.shuffle(&mut positions);
    positions.truncate(count);
    positions.sort_unstable();
    positions
}

/// Places all pods in one release.
fn run(plan: &UpgradePlan<'_>, pods: &[&ManifestPod], trial: Trial) -> Result<End, SnapshotError> {
    let Part { nodes, pods } = part(plan, pods, trial.seed);
    let kept = nodes
        .iter()
        .map(|&index| plan.gathered.nodes[index].clone());
    let empty = Gathered {
        nodes: kept.collect(),
        objects: plan.gathered.objects.clone(),
        changes: trial.changes,
        ..Gathered::default()
    };
    let mut side = Side::of(plan, empty)?;
    for pod in &pods {
        side.snapshot.name_namespace(pod.namespace());
    }
    let ties = if trial.changes.has(Change::HeapRoot) {
        TieBreak::HeapRoot
    } else {
        TieBreak::random(trial.seed, trial.ties)
    };
    let mut round = Round::new(ties, Form::Incremental);
    let mut slots = Vec::with_capacity(pods.len());
    for pod in &pods {
        slots.push(arrive(&mut side, &mut round, pod)?);
    }
    let cache = &side.snapshot.cache;
    let mut measures = measures(cache, &pods, &slots);
    measures[5] = price(plan, cache, &nodes, &in_use(&pods, &slots));
    Ok(End {
        measures,
        nodes: nodes.len(),
        slots,
    })
}

/// Slots of the nodes with pods of their own choice, rather than those that every node has.
fn in_use(pods: &[&ManifestPod], slots: &[Option<usize>]) -> SortedSet<usize> {
    let placed = pods.iter().zip(slots);
    let free = placed.filter(|(pod, _)| pod.maker != Maker::Node);
    free.filter_map(|(_, slot)| *slot).collect()
}

/// Price of nodes in use, an hour; nodes without a price cost nothing.
fn price(plan: &UpgradePlan<'_>, cache: &Cache, nodes: &[usize], in_use: &SortedSet<usize>) -> f64 {
    let Some(prices) = plan.prices else {
        return 0.0;
    };
    let used = nodes.iter().filter(|&&index| {
        let slot = cache.slot_of(&plan.gathered.nodes[index].name);
        slot.is_some_and(|slot| in_use.contains(&slot))
    });
    let micro = used.filter_map(|&index| prices.micro_per_hour.get(index).copied().flatten());
    micro.sum::<i64>() as f64 / 1e6
}

/// Places one pod; evicted pods leave at once and do not return.
fn arrive(
    side: &mut Side,
    round: &mut Round,
    pod: &ManifestPod,
) -> Result<Option<usize>, SnapshotError> {
    let cache = &mut side.snapshot.cache;
    let info = pod_info(cache, &waiting(pod))?;
    // Pods of nodes stand where they are, and those that another scheduler placed.
    let is_placed = pod.maker == Maker::Node || !decides(&side.profiles, &pod.spec);
    let own = pod.node_name.as_ref().filter(|_| is_placed);
    let mut slot = own.and_then(|node| cache.slot_of(node));
    if slot.is_none() {
        if !decides(&side.profiles, &pod.spec) {
            return Ok(None);
        }
        let profile = profile_of(&side.profiles, &info)?;
        if Attempt::gate(profile, &info, &cache.objects).is_err() {
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

/// Measures of a cluster after the last arrival, but for the price.
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
    let mut lost = 0_i64;
    for node in cache.nodes() {
        let (offered, used) = (&node.allocatable, &node.requested);
        cpu = cpu.saturating_add(offered.cpu_milli);
        cpu_used = cpu_used.saturating_add(used.cpu_milli);
        memory = memory.saturating_add(offered.memory);
        memory_used = memory_used.saturating_add(used.memory);
        if offered.memory.saturating_sub(used.memory) < median {
            let free = offered.cpu_milli.saturating_sub(used.cpu_milli);
            lost = lost.saturating_add(free.max(0));
        }
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
        percent(lost, cpu.saturating_sub(cpu_used)),
        in_use(pods, slots).len() as f64,
        0.0,
    ]
}
