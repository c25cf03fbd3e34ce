//! Settings of pods for which the project's own table has no column each: all that a run reads of a pod beside its
//! requests, GPUs, priority and usage. One cell has them as the template of a pod in Kubernetes' notation, in JSON:
//! `{"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main"}]}}`. A member `windtunnel` has
//! what Kubernetes has no field for.

mod written;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use written::{cell, written_containers, written_gates};

use crate::job_fields::JobField;
use crate::pod::template::{amounts, bad, check, containers, labels, list, list_of_amounts, text};
use crate::pod::{affinity, rules, volumes};
use intake::ledger::BadRow;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{
    Behaviour, Container, HostPort, JOB_TYPE_LABEL, Needs, Owner, PodSpec, TemplateText, Text,
};

/// The members of a template, by the object that they stand in.
const TEMPLATE: [&str; 3] = ["metadata", "spec", OWN];
const METADATA: [&str; 3] = ["labels", "namespace", "ownerReferences"];
const SPEC: [&str; 13] = [
    "affinity",
    "containers",
    "initContainers",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "resourceClaims",
    "resources",
    "schedulerName",
    "schedulingGates",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];
const CONTAINER: [&str; 5] = ["name", "image", "resources", "restartPolicy", "ports"];
const PORT: [&str; 4] = ["containerPort", "hostPort", "hostIP", "protocol"];
const RESOURCES: [&str; 2] = ["requests", "limits"];
const REQUESTS: [&str; 1] = ["requests"];
const GATE: [&str; 1] = ["name"];
const OWNER: [&str; 3] = ["kind", "name", "controller"];

/// The member of what Kubernetes has no field for, or only several that say it together; its members are records
/// of the model.
const OWN: &str = "windtunnel";
const OWN_MEMBERS: [&str; 5] = ["behaviour", "life", "server", "needs", "manifest"];

/// The policy of a pod that preempts no other.
const NEVER: &str = "Never";

/// Whether a container says no more than columns do.
fn is_plain(container: &Container) -> bool {
    let columns = [CPU, MEMORY, EPHEMERAL_STORAGE];
    let bare = Container {
        requests: container.requests.clone(),
        ..Container::default()
    };
    bare == *container && { container.requests.iter() }.all(|(name, _)| columns.contains(&name))
}

/// Whether columns say all that the containers of a pod request.
pub fn are_said_by_columns(spec: &PodSpec) -> bool {
    let has_one = match &*spec.containers {
        [one] => is_plain(one),
        _ => false,
    };
    // Columns have the sum of all.
    has_one
        && spec.init_containers.is_empty()
        && spec.pod_requests.is_empty()
        && spec.overhead.is_empty()
}

/// Whether a label has a column of its own that says its value.
fn has_column(label: &str, value: &str) -> bool {
    let is_known = label == JOB_TYPE_LABEL || JobField::ALL.iter().any(|own| own.label == label);
    is_known && !value.is_empty() && is_cell(value)
}

/// Whether a cell of a table is read as the text that was written: it has one line, without blanks around it.
pub fn is_cell(text: &str) -> bool {
    text == text.trim() && !text.contains(['\n', '\r'])
}

/// The behaviour of a spec but for usage and resizes, which have columns.
fn rest(behaviour: Option<&Arc<Behaviour>>) -> Option<Behaviour> {
    let rest = Behaviour {
        cpu_usage: None,
        memory_usage: None,
        resizes: Vec::new(),
        ..Behaviour::clone(behaviour?)
    };
    (rest != Behaviour::default()).then_some(rest)
}

/// Whether a spec has settings that no column has.
pub fn has_settings(spec: &PodSpec) -> bool {
    // A field that is new in the model has to be named here, and in `cell` and `read`.
    let PodSpec {
        namespace,
        labels,
        scheduler_name,
        priority: _,
        preempts,
        containers: _,
        init_containers: _,
        overhead: _,
        pod_requests: _,
        node_selector,
        affinity,
        tolerations,
        topology_spread,
        gpu: _,
        scheduling_gates,
        volumes,
        owner,
        life,
        behaviour,
        server,
        needs,
        device_claims,
        manifest,
    } = spec;
    let is_plain = are_said_by_columns(spec)
        && is_cell(namespace)
        && { labels.iter() }.all(|(label, value)| has_column(label, value))
        && *preempts
        && scheduler_name.is_empty()
        && node_selector.is_empty()
        && affinity::written(affinity).is_none()
        && tolerations.is_empty()
        && topology_spread.is_empty()
        && scheduling_gates.is_empty()
        && volumes.is_empty()
        && owner.is_none()
        && life.is_none()
        && rest(behaviour.as_ref()).is_none()
        && server.is_none()
        && needs.0.is_empty()
        && device_claims.0.is_empty()
        && manifest.0.is_none();
    !is_plain
}

