//! Pods of Kubernetes as recordings of a cluster hold them: labels, containers with what they request and the ports that
//! they take of a node, priority, and rules about the pod's place, of a JSON object. (Manifests have a reader of their own,
//! which models all of a pod.)

use serde_json::Value;

use super::ledger::BadRow;
use super::pod_template::{amounts, bad, containers, is_empty, labels, list, list_of_amounts};
use super::{pod_affinity, pod_fields, pod_rules};
use model::{Container, HostPort, PodSpec, Toleration};
use units::Duration;

/// A pod, or the template of one.
pub(crate) struct Template {
    /// The spec.
    pub(crate) spec: PodSpec,
    /// Whether the pod has rules about its place that are not enforced ([`UNENFORCED`]).
    pub(crate) has_rules: bool,
    /// The members of the spec that the API of Kubernetes doesn't know.
    pub(crate) unknown: Vec<String>,
}

/// The note about rules that are not enforced: what lifts a gate or fulfils a claim is not in a recording.
pub(crate) const UNENFORCED: &str =
    "gates, claims on volumes or devices, or numeric tolerations of pods, not enforced";

/// Members of a spec that bear on a pod's place and are not read.
const RULES: [&str; 2] = ["schedulingGates", "resourceClaims"];

/// Reads the object at `template`, with `metadata` and `spec`, of a namespace; complaints name `line`.
pub(crate) fn read(line: u64, template: &Value, namespace: &str) -> Result<Template, BadRow> {
    let Some(spec) = template.get("spec").filter(|spec| spec.is_object()) else {
        return Err(bad(line, "spec", template.get("spec"), "the spec of a pod"));
    };
    let mut containers = containers(line, spec, "containers")?;
    let mut init_containers = self::containers(line, spec, "initContainers")?;
    add_ports(line, spec, "containers", &mut containers)?;
    add_ports(line, spec, "initContainers", &mut init_containers)?;
    // Ports of one that ends before the others begin are never counted on a node.
    for container in init_containers.iter_mut().filter(|own| !own.restartable) {
        container.host_ports.clear();
    }
    if containers.is_empty() {
        let found = spec.get("containers");
        return Err(bad(line, "containers", found, "a list with a container"));
    }
    let priority = match spec.get("priority") {
        None | Some(Value::Null) => 0,
        Some(found) => {
            let number = found.as_i64().and_then(|number| i32::try_from(number).ok());
            number.ok_or_else(|| bad(line, "priority", Some(found), "a whole number"))?
        }
    };
    let is_stated = |member: &&str| !is_empty(spec.get(member));
    let Tolerations { read, has_numeric } = Tolerations::of(line, spec.get("tolerations"))?;
    let labels = labels(line, template.pointer("/metadata/labels"), "labels")?;
    let mut affinity = pod_affinity::read(line, spec.get("affinity"))?;
    affinity.merge_label_keys(&labels);
    Ok(Template {
        spec: PodSpec {
            namespace: namespace.into(),
            labels,
            priority,
            preempts: spec.get("preemptionPolicy").and_then(Value::as_str) != Some("Never"),
            containers,
            overhead: list_of_amounts(line, "overhead", spec.get("overhead"))?,
            pod_requests: amounts(line, spec, "requests")?,
            init_containers,
            node_selector: self::labels(line, spec.get("nodeSelector"), "nodeSelector")?,
            affinity,
            tolerations: read,
            topology_spread: pod_rules::spread(line, spec.get("topologySpreadConstraints"))?,
            ..PodSpec::default()
        },
        has_rules: has_numeric || RULES.iter().any(is_stated) || has_claims(spec),
        unknown: pod_fields::unknown(spec),
    })
}

/// Tolerations of a pod.
struct Tolerations {
    read: Vec<Toleration>,
    /// Whether some compare numbers, which the model doesn't do.
    has_numeric: bool,
}

impl Tolerations {
    fn of(line: u64, found: Option<&Value>) -> Result<Self, BadRow> {
        let all = list(line, "tolerations", found)?;
        let is_numeric = |own: &&Value| {
            let operator = own.get("operator").and_then(Value::as_str);
            matches!(operator, Some("Lt" | "Gt"))
        };
        let plain: Value = { all.iter() }
            .filter(|own| !is_numeric(own))
            .cloned()
            .collect();
        let mut read = pod_rules::tolerations(line, Some(&plain))?;
        for own in &mut read {
            own.key = own.key.take().filter(|key| !key.is_empty());
            // A negative time means at once, as 0 does.
            own.tolerates_for = own.tolerates_for.map(|time| time.max(Duration::ZERO));
        }
        Ok(Self {
            read,
            has_numeric: all.iter().any(|own| is_numeric(&own)),
        })
    }
}

/// Adds to containers the ports that they take on their node: those of a pod in the network of its node are all.
fn add_ports(
    line: u64,
    spec: &Value,
    member: &str,
    containers: &mut [Container],
) -> Result<(), BadRow> {
    let is_on_host = spec.get("hostNetwork").and_then(Value::as_bool) == Some(true);
    let written = list(line, member, spec.get(member))?;
    for (container, written) in containers.iter_mut().zip(written) {
        for port in list(line, "ports", written.get("ports"))? {
            let stated = |member: &str| port.get(member).filter(|own| **own != 0 && !own.is_null());
            let of_container = stated("containerPort").filter(|_| is_on_host);
            let Some(found) = stated("hostPort").or(of_container) else {
                continue;
            };
            let number = found.as_u64().and_then(|own| u16::try_from(own).ok());
            let expected = "a number from 1 to 65535";
            let text = |member: &str| port.get(member).and_then(Value::as_str);
            let protocol = text("protocol").filter(|own| !own.is_empty());
            let host_ip = text("hostIP").filter(|own| *own != "0.0.0.0");
            container.host_ports.push(HostPort {
                host_ip: host_ip.unwrap_or_default().into(),
                protocol: protocol.unwrap_or("TCP").into(),
                port: number.ok_or_else(|| bad(line, "hostPort", Some(found), expected))?,
            });
        }
    }
    Ok(())
}

