//! Settings of pods for which the project's own table has no column each: labels, several containers and their limits,
//! init containers, node selectors, affinity. One cell has them as the template of a pod in Kubernetes' notation, in JSON:
//! `{"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main"}]}}`.

use serde_json::{Map, Value, json};

use super::job_fields::JobField;
use super::ledger::BadRow;
use super::pod_affinity;
use super::pod_template::{amounts, bad, check, containers, labels};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{Container, JOB_TYPE_LABEL, Labels, PodSpec, ResourceList};

/// The members of a template, by the object that they stand in.
const TEMPLATE: [&str; 2] = ["metadata", "spec"];
const METADATA: [&str; 1] = ["labels"];
const SPEC: [&str; 6] = [
    "affinity",
    "containers",
    "initContainers",
    "nodeSelector",
    "preemptionPolicy",
    "resources",
];
const CONTAINER: [&str; 4] = ["name", "image", "resources", "restartPolicy"];
const RESOURCES: [&str; 2] = ["requests", "limits"];
const REQUESTS: [&str; 1] = ["requests"];

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
pub(crate) fn are_said_by_columns(spec: &PodSpec) -> bool {
    let has_one = match &*spec.containers {
        [] => true,
        [one] => is_plain(one),
        _ => false,
    };
    // Columns have the sum of all.
    has_one && spec.init_containers.is_empty() && spec.pod_requests.is_empty()
}

/// Whether a label has a column of its own.
fn has_column(label: &str) -> bool {
    label == JOB_TYPE_LABEL || JobField::ALL.iter().any(|field| field.label == label)
}

/// Whether a spec has settings that no column has.
pub(crate) fn has_settings(spec: &PodSpec) -> bool {
    !are_said_by_columns(spec)
        || !spec.node_selector.is_empty()
        || !spec.preempts
        || pod_affinity::written(&spec.affinity).is_some()
        || spec.labels.iter().any(|(label, _)| !has_column(label))
}

/// The settings of a spec that no column has; `None` if there are none.
pub(crate) fn cell(spec: &PodSpec) -> Option<String> {
    if !has_settings(spec) {
        return None;
    }
    let mut members = Map::new();
    if let Some(rules) = pod_affinity::written(&spec.affinity) {
        members.insert("affinity".into(), rules);
    }
    if !are_said_by_columns(spec) {
        members.insert("containers".into(), written_containers(&spec.containers));
    }
    if !spec.init_containers.is_empty() {
        let init = written_containers(&spec.init_containers);
        members.insert("initContainers".into(), init);
    }
    if !spec.node_selector.is_empty() {
        members.insert("nodeSelector".into(), written_labels(&spec.node_selector));
    }
    if !spec.preempts {
        members.insert("preemptionPolicy".into(), NEVER.into());
    }
    if !spec.pod_requests.is_empty() {
        let requests = json!({"requests": written_amounts(&spec.pod_requests)});
        members.insert("resources".into(), requests);
    }
    let labels: Labels = { spec.labels.iter() }
        .filter(|(label, _)| !has_column(label))
        .map(|(label, value)| (label.clone(), value.clone()))
        .collect();
    let mut template = Map::new();
    if !labels.is_empty() {
        let labels = json!({"labels": written_labels(&labels)});
        template.insert("metadata".into(), labels);
    }
    if !members.is_empty() {
        template.insert("spec".into(), Value::Object(members));
    }
    Some(Value::Object(template).to_string())
}

fn written_containers(list: &[Container]) -> Value {
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
        Value::Object(members)
    });
    written.collect()
}

fn written_amounts(list: &ResourceList) -> Value {
    let amounts = list.iter();
    let amounts = amounts.map(|(name, amount)| (name.to_owned(), amount.to_string().into()));
    Value::Object(amounts.collect())
}

fn written_labels(labels: &Labels) -> Value {
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| (name.to_string(), (&**value).into()));
    Value::Object(labels.collect())
}

