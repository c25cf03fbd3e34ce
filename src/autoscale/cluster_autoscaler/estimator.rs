//! Estimate of the nodes of a group that pending pods need: first fit, largest pods first (spec:
//! kubernetes.md 3.3; the original's `estimator`).
//!
//! Scores are two float divisions and a sum in written order, as the original's.

use std::sync::Arc;

use crate::snapshot::{ClusterSnapshot, Fit};
use model::node::HOSTNAME_LABEL;
use model::resource_list::{CPU, MEMORY};
use model::{Node, PodSpec, ResourceList};
use scheduler::kube::{CacheError, PodInfo};
use units::{Quantity, SortedSet};

/// Template of a group's new nodes.
#[derive(Clone, Debug)]
pub struct Template {
    /// The node.
    pub node: Arc<Node>,
    /// The pods that run on every one.
    pub daemons: Vec<Arc<PodInfo>>,
}

/// Pending pods that are alike.
#[derive(Clone, Debug)]
pub struct PodGroup {
    /// The pods; they differ in their names only.
    pub pods: Vec<Arc<PodInfo>>,
}

/// An estimate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Nodes that got pods.
    pub nodes: usize,
    /// Pods placed, by group in the order they were given.
    pub scheduled: Vec<usize>,
}

impl Template {
    /// A fresh node of an estimate.
    fn fresh(&self, number: usize) -> (Arc<Node>, Vec<Arc<PodInfo>>) {
        self.fresh_named("e", number)
    }

    /// A fresh node: its name and host name end in a word and a number, and so do those of its
    /// daemons.
    pub(super) fn fresh_named(&self, word: &str, number: usize) -> (Arc<Node>, Vec<Arc<PodInfo>>) {
        let suffix = format!("{word}-{number}");
        let mut node = Node::clone(&self.node);
        node.name = format!("{}-{suffix}", node.name).into();
        node.labels.insert(HOSTNAME_LABEL.into(), node.name.clone());
        let rename = |pod: &Arc<PodInfo>| {
            let mut pod = PodInfo::clone(pod);
            pod.name = format!("{}-{suffix}", pod.name).into();
            Arc::new(pod)
        };
        (Arc::new(node), self.daemons.iter().map(rename).collect())
    }
}

/// Whether one pod of a group would fit a fresh node, which is there while it is asked.
pub fn fits_template<C: ClusterSnapshot>(
    cluster: &mut C,
    template: &Template,
    pod: &Arc<PodInfo>,
) -> Result<bool, CacheError> {
    let (node, daemons) = template.fresh(0);
    cluster.mark();
    let added = cluster.add_node(node, &daemons);
    let fits = added.map(|place| cluster.fit(pod, place) == Fit::Yes);
    cluster.undo();
    fits
}

/// Reasons for which a fresh node does not take a pod, in the scheduler's words.
pub fn template_refusals<C: ClusterSnapshot>(
    cluster: &mut C,
    template: &Template,
    pod: &Arc<PodInfo>,
) -> Result<Vec<String>, CacheError> {
    let (node, daemons) = template.fresh(0);
    cluster.mark();
    let added = cluster.add_node(node, &daemons);
    let refusals = added.map(|place| cluster.refusals(pod, place));
    cluster.undo();
    refusals
}

/// Number of nodes of a group that groups of pods need, each of which fits a fresh node;
/// `max_nodes` 0 is no limit. What is simulated is forgotten.
pub fn estimate<C: ClusterSnapshot>(
    cluster: &mut C,
    template: &Template,
    groups: &[PodGroup],
    max_nodes: usize,
) -> Result<Estimate, CacheError> {
    cluster.mark();
    let estimated = simulate(cluster, template, groups, max_nodes);
    cluster.undo();
    estimated
}

fn simulate<C: ClusterSnapshot>(
    cluster: &mut C,
    template: &Template,
    groups: &[PodGroup],
    max_nodes: usize,
) -> Result<Estimate, CacheError> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let scores: Vec<f64> = groups.iter().map(|group| score(group, template)).collect();
    // Equal ones keep their order, as they do in the original for up to twelve groups.
    order.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
    let mut packing = Packing {
        existing: cluster.nodes().len(),
        cluster,
        template,
        max_nodes,
        filled: SortedSet::new(),
        cursor: 0,
        scheduled: vec![0; groups.len()],
        is_limited: false,
    };
    for group in order {
        let pods = &groups[group].pods;
        let rest = packing.fill_added(group, pods);
        if !packing.is_limited {
            packing.add(group, rest)?;
        }
    }
    Ok(Estimate {
        nodes: packing.filled.len(),
        scheduled: packing.scheduled,
    })
}

