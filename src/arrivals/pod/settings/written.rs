//! The template of a pod as the cell of a table has it.

use serde_json::{Value, json};

use super::{NEVER, OWN, are_said_by_columns, rest};
use crate::pod::template::{filled, stated};
use crate::pod::{affinity, rules, volumes};
use model::{Container, HostPort, Labels, Owner, PodSpec};

/// The settings of a spec that no column has; `None` if there are none. The columns say `columns` of it.
pub fn cell(spec: &PodSpec, columns: &PodSpec) -> Option<String> {
    filled(stated(json!({
        "metadata": filled(metadata(spec, columns)),
        // Without any container the list is empty, and the only member.
        "spec": filled(members(spec)),
        OWN: filled(own(spec)),
    })))
    .map(|template| template.to_string())
}

fn metadata(spec: &PodSpec, columns: &PodSpec) -> Value {
    let labels: Labels = { spec.labels.iter() }
        .filter(|(label, value)| columns.labels.get(label) != Some(value))
        .map(|(label, value)| (label.clone(), value.clone()))
        .collect();
    let owner = spec.owner.as_ref();
    stated(json!({
        "labels": filled(labels),
        "namespace": (spec.namespace != columns.namespace).then_some(&spec.namespace),
        "ownerReferences": owner.map(|Owner { kind, name }| {
            json!([{"kind": kind, "name": name, "controller": true}])
        }),
    }))
}

fn members(spec: &PodSpec) -> Value {
    let is_said = are_said_by_columns(spec);
    let requests = filled(&spec.pod_requests);
    stated(json!({
        "affinity": affinity::written(&spec.affinity),
        "containers": (!is_said).then(|| written_containers(&spec.containers)),
        "initContainers": filled(written_containers(&spec.init_containers)),
        "nodeSelector": filled(&spec.node_selector),
        "overhead": filled(&spec.overhead),
        "resourceClaims": filled(volumes::written_claims(&spec.device_claims)),
        "schedulingGates": filled(written_gates(spec)),
        "tolerations": filled(rules::written_tolerations(&spec.tolerations)),
        "topologySpreadConstraints": filled(rules::written_spread(&spec.topology_spread)),
        "volumes": filled(volumes::written(&spec.volumes)),
        "preemptionPolicy": (!spec.preempts).then_some(NEVER),
        "resources": requests.map(|requests| json!({"requests": requests})),
        "schedulerName": filled(&spec.scheduler_name),
    }))
}

/// The scheduling gates of a spec.
pub fn written_gates(spec: &PodSpec) -> Value {
    let gates = spec.scheduling_gates.iter();
    gates.map(|gate| json!({"name": gate})).collect()
}

/// The settings for which Kubernetes has no field.
fn own(spec: &PodSpec) -> Value {
    stated(json!({
        "behaviour": rest(spec.behaviour.as_ref()),
        "life": spec.life,
        "server": spec.server,
        "needs": (!spec.needs.0.is_empty()).then_some(&spec.needs),
        "manifest": spec.manifest.0,
    }))
}

/// Containers as a spec has them.
pub fn written_containers(list: &[Container]) -> Value {
    let written = list.iter().map(|container| {
        let resources = stated(json!({
            "requests": filled(&container.requests), "limits": filled(&container.limits),
        }));
        let ports: Value = container.host_ports.iter().map(written_port).collect();
        stated(json!({
            "name": filled(&container.name),
            "image": filled(&container.image),
            "resources": filled(resources),
            "restartPolicy": container.restartable.then_some("Always"),
            "ports": filled(ports),
        }))
    });
    written.collect()
}

fn written_port(port: &HostPort) -> Value {
    let HostPort {
        host_ip,
        protocol,
        port,
    } = port;
    stated(json!({
        "containerPort": port,
        "hostPort": port,
        "hostIP": filled(host_ip),
        "protocol": filled(protocol),
    }))
}
