//! Part of an object that is read, and one form of it for all texts that say the same: amounts in one unit,
//! defaults left out, keys and named items sorted. Secrets, values of variables and the data of configs are
//! no part of either.

use serde_json::{Map, Value, json};

use super::fields::{Retention, read_of};
use super::template_text::{settle, written_template};
use units::SortedSet;

/// The part of an object that a run can look at, as it is written there; `None` if nothing of its kind is
/// read.
pub fn read_part(object: &Value) -> Option<Value> {
    let kind = object.get("kind")?.as_str()?;
    let mut read = part(object, read_of(kind)?)?;
    fill(&mut read);
    Some(read)
}

/// The form of an object's template by which revisions of a workload are told apart: whatever it says
/// counts; `None` without a template.
pub fn revision_form(object: &Value) -> Option<String> {
    let templates = ["/spec/template", "/spec/jobTemplate/spec/template"];
    let found = templates.iter().find_map(|path| object.pointer(path));
    found.map(written_template)
}

fn part(value: &Value, keep: Retention) -> Option<Value> {
    match keep {
        _ if value.is_null() => None,
        Retention::Nothing => None,
        Retention::Presence => Some(Value::Object(Map::new())),
        Retention::All | Retention::Aside => Some(value.clone()),
        Retention::References => {
            let mut found = SortedSet::new();
            // A volume's field says what it is.
            let of_volume = json!({"secret": {
                "name": value.get("secretName"), "optional": value.get("optional"),
            }, "configMap": value});
            references(&of_volume, &mut found);
            Some(found.into_iter().collect())
        }
        Retention::Annotations | Retention::Fields(_) | Retention::Object(_) => Some(match value {
            Value::Object(fields) => {
                let fields = fields.iter();
                let read = fields.filter_map(|(name, inside)| {
                    Some((name.clone(), part(inside, keep.of_field(name))?))
                });
                Value::Object(read.collect())
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| part(item, keep));
                items.map(Option::unwrap_or_default).collect()
            }
            other => other.clone(),
        }),
    }
}

/// Fields that name a secret or a config, with its kind.
const REFERENCES: &[(&str, &str)] = &[
    ("configMap", "ConfigMap"),
    ("configMapKeyRef", "ConfigMap"),
    ("configMapRef", "ConfigMap"),
    ("secret", "Secret"),
    ("secretKeyRef", "Secret"),
    ("secretRef", "Secret"),
];

/// Adds the secrets and configs that a value needs, of a variable, or of a volume's source.
fn references(value: &Value, found: &mut SortedSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(fields) => {
            for (name, inside) in fields {
                let kind = REFERENCES.iter().find(|(field, _)| field == name);
                let is_optional = inside.get("optional") == Some(&Value::Bool(true));
                let named = inside.get("name").and_then(Value::as_str);
                if let Some(((_, kind), named)) = kind.zip(named).filter(|_| !is_optional) {
                    found.insert(format!("{kind} {named}"));
                }
                references(inside, found);
            }
        }
        _ => {}
    }
}

