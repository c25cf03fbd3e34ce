//! Decisions of the controllers through files: a cluster as it is (a dump with its objects, pods and their
//! states, at the date of the case), what users do, and what the controllers do then.

mod cron_job;
mod cron_next;
mod daemon_set;
mod daemon_update;
mod deployment;
mod disruption;
mod first_sync;
mod job;
mod node_lifecycle;
mod node_removal;
mod pod_gc;
mod replica_set;
mod stateful_set;
mod taint_eviction;

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::VerifyOptions;
use crate::door::folder::Folder;
use crate::door::lines;
use crate::door::{DoorReport, Said, Share};
use crate::kube_controllers::objects::uid;

/// Runs the program on a case.
type Decide = fn(&Value) -> Result<Said, String>;

/// Every row that files can say.
const DOORS: &[(&str, Decide)] = &[
    ("ca-scale-down-node", node_removal::decide),
    ("cron-next", cron_next::decide),
    ("cronjob-sequence", cron_job::decide),
    ("daemonset-node", daemon_set::decide_node),
    ("daemonset-update", daemon_update::decide),
    ("deployment-step", deployment::decide_step),
    ("job-sequence", job::decide),
    ("node-lifecycle", node_lifecycle::decide),
    ("pdb", disruption::decide),
    ("podgc", pod_gc::decide),
    ("replicaset-scale-down", replica_set::decide_scale_down),
    ("replicaset-victims", replica_set::decide_victims),
    ("statefulset-sequence", stateful_set::decide),
    ("taint-eviction", taint_eviction::decide),
];

/// The row of cases that name no family.
const NAMELESS: &str = "replicaset-scale-down";

/// Rows that no files say, with the reason.
const CLOSED: &[(&str, &str)] = &[
    (
        "deployment-rolling",
        "each step states which pods got ready, were lost and never came since the last: in a run probes \
         and nodes say that; deployment-step and real-cluster have roll-outs through files",
    ),
    (
        "deployment-recreate",
        "each step states which pods got ready, were lost and never came since the last: in a run probes \
         and nodes say that; real-cluster has such roll-outs through files",
    ),
    (
        "hpa-calc",
        "its replicas are those of the calculator alone, before limits and behavior, which no output has",
    ),
    (
        "hpa-normalize",
        "it states what metrics propose at each pass, and in a run the use of the pods does",
    ),
    ("vpa-buckets", "the histogram's buckets are in no output"),
    (
        "vpa-recommender",
        "it states samples and which of them were taken; in a run they are scraped once a minute",
    ),
    (
        "kubelet-eviction-rank",
        "it ranks pods by statistics that are missing for some of them, which no run has",
    ),
    (
        "pod-accounting",
        "the OOM score and the QoS class of a pod are in no output",
    ),
];

/// Judges the cases of files of a family through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
    whole: &str,
) -> Result<Vec<(String, DoorReport)>, String> {
    let row = |family: Option<&str>| Some(family.unwrap_or(NAMELESS).to_owned());
    lines::judge(files, options, share, whole, row, |case| {
        let family = case.get("family").and_then(Value::as_str);
        let row = family.unwrap_or(NAMELESS);
        if let Some((_, decide)) = DOORS.iter().find(|(name, _)| *name == row) {
            return decide(case);
        }
        let why = CLOSED.iter().find(|(name, _)| *name == row);
        let why = why.map_or(crate::door::UNWRITTEN, |(_, why)| why);
        Ok(Said::Unsaid(why.to_owned()))
    })
}

/// The date of the beginning of runs, in seconds since 1970: 2025-01-01T00:00:00Z.
const BEGIN: i64 = 1_735_689_600;

/// A date that lies so many seconds of a case before or after the instant at which its run begins.
fn date(seconds: f64, zero: f64) -> Value {
    let millis = libm::rint((seconds - zero) * 1e3) as i64;
    let at = Timestamp::from_millisecond(BEGIN * 1_000 + millis);
    at.map_or(Value::Null, |at| at.to_string().into())
}

/// A number of a case; 0 if it has none.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// A node with room for everything.
fn node(name: &str) -> Value {
    node_seen(name, &date(0.0, 0.0))
}

/// A node with room for anything, seen at a date.
fn node_seen(name: &str, at: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "250"},
            "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": at}],
        },
    })
}

/// The reference of an owner.
fn owner(kind: &str, name: &str) -> Value {
    let version = match kind {
        "ReplicationController" => "v1",
        "Rollout" => "argoproj.io/v1alpha1",
        _ => "apps/v1",
    };
    json!([{
        "apiVersion": version, "kind": kind, "name": name, "uid": uid(kind, name), "controller": true,
    }])
}

/// A pod with the labels of a case's workload.
fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "app:1"}]},
    })
}

/// The condition `Ready` of a pod, with the date of its last change.
fn readiness(is_ready: bool, changed: &Value) -> Value {
    let status = if is_ready { "True" } else { "False" };
    json!({"type": "Ready", "status": status, "lastTransitionTime": changed})
}

/// State of a container of a pod that is pending and stays so: nothing of its images comes.
fn stuck() -> Value {
    json!({"waiting": {"reason": "ImagePullBackOff"}})
}

/// Tells a pod to end in 20 s, of which it had 30.
fn tell_to_end(pod: &mut Value, now: f64) {
    pod["metadata"]["deletionTimestamp"] = date(now + 20.0, now);
    pod["metadata"]["deletionGracePeriodSeconds"] = 30.into();
}

/// Whether a number or percentage of pods is none.
fn is_zero(limit: &Value) -> bool {
    *limit == 0 || *limit == "0%"
}

/// An experiment over so many seconds with controllers, which begins at the date of the case's beginning.
fn folder(nodes: &[Value], objects: &[Value], seconds: i64) -> Folder {
    let nodes: Vec<&Value> = nodes.iter().collect();
    let objects: Vec<&Value> = objects.iter().collect();
    let mut folder = Folder::kubernetes(&nodes, &objects, seconds);
    let date = date(0.0, 0.0);
    folder.set_in("system", "controllers", json!({"startDate": date}));
    folder
}

/// The outcome of a case with these differences.
fn said(differences: &crate::cases::Differences) -> Said {
    if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    }
}
