//! Scale-up: which node group grows by how much for pending pods (spec: kubernetes.md 3.3).

use std::sync::Arc;

use super::estimator::{PodGroup, estimate, fits_template};
use super::expander::{Choice, Expander, choose};
use super::group::NodeGroup;
use super::options::{GrowthOption, OpenGroup, group_pods};
use super::orders::Orders;
use super::similar::are_similar;
use crate::snapshot::{ClusterSnapshot, Fit};
use model::{NewPrice, Text};
use rng::Stream;
use scheduler::kube::{CacheError, PodClass, PodInfo};
use units::{Duration, Instant, SortedMap};

/// Flags of scale-up.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowSettings {
    /// Pods of lower priority don't count.
    pub expendable: i32,
    /// Pods that are younger don't count.
    pub new_pod_delay: Duration,
    /// While all pending pods are younger, the loop waits.
    pub youngest: Duration,
    /// Minimum age of pending pods that request GPUs.
    pub youngest_gpu: Duration,
    /// The most nodes of an estimate.
    pub max_new: usize,
    /// The most nodes of the cluster; `None` is no limit.
    pub max_total: Option<usize>,
    /// Time that an ordered node may take to register.
    pub provision: Duration,
    /// Time for which a group is left alone after a failure, at first.
    pub backoff: Duration,
    /// Maximum back-off; it doubles up to this value.
    pub max_backoff: Duration,
    /// Failures are forgotten after this time without one.
    pub forget: Duration,
    /// Number of unready nodes that are always tolerated.
    pub ok_unready: usize,
    /// Percent of nodes that may be unready beyond that.
    pub max_unready_percent: usize,
    /// Expanders that narrow down the choice of a group, in order.
    pub expanders: Vec<Expander>,
    /// Whether new nodes are spread over groups that are similar.
    pub balances: bool,
    /// Further labels in which similar groups may differ (`--balancing-ignore-label`).
    pub ignored_labels: Vec<Text>,
}

impl GrowSettings {
    /// Whether a cluster of `nodes` may grow while `unready` of them are not ready.
    fn tolerates(&self, unready: usize, nodes: usize) -> bool {
        unready <= self.ok_unready || unready * 100 <= self.max_unready_percent * nodes
    }

    /// Age from which a pod counts: its own (annotation `pod-scale-up-delay`) if that is longer than
    /// that of all pods.
    fn delay_of(&self, pod: &PendingPod) -> Duration {
        let behaviour = pod.info.spec().behaviour.as_ref();
        let own = behaviour.and_then(|behaviour| behaviour.scale_up_delay);
        own.map_or(self.new_pod_delay, |own| own.max(self.new_pod_delay))
    }
}

impl Default for GrowSettings {
    fn default() -> Self {
        Self {
            expendable: -10,
            new_pod_delay: Duration::ZERO,
            youngest: Duration::from_secs(2),
            youngest_gpu: Duration::from_secs(30),
            max_new: 1000,
            max_total: None,
            provision: Duration::from_secs(900),
            backoff: Duration::from_secs(300),
            max_backoff: Duration::from_secs(1800),
            forget: Duration::from_secs(3 * 3600),
            ok_unready: 3,
            max_unready_percent: 45,
            expanders: vec![Expander::LeastWaste],
            balances: false,
            ignored_labels: Vec::new(),
        }
    }
}

/// The cluster as a loop of scale-up finds it.
#[derive(Clone, Copy, Debug)]
pub struct GrowView<'a> {
    /// The groups that may grow.
    pub groups: &'a [NodeGroup],
    /// The number of nodes, and of those that are not ready.
    pub health: Health,
    /// The pods that wait for a node.
    pub pending: &'a [PendingPod],
}

/// A pod that waits for a place.
#[derive(Clone, Debug)]
pub struct PendingPod {
    /// The pod.
    pub info: Arc<PodInfo>,
    /// Time for which the pod has waited.
    pub age: Duration,
}

/// Result of a scale-up loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Too many nodes are unready for anything to be done.
    Unhealthy,
    /// All pending pods are too young; scale-down waits as well.
    TooYoung,
    /// No pod waits that existing or ordered nodes don't take.
    NotNeeded,
    /// No group would help.
    NoOption,
    /// A group grows.
    Grow {
        /// The group.
        group: Text,
        /// Number of nodes by which the group grows.
        nodes: usize,
        /// Number of pods for which the group grows.
        pods: usize,
        /// Groups that are similar to it and grow beside it, and by how many nodes.
        others: Vec<(Text, usize)>,
    },
}

/// State of scale-up between loops.
#[derive(Clone, Debug)]
pub struct Grower {
    pub(super) settings: GrowSettings,
    orders: Orders,
    /// Nodes on which pods fitted in the last loop.
    hints: SortedMap<(Text, Text), Text>,
    /// Reasons for which nothing is ordered for pods, by namespace and name.
    pub(super) refusals: SortedMap<(Text, Text), Text>,
}

