//! Pods as tasks and nodes as nodes: what of a manifest becomes which reservation, constraint or
//! preference of `SwarmKit`.
//!
//! Keys of labels have no `/` in constraints, so it becomes `.`: `topology.kubernetes.io/zone` is
//! `node.labels.topology.kubernetes.io.zone`. The label of the host's name is `node.hostname`.

use crate::mapping::{is_one_per_node, plain_key};
use crate::parts::expression::Comparison;
use model::node::{ARCH_LABEL, HOSTNAME_LABEL, OS_LABEL};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{self, Operator, PodSpec, Requirement, ResourceList, Text};

use super::constraint::Constraint;
use super::node::{Availability, Node};
use super::options::SwarmKitOptions;
use super::task::{Preference, Resources, TaskSpec, Version};

/// The generic resource that stands for whole GPU devices.
pub const GPU: &str = "gpu";
/// The engine's label with the model of its GPU devices.
const GPU_MODEL: &str = "gpu.model";

/// A node.
pub fn node(object: &model::Node) -> Node {
    let label = |key: &str| object.labels.get(key).cloned();
    let labels = object.labels.iter();
    let mut node = Node {
        id: object.name.clone(),
        hostname: label(HOSTNAME_LABEL).unwrap_or_else(|| object.name.clone()),
        role: "worker".into(),
        os: label(OS_LABEL).unwrap_or_default(),
        architecture: label(ARCH_LABEL).unwrap_or_default(),
        labels: labels
            .map(|(key, value)| (plain_key(key), value.clone()))
            .collect(),
        availability: availability(object),
        available: resources(&object.allocatable),
        ..Node::default()
    };
    if let Some(gpu) = &object.gpu {
        let devices = i64::from(gpu.devices);
        node.available.generic.insert(GPU.into(), devices);
        node.engine_labels
            .insert(GPU_MODEL.into(), gpu.model.clone());
    }
    node
}

/// A node that is cordoned keeps what it has.
pub fn availability(object: &model::Node) -> Availability {
    if object.unschedulable {
        Availability::Pause
    } else {
        Availability::Active
    }
}

fn resources(list: &ResourceList) -> Resources {
    let mut resources = Resources::default();
    for (name, amount) in list.iter() {
        let nanos = || i64::try_from(amount.nanos()).unwrap_or(i64::MAX);
        let units = || amount.units_ceil().unwrap_or(i64::MAX);
        match name {
            CPU => resources.nano_cpus = nanos(),
            MEMORY => resources.memory = units(),
            EPHEMERAL_STORAGE | PODS => {}
            other => {
                resources.generic.insert(other.into(), units());
            }
        }
    }
    resources
}

/// Spec of the tasks of a version; `service` is empty for a pod without a service.
pub fn task_spec(pod: &PodSpec, version: Version, options: &SwarmKitOptions) -> TaskSpec {
    let mut spec = TaskSpec {
        reservations: resources(&pod.requests().unwrap_or_default()),
        constraints: constraints(pod),
        host_ports: host_ports(pod),
        max_replicas: u32::from(is_one_per_node(pod)),
        preferences: preferences(pod),
        version,
        ..TaskSpec::default()
    };
    if pod.gpu.devices > 0 {
        let devices = i64::from(pod.gpu.devices);
        spec.reservations.generic.insert(GPU.into(), devices);
    }
    let service = spec.version.service.clone();
    let all = options.placement.get("*").into_iter();
    for placement in all.chain(options.placement.get(&*service)) {
        spec.constraints
            .extend(placement.constraints.iter().cloned());
        spec.preferences
            .extend(placement.preferences.iter().cloned());
        if placement.max_replicas > 0 {
            spec.max_replicas = placement.max_replicas;
        }
    }
    spec
}

fn constraints(pod: &PodSpec) -> Vec<Constraint> {
    let mut constraints: Vec<Constraint> = pod
        .node_selector
        .iter()
        .map(|(key, value)| constraint(key, Comparison::Equal, value))
        .collect();
    let required = pod.affinity.node.required.iter();
    // Alternatives and choices are refused before.
    for term in required.flat_map(|selector| &selector.terms).take(1) {
        constraints.extend(term.match_expressions.iter().flat_map(of_requirement));
    }
    if let [model] = pod.gpu.models.as_slice() {
        constraints.push(Constraint {
            key: format!("engine.labels.{GPU_MODEL}").into(),
            comparison: Comparison::Equal,
            value: model.clone(),
        });
    }
    constraints
}

fn of_requirement(asked: &Requirement) -> impl Iterator<Item = Constraint> {
    let comparison = match asked.operator {
        Operator::NotIn => Comparison::NotEqual,
        _ => Comparison::Equal,
    };
    let values = asked.values.iter();
    values.map(move |value| constraint(&asked.key, comparison, value))
}

fn constraint(key: &str, comparison: Comparison, value: &Text) -> Constraint {
    let key = if key == HOSTNAME_LABEL {
        "node.hostname".into()
    } else {
        format!("node.labels.{}", plain_key(key)).into()
    };
    Constraint {
        key,
        comparison,
        value: value.clone(),
    }
}

fn host_ports(pod: &PodSpec) -> Vec<Text> {
    let ports = pod.containers.iter().flat_map(|one| &one.host_ports);
    ports
        .map(|port| format!("{}/{}", port.port, port.protocol.to_lowercase()).into())
        .collect()
}

/// Soft spreading over a label; nodes themselves are spread over anyway.
fn preferences(pod: &PodSpec) -> Vec<Preference> {
    let soft = pod.topology_spread.iter().filter(|rule| !rule.hard);
    let labels = soft.filter(|rule| *rule.topology_key != *HOSTNAME_LABEL);
    labels
        .map(|rule| Preference::NodeLabel(plain_key(&rule.topology_key)))
        .collect()
}
