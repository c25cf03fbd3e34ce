//! The nodes that are there, by kind, and the fewest of them that any placement needs.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{Demand, GoalPod, is_fixed, is_troubled, zone_of};
use super::goal::Goal;
use super::proof::{Proof, ProofKind, classes_of, kinds_of};
use super::rules::{Ground, NodeKind, Rule, rules};
use model::node::HOSTNAME_LABEL;
use model::{Node, Taint, Text};
use scheduler::kube::{Amounts, NodeInfo};
use units::SortedSet;

/// Traits that tell a kind of node from another.
type KindKey = (Vec<(Text, Text)>, Vec<Taint>, Vec<(Text, i64)>, [i64; 4]);

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

fn existing(bench: &Bench<'_>, demand: &Demand) -> Existing {
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
        let node: &Node = &info.object;
        let labels = node.labels.iter();
        let labels = labels.filter(|(key, _)| &***key != HOSTNAME_LABEL);
        let labels: Vec<(Text, Text)> = labels
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let scalars = free.scalars.iter();
        let scalars = scalars.map(|(name, &amount)| (name.clone(), amount));
        let key = (
            labels,
            node.taints.clone(),
            scalars.collect(),
            [free.cpu_milli, free.memory, free.storage, free.pods],
        );
        let entry = found.entry(key).or_insert_with(|| {
            let kind = NodeKind {
                node: info.object.clone(),
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

/// The fewest of the existing nodes that any placement needs, and the rule that says so.
pub(super) fn fewest(bench: &Bench<'_>, demand: &Demand, goal: &Goal) -> Proof {
    let existing = existing(bench, demand);
    let zones: SortedSet<Text> = bench.cache().nodes().map(zone_of).collect();
    let zones: Vec<Text> = zones.into_iter().filter(|zone| !zone.is_empty()).collect();
    // Pods of nodes that are out of order or cordoned stay there.
    let (staying, moving) = parted(bench, demand);
    let asked = goal.with_room(&moving);
    let ground = Ground {
        kinds: &existing.kinds,
        beside: &staying,
        zones: &zones,
        loses_zone: goal.survives_zone(),
        objects: &bench.cache().objects,
    };
    let rules = rules(&asked, &ground);
    let survives_node = goal.survives_node();
    let stay: u64 = existing.closed + existing.untouched.iter().sum::<u64>();
    let mut best: (u64, Option<Rule>) = (stay, None);
    for rule in rules {
        let kept = rule.gives.iter().zip(&existing.untouched);
        let kept = kept.map(|(gives, &count)| gives.saturating_mul(count as i64));
        let given = kept.fold(0, i64::saturating_add);
        let rest = Rule {
            need: rule.need.saturating_sub(given).max(0),
            ..rule.clone()
        };
        let least = if survives_node {
            rest.fewest_after_loss(&existing.counts)
        } else {
            rest.fewest(&existing.counts)
        };
        let all = existing.counts.iter().sum();
        let least = stay + least.unwrap_or(all);
        if least > best.0 {
            best = (least, Some(rule));
        }
    }
    let names: Vec<Text> = { existing.kinds.iter() }
        .map(|kind| kind.node.name.clone())
        .collect();
    let costs = vec![1; names.len()];
    let mut kinds: Vec<ProofKind> = kinds_of(&existing.kinds, &names, &costs);
    let counted = existing.counts.iter().zip(&existing.untouched);
    for (kind, (&count, &untouched)) in kinds.iter_mut().zip(counted) {
        kind.count = Some(count);
        kind.untouched = untouched;
    }
    Proof {
        bound: best.0 as i64,
        reached: 0,
        counts_nodes: true,
        survives_node,
        lost_zones: if goal.survives_zone() { zones.len() } else { 0 },
        closed: existing.closed,
        prices: best.1.iter().map(|_| 0.0).collect(),
        rules: best.1.into_iter().collect(),
        branch: None,
        kinds,
        classes: classes_of(&asked),
    }
}
