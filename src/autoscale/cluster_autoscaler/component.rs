//! The cluster autoscaler at work: a loop every so often that orders nodes for pods that wait, and
//! empties and gives back nodes that are not needed (spec: kubernetes.md 3.3).

use std::sync::Arc;

use super::LEAVING_TAINT;
use super::{
    GroupSize, GrowSettings, GrowView, Grower, Growth, Health, NodeGroup, PendingPod, ShrinkNode,
    ShrinkPlan, ShrinkSettings, ShrinkView, Shrinker, Template,
};
use crate::nodes::drain::{Budgets, IgnoredPods, NodeAmounts};
use crate::nodes::pods::{BudgetList, budgets, gpus_of, priority_of};
use crate::nodes::{
    ClusterView, DeclarationCache, Departures, DrainRules, OrderRefusals, Patience, has_started,
    started,
};
use crate::snapshot::KubeSnapshot;
use cluster::{Conflict, Store};
use control::provider::{GROUP_LABEL, MachineOrder, OrderFailure};
use control::{Component, DurableState, Outbox, Program, Progress, Write};
use model::{ClusterObjects, EvictionCause, Node, PodRef, Text};
use rng::Stream;
use scheduler::kube::{CacheError, KubeProfile, PodInfo};
use units::{Duration, Instant, NodeId, Revision, SortedMap};

/// Time that a drain may take.
const PATIENCE: Patience = Patience {
    retries: Duration::from_secs(120),
    grace: Duration::from_secs(600),
    headroom: Duration::from_secs(30),
};

/// Time after its joining within which a node that is not ready is expected to become so
/// (`MaxNodeStartupTime`).
const START_UP: Duration = Duration::from_secs(15 * 60);

/// A group of equal nodes.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The group's name; nodes bear it as a label.
    pub name: Text,
    /// The fewest nodes.
    pub min: usize,
    /// The most nodes.
    pub max: usize,
    /// Template of a new node; its name and host name are set when it is ordered.
    pub node: Arc<Node>,
    /// The group's instance type.
    pub instance_type: Text,
    /// Marks a group whose nodes the provider may take back.
    pub is_spot: bool,
}

/// Options of a cluster autoscaler.
#[derive(Clone)]
pub struct ClusterAutoscalerOptions {
    /// The cluster autoscaler's groups, in order.
    pub groups: Vec<GroupOptions>,
    /// Scale-up.
    pub grow: GrowSettings,
    /// Scale-down.
    pub shrink: ShrinkSettings,
    /// The filters of the scheduler.
    pub profile: Arc<KubeProfile>,
    /// Objects around nodes and pods.
    pub objects: Arc<ClusterObjects>,
    /// Seed of what is drawn by lot.
    pub seed: u64,
}

/// The component.
#[derive(Clone)]
pub struct ClusterAutoscaler {
    pub(super) options: ClusterAutoscalerOptions,
    pub(super) seen: ClusterView,
    pub(super) grower: Grower,
    pub(super) shrinker: Shrinker,
    pub(super) leaving: Departures,
    /// The group of each node, and whether an annotation keeps it.
    declared: DeclarationCache<Option<(usize, bool)>>,
    rng: Stream,
    /// Instant of the next look.
    due: Instant,
    /// Instant at which something is due though nothing changes.
    pub(super) patience: Instant,
    /// Orders under way: the node's name, the group, and the instant.
    pub(super) ordered: SortedMap<Text, (usize, Instant)>,
    /// Pods of daemons on the last node of each group that was fit to be an example.
    daemons: Vec<Option<Vec<Arc<PodInfo>>>>,
    /// Number of nodes ever ordered, by group.
    pub(super) serials: Vec<u64>,
    /// Whether nodes may still be closed that an earlier one was emptying when it was lost.
    has_remains: bool,
    refusals: OrderRefusals,
}

