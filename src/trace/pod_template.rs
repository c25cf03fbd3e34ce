//! Pods of Kubernetes as recordings of a cluster hold them: names, labels, containers with what they
//! request, priority and node selector of a JSON object. (Manifests have a reader of
//! their own, which models all of a pod.)

use serde_json::{Map, Value, json};

use super::ledger::BadRow;
use super::pod_fields;
use model::{Container, Labels, PodSpec, ResourceList, Text};
use units::Quantity;

/// A pod, or the template of one.
pub(crate) struct Template {
    /// The spec.
    pub(crate) spec: PodSpec,
    /// Whether the pod has rules about its place that are not read.
    pub(crate) has_rules: bool,
    /// The members of the spec that the API of Kubernetes doesn't know.
    pub(crate) unknown: Vec<String>,
}

/// Members of a spec that bear on a pod's place and are not read.
const RULES: [&str; 4] = [
    "affinity",
    "topologySpreadConstraints",
    "schedulingGates",
    "resourceClaims",
];

/// Reads the object at `template`, with `metadata` and `spec`, of a namespace; complaints name `line`.
pub(crate) fn read(line: u64, template: &Value, namespace: &str) -> Result<Template, BadRow> {
    let Some(spec) = template.get("spec").filter(|spec| spec.is_object()) else {
        return Err(bad(line, "spec", template.get("spec"), "the spec of a pod"));
    };
    let containers = containers(line, spec, "containers")?;
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
    let tolerations = spec.get("tolerations").and_then(Value::as_array);
    let is_own = |toleration: &Value| {
        // Those are added to every pod by the cluster itself.
        let key = toleration.get("key").and_then(Value::as_str);
        !key.is_some_and(|key| key.starts_with("node.kubernetes.io/"))
    };
    let tolerates = tolerations.is_some_and(|list| list.iter().any(is_own));
    Ok(Template {
        spec: PodSpec {
            namespace: namespace.into(),
            labels: labels(line, template.pointer("/metadata/labels"), "labels")?,
            priority,
            preempts: spec.get("preemptionPolicy").and_then(Value::as_str) != Some("Never"),
            containers,
            overhead: list_of_amounts(line, "overhead", spec.get("overhead"))?,
            pod_requests: amounts(line, spec, "requests")?,
            init_containers: self::containers(line, spec, "initContainers")?,
            node_selector: labels(line, spec.get("nodeSelector"), "nodeSelector")?,
            ..PodSpec::default()
        },
        has_rules: tolerates || RULES.iter().any(is_stated) || claims_or_takes_ports(spec),
        unknown: pod_fields::unknown(spec),
    })
}

