//! Scale-down: which nodes are not needed, since when, and which of them go now (spec:
//! kubernetes.md 3.3).

use std::sync::Arc;

use super::LEAVING_TAINT;
use crate::nodes::drain::{
    BlockingReason, Budgets, DrainExemptions, IgnoredPods, NodeAmounts, NodePod,
    UtilizationResource, drain_without, utilization,
};
use crate::snapshot::{ClusterSnapshot, Fit};
use model::{Taint, TaintEffect, Text};
use scheduler::kube::PodInfo;
use units::{Duration, Instant, SortedMap};

/// Number of further candidates to look for in a loop.
const FURTHER_CANDIDATES: usize = 20;

/// Flags of scale-down.
#[derive(Clone, Debug, PartialEq)]
pub struct ShrinkSettings {
    /// Nodes used more than this are needed.
    pub threshold: f64,
    /// Nodes with GPUs that are used more than this are needed.
    pub gpu_threshold: f64,
    /// Time for which a node must have been unneeded.
    pub unneeded: Duration,
    /// Time that an unready node must have been unneeded.
    pub unready: Duration,
    /// Cool-down after a scale-up.
    pub after_growth: Duration,
    /// Cool-down after a deletion.
    pub after_deletion: Duration,
    /// Cool-down after a deletion that failed.
    pub after_failure: Duration,
    /// Time until a node that could not be removed is looked at again.
    pub recheck: Duration,
    /// Number of nodes that go at once.
    pub parallel: usize,
    /// Number of nodes with pods that go at once.
    pub parallel_drains: usize,
    /// The shortest time between loops.
    pub interval: Duration,
    /// Longest time that pods of a node that goes have to end.
    pub grace: Duration,
    /// Pods that don't count as use.
    pub ignored: IgnoredPods,
    /// Rules about pods that keep their node that are left out.
    pub waived: DrainExemptions,
}

impl Default for ShrinkSettings {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            gpu_threshold: 0.5,
            unneeded: Duration::from_secs(600),
            unready: Duration::from_secs(1200),
            after_growth: Duration::from_secs(600),
            after_deletion: Duration::ZERO,
            after_failure: Duration::from_secs(180),
            recheck: Duration::from_secs(300),
            parallel: 10,
            parallel_drains: 1,
            interval: Duration::from_secs(10),
            grace: Duration::from_secs(600),
            ignored: IgnoredPods::default(),
            waived: DrainExemptions::default(),
        }
    }
}

/// A node that might go.
#[derive(Clone, Debug)]
pub struct ShrinkNode {
    /// The node's name.
    pub name: Text,
    /// The node's node group; a node without one is never removed.
    pub group: Option<Text>,
    /// Allocatable amounts of the node.
    pub amounts: NodeAmounts,
    /// `true` if the node is ready.
    pub is_ready: bool,
    /// Whether an annotation forbids its removal.
    pub is_kept: bool,
    /// The node's pods.
    pub pods: Arc<Vec<NodePod>>,
}

/// Size of a group: the nodes that it has, and those that it keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupSize {
    /// Nodes that there are and are not going.
    pub nodes: usize,
    /// The fewest.
    pub min: usize,
}

/// Input of a scale-down loop.
#[derive(Clone, Copy, Debug)]
pub struct ShrinkView<'a> {
    /// All nodes.
    pub nodes: &'a [ShrinkNode],
    /// Their groups.
    pub groups: &'a SortedMap<Text, GroupSize>,
    /// Disruptions that are left.
    pub budgets: &'a Budgets,
    /// Number of nodes that are being deleted, and number of these that were drained.
    pub going: (usize, usize),
}

/// Reason a node stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnremovableReason {
    /// An annotation says so.
    Annotated,
    /// It is in no group.
    NoGroup,
    /// The node's group is at its minimum.
    GroupAtMinimum,
    /// It is used.
    Used,
    /// A pod of it can't be moved.
    Blocked(BlockingReason),
    /// A pod of it fits nowhere else.
    NoPlace,
    /// It could not be removed a short while ago.
    RecentlyUnremovable,
}

/// A node that is removed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The node.
    pub node: Text,
    /// The node's pods to evict, by namespace and name; none if it is empty.
    pub evicted: Vec<(Text, Text)>,
}