/// Defaults of the API server or the reader: the field around each, its name, its value in JSON.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("spec", "replicas", "1"),
    ("spec", "minReadySeconds", "0"),
    ("spec", "paused", "false"),
    ("spec", "progressDeadlineSeconds", "600"),
    ("spec", "revisionHistoryLimit", "10"),
    ("spec", "podManagementPolicy", r#""OrderedReady""#),
    ("spec", "minReplicas", "1"),
    ("spec", "parallelism", "1"),
    ("spec", "backoffLimit", "6"),
    ("spec", "completionMode", r#""NonIndexed""#),
    ("spec", "suspend", "false"),
    ("spec", "concurrencyPolicy", r#""Allow""#),
    ("spec", "successfulJobsHistoryLimit", "3"),
    ("spec", "failedJobsHistoryLimit", "1"),
    ("spec", "sessionAffinity", r#""None""#),
    ("spec", "publishNotReadyAddresses", "false"),
    ("spec", "unschedulable", "false"),
    ("spec", "preemptionPolicy", r#""PreemptLowerPriority""#),
    ("", "preemptionPolicy", r#""PreemptLowerPriority""#),
    ("", "globalDefault", "false"),
    ("", "status", "{}"),
    ("strategy", "type", r#""RollingUpdate""#),
    ("updateStrategy", "type", r#""RollingUpdate""#),
    (
        "topologySpreadConstraints",
        "nodeAffinityPolicy",
        r#""Honor""#,
    ),
    (
        "topologySpreadConstraints",
        "nodeTaintsPolicy",
        r#""Ignore""#,
    ),
    ("tolerations", "operator", r#""Equal""#),
];

/// Lists whose order counts.
const ORDERED: &[&str] = &["initContainers", "enabled", "profiles", "rules", "metrics"];
/// Lists of words whose order does not.
const UNORDERED: &[&str] = &["values", "namespaces", "scopes", "accessModes"];

/// The one form of a value that stands in a field; two values say the same if their forms are equal.
pub fn settled(field: &str, value: &Value) -> Value {
    let mut form = value.clone();
    settle(field, &mut form);
    sort(field, &mut form);
    form.sort_all_objects();
    form
}

/// States the requests that follow from limits.
fn fill(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(fill),
        Value::Object(fields) => {
            if let Some(Value::Object(resources)) = fields.get_mut("resources")
                && let Some(Value::Object(limits)) = resources.get("limits").cloned()
            {
                let requests = resources.entry("requests");
                if let Value::Object(requests) = requests.or_insert_with(|| Map::new().into()) {
                    for (name, amount) in limits {
                        requests.entry(name).or_insert(amount);
                    }
                }
            }
            fields.values_mut().for_each(fill);
        }
        _ => {}
    }
}

/// Sorts named items, and leaves out what says nothing.
fn sort(field: &str, value: &mut Value) {
    match value {
        Value::Array(items) => {
            for item in items.iter_mut() {
                sort(field, item);
            }
            if let Some(names) = item_names(items).filter(|_| !ORDERED.contains(&field)) {
                let mut named: Vec<(String, Value)> =
                    names.into_iter().zip(std::mem::take(items)).collect();
                named.sort_by(|one, other| one.0.cmp(&other.0));
                items.extend(named.into_iter().map(|(_, item)| item));
            } else if UNORDERED.contains(&field) {
                items.sort_by_key(Value::to_string);
            }
        }
        Value::Object(fields) => {
            for (name, inside) in &mut *fields {
                sort(name, inside);
            }
            fields.retain(|name, inside| {
                let is_default = |(around, default, value): &(&str, &str, &str)| {
                    default == name
                        && *around == field
                        && serde_json::from_str::<Value>(value).is_ok_and(|value| value == *inside)
                };
                let is_empty = inside.is_null() || inside.as_array().is_some_and(Vec::is_empty);
                !is_empty && !DEFAULTS.iter().any(is_default)
            });
        }
        _ => {}
    }
}

/// Fields by which items of a list are known, the first that all of them have.
const NAMES: &[&str] = &[
    "/name",
    "/metadata/name",
    "/groupName",
    "/schedulerName",
    "/containerName",
    "/containerPort",
    "/topologyKey",
    "/podAffinityTerm/topologyKey",
    "/key",
    "/resource/name",
    "/type",
    "/kind",
];

/// Pairs of fields by which items of a list are known where one does not tell them apart.
const PAIRS_OF_NAMES: &[[&str; 2]] = &[
    ["/containerPort", "/protocol"],
    ["/port", "/protocol"],
    ["/topologyKey", "/whenUnsatisfiable"],
    ["/key", "/effect"],
    ["/name", "/mountPath"],
];

/// The names of the items of a list, where each has one of its own.
pub fn item_names(items: &[Value]) -> Option<Vec<String>> {
    let mut all = NAMES.iter().filter_map(|path| names_by(items, &[path]));
    all.next().filter(|names| !names.is_empty())
}

/// The names of the items of two lists by the first field, or pair of fields, by which all of them are known.
pub fn shared_names(one: &[Value], other: &[Value]) -> Option<[Vec<String>; 2]> {
    let single = NAMES.iter().map(std::slice::from_ref);
    let mut all = single.chain(PAIRS_OF_NAMES.iter().map(<[_; 2]>::as_slice));
    all.find_map(|paths| {
        let names = [names_by(one, paths)?, names_by(other, paths)?];
        names.iter().any(|own| !own.is_empty()).then_some(names)
    })
}

/// The names of items by some fields of which each has the first, where no two are the same.
fn names_by(items: &[Value], paths: &[&str]) -> Option<Vec<String>> {
    let text = |item: &Value, path: &str| match item.pointer(path)? {
        // Where a protocol is left out, it is this one.
        Value::String(text) if text.is_empty() || path == "/protocol" && text == "TCP" => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (first, others) = paths.split_first()?;
    let name = |item: &Value| {
        let others = others.iter().filter_map(|path| text(item, path));
        let parts: Vec<String> = [text(item, first)?].into_iter().chain(others).collect();
        Some(parts.join("/"))
    };
    let names: Vec<String> = items.iter().map(name).collect::<Option<_>>()?;
    let several: SortedSet<&String> = names.iter().collect();
    (several.len() == items.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(object: &Value) -> Value {
        settled("", &read_part(object).expect("a kind that is read"))
    }

    fn deployment(container: &Value, spec: &Value) -> Value {
        let mut spec = spec.clone();
        spec["template"] = json!({"spec": {"containers": [container]}});
        json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
    }

    #[test]
    fn texts_that_say_the_same_have_one_form() {
        let plain = deployment(
            &json!({"name": "c", "image": "x:1", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}),
            &json!({}),
        );
        let other = deployment(
            &json!({
                "image": "x:1", "name": "c", "command": ["run"], "securityContext": {"runAsUser": 1},
                "env": [{"name": "PASSWORD", "value": "hunter2"}], "ports": [],
                "resources": {"requests": {"cpu": 0.5}, "limits": {"memory": "1024Mi", "cpu": "0.5"}},
            }),
            &json!({"replicas": 1, "strategy": {"type": "RollingUpdate"}, "revisionHistoryLimit": 10}),
        );
        assert_ne!(
            form(&plain),
            form(&deployment(&json!({"name": "c"}), &json!({})))
        );
        let (one, two) = (form(&plain), form(&other));
        assert_eq!(one["spec"]["template"], two["spec"]["template"]);
        assert!(!two.to_string().contains("hunter2"));
        // `kubectl create --dry-run` states an empty status.
        let mut printed = plain.clone();
        printed["status"] = json!({});
        assert_eq!(form(&plain), form(&printed));
    }

    #[test]
    fn amounts_of_a_range_of_limits_have_one_form() {
        let of = |cpu: &Value, memory: &str| {
            let amounts = json!({"cpu": cpu, "memory": memory});
            let limits =
                json!([{"type": "Container", "defaultRequest": amounts, "max": {"cpu": cpu}}]);
            form(
                &json!({"kind": "LimitRange", "metadata": {"name": "d"}, "spec": {"limits": limits}}),
            )
        };
        assert_eq!(of(&json!("100m"), "1Gi"), of(&json!(0.1), "1024Mi"));
        assert_ne!(of(&json!("100m"), "1Gi"), of(&json!("200m"), "1Gi"));
    }

    #[test]
    fn a_config_counts_by_its_name() {
        let of = |name: &str, value: &str| {
            let env = json!([
                {"name": "A", "value": value},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": name, "key": "k"}}},
            ]);
            form(&deployment(&json!({"name": "c", "env": env}), &json!({})))
        };
        assert_eq!(of("settings", "1"), of("settings", "2"));
        assert_ne!(of("settings", "1"), of("others", "1"));
        let of = |volume: &Value| {
            let spec = json!({"containers": [], "volumes": [volume]});
            read_part(&json!({"kind": "Pod", "spec": spec}))
        };
        let mounted = |volume: &Value| of(volume).expect("a pod")["spec"]["volumes"][0].clone();
        assert_eq!(
            mounted(&json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 420}})),
            json!({"name": "v", "secret": ["Secret s"]})
        );
        assert_eq!(
            mounted(&json!({"name": "v", "configMap": {"name": "c"}})),
            json!({"name": "v", "configMap": ["ConfigMap c"]})
        );
    }

    #[test]
    fn items_are_known_by_their_names() {
        let names = |items: Value| item_names(items.as_array().expect("a list"));
        let ports = json!([{"containerPort": 80}, {"containerPort": 443}]);
        assert_eq!(names(ports), Some(vec!["80".to_owned(), "443".to_owned()]));
        assert_eq!(names(json!([{"key": "a"}, {"key": "a"}])), None);
        assert_eq!(names(json!(["a", "b"])), None);
    }
}