/// Reads a cell into the spec that the other columns of its row say; complaints name the line.
///
/// # Errors
/// The cell is no template of a pod, or it has members that are not read.
pub fn read(line: u64, cell: &str, spec: &PodSpec) -> Result<PodSpec, BadRow> {
    let wrong = |expected: &str| bad(line, "pod", Some(&cell.into()), expected);
    let template: Value = serde_json::from_str(cell)
        .map_err(|_| wrong("the template of a pod as an object of JSON"))?;
    check_members(line, &template)?;
    let none = Value::Object(Map::new());
    let [metadata, stated, own] =
        ["metadata", "spec", OWN].map(|member| template.get(member).unwrap_or(&none));
    let mut all = labels(line, metadata.get("labels"), "pod labels")?;
    for (name, value) in &spec.labels {
        all.insert_if_absent(name, || value.clone());
    }
    let optional = |of: &Value, member: &str, default: &Text| match of.get(member) {
        None | Some(Value::Null) => Ok(default.clone()),
        found => text(line, member, found),
    };
    let gates = list(line, "schedulingGates", stated.get("schedulingGates"))?;
    let gates = gates.iter().map(|gate| {
        check(line, "schedulingGates", Some(gate), &GATE)?;
        text(line, "schedulingGates", gate.get("name"))
    });
    let read = PodSpec {
        namespace: optional(metadata, "namespace", &spec.namespace)?,
        labels: all,
        scheduler_name: optional(stated, "schedulerName", &Text::default())?,
        priority: spec.priority,
        preempts: preempts(line, stated)?,
        containers: match stated.get("containers") {
            None | Some(Value::Null) => spec.containers.clone(),
            Some(_) => own_containers(line, stated, "containers")?,
        },
        init_containers: own_containers(line, stated, "initContainers")?,
        overhead: list_of_amounts(line, "overhead", stated.get("overhead"))?,
        pod_requests: amounts(line, stated, "requests")?,
        node_selector: labels(line, stated.get("nodeSelector"), "pod nodeSelector")?,
        affinity: affinity::read(line, stated.get("affinity"))?,
        tolerations: rules::tolerations(line, stated.get("tolerations"))?,
        topology_spread: rules::spread(line, stated.get("topologySpreadConstraints"))?,
        gpu: spec.gpu.clone(),
        scheduling_gates: gates.collect::<Result<_, _>>()?,
        volumes: volumes::read(line, stated.get("volumes"))?,
        owner: owner(line, metadata)?,
        life: record(line, own, "life")?,
        behaviour: behaviour(line, own, spec)?,
        server: record(line, own, "server")?,
        needs: record::<Needs>(line, own, "needs")?.unwrap_or_default(),
        device_claims: volumes::claims(line, stated.get("resourceClaims"))?,
        manifest: TemplateText(record(line, own, "manifest")?),
    };
    agree(line, spec, &read)?;
    Ok(read)
}

/// Refuses members of a template that are not read.
fn check_members(line: u64, template: &Value) -> Result<(), BadRow> {
    check(line, "pod", Some(template), &TEMPLATE)?;
    let of = |pointer: &str| template.pointer(pointer);
    check(line, "pod.metadata", of("/metadata"), &METADATA)?;
    check(line, "pod.spec", of("/spec"), &SPEC)?;
    check(line, "pod.windtunnel", of("/windtunnel"), &OWN_MEMBERS)?;
    let resources = of("/spec/resources");
    check(line, "pod.spec.resources", resources, &REQUESTS)?;
    for member in ["/spec/containers", "/spec/initContainers"] {
        let list = of(member).and_then(Value::as_array);
        for container in list.into_iter().flatten() {
            check(line, "pod container", Some(container), &CONTAINER)?;
            let resources = container.get("resources");
            check(line, "pod container.resources", resources, &RESOURCES)?;
        }
    }
    Ok(())
}

fn preempts(line: u64, stated: &Value) -> Result<bool, BadRow> {
    match stated.get("preemptionPolicy") {
        None | Some(Value::Null) => Ok(true),
        Some(policy) if policy == NEVER => Ok(false),
        Some(policy) if policy == "PreemptLowerPriority" => Ok(true),
        found => {
            let column = "pod.spec.preemptionPolicy";
            let expected = "`Never` or `PreemptLowerPriority`";
            Err(bad(line, column, found, expected))
        }
    }
}

