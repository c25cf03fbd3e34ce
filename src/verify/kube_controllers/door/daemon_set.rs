//! Whether a `DaemonSet` runs a pod on a node, and lets one run there.

use serde_json::{Value, json};

use super::{folder, node, owner, pod, said};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::watch::{Step, Watch};
use crate::kube_controllers::daemon_set::manifest;
use units::Instant;

pub(super) fn decide_node(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let set = manifest(&input["template"]);
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
    there["spec"] = set["spec"]["template"]["spec"].clone();
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
