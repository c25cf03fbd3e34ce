//! `ca-scale-down-node`: how much of a node is used, which of its pods move and what blocks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::span;
use crate::cases::{Differences, typed};
use autoscale::nodes::drain::{
    Budgets, IgnoredPods, NodeAmounts, NodePod, PodController, PodEnd, SafeToEvict,
    UtilizationResource, drain, utilization,
};
use model::Text;

/// Time that a pod has to end if it does not say.
const GRACE_SECS: f64 = 30.0;

/// Fields of the drain that a case records.
const DRAIN_FIELDS: &[&str] = &[
    "blocked",
    "move",
    "daemonSetPods",
    "onCompletionPods",
    "pdbAllows",
    "pdbInParallel",
    "pdbBlocks",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    node: Node,
    pods: Option<Vec<Pod>>,
    pdbs: Option<Vec<Budget>>,
    #[serde(default)]
    ignore_daemon_sets: bool,
    #[serde(default)]
    ignore_mirror_pods: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    cpu_milli: i64,
    memory: i64,
    #[serde(default)]
    gpus: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    name: Text,
    namespace: Text,
    #[serde(default)]
    app: Text,
    #[serde(default)]
    controller: String,
    #[serde(default)]
    phase: String,
    #[serde(default)]
    restart_policy: String,
    age: f64,
    deletion_timestamp_age: Option<f64>,
    termination_grace_period_seconds: Option<f64>,
    safe_to_evict: Option<String>,
    safe_to_evict_local_volumes: Option<String>,
    volume: Option<String>,
    #[serde(default)]
    cpu_milli: i64,
    #[serde(default)]
    memory: i64,
    #[serde(default)]
    gpus: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Budget {
    app: Text,
    namespace: Text,
    disruptions_allowed: i64,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(&case["input"])?;
    let expect = &case["expect"];
    let budgets = input.pdbs.unwrap_or_default();
    let mut pods = Vec::new();
    for pod in input.pods.iter().flatten() {
        pods.push(pod.read(&budgets)?);
    }
    let node = NodeAmounts {
        cpu_milli: input.node.cpu_milli,
        memory_bytes: input.node.memory,
        gpus: input.node.gpus,
    };
    let ignored = IgnoredPods {
        daemons: input.ignore_daemon_sets,
        mirrors: input.ignore_mirror_pods,
    };
    let used = utilization(node, &pods, ignored);
    for (field, part) in [
        ("cpu", used.cpu),
        ("memory", used.memory),
        ("gpu", used.gpu),
        ("max", used.most()),
    ] {
        let recorded = expect["utilization"][field].as_f64().map(f64::to_bits);
        if recorded != Some(part.to_bits()) {
            let recorded = &expect["utilization"][field];
            differences.field(field, Some(recorded), &json!(part.to_string()));
        }
    }
    let of = match used.of {
        UtilizationResource::Cpu => "cpu",
        UtilizationResource::Memory => "memory",
        UtilizationResource::Gpu => "nvidia.com/gpu",
    };
    differences.field("of", expect["utilization"].get("of"), &json!(of));
    let budgets = Budgets {
        allowed: budgets.iter().map(|own| own.disruptions_allowed).collect(),
    };
    let names = |list: &[&NodePod]| json!(list.iter().map(|pod| &*pod.name).collect::<Vec<_>>());
    let mut decided = serde_json::Map::new();
    match drain(&pods, &budgets) {
        Err((pod, why)) => {
            let blocked = json!({"pod": &*pod.name, "reason": why.name()});
            decided.insert("blocked".to_owned(), blocked);
        }
        Ok(drain) => {
            let check = budgets.check(&drain.moved);
            decided.insert("move".to_owned(), names(&drain.moved));
            decided.insert("daemonSetPods".to_owned(), names(&drain.daemons));
            decided.insert("onCompletionPods".to_owned(), names(&drain.awaited));
            decided.insert("pdbAllows".to_owned(), json!(check.allows));
            decided.insert("pdbInParallel".to_owned(), json!(check.in_parallel));
            if let Some(pod) = check.blocking {
                decided.insert("pdbBlocks".to_owned(), json!(&*pod.name));
            }
        }
    }
    let nothing = Value::Null;
    for field in DRAIN_FIELDS {
        let decided = decided.get(*field).unwrap_or(&nothing);
        differences.field(field, expect.get(*field), decided);
    }
    Ok(())
}

impl Pod {
    fn read(&self, budgets: &[Budget]) -> Result<NodePod, String> {
        let controller = match self.controller.as_str() {
            "" => PodController::None,
            "mirror" => PodController::Mirror,
            "DaemonSet" => PodController::DaemonSet,
            "ReplicaSet" | "ReplicationController" | "Job" | "StatefulSet" => {
                PodController::Replicating
            }
            _ => PodController::Other,
        };
        let safe_to_evict = match self.safe_to_evict.as_deref() {
            None => None,
            Some("true") => Some(SafeToEvict::Yes),
            Some("false") => Some(SafeToEvict::No),
            Some("on-completion") => Some(SafeToEvict::OnCompletion),
            Some(other) => return Err(format!("safeToEvict `{other}` is not known")),
        };
        let is_finished = self.phase == "Failed"
            || (self.phase == "Succeeded" && self.restart_policy != "Always");
        let given_up = self.safe_to_evict_local_volumes.as_deref();
        let mut given_up = given_up.unwrap_or_default().split(',');
        let is_local = matches!(self.volume.as_deref(), Some("emptyDir" | "hostPath"));
        let is_kept = is_local && !given_up.any(|name| name == "v1");
        let grace = self.termination_grace_period_seconds.unwrap_or(GRACE_SECS);
        let counts = |own: &&Budget| own.namespace == self.namespace && own.app == self.app;
        let counting = budgets.iter().enumerate().filter(|(_, own)| counts(own));
        Ok(NodePod {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            controller,
            end: if is_finished {
                PodEnd::Finished
            } else {
                PodEnd::Running
            },
            age: span(self.age),
            deletion: self
                .deletion_timestamp_age
                .map(|since| (span(since), span(grace))),
            safe_to_evict,
            local_volumes: is_kept.then(|| "v1".into()).into_iter().collect(),
            budgets: counting.map(|(place, _)| place).collect(),
            requests: NodeAmounts {
                cpu_milli: self.cpu_milli,
                memory_bytes: self.memory,
                gpus: self.gpus,
            },
        })
    }
}
