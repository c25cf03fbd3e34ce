//! Candidates: the nodes that could be given back, their order, and the number of them at a time
//! (spec: kubernetes.md 3.4).

use std::cmp::Ordering;
use std::sync::Arc;

use super::consolidate::Leaver;
use super::movable::{CoveringBudgets, is_reschedulable, keeps};
use super::replace::ReplacedNode;
use super::{DisruptionBudget, Offering, Provisioner, ProvisionerOptions};
use crate::nodes::pods::{is_undisturbed, pods_on};
use cluster::Store;
use control::provider::{CAPACITY_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ORDERED_LABEL, SPOT};
use model::node::{ZONE_LABEL, label_of};
use model::node_pools::ClaimedAge;
use model::workload::CronSchedule;
use model::{Node, PodRef, Text};
use units::{Duration, Instant, NodeId, SortedMap};

/// Reason a node is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is empty.
    Empty,
    /// It is not what a new one would be.
    Drifted,
    /// The node's pods fit elsewhere, or on a cheaper node.
    Underutilized,
}

/// A budget that holds at times.
#[derive(Clone, Debug)]
pub struct BudgetWindow {
    /// Number of nodes allowed in the window.
    pub limit: DisruptionBudget,
    /// Times at which the window begins, and its length; `None` is always.
    pub times: Option<(CronSchedule, Duration)>,
    /// Reasons that the budget limits; empty means all.
    pub reasons: Vec<Reason>,
}

impl BudgetWindow {
    /// `true` if the window limits a reason at a time, in seconds since 1970.
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

/// A node that could go.
pub(super) struct Candidate {
    pub(super) node: NodeId,
    /// Place of its pool in the list.
    pub(super) pool: usize,
    pub(super) leaver: Leaver,
    pub(super) is_empty: bool,
    /// Whether no pod came to or left it for long enough.
    pub(super) is_rested: bool,
    /// Marks a node that differs from a new one.
    pub(super) is_drifted: bool,
    /// Price over what its evictions cost, to compare by.
    savings: f64,
}

impl Candidate {
    /// Order of candidates: the highest savings first, and of equal ones the node that is longer
    /// there.
    fn order(&self, other: &Self) -> Ordering {
        let savings = other.savings.total_cmp(&self.savings);
        savings.then(self.node.cmp(&other.node))
    }
}

impl Provisioner {
    /// The nodes of the pools, each with what it declares.
    pub(super) fn pool(&mut self, store: &Store) -> Vec<(NodeId, Arc<PoolNode>)> {
        let (options, declared, at) = (&self.options, &mut self.declared, self.pools_at);
        let nodes = store.nodes().present();
        let ours = nodes.filter_map(|node| {
            let object = store.nodes().object(node)?;
            let own = declared.of(node, object, |object| PoolNode::of(object, options, at))?;
            Some((node, own))
        });
        ours.collect()
    }

    /// Number of changes to the declarations of new nodes up to a time.
    pub(super) fn version(&self, at: Instant) -> usize {
        let drifts = self.options.drifts.iter();
        drifts.filter(|drift| **drift <= at).count()
    }

    /// Nodes that are older than they may become, or go for another reason, and are not on their way out yet.
    pub(super) fn expired(&mut self, now: Instant, store: &Store) -> Vec<NodeId> {
        let pool = self.pool(store).into_iter();
        let is_old = |(node, own): &(NodeId, Arc<PoolNode>)| {
            let of_pool = self.options.pools[own.pool].expire_after;
            let age = own.expire_after.map_or(of_pool, ClaimedAge::limit);
            let end = own.ordered.zip(age);
            let end = end.map(|(ordered, age)| ordered.saturating_add(age));
            let is_due =
                own.condition == ClaimCondition::Going || end.is_some_and(|end| end <= now);
            is_due && !self.leaving.has(*node)
        };
        pool.filter(is_old).map(|(node, _)| node).collect()
    }