/// Nodes by readiness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// All nodes.
    pub nodes: usize,
    /// Number of nodes that are not ready.
    pub unready: usize,
}

impl Grower {
    /// Nodes of a group cost something else from now on.
    pub fn reprice(&mut self, new: &NewPrice) {
        for expander in &mut self.settings.expanders {
            expander.reprice(new);
        }
    }

    /// Nothing was ordered.
    pub fn new(settings: GrowSettings) -> Self {
        Self {
            settings,
            orders: Orders::default(),
            hints: SortedMap::new(),
            refusals: SortedMap::new(),
        }
    }

    /// A node of a group was ordered before and has not come. It gets the whole time for that again.
    pub fn awaits(&mut self, group: &Text, now: Instant) {
        self.orders.add(group.clone(), 1, now);
    }

    /// A node of a group registered.
    pub fn registered(&mut self, group: &str) {
        self.orders.registered(group);
    }

    /// A node of a group could not be had.
    pub fn failed(&mut self, group: &Text, now: Instant) {
        self.orders.failed(&self.settings, group, now);
    }

    /// Groups whose nodes took too long to register or to get ready, each with the number of nodes that
    /// are not coming; `starting` counts the registered nodes of each group that are not ready yet.
    pub fn expire(
        &mut self,
        now: Instant,
        starting: &SortedMap<Text, usize>,
    ) -> Vec<(Text, usize)> {
        self.orders.expire(&self.settings, now, starting)
    }

    /// Whether a group has nodes enough that are ready (the original's `IsNodeGroupHealthy`).
    pub(super) fn is_healthy(&self, group: &NodeGroup) -> bool {
        let missing = self.orders.missing(&group.id, group.unready);
        let there = group.target - self.orders.coming(&group.id).min(group.target);
        self.settings.tolerates(missing, there)
    }

    /// Whether a group is left alone.
    pub fn is_backed_off(&self, group: &str, now: Instant) -> bool {
        self.orders.is_backed_off(group, now)
    }

    /// Number of nodes that are ordered and have not come.
    pub fn ordered(&self) -> usize {
        self.orders.ordered()
    }

    /// One loop. A decision to grow counts as ordered.
    ///
    /// # Errors
    /// If a template's node has the name of one that is there.
    pub fn plan<C: ClusterSnapshot>(
        &mut self,
        now: Instant,
        cluster: &mut C,
        view: &GrowView<'_>,
        rng: &mut Stream,
    ) -> Result<Growth, CacheError> {
        let (own, health) = (&self.settings, view.health);
        if !own.tolerates(health.unready, health.nodes) {
            self.refuse_all(view);
            return Ok(Growth::Unhealthy);
        }
        let mut waiting: Vec<&PendingPod> = view
            .pending
            .iter()
            .filter(|pod| pod.info.priority() >= own.expendable && pod.age >= own.delay_of(pod))
            .collect();
        if waiting.is_empty() {
            self.refusals.clear();
            return Ok(Growth::NotNeeded);
        }
        let asks_for_gpu = |pod: &&&PendingPod| pod.info.spec().gpu.devices > 0;
        let oldest_gpu = waiting.iter().filter(asks_for_gpu).map(|pod| pod.age).max();
        if waiting.iter().all(|pod| pod.age < own.youngest)
            || oldest_gpu.is_some_and(|age| age < own.youngest_gpu)
        {
            return Ok(Growth::TooYoung);
        }
        waiting.sort_by_key(|pod| std::cmp::Reverse(pod.info.priority()));
        cluster.mark();
        let best = self.simulate(now, cluster, view, &waiting, rng);
        cluster.undo();
        let best = best?;
        if let Growth::Grow {
            group,
            nodes,
            others,
            ..
        } = &best
        {
            for (group, nodes) in std::iter::once((group, *nodes))
                .chain(others.iter().map(|other| (&other.0, other.1)))
            {
                self.orders.add(group.clone(), nodes, now);
            }
        }
        Ok(best)
    }

    /// Simulates growth for pods that wait, the highest priority first.
    fn simulate<C: ClusterSnapshot>(
        &mut self,
        now: Instant,
        cluster: &mut C,
        view: &GrowView<'_>,
        waiting: &[&PendingPod],
        rng: &mut Stream,
    ) -> Result<Growth, CacheError> {
        self.add_ordered(cluster, view.groups)?;
        let left = self.leave_out_fitting(cluster, waiting);
        if left.is_empty() {
            self.refusals.clear();
            return Ok(Growth::NotNeeded);
        }
        let total = view.health.nodes + self.ordered();
        let max_total = self.settings.max_total;
        let room = max_total.map_or(usize::MAX, |max| max.saturating_sub(total));
        let alike = group_pods(&left);
        let ways = self.ways(now, cluster, view.groups, &alike, room)?;
        if let Some(best) = self.best(&ways, rng) {
            self.take_refusals_back(&ways, &left);
            return Ok(best);
        }
        self.refuse(now, cluster, view.groups, &alike, room)?;
        Ok(Growth::NoOption)
    }

