//! The template of a pod as the cell of a table has it.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{NEVER, OWN, are_said_by_columns, rest};
use crate::pod_template::put;
use crate::{pod_affinity, pod_rules, pod_volumes};
use model::{Container, HostPort, Labels, Owner, PodSpec, ResourceList};

/// The settings of a spec that no column has; `None` if there are none. The columns say `columns` of it.
pub(crate) fn cell(spec: &PodSpec, columns: &PodSpec) -> Option<String> {
    let mut template = Map::new();
    put(&mut template, "metadata", metadata(spec, columns));
    // Without any container the list is empty, and the only member.
    let members = members(spec);
    if !members.is_empty() {
        template.insert("spec".into(), Value::Object(members));
    }
    put(&mut template, OWN, own(spec));
    (!template.is_empty()).then(|| Value::Object(template).to_string())
}

fn metadata(spec: &PodSpec, columns: &PodSpec) -> Value {
    let mut metadata = Map::new();
    let labels: Labels = { spec.labels.iter() }
        .filter(|(label, value)| columns.labels.get(label) != Some(value))
        .map(|(label, value)| (label.clone(), value.clone()))
        .collect();
    put(&mut metadata, "labels", written_labels(&labels));
    if spec.namespace != columns.namespace {
        metadata.insert("namespace".into(), (&*spec.namespace).into());
    }
    if let Some(Owner { kind, name }) = &spec.owner {
        let owner = json!([{"kind": &**kind, "name": &**name, "controller": true}]);
        metadata.insert("ownerReferences".into(), owner);
    }
    Value::Object(metadata)
}

fn members(spec: &PodSpec) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(rules) = pod_affinity::written(&spec.affinity) {
        members.insert("affinity".into(), rules);
    }
    if !are_said_by_columns(spec) {
        members.insert("containers".into(), written_containers(&spec.containers));
    }
    let gates = spec.scheduling_gates.iter();
    let gates = gates.map(|gate| json!({"name": &**gate})).collect();
    let claims = pod_volumes::written_claims(&spec.device_claims);
    let tolerations = pod_rules::written_tolerations(&spec.tolerations);
    let spread = pod_rules::written_spread(&spec.topology_spread);
    for (name, value) in [
        ("initContainers", written_containers(&spec.init_containers)),
        ("nodeSelector", written_labels(&spec.node_selector)),
        ("overhead", written_amounts(&spec.overhead)),
        ("resourceClaims", claims),
        ("schedulingGates", gates),
        ("tolerations", tolerations),
        ("topologySpreadConstraints", spread),
        ("volumes", pod_volumes::written(&spec.volumes)),
    ] {
        put(&mut members, name, value);
    }
    if !spec.preempts {
        members.insert("preemptionPolicy".into(), NEVER.into());
    }
    if !spec.pod_requests.is_empty() {
        let requests = json!({"requests": written_amounts(&spec.pod_requests)});
        members.insert("resources".into(), requests);
    }
    if !spec.scheduler_name.is_empty() {
        members.insert("schedulerName".into(), (&*spec.scheduler_name).into());
    }
    members
}

/// The settings for which Kubernetes has no field.
fn own(spec: &PodSpec) -> Value {
    let mut own = Map::new();
    put_record(&mut own, "behaviour", rest(spec.behaviour.as_ref()));
    put_record(&mut own, "life", spec.life.as_ref());
    put_record(&mut own, "server", spec.server.as_ref());
    let needs = (!spec.needs.0.is_empty()).then_some(&spec.needs);
    put_record(&mut own, "needs", needs);
    put_record(&mut own, "manifest", spec.manifest.0.as_ref());
    Value::Object(own)
}

/// Adds a record of the model, if there is one.
fn put_record(members: &mut Map<String, Value>, name: &str, record: Option<impl Serialize>) {
    let written = record.and_then(|record| serde_json::to_value(record).ok());
    if let Some(written) = written {
        members.insert(name.into(), written);
    }
}

/// Containers as a spec has them.
pub(crate) fn written_containers(list: &[Container]) -> Value {
    let written = list.iter().map(|container| {
        let mut members = Map::new();
        for (member, text) in [("name", &container.name), ("image", &container.image)] {
            if !text.is_empty() {
                members.insert(member.into(), (&**text).into());
            }
        }
        let mut resources = Map::new();
        for (member, list) in [
            ("requests", &container.requests),
            ("limits", &container.limits),
        ] {
            if !list.is_empty() {
                resources.insert(member.into(), written_amounts(list));
            }
        }
        if !resources.is_empty() {
            members.insert("resources".into(), Value::Object(resources));
        }
        if container.restartable {
            members.insert("restartPolicy".into(), "Always".into());
        }
        let ports = container.host_ports.iter().map(written_port);
        put(&mut members, "ports", ports.collect());
        Value::Object(members)
    });
    written.collect()
}

fn written_port(port: &HostPort) -> Value {
    let HostPort {
        host_ip,
        protocol,
        port,
    } = port;
    let mut members = Map::new();
    for member in ["containerPort", "hostPort"] {
        members.insert(member.into(), (*port).into());
    }
    for (member, text) in [("hostIP", host_ip), ("protocol", protocol)] {
        if !text.is_empty() {
            members.insert(member.into(), (&**text).into());
        }
    }
    Value::Object(members)
}

/// Amounts by resource.
pub(crate) fn written_amounts(list: &ResourceList) -> Value {
    let amounts = list.iter();
    let amounts = amounts.map(|(name, amount)| (name.to_owned(), amount.to_string().into()));
    Value::Object(amounts.collect())
}

/// Labels by key.
pub(crate) fn written_labels(labels: &Labels) -> Value {
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| (name.to_string(), (&**value).into()));
    Value::Object(labels.collect())
}
