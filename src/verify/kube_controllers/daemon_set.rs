//! Daemon sets: which nodes run a pod, and both parts of a sync.

use serde::Deserialize;
use serde_json::{Value, json};

use super::objects::{declared, filled, taints, uid};
use super::{replica_set, seconds, span};
use crate::cases::{Differences, list, typed};
use control::controllers::daemon_set::{
    DaemonNode, DaemonPod, DaemonWrites, Eligibility, FailureBackoff, eligibility, limits, place,
    roll,
};
use k8s::count;
use model::workload::daemon_set::DaemonUpdate;
use model::workload::{DaemonSet, ObservedPod, Readiness};
use model::{Node, Object};
use units::SortedSet;

pub(super) fn compare_node(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input = &case["input"];
    let seen = &input["node"];
    let node = Node {
        name: typed(&seen["name"])?,
        labels: typed::<Option<_>>(&seen["labels"])?.unwrap_or_default(),
        taints: taints(&list(seen, "taints"))?,
        unschedulable: seen["unschedulable"] == true,
        ..Node::default()
    };
    let Object::DaemonSet(set) = declared(&manifest(&input["template"]))? else {
        return Err("no daemon set".to_owned());
    };
    let decided = eligibility(&set, &node);
    let decided = json!({
        "shouldRun": decided.should_run,
        "shouldContinueRunning": decided.should_continue,
    });
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &decided,
    );
    Ok(())
}

/// The `DaemonSet` of a case, by the template of its pods.
pub(super) fn manifest(template: &Value) -> Value {
    let mut spec = json!({"containers": [{"name": "c", "image": "app:1"}]});
    for field in ["nodeName", "hostNetwork", "nodeSelector"] {
        spec[field] = template[field].clone();
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
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {
            "name": "d", "namespace": "default", "uid": uid("DaemonSet", "d"), "generation": 1,
        },
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec},
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    now: f64,
    max_surge: Value,
    max_unavailable: Value,
    #[serde(default)]
    min_ready_seconds: f64,
    nodes: Vec<UpdateNode>,
}

#[derive(Deserialize)]
struct UpdateNode {
    name: String,
    eligible: bool,
    #[serde(default)]
    pods: Option<Vec<UpdatePod>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdatePod {
    name: String,
    phase: String,
    created: f64,
    changed: Option<f64>,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    updated: bool,
    #[serde(default)]
    deleting: bool,
}

impl UpdateNode {
    fn node(&self) -> Result<DaemonNode, String> {
        let pod = |pod: &UpdatePod| -> Result<_, String> {
            let observed = ObservedPod {
                name: pod.name.as_str().into(),
                uid: pod.name.as_str().into(),
                node: Some(self.name.as_str().into()),
                phase: replica_set::phase(&pod.phase)?,
                readiness: Some(Readiness {
                    is_ready: pod.ready,
                    since: pod.changed.map(seconds),
                }),
                created: Some(seconds(pod.created)),
                is_terminating: pod.deleting,
                ..ObservedPod::default()
            };
            Ok(DaemonPod {
                pod: observed,
                is_updated: pod.updated,
            })
        };
        let pods = self.pods.iter().flatten().map(pod);
        Ok(DaemonNode {
            name: self.name.as_str().into(),
            eligibility: Eligibility {
                should_run: self.eligible,
                should_continue: self.eligible,
            },
            pods: pods.collect::<Result<_, String>>()?,
        })
    }
}

pub(super) fn compare_update(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Update = typed(case.get("input").ok_or("no `input`")?)?;
    let expect = case.get("expect").ok_or("no `expect`")?;
    let set = DaemonSet {
        update: Some(DaemonUpdate {
            max_surge: count(&input.max_surge)?,
            max_unavailable: count(&input.max_unavailable)?,
        }),
        min_ready: span(input.min_ready_seconds),
        ..DaemonSet::default()
    };
    let nodes: Vec<DaemonNode> = input
        .nodes
        .iter()
        .map(UpdateNode::node)
        .collect::<Result<_, _>>()?;
    let now = seconds(input.now);
    let (desired, surge, unavailable) = limits(&set, &nodes);
    for (what, decided) in [
        ("desired", desired),
        ("maxSurge", surge),
        ("maxUnavailable", unavailable),
    ] {
        differences.loosely(what, &expect[what], &json!(decided));
    }
    let mut placed = place(now, &set, &nodes, &mut FailureBackoff::default());
    sort(&mut placed);
    let decided = json!({
        "createOn": names(&placed.create_on),
        "delete": names(&placed.delete),
    });
    differences.loosely("manage", &sorted(&expect["manage"]), &decided);
    let rolled = roll(now, &set, &nodes);
    let rolling = &expect["rolling"];
    chosen("create", rolling, &names(&rolled.create_on), differences);
    chosen("delete", rolling, &names(&rolled.delete), differences);
    Ok(())
}

fn sort(writes: &mut DaemonWrites) {
    writes.create_on.sort();
    writes.delete.sort();
}

pub(super) fn sorted(manage: &Value) -> Value {
    let mut manage = manage.clone();
    for what in ["createOn", "delete"] {
        if let Some(list) = manage.get_mut(what).and_then(Value::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
    }
    manage
}

fn names(names: &[model::Text]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The original takes nodes in random order: all that it always chose are chosen, others only of
/// those that it sometimes chose, and as many in all.
pub(super) fn chosen(
    what: &str,
    rolling: &Value,
    decided: &[String],
    differences: &mut Differences,
) {
    let list = |kind: &str| -> SortedSet<&str> {
        let list = rolling[format!("{what}{kind}")].as_array();
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let (always, sometimes) = (list("Always"), list("Sometimes"));
    let field = format!("rolling {what}");
    differences.loosely(
        &field,
        &rolling[format!("{what}Count")],
        &json!(decided.len()),
    );
    let own: SortedSet<&str> = decided.iter().map(String::as_str).collect();
    let missed = always.difference(&own).next();
    let odd = own
        .iter()
        .find(|name| !always.contains(*name) && !sometimes.contains(*name));
    if missed.is_some() || odd.is_some() {
        differences.loosely(&field, rolling, &json!(decided));
    }
}
