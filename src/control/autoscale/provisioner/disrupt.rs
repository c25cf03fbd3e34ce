//! Giving nodes back: empty ones, several whose pods fit elsewhere or on one cheaper node, single
//! ones; one command at a time, looked at again before it is carried out (spec: kubernetes.md 3.4).

use std::sync::Arc;

use super::pack::cheapest;
use super::{Consolidation, DisruptionBudget, Provisioner, pool_nodes};
use crate::cluster::Store;
use crate::control::Outbox;
use crate::control::autoscale::cluster::{Budgets, Cluster, drain};
use crate::control::autoscale::nodes::seen::{budgets, is_daemon, node_pod, pods_on};
use crate::control::provider::{CAPACITY_LABEL, INSTANCE_TYPE_LABEL, SPOT};
use crate::control::scheduler::kube::{CacheError, PodInfo};
use crate::model::{PodRef, Text};
use crate::units::{Duration, Instant, NodeId};

/// From a decision to the second look at it.
const VALIDATION: Duration = Duration::from_secs(15);
/// The most nodes that are merged at once.
const MERGED: usize = 100;
/// The fewest cheaper types for which a single spot node is replaced by a spot node.
const SPOT_CHOICE: usize = 15;

/// What is to be done about nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    nodes: Vec<NodeId>,
    /// The offering that replaces them.
    replacement: Option<usize>,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It is looked at again at this time.
    Decided(Instant),
    /// The replacement, by its name, has to join first.
    Replacing(Text),
}

impl Command {
    /// Whether it waits for a node of this name.
    pub(super) fn awaits(&self, node: &Text) -> bool {
        matches!(&self.stage, Stage::Replacing(name) if name == node)
    }
}

/// A node that could go.
struct Candidate {
    node: NodeId,
    price: i64,
    is_spot: bool,
    is_empty: bool,
    /// Price over what its evictions cost, to compare by.
    savings: f64,
}

impl Provisioner {
    /// One look at the nodes of the pool.
    pub(super) fn disrupt(
        &mut self,
        now: Instant,
        store: &Store,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        if let Some(command) = self.command.take() {
            return self.carry_on(now, store, command, out);
        }
        if self.is_settled || !self.ordered.is_empty() {
            return Ok(());
        }
        let (candidates, is_waiting) = self.candidates(now, store);
        let room = self.room(store);
        let found = self.method(now, store, &candidates, room)?;
        match found {
            Some((nodes, replacement)) => {
                let stage = Stage::Decided(now.saturating_add(VALIDATION));
                self.command = Some(Command {
                    nodes,
                    replacement,
                    stage,
                });
            }
            // Nothing comes of another look until something changes or a node's time has come.
            None => self.is_settled = !is_waiting && self.leaving.is_empty(),
        }
        Ok(())
    }

    /// How many more nodes may be on their way out.
    fn room(&self, store: &Store) -> usize {
        let nodes = pool_nodes(store, &self.options.pool).len();
        let most = match self.options.budget {
            DisruptionBudget::Nodes(most) => most,
            DisruptionBudget::Percent(percent) => (nodes * percent).div_ceil(100),
        };
        most.saturating_sub(self.leaving.count().0)
    }

    /// The first method that finds something.
    #[expect(clippy::type_complexity, reason = "nodes, and what replaces them")]
    fn method(
        &mut self,
        now: Instant,
        store: &Store,
        candidates: &[Candidate],
        room: usize,
    ) -> Result<Option<(Vec<NodeId>, Option<usize>)>, CacheError> {
        let empty = candidates.iter().filter(|own| own.is_empty);
        let empty: Vec<NodeId> = empty.map(|own| own.node).take(room).collect();
        if !empty.is_empty() {
            return Ok(Some((empty, None)));
        }
        if self.options.consolidation == Consolidation::WhenEmpty || room == 0 {
            return Ok(None);
        }
        let many = candidates.len().min(room).min(MERGED);
        let (mut low, mut high) = (2, many);
        let mut best = None;
        while low <= high && many >= 2 {
            let middle = usize::midpoint(low, high);
            match self.simulate(now, store, &candidates[..middle])? {
                Some(replacement) => {
                    let nodes = candidates[..middle].iter().map(|own| own.node).collect();
                    best = Some((nodes, replacement));
                    low = middle + 1;
                }
                None => high = middle - 1,
            }
        }
        if best.is_some() {
            return Ok(best);
        }
        for own in candidates {
            if let Some(replacement) = self.simulate(now, store, std::slice::from_ref(own))? {
                return Ok(Some((vec![own.node], replacement)));
            }
        }
        Ok(None)
    }

