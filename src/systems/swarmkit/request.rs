//! Pods as tasks and nodes as nodes: what of a manifest becomes which reservation, constraint or
//! preference of `SwarmKit`.
//!
//! Keys of labels have no `/` in constraints, so it becomes `.`: `topology.kubernetes.io/zone` is
//! `node.labels.topology.kubernetes.io.zone`. The label of the host's name is `node.hostname`. A key that begins with
//! `engine.labels.` is a label of the node's engine, and none of the node.

use crate::mapping::{is_one_per_node, plain_key};
use crate::parts::expression::Comparison;
use control::node_api;
use model::node::{ARCH_LABEL, HOSTNAME_LABEL, OS_LABEL, USUAL_ARCH, USUAL_OS};
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
/// Beginning of the keys of engines' labels.
const OF_ENGINE: &str = "engine.labels.";

/// Label with the role of a node: `manager` or `worker`.
pub const ROLE_LABEL: &str = "windtunnel.dev/role";
/// Label with the address of a node.
pub const ADDRESS_LABEL: &str = "windtunnel.dev/address";

/// The `number`th node of a swarm with this number of managers. An engine says its platform and its
/// address, and managers are nodes: the first ones, unless labels say otherwise.
pub fn node(object: &model::Node, number: usize, managers: usize) -> Node {
    let label = |key: &str| object.labels.get(key).cloned();
    let plain = object.labels.iter();
    let plain = plain.map(|(key, value)| (plain_key(key), value.clone()));
    let (of_engine, labels): (Vec<_>, Vec<_>) =
        plain.partition(|(key, _)| key.starts_with(OF_ENGINE));
    let of_engine = of_engine.into_iter();
    let role = || {
        if number < managers {
            "manager"
        } else {
            "worker"
        }
        .into()
    };
    let address = || format!("10.0.{}.{}", number / 250, number % 250 + 1).into();
    let architecture = label(ARCH_LABEL);
    let mut node = Node {
        id: object.name.clone(),
        hostname: label(HOSTNAME_LABEL).unwrap_or_else(|| object.name.clone()),
        ip: label(ADDRESS_LABEL).unwrap_or_else(address),
        role: label(ROLE_LABEL).unwrap_or_else(role),
        os: label(OS_LABEL).unwrap_or_else(|| USUAL_OS.into()),
        architecture: machine_word(architecture.as_deref().unwrap_or(USUAL_ARCH)).into(),
        labels: labels.into_iter().collect(),
        engine_labels: of_engine
            .map(|(key, value)| (key[OF_ENGINE.len()..].into(), value))
            .collect(),
        availability: availability(object),
        available: capacity(object),
        ..Node::default()
    };
    if let Some(gpu) = &object.gpu {
        node.engine_labels
            .insert(GPU_MODEL.into(), gpu.model.clone());
    }
    node
}

/// All that tasks on a node may reserve.
pub fn capacity(object: &model::Node) -> Resources {
    let mut all = resources(&object.allocatable);
    if let Some(gpu) = &object.gpu {
        all.generic.insert(GPU.into(), i64::from(gpu.devices));
    }
    all
}

/// The word of a machine for its own architecture, by which its engine names it.
fn machine_word(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "arm" => "armv7l",
        other => other,
    }
}

/// A node that is cordoned keeps what it has; one that drains gives it away.
pub fn availability(object: &model::Node) -> Availability {
    if node_api::drains(object) {
        Availability::Drain
    } else if object.unschedulable {
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
            key: format!("{OF_ENGINE}{GPU_MODEL}").into(),
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
    let key = match key {
        HOSTNAME_LABEL => "node.hostname".into(),
        OS_LABEL => "node.platform.os".into(),
        ARCH_LABEL => {
            return Constraint {
                key: "node.platform.arch".into(),
                comparison,
                value: machine_word(value).into(),
            };
        }
        _ if key.starts_with(OF_ENGINE) => plain_key(key),
        _ => format!("node.labels.{}", plain_key(key)).into(),
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
        .map(|rule| {
            let key = plain_key(&rule.topology_key);
            match key.strip_prefix(OF_ENGINE) {
                Some(label) => Preference::EngineLabel(label.into()),
                None => Preference::NodeLabel(key),
            }
        })
        .collect()
}
