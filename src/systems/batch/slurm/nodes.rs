//! Nodes that partitions and reservations of Slurm select.

use std::sync::Arc;

use model::{Node, NodeSelectorTerm, Operator, Requirement, Text};
use scheduler::batch::AdvanceReservation;
use units::nearest::hint;
use units::{Duration, Instant, SortedMap, SortedSet, TenantId};

use super::{RESERVATIONS, Slurm, SlurmReservation};
use crate::parts::pattern::glob_matches;

impl Slurm {
    /// Advance reservations on nodes, during a log of some length.
    ///
    /// # Errors
    /// A reservation keeps no node, names one that the cluster lacks, or keeps its nodes for the whole log; the
    /// message begins with its place.
    pub fn reservations_on(
        &self,
        nodes: &[Arc<Node>],
        length: Duration,
    ) -> Result<Vec<AdvanceReservation>, String> {
        let mut all = Vec::new();
        for (number, written) in self.reservations.iter().enumerate() {
            let name = &written.name;
            let wrong =
                |field: &str, what: &str| Err(format!("{RESERVATIONS}[{number}]{field}: {what}"));
            if written.start == Duration::ZERO && written.duration > length {
                let what = format!(
                    "the reservation `{name}` lasts {} from the begin of the run, longer than the log, which ends after \
                     {length}; shorten it, or take its nodes out of `cluster`",
                    written.duration
                );
                return wrong(".duration", &what);
            }
            if let Some((place, pattern)) = nameless(&written.node_names, nodes) {
                let known = nodes.iter().map(|node| &*node.name);
                let hint = hint(pattern, known);
                let what = format!(
                    "the cluster has no node `{pattern}` for the reservation `{name}`; {hint}"
                );
                return wrong(&format!(".nodeNames[{place}]"), &what);
            }
            let nodes_kept = selection(&written.nodes, &written.node_names, nodes);
            if !selects(nodes_kept.as_ref(), nodes) {
                let what = format!(
                    "no node has the labels and names of the reservation `{name}`; give it those of nodes under \
                     `cluster`"
                );
                return wrong("", &what);
            }
            let from = Instant::ZERO.saturating_add(written.start);
            all.push(AdvanceReservation {
                name: name.as_str().into(),
                from,
                until: from.saturating_add(written.duration),
                nodes: nodes_kept,
                users: users(self, written),
            });
        }
        Ok(all)
    }
}

/// Users that a reservation does not keep off, who are numbered by their places in the accounts.
fn users(slurm: &Slurm, written: &SlurmReservation) -> SortedSet<TenantId> {
    let of_accounts = slurm.accounts.iter().flat_map(|own| {
        let is_named = written.accounts.contains(&own.name);
        own.users
            .keys()
            .map(move |user| is_named || written.users.contains(user))
    });
    let numbered = (0..).zip(of_accounts);
    let meant = numbered.filter(|&(_, is_meant)| is_meant);
    meant.map(|(number, _)| TenantId(number)).collect()
}

/// Nodes of each partition, by its number; where none is declared, all nodes are one.
pub fn nodes_of_partitions<'run>(slurm: &Slurm, nodes: &'run [Arc<Node>]) -> Vec<Vec<&'run Node>> {
    let of = |term: Option<NodeSelectorTerm>| {
        let nodes = nodes.iter().map(|node| &**node);
        let own = nodes.filter(|node| {
            let term = term.as_ref();
            term.is_none_or(|term| term.matches(&node.name, &node.labels))
        });
        own.collect()
    };
    if slurm.partitions.is_empty() {
        return vec![of(None)];
    }
    let all = slurm.partitions.iter();
    all.map(|own| of(selection(&own.nodes, &own.node_names, nodes)))
        .collect()
}

/// First pattern that is the name of no node, with its place.
pub fn nameless<'run>(names: &'run [String], nodes: &[Arc<Node>]) -> Option<(usize, &'run str)> {
    let mut patterns = names.iter().map(String::as_str).enumerate();
    patterns.find(|(_, pattern)| !nodes.iter().any(|node| glob_matches(pattern, &node.name)))
}

/// Whether a node meets a condition.
pub fn selects(term: Option<&NodeSelectorTerm>, nodes: &[Arc<Node>]) -> bool {
    let mut nodes = nodes.iter();
    nodes.any(|node| term.is_none_or(|term| term.matches(&node.name, &node.labels)))
}

/// Condition that nodes of these labels and names meet; `None` for all nodes.
pub fn selection(
    labels: &SortedMap<String, String>,
    names: &[String],
    nodes: &[Arc<Node>],
) -> Option<NodeSelectorTerm> {
    let among = |key: &str, values: Vec<Text>| Requirement {
        key: key.into(),
        operator: Operator::In,
        values,
    };
    let labels = labels.iter();
    let labels = labels.map(|(key, value)| among(key, vec![value.as_str().into()]));
    let mut term = NodeSelectorTerm {
        match_expressions: labels.collect(),
        match_fields: Vec::new(),
    };
    if !names.is_empty() {
        let is_named = |node: &&Arc<Node>| {
            let mut patterns = names.iter();
            patterns.any(|pattern| glob_matches(pattern, &node.name))
        };
        let names = nodes.iter().filter(is_named);
        let names = names.map(|node| Arc::clone(&node.name)).collect();
        term.match_fields.push(among("metadata.name", names));
    }
    let is_empty = term.match_expressions.is_empty() && term.match_fields.is_empty();
    (!is_empty).then_some(term)
}
