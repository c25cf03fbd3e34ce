//! The nodes that are there, by kind, and the fewest of them that any placement needs.

use std::cmp::Reverse;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{Demand, GoalPod, is_fixed, is_troubled, zone_of};
use super::goal::Goal;
use super::least::{Branch, Counting};
use super::proof::{Proof, ProofKind, classes_of, kinds_of};
use super::rules::{Ground, NodeKind, Rule, classes, rules};
use model::rules::admits;
use model::{PodSpec, Text};
use scheduler::kube::{Amounts, NodeInfo};
use units::SortedSet;

/// Traits that tell a kind of node from another: which classes of pods it may take, and what it has left.
type KindKey = (Vec<bool>, Vec<(Text, i64)>, [i64; 4]);

/// The kinds of the nodes that are there, with how many of each go and how many stay untouched.
struct Existing {
    kinds: Vec<NodeKind>,
    counts: Vec<u64>,
    untouched: Vec<u64>,
    /// Number of nodes that stay and take no further pods.
    closed: u64,
}

/// Whether a node stays whatever a plan does: of the control plane, or with a pod that may not be
/// disrupted.
fn stays(info: &NodeInfo, demand: &Demand) -> bool {
    let is_kept = |place: usize| demand.pods[place].kept_by.is_some();
    is_fixed(info)
        || !info.object.guard.is_empty()
        || demand.places(&info.pods).into_iter().any(is_kept)
}

fn existing(bench: &Bench<'_>, demand: &Demand, asked: &Demand) -> Existing {
    let classes = classes(asked);
    let specs: Vec<&PodSpec> = { classes.iter() }
        .map(|pods| asked.pods[pods[0]].info.spec())
        .collect();
    let mut found: IndexMap<KindKey, (NodeKind, u64, u64), FxBuildHasher> = IndexMap::default();
    let mut closed = 0;
    for info in bench.cache().nodes() {
        if is_troubled(info) {
            closed += 1;
            continue;
        }
        let mut free = Amounts::clone(&info.allocatable);
        for pod in info.pods.iter().filter(|pod| pod.uid == 0) {
            free.change(&pod.counted_class().requests, -1);
            free.pods -= 1;
        }
        let admitted = specs.iter().map(|spec| admits(spec, &info.object));
        let scalars = free.scalars.iter();
        let scalars = scalars.map(|(name, &amount)| (name.clone(), amount));
        let key = (
            admitted.collect(),
            scalars.collect(),
            [free.cpu_milli, free.memory, free.storage, free.pods],
        );
        let entry = found.entry(key).or_insert_with(|| {
            let kind = NodeKind {
                node: info.object.clone(),
                elsewhere: Vec::new(),
                free,
            };
            (kind, 0, 0)
        });
        if stays(info, demand) {
            entry.2 += 1;
        } else {
            entry.1 += 1;
        }
    }
    let mut existing = Existing {
        kinds: Vec::new(),
        counts: Vec::new(),
        untouched: Vec::new(),
        closed,
    };
    for (kind, count, untouched) in found.into_values() {
        existing.kinds.push(kind);
        existing.counts.push(count);
        existing.untouched.push(untouched);
    }
    existing
}

/// The pods that stay on nodes which take no others, and a demand of the rest.
fn parted(bench: &Bench<'_>, demand: &Demand) -> (Vec<GoalPod>, Demand) {
    let closed = bench.cache().nodes().filter(|node| is_troubled(node));
    let places: SortedSet<usize> = closed.flat_map(|node| demand.places(&node.pods)).collect();
    let mut moving = Demand::default();
    let mut staying = Vec::new();
    for (place, pod) in demand.pods.iter().enumerate() {
        if places.contains(&place) {
            staying.push(pod.clone());
        } else {
            moving.pods.push(pod.clone());
        }
    }
    (staying, moving)
}

/// A rule about the nodes that may go: what those that stay give is off its need, but for what the loss of
/// one of them takes beyond pods that may wait then.
fn about_rest(rule: &Rule, untouched: &[u64], lost: Option<i64>) -> (Rule, i64) {
    let staying = rule.gives.iter().zip(untouched).filter(|own| *own.1 > 0);
    let most = staying.clone().map(|own| *own.0).max().unwrap_or(0);
    let given = staying.map(|(gives, &count)| gives.saturating_mul(count as i64));
    let given = given.fold(0, i64::saturating_add);
    let given = lost.map_or(given, |idle| given - (most - idle).max(0));
    let rest = Rule {
        need: rule.need.saturating_sub(given),
        given,
        ..rule.clone()
    };
    (rest, lost.map_or(0, |idle| most.max(idle)))
}

