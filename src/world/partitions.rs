//! Partitions of a scenario's Slurm, with the nodes that they select.

use std::sync::Arc;

use arrivals::partitions::{JobPartition, Partitioned};
use arrivals::{ArrivalSource, read_options};
use model::{Node, NodeSelectorTerm, Operator, PARTITION_LABEL, PodSpec, Requirement, Text};
use scenario::Scenario;
use scenario::partitions::PARTITIONS;
use scenario::schema::{self, PartitionField};
use systems::parts::pattern::glob_matches;
use units::SortedMap;
use units::nearest::hint;

use super::BuildError;

/// The field that names partitions in traces, if the scenario has any.
pub(super) fn field(scenario: &Scenario) -> Option<read_options::PartitionField> {
    let slurm = scenario.system.scheduler.slurm.as_ref();
    let slurm = slurm.filter(|own| !own.partitions.is_empty())?;
    Some(match slurm.partition_field {
        PartitionField::Partition => read_options::PartitionField::Partition,
        PartitionField::Queue => read_options::PartitionField::Queue,
    })
}

/// Whether a job that states no time limit has one by its partition.
pub(super) fn limits(system: &schema::System, spec: &PodSpec) -> bool {
    let all = { system.scheduler.slurm.iter() }.flat_map(|own| &own.partitions);
    let named = spec.labels.get(PARTITION_LABEL);
    let is_own = |own: &&schema::SlurmPartition| match named {
        Some(name) => *own.name == **name,
        None => own.default,
    };
    let mut own = all.filter(is_own);
    own.any(|own| own.default_time.or(own.max_time).is_some())
}

/// Arrivals on the nodes of their partitions.
///
/// # Errors
/// A partition has no node, or names one that the cluster lacks.
pub(super) fn partitioned(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    source: Box<dyn ArrivalSource>,
) -> Result<Box<dyn ArrivalSource>, BuildError> {
    let slurm = scenario.system.scheduler.slurm.as_ref();
    let Some(slurm) = slurm.filter(|own| !own.partitions.is_empty()) else {
        return Ok(source);
    };
    let mut all = Vec::new();
    for (number, written) in slurm.partitions.iter().enumerate() {
        if let Some((place, pattern)) = nameless(&written.node_names, nodes) {
            let known = nodes.iter().map(|node| &*node.name);
            return Err(BuildError::Experiment(format!(
                "{PARTITIONS}[{number}].nodeNames[{place}]: the cluster has no node `{pattern}` for the partition \
                 `{}`; {}",
                written.name,
                hint(pattern, known)
            )));
        }
        let term = selection(&written.nodes, &written.node_names, nodes);
        if !selects(term.as_ref(), nodes) {
            return Err(BuildError::Experiment(format!(
                "{PARTITIONS}[{number}]: no node has the labels and names of the partition `{}`; give it those \
                 of nodes under `cluster`",
                written.name
            )));
        }
        let default = written.default_time.map(|time| (time, "defaultTime"));
        let most = written.max_time.map(|time| (time, "maxTime"));
        all.push(JobPartition {
            name: written.name.as_str().into(),
            nodes: term,
            time: default.or(most),
            most: written.max_time,
        });
    }
    let default = slurm.partitions.iter().position(|own| own.default);
    Ok(Box::new(Partitioned::new(source, all, default, PARTITIONS)))
}

/// The nodes of each partition, by its number; where none is declared, all nodes are one.
pub fn nodes_of_partitions<'run>(
    slurm: &schema::Slurm,
    nodes: &'run [Arc<Node>],
) -> Vec<Vec<&'run Node>> {
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

/// The first pattern that is the name of no node, with its place.
pub(super) fn nameless<'run>(
    names: &'run [String],
    nodes: &[Arc<Node>],
) -> Option<(usize, &'run str)> {
    let mut patterns = names.iter().map(String::as_str).enumerate();
    patterns.find(|(_, pattern)| !nodes.iter().any(|node| glob_matches(pattern, &node.name)))
}

/// `true` if a node meets a condition.
pub(super) fn selects(term: Option<&NodeSelectorTerm>, nodes: &[Arc<Node>]) -> bool {
    let mut nodes = nodes.iter();
    nodes.any(|node| term.is_none_or(|term| term.matches(&node.name, &node.labels)))
}

/// The condition that nodes of these labels and names meet; `None` for all nodes.
pub(super) fn selection(
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
