//! `NodeResourcesFit`: room on the node, scored by one of three strategies
//! (spec: kubernetes.md 1.7).

pub(super) mod amounts;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::score::scaled;
use amounts::{CpuAndMemory, Resource, ResourceCount, RowResource, Scale};
use model::rules::room::fits;
use model::scheduler_config::{FitArguments, FitStrategy};
use model::{Change, Changes, ClusterObjects, Text};
use scheduler::kube::cacheable::{
    AnswerScope, CacheableFilter, CacheableScore, NodeRow, RowAmount, RowPoints, RowTest,
};
use scheduler::kube::pod_info::is_extended;
use scheduler::kube::{
    Amounts, AttemptContext, ClusterEvent, Code, EventKinds, FastPlugin, KubePlugin, KubePoints,
    NodeInfo, Normalization, PodInfo, Reach, Rejection,
};

use super::resource_parameters::FIT;
use crate::{Constructor, Entry, KubeConstructor, Point};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodeResourcesFit",
    point: Point::KubePlugin,
    summary: "Rejects nodes without room for the requests, and scores by the share that is requested.",
    source: "kubernetes.md 1.7",
    parameters: FIT,
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter", "score"],
        weight: Some(1),
        build: |arguments, changes| Arc::new(NodeResourcesFit::new(arguments.fit.clone(), changes)),
    }),
};

/// Rejects nodes without room.
pub struct NodeResourcesFit(Arc<Fit>);

impl NodeResourcesFit {
    /// Plugin with these arguments and the switches of a release.
    pub fn new(arguments: FitArguments, changes: Changes) -> Self {
        let scored = arguments.resources.iter();
        let scored = scored.map(|(name, weight)| (Resource::of(name), *weight));
        Self(Arc::new(Fit {
            scored: scored.collect(),
            arguments,
            tells_final_shortage: changes.has(Change::AllocatableShortage),
            heeds_growth: changes.has(Change::FitHint),
            heeds_nominated: changes.has(Change::NominatedDeletion),
        }))
    }
}

/// Filter and score by the room that a node has left.
struct Fit {
    arguments: FitArguments,
    /// The resources scored, with weights.
    scored: Vec<(Resource, i64)>,
    /// Whether a node that offers too little in all is left out of preemption (spec:
    /// kubernetes-releases.md A1).
    tells_final_shortage: bool,
    /// Whether a node helps only where something that the pod asks for grew (B).
    heeds_growth: bool,
    /// Whether the deletion of a pod that awaits its place helps (B).
    heeds_nominated: bool,
}

impl Fit {
    /// Whether the pod fits; what [`Fit::check`] says, without a rejection.
    fn has_room(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let is_ignored = |name: &str| self.is_ignored(name);
        each_shortage(pod, node, is_ignored, |_| ControlFlow::Break(())).is_continue()
    }

    fn is_ignored(&self, name: &str) -> bool {
        let group = name.split('/').next().unwrap_or_default();
        let has = |list: &[Text], text: &str| list.iter().any(|own| **own == *text);
        is_extended(name)
            && (has(&self.arguments.ignored_resources, name)
                || has(&self.arguments.ignored_groups, group))
    }

    fn check(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let mut reasons: Vec<Cow<'static, str>> = Vec::new();
        let mut code = Code::Unschedulable;
        let is_ignored = |name: &str| self.is_ignored(name);
        let flow: ControlFlow<()> = each_shortage(pod, node, is_ignored, |shortage| {
            reasons.push(match shortage.resource {
                None => "Too many pods".into(),
                Some(name) => format!("Insufficient {name}").into(),
            });
            if shortage.is_unresolvable && self.tells_final_shortage {
                code = Code::UnschedulableAndUnresolvable;
            }
            ControlFlow::Continue(())
        });
        debug_assert!(flow.is_continue());
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Rejection { code, reasons })
    }

    fn points(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let counted = self.scored.iter();
        let counted = counted.filter_map(|(resource, weight)| {
            let counted = ResourceCount::of(resource, Scale::NonZero, pod, node)?;
            Some((counted, *weight))
        });
        self.points_of(counted)
    }

    fn points_of(&self, counted: impl Iterator<Item = (ResourceCount, i64)>) -> i64 {
        match &self.arguments.strategy {
            FitStrategy::LeastAllocated => weighted_mean(counted, least_allocated),
            FitStrategy::MostAllocated => weighted_mean(counted, most_allocated),
            FitStrategy::RequestedToCapacityRatio(shape) => ratio(counted, shape),
        }
    }
}

/// One resource of which a node has too little left for a pod.
struct Shortage<'s> {
    /// The resource's name; `None` is pod slots.
    resource: Option<&'s str>,
    /// Whether the whole node offers too little.
    is_unresolvable: bool,
}

