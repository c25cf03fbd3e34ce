//! Growth: more pods of each workload, month by month, until one finds no node.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{Demand, GoalPod};
use super::goal::Goal;
use super::loss::Unplaced;
use super::picture::{ZoneRoom, zone_rooms};
use super::today::without_node;
use super::{Ahead, Plan, Questions};
use crate::snapshot::{NamespaceBounds, SnapshotError};
use model::{DEFAULT_SCHEDULER, Text};
use scheduler::kube::PodInfo;
use units::nearest::all_near;
use units::{QuantityError, SortedSet};
use world::catalogue::matches;

/// Number of names that a message gives.
const NAMED: usize = 3;

/// Growth in each month.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// A share, in parts per million; each month grows on the one before.
    Share(i64),
    /// A number of pods each month.
    Pods(i64),
}

/// Growth of the workloads whose names match.
#[derive(Clone, Debug, PartialEq)]
pub struct Grow {
    /// Pattern of `NAMESPACE/WORKLOAD` with `*`; empty is all that no other pattern names.
    pub pattern: String,
    /// Growth in each month.
    pub rate: Rate,
}

impl Grow {
    /// Checks that a pattern names a workload.
    ///
    /// # Errors
    /// If it names none, with the nearest names.
    pub fn check(&self, demand: &Demand) -> Result<(), String> {
        let known: SortedSet<&str> = demand.pods.iter().map(|pod| &*pod.workload).collect();
        if self.pattern.is_empty() || known.iter().any(|name| matches(&self.pattern, name)) {
            return Ok(());
        }
        let mut near = all_near(&self.pattern, known.iter().copied());
        if near.is_empty() {
            near = known.into_iter().collect();
        }
        near.truncate(NAMED);
        let there_is = match near.as_slice() {
            [] => "no pod has to run".to_owned(),
            near => format!("there is `{}`", near.join("`, `")),
        };
        let pattern = &self.pattern;
        Err(format!(
            "--grow: no workload whose pods have to run is called `{pattern}`, so nothing would grow; {there_is}"
        ))
    }
}

/// A month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Number of the month, from 1.
    pub month: u32,
    /// Number of pods in the goal.
    pub pods: u64,
    /// Number of pods that find no node.
    pub waiting: u64,
    /// The first of these.
    pub first: Option<Unplaced>,
    /// First pod that a goal leaves without a place, where all pods of the month find one.
    pub missed: Option<Unplaced>,
    /// Room in each zone.
    pub zones: Vec<ZoneRoom>,
}

impl Month {
    /// Whether the cluster is too small for the month.
    pub fn is_full(&self) -> bool {
        self.waiting > 0 || self.missed.is_some()
    }
}

/// A workload with its pods.
struct Workload {
    /// Place of the rule that it grows by.
    rule: Option<usize>,
    /// Places of its pods in the demand, in order of their making.
    places: Vec<usize>,
    /// Number of pods before the first month.
    start: u64,
    /// A further pod of it.
    more: PodInfo,
    /// Whether another scheduler puts each of its pods on a node of its own that is no machine.
    brings_nodes: bool,
    /// Number of pods that growth added on such nodes.
    beside: u64,
}

impl Workload {
    fn count(&self) -> u64 {
        self.places.len() as u64 + self.beside
    }
}

/// Demand that grows.
struct GrownDemand<'g> {
    /// The pods of today and all that were added.
    demand: Demand,
    grows: &'g [Grow],
    workloads: IndexMap<Text, Workload, FxBuildHasher>,
    bounds: NamespaceBounds,
}

/// Pods that a month brings and ends.
#[derive(Default)]
struct Change {
    added: Vec<usize>,
    ended: Vec<usize>,
    refused: Vec<Unplaced>,
}

/// Number of pods of a rule after a number of months, to the nearest whole.
fn grown(pods: u64, rate: &Rate, month: u32) -> u64 {
    match rate {
        Rate::Pods(more) => pods.saturating_add_signed(more.saturating_mul(i64::from(month))),
        Rate::Share(ppm) => {
            let mut factor = 1.0_f64;
            for _ in 0..month {
                factor *= 1.0 + *ppm as f64 / 1e6;
            }
            (pods as f64 * factor + 0.5) as u64
        }
    }
}

