//! How many nodes of a group pending pods need: first fit, largest pods first (spec:
//! kubernetes.md 3.3; the original's `estimator`).
//!
//! Scores are two float divisions and a sum in written order, as the original's.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::filters::{Cluster, Fit};
use crate::control::scheduler::kube::{CacheError, PodInfo};
use crate::model::node::HOSTNAME_LABEL;
use crate::model::resource_list::{CPU, MEMORY};
use crate::model::{Node, PodSpec, ResourceList, Text};
use crate::units::Quantity;

/// What a new node of a group looks like.
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
pub fn fits_template<C: Cluster>(
    cluster: &mut C,
    template: &Template,
    pod: &PodInfo,
) -> Result<bool, CacheError> {
    let (node, daemons) = template.fresh(0);
    let name = node.name.clone();
    cluster.add_node(node, &daemons)?;
    let fits = cluster.fit(pod, &name) == Fit::Yes;
    cluster.remove_node(&name);
    Ok(fits)
}

/// How many nodes of a group are needed for groups of pods, each of which fits a fresh node;
/// `max_nodes` 0 is no limit. What is simulated is forgotten.
pub fn estimate<C: Cluster>(
    cluster: &C,
    template: &Template,
    groups: &[PodGroup],
    max_nodes: usize,
) -> Result<Estimate, CacheError> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let scores: Vec<f64> = groups.iter().map(|own| score(own, template)).collect();
    // Equal ones keep their order, as they do in the original for up to twelve groups.
    order.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
    let mut packing = Packing {
        cluster: cluster.clone(),
        template,
        max_nodes,
        added: BTreeSet::new(),
        last: None,
        filled: BTreeSet::new(),
        cursor: 0,
        scheduled: vec![0; groups.len()],
        is_limited: false,
    };
    for group in order {
        let pods = &groups[group].pods;
        let rest = packing.fill_added(group, pods)?;
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
    cluster: C,
    template: &'t Template,
    max_nodes: usize,
    added: BTreeSet<Text>,
    last: Option<Text>,
    filled: BTreeSet<Text>,
    /// Where the next search over all nodes begins.
    cursor: usize,
    scheduled: Vec<usize>,
    is_limited: bool,
}

impl<C: Cluster> Packing<'_, C> {
    /// Places pods on nodes added before, until one fits none; the rest.
    fn fill_added<'p>(
        &mut self,
        group: usize,
        pods: &'p [Arc<PodInfo>],
    ) -> Result<&'p [Arc<PodInfo>], CacheError> {
        for (index, pod) in pods.iter().enumerate() {
            let Some(node) = self.search(pod, |own, name| own.added.contains(name)) else {
                return Ok(&pods[index..]);
            };
            self.place(group, pod, node)?;
        }
        Ok(&[])
    }

    /// The first node from the cursor on that a pod fits.
    fn search(&mut self, pod: &PodInfo, allowed: impl Fn(&Self, &Text) -> bool) -> Option<Text> {
        let nodes = self.cluster.nodes();
        let count = nodes.len();
        let asked_last = Cell::new(0);
        let own = &*self;
        let mut asked = (0..count)
            .map(|offset| (own.cursor + offset) % count)
            .filter(|&place| allowed(own, &nodes[place]))
            .inspect(|&place| asked_last.set(place))
            .map(|place| &nodes[place]);
        let mut until = |fit| fit == Fit::Yes;
        own.cluster.find(pod, &mut asked, &mut until)?;
        let found = asked_last.get();
        let name = nodes[found].clone();
        self.cursor = (found + 1) % count;
        Some(name)
    }

    /// Places pods on the newest node or further ones.
    fn add(&mut self, group: usize, pods: &[Arc<PodInfo>]) -> Result<(), CacheError> {
        for pod in pods {
            if let Some(last) = self.last.clone() {
                let fit = self.cluster.fit(pod, &last);
                if fit == Fit::Yes {
                    self.place(group, pod, last)?;
                    continue;
                }
                if fit == Fit::NoSpread
                    && is_spread_over_hosts(pod)
                    && let Some(node) = self.search(pod, |_, name| *name != last)
                {
                    self.place(group, pod, node)?;
                    continue;
                }
                // A further node would be as empty as this one.
                if !self.filled.contains(&last) {
                    return Ok(());
                }
            }
            if self.max_nodes > 0 && self.added.len() >= self.max_nodes {
                self.is_limited = true;
                return Ok(());
            }
            let name = self.add_node()?;
            if self.cluster.fit(pod, &name) != Fit::Yes {
                return Ok(());
            }
            self.place(group, pod, name)?;
        }
        Ok(())
    }

    fn add_node(&mut self) -> Result<Text, CacheError> {
        let (node, daemons) = self.template.fresh(self.added.len());
        let name = node.name.clone();
        self.cluster.add_node(node, &daemons)?;
        self.added.insert(name.clone());
        self.last = Some(name.clone());
        Ok(name)
    }

    fn place(&mut self, group: usize, pod: &Arc<PodInfo>, node: Text) -> Result<(), CacheError> {
        self.cluster.place(pod.clone(), &node)?;
        self.filled.insert(node);
        self.scheduled[group] += 1;
        Ok(())
    }
}

fn is_spread_over_hosts(pod: &PodInfo) -> bool {
    let mut rules = pod.spec().topology_spread.iter();
    rules.any(|rule| *rule.topology_key == *HOSTNAME_LABEL)
}
