//! Which nodes could be given back, in which order, and how many at a time (spec: kubernetes.md 3.4).

use super::consolidate::Leaver;
use super::replace::Replaced;
use super::{DisruptionBudget, Provisioner, pool_nodes};
use crate::cluster::Store;
use crate::control::autoscale::cluster::{Budgets, Waived, drain_without};
use crate::control::autoscale::nodes::seen::{budgets, is_daemon, pods_on};
use crate::control::provider::{CAPACITY_LABEL, INSTANCE_TYPE_LABEL, ORDERED_LABEL, SPOT};
use crate::model::PodRef;
use crate::model::node::ZONE_LABEL;
use crate::model::workload::CronSchedule;
use crate::units::{Duration, Instant, NodeId};

/// Rules of the cluster autoscaler that a provisioner does not have.
const WAIVED: Waived = Waived {
    local_storage: true,
    system_pods: true,
};

/// Why a node is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is empty.
    Empty,
    /// It is not what a new one would be.
    Drifted,
    /// Its pods fit elsewhere, or on something cheaper.
    Underutilized,
}

/// A budget that holds at times.
#[derive(Clone, Debug)]
pub struct BudgetWindow {
    /// How many nodes.
    pub limit: DisruptionBudget,
    /// When it begins to hold, and for how long; `None` is always.
    pub times: Option<(CronSchedule, Duration)>,
    /// What it limits; empty is everything.
    pub reasons: Vec<Reason>,
}

impl BudgetWindow {
    /// Whether it limits something at a time, in seconds since 1970.
    pub fn holds(&self, reason: Reason, unix_secs: i64) -> bool {
        let is_meant = self.reasons.is_empty() || self.reasons.contains(&reason);
        let is_time = self.times.as_ref().is_none_or(|(schedule, lasts)| {
            let length = lasts.as_nanos() / 1_000_000_000;
            let begun = schedule.next(unix_secs - length);
            begun.is_some_and(|begun| begun <= unix_secs)
        });
        is_meant && is_time
    }
}

impl DisruptionBudget {
    /// How many of so many nodes.
    pub const fn of(self, nodes: usize) -> usize {
        match self {
            Self::Nodes(most) => most,
            Self::Percent(percent) => (nodes * percent).div_ceil(100),
        }
    }
}

/// A node that could go.
#[expect(clippy::struct_excessive_bools, reason = "each holds by itself")]
pub(super) struct Candidate {
    pub(super) node: NodeId,
    pub(super) leaver: Leaver,
    pub(super) is_empty: bool,
    /// Whether no pod came to or left it for long enough.
    pub(super) is_rested: bool,
    /// Whether it is not what a new one would be.
    pub(super) is_drifted: bool,
    /// Price over what its evictions cost, to compare by.
    savings: f64,
}

impl Provisioner {
    /// How many more nodes may be on their way out.
    pub(super) fn room(&self, now: Instant, store: &Store, reason: Reason) -> usize {
        let nodes = pool_nodes(store, &self.options.pool).len();
        let unix_secs = self.unix_secs(now);
        let windows = self.options.budgets.iter();
        let windows = windows.filter(|own| own.holds(reason, unix_secs));
        let limits = windows.map(|own| own.limit.of(nodes));
        let most = limits.fold(self.options.budget.of(nodes), usize::min);
        most.saturating_sub(self.leaving.count().0)
    }

    fn unix_secs(&self, now: Instant) -> i64 {
        self.options.zero_unix_secs + now.since(Instant::ZERO).as_nanos() / 1_000_000_000
    }

    /// How often what new nodes are made of had changed by a time.
    pub(super) fn version(&self, at: Instant) -> usize {
        let drifts = self.options.drifts.iter();
        drifts.filter(|drift| **drift <= at).count()
    }

    /// When a node was ordered.
    fn ordered_at(store: &Store, node: NodeId) -> Option<Instant> {
        let label = store.nodes().object(node)?.labels.get(ORDERED_LABEL)?;
        label.parse().ok().map(Instant::from_nanos)
    }