    /// Adds nodes that are on their way.
    fn add_ordered<C: ClusterSnapshot>(
        &self,
        cluster: &mut C,
        groups: &[NodeGroup],
    ) -> Result<(), CacheError> {
        for order in self.orders.open() {
            let group = groups.iter().find(|group| group.id == order.group);
            let Some(template) = group.and_then(|group| group.template.as_ref()) else {
                continue;
            };
            for _ in 0..order.nodes {
                let number = cluster.nodes().len();
                let (node, daemons) = template.fresh_named("upcoming", number);
                cluster.add_node(node, &daemons)?;
            }
        }
        Ok(())
    }

    /// Places pods that existing or ordered nodes take; the others.
    fn leave_out_fitting<C: ClusterSnapshot>(
        &mut self,
        cluster: &mut C,
        waiting: &[&PendingPod],
    ) -> Vec<Arc<PodInfo>> {
        let mut left = Vec::new();
        let mut hints = SortedMap::new();
        // Pods of one class have one owner and one spec: what found no place is not tried again.
        let mut failed: Vec<&Arc<PodClass>> = Vec::new();
        for pod in waiting {
            let info = &pod.info;
            if failed.iter().any(|class| Arc::ptr_eq(class, &info.class)) {
                left.push(info.clone());
                continue;
            }
            let key = (info.spec().namespace.clone(), info.name.text());
            let hint = self.hints.get(&key).and_then(|hint| cluster.place_of(hint));
            let hinted = hint.filter(|&place| cluster.fit(info, place) == Fit::Yes);
            let count = cluster.nodes().len();
            match hinted.or_else(|| cluster.first(info, 0..count)) {
                None => {
                    if info.spec().owner.is_some() {
                        failed.push(&info.class);
                    }
                    left.push(info.clone());
                }
                Some(place) => {
                    cluster.place(info, place);
                    hints.insert(key, cluster.nodes()[place].clone());
                }
            }
        }
        self.hints = hints;
        left
    }

    /// The ways to grow: for each group that may, its new nodes and the pods they take.
    fn ways<'g, C: ClusterSnapshot>(
        &self,
        now: Instant,
        cluster: &mut C,
        groups: &'g [NodeGroup],
        alike: &[PodGroup],
        room: usize,
    ) -> Result<Vec<GrowthOption<'g>>, CacheError> {
        let mut open = Vec::new();
        for group in groups {
            let Some(template) = &group.template else {
                continue;
            };
            if room == 0 || self.skip_reason(group, now).is_some() {
                continue;
            }
            let mut fitting = Vec::new();
            for (number, own) in alike.iter().enumerate() {
                if fits_template(cluster, template, &own.pods[0])? {
                    fitting.push(number);
                }
            }
            open.push(OpenGroup {
                group,
                template,
                fitting,
            });
        }
        let mut ways = Vec::new();
        for own in &open {
            let similar = self.similar(own, &open);
            let of_group = similar.iter().map(|own| own.room()).sum::<usize>() + own.group.room();
            let most = of_group.min(room).min(self.settings.max_new);
            let fitting = own.fitting.iter().map(|&number| alike[number].clone());
            let fitting: Vec<PodGroup> = fitting.collect();
            let estimate = estimate(cluster, own.template, &fitting, most)?;
            let placed = fitting.iter().zip(&estimate.scheduled);
            let placed: Vec<(Arc<PodInfo>, usize)> = placed
                .map(|(own, &count)| (own.pods[0].clone(), count))
                .collect();
            if estimate.nodes > 0 {
                ways.push(GrowthOption {
                    group: own.group,
                    template: own.template,
                    similar,
                    nodes: estimate.nodes.min(most),
                    placed,
                });
            }
        }
        Ok(ways)
    }

    /// Chooses the groups that grow, by how many nodes and for how many pods.
    fn best(&self, ways: &[GrowthOption<'_>], rng: &mut Stream) -> Option<Growth> {
        let list: Vec<Choice<'_>> = ways
            .iter()
            .map(|way| Choice {
                group: way.group.id.clone(),
                node: &way.template.node,
                nodes: way.nodes,
                pods: way
                    .placed
                    .iter()
                    .map(|(pod, count)| (&**pod, *count))
                    .collect(),
            })
            .collect();
        let place = choose(&self.settings.expanders, &list, rng)?;
        Some(ways[place].spread())
    }

    /// Groups that are like one but for their zone, may grow and take all pods that it takes: new
    /// nodes are spread over them (the original's `ComputeSimilarNodeGroups`).
    fn similar<'g>(&self, own: &OpenGroup<'g>, open: &[OpenGroup<'g>]) -> Vec<&'g NodeGroup> {
        if !self.settings.balances || own.fitting.is_empty() {
            return Vec::new();
        }
        let ignored = &self.settings.ignored_labels;
        let others = open.iter().filter(|other| {
            other.group.id != own.group.id
                && own.fitting.iter().all(|pod| other.fitting.contains(pod))
                && are_similar(own.group, other.group, ignored)
        });
        others.map(|other| other.group).collect()
    }
}