/// The containers of a list with the ports that they take on their node.
fn own_containers(line: u64, stated: &Value, member: &str) -> Result<Vec<Container>, BadRow> {
    let mut all = containers(line, stated, member)?;
    let written = list(line, member, stated.get(member))?;
    for (container, written) in all.iter_mut().zip(written) {
        let ports = list(line, "ports", written.get("ports"))?.iter();
        let ports = ports.map(|port| host_port(line, port));
        container.host_ports = ports.collect::<Result<_, _>>()?;
    }
    Ok(all)
}

fn host_port(line: u64, found: &Value) -> Result<HostPort, BadRow> {
    check(line, "ports", Some(found), &PORT)?;
    let stated = found.get("hostPort");
    let port = stated
        .and_then(Value::as_u64)
        .and_then(|own| u16::try_from(own).ok());
    let expected = "a number from 1 to 65535";
    let port = port.filter(|own| *own > 0);
    let optional = |member: &str, default: &str| match found.get(member) {
        None | Some(Value::Null) => Ok(default.into()),
        found => text(line, member, found),
    };
    let protocol = optional("protocol", "TCP")?;
    if !matches!(&*protocol, "TCP" | "UDP" | "SCTP") {
        let stated = found.get("protocol");
        return Err(bad(line, "protocol", stated, "`TCP`, `UDP` or `SCTP`"));
    }
    Ok(HostPort {
        host_ip: optional("hostIP", "")?,
        protocol,
        port: port.ok_or_else(|| bad(line, "hostPort", stated, expected))?,
    })
}

/// The object that controls the pod.
fn owner(line: u64, metadata: &Value) -> Result<Option<Owner>, BadRow> {
    let member = "ownerReferences";
    let Some(owner) = list(line, member, metadata.get(member))?.first() else {
        return Ok(None);
    };
    check(line, member, Some(owner), &OWNER)?;
    Ok(Some(Owner {
        kind: text(line, "kind", owner.get("kind"))?,
        name: text(line, "name", owner.get("name"))?,
    }))
}

/// The behaviour that a template states, with the usage and the resizes of columns.
fn behaviour(line: u64, own: &Value, spec: &PodSpec) -> Result<Option<Arc<Behaviour>>, BadRow> {
    let Some(stated) = record::<Behaviour>(line, own, "behaviour")? else {
        return Ok(spec.behaviour.clone());
    };
    let of_columns = spec.behaviour.as_deref().cloned().unwrap_or_default();
    Ok(Some(Arc::new(Behaviour {
        cpu_usage: of_columns.cpu_usage,
        memory_usage: of_columns.memory_usage,
        resizes: of_columns.resizes,
        ..stated
    })))
}

/// A record of the model that a template has, if any.
fn record<T: DeserializeOwned>(line: u64, own: &Value, member: &str) -> Result<Option<T>, BadRow> {
    let Some(found) = own.get(member) else {
        return Ok(None);
    };
    let read = serde_json::from_value(found.clone());
    let expected = |error| format!("as `trace convert` writes it: {error}");
    read.map(Some).map_err(|error| {
        let column = format!("pod.windtunnel.{member}");
        bad(line, &column, Some(found), &expected(error))
    })
}

/// Refuses amounts in columns that are others than those that the template requests. A table of whole numbers has
/// thousandths of cores and bytes.
fn agree(line: u64, columns: &PodSpec, read: &PodSpec) -> Result<(), BadRow> {
    let [stated, requested] = [columns, read].map(PodSpec::requests);
    let requested = requested.map_err(|_| {
        let expected = "requests whose sums are quantities";
        bad(line, "pod", None, expected)
    })?;
    let stated = stated.unwrap_or_default();
    for resource in [CPU, MEMORY, EPHEMERAL_STORAGE] {
        let Some(amount) = stated.stated(resource) else {
            continue;
        };
        let requested = requested.get(resource);
        let is_equal = match resource {
            CPU => amount.milli_ceil() == requested.milli_ceil(),
            _ => amount.units_ceil() == requested.units_ceil(),
        };
        if !is_equal {
            let found = Value::from(amount.to_string());
            let expected = format!("empty, or {requested}, which `pod` requests");
            return Err(bad(line, resource, Some(&found), &expected));
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod tests;
