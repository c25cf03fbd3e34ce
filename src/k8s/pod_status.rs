//! State of a pod and its containers as its status reports it, where that is more than its phase says: a
//! pod that is not ready, one that fails again and again, one whose containers can't be started.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::field::parse_unix_secs;
use super::keys::JOB_TRACKING;
use super::raw;
use model::{EndReason, EvictionCause, PodSpec, Text};

/// Reasons for which a container can't be started, and for which nothing in a dump says that they pass.
const STUCK: [&str; 12] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PostStartHookError",
];

/// Field of a pod's status in a snapshot: the time since which the pod is ready, or not ready, which pods
/// that are alike otherwise state each.
pub(super) const READY_SINCE: &str = "readySince";

/// State of a pod as its status reports it. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodReport {
    /// The condition `Ready`, if the status has it.
    pub is_ready: Option<bool>,
    /// States of the containers, init containers first; `None` of one that the status does not tell.
    pub containers: Vec<Option<ReportedContainer>>,
}

/// A container as a pod's status reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedContainer {
    /// Whether the container counts as ready.
    pub is_ready: bool,
    /// Number of restarts.
    pub restarts: u32,
    /// Activity of the container, if the status tells it.
    pub state: Option<ReportedState>,
}

/// Activity of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportedState {
    /// It has yet to start.
    Waiting,
    /// It can't be started.
    Stuck,
    /// It runs, from a time on if that is stated.
    Running(Option<i64>),
    /// It failed and will be started again.
    BackOff(ReportedRun),
    /// It ended.
    Ended(ReportedRun),
}

/// A run of a container that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportedRun {
    /// Time of the beginning.
    pub started: Option<i64>,
    /// Time of the end.
    pub ended: Option<i64>,
    /// The code that it ended with.
    pub code: i32,
}

impl PodReport {
    /// Times that the report states.
    pub(super) fn times(&self) -> impl Iterator<Item = i64> {
        let containers = self.containers.iter().flatten();
        containers.filter_map(|container| match container.state? {
            ReportedState::Running(since) => since,
            ReportedState::BackOff(run) | ReportedState::Ended(run) => run.ended,
            ReportedState::Waiting | ReportedState::Stuck => None,
        })
    }
}

/// End of a pod as its status reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEnd {
    /// Time of the end, in seconds since 1970-01-01T00:00:00Z.
    pub unix_secs: Option<i64>,
    /// Reason for the end.
    pub reason: EndReason,
    /// The exit codes of its containers by name, as far as they are reported.
    pub codes: Vec<(Text, i32)>,
}

/// The end of a pod that has ended.
pub(super) fn end(status: &raw::PodStatus) -> Option<PodEnd> {
    if !is_over(status) {
        return None;
    }
    let statuses = { status.init_container_statuses.iter() }.chain(&status.container_statuses);
    let runs =
        statuses.filter_map(|status| Some((&status.name, run(status.state.terminated.as_ref()?))));
    let runs: Vec<(&String, ReportedRun)> = runs.collect();
    let is_disrupted = status
        .conditions
        .iter()
        .any(|condition| condition.kind == "DisruptionTarget" && condition.status == "True");
    Some(PodEnd {
        unix_secs: runs.iter().filter_map(|(_, own)| own.ended).max(),
        reason: match (status.phase.as_deref(), status.reason.as_deref()) {
            (Some("Succeeded"), _) => EndReason::Completed,
            (_, Some("DeadlineExceeded")) => EndReason::TimeLimit,
            (_, Some("Preempting")) => EndReason::Evicted(EvictionCause::Preemption),
            (_, Some("Evicted")) => EndReason::Evicted(EvictionCause::NodePressure),
            _ if is_disrupted => EndReason::Evicted(EvictionCause::Taint),
            _ => EndReason::Error,
        },
        codes: { runs.iter() }
            .map(|(name, own)| (name.as_str().into(), own.code))
            .collect(),
    })
}

/// What a pod's status reports beyond its phase; `None` if that is nothing.
pub(super) fn report(status: &raw::PodStatus, spec: &PodSpec) -> Option<PodReport> {
    if is_over(status) || is_plain_status(status) {
        return None;
    }
    let is_ready = is_ready(status).or_else(|| {
        // Without the condition a pod is as ready as its containers.
        let mut containers = status.container_statuses.iter();
        let is_unready = containers.any(|container| container.ready == Some(false));
        (is_unready && !is_pending(status)).then_some(false)
    });
    let containers = spec
        .all_containers()
        .enumerate()
        .map(|(number, container)| {
            let list = if number < spec.init_containers.len() {
                &status.init_container_statuses
            } else {
                &status.container_statuses
            };
            let own = list.iter().find(|own| *own.name == *container.name)?;
            let state = state(own);
            // Of one without a state the pod's condition tells more.
            let ready = own.ready.filter(|_| state.is_some());
            Some(ReportedContainer {
                is_ready: ready.unwrap_or(is_ready != Some(false)),
                restarts: u32::try_from(own.restart_count).unwrap_or(0),
                state,
            })
        });
    Some(PodReport {
        is_ready,
        containers: containers.collect(),
    })
}