impl ClusterAutoscaler {
    /// A cluster autoscaler that has seen nothing yet.
    pub fn new(options: ClusterAutoscalerOptions) -> Self {
        Self {
            seen: ClusterView::new(options.profile.changes)
                .starting_for(START_UP)
                .without_below(options.grow.expendable),
            grower: Grower::new(options.grow.clone()),
            shrinker: Shrinker::new(options.shrink.clone()),
            leaving: Departures::new(
                LEAVING_TAINT,
                Some(Patience {
                    grace: options.shrink.grace,
                    ..PATIENCE
                }),
                DrainRules::ClusterAutoscaler {
                    expendable: options.grow.expendable,
                },
            ),
            declared: DeclarationCache::default(),
            rng: Stream::new(options.seed, "cluster-autoscaler", 0),
            due: Instant::ZERO,
            patience: Instant::ZERO,
            ordered: SortedMap::new(),
            daemons: vec![None; options.groups.len()],
            serials: vec![0; options.groups.len()],
            has_remains: false,
            refusals: OrderRefusals::default(),
            options,
        }
    }

    /// Reads the pods and nodes that came and went since the last loop.
    fn catch_up(&mut self, now: Instant) {
        for (_, name) in self.seen.take_joined() {
            if let Some((group, _)) = self.ordered.remove(&name) {
                self.grower.registered(&self.options.groups[group].name);
            }
        }
        for new in self.seen.take_priced() {
            self.grower.reprice(&new);
        }
        for node in self.seen.take_left() {
            self.declared.forget(node);
            if self.leaving.forget(node) {
                self.shrinker.deleted(now);
            }
        }
    }

    /// The group of a node, and whether an annotation keeps it; `None` of one that is in none.
    pub(super) fn group_of(&mut self, store: &Store, node: NodeId) -> Option<(usize, bool)> {
        let object = store.nodes().object(node)?;
        let groups = &self.options.groups;
        self.declared.of(node, object, |object| {
            let label = object.labels.get(GROUP_LABEL)?;
            let group = groups.iter().position(|group| group.name == *label)?;
            Some((group, object.guard.scale_down_disabled))
        })
    }

    /// Opens the nodes again that an earlier one was emptying when it was lost
    /// (`core/static_autoscaler.go`, `cleanUpIfRequired`).
    fn clean_up(&mut self, store: &Store, out: &mut Outbox) {
        for node in store.nodes().present() {
            if self.group_of(store, node).is_some() {
                self.leaving.reopen(store, node, out);
            }
        }
    }

