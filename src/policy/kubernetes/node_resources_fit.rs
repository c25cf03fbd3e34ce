//! `NodeResourcesFit`: room on the node, scored by one of three strategies
//! (spec: kubernetes.md 1.7).

use std::borrow::Cow;
use std::sync::Arc;

use super::ask::Ask;
use super::resources::{Counted, CpuAndMemory, Resource, RowResource, Scale};
use crate::score::scaled;
use model::scheduler_config::{FitArguments, FitStrategy};
use model::{ClusterObjects, Text};
use scheduler::kube::keep::{
    KeptFilter, KeptScore, NodePoints, NodeRow, NodeTest, Rests, RowAmount, RowPoints, RowTest,
};
use scheduler::kube::pod_info::is_extended;
use scheduler::kube::{
    Amounts, AttemptContext, Cache, ClusterEvent, Code, EventKinds, KubePlugin, KubePoints,
    NodeInfo, Normalization, PodInfo, Prepared, Reach, Rejection, Scores,
};

/// Rejects nodes without room.
pub struct NodeResourcesFit(Arc<Fit>);

impl NodeResourcesFit {
    /// With these arguments.
    pub fn new(arguments: FitArguments) -> Self {
        let scored = arguments.resources.iter();
        let scored = scored.map(|(name, weight)| (Resource::of(name), *weight));
        Self(Arc::new(Fit {
            scored: scored.collect(),
            arguments,
        }))
    }
}

/// How room is counted and scored.
struct Fit {
    arguments: FitArguments,
    /// The resources scored, with weights.
    scored: Vec<(Resource, i64)>,
}

impl Fit {
    /// Whether the pod fits; the same as a check without a rejection.
    fn has_room(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let (wanted, used, offered) = (&pod.class.requests, &node.requested, &*node.allocatable);
        let fits = |wanted: i64, used: i64, offered: i64| wanted <= 0 || wanted <= offered - used;
        let mut scalars = wanted.scalars.iter();
        (node.pods.len() as i64) < offered.pods
            && fits(wanted.cpu_milli, used.cpu_milli, offered.cpu_milli)
            && fits(wanted.memory, used.memory, offered.memory)
            && fits(wanted.storage, used.storage, offered.storage)
            && scalars.all(|(name, &amount)| {
                self.is_ignored(name) || fits(amount, used.scalar(name), offered.scalar(name))
            })
    }

    fn is_ignored(&self, name: &str) -> bool {
        let group = name.split('/').next().unwrap_or_default();
        let has = |list: &[Text], text: &str| list.iter().any(|own| **own == *text);
        is_extended(name)
            && (has(&self.arguments.ignored_resources, name)
                || has(&self.arguments.ignored_groups, group))
    }

    fn check(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        shortage(pod, node, |name| self.is_ignored(name)).verdict()
    }

    fn points(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let counted = self.scored.iter();
        let counted = counted.filter_map(|(resource, weight)| {
            let counted = Counted::of(resource, Scale::NonZero, pod, node)?;
            Some((counted, *weight))
        });
        self.points_of(counted)
    }

    fn points_of(&self, counted: impl Iterator<Item = (Counted, i64)>) -> i64 {
        match &self.arguments.strategy {
            FitStrategy::LeastAllocated => weighted_mean(counted, least_allocated),
            FitStrategy::MostAllocated => weighted_mean(counted, most_allocated),
            FitStrategy::RequestedToCapacityRatio(shape) => ratio(counted, shape),
        }
    }
}

/// What is short on a node for a pod, some scalar resources passed over.
fn shortage(pod: &PodInfo, node: &NodeInfo, is_ignored: impl Fn(&str) -> bool) -> Shortage {
    let mut shortage = Shortage::default();
    if node.pods.len() as i64 + 1 > node.allocatable.pods {
        shortage.reasons.push("Too many pods".into());
    }
    let (wanted, used, offered) = (&pod.class.requests, &node.requested, &*node.allocatable);
    shortage.check("cpu", wanted.cpu_milli, used.cpu_milli, offered.cpu_milli);
    shortage.check("memory", wanted.memory, used.memory, offered.memory);
    shortage.check(
        "ephemeral-storage",
        wanted.storage,
        used.storage,
        offered.storage,
    );
    for (name, &amount) in &wanted.scalars {
        if !is_ignored(name) {
            shortage.check(name, amount, used.scalar(name), offered.scalar(name));
        }
    }
    shortage
}

/// Whether the pod would fit if the node were empty; no resource is ignored here, as in the
/// original.
fn fits_empty(pod: &PodInfo, empty: &NodeInfo) -> bool {
    shortage(pod, empty, |_| false).reasons.is_empty()
}

/// Whether a node offers more pod slots, or more of something that the pod asks for.
fn offers_more(pod: &PodInfo, before: &NodeInfo, after: &NodeInfo) -> bool {
    let (old, new) = (&before.allocatable, &after.allocatable);
    new.pods > old.pods || is_less_of_wanted(pod, old, new)
}