    /// Nodes that could go, the highest savings first; whether others' time is still to come.
    fn candidates(&self, now: Instant, store: &Store) -> (Vec<Candidate>, bool) {
        let budgets = budgets(store);
        let allowed = Budgets {
            allowed: budgets.iter().map(|(_, left)| *left).collect(),
        };
        let mut candidates = Vec::new();
        let mut is_waiting = false;
        for node in pool_nodes(store, &self.options.pool) {
            if self.leaving.has(node) {
                continue;
            }
            let rested = self
                .seen
                .touched(node)
                .saturating_add(self.options.consolidate_after);
            if rested > now {
                is_waiting = true;
                continue;
            }
            let pods = pods_on(store, node);
            let seen = pods
                .iter()
                .filter_map(|&pod| node_pod(now, store, pod, &budgets));
            let seen: Vec<_> = seen.collect();
            let Ok(drained) = drain(&seen, &allowed) else {
                continue;
            };
            if !allowed.check(&drained.moved).allows {
                continue;
            }
            let costs = pods.iter().filter(|&&pod| !is_daemon(store, pod));
            let costs = costs.map(|&pod| eviction_cost(store, pod).max(0.0));
            let cost: f64 = 1.0 + costs.sum::<f64>();
            let (price, is_spot) = self.price(store, node);
            candidates.push(Candidate {
                node,
                price,
                is_spot,
                is_empty: drained.moved.is_empty(),
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

    /// What a node costs, and whether it may be taken back.
    fn price(&self, store: &Store, node: NodeId) -> (i64, bool) {
        let labels = store.nodes().object(node).map(|object| &object.labels);
        let label = |key: &str| labels.and_then(|labels| labels.get(key));
        let is_spot = label(CAPACITY_LABEL).is_some_and(|own| **own == *SPOT);
        let instance_type = label(INSTANCE_TYPE_LABEL);
        let mut offerings = self.options.offerings.iter();
        let own = offerings
            .find(|own| own.is_spot == is_spot && Some(&own.instance_type) == instance_type);
        (own.map_or(0, |own| own.price), is_spot)
    }

    /// Whether nodes can go; the offering that takes their place, if one has to.
    #[expect(
        clippy::option_option,
        reason = "whether they can go, and what replaces them"
    )]
    fn simulate(
        &mut self,
        now: Instant,
        store: &Store,
        candidates: &[Candidate],
    ) -> Result<Option<Option<usize>>, CacheError> {
        let profile = self.options.profile.clone();
        let mut cluster = self.simulated(store, &profile)?;
        let mut pods: Vec<(PodRef, Arc<PodInfo>)> = Vec::new();
        for own in candidates {
            for pod in pods_on(store, own.node) {
                if !is_daemon(store, pod)
                    && let Some(info) = self.seen.info(store, pod)
                {
                    pods.push((pod, info));
                }
            }
            cluster.remove_node(store.nodes().name(own.node));
        }
        let price: i64 = candidates.iter().map(|own| own.price).sum();
        let is_spot = candidates.iter().all(|own| own.is_spot);
        let open = self.open(now).into_iter();
        let open: Vec<usize> = open
            .filter(|&place| {
                let own = &self.options.offerings[place];
                own.price < price && (self.options.spot_to_spot || !(is_spot && own.is_spot))
            })
            .collect();
        let packed = self.pack(store, cluster, &pods, &open)?;
        if !packed.left.is_empty() {
            return Ok(None);
        }
        Ok(match packed.new.as_slice() {
            [] => Some(None),
            [one] => {
                let offerings = &self.options.offerings;
                let own = cheapest(offerings, &one.offerings);
                let replaces_spot = is_spot && own.is_some_and(|own| offerings[own].is_spot);
                let is_choice = candidates.len() > 1 || one.offerings.len() >= SPOT_CHOICE;
                own.filter(|_| !replaces_spot || is_choice).map(Some)
            }
            _ => None,
        })
    }

    /// Carries on with what was decided.
    fn carry_on(
        &mut self,
        now: Instant,
        store: &Store,
        command: Command,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        match &command.stage {
            Stage::Decided(at) if *at > now => {
                self.command = Some(command);
                Ok(())
            }
            Stage::Decided(_) => {
                let (candidates, _) = self.candidates(now, store);
                let own = candidates.into_iter();
                let own: Vec<Candidate> = own
                    .filter(|own| command.nodes.contains(&own.node))
                    .collect();
                if own.len() != command.nodes.len() {
                    return Ok(());
                }
                let is_empty = own.iter().all(|own| own.is_empty);
                let replacement = if is_empty {
                    None
                } else {
                    match self.simulate(now, store, &own)? {
                        Some(replacement) => replacement,
                        None => return Ok(()),
                    }
                };
                match replacement {
                    None => self.empty(now, store, &command.nodes, out),
                    Some(offering) => {
                        let name = self.order(offering, Vec::new(), store, out);
                        self.command = Some(Command {
                            stage: Stage::Replacing(name),
                            replacement: Some(offering),
                            ..command
                        });
                    }
                }
                Ok(())
            }
            Stage::Replacing(name) => {
                if store.nodes().by_name(name).is_some() {
                    self.empty(now, store, &command.nodes, out);
                } else if self.ordered.contains_key(name) {
                    self.command = Some(command);
                }
                Ok(())
            }
        }
    }

    fn empty(&mut self, now: Instant, store: &Store, nodes: &[NodeId], out: &mut Outbox) {
        for &node in nodes {
            if store.nodes().object(node).is_some() {
                self.leaving.start(now, store, node, out);
            }
        }
    }
}

/// What evicting a pod costs: 1, and more with its priority.
pub(super) fn eviction_cost(store: &Store, pod: PodRef) -> f64 {
    let record = store.pods().get(pod);
    let priority = record.map_or(0, |record| store.class(record.spec).object.priority);
    cost(0, priority)
}

/// The cost of an eviction by deletion cost and priority (spec: kubernetes.md 3.4).
pub(super) fn cost(deletion_cost: i32, priority: i32) -> f64 {
    let deletion = f64::from(deletion_cost) / f64::from(1_u32 << 27);
    let priority = f64::from(priority) / f64::from(1_u32 << 25);
    (1.0 + deletion + priority).clamp(-10.0, 10.0)
}