    /// One loop.
    fn run(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> Result<(), CacheError> {
        self.seen.give_up_starting(now);
        self.give_up_late(now, store, out);
        let changed = self.seen.take_changed();
        let is_idle = !changed && !self.seen.is_awaited() && self.leaving.is_empty();
        if is_idle && now < self.patience {
            return Ok(());
        }
        let own = &self.options;
        let mut cluster = self.seen.cluster(store, &own.profile, &own.objects)?;
        let planned = self.plan(now, store, &mut cluster, out);
        self.seen.keep(cluster);
        planned
    }

    /// Plans which groups grow and which nodes go.
    fn plan(
        &mut self,
        now: Instant,
        store: &Store,
        cluster: &mut KubeSnapshot,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        let present: Vec<NodeId> = store.nodes().present().collect();
        let unready = present
            .iter()
            .filter(|&&node| !store.nodes().is_ready(node) && !self.seen.is_starting(node));
        let health = Health {
            nodes: present.len(),
            unready: unready.count(),
        };
        let (groups, sizes) = self.groups(now, store, &present);
        let waiting = self.seen.waiting(now, store);
        let (pods, pending): (Vec<PodRef>, Vec<PendingPod>) = waiting
            .into_iter()
            .map(|(pod, info, age)| (pod, PendingPod { info, age }))
            .unzip();
        let view = GrowView {
            groups: &groups,
            health,
            pending: &pending,
        };
        let growth = self.grower.plan(now, cluster, &view, &mut self.rng)?;
        let refusals = pods
            .into_iter()
            .zip(&pending)
            .filter_map(|(pod, own)| Some((pod, self.grower.refusal(&own.info)?)));
        self.refusals.tell(refusals.collect(), out);
        if let Growth::Grow {
            group,
            nodes,
            others,
            ..
        } = &growth
        {
            self.shrinker.grew(now);
            self.order(now, group, *nodes, store, out);
            for (group, nodes) in others {
                self.order(now, group, *nodes, store, out);
            }
        }
        if matches!(growth, Growth::Unhealthy | Growth::TooYoung) {
            self.patience = now;
            return Ok(());
        }
        let plan = self.plan_shrinking(now, store, cluster, &present, &sizes);
        if matches!(growth, Growth::Grow { .. }) {
            return Ok(());
        }
        if plan.removals.is_empty() {
            self.soften(now, store, &present, &plan.unneeded, out);
        }
        for removal in plan.removals {
            if let Some(node) = store.nodes().by_name(&removal.node) {
                let cause = EvictionCause::Consolidation;
                self.leaving.start(now, store, node, cause, out);
                self.patience = now;
            }
        }
        Ok(())
    }

    /// Plans which nodes could go, whether or not anything grows; keeps when to look again.
    fn plan_shrinking(
        &mut self,
        now: Instant,
        store: &Store,
        cluster: &mut KubeSnapshot,
        present: &[NodeId],
        sizes: &SortedMap<Text, GroupSize>,
    ) -> ShrinkPlan {
        let budgets = budgets(store);
        self.seen.heed_budgets(&budgets);
        let mut nodes = Vec::new();
        for &node in present {
            if !self.leaving.has(node) && self.may_shrink(store, node) {
                nodes.extend(self.shrink_node(now, store, node, &budgets));
            }
        }
        let allowed = budgets.iter().map(|(_, left)| *left).collect();
        let view = ShrinkView {
            nodes: &nodes,
            groups: sizes,
            budgets: &Budgets { allowed },
            going: self.leaving.count(),
        };
        let plan = self.shrinker.plan(now, cluster, &view);
        let own = &self.options.shrink;
        let ready = plan
            .unneeded
            .values()
            .map(|since| since.saturating_add(own.unneeded));
        let next = ready.filter(|&at| at >= now).min();
        let recheck = (self.shrinker.next_recheck()).unwrap_or(now.saturating_add(own.recheck));
        self.patience = next.map_or(recheck, |next| next.min(recheck));
        if !plan.unneeded.is_empty() && self.shrinker.is_cooling_down(now) {
            self.patience = now;
        }
        plan
    }

    /// Groups as they are, and how many nodes each has and keeps.
    fn groups(
        &mut self,
        now: Instant,
        store: &Store,
        present: &[NodeId],
    ) -> (Vec<NodeGroup>, SortedMap<Text, GroupSize>) {
        let mut counts = vec![0; self.options.groups.len()];
        let mut unready = counts.clone();
        let mut examples = vec![None; counts.len()];
        for &node in present {
            let Some((group, _)) = self.group_of(store, node) else {
                continue;
            };
            if examples[group].is_none() && self.seen.is_stable(now, store, node) {
                examples[group] = Some(node);
            }
            if !self.leaving.has(node) {
                counts[group] += 1;
                unready[group] += usize::from(!has_started(store, node));
            }
        }
        let all = self.seen.daemons(store);
        let mut sizes = SortedMap::new();
        let mut groups = Vec::new();
        for (place, own) in self.options.groups.iter().enumerate() {
            let nodes = counts[place];
            let coming = self
                .ordered
                .values()
                .filter(|(group, _)| *group == place)
                .count();
            sizes.insert(
                own.name.clone(),
                GroupSize {
                    nodes,
                    min: own.min,
                },
            );
            let node = started(&own.node);
            if let Some(example) = examples[place] {
                let mut own = all.like(store, example, &node);
                own.extend(self.seen.mirrors(store, example));
                self.daemons[place] = Some(own);
            }
            let daemons = self.daemons[place].clone();
            groups.push(NodeGroup {
                id: own.name.clone(),
                min: own.min,
                max: own.max,
                target: nodes + coming,
                unready: unready[place],
                template: Some(Template {
                    daemons: daemons.unwrap_or_else(|| all.on(&node)),
                    node,
                }),
                instance_type: Some(own.instance_type.clone()),
                quota: None,
            });
        }
        (groups, sizes)
    }

    /// Whether a node could go at all: it is in a group, and not used too much for that.
    fn may_shrink(&mut self, store: &Store, node: NodeId) -> bool {
        if self.group_of(store, node).is_none() {
            return false;
        }
        let own = &self.options.shrink;
        let row = store.nodes().allocatable().row(node);
        if own.ignored != IgnoredPods::default() || gpus_of(store, &row) > 0 {
            return true;
        }
        let (mut cpu, mut memory) = (0_i64, 0_i64);
        for &slot in store.nodes().pods(node) {
            let Some(pod) = store.pods().at(slot) else {
                continue;
            };
            let counts = priority_of(store, pod.pod) >= self.options.grow.expendable;
            if counts && !store.pod_states().is_terminating(pod.pod) {
                let requests = &store.class(pod.class).requests;
                cpu = cpu.saturating_add(requests.cpu_milli);
                memory = memory.saturating_add(requests.memory_bytes);
            }
        }
        let is_over = |used: i64, of: i64| of > 0 && used as f64 / of as f64 > own.threshold;
        !is_over(cpu, row.cpu_milli) && !is_over(memory, row.memory_bytes)
    }

    fn shrink_node(
        &mut self,
        now: Instant,
        store: &Store,
        node: NodeId,
        budgets: &BudgetList,
    ) -> Option<ShrinkNode> {
        let object = store.nodes().object(node)?;
        let row = store.nodes().allocatable().row(node);
        let group = self.group_of(store, node);
        Some(ShrinkNode {
            name: object.name.clone(),
            group: group.map(|(group, _)| self.options.groups[group].name.clone()),
            amounts: NodeAmounts {
                cpu_milli: row.cpu_milli,
                memory_bytes: row.memory_bytes,
                gpus: gpus_of(store, &row),
            },
            is_ready: has_started(store, node),
            is_kept: group.is_some_and(|(_, is_kept)| is_kept),
            pods: self.seen.node_pods(now, store, node, budgets),
        })
    }
}

impl Component for ClusterAutoscaler {
    fn name(&self) -> &'static str {
        "cluster-autoscaler"
    }

