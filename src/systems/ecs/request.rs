//! Pods as tasks, nodes as container instances: processors in units of 1/1024, memory in MiB, labels
//! as attributes, and the node affinity of pods as a query.

use model::node::{INSTANCE_TYPE_LABEL, ZONE_LABEL};
use model::resource_list::{CPU, MEMORY};
use model::{Labels, Node, PodSpec, Text};

use super::placement::{Constraint, Instance, Rules, Task, ZONE};
use super::query::{self, Query};
use crate::mapping::is_one_per_node;

const MIB: i64 = 1 << 20;
/// Units of a processor.
const UNITS: i64 = 1_024;
/// Attribute of an instance's type.
const INSTANCE_TYPE: &str = "ecs.instance-type";

/// A node as a container instance.
pub(super) fn instance(node: &Node) -> Instance {
    let list = &node.allocatable;
    let milli = list.get(CPU).milli_floor().unwrap_or(i64::MAX / UNITS);
    let memory = list.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
    Instance {
        id: node.name.clone(),
        attributes: attributes(node),
        cpu: milli.saturating_mul(UNITS) / 1_000,
        memory: memory / MIB,
        is_active: !node.unschedulable,
        ..Instance::default()
    }
}

/// The attributes of a node: its labels, and those that ECS gives it.
pub(super) fn attributes(node: &Node) -> Labels {
    let mut attributes = node.labels.clone();
    attributes.insert(query::NAME.into(), node.name.clone());
    for (label, attribute) in [(ZONE_LABEL, ZONE), (INSTANCE_TYPE_LABEL, INSTANCE_TYPE)] {
        if let Some(value) = node.labels.get(label).cloned() {
            attributes.insert(attribute.into(), value);
        }
    }
    attributes
}

/// A pod as a task of a group: its requests, rounded up.
pub(super) fn task(pod: &PodSpec, group: Text) -> Task {
    let requests = pod.requests().unwrap_or_default();
    let milli = requests.get(CPU).milli_ceil().unwrap_or(i64::MAX / UNITS);
    let memory = requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
    let units = milli.saturating_mul(UNITS);
    let up = |amount: i64, unit: i64| amount / unit + i64::from(amount % unit != 0);
    Task {
        cpu: up(units, 1_000),
        memory: up(memory, MIB),
        group,
    }
}

/// Rules of a pod's tasks: those of its service, and what the pod itself asks of nodes.
pub(super) fn rules(pod: &PodSpec, mut rules: Rules) -> Rules {
    rules
        .constraints
        .extend(Query::of_pod(pod).map(Constraint::MemberOf));
    if is_one_per_node(pod) {
        rules.constraints.push(Constraint::DistinctInstance);
    }
    rules
}
