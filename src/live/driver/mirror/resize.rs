//! Requests that count while a pod is resized in its place: the most of what it asks for, what its node has
//! allotted and what its containers run with. A resize that its node can't make counts for nothing (KEP-1287;
//! `component-helpers/resource`, `UseStatusResources`).

use serde_json::{Value, json};
use units::Quantity;

/// The object of a pod with the requests that count.
pub(super) fn settled(object: &Value) -> Value {
    let mut settled = object.clone();
    let conditions = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut conditions = conditions.filter(|own| own["type"] == "PodResizePending");
    let is_infeasible =
        conditions.any(|own| own["reason"] == "Infeasible" && own["status"] != "False");
    for (list, statuses) in [
        ("containers", "containerStatuses"),
        ("initContainers", "initContainerStatuses"),
    ] {
        let statuses = object["status"][statuses].as_array();
        let containers = settled.pointer_mut(&format!("/spec/{list}"));
        let containers = containers.and_then(Value::as_array_mut);
        let (Some(statuses), Some(containers)) = (statuses, containers) else {
            continue;
        };
        for container in containers {
            let status = statuses.iter().find(|own| own["name"] == container["name"]);
            if let Some(status) = status {
                settle(container, status, is_infeasible);
            }
        }
    }
    settled
}

fn settle(container: &mut Value, status: &Value, is_infeasible: bool) {
    let amounts = |list: &Value| list.as_object().cloned().unwrap_or_default();
    let allotted = amounts(&status["allocatedResources"]);
    let actual = amounts(&status["resources"]["requests"]);
    let stated = amounts(&container["resources"]["requests"]);
    if allotted.is_empty() && actual.is_empty() {
        return;
    }
    let mut most = if is_infeasible {
        amounts(&json!({}))
    } else {
        stated
    };
    for (name, amount) in allotted.into_iter().chain(actual) {
        let known = most.get(&name).and_then(parsed);
        if known.is_none_or(|known| parsed(&amount).is_some_and(|amount| amount > known)) {
            most.insert(name, amount);
        }
    }
    // An object of the API has them where its node says anything of them.
    container["resources"]["requests"] = Value::Object(most);
}

fn parsed(amount: &Value) -> Option<Quantity> {
    amount.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_what_is_asked_allotted_and_run_with_counts() {
        let pod = |stated: &str, allotted: &str, actual: &str, reason: &str| {
            json!({
                "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": stated}}}]},
                "status": {
                    "conditions": [{"type": "PodResizePending", "status": "True", "reason": reason}],
                    "containerStatuses": [{
                        "name": "a",
                        "allocatedResources": {"cpu": allotted},
                        "resources": {"requests": {"cpu": actual}},
                    }],
                },
            })
        };
        let cpu = |object: &Value| {
            settled(object)["spec"]["containers"][0]["resources"]["requests"]["cpu"].clone()
        };
        assert_eq!(cpu(&pod("3", "1", "1", "Deferred")), "3");
        assert_eq!(cpu(&pod("1", "2500m", "2", "")), "2500m");
        assert_eq!(cpu(&pod("9", "1", "2", "Infeasible")), "2");
        let plain = json!({"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}]}});
        assert_eq!(settled(&plain), plain);
    }
}