/// Numbers of pods of workloads that have a number of pods together and are as near as whole numbers
/// can be to their shares at the start, one pod after the other: no workload loses a pod while the sum
/// grows. Of equal remainders the first counts.
fn apportioned(start: &[u64], now: &[u64], target: u64) -> Vec<u64> {
    let of = |counts: &[u64]| counts.iter().map(|&own| i128::from(own)).sum::<i128>();
    let (whole, mut sum) = (of(start), of(now));
    let (target, mut counts) = (i128::from(target), now.to_vec());
    if whole == 0 {
        return counts;
    }
    let sign = if sum < target { 1 } else { -1 };
    let short = start.iter().zip(now).enumerate();
    let mut heap: BinaryHeap<(i128, Reverse<usize>)> = short
        .filter(|(_, (_, now))| sign > 0 || **now > 0)
        .map(|(place, (&start, &now))| {
            let short = i128::from(start) * target - i128::from(now) * whole;
            (sign * short, Reverse(place))
        })
        .collect();
    while sum != target {
        let Some((short, Reverse(place))) = heap.pop() else {
            break;
        };
        counts[place] = counts[place].saturating_add_signed(sign as i64);
        sum += sign;
        if counts[place] > 0 {
            heap.push((short - whole, Reverse(place)));
        }
    }
    counts
}

impl<'g> GrownDemand<'g> {
    /// The demand before the first month.
    fn new(
        demand: &Demand,
        bounds: NamespaceBounds,
        grows: &'g [Grow],
        bench: &Bench<'_>,
    ) -> Result<Self, QuantityError> {
        let mut workloads: IndexMap<Text, Workload, FxBuildHasher> = IndexMap::default();
        for (place, pod) in demand.pods.iter().enumerate() {
            if let Some(known) = workloads.get_mut(&pod.workload) {
                known.places.push(place);
                known.start += 1;
                continue;
            }
            let workload = Workload {
                rule: rule_of(grows, &pod.workload),
                places: vec![place],
                start: 1,
                more: pod.replica(&bounds, bench.cache())?,
                brings_nodes: brings_node(bench, pod),
                beside: 0,
            };
            workloads.insert(pod.workload.clone(), workload);
        }
        Ok(Self {
            demand: demand.clone(),
            grows,
            workloads,
            bounds,
        })
    }

    /// Number of pods now.
    fn pods(&self) -> u64 {
        let workloads = self.workloads.values();
        workloads.map(Workload::count).sum()
    }

    /// Grows to a month, with the pods that the API server refuses in it; months only go ahead.
    fn grow_to(&mut self, month: u32) -> Vec<Unplaced> {
        self.change(month).refused
    }

    fn change(&mut self, month: u32) -> Change {
        let mut wanted: Vec<u64> = { self.workloads.values() }.map(Workload::count).collect();
        for (rule, grow) in self.grows.iter().enumerate() {
            let own = self.workloads.values().enumerate();
            let own: Vec<(usize, u64)> = own
                .filter(|(_, own)| own.rule == Some(rule))
                .map(|(place, own)| (place, own.start))
                .collect();
            let start: Vec<u64> = own.iter().map(|(_, start)| *start).collect();
            let now: Vec<u64> = own.iter().map(|(place, _)| wanted[*place]).collect();
            let target = grown(start.iter().sum(), &grow.rate, month);
            for ((place, _), count) in own.iter().zip(apportioned(&start, &now, target)) {
                wanted[*place] = count;
            }
        }
        let mut change = Change::default();
        for (own, wanted) in self.workloads.values_mut().zip(wanted) {
            if own.brings_nodes {
                let wanted = wanted.saturating_sub(own.places.len() as u64);
                for number in own.beside..wanted {
                    let pod = format!("{}-{}", own.more.full_name(), number + 1);
                    let outcome = self.bounds.admit(own.more.spec());
                    let refused = outcome.err().map(|message| Unplaced { pod, message });
                    change.refused.extend(refused);
                }
                own.beside = wanted;
            }
            let wanted = wanted.saturating_sub(own.beside) as usize;
            change
                .ended
                .extend(own.places.drain(wanted.min(own.places.len())..));
            while own.places.len() < wanted {
                let place = self.demand.pods.len();
                let number = own.places.len() as u64 + 1 - own.start;
                let info = PodInfo {
                    name: format!("{}-{number}", own.more.name).into(),
                    uid: place as u64 + 1,
                    ..own.more.clone()
                };
                let name = info.full_name();
                let outcome = self.bounds.admit(info.spec());
                let first = &self.demand.pods[own.places[0]];
                let pod = GoalPod {
                    info: Arc::new(info),
                    name,
                    node: None,
                    held: None,
                    kept_by: None,
                    shun: None,
                    is_free: true,
                    ..first.clone()
                };
                match outcome {
                    Ok(()) => change.added.push(place),
                    Err(message) => {
                        let pod = pod.name.clone();
                        change.refused.push(Unplaced { pod, message });
                    }
                }
                self.demand.pods.push(pod);
                own.places.push(place);
            }
        }
        change
    }
}

/// Whether another scheduler has put a pod on a node that is no machine, as that of Fargate does.
fn brings_node(bench: &Bench<'_>, pod: &GoalPod) -> bool {
    let name = pod.info.spec().scheduler();
    let is_known = name == DEFAULT_SCHEDULER || { bench.profiles().iter() }
        .any(|own| own.scheduler_name == name);
    let node = pod.node.as_ref().and_then(|node| bench.cache().node(node));
    !is_known && node.is_some_and(|node| node.object.is_virtual())
}

