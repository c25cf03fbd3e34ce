//! Partitions of a scenario's Slurm, with the nodes that they select.

use std::sync::Arc;

use arrivals::partitions::{JobPartition, Partitioned};
use arrivals::{ArrivalSource, read_options};
use model::{Node, PARTITION_LABEL, PodSpec};
use scenario::Scenario;
use systems::batch::slurm::nodes::{nameless, selection, selects};
use systems::batch::slurm::{PARTITIONS, PartitionField, Slurm, SlurmPartition};
use units::nearest::hint;

use super::BuildError;

/// The field that names partitions in traces, if the scenario has any.
pub(super) fn field(scenario: &Scenario) -> Option<read_options::PartitionField> {
    let slurm = scenario.system.stated::<Slurm>();
    let slurm = slurm.filter(|own| !own.partitions.is_empty())?;
    Some(match slurm.partition_field {
        PartitionField::Partition => read_options::PartitionField::Partition,
        PartitionField::Queue => read_options::PartitionField::Queue,
    })
}

/// Whether a job that states no time limit has one by its partition.
pub(super) fn limits(all: &[SlurmPartition], spec: &PodSpec) -> bool {
    let named = spec.labels.get(PARTITION_LABEL);
    let is_own = |own: &&SlurmPartition| match named {
        Some(name) => *own.name == **name,
        None => own.default,
    };
    let mut own = all.iter().filter(is_own);
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
    let slurm = scenario.system.stated::<Slurm>();
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
