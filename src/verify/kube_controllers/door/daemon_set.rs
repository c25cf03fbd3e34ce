//! Whether a `DaemonSet` runs a pod on a node, and lets one run there.

use serde_json::{Value, json};

use super::{folder, list, node, owner, pod, said, uid};
use crate::cases::Differences;
use crate::door::Said;
use crate::door::watch::{Step, Watch};
use units::Instant;

pub(super) fn decide_node(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let (set, spec) = set(&input["template"]);
    let seen = &input["node"];
    let name = seen["name"].as_str().unwrap_or_default();
    let mut own = node(name);
    if let Some(labels) = seen["labels"].as_object() {
        own["metadata"]["labels"] = Value::Object(labels.clone());
    }
    let taints = list(seen, "taints");
    // A taint of a state that the node does not report would be taken away at once.
    let has = |key: &str| {
        let mut taints = taints.iter();
        taints.any(|own| own["key"] == key && own["effect"] == "NoSchedule")
    };
    own["status"]["conditions"][0]["status"] = if has("node.kubernetes.io/unreachable") {
        "Unknown".into()
    } else if has("node.kubernetes.io/not-ready") {
        "False".into()
    } else {
        "True".into()
    };
    own["spec"] = json!({"taints": taints, "unschedulable": seen["unschedulable"] == true});
    let run = |objects: &[Value]| -> Result<Watch, String> {
        folder(std::slice::from_ref(&own), objects, 1).watch()
    };
    let without = run(std::slice::from_ref(&set))?;
    let made = |own: &crate::door::watch::PodStep| matches!(own.step, Step::Created(..));
    let should_run = without.pods.iter().any(made);
    let mut there = pod("d-1");
    there["spec"] = spec;
    there["spec"]["nodeName"] = name.into();
    there["metadata"]["ownerReferences"] = owner("DaemonSet", "d");
    there["metadata"]["labels"]["pod-template-generation"] = "1".into();
    there["status"] = json!({
        "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
    });
    let with = run(&[set, there])?;
    let goes_on = !with.deleted_until(Instant::ZERO).contains(&"d-1");
    let decided = json!({"shouldRun": should_run, "shouldContinueRunning": goes_on});
    let mut differences = Differences::default();
    differences.loosely("expect", &case["expect"], &decided);
    Ok(said(&differences))
}

/// The `DaemonSet` of a case, and the spec of its pods.
fn set(template: &Value) -> (Value, Value) {
    let mut spec = json!({"containers": [{"name": "c", "image": "app:1"}]});
    for field in ["nodeName", "hostNetwork", "nodeSelector"] {
        if let Some(value) = template.get(field).filter(|value| !value.is_null()) {
            spec[field] = value.clone();
        }
    }
    let tolerations = list(template, "tolerations").into_iter().map(filled);
    spec["tolerations"] = tolerations.collect();
    if let Some(terms) = template["requiredNodeAffinity"].as_array() {
        let terms = terms.iter().map(|requirements| {
            let requirements = requirements.as_array().into_iter().flatten();
            json!({"matchExpressions": requirements.map(filled).collect::<Vec<Value>>()})
        });
        spec["affinity"] = json!({"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": terms.collect::<Vec<Value>>(),
            },
        }});
    }
    let set = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {
            "name": "d", "namespace": "default", "uid": uid("DaemonSet", "d"), "generation": 1,
        },
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec},
        },
    });
    (set, spec)
}

/// A toleration or requirement as a manifest has it: what is empty is left out.
fn filled(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| **value != "" && !value.is_null());
    let fields = fields.map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(fields.collect())
}
