//! Passes of the pod garbage collector.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{replica_set, seconds};
use crate::cases::{Differences, typed};
use control::controllers::pod_gc::{GcNode, GcPod, PodGc};
use model::Text;
use units::{Duration, Instant, SortedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(default)]
    terminated_pod_threshold: usize,
    #[serde(default)]
    nodes: Option<Vec<SeenNode>>,
    #[serde(default)]
    pods: Option<Vec<SeenPod>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenNode {
    name: String,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    out_of_service_taint: bool,
    removed_before_pass: Option<usize>,
    back_before_pass: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenPod {
    name: String,
    #[serde(default)]
    node: Option<String>,
    phase: String,
    reason: Option<String>,
    created: f64,
    #[serde(default)]
    deleting: bool,
}

/// A little more than the period, so that a quarantine ends just before a pass.
const GAP: Duration = Duration::from_millis(20_001);

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let passes = case
        .get("expect")
        .and_then(Value::as_array)
        .ok_or("no `expect`")?;
    let pods = input.pods.iter().flatten().map(SeenPod::observed);
    let mut pods: Vec<GcPod> = pods.collect::<Result<_, _>>()?;
    let mut collector = PodGc::new(input.terminated_pod_threshold);
    let mut now = Instant::ZERO;
    for (pass, expect) in passes.iter().enumerate() {
        let nodes = input.nodes.iter().flatten();
        let nodes = nodes.filter_map(|node| Some((node.name.as_str().into(), node.at(pass)?)));
        let nodes: SortedMap<Text, GcNode> = nodes.collect();
        let mut removed = collector.pass(now, &pods, &nodes);
        pods.retain(|pod| !removed.contains(&pod.name));
        removed.sort();
        let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
        differences.loosely(&format!("pass {pass}"), &expect["deleted"], &json!(removed));
        now = now.saturating_add(GAP);
    }
    Ok(())
}

impl SeenNode {
    /// State of the node at a pass; `None` if it is away.
    fn at(&self, pass: usize) -> Option<GcNode> {
        let passed = |before: Option<usize>| before.is_some_and(|before| before <= pass);
        if passed(self.back_before_pass) {
            return Some(GcNode::default());
        }
        (!passed(self.removed_before_pass)).then_some(GcNode {
            is_ready: self.ready,
            is_out_of_service: self.out_of_service_taint,
        })
    }
}

impl SeenPod {
    fn observed(&self) -> Result<GcPod, String> {
        let phase = replica_set::phase(&self.phase)?;
        Ok(GcPod {
            name: self.name.as_str().into(),
            node: self
                .node
                .as_deref()
                .filter(|node| !node.is_empty())
                .map(Into::into),
            phase,
            is_evicted: self.phase == "Failed" && self.reason.as_deref() == Some("Evicted"),
            created: seconds(self.created),
            is_terminating: self.deleting,
        })
    }
}
