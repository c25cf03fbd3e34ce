//! Templates of pods as their manifests state them, in one form. Whatever a template says beside what
//! decisions look at (programs, arguments, environments, mounts), a change of it is a new revision of the
//! workload, as it is to Kubernetes; a change that an API server can't see is none.
//!
//! Example: `limits: {memory: 1024Mi}` and `limits: {memory: 1Gi}` have one form, and so have a port with
//! `protocol: TCP` and one that says nothing of it. Another value of a variable has another.

use serde_json::{Map, Value, json};

use super::{DeclaredWorkload, Manifests};
use model::pod_life::PullPolicy;
use model::{Object, TemplateText, Text};
use units::{Quantity, SortedMap, SuffixFamily};

/// Defaults of the API server: the field around each, or an empty text for wherever it stands; its name; its
/// value in JSON. Of `pkg/apis/core/v1/zz_generated.defaults.go` and `defaults.go`, v1.34.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("spec", "restartPolicy", r#""Always""#),
    ("spec", "dnsPolicy", r#""ClusterFirst""#),
    ("spec", "schedulerName", r#""default-scheduler""#),
    ("spec", "terminationGracePeriodSeconds", "30"),
    ("spec", "enableServiceLinks", "true"),
    ("spec", "securityContext", "{}"),
    ("spec", "hostNetwork", "false"),
    ("spec", "hostPID", "false"),
    ("spec", "hostIPC", "false"),
    ("", "terminationMessagePath", r#""/dev/termination-log""#),
    ("", "terminationMessagePolicy", r#""File""#),
    ("containers", "resources", "{}"),
    ("initContainers", "resources", "{}"),
    ("", "stdin", "false"),
    ("", "stdinOnce", "false"),
    ("", "tty", "false"),
    ("ports", "protocol", r#""TCP""#),
    ("", "timeoutSeconds", "1"),
    ("", "periodSeconds", "10"),
    ("", "successThreshold", "1"),
    ("", "failureThreshold", "3"),
    ("", "initialDelaySeconds", "0"),
    ("httpGet", "scheme", r#""HTTP""#),
    ("httpGet", "path", r#""/""#),
    ("grpc", "service", r#""""#),
    ("env", "value", r#""""#),
    ("fieldRef", "apiVersion", r#""v1""#),
    ("resourceFieldRef", "divisor", r#""0""#),
    ("volumeMounts", "readOnly", "false"),
    ("hostPath", "type", r#""""#),
    ("secret", "defaultMode", "420"),
    ("configMap", "defaultMode", "420"),
    ("projected", "defaultMode", "420"),
    ("downwardAPI", "defaultMode", "420"),
    ("serviceAccountToken", "expirationSeconds", "3600"),
];

/// Fields whose values are amounts of resources.
const AMOUNTS: &[&str] = &[
    "limits",
    "requests",
    "overhead",
    "podFixed",
    "allocatable",
    "allocatedResources",
    "capacity",
    "default",
    "defaultRequest",
    "hard",
    "lowerBound",
    "max",
    "maxAllowed",
    "maxLimitRequestRatio",
    "min",
    "minAllowed",
    "upperBound",
];
const AMOUNT: &[&str] = &["averageValue", "divisor", "sizeLimit"];

/// Kind, namespace and name of an object.
type Names = (Text, Text, Text);

/// The first form of each workload's template in the files of a run.
#[derive(Clone, Debug, Default)]
pub struct FirstTemplates(SortedMap<Names, Text>);

impl FirstTemplates {
    /// Gives templates of a further file their form where it is not the first one of their workload, so
    /// that two can be distinguished that differ in nothing a decision looks at. Replica sets have the templates
    /// of their deployment.
    pub fn mark(&mut self, manifests: &mut Manifests) {
        let declared = manifests.workloads.iter_mut();
        let declared = declared.chain(&mut manifests.dependents);
        let revisions = manifests.revisions.iter_mut();
        for workload in declared.chain(revisions.map(|revision| &mut revision.set)) {
            self.mark_one(workload);
        }
    }

    fn mark_one(&mut self, workload: &mut DeclaredWorkload) {
        let Some(written) = &workload.written else {
            return;
        };
        let names = names(workload);
        let first = self.0.entry(names).or_insert_with(|| written.clone());
        if first == written {
            return;
        }
        if let Some(template) = workload.object.template_mut() {
            template.manifest = TemplateText(Some(written.clone()));
        }
    }
}

/// Names of the workload that a template is one of.
fn names(workload: &DeclaredWorkload) -> Names {
    let object = &workload.object;
    let namespace = object.namespace().clone();
    let deployment = workload.controller.as_ref();
    match deployment.filter(|owner| &*owner.kind == "Deployment") {
        Some(owner) if matches!(object, Object::ReplicaSet(_)) => {
            (owner.kind.clone(), namespace, owner.name.clone())
        }
        _ => (object.kind().into(), namespace, object.name().clone()),
    }
}

/// The form of a template: its annotations and its `spec`, in JSON. Labels are left out, since the sets
/// of one workload are distinguished by one of them.
pub fn written_template(template: &Value) -> String {
    let mut metadata = Map::new();
    let annotations = template.pointer("/metadata/annotations");
    if let Some(annotations) = annotations.filter(|own| !is_nothing(own)) {
        metadata.insert("annotations".to_owned(), annotations.clone());
    }
    let mut spec = template.get("spec").cloned().unwrap_or_default();
    if let Some(fields) = spec.as_object_mut() {
        one_name_of_account(fields);
    }
    settle("spec", &mut spec);
    let mut form = json!({"metadata": metadata, "spec": spec});
    form.sort_all_objects();
    form.to_string()
}

/// The old name of a service account says the same as the new one.
fn one_name_of_account(spec: &mut Map<String, Value>) {
    if let Some(old) = spec.remove("serviceAccount") {
        spec.entry("serviceAccountName").or_insert(old);
    }
}

/// Takes out of a field's value what says nothing, and writes amounts in one way. Items of a list stand in
/// the list's field.
pub(super) fn settle(field: &str, value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| settle(field, item)),
        Value::Object(_) if AMOUNTS.contains(&field) => {
            let amounts = value.as_object_mut().into_iter().flatten();
            amounts.for_each(|(_, amount)| settle_amount(amount));
        }
        Value::Object(fields) => {
            for (name, inside) in &mut *fields {
                settle(name, inside);
            }
            let image = fields.get("image").and_then(Value::as_str);
            let policy = image.map(|image| json!(PullPolicy::of_image(image)));
            fields.retain(|name, inside| {
                let is_default = |(around, default, value): &(&str, &str, &str)| {
                    default == name
                        && (around.is_empty() || *around == field)
                        && serde_json::from_str::<Value>(value).is_ok_and(|value| value == *inside)
                };
                let is_policy = name == "imagePullPolicy" && Some(&*inside) == policy.as_ref();
                !is_nothing(inside) && !is_policy && !DEFAULTS.iter().any(is_default)
            });
        }
        amount if AMOUNT.contains(&field) => settle_amount(amount),
        _ => {}
    }
}

/// Whether a server takes a value for one that is not stated.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Writes an amount in the decimal family; what is no amount stays.
fn settle_amount(amount: &mut Value) {
    let text = match &mut *amount {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        // A range of limits has several of them.
        Value::Object(amounts) => return amounts.values_mut().for_each(settle_amount),
        _ => return,
    };
    if let Ok(quantity) = text.parse::<Quantity>() {
        *amount = Value::String(quantity.with_family(SuffixFamily::Decimal).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(spec: &Value) -> String {
        written_template(&json!({"metadata": {"labels": {"app": "web"}}, "spec": spec}))
    }

    #[test]
    fn what_a_server_fills_in_is_no_change() {
        let plain = json!({"containers": [{
            "name": "c", "image": "img:1", "ports": [{"containerPort": 80}],
            "resources": {"limits": {"memory": "1Gi", "cpu": 1}},
            "readinessProbe": {"httpGet": {"port": 80}},
        }]});
        let filled = json!({
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {},
            "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
            "tolerations": null, "volumes": [],
            "containers": [{
                "image": "img:1", "name": "c", "imagePullPolicy": "IfNotPresent", "env": [],
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                "readinessProbe": {
                    "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
                },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }],
        });
        assert_eq!(form(&plain), form(&filled));
    }

    #[test]
    fn every_other_word_is_a_change() {
        let with = |more: &Value| {
            let mut container = json!({"name": "c", "image": "img"});
            for (name, value) in more.as_object().into_iter().flatten() {
                container[name] = value.clone();
            }
            form(&json!({"containers": [container]}))
        };
        let plain = with(&json!({}));
        for more in [
            json!({"env": [{"name": "V", "value": "1"}]}),
            json!({"command": ["sleep", "1"]}),
            json!({"imagePullPolicy": "IfNotPresent"}),
            json!({"securityContext": {}}),
            json!({"resources": {"limits": {"cpu": "1m"}}}),
        ] {
            assert_ne!(with(&more), plain, "{more}");
        }
        assert_eq!(with(&json!({"imagePullPolicy": "Always"})), plain);
        let restarted = json!({
            "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "today"}},
            "spec": {"containers": [{"name": "c", "image": "img"}]},
        });
        assert_ne!(written_template(&restarted), plain);
    }
}