/// Whether a pod asks for less than before of something that the other pod asks for.
fn frees(pod: &PodInfo, before: &PodInfo, after: &PodInfo) -> bool {
    let (old, new) = (
        &before.counted_class().requests,
        &after.counted_class().requests,
    );
    is_less_of_wanted(pod, new, old)
}

/// Whether `less` has less than `more` of something that the pod asks for.
fn is_less_of_wanted(pod: &PodInfo, less: &Amounts, more: &Amounts) -> bool {
    let wanted = &pod.class.requests;
    let mut scalars = wanted.scalars.iter();
    wanted.cpu_milli > 0 && less.cpu_milli < more.cpu_milli
        || wanted.memory > 0 && less.memory < more.memory
        || wanted.storage > 0 && less.storage < more.storage
        || scalars.any(|(name, &amount)| amount > 0 && less.scalar(name) < more.scalar(name))
}

/// What is short on a node.
#[derive(Default)]
struct Shortage {
    reasons: Vec<Cow<'static, str>>,
    is_unresolvable: bool,
}

impl Shortage {
    fn check(&mut self, name: &str, wanted: i64, used: i64, offered: i64) {
        if wanted > 0 && wanted > offered - used {
            self.reasons.push(format!("Insufficient {name}").into());
            self.is_unresolvable |= wanted > offered;
        }
    }

    fn verdict(self) -> Result<(), Rejection> {
        if self.reasons.is_empty() {
            return Ok(());
        }
        Err(Rejection {
            code: if self.is_unresolvable {
                Code::UnschedulableAndUnresolvable
            } else {
                Code::Unschedulable
            },
            reasons: self.reasons,
        })
    }
}

fn least_allocated(counted: &Counted) -> i64 {
    left((counted.requested(), counted.offered))
}

/// What is left of what is offered, on the scale.
#[inline]
fn left((requested, offered): (i64, i64)) -> i64 {
    if requested > offered {
        return 0;
    }
    share(offered - requested, offered)
}

fn most_allocated(counted: &Counted) -> i64 {
    share(counted.requested().min(counted.offered), counted.offered)
}

/// Below this the quotient of hundredfold amounts by floats is the one by integers.
const EXACT: i64 = 1 << 46;

/// `part · 100 / whole`, truncated.
#[inline]
fn share(part: i64, whole: i64) -> i64 {
    if (0..EXACT).contains(&part) && (1..EXACT).contains(&whole) {
        return ((part * 100) as f64 / whole as f64) as i64;
    }
    scaled(part, 100, whole)
}

fn weighted_mean(
    counted: impl Iterator<Item = (Counted, i64)>,
    points: impl Fn(&Counted) -> i64,
) -> i64 {
    let (mut sum, mut weights) = (0, 0);
    for (counted, weight) in counted {
        sum += points(&counted) * weight;
        weights += weight;
    }
    if weights == 0 { 0 } else { sum / weights }
}

fn ratio(counted: impl Iterator<Item = (Counted, i64)>, shape: &[(i64, i64)]) -> i64 {
    let (mut sum, mut weights) = (0, 0);
    for (counted, weight) in counted {
        let utilization = if counted.requested() > counted.offered {
            100
        } else {
            share(counted.requested(), counted.offered)
        };
        let points = interpolate(shape, utilization);
        if points > 0 {
            sum += points * weight;
            weights += weight;
        }
    }
    if weights == 0 {
        return 0;
    }
    (sum as f64 / weights as f64).round() as i64
}

/// The curve's value, with its scores of 0–10 stretched to 0–100.
fn interpolate(shape: &[(i64, i64)], utilization: i64) -> i64 {
    let stretched = |score: i64| score * 10;
    let after = shape.iter().position(|&(end, _)| utilization <= end);
    match (after, shape) {
        (Some(0), [(_, first), ..]) => stretched(*first),
        (Some(place), _) => {
            let ((u0, s0), (u1, s1)) = (shape[place - 1], shape[place]);
            let (s0, s1) = (stretched(s0), stretched(s1));
            s0 + (s1 - s0) * (utilization - u0) / (u1 - u0)
        }
        (None, [.., (_, last)]) => stretched(*last),
        (None, []) => 0,
    }
}

