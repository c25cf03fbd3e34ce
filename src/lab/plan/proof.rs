//! Proof of a lower bound: rules with the pods that they add up and the nodes that have to hold them,
//! so that anyone can add them up again.

use std::sync::Arc;

use super::demand::Demand;
use super::duals;
use super::least::Branch;
use super::planned::node_name;
use super::rules::{NodeKind, Rule, classes};
use model::Text;
use scheduler::kube::Amounts;

/// Kind of node in a proof.
#[derive(Clone, Debug)]
pub struct ProofKind {
    /// Type of the nodes, or one of them.
    pub name: Text,
    /// One of the nodes.
    pub node: Arc<model::Node>,
    /// Those of the kind in other zones, as far as their labels differ.
    pub elsewhere: Vec<Arc<model::Node>>,
    /// Amounts that are left for pods of the goal.
    pub free: Vec<(String, i64)>,
    /// Number of nodes that may go or stay; `None` if any number can be bought.
    pub count: Option<u64>,
    /// Number of nodes that no plan touches.
    pub untouched: u64,
    /// Cost of a node: its price in millionths an hour, or 1.
    pub cost: i64,
}

/// Pods of equal specs.
#[derive(Clone, Debug)]
pub struct ProofClass {
    /// Names of the pods.
    pub pods: Vec<String>,
    /// Their requests, each.
    pub requests: Vec<(String, i64)>,
}

/// A proof of a lower bound.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The bound: no placement costs less.
    pub bound: i64,
    /// Cost of the plan.
    pub reached: i64,
    /// Number of nodes, or their price in millionths an hour.
    pub counts_nodes: bool,
    /// Whether the loss of any node has to be borne.
    pub survives_node: bool,
    /// Number of nodes that stay and take no further pods: cordoned ones, those out of order.
    pub closed: u64,
    /// Number of zones, of which any may be lost; 0 if none has to be borne.
    pub lost_zones: usize,
    /// Rules, each with the price of a unit of what it asks for.
    pub rules: Vec<Rule>,
    /// Prices of the rules' units, in the order of the rules.
    pub prices: Vec<f64>,
    /// Part of each rule's need that is of pods which may wait once their node is lost.
    pub idle: Vec<i64>,
    /// The reason why no whole numbers of nodes keep the rules and cost less than the bound, or than what
    /// is left of it beside the nodes that stay.
    pub branch: Option<Branch>,
    /// Kinds of nodes, in the order of what the rules give.
    pub kinds: Vec<ProofKind>,
    /// Classes of pods, as the rules number them.
    pub classes: Vec<ProofClass>,
}

impl Proof {
    /// Whether the bound is reached.
    pub fn is_tight(&self) -> bool {
        self.reached <= self.bound
    }
}

/// The classes of a demand.
pub(super) fn classes_of(demand: &Demand) -> Vec<ProofClass> {
    let grouped = classes(demand).into_iter();
    let classes = grouped.map(|places| ProofClass {
        requests: named(&demand.pods[places[0]].info.class.requests),
        pods: { places.iter() }
            .map(|&place| demand.pods[place].name.clone())
            .collect(),
    });
    classes.collect()
}

/// Amounts by the names of their resources.
fn named(amounts: &Amounts) -> Vec<(String, i64)> {
    let plain = [
        ("cpu", amounts.cpu_milli),
        ("memory", amounts.memory),
        ("ephemeral-storage", amounts.storage),
        ("pods", amounts.pods),
    ];
    let plain = plain.map(|(name, own)| (name.to_owned(), own)).into_iter();
    let scalars = amounts.scalars.iter();
    let scalars = scalars.map(|(name, own)| (name.to_string(), *own));
    plain.chain(scalars).collect()
}

/// The kinds of a proof, each with its cost and no number.
fn renamed(node: &model::Node, name: &str) -> Arc<model::Node> {
    Arc::new(model::Node {
        name: node_name(name).into(),
        ..node.clone()
    })
}

pub(super) fn kinds_of(kinds: &[NodeKind], names: &[Text], costs: &[i64]) -> Vec<ProofKind> {
    let all = kinds.iter().zip(names).zip(costs);
    let kinds = all.map(|((kind, name), &cost)| ProofKind {
        name: name.clone(),
        node: renamed(&kind.node, name),
        elsewhere: (kind.elsewhere.iter())
            .map(|node| renamed(node, name))
            .collect(),
        free: named(&kind.free),
        count: None,
        untouched: 0,
        cost,
    });
    kinds.collect()
}

/// Prices of the rules' units.
pub(super) fn prices(rules: &[Rule], costs: &[i64]) -> Vec<f64> {
    duals::prices(rules, costs)
}