/// Visits what a node is short of for a pod, some scalar resources passed over, until the visitor
/// breaks off.
fn each_shortage(
    pod: &PodInfo,
    node: &NodeInfo,
    is_ignored: impl Fn(&str) -> bool,
    mut visit: impl FnMut(Shortage<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (wanted, used, offered) = (&pod.class.requests, &node.requested, &*node.allocatable);
    if !fits(1, offered.pods - node.pods.len() as i64) {
        visit(Shortage {
            resource: None,
            is_unresolvable: false,
        })?;
    }
    let mut check = |name: &str, wanted: i64, used: i64, offered: i64| {
        if fits(wanted, offered - used) {
            return ControlFlow::Continue(());
        }
        visit(Shortage {
            resource: Some(name),
            is_unresolvable: !fits(wanted, offered),
        })
    };
    check("cpu", wanted.cpu_milli, used.cpu_milli, offered.cpu_milli)?;
    check("memory", wanted.memory, used.memory, offered.memory)?;
    check(
        "ephemeral-storage",
        wanted.storage,
        used.storage,
        offered.storage,
    )?;
    for (name, &amount) in &wanted.scalars {
        if !is_ignored(name) {
            check(name, amount, used.scalar(name), offered.scalar(name))?;
        }
    }
    ControlFlow::Continue(())
}

/// Whether the pod would fit if the node were empty; no resource is ignored here, as in the
/// original.
fn fits_empty(pod: &PodInfo, empty: &NodeInfo) -> bool {
    each_shortage(pod, empty, |_| false, |_| ControlFlow::Break(())).is_continue()
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

fn least_allocated(counted: &ResourceCount) -> i64 {
    share_left(counted.requested(), counted.offered)
}

/// Free share of the allocatable amount, on the scale.
#[inline]
fn share_left(requested: i64, offered: i64) -> i64 {
    if requested > offered {
        return 0;
    }
    share(offered - requested, offered)
}

fn most_allocated(counted: &ResourceCount) -> i64 {
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
    counted: impl Iterator<Item = (ResourceCount, i64)>,
    points: impl Fn(&ResourceCount) -> i64,
) -> i64 {
    let (mut sum, mut weights) = (0, 0);
    for (counted, weight) in counted {
        sum += points(&counted) * weight;
        weights += weight;
    }
    if weights == 0 { 0 } else { sum / weights }
}

fn ratio(counted: impl Iterator<Item = (ResourceCount, i64)>, shape: &[(i64, i64)]) -> i64 {
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

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_ALLOCATABLE)
            .and(EventKinds::POD_DELETE)
            .and(EventKinds::POD_SCALE_DOWN)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        match (event.node(), event.pod()) {
            (Some((before, Some(after))), _) => {
                let is_more =
                    |before: &NodeInfo| !self.0.heeds_growth || offers_more(pod, before, after);
                fits_empty(pod, after) && before.is_none_or(is_more)
            }
            (_, Some((Some(before), None))) => {
                before.has_node() || (self.0.heeds_nominated && before.nominated_node().is_some())
            }
            (_, Some((Some(before), Some(after)))) => {
                after.is(pod) || (after.has_node() && frees(pod, before, after))
            }
            _ => false,
        }
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::Plain
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        self.0.check(pod, node)
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        self.0.points(pod, node)
    }
}

impl FastPlugin for NodeResourcesFit {
    fn admits(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        self.0.has_room(pod, node)
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Node
    }

    fn kept_filter(&self, _: AttemptContext<'_>) -> CacheableFilter {
        CacheableFilter::Node(AnswerScope::OnNode)
    }

    fn kept_score(&self, _: AttemptContext<'_>) -> CacheableScore {
        CacheableScore::Node(AnswerScope::OnNode, self.normalize_score())
    }

    fn row_test(&self, pod: &Arc<PodInfo>) -> Option<RowTest> {
        let wanted = &pod.class.requests;
        let (cpu, memory, storage) = (wanted.cpu_milli, wanted.memory, wanted.storage);
        let fits_row = |wanted: i64, own: &RowAmount| fits(wanted, own.offered - own.used);
        wanted.scalars.is_empty().then(|| {
            Box::new(move |row: &NodeRow| {
                fits(1, row.pods_left)
                    && fits_row(cpu, &row.cpu)
                    && fits_row(memory, &row.memory)
                    && fits_row(storage, &row.storage)
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
                    let sum = share_left(cpu.requested, cpu.offered) * weights[0]
                        + share_left(memory.requested, memory.offered) * weights[1];
                    // Small numbers are divided faster.
                    i64::from(sum as u32 / whole as u32)
                }));
            }
        }
        Some(Box::new(general))
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
                let counted = ResourceCount {
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