/// Result of a scale-down loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShrinkPlan {
    /// Nodes that are not needed, with since when.
    pub unneeded: SortedMap<Text, Instant>,
    /// Reasons for which other nodes stay.
    pub kept: Vec<(Text, UnremovableReason)>,
    /// Nodes that go now, in order.
    pub removals: Vec<Removal>,
}

/// State of scale-down between loops.
#[derive(Clone, Debug)]
pub struct Shrinker {
    settings: ShrinkSettings,
    unneeded: SortedMap<Text, Instant>,
    unremovable: SortedMap<Text, Instant>,
    /// Nodes on which pods were placed in the last simulation, by namespace and name.
    hints: SortedMap<(Text, Text), Text>,
    cursor: usize,
    growth: Option<Instant>,
    deletion: Option<Instant>,
    failure: Option<Instant>,
}

/// A node whose pods all fit elsewhere.
struct RemovalCandidate {
    node: usize,
    evicted: Vec<(Text, Text)>,
    /// Marks a node whose removal would use up a budget.
    is_risky: bool,
}

impl Shrinker {
    /// Nothing is known to be unneeded.
    pub fn new(settings: ShrinkSettings) -> Self {
        Self {
            settings,
            unneeded: SortedMap::new(),
            unremovable: SortedMap::new(),
            hints: SortedMap::new(),
            cursor: 0,
            growth: None,
            deletion: None,
            failure: None,
        }
    }

    /// Nodes were ordered.
    pub fn grew(&mut self, now: Instant) {
        self.growth = Some(now);
    }

    /// A node was deleted.
    pub fn deleted(&mut self, now: Instant) {
        self.deletion = Some(now);
    }

    /// A node could not be deleted.
    pub fn failed(&mut self, now: Instant) {
        self.failure = Some(now);
    }

    /// Instant at which the first node that could not be removed is looked at again.
    pub fn next_recheck(&self) -> Option<Instant> {
        self.unremovable.values().copied().min()
    }

    /// Whether deletions have to wait.
    pub fn is_cooling_down(&self, now: Instant) -> bool {
        let own = &self.settings;
        [
            (self.growth, own.after_growth),
            (self.deletion, own.after_deletion),
            (self.failure, own.after_failure),
        ]
        .into_iter()
        .any(|(last, delay)| last.is_some_and(|last| last.saturating_add(delay) > now))
    }

    /// One loop.
    pub fn plan<C: ClusterSnapshot>(
        &mut self,
        now: Instant,
        cluster: &mut C,
        seen: &ShrinkView<'_>,
    ) -> ShrinkPlan {
        let (nodes, budgets) = (seen.nodes, seen.budgets);
        let mut plan = ShrinkPlan::default();
        self.unremovable.retain(|_, until| *until > now);
        let mut candidates = self.candidates(nodes, seen.groups, &mut plan);
        candidates.sort_by_cached_key(|&place| {
            let is_empty = !has_movable(&nodes[place], budgets, self.settings.waived);
            let was_unneeded = self.unneeded.contains_key(&nodes[place].name);
            (!is_empty, !was_unneeded)
        });
        cluster.mark();
        let mut simulation = Simulation {
            cluster: &mut *cluster,
            budgets: budgets.clone(),
            moved: SortedMap::new(),
            most: self.most_candidates(),
        };
        let mut removable = Vec::new();
        for place in candidates {
            if removable.len() >= simulation.most {
                break;
            }
            match self.try_remove(&mut simulation, place, &nodes[place]) {
                Ok(own) => removable.push(own),
                Err(why) => {
                    let name = nodes[place].name.clone();
                    let until = now.saturating_add(self.settings.recheck);
                    self.unremovable.insert(name.clone(), until);
                    plan.kept.push((name, why));
                }
            }
        }
        cluster.undo();
        self.note(now, nodes, &removable);
        plan.unneeded = self.unneeded.clone();
        if !self.is_cooling_down(now) {
            plan.removals = self.choose(now, seen, removable);
        }
        plan
    }

    fn most_candidates(&self) -> usize {
        let own = &self.settings;
        let loops = own.unneeded.as_nanos() / own.interval.as_nanos().max(1);
        let most = own.parallel * usize::try_from(loops).unwrap_or(0) + own.parallel;
        most.min(self.unneeded.len() + FURTHER_CANDIDATES)
    }