    /// Nodes that are older than they may become and not on their way out yet.
    pub(super) fn expired(&self, now: Instant, store: &Store) -> Vec<NodeId> {
        let Some(age) = self.options.expire_after else {
            return Vec::new();
        };
        let nodes = pool_nodes(store, &self.options.pool).into_iter();
        let is_old = |&node: &NodeId| {
            let ordered = Self::ordered_at(store, node);
            !self.leaving.has(node)
                && ordered.is_some_and(|ordered| ordered.saturating_add(age) <= now)
        };
        nodes.filter(is_old).collect()
    }

    /// Nodes that could go, the highest savings first; whether others' time is still to come.
    pub(super) fn candidates(&mut self, now: Instant, store: &Store) -> (Vec<Candidate>, bool) {
        let budgets = budgets(store);
        self.seen.heed_budgets(&budgets);
        let allowed = Budgets {
            allowed: budgets.iter().map(|(_, left)| *left).collect(),
        };
        let version = self.version(now);
        let mut candidates = Vec::new();
        let mut is_waiting = false;
        for node in pool_nodes(store, &self.options.pool) {
            if self.leaving.has(node) {
                continue;
            }
            let touched = self.seen.touched(node);
            let rested = touched.saturating_add(self.options.consolidate_after);
            let is_rested = rested <= now;
            let ordered = Self::ordered_at(store, node);
            let is_drifted =
                version > 0 && ordered.is_some_and(|ordered| self.version(ordered) < version);
            is_waiting |= !is_rested;
            if !is_rested && !is_drifted {
                continue;
            }
            let seen = self.seen.node_pods((now, store), node, &budgets);
            let Ok(drained) = drain_without(&seen, &allowed, WAIVED) else {
                continue;
            };
            if !allowed.check(&drained.moved).allows {
                continue;
            }
            let pods = pods_on(store, node);
            let costs = pods.iter().filter(|&&pod| !is_daemon(store, pod));
            let costs = costs.map(|&pod| eviction_cost(store, pod).max(0.0));
            let cost: f64 = 1.0 + costs.sum::<f64>();
            let replaced = self.replaced(store, node);
            let price = replaced.price;
            candidates.push(Candidate {
                node,
                leaver: Leaver {
                    node,
                    name: store.nodes().name(node).into(),
                    replaced,
                },
                is_empty: drained.moved.is_empty() && drained.awaited.is_empty(),
                is_rested,
                is_drifted,
                savings: price as f64 / cost,
            });
        }
        candidates.sort_by(|one, other| {
            other
                .savings
                .total_cmp(&one.savings)
                .then(one.node.cmp(&other.node))
        });
        (candidates, is_waiting)
    }

    /// What a node is, and what it costs.
    fn replaced(&self, store: &Store, node: NodeId) -> Replaced {
        let labels = store.nodes().object(node).map(|object| &object.labels);
        let label = |key: &str| labels.and_then(|labels| labels.get(key));
        let is_spot = label(CAPACITY_LABEL).is_some_and(|own| **own == *SPOT);
        let instance_type = label(INSTANCE_TYPE_LABEL).cloned().unwrap_or_default();
        let zone = label(ZONE_LABEL);
        let mut offerings = self.options.offerings.iter();
        let own = offerings.find(|own| {
            own.is_spot == is_spot
                && own.instance_type == instance_type
                && own.node.labels.get(ZONE_LABEL) == zone
        });
        Replaced {
            price: own.map_or(0, |own| own.price),
            instance_type,
            is_spot,
        }
    }
}

/// What evicting a pod costs: 1, and more with its deletion cost and priority.
fn eviction_cost(store: &Store, pod: PodRef) -> f64 {
    let Some(record) = store.pods().get(pod) else {
        return cost(0, 0);
    };
    let spec = &store.class(record.spec).object;
    let deletion = spec.behaviour.as_ref().map_or(0, |own| own.deletion_cost);
    cost(deletion, spec.priority)
}

/// The cost of an eviction by deletion cost and priority (spec: kubernetes.md 3.4).
pub(super) fn cost(deletion_cost: i32, priority: i32) -> f64 {
    let deletion = f64::from(deletion_cost) / f64::from(1_u32 << 27);
    let priority = f64::from(priority) / f64::from(1_u32 << 25);
    (1.0 + deletion + priority).clamp(-10.0, 10.0)
}