    /// Nodes that could go, the highest savings first; whether others' time is still to come (spec:
    /// karpenter.md 3.2).
    pub(super) fn candidates(&mut self, now: Instant, store: &Store) -> (Vec<Candidate>, bool) {
        let mut budgets = CoveringBudgets::of(store);
        let version = self.version(now);
        self.nominated.retain(|_, until| *until > now);
        let mut candidates = Vec::new();
        let mut is_waiting = false;
        for (node, own) in self.pool(store) {
            if self.leaving.has(node) || own.is_kept {
                continue;
            }
            if self.seen.is_starting(node) || self.nominated.contains_key(&node) {
                is_waiting = true;
                continue;
            }
            let touched = self.seen.touched(node);
            let rested = self.options.pools[own.pool].consolidate_after;
            let is_never = rested.is_none();
            let rested = rested.map(|after| touched.saturating_add(after));
            let is_rested = rested.is_some_and(|rested| rested <= now);
            let is_older = || (own.ordered).is_some_and(|ordered| self.version(ordered) < version);
            let is_drifted = own.condition == ClaimCondition::Drifted || version > 0 && is_older();
            is_waiting |= !is_rested && !is_never;
            if !is_rested && !is_drifted {
                continue;
            }
            let pods = pods_on(store, node);
            let is_kept = pods.iter().any(|&pod| keeps(now, store, pod, &mut budgets));
            let is_forced = is_drifted && self.options.termination_grace.is_some();
            if is_kept && !is_forced {
                is_waiting |= pods.iter().any(|&pod| is_undisturbed(now, store, pod));
                continue;
            }
            let moving = pods.iter().filter(|&&pod| is_reschedulable(store, pod));
            let costs: Vec<f64> = moving.map(|&pod| eviction_cost(store, pod)).collect();
            let replaced = own.replaced(&self.prices);
            let price = replaced.price;
            candidates.push(Candidate {
                node,
                pool: own.pool,
                leaver: Leaver {
                    node,
                    name: own.name.clone(),
                    replaced,
                },
                // Pods that cost nothing to evict are as none.
                is_empty: costs.iter().all(|cost| *cost <= 0.0),
                // What keeps it gives way to drift alone.
                is_rested: is_rested && !is_kept,
                is_drifted,
                savings: savings(price, costs.into_iter()),
            });
        }
        candidates.sort_by(Candidate::order);
        (candidates, is_waiting)
    }
}

/// Declaration of a node of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PoolNode {
    name: Text,
    /// Place of its pool in the list.
    pub(super) pool: usize,
    /// Instant of the order.
    ordered: Option<Instant>,
    /// Greatest age, where its claim states one.
    expire_after: Option<ClaimedAge>,
    /// Key of the price that it has; prices change.
    priced_as: Option<Text>,
    instance_type: Text,
    is_spot: bool,
    /// Whether an annotation keeps it.
    is_kept: bool,
    condition: ClaimCondition,
}

/// Condition of a node's claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClaimCondition {
    /// It is what a new one would be.
    Current,
    /// Its claim said otherwise, or its pool makes other nodes now.
    Drifted,
    /// It was to go before the run, or went with its pool.
    Going,
}

impl ClaimCondition {
    const fn of(is_drifted: bool) -> Self {
        if is_drifted {
            Self::Drifted
        } else {
            Self::Current
        }
    }
}

impl PoolNode {
    /// Instance type of the node and its present price.
    fn replaced(&self, prices: &SortedMap<Text, i64>) -> ReplacedNode {
        let price = self
            .priced_as
            .as_ref()
            .and_then(|priced_as| prices.get(priced_as));
        ReplacedNode {
            instance_type: self.instance_type.clone(),
            price: price.copied().unwrap_or(0),
            is_spot: self.is_spot,
        }
    }