/// A group's size against a node: cpu part + memory part.
fn score(group: &PodGroup, template: &Template) -> f64 {
    let Some(pod) = group.pods.first() else {
        return 0.0;
    };
    let allocatable = &template.node.allocatable;
    let requests = container_requests(pod.spec());
    let mut score = 0.0;
    let part = |asked: i64, offered: i64| asked as f64 / offered as f64;
    let (asked, offered) = (milli(&requests, CPU), milli(allocatable, CPU));
    if offered > 0 {
        score += part(asked, offered);
    }
    let (asked, offered) = (units(&requests, MEMORY), units(allocatable, MEMORY));
    if offered > 0 {
        score += part(asked, offered);
    }
    score
}

/// The sum of what a pod's containers ask for, exactly.
pub(super) fn container_requests(spec: &PodSpec) -> ResourceList {
    let mut sum = ResourceList::default();
    for container in &spec.containers {
        for (name, amount) in container.requests.iter() {
            // Amounts were checked when they were read; a sum beyond any machine saturates.
            let known = sum.get(name);
            sum.set(name, known.checked_add(amount).unwrap_or(known));
        }
    }
    sum
}

pub(super) fn milli(list: &ResourceList, name: &str) -> i64 {
    list.get(name).milli_ceil().unwrap_or(i64::MAX)
}

pub(super) fn units(list: &ResourceList, name: &str) -> i64 {
    Quantity::units_ceil(list.get(name)).unwrap_or(i64::MAX)
}

/// An estimate in the making.
struct Packing<'t, C> {
    cluster: &'t mut C,
    template: &'t Template,
    max_nodes: usize,
    /// Number of nodes without those that the packing adds, which come after.
    existing: usize,
    /// Places of added nodes that got pods.
    filled: SortedSet<usize>,
    /// Beginning of the next search over all nodes.
    cursor: usize,
    scheduled: Vec<usize>,
    is_limited: bool,
}

impl<C: ClusterSnapshot> Packing<'_, C> {
    /// Places pods on nodes added before, until one fits none; the rest.
    fn fill_added<'p>(&mut self, group: usize, pods: &'p [Arc<PodInfo>]) -> &'p [Arc<PodInfo>] {
        for (index, pod) in pods.iter().enumerate() {
            let count = self.cluster.nodes().len();
            let first = self.existing;
            let cursor = (self.cursor % count.max(1)).max(first);
            let found = self.cluster.first(pod, cursor..count);
            let found = found.or_else(|| self.cluster.first(pod, first..cursor));
            let Some(place) = found else {
                return &pods[index..];
            };
            self.cursor = (place + 1) % count;
            self.place(group, pod, place);
        }
        &[]
    }

    /// The first node from the cursor on that a pod fits, other than the last one.
    fn first_but_last(&mut self, pod: &Arc<PodInfo>, last: usize) -> Option<usize> {
        let count = self.cluster.nodes().len();
        let cursor = self.cursor % count;
        // The last one added comes last.
        let found = self.cluster.first(pod, cursor..last);
        let place = found.or_else(|| self.cluster.first(pod, 0..cursor.min(last)))?;
        self.cursor = (place + 1) % count;
        Some(place)
    }

    /// Places pods on the newest node or further ones.
    fn add(&mut self, group: usize, pods: &[Arc<PodInfo>]) -> Result<(), CacheError> {
        for pod in pods {
            let count = self.cluster.nodes().len();
            if count > self.existing {
                let last = count - 1;
                let fit = self.cluster.fit(pod, last);
                if fit == Fit::Yes {
                    self.place(group, pod, last);
                    continue;
                }
                if fit == Fit::NoSpread
                    && is_spread_over_hosts(pod)
                    && let Some(place) = self.first_but_last(pod, last)
                {
                    self.place(group, pod, place);
                    continue;
                }
                // A further node would be as empty as this one.
                if !self.filled.contains(&last) {
                    return Ok(());
                }
            }
            let added = count - self.existing;
            if self.max_nodes > 0 && added >= self.max_nodes {
                self.is_limited = true;
                return Ok(());
            }
            let (node, daemons) = self.template.fresh(added);
            let place = self.cluster.add_node(node, &daemons)?;
            if self.cluster.fit(pod, place) != Fit::Yes {
                return Ok(());
            }
            self.place(group, pod, place);
        }
        Ok(())
    }

    fn place(&mut self, group: usize, pod: &Arc<PodInfo>, place: usize) {
        self.cluster.place(pod, place);
        self.filled.insert(place);
        self.scheduled[group] += 1;
    }
}

fn is_spread_over_hosts(pod: &PodInfo) -> bool {
    let mut rules = pod.spec().topology_spread.iter();
    rules.any(|rule| *rule.topology_key == *HOSTNAME_LABEL)
}