/// Place of the rule that a workload grows by: the first that names it, else the one for all others.
fn rule_of(grows: &[Grow], name: &str) -> Option<usize> {
    let named = |own: &Grow| !own.pattern.is_empty() && matches(&own.pattern, name);
    let other = |own: &Grow| own.pattern.is_empty();
    let mut rules = grows.iter();
    (rules.position(named)).or_else(|| grows.iter().position(other))
}

/// The months up to the horizon, or up to the first in which a pod waits or a goal is missed.
fn months(
    bench: &mut Bench<'_>,
    grown: &mut GrownDemand<'_>,
    goal: &Goal,
    horizon: u32,
) -> Vec<Month> {
    let mark = bench.mark();
    let mut months = Vec::new();
    let mut unplaced = bench.place_all(without_node(&grown.demand));
    for month in 1..=horizon {
        let change = grown.change(month);
        let demand = &grown.demand;
        for pod in change.ended.iter().map(|&place| &demand.pods[place]) {
            if let Some(node) = &pod.node {
                bench.displace(&pod.info, node);
            }
        }
        let added = change.added.iter().map(|&place| &demand.pods[place].info);
        unplaced.extend(bench.place_all(added));
        let waiting = unplaced.iter().map(|(pod, message)| Unplaced {
            pod: pod.full_name(),
            message: message.to_string(),
        });
        let waiting: Vec<Unplaced> = change.refused.into_iter().chain(waiting).collect();
        let missed = if waiting.is_empty() {
            goal.missed(bench, demand)
        } else {
            None
        };
        let outcome = Month {
            month,
            pods: grown.pods(),
            waiting: waiting.len() as u64,
            first: waiting.into_iter().next(),
            missed,
            zones: zone_rooms(bench),
        };
        let is_full = outcome.is_full();
        months.push(outcome);
        if is_full {
            break;
        }
    }
    bench.roll_back(mark);
    months
}

/// The pods that the nodes of a plan have to hold: those of the last month where workloads grow.
pub(super) struct GrownPods {
    /// The pods, those of today first.
    pub(super) demand: Demand,
    /// The first pod that the API server refuses.
    pub(super) refused: Option<Unplaced>,
}

/// Looks ahead: the months until the cluster of today is full, and the pods of the last month.
pub(super) fn grow(
    bench: &Bench<'_>,
    demand: &Demand,
    goal: &Goal,
    bounds: &NamespaceBounds,
    questions: &Questions,
    plan: &mut Plan,
) -> Result<GrownPods, SnapshotError> {
    let mut grown = GrownPods {
        demand: demand.clone(),
        refused: None,
    };
    if questions.grow.is_empty() {
        return Ok(grown);
    }
    let new = || GrownDemand::new(demand, bounds.clone(), &questions.grow, bench);
    plan.months = months(&mut bench.clone(), &mut new()?, goal, questions.horizon);
    if questions.minimize.is_some() || !questions.offers.is_empty() {
        let mut ahead = new()?;
        for month in 1..=questions.horizon {
            let refused = ahead.grow_to(month).into_iter().next();
            grown.refused = grown.refused.or(refused);
        }
        let beside: u64 = ahead.workloads.values().map(|own| own.beside).sum();
        grown.demand = ahead.demand;
        plan.ahead = Some(Ahead {
            month: questions.horizon,
            pods: grown.demand.pods.len() as u64 + beside,
        });
    }
    Ok(grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_grow_by_months_to_the_nearest_whole() {
        for (rate, month, expected) in [
            (Rate::Share(50_000), 3, 116),
            (Rate::Share(50_000), 4, 122),
            (Rate::Share(100_000), 2, 121),
            (Rate::Share(-500_000), 1, 50),
            (Rate::Pods(5), 5, 125),
            (Rate::Share(0), 12, 100),
        ] {
            assert_eq!(grown(100, &rate, month), expected, "{rate:?} {month}");
        }
        assert!(matches("shop/*", "shop/web") && !matches("shop/*", "mail/web"));
    }

    #[test]
    fn workloads_grow_together_by_what_is_missing_most() {
        // A hundred workloads of two pods each: 202 pods, and none of them loses one on the way.
        let start = [2; 100];
        let mut now = start.to_vec();
        for target in [202, 204, 206, 300] {
            let next = apportioned(&start, &now, target);
            assert_eq!(next.iter().sum::<u64>(), target);
            assert!(next.iter().zip(&now).all(|(next, now)| next >= now));
            now = next;
        }
        assert!(now.iter().all(|own| *own == 3));
        assert_eq!(apportioned(&[9, 1], &[9, 1], 20), [18, 2]);
        assert_eq!(apportioned(&[3, 1, 1], &[3, 1, 1], 2), [1, 0, 1]);
        assert!(apportioned(&[], &[], 5).is_empty());
    }
}