/// Reads a cell into the spec that the other columns of its row say; complaints name the line.
///
/// # Errors
/// The cell is no template of a pod, or it has members that are not read.
pub(crate) fn read(line: u64, cell: &str, spec: &PodSpec) -> Result<PodSpec, BadRow> {
    let wrong = |expected: &str| bad(line, "pod", Some(&cell.into()), expected);
    let template: Value = serde_json::from_str(cell)
        .map_err(|_| wrong("the template of a pod as an object of JSON"))?;
    check(line, "pod", Some(&template), &TEMPLATE)?;
    let metadata = template.get("metadata");
    check(line, "pod.metadata", metadata, &METADATA)?;
    let none = Value::Object(Map::new());
    let stated = template.get("spec").unwrap_or(&none);
    check(line, "pod.spec", Some(stated), &SPEC)?;
    check(
        line,
        "pod.spec.resources",
        stated.get("resources"),
        &REQUESTS,
    )?;
    for member in ["containers", "initContainers"] {
        let list = stated.get(member).and_then(Value::as_array);
        for container in list.into_iter().flatten() {
            check(line, "pod container", Some(container), &CONTAINER)?;
            let resources = container.get("resources");
            check(line, "pod container.resources", resources, &RESOURCES)?;
        }
    }
    let preempts = match stated.get("preemptionPolicy") {
        None | Some(Value::Null) => true,
        Some(policy) if policy == NEVER => false,
        Some(policy) if policy == "PreemptLowerPriority" => true,
        found => {
            let column = "pod.spec.preemptionPolicy";
            return Err(bad(
                line,
                column,
                found,
                "`Never` or `PreemptLowerPriority`",
            ));
        }
    };
    let mut all = labels(line, template.pointer("/metadata/labels"), "pod labels")?;
    for (name, value) in &spec.labels {
        all.insert(name.clone(), value.clone());
    }
    let containers = containers(line, stated, "containers")?;
    let read = PodSpec {
        labels: all,
        affinity: pod_affinity::read(line, stated.get("affinity"))?,
        preempts,
        containers: if containers.is_empty() {
            spec.containers.clone()
        } else {
            containers
        },
        init_containers: self::containers(line, stated, "initContainers")?,
        node_selector: labels(line, stated.get("nodeSelector"), "pod nodeSelector")?,
        pod_requests: amounts(line, stated, "requests")?,
        ..spec.clone()
    };
    agree(line, spec, &read)?;
    Ok(read)
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use units::Quantity;

    fn some_labels() -> impl Strategy<Value = Labels> {
        let label = ("[a-z\"=,|]{1,4}", "[a-z\" \\n]{0,4}");
        let all = prop::collection::vec(label, 0..3);
        all.prop_map(|all| {
            let labels = all.into_iter();
            labels
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect()
        })
    }

    fn amounts_of(names: &'static [&'static str]) -> impl Strategy<Value = ResourceList> {
        let one = (prop::sample::select(names), 0_i64..9_000);
        prop::collection::vec(one, 0..3).prop_map(|all| {
            let mut list = ResourceList::default();
            for (name, milli) in all {
                list.set(name, Quantity::from_milli(milli));
            }
            list
        })
    }

    fn container() -> impl Strategy<Value = Container> {
        let requests = amounts_of(&[CPU, MEMORY, "example.com/nic"]);
        let amounts = (requests, amounts_of(&[CPU, MEMORY]));
        let all = ("[a-z]{0,3}", "[a-z:]{0,3}", amounts, any::<bool>());
        all.prop_map(|(name, image, (mut requests, limits), restartable)| {
            for (resource, amount) in limits.named() {
                requests.insert_if_absent(resource, amount);
            }
            Container {
                name: name.as_str().into(),
                image: image.as_str().into(),
                requests,
                limits,
                restartable,
                ..Container::default()
            }
        })
    }

    fn pod() -> impl Strategy<Value = PodSpec> {
        let containers = prop::collection::vec(container(), 1..3);
        let init = prop::collection::vec(container(), 0..2);
        let all = (
            some_labels(),
            some_labels(),
            containers,
            init,
            any::<bool>(),
        );
        all.prop_map(
            |(labels, node_selector, containers, init_containers, preempts)| PodSpec {
                labels,
                node_selector,
                containers,
                init_containers,
                preempts,
                ..PodSpec::default()
            },
        )
    }

    proptest! {
        #[test]
        fn a_pod_reads_back(spec in pod()) {
            let mut columns = ResourceList::default();
            let requests = spec.requests().expect("small");
            for resource in [CPU, MEMORY] {
                if let Some(amount) = requests.stated(resource) {
                    columns.set(resource, amount);
                }
            }
            let base = PodSpec::with_requests(columns);
            let found = match cell(&spec) {
                None => Ok(base),
                Some(text) => read(1, &text, &base),
            };
            prop_assert_eq!(found.map_err(|bad| bad.rule), Ok(spec));
        }
    }

    #[test]
    fn what_is_not_read_is_refused() {
        let cpu = ResourceList::from_pairs([(CPU, Quantity::from_milli(500))]);
        let complaint = |text: &str| {
            let found = read(7, text, &PodSpec::with_requests(cpu.clone()));
            let bad = found.expect_err("wrong");
            format!("{}: {}, found {}", bad.column, bad.rule, bad.value)
        };
        for (text, expected) in [
            ("[]", "pod: must be an object, found []"),
            (
                "{",
                "pod: must be the template of a pod as an object of JSON, found \"{\"",
            ),
            (
                r#"{"kind": "Pod"}"#,
                "pod: must be of these members: metadata, spec, found \"kind\"",
            ),
            (
                r#"{"spec": {"volumes": []}}"#,
                "pod.spec: must be of these members: affinity, containers, initContainers, nodeSelector, preemptionPolicy, \
                 resources, found \"volumes\"",
            ),
            (
                r#"{"spec": {"containers": [{"ports": []}]}}"#,
                "pod container: must be of these members: name, image, resources, restartPolicy, found \"ports\"",
            ),
            (
                r#"{"spec": {"containers": [{"resources": {"requests": {"cpu": 2}}}]}}"#,
                "cpu: must be empty, or 2, which `pod` requests, found \"500m\"",
            ),
            (
                r#"{"spec": {"preemptionPolicy": "never"}}"#,
                "pod.spec.preemptionPolicy: must be `Never` or `PreemptLowerPriority`, found \"never\"",
            ),
        ] {
            assert_eq!(complaint(text), expected);
        }
    }
}
