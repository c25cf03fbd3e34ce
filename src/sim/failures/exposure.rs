//! Failures of nodes that join after the start: what is said of all nodes, of a zone or of a domain is said
//! of them, too.

use std::sync::Arc;

use cluster::Store;
use control::upgrade::UpgradePlan;
use model::{Node, Text};
use units::{Instant, NodeId};

use super::layout::Group;
use super::{Change, Domains, Failure, Layout, NodeCrash, Spot, Strike, Target, Timeline};
use crate::hosts::Trouble;

/// The failures of a cell that nodes are exposed to wherever they come from.
#[derive(Clone, Debug, Default)]
pub struct Exposure {
    failures: Vec<Failure>,
    nodes: Vec<Arc<Node>>,
    domains: Domains,
    seed: u64,
}

impl Exposure {
    /// The failures among those of a layout that are about more than the nodes of a name.
    pub fn new(failures: Vec<Failure>, layout: &Layout<'_>) -> Self {
        let is_wide = |own: &Failure| {
            own.target()
                .is_some_and(|target| !matches!(target, Target::Node(_)))
        };
        let failures: Vec<Failure> = failures.into_iter().filter(is_wide).collect();
        Self {
            nodes: layout.nodes.to_vec(),
            failures,
            domains: layout.domains.clone(),
            seed: layout.seed,
        }
    }

    /// The strikes of a node that joins at an instant. One that joins while its zone is down is down from
    /// the beginning.
    pub fn of(&self, id: NodeId, node: &Arc<Node>, at: Instant) -> Vec<Timeline> {
        if self.failures.is_empty() {
            return Vec::new();
        }
        let domains = self.domains.of(node).unwrap_or_default();
        let alone = Layout {
            nodes: std::slice::from_ref(node),
            domains: &domains,
            seed: self.seed,
            later: &[],
            is_open: false,
        };
        let failures = self.failures.iter();
        let lines = failures.map(|failure| match failure {
            Failure::Spot(spot) if matches!(spot.target, Target::Each(_)) => {
                self.pools(spot, &alone, NewNode { id, node, at })
            }
            // What is drawn for a node by itself begins with the node. A burst that takes others along
            // begins with a node of the start.
            Failure::Spot(_) => moved(failure, &alone, id, at),
            Failure::NodeCrash(own) => {
                let own = Failure::NodeCrash(NodeCrash {
                    burst: None,
                    ..own.clone()
                });
                moved(&own, &alone, id, at)
            }
            _ => {
                let lines = failure.timelines(&alone).unwrap_or_default().into_iter();
                lines.map(|line| cut(line, id, at)).collect()
            }
        });
        lines.flatten().collect()
    }

    fn pools(&self, spot: &Spot, alone: &Layout<'_>, joined: NewNode<'_>) -> Vec<Timeline> {
        let layout = Layout {
            nodes: &self.nodes,
            domains: &self.domains,
            ..*alone
        };
        let all = layout.groups(&spot.target).unwrap_or_default();
        let own = alone.groups(&spot.target).unwrap_or_default().into_iter();
        let pools = own.map(|own| {
            let known = all.iter().find(|pool| pool.who == own.who).cloned();
            let pool = known.unwrap_or(Group {
                nodes: Vec::new(),
                ..own
            });
            spot.joined(&layout, pool, joined)
        });
        pools.collect()
    }

    /// Adds the nodes that joined since the start to the nodes of an upgrade.
    pub fn complete(&self, plan: &mut UpgradePlan, store: &Store) {
        let Some(joined) = &plan.joined else {
            return;
        };
        let first = self.nodes.len();
        let late = store.nodes().ids().filter(|id| id.index() >= first);
        let late = late.filter_map(|id| store.nodes().object(id));
        let mut late: Vec<&Arc<Node>> = late
            .filter(|node| !plan.nodes.contains(&node.name))
            .filter(|node| match &joined.domain {
                None => true,
                Some((label, name)) => self.holds(node, label, name),
            })
            .collect();
        if let Some(label) = &joined.by {
            late.sort_by_key(|node| node.labels.get(label).cloned());
        }
        let names: Vec<Text> = late.iter().map(|node| node.name.clone()).collect();
        plan.nodes.extend(names);
    }

    /// Whether a node is in a domain, or has a label.
    fn holds(&self, node: &Arc<Node>, label: &Text, name: &Text) -> bool {
        let domains = self.domains.of(node).unwrap_or_default();
        domains.find(label, name).is_some() || node.labels.get(label) == Some(name)
    }
}

/// A node that joins.
#[derive(Clone, Copy)]
pub(super) struct NewNode<'a> {
    pub(super) id: NodeId,
    pub(super) node: &'a Node,
    /// Instant at which it joins.
    pub(super) at: Instant,
}

/// A failure's strikes of a node, counted from the instant at which it joins.
fn moved(failure: &Failure, alone: &Layout<'_>, id: NodeId, at: Instant) -> Vec<Timeline> {
    let lines = failure.timelines(alone).unwrap_or_default().into_iter();
    let after = at.since(Instant::ZERO);
    let lines = lines.map(|line| Timeline {
        strikes: Box::new(line.strikes.map(move |strike| {
            let mut strike = of_node(strike, id);
            strike.at = strike.at.saturating_add(after);
            strike
        })),
        is_endless: line.is_endless,
    });
    lines.collect()
}

/// The strikes of a time line from an instant on; those that have begun and are not over begin there.
fn cut(line: Timeline, id: NodeId, at: Instant) -> Timeline {
    let mut strikes = line.strikes.map(move |own| of_node(own, id)).peekable();
    let mut open: Vec<Change> = Vec::new();
    while let Some(strike) = strikes.next_if(|strike| strike.at <= at) {
        match strike.change {
            Change::End(_, over) => {
                open.retain(|own| !matches!(own, Change::Begin(_, own) if *own == over));
            }
            Change::Uncordon(_) => open.retain(|own| matches!(own, Change::Begin(..))),
            change => open.push(change),
        }
    }
    let open = open.into_iter().map(move |change| Strike {
        at,
        change: match change {
            // A machine that comes up where everything is down is unknown to the control plane.
            Change::Begin(node, Trouble::Crash) => Change::Absent(node),
            change => change,
        },
    });
    Timeline {
        strikes: Box::new(open.chain(strikes)),
        is_endless: line.is_endless,
    }
}

/// A strike of the node alone, as one of the node by its number in the cell.
fn of_node(mut strike: Strike, id: NodeId) -> Strike {
    if let Some(node) = strike.change.node_mut() {
        *node = id;
    }
    strike
}