    fn program(&self) -> Program {
        Program::ClusterAutoscaler
    }

    fn cursor(&self) -> Revision {
        self.seen.cursor()
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.seen.read(view);
        self.catch_up(now);
        if std::mem::take(&mut self.has_remains) {
            self.clean_up(view, out);
        }
        if self.leaving.next_look().is_some_and(|look| look <= now) {
            let left = self.leaving.proceed(now, view, out);
            if !left.failed.is_empty() {
                self.shrinker.failed(now);
            }
        }
        if now >= self.due {
            self.due = now.saturating_add(self.options.shrink.interval);
            let ran = self.run(now, view, out);
            debug_assert!(
                ran.is_ok(),
                "invariant: names are unique and amounts fit: {ran:?}"
            );
        }
        let look = self.leaving.next_look();
        out.wake_at(look.map_or(self.due, |look| look.min(self.due)));
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn awaits(&mut self, now: Instant, order: &MachineOrder) {
        let mut groups = self.options.groups.iter();
        let place = groups.position(|group| group.name == order.group);
        if let Some(place) = place {
            self.ordered.insert(order.node.name.clone(), (place, now));
            self.grower.awaits(&order.group, now);
        }
    }

    /// The machine provider numbers the nodes.
    fn kept(&self) -> Option<DurableState> {
        let what = Box::new(self.serials.clone());
        Some(DurableState { by: None, what })
    }

    fn reads_back(&mut self, _now: Instant, kept: DurableState) {
        if let Ok(serials) = kept.what.downcast() {
            self.serials = *serials;
        }
    }

    fn restarted(&mut self, now: Instant) {
        // The first loop begins a while after the start, as every loop after the one before.
        self.due = now.saturating_add(self.options.shrink.interval);
        self.has_remains = true;
    }

    fn order_failed(&mut self, now: Instant, failed: &OrderFailure) {
        if let Some((group, _)) = self.ordered.remove(&failed.node) {
            let group = self.options.groups[group].name.clone();
            self.grower.failed(&group, now);
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
