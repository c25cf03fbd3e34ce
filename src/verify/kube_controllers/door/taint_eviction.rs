//! Pods of a node whose taints a user changes.

use serde_json::{Map, Value, json};

use super::{folder, node, number, pod, said};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::watch::{PodStep, Step};

/// The end of the recordings, in seconds.
const END: i64 = 700;

/// Why a pod can't be made on a node whose taint it does not tolerate.
const REFUSED: &str = "a pod is made on a node while it has a taint that the pod does not tolerate: a \
    scheduler places none there, and a kubelet refuses it";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let own = node("n");
    let mut at_once = Vec::new();
    let mut later = Vec::new();
    for seen in list(input, "pods") {
        let mut own = pod(seen["name"].as_str().unwrap_or_default());
        let tolerations = list(seen, "tolerations");
        own["spec"]["tolerations"] = tolerations.into_iter().map(filled).collect();
        match number(&seen["createdAt"]) {
            0.0 => {
                own["spec"]["nodeName"] = "n".into();
                at_once.push(own);
            }
            at => later.push((at, own)),
        }
    }
    let mut folder = folder(std::slice::from_ref(&own), &at_once, END);
    for (place, (at, own)) in later.iter().enumerate() {
        let file = format!("pod{place}.json");
        folder.objects(&file, &[own]);
        folder.operate(millis(*at), json!({"apply": file}));
    }
    let mut last = -1;
    for (place, change) in list(input, "taintChanges").into_iter().enumerate() {
        // Two changes of one second are seen one after the other.
        let at = millis(number(&change["t"])).max(last + 1);
        last = at;
        let mut own = own.clone();
        let taints = list(change, "taints").into_iter().map(filled);
        own["spec"] = json!({"taints": taints.collect::<Vec<Value>>()});
        let file = format!("node{place}.json");
        folder.objects(&file, &[&own]);
        folder.operate(at, json!({"apply": file}));
    }
    let watch = folder.watch()?;
    let mut deleted = Map::new();
    for seen in list(input, "pods") {
        let name = seen["name"].as_str().unwrap_or_default();
        let full = format!("default/{name}");
        let created = millis(number(&seen["createdAt"]));
        let is_placed = |own: &PodStep| {
            let at = own.at.as_nanos() / 1_000_000;
            own.pod == full && at == created && matches!(own.step, Step::Bound(_))
        };
        if created > 0 && !watch.pods.iter().any(is_placed) {
            return Ok(Said::Unsaid(REFUSED.to_owned()));
        }
        if let Some(at) = watch.deleted_at(&full) {
            deleted.insert(name.to_owned(), crate::kube_controllers::told(at));
        }
    }
    let mut differences = Differences::default();
    let decided = json!({"deletedAt": deleted});
    differences.loosely("expect", &case["expect"], &decided);
    Ok(said(&differences))
}

fn millis(seconds: f64) -> i64 {
    libm::rint(seconds * 1e3) as i64
}

/// A taint or toleration as a manifest has it: texts that are empty are left out. Keys of the node's
/// conditions are others, since what follows from conditions is not for users to change.
fn filled(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    let fields = fields.filter(|(_, value)| **value != "" && !value.is_null());
    let fields = fields.map(|(key, value)| {
        let value = match value.as_str() {
            Some(text) => text.replace("node.kubernetes.io/", "example.com/").into(),
            None => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Object(fields.collect())
}