/// Whether a pod mounts claims of volumes, or takes ports on its node.
fn claims_or_takes_ports(spec: &Value) -> bool {
    let list = |of: &Value, member: &str| -> Vec<Value> {
        let list = of.get(member).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let volumes = list(spec, "volumes");
    let has_claim = volumes
        .iter()
        .any(|own| own.get("persistentVolumeClaim").is_some() || own.get("ephemeral").is_some());
    let containers = list(spec, "containers");
    let mut ports = containers.iter().flat_map(|own| list(own, "ports"));
    has_claim || ports.any(|own| own.get("hostPort").is_some_and(|port| *port != 0))
}

/// Amounts by resource that are a member by themselves.
pub(crate) fn list_of_amounts(
    line: u64,
    member: &str,
    found: Option<&Value>,
) -> Result<ResourceList, BadRow> {
    let stated = json!({"resources": {member: found}});
    amounts(line, &stated, member)
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

/// A complaint about a member.
pub(crate) fn bad(line: u64, column: &str, found: Option<&Value>, expected: &str) -> BadRow {
    let found = found.map(ToString::to_string).unwrap_or_default();
    BadRow {
        line,
        column: column.to_owned(),
        value: found.chars().take(80).collect(),
        rule: format!("must be {expected}"),
    }
}

/// Refuses what is no object, and members that are not read.
pub(crate) fn check(
    line: u64,
    at: &str,
    found: Option<&Value>,
    known: &[&str],
) -> Result<(), BadRow> {
    let members = match found {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(members)) => members,
        found => return Err(bad(line, at, found, "an object")),
    };
    match members.keys().find(|name| !known.contains(&&***name)) {
        None => Ok(()),
        Some(other) => {
            let expected = format!("of these members: {}", known.join(", "));
            Err(bad(line, at, Some(&Value::from(&**other)), &expected))
        }
    }
}

/// Adds a member unless it is an empty list or object.
pub(crate) fn put(members: &mut Map<String, Value>, name: &str, value: Value) {
    if !is_empty(Some(&value)) {
        members.insert(name.into(), value);
    }
}

/// A list of texts.
pub(crate) fn written_texts(list: &[Text]) -> Value {
    list.iter().map(|own| Value::from(&**own)).collect()
}

/// A text, which must be there.
pub(crate) fn text(line: u64, column: &str, found: Option<&Value>) -> Result<Text, BadRow> {
    let own = found.and_then(Value::as_str);
    own.map(Text::from)
        .ok_or_else(|| bad(line, column, found, "a text"))
}

/// The texts of a list, which may be absent.
pub(crate) fn texts(line: u64, column: &str, found: Option<&Value>) -> Result<Vec<Text>, BadRow> {
    let list = list(line, column, found)?.iter();
    list.map(|own| text(line, column, Some(own))).collect()
}

/// The elements of a list, which may be absent.
pub(crate) fn list<'v>(
    line: u64,
    column: &str,
    found: Option<&'v Value>,
) -> Result<&'v [Value], BadRow> {
    match found {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        found => Err(bad(line, column, found, "a list")),
    }
}

/// The containers of a list, which may be absent.
pub(crate) fn containers(line: u64, spec: &Value, member: &str) -> Result<Vec<Container>, BadRow> {
    let list = match spec.get(member) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        found => return Err(bad(line, member, found, "a list of containers")),
    };
    let read = list.iter().map(|container| {
        let text = |member: &str| {
            container
                .get(member)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let limits = amounts(line, container, "limits")?;
        let mut requests = amounts(line, container, "requests")?;
        for (name, amount) in limits.named() {
            requests.insert_if_absent(name, amount);
        }
        Ok(Container {
            name: text("name").into(),
            image: text("image").into(),
            requests,
            limits,
            restartable: text("restartPolicy") == "Always",
            ..Container::default()
        })
    });
    read.collect()
}

/// The requests or limits of a container.
pub(crate) fn amounts(line: u64, container: &Value, member: &str) -> Result<ResourceList, BadRow> {
    let mut list = ResourceList::default();
    let found = container.pointer(&format!("/resources/{member}"));
    let map = match found {
        None | Some(Value::Null) => return Ok(list),
        Some(Value::Object(map)) => map,
        found => return Err(bad(line, member, found, "amounts by resource")),
    };
    for (name, amount) in map {
        let text = match amount {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let read = text.parse::<Quantity>().ok();
        let read = read.filter(|amount| *amount >= Quantity::ZERO);
        let column = format!("{member}.{name}");
        let expected = "an amount such as `500m` or `2Gi`";
        let amount = read.ok_or_else(|| bad(line, &column, Some(amount), expected))?;
        list.set(name, amount);
    }
    Ok(list)
}

/// Labels by name, which may be absent.
pub(crate) fn labels(line: u64, found: Option<&Value>, member: &str) -> Result<Labels, BadRow> {
    let map = match found {
        None | Some(Value::Null) => return Ok(Labels::new()),
        Some(Value::Object(map)) => map,
        found => return Err(bad(line, member, found, "labels by name")),
    };
    let mut labels = Labels::new();
    for (key, value) in map {
        let text = value.as_str();
        let text = text.ok_or_else(|| bad(line, member, found, "labels whose values are texts"))?;
        labels.insert(key.as_str().into(), text.into());
    }
    Ok(labels)
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
                "\"name\": \"c\"",
                "\"name\": \"c\", \"ports\": [{\"hostPort\": 80}]",
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
        let tolerating = text.replace("node.kubernetes.io/not-ready", "gpu");
        assert!(read_text(&tolerating).expect("a pod").has_rules);
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