/// The rules that a proof reads, with their new places in it.
fn read_by(branch: &mut Branch, kept: &mut Vec<usize>) {
    match branch {
        Branch::Split { fewer, more, .. } => {
            read_by(fewer, kept);
            read_by(more, kept);
        }
        Branch::Shares(shares) => {
            for (place, _) in shares {
                let known = kept.iter().position(|own| own == place);
                *place = known.unwrap_or_else(|| {
                    kept.push(*place);
                    kept.len() - 1
                });
            }
        }
    }
}

/// The fewest of the existing nodes that any placement needs, and the rules that say so. The rule that
/// asks for most by itself stands first.
pub(super) fn fewest(bench: &Bench<'_>, demand: &Demand, goal: &Goal) -> Proof {
    let zones: SortedSet<Text> = bench.cache().nodes().map(zone_of).collect();
    let zones: Vec<Text> = zones.into_iter().filter(|zone| !zone.is_empty()).collect();
    // Pods of nodes that are out of order or cordoned stay there.
    let (staying, moving) = parted(bench, demand);
    let asked = goal.with_room(&moving);
    let existing = existing(bench, demand, &asked);
    let ground = Ground {
        kinds: &existing.kinds,
        beside: &staying,
        zones: &zones,
        loses_zone: goal.survives_zone(),
        objects: &bench.cache().objects,
    };
    let survives_node = goal.survives_node();
    let stay: u64 = existing.closed + existing.untouched.iter().sum::<u64>();
    let classes = classes(&asked);
    let rests = rules(&asked, &ground).into_iter().map(|rule| {
        let lost = survives_node.then(|| rule.idle(goal, &asked, &classes));
        let (rest, spare) = about_rest(&rule, &existing.untouched, lost);
        (rest, (spare, lost.unwrap_or(0)))
    });
    let rests = rests.filter(|(rest, _)| rest.need > 0);
    let (rests, lost): (Vec<Rule>, Vec<(i64, i64)>) = rests.unzip();
    let spares: Vec<i64> = lost.iter().map(|own| own.0).collect();
    let all: u64 = existing.counts.iter().sum();
    let costs = vec![1; existing.kinds.len()];
    let counting = Counting {
        rules: &rests,
        costs: &costs,
        survives_node,
        most: Some(&existing.counts),
        spares: &spares,
    };
    let least = counting.least(all as i64);
    let mut branch = least.proof;
    let alone = rests.iter().map(|own| own.fewest(&existing.counts));
    let alone = alone.map(|own| own.unwrap_or(all)).enumerate();
    let binding = alone.max_by_key(|&(place, own)| (own, Reverse(place)));
    let mut kept: Vec<usize> = binding.into_iter().map(|(place, _)| place).collect();
    read_by(&mut branch, &mut kept);
    let names: Vec<Text> = { existing.kinds.iter() }
        .map(|kind| kind.node.name.clone())
        .collect();
    let mut kinds: Vec<ProofKind> = kinds_of(&existing.kinds, &names, &costs);
    let counted = existing.counts.iter().zip(&existing.untouched);
    for (kind, (&count, &untouched)) in kinds.iter_mut().zip(counted) {
        kind.count = Some(count);
        kind.untouched = untouched;
    }
    Proof {
        bound: stay as i64 + least.bound,
        reached: 0,
        counts_nodes: true,
        survives_node,
        lost_zones: if goal.survives_zone() { zones.len() } else { 0 },
        closed: existing.closed,
        prices: vec![0.0; kept.len()],
        idle: kept.iter().map(|&place| lost[place].1).collect(),
        rules: kept.into_iter().map(|place| rests[place].clone()).collect(),
        branch: Some(branch),
        kinds,
        classes: classes_of(&asked),
    }
}

/// Parts of the needs of rules that are of pods which may wait once their node is lost.
pub(super) fn idle(rules: &[Rule], goal: &Goal, asked: &Demand) -> Vec<i64> {
    let classes = classes(asked);
    let idle = rules.iter().map(|own| own.idle(goal, asked, &classes));
    idle.collect()
}