    /// A node as its pool is at an instant; `None` of a node that is of no pool there is.
    fn of(object: &Node, options: &ProvisionerOptions, at: Instant) -> Option<Arc<Self>> {
        let label = |key: &str| label_of(&object.labels, key);
        let is_spot = label(CAPACITY_LABEL).is_some_and(|own| **own == *SPOT);
        let instance_type = label(INSTANCE_TYPE_LABEL).cloned().unwrap_or_default();
        let own = Self {
            name: object.name.clone(),
            pool: 0,
            ordered: None,
            expire_after: None,
            priced_as: None,
            instance_type,
            is_spot,
            is_kept: object.guard.do_not_disrupt,
            condition: ClaimCondition::Current,
        };
        let state = |name: &Text, at: Instant| {
            let mut pools = options.pools.iter();
            pools.position(|pool| pool.name == *name && pool.is_there(at))
        };
        if let Some(found) = options.found.get(&object.name) {
            let before = &options.pools[found.pool];
            let pool = state(&before.name, at)?;
            let is_drifted = found.is_drifted
                || found.unmet.contains(&pool)
                || options.pools[pool].make != before.make;
            return Some(Arc::new(Self {
                pool,
                ordered: found.created,
                expire_after: found.expire_after,
                priced_as: Some(found.price.0.clone()),
                condition: if found.is_going || options.pools[pool].is_deleted {
                    ClaimCondition::Going
                } else {
                    ClaimCondition::of(is_drifted)
                },
                ..own
            }));
        }
        let group = label(GROUP_LABEL)?;
        let pool = state(group, at)?;
        let zone = label(ZONE_LABEL);
        let is_sold = |offering: &&Offering| {
            offering.is_spot == is_spot
                && offering.instance_type == own.instance_type
                && label_of(&offering.node.labels, ZONE_LABEL) == zone
        };
        let mut offerings = options.offerings.iter();
        let offering = offerings.find(is_sold);
        let ordered = label(ORDERED_LABEL).and_then(|own| own.parse().ok());
        let ordered = ordered.map(Instant::from_nanos);
        let before = ordered.and_then(|ordered| state(group, ordered));
        let before = before.filter(|before| *before != pool);
        let is_drifted = before.is_some_and(|before| {
            let mut now = options
                .offerings
                .iter()
                .filter(|offering| offering.pool == pool);
            options.pools[before].make != options.pools[pool].make || !now.any(|own| is_sold(&own))
        });
        Some(Arc::new(Self {
            pool,
            ordered,
            priced_as: offering.map(|offering| offering.priced_as.clone()),
            condition: if options.pools[pool].is_deleted {
                ClaimCondition::Going
            } else {
                ClaimCondition::of(is_drifted)
            },
            ..own
        }))
    }
}

/// Cost of evicting a pod: 1, and more with its deletion cost and priority.
fn eviction_cost(store: &Store, pod: PodRef) -> f64 {
    let Some(record) = store.pods().get(pod) else {
        return cost(0, 0);
    };
    let spec = &store.class(record.class).spec;
    let deletion = spec
        .behaviour
        .as_ref()
        .map_or(0, |behaviour| behaviour.deletion_cost);
    cost(deletion, spec.priority)
}

/// Savings of giving a node back for what it costs: its price over 1 and the positive costs of its
/// evictions (spec: kubernetes.md 3.4).
pub(super) fn savings(price: i64, costs: impl Iterator<Item = f64>) -> f64 {
    price as f64 / (1.0 + costs.map(|own| own.max(0.0)).sum::<f64>())
}

/// The cost of an eviction by deletion cost and priority (spec: kubernetes.md 3.4).
pub(super) fn cost(deletion_cost: i32, priority: i32) -> f64 {
    let deletion = f64::from(deletion_cost) / f64::from(1_u32 << 27);
    let priority = f64::from(priority) / f64::from(1_u32 << 25);
    (1.0 + deletion + priority).clamp(-10.0, 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_savings_the_node_that_is_longer_there_goes_first() {
        let candidate = |node: u32, savings: f64| Candidate {
            node: NodeId(node),
            pool: 0,
            leaver: Leaver {
                node: NodeId(node),
                name: format!("n{node}").into(),
                replaced: ReplacedNode {
                    instance_type: "t".into(),
                    price: 1,
                    is_spot: false,
                },
            },
            is_empty: false,
            is_rested: true,
            is_drifted: false,
            savings,
        };
        let mut all = [(7, 1.0), (3, 1.0), (5, 2.0), (4, 1.0)].map(|own| candidate(own.0, own.1));
        all.sort_by(Candidate::order);
        assert_eq!(all.map(|own| own.node.0), [5, 3, 4, 7]);
    }
}