fn is_pending(status: &raw::PodStatus) -> bool {
    matches!(status.phase.as_deref(), None | Some("" | "Pending"))
}

fn is_over(status: &raw::PodStatus) -> bool {
    matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
}

/// The condition `Ready` of a pod, if it has one.
fn is_ready(status: &raw::PodStatus) -> Option<bool> {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready");
    ready.map(|own| own.status == "True")
}

/// Whether a status says no more than its phase.
fn is_plain_status(status: &raw::PodStatus) -> bool {
    let is_pending = is_pending(status);
    let (inits, others) = (&status.init_container_statuses, &status.container_statuses);
    inits.iter().all(|init| is_plain(init, true, is_pending))
        && others
            .iter()
            .all(|other| is_plain(other, false, is_pending))
        && (is_pending || is_ready(status) != Some(false))
}

/// Time of the last change of a pod's readiness.
pub(super) fn ready_since(status: &raw::PodStatus) -> Option<i64> {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready");
    let of_condition = ready.and_then(|ready| ready.last_transition_time.as_deref());
    parse_unix_secs(status.ready_since.as_deref().or(of_condition)?)
}

/// Whether a container is as those of every pod in its phase: it runs and is ready, or has yet to start.
fn is_plain(own: &raw::ContainerStatus, is_init: bool, is_pending: bool) -> bool {
    if own.restart_count > 0 {
        return false;
    }
    match state(own) {
        None => own.ready != Some(false) || is_pending,
        Some(ReportedState::Waiting) => is_pending,
        Some(ReportedState::Running(_)) => !is_pending && own.ready == Some(true),
        Some(ReportedState::Ended(run)) => is_init && !is_pending && run.code == 0,
        Some(ReportedState::Stuck | ReportedState::BackOff(_)) => false,
    }
}

fn state(own: &raw::ContainerStatus) -> Option<ReportedState> {
    let state = &own.state;
    if let Some(running) = &state.running {
        let since = running.started_at.as_deref().and_then(parse_unix_secs);
        return Some(ReportedState::Running(since));
    }
    if let Some(ended) = &state.terminated {
        return Some(ReportedState::Ended(run(ended)));
    }
    let reason = state.waiting.as_ref()?.reason.as_deref();
    Some(match reason {
        Some("CrashLoopBackOff") => {
            let last = own.last_state.terminated.as_ref().map(run);
            ReportedState::BackOff(last.unwrap_or(ReportedRun {
                code: 1,
                ..ReportedRun::default()
            }))
        }
        Some(reason) if STUCK.contains(&reason) => ReportedState::Stuck,
        _ => ReportedState::Waiting,
    })
}

fn run(ended: &raw::ContainerStateTerminated) -> ReportedRun {
    ReportedRun {
        started: ended.started_at.as_deref().and_then(parse_unix_secs),
        ended: ended.finished_at.as_deref().and_then(parse_unix_secs),
        code: ended.exit_code,
    }
}

/// Whether a pod bears the finalizer of those that their job has yet to count.
fn is_tracked(pod: &Value) -> bool {
    let finalizers = pod["metadata"]["finalizers"].as_array();
    let mut finalizers = finalizers.into_iter().flatten();
    finalizers.any(|finalizer| finalizer.as_str() == Some(JOB_TRACKING))
}

/// Takes out of a pod's status what [`report`] and [`end`] pass over, so that pods of a snapshot are
/// alike that differ in nothing that counts.
pub(super) fn shorten(pod: &mut Value) {
    let is_tracked = is_tracked(pod);
    if let Some(Value::Object(metadata)) = pod.get_mut("metadata") {
        if is_tracked {
            metadata.insert("finalizers".to_owned(), [JOB_TRACKING].as_slice().into());
        } else {
            metadata.remove("finalizers");
        }
    }
    let Some(Value::Object(status)) = pod.get_mut("status") else {
        return;
    };
    let parsed = raw::PodStatus::deserialize(&*status).ok();
    let is_over = parsed.as_ref().is_none_or(is_over);
    let says_nothing = parsed.is_some_and(|parsed| is_plain_status(&parsed));
    if (is_over && !is_tracked) || says_nothing {
        for list in ["containerStatuses", "initContainerStatuses"] {
            shorten_containers(status, list);
        }
    }
    let mut since = None;
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        let Some(condition) = condition.as_object_mut() else {
            continue;
        };
        let time = condition.remove("lastTransitionTime");
        if condition.get("type").and_then(Value::as_str) == Some("Ready") {
            since = time.filter(Value::is_string);
        }
    }
    if let Some(since) = since.filter(|_| !is_over) {
        status.entry(READY_SINCE).or_insert(since);
    }
}