    /// Nodes that may be looked at.
    fn candidates(
        &self,
        nodes: &[ShrinkNode],
        groups: &SortedMap<Text, GroupSize>,
        plan: &mut ShrinkPlan,
    ) -> Vec<usize> {
        let mut candidates = Vec::new();
        for (place, node) in nodes.iter().enumerate() {
            let size = node.group.as_ref().and_then(|group| groups.get(group));
            let why = match size {
                None => Some(UnremovableReason::NoGroup),
                Some(_) if node.is_kept => Some(UnremovableReason::Annotated),
                Some(size) if size.nodes <= size.min => Some(UnremovableReason::GroupAtMinimum),
                Some(_) if self.unremovable.contains_key(&node.name) => {
                    Some(UnremovableReason::RecentlyUnremovable)
                }
                Some(_) => {
                    let used = utilization(node.amounts, &node.pods, self.settings.ignored);
                    let threshold = match used.of {
                        UtilizationResource::Gpu => self.settings.gpu_threshold,
                        UtilizationResource::Cpu | UtilizationResource::Memory => {
                            self.settings.threshold
                        }
                    };
                    (used.most() > threshold).then_some(UnremovableReason::Used)
                }
            };
            match why {
                None => candidates.push(place),
                Some(why) => plan.kept.push((node.name.clone(), why)),
            }
        }
        candidates
    }

    /// Moves the pods of a node elsewhere in the simulation, or says why not.
    fn try_remove<C: ClusterSnapshot>(
        &mut self,
        simulation: &mut Simulation<'_, C>,
        place: usize,
        node: &ShrinkNode,
    ) -> Result<RemovalCandidate, UnremovableReason> {
        // Pods that were moved here in this loop have to go on, too.
        let pods = match simulation.moved.get(&node.name) {
            None => Arc::clone(&node.pods),
            Some(more) => Arc::new([node.pods.as_slice(), more].concat()),
        };
        let drain = drain_without(&pods, &simulation.budgets, self.settings.waived);
        let drain = drain.map_err(|(_, why)| UnremovableReason::Blocked(why))?;
        let check = simulation.budgets.check(&drain.moved);
        if !check.allows {
            return Err(UnremovableReason::Blocked(BlockingReason::NotEnoughPdb));
        }
        let before = self.cursor;
        let mut evicted = Vec::new();
        let mut moved = Vec::new();
        let mut targets = Vec::new();
        simulation.cluster.mark();
        let are_all_own = Arc::ptr_eq(&pods, &node.pods);
        let own_place = simulation.cluster.place_of(&node.name);
        let there = own_place.map_or_else(Vec::new, |place| simulation.cluster.pods_at(place));
        for pod in &drain.moved {
            let key = (pod.namespace.clone(), pod.name.clone());
            let is_it =
                |info: &&Arc<PodInfo>| info.spec().namespace == key.0 && info.name.text() == key.1;
            if let (Some(info), Some(own_place)) = (there.iter().find(is_it), own_place) {
                simulation.cluster.displace(info, own_place);
                moved.push((key.clone(), info, *pod));
            }
            if are_all_own || node.pods.iter().any(|own| own == *pod) {
                evicted.push(key);
            }
        }
        if let Some(own_place) = own_place {
            simulation.cluster.hide(own_place);
        }
        // The node stays a domain of spread, but for those who count none whose taints they don't
        // tolerate (cluster-autoscaler `simulator/cluster.go`, replaceWithTaintedGhostNode).
        let is_tainted = moved.iter().any(|(_, info, _)| honors_taints(info));
        if is_tainted {
            simulation.taint(own_place);
        }
        for (key, info, pod) in moved {
            let Some(target) = self.place(simulation, &key, info) else {
                // All go back to where they were.
                simulation.cluster.undo();
                self.cursor = before;
                return Err(UnremovableReason::NoPlace);
            };
            self.hints.insert(key, target.clone());
            targets.push((target, pod.clone()));
        }
        // For later candidates; to taint each node that stays would cost for nothing.
        if !is_tainted {
            simulation.taint(own_place);
        }
        simulation.cluster.commit();
        for (target, pod) in targets {
            simulation.moved.entry(target).or_default().push(pod);
        }
        simulation.budgets.take(&drain.moved);
        Ok(RemovalCandidate {
            node: place,
            evicted,
            is_risky: !check.in_parallel,
        })
    }

