//! Pods as tasks, nodes as container instances: processors in units of 1/1024, memory in MiB, labels
//! as attributes, and the node affinity of pods as a query.

use model::gpu::GPU_RESOURCES;
use model::node::{INSTANCE_TYPE_LABEL, ZONE_LABEL};
use model::resource_list::{CPU, MEMORY};
use model::{Labels, Node, PodSpec, ResourceList, Text};

use super::options::NetworkMode;
use super::placement::{Constraint, Gpus, Instance, Rules, Task, ZONE};
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
        gpus: Gpus {
            devices: node.gpu.as_ref().map_or(0, |own| i64::from(own.devices)),
            units: gpu_units(list),
        },
        is_active: !node.unschedulable,
        ..Instance::default()
    }
}

/// The attributes of a node: its labels, and those that ECS gives it.
pub fn attributes(node: &Node) -> Labels {
    let mut attributes = node.labels.clone();
    attributes.insert(query::NAME.into(), node.name.clone());
    for (label, attribute) in [(ZONE_LABEL, ZONE), (INSTANCE_TYPE_LABEL, INSTANCE_TYPE)] {
        if let Some(value) = node.labels.get(label).cloned() {
            attributes.insert(attribute.into(), value);
        }
    }
    attributes
}

/// A pod as a task of a group: its requests, rounded up, and the fixed ports that it takes of its instance.
pub(super) fn task(pod: &PodSpec, group: Text, mode: NetworkMode) -> Task {
    let ports = pod.host_ports();
    let ports = ports.map(|own| format!("{}/{}", own.port, own.protocol).into());
    let requests = pod.requests().unwrap_or_default();
    let milli = requests.get(CPU).milli_ceil().unwrap_or(i64::MAX / UNITS);
    let memory = requests.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
    let units = milli.saturating_mul(UNITS);
    let up = |amount: i64, unit: i64| amount / unit + i64::from(amount % unit != 0);
    Task {
        cpu: up(units, 1_000),
        memory: up(memory, MIB),
        gpus: Gpus {
            devices: i64::from(pod.gpu.devices),
            units: gpu_units(&requests),
        },
        ports: match mode {
            NetworkMode::Awsvpc => Vec::new(),
            NetworkMode::Bridge | NetworkMode::Host => ports.collect(),
        },
        group,
    }
}

/// Units of the extended resources that stand for whole GPUs.
fn gpu_units(list: &ResourceList) -> i64 {
    let units = GPU_RESOURCES.iter().map(|name| list.get(name).units_ceil());
    let units = units.map(|units| units.unwrap_or(i64::MAX));
    units.fold(0, i64::saturating_add)
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

#[cfg(test)]
mod tests {
    use units::Quantity;

    use super::*;

    #[test]
    fn devices_and_units_are_gpus_and_ports_those_of_the_instance() {
        let mut node = Node::default();
        let (name, other) = (GPU_RESOURCES[0], GPU_RESOURCES[1]);
        node.allocatable.set(name, Quantity::from_units(2));
        node.allocatable.set(other, Quantity::from_units(1));
        let gpus = |devices, units| Gpus { devices, units };
        assert_eq!(instance(&node).gpus, gpus(0, 3));
        let mut pod = PodSpec::default();
        pod.gpu.devices = 2;
        let host_ports = vec![model::HostPort {
            host_ip: "".into(),
            protocol: "TCP".into(),
            port: 80,
        }];
        pod.containers.push(model::Container {
            host_ports,
            ..model::Container::default()
        });
        let of = |mode| task(&pod, "g".into(), mode);
        assert_eq!(of(NetworkMode::Awsvpc).gpus, gpus(2, 0));
        assert_eq!(of(NetworkMode::Awsvpc).ports, Vec::<Text>::new());
        let ports: Vec<Text> = vec!["80/TCP".into()];
        assert_eq!(of(NetworkMode::Bridge).ports, ports);
    }
}