/// Leaves of the states of containers what was accounted for them.
fn shorten_containers(status: &mut Map<String, Value>, list: &str) {
    let Some(Value::Array(containers)) = status.get_mut(list) else {
        return;
    };
    for container in containers.iter_mut().filter_map(Value::as_object_mut) {
        for field in ["ready", "started", "restartCount", "state", "lastState"] {
            container.remove(field);
        }
    }
    containers.retain(|container| {
        let fields = container.as_object();
        fields.is_none_or(|fields| fields.keys().any(|key| key != "name"))
    });
    if containers.is_empty() {
        status.remove(list);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::read_manifests;

    fn pod(status: &Value) -> Value {
        json!({"kind": "Pod", "metadata": {"name": "p"}, "status": status, "spec": {"nodeName": "n",
            "initContainers": [{"name": "i"}], "containers": [{"name": "a"}, {"name": "b"}]}})
    }

    fn report_of(pod: &Value) -> (Option<PodReport>, Option<i64>) {
        let read = read_manifests("pod.json", &pod.to_string()).expect("a good pod");
        let pod = &read.pods[0];
        (pod.report.as_deref().cloned(), pod.ready_unix_secs)
    }

    const AT: &str = "2025-01-01T00:00:07Z";

    fn main(name: &str, ready: bool, restarts: u32, state: &Value) -> Value {
        json!({"name": name, "ready": ready, "restartCount": restarts, "state": state,
            "lastState": {"terminated": {"exitCode": 3, "startedAt": AT, "finishedAt": AT}}})
    }

    fn status(phase: &str, ready: &str, containers: &Value) -> Value {
        let init = json!({"name": "i", "ready": true, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "finishedAt": AT}}});
        json!({"phase": phase, "initContainerStatuses": [init], "containerStatuses": containers,
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": AT},
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": AT}]})
    }

    /// How a pod ended is what its containers say, and of one that its job has yet to count the short status
    /// says it, too.
    #[test]
    fn a_pod_that_ended_says_how() {
        let ended = |code: i32| json!({"terminated": {"exitCode": code, "finishedAt": AT}});
        let containers = json!([
            main("a", false, 0, &ended(0)),
            main("b", false, 0, &ended(3))
        ]);
        let mut failed = pod(&status("Failed", "False", &containers));
        let end_of = |pod: &Value| {
            let read = read_manifests("pod.json", &pod.to_string()).expect("a good pod");
            read.pods[0].end.clone()
        };
        let expected = PodEnd {
            unix_secs: parse_unix_secs(AT),
            reason: EndReason::Error,
            codes: vec![("i".into(), 0), ("a".into(), 0), ("b".into(), 3)],
        };
        assert_eq!(end_of(&failed), Some(expected.clone()));
        failed["metadata"]["finalizers"] = json!(["other", JOB_TRACKING]);
        shorten(&mut failed);
        assert_eq!(end_of(&failed), Some(expected));
        assert_eq!(failed["metadata"]["finalizers"], json!([JOB_TRACKING]));
        failed["status"]["reason"] = "Evicted".into();
        let end = end_of(&failed).map(|end| end.reason);
        assert_eq!(end, Some(EndReason::Evicted(EvictionCause::NodePressure)));
        let running = json!([main("a", true, 0, &json!({"running": {}}))]);
        assert_eq!(end_of(&pod(&status("Running", "True", &running))), None);
    }

    /// Statuses of every kind say the same once they are shortened, and plain ones say nothing.
    #[test]
    fn a_short_status_says_what_the_long_one_says() {
        let up = json!({"running": {"startedAt": AT}});
        let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
        let ready = main("a", true, 0, &up);
        for (status, expected) in [
            (
                status("Running", "True", &json!([ready, main("b", true, 0, &up)])),
                None,
            ),
            (
                status("Running", "True", &json!([ready, main("b", true, 2, &up)])),
                Some((2, true)),
            ),
            (
                status("Running", "False", &json!([ready, main("b", true, 0, &up)])),
                Some((0, true)),
            ),
            (
                status(
                    "Running",
                    "False",
                    &json!([ready, main("b", false, 9, &waiting("CrashLoopBackOff"))]),
                ),
                Some((9, false)),
            ),
            (
                status(
                    "Pending",
                    "False",
                    &json!([ready, main("b", false, 0, &waiting("ImagePullBackOff"))]),
                ),
                Some((0, false)),
            ),
            (status("Succeeded", "False", &json!([ready])), None),
            (json!({"phase": "Running"}), None),
            (
                json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
                None,
            ),
        ] {
            let whole = pod(&status);
            let (found, since) = report_of(&whole);
            let of_last = found.as_ref().and_then(|found| *found.containers.last()?);
            let brief = found
                .as_ref()
                .and(of_last)
                .map(|own| (own.restarts, own.is_ready));
            assert_eq!(brief, expected, "{status}");
            let mut short = whole.clone();
            shorten(&mut short);
            let is_over = status["phase"] == "Succeeded";
            let since = since.filter(|_| !is_over);
            let (of_short, since_of_short) = report_of(&short);
            assert_eq!(
                (of_short, since_of_short),
                (found.clone(), since),
                "{short}"
            );
            if found.is_none() {
                assert!(!short.to_string().contains("containerStatuses"), "{short}");
            }
        }
    }
}