impl KubePlugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER
            .and(KubePoints::FILTER)
            .and(KubePoints::SCORE)
    }

    fn listens(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_ALLOCATABLE)
            .and(EventKinds::POD_DELETE)
            .and(EventKinds::POD_SCALE_DOWN)
    }

    fn may_help(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        match (event.node(), event.pod()) {
            (Some((before, Some(after))), _) => {
                let is_more = |before: &NodeInfo| offers_more(pod, before, after);
                fits_empty(pod, after) && before.is_none_or(is_more)
            }
            (_, Some((Some(before), None))) => {
                before.has_node() || before.nominated_node().is_some()
            }
            (_, Some((Some(before), Some(after)))) => {
                after.is(pod) || (after.has_node() && frees(pod, before, after))
            }
            _ => false,
        }
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Node
    }

    fn normalization(&self) -> Normalization {
        Normalization::Plain
    }

    fn kept_filter(&self, _: AttemptContext<'_>) -> KeptFilter {
        KeptFilter::Node(Rests::OnNode)
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> KeptScore {
        KeptScore::Node(Rests::OnNode, self.normalization())
    }

    fn node_test(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodeTest {
        let (fit, pod) = (self.0.clone(), pod.clone());
        Arc::new(move |node| fit.has_room(&pod, node))
    }

    fn node_points(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodePoints {
        let (fit, pod) = (self.0.clone(), pod.clone());
        Arc::new(move |node| fit.points(&pod, node))
    }

    fn row_test(&self, pod: &Arc<PodInfo>) -> Option<RowTest> {
        let wanted = &pod.class.requests;
        let (cpu, memory, storage) = (wanted.cpu_milli, wanted.memory, wanted.storage);
        let fits = |wanted: i64, own: &RowAmount| wanted <= 0 || wanted <= own.offered - own.used;
        wanted.scalars.is_empty().then(|| {
            Box::new(move |row: &NodeRow| {
                row.pods_left > 0
                    && fits(cpu, &row.cpu)
                    && fits(memory, &row.memory)
                    && fits(storage, &row.storage)
            }) as RowTest
        })
    }

    fn row_points(&self, pod: &Arc<PodInfo>) -> Option<RowPoints> {
        let scored = self.0.scored.iter().map(|(resource, weight)| {
            let own = RowResource::of(resource, Scale::NonZero, pod)?;
            Some((own, *weight))
        });
        let scored: Vec<(RowResource, i64)> = scored.collect::<Option<_>>()?;
        let fit = self.0.clone();
        let general = move |row: &NodeRow| {
            let counted = scored.iter();
            fit.points_of(counted.filter_map(|(own, weight)| Some((own.counted(row)?, *weight))))
        };
        let resources = self.0.scored.iter().map(|(resource, _)| resource);
        let both = CpuAndMemory::of(resources, Scale::NonZero, pod);
        if let (Some(both), [(_, cpu), (_, memory)]) = (both, self.0.scored.as_slice())
            && let FitStrategy::LeastAllocated = self.0.arguments.strategy
        {
            let weights = [*cpu, *memory];
            let whole = weights.iter().sum::<i64>();
            if weights.iter().all(|weight| (1..=1_000).contains(weight)) {
                return Some(Box::new(move |row| {
                    let Some([cpu, memory]) = both.of_row(row, Scale::NonZero) else {
                        return general(row);
                    };
                    let sum = left(cpu) * weights[0] + left(memory) * weights[1];
                    // Small numbers are divided faster.
                    i64::from(sum as u32 / whole as u32)
                }));
            }
        }
        Some(Box::new(general))
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        Prepared::ask(Ask(move |node: &NodeInfo| self.0.check(ctx.pod, node)))
    }

    fn score(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let nodes = feasible.iter();
        Some(Scores::plain(
            nodes.map(|node| self.0.points(ctx.pod, node)).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_follow_the_examples_of_the_specification() {
        const GIB: i64 = 1 << 30;
        let counted = || {
            [(500, 1_000, 4_000), (GIB, 2 * GIB, 10 * GIB)].map(|(asked, used, offered)| {
                let counted = Counted {
                    used,
                    asked,
                    offered,
                };
                (counted, 1)
            })
        };
        assert_eq!(weighted_mean(counted().into_iter(), least_allocated), 66);
        assert_eq!(weighted_mean(counted().into_iter(), most_allocated), 33);
        assert_eq!(ratio(counted().into_iter(), &[(0, 0), (100, 10)]), 34);
    }

    #[test]
    fn shares_are_truncated_quotients() {
        for whole in [1, 3, 7, 100, 101, 4_000, (1 << 46) - 1, 1 << 46, 1 << 55] {
            for part in [
                0,
                1,
                2,
                3,
                6,
                7,
                99,
                100,
                3_999,
                4_000,
                (1 << 46) - 1,
                1 << 46,
            ] {
                let exact = i128::from(part) * 100 / i128::from(whole);
                assert_eq!(i128::from(share(part, whole)), exact, "{part} of {whole}");
            }
        }
    }

    #[test]
    fn the_curve_is_flat_outside_its_points() {
        let shape = [(20, 10), (60, 4), (80, 0)];
        for (utilization, expected) in [(0, 100), (20, 100), (40, 70), (70, 20), (100, 0)] {
            assert_eq!(interpolate(&shape, utilization), expected, "{utilization}");
        }
    }
}