/// Whether a pod mounts claims of volumes.
fn has_claims(spec: &Value) -> bool {
    let volumes = spec.get("volumes").and_then(Value::as_array);
    volumes
        .into_iter()
        .flatten()
        .any(|own| own.get("persistentVolumeClaim").is_some() || own.get("ephemeral").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Template, String> {
        let value: Value = serde_json::from_str(text).expect("JSON");
        read(7, &value, "ns")
            .map_err(|bad| format!("{}: {}, found {}", bad.column, bad.rule, bad.value))
    }

    #[test]
    fn rules_about_places_are_those_of_the_pod() {
        let text = r#"{"metadata": {"labels": {"app": "web"}}, "spec": {"hostNetwork": true,
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["app"]}]}},
            "tolerations": [{"key": "gpu", "operator": "Exists"}, {"operator": "Exists", "key": "",
            "effect": "NoExecute", "tolerationSeconds": -3}],
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
            "initContainers": [{"name": "i", "ports": [{"hostPort": 70}]}],
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 80},
            {"hostPort": 90, "containerPort": 9, "protocol": "UDP", "hostIP": "0.0.0.0"}]}]}}"#;
        let read = read_text(text).expect("a pod");
        let spec = read.spec;
        assert!(!read.has_rules);
        let terms = &spec.affinity.required_pod_anti_affinity;
        let selector = terms[0].selector.as_ref().expect("a selector");
        let keys = selector.requirements.iter().map(|own| &*own.key);
        assert_eq!(keys.collect::<Vec<_>>(), ["a", "app"]);
        let [first, second] = &spec.tolerations[..] else {
            panic!("two tolerations");
        };
        assert_eq!((first.key.as_deref(), &first.value), (Some("gpu"), &None));
        assert_eq!(
            (second.key.as_deref(), second.tolerates_for),
            (None, Some(Duration::ZERO))
        );
        assert!(spec.topology_spread[0].hard);
        let ports = spec.host_ports().map(|own| (&*own.protocol, own.port));
        assert_eq!(ports.collect::<Vec<_>>(), [("TCP", 80), ("UDP", 90)]);
        let wrong = text.replace("\"hostPort\": 90", "\"hostPort\": 900000");
        let found = read_text(&wrong).map(drop);
        let complaint = "hostPort: must be a number from 1 to 65535, found 900000";
        assert_eq!(found, Err(complaint.to_owned()));
    }

    #[test]
    fn requests_follow_from_limits_and_rules_are_noted() {
        let text = r#"{"metadata": {"labels": {"a": "b"}}, "spec": {"priority": 5,
            "tolerations": [{"key": "node.kubernetes.io/not-ready"}], "nodeSelector": {"z": "1"},
            "containers": [{"name": "c", "resources": {"limits": {"cpu": 2, "memory": "1Gi"},
            "requests": {"cpu": "500m"}}}]}}"#;
        let read = read_text(text).expect("a pod");
        let requests = read.spec.requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        assert_eq!(requests.get("memory").units_ceil(), Ok(1 << 30));
        assert_eq!((read.spec.priority, read.has_rules), (5, false));
        for (from, to) in [
            (
                "\"key\": \"node.kubernetes.io/not-ready\"",
                "\"key\": \"a\", \"operator\": \"Gt\", \"value\": \"5\"",
            ),
            (
                "\"priority\": 5",
                "\"volumes\": [{\"name\": \"v\", \"persistentVolumeClaim\": {}}]",
            ),
        ] {
            let other = read_text(&text.replace(from, to)).expect("a pod");
            assert!(other.has_rules, "{to}");
        }
        let sandbox = text.replace(
            "\"priority\"",
            "\"overhead\": {\"cpu\": \"1\"}, \"priority\"",
        );
        let requests = read_text(&sandbox).expect("a pod").spec.requests();
        let cpu = requests.expect("small").get("cpu").milli_ceil();
        assert_eq!(cpu, Ok(1_500));
        for (from, to, complaint) in [
            (
                "\"500m\"",
                "\"5x\"",
                "requests.cpu: must be an amount such as `500m` or `2Gi`, found \"5x\"",
            ),
            (
                "\"500m\"",
                "-1",
                "requests.cpu: must be an amount such as `500m` or `2Gi`, found -1",
            ),
            (
                "\"1\"",
                "1",
                "nodeSelector: must be labels whose values are texts, found {\"z\":1}",
            ),
            (
                "5,",
                "1e99,",
                "priority: must be a whole number, found 1e+99",
            ),
            (
                "\"containers\"",
                "\"x\"",
                "containers: must be a list with a container, found ",
            ),
        ] {
            let found = read_text(&text.replace(from, to)).map(drop);
            assert_eq!(found, Err(complaint.to_owned()));
        }
    }
}
