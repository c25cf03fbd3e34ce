//! Budgets over pods of a dump.

use serde_json::{Map, Value, json};

use super::{date, folder, node, number, owner, pod, readiness, said, tell_to_end, uid};
use crate::cases::{Differences, list};
use crate::door::Said;
use model::Object;
use units::{Instant, SortedMap, SortedSet};

/// Why some states can't be kept.
const RESTLESS: &str = "controllers make or delete pods at once until their replicas are there, so that \
    the state of the case does not last";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let now = number(&input["now"]);
    let pods = list(input, "pods");
    let is_plain = input["minAvailable"].is_u64() && input["maxUnavailable"].is_null();
    let made = list(input, "controllers");
    let lasts = |own: &&Value| {
        let is_own = |pod: &&&Value| pod["controller"] == own["name"] && pod["deleting"] != true;
        pods.iter().filter(is_own).count() as i64 == number(&own["replicas"]) as i64
    };
    if !is_plain && !made.iter().all(lasts) {
        return Ok(Said::Unsaid(RESTLESS.to_owned()));
    }
    let mut objects = Vec::new();
    if !is_plain {
        objects.extend(made.iter().flat_map(|own| controller(own)));
    }
    let mut disrupted = Map::new();
    let names = Names::of(&pods, &made);
    for seen in &pods {
        let name = names.told(seen["name"].as_str().unwrap_or_default());
        let above = made.iter().find(|own| own["name"] == seen["controller"]);
        let above = above.copied().filter(|_| !is_plain);
        if let Some(since) = seen["disruptedSince"].as_f64() {
            disrupted.insert(name.clone(), date(since, now));
        }
        objects.push(member(seen, &name, now, above));
    }
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
    for field in ["maxUnavailable", "minAvailable"] {
        if let Some(limit) = input.get(field).filter(|limit| !limit.is_null()) {
            spec[field] = limit.clone();
        }
    }
    objects.push(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "b", "namespace": "default"},
        "spec": spec, "status": {"disruptedPods": disrupted},
    }));
    let watch = folder(&[node("n")], &objects, 1).watch()?;
    let told = watch.objects.iter().filter(|own| own.at == Instant::ZERO);
    let mut last = told.filter_map(|own| match &own.after {
        Some(Object::PodDisruptionBudget(budget)) => Some(budget),
        _ => None,
    });
    let budget = last.next_back().ok_or("the run has no budget")?;
    let status = &budget.status;
    let disrupted = status.disrupted.keys().map(|name| names.recorded(name));
    let disrupted: SortedSet<&str> = disrupted.collect();
    let decided = json!({
        "currentHealthy": status.current_healthy,
        "desiredHealthy": status.desired_healthy,
        "disruptedPods": disrupted,
        "disruptionsAllowed": status.disruptions_allowed,
        "expectedPods": status.expected_pods,
    });
    let mut recorded = case["expect"].clone();
    if let Some(fields) = recorded.as_object_mut() {
        fields.remove("condition");
    }
    let mut differences = Differences::default();
    differences.loosely("status", &recorded, &decided);
    Ok(said(&differences))
}

/// Names of pods as a cluster has them, by those of the case: a stateful set names its pods by ordinals.
struct Names(SortedMap<String, String>);

impl Names {
    fn of(pods: &[&Value], made: &[&Value]) -> Self {
        let mut names = SortedMap::new();
        for own in made.iter().filter(|own| own["kind"] == "StatefulSet") {
            let (leaving, staying): (Vec<&Value>, Vec<&Value>) = { pods.iter().copied() }
                .filter(|pod| pod["controller"] == own["name"])
                .partition(|pod| pod["deleting"] == true);
            for (ordinal, pod) in staying.into_iter().chain(leaving).enumerate() {
                let set = own["name"].as_str().unwrap_or_default();
                let name = pod["name"].as_str().unwrap_or_default();
                names.insert(name.to_owned(), format!("{set}-{ordinal}"));
            }
        }
        Self(names)
    }

    fn told(&self, recorded: &str) -> String {
        let told = self.0.get(recorded);
        told.map_or_else(|| recorded.to_owned(), Clone::clone)
    }

    fn recorded<'n>(&'n self, told: &'n str) -> &'n str {
        let mut known = self.0.iter();
        let known = known.find(|(_, name)| *name == told);
        known.map_or(told, |(recorded, _)| recorded)
    }
}

/// A pod of a dump, with the controller above it.
fn member(seen: &Value, name: &str, now: f64, above: Option<&Value>) -> Value {
    let mut own = pod(name);
    own["spec"]["nodeName"] = "n".into();
    own["status"] = json!({
        "phase": "Running", "startTime": date(now - 600.0, now),
        "conditions": [readiness(seen["ready"] == true, &date(now - 500.0, now))],
    });
    if seen["deleting"] == true {
        tell_to_end(&mut own, now);
    }
    if let Some(above) = above {
        let kind = above["kind"].as_str().unwrap_or_default();
        let name = above["name"].as_str().unwrap_or_default();
        own["metadata"]["ownerReferences"] = match kind {
            "Deployment" => owner("ReplicaSet", &format!("{name}-rs")),
            kind => owner(kind, name),
        };
    }
    own
}

/// A controller of pods, with the set between a Deployment and its pods.
fn controller(own: &Value) -> Vec<Value> {
    let kind = own["kind"].as_str().unwrap_or_default();
    let name = own["name"].as_str().unwrap_or_default();
    let object = |kind: &str, name: &str| {
        let version = if kind == "ReplicationController" {
            "v1"
        } else {
            "apps/v1"
        };
        let selector = if kind == "ReplicationController" {
            json!({"app": "web"})
        } else {
            json!({"matchLabels": {"app": "web"}})
        };
        json!({
            "apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": "default", "uid": uid(kind, name)},
            "spec": {
                "replicas": own["replicas"], "selector": selector,
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "app:1"}]},
                },
            },
        })
    };
    if kind != "Deployment" {
        return vec![object(kind, name)];
    }
    let set_name = format!("{name}-rs");
    let mut set = object("ReplicaSet", &set_name);
    set["metadata"]["ownerReferences"] = owner("Deployment", name);
    vec![object(kind, name), set]
}
