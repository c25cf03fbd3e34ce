//! Fleet: the machine of a unit, beside units that are on their machines already.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::folder::Folder;
use crate::door::watch::Step;

/// When the unit is submitted, in seconds; the others are on their machines by then.
const LATER: i64 = 60;

/// Why a case without machines can't be said.
const EMPTY: &str = "a cluster without machines is no experiment";

/// Why other cases can't be said.
const INNER: &str = "a single round of the engine from a state of its registry; runs in `tests/it` have such \
    rounds one after the other";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let machines = list(case, "nodes");
    if machines.is_empty() {
        return Ok(Said::Unsaid(EMPTY.to_owned()));
    }
    let request = &case["request"];
    let several = request["units"].as_array();
    let units: Vec<&str> = match several {
        Some(units) => units.iter().filter_map(Value::as_str).collect(),
        None => request["unit"].as_str().into_iter().collect(),
    };
    let expected = &case["expected"];
    let is_known = expected.get("chosen").is_some()
        || expected.get("error").is_some()
        || expected["placements"].is_array();
    if units.is_empty() || !is_known {
        return Ok(Said::Unsaid(INNER.to_owned()));
    }
    let mut folder = Folder::default();
    let nodes: Vec<Value> = machines.iter().map(|own| machine(own)).collect();
    let nodes: Vec<&Value> = nodes.iter().collect();
    folder.objects("nodes.json", &nodes);
    folder.set("cluster", json!({"nodes": [{"manifests": "nodes.json"}]}));
    let mut files = Vec::new();
    for own in list(case, "existing") {
        let name = unit_name(own["unit"].as_str().unwrap_or_default());
        folder.text(&name, unit(own, own["machine"].as_str()));
        files.push(name);
    }
    if !files.is_empty() {
        folder.push("workload", json!({"units": files}));
    }
    let names: Vec<String> = units.iter().map(|name| unit_name(name)).collect();
    for name in &names {
        folder.text(name, unit(request, None));
    }
    folder.push(
        "workload",
        json!({"units": names, "at": format!("{LATER}s")}),
    );
    folder.set("system", json!({"name": "fleet"}));
    folder.set("stop", json!({"at": format!("{}s", 2 * LATER)}));
    let watch = folder.watch()?;
    let placed = |name: &String| {
        let is_own = |pod: &str| pod.rsplit('/').next() == Some(&**name);
        watch.pods.iter().find_map(|own| match &own.step {
            Step::Bound(node) if is_own(&own.pod) => Some(node.clone()),
            _ => None,
        })
    };
    let placed: Vec<Option<String>> = names.iter().map(placed).collect();
    let mut differences = Differences::default();
    if several.is_some() {
        let expected = expected.get("placements").map(lowercase);
        differences.field("placements", expected.as_ref(), &json!(placed));
    } else {
        let expected = expected.get("chosen").map(lowercase);
        differences.field("chosen", expected.as_ref(), &json!(placed[0]));
    }
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}

fn unit_name(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// The id of a machine as the name of a node, which has no capitals; their order is that of the ids.
fn lowercase(ids: &Value) -> Value {
    match ids {
        Value::String(id) => json!(id.to_lowercase()),
        Value::Array(ids) => ids.iter().map(lowercase).collect(),
        other => other.clone(),
    }
}

fn machine(own: &Value) -> Value {
    let mut labels = own.get("metadata").cloned().unwrap_or(json!({}));
    // By it units are put on machines that the case has them on.
    labels["machine"] = lowercase(&own["id"]);
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": lowercase(&own["id"]), "labels": labels},
        "status": {"allocatable": {"cpu": "8", "memory": "8Gi", "pods": "110"}},
    })
}

/// The file of a unit.
fn unit(own: &Value, machine: Option<&str>) -> String {
    let mut text = "[Service]\nExecStart=/bin/true\n[X-Fleet]\n".to_owned();
    for (key, value) in own.as_object().into_iter().flatten() {
        let key = match key.as_str() {
            "conflicts" => "Conflicts",
            "global_" => "Global",
            key if key.starts_with(char::is_uppercase) => key,
            _ => continue,
        };
        let several = value.as_array();
        let values: Vec<&Value> = several.map_or_else(|| vec![value], |all| all.iter().collect());
        for value in values {
            let value = if key.ends_with("MachineID") {
                lowercase(value)
            } else {
                value.clone()
            };
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(text, "{key}={value}");
        }
    }
    if let Some(machine) = machine {
        let _ = writeln!(text, "MachineMetadata=machine={}", machine.to_lowercase());
    }
    text
}
