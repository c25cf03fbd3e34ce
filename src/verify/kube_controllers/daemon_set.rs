//! Daemon sets: which nodes run a pod, and both parts of a sync.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{objects, replica_set, seconds, span};
use crate::cases::{Differences, typed};
use control::controllers::daemon_set::{
    DaemonNode, DaemonPod, DaemonWrites, Eligibility, FailureBackoff, eligibility, limits, place,
    roll,
};
use k8s::count;
use model::workload::daemon_set::DaemonUpdate;
use model::workload::{DaemonSet, ObservedPod, Readiness};
use model::{Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorTerm, PodSpec};
use units::SortedSet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct Template {
    node_name: Option<String>,
    host_network: bool,
    node_selector: Option<units::SortedMap<String, String>>,
    required_node_affinity: Option<Vec<Vec<objects::Requirement>>>,
    tolerations: Option<Vec<objects::Toleration>>,
}

#[derive(Deserialize)]
struct OneNode {
    node: SeenNode,
    template: Template,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenNode {
    name: String,
    #[serde(default)]
    labels: Option<units::SortedMap<String, String>>,
    #[serde(default)]
    taints: Option<Vec<objects::Taint>>,
    #[serde(default)]
    unschedulable: bool,
}

pub(super) fn compare_node(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: OneNode = typed(case.get("input").ok_or("no `input`")?)?;
    let taints = input.node.taints.iter().flatten();
    let node = Node {
        name: input.node.name.as_str().into(),
        labels: objects::labels(input.node.labels.as_ref()),
        taints: taints
            .map(objects::Taint::model)
            .collect::<Result<_, _>>()?,
        unschedulable: input.node.unschedulable,
        ..Node::default()
    };
    let decided = eligibility(&input.template.set()?, &node);
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

impl Template {
    fn set(&self) -> Result<DaemonSet, String> {
        let term = |requirements: &Vec<objects::Requirement>| -> Result<_, String> {
            let requirements = requirements.iter().map(objects::Requirement::model);
            Ok(NodeSelectorTerm {
                match_expressions: requirements.collect::<Result<_, _>>()?,
                match_fields: Vec::new(),
            })
        };
        let required = self.required_node_affinity.as_ref().map(|terms| {
            let terms = terms.iter().map(term).collect::<Result<_, String>>()?;
            Ok::<_, String>(NodeSelector { terms })
        });
        let tolerations = self.tolerations.iter().flatten();
        let template = PodSpec {
            node_selector: objects::labels(self.node_selector.as_ref()),
            affinity: Affinity {
                node: NodeAffinity {
                    required: required.transpose()?,
                    preferred: Vec::new(),
                },
                ..Affinity::default()
            },
            tolerations: tolerations
                .map(objects::Toleration::model)
                .collect::<Result<_, _>>()?,
            ..PodSpec::default()
        };
        Ok(DaemonSet {
            template: Arc::new(template),
            node_name: self.node_name.as_deref().map(Into::into),
            host_network: self.host_network,
            ..DaemonSet::default()
        })
    }
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