    /// Places a pod where it was placed before, else on the next node that takes it.
    fn place<C: ClusterSnapshot>(
        &mut self,
        simulation: &mut Simulation<'_, C>,
        key: &(Text, Text),
        pod: &Arc<PodInfo>,
    ) -> Option<Text> {
        let cluster = &mut *simulation.cluster;
        let hint = self.hints.get(key).and_then(|hint| cluster.place_of(hint));
        let hinted = hint.filter(|&hint| cluster.fit(pod, hint) == Fit::Yes);
        let target = if let Some(target) = hinted {
            target
        } else {
            let found = cluster.first_round(pod, self.cursor)?;
            self.cursor = (found + 1) % cluster.nodes().len();
            found
        };
        cluster.place(pod, target);
        Some(cluster.nodes()[target].clone())
    }

    /// Keeps since when nodes are not needed; those that are needed again begin anew.
    fn note(&mut self, now: Instant, nodes: &[ShrinkNode], removable: &[RemovalCandidate]) {
        let names = removable.iter().map(|own| nodes[own.node].name.clone());
        let since = names.map(|name| {
            let since = self.unneeded.get(&name).copied().unwrap_or(now);
            (name, since)
        });
        self.unneeded = since.collect();
    }

    /// The nodes that go now.
    fn choose(
        &self,
        now: Instant,
        seen: &ShrinkView<'_>,
        mut removable: Vec<RemovalCandidate>,
    ) -> Vec<Removal> {
        let (nodes, (going, draining)) = (seen.nodes, seen.going);
        removable.retain(|own| {
            let node = &nodes[own.node];
            let delay = if node.is_ready {
                self.settings.unneeded
            } else {
                self.settings.unready
            };
            let since = self.unneeded.get(&node.name);
            since.is_some_and(|since| since.saturating_add(delay) < now)
        });
        removable.sort_by_key(|own| (!own.evicted.is_empty(), own.is_risky));
        let mut left: SortedMap<&Text, usize> = SortedMap::new();
        for (group, size) in seen.groups {
            left.insert(group, size.nodes.saturating_sub(size.min));
        }
        let mut total = self.settings.parallel.saturating_sub(going);
        let mut drains = self.settings.parallel_drains.saturating_sub(draining);
        let mut removals = Vec::new();
        for own in removable {
            let node = &nodes[own.node];
            let of_group = node.group.as_ref().and_then(|group| left.get_mut(group));
            let Some(of_group) = of_group.filter(|left| **left > 0) else {
                continue;
            };
            let is_drain = !own.evicted.is_empty();
            if total == 0 || (is_drain && drains == 0) {
                continue;
            }
            *of_group -= 1;
            total -= 1;
            drains -= usize::from(is_drain);
            removals.push(Removal {
                node: node.name.clone(),
                evicted: own.evicted,
            });
        }
        removals
    }
}

/// The cluster while nodes are taken out of it: they are hidden, so that nothing goes there.
struct Simulation<'c, C> {
    cluster: &'c mut C,
    budgets: Budgets,
    /// Pods that were moved to a node, by its name.
    moved: SortedMap<Text, Vec<NodePod>>,
    most: usize,
}

impl<C: ClusterSnapshot> Simulation<'_, C> {
    /// Marks a node as one on its way out.
    fn taint(&mut self, place: Option<usize>) {
        if let Some(place) = place {
            let taint = Taint {
                key: LEAVING_TAINT.into(),
                value: Text::default(),
                effect: TaintEffect::NoSchedule,
            };
            self.cluster.taint(place, taint);
        }
    }
}

/// Whether a pod is spread over nodes whose taints it tolerates alone.
fn honors_taints(pod: &PodInfo) -> bool {
    let mut rules = pod.spec().topology_spread.iter();
    rules.any(|rule| rule.honor_node_taints)
}

/// Whether anything would have to be evicted.
fn has_movable(node: &ShrinkNode, budgets: &Budgets, waived: DrainExemptions) -> bool {
    drain_without(&node.pods, budgets, waived).map_or(true, |drain| !drain.moved.is_empty())
}
