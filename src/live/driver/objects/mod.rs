//! Objects of the cluster for its users, in the form of the Kubernetes API: what was declared, and how far
//! the control plane is with it. Where the system has Kubernetes' controllers, the status is theirs; of
//! other systems it is counted from the pods.

use cluster::ObjectRow as Stored;
use model::{LabelSelector, Object, Operator, Pod, PodPhase, PodSpec, Text};
use serde_json::{Map, Value, json};
use units::{Duration, Instant, ObjectId, SortedMap};

use super::labels::APPLIED;
use super::{CONTROLLERS, Driver};
use crate::runtime::timestamp;
use crate::wire::pod;

mod autoscalers;
mod jobs;
mod workloads;

/// Annotation of roll-outs with their numbers.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Wall clock at instants of a run, in nanoseconds since 1970.
pub(crate) type Wall<'c> = &'c dyn Fn(Instant) -> i64;

/// Numbers of an object's pods, of those that were not told to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    replicas: i32,
    ready: i32,
    /// Pods of the template that is declared now.
    updated: i32,
    succeeded: i32,
    failed: i32,
    /// Instant of the last end of a pod that succeeded.
    last_success: Option<Instant>,
}

/// A part of an object's text.
struct Parts {
    api_version: &'static str,
    spec: Value,
    status: Value,
}

impl Driver {
    /// The objects of a kind.
    pub(crate) fn object_values(&self, kind: &str, wall: Wall<'_>) -> Vec<Value> {
        let objects = self.store.objects().iter();
        let objects = objects.filter(|(_, row)| row.object.kind() == kind);
        objects.map(|(id, row)| self.whole(id, row, wall)).collect()
    }

    /// An object with its metadata.
    fn whole(&self, id: ObjectId, row: &Stored, wall: Wall<'_>) -> Value {
        let parts = self.parts(id, row, wall);
        let labels = self.labels.of_object(&self.store, row);
        let applied = self.labels.applied(&row.object);
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), json!(row.object.name()));
        if !row.object.namespace().is_empty() {
            metadata.insert("namespace".to_owned(), json!(row.object.namespace()));
        }
        metadata.insert(
            "creationTimestamp".to_owned(),
            json!(timestamp(wall(row.created))),
        );
        if !labels.is_empty() {
            metadata.insert("labels".to_owned(), json!(labels));
        }
        let annotations = [
            (APPLIED, applied.map(str::to_owned)),
            (REVISION, revision(row)),
        ];
        let stated = annotations.into_iter().filter(|(_, value)| value.is_some());
        let annotations: SortedMap<&str, Option<String>> = stated.collect();
        if !annotations.is_empty() {
            metadata.insert("annotations".to_owned(), json!(annotations));
        }
        let of_kind = (row.object.kind(), row.object.name());
        let uid = format!("{}-{}-{}", of_kind.0, of_kind.1, row.created.as_nanos());
        metadata.insert("uid".to_owned(), json!(uid));
        if let Some(owner) = row.owner.and_then(|owner| self.store.objects().get(owner)) {
            let (kind, name) = (owner.object.kind(), owner.object.name());
            let uid = format!("{kind}-{name}-{}", owner.created.as_nanos());
            let owner = json!([{
                "apiVersion": version_of_owner(kind), "kind": kind, "name": name, "controller": true,
                "uid": uid,
            }]);
            metadata.insert("ownerReferences".to_owned(), owner);
        }
        let mut whole = Map::new();
        if let Some(Value::Object(applied)) = applied.and_then(|own| serde_json::from_str(own).ok())
            && parts.spec.is_null()
        {
            // Of these kinds no more is kept than decisions need.
            whole = applied;
            whole.remove("status");
        }
        whole.insert("apiVersion".to_owned(), json!(parts.api_version));
        whole.insert("kind".to_owned(), json!(row.object.kind()));
        whole.insert("metadata".to_owned(), Value::Object(metadata));
        for (field, value) in [("spec", parts.spec), ("status", parts.status)] {
            if !value.is_null() {
                whole.insert(field.to_owned(), value);
            }
        }
        Value::Object(whole)
    }

    fn parts(&self, id: ObjectId, row: &Stored, wall: Wall<'_>) -> Parts {
        let counted = || self.counted(id, row);
        let keeps_status = self.seats.has(CONTROLLERS);
        match &row.object {
            Object::Deployment(own) => {
                let counted = (!keeps_status).then(counted);
                workloads::deployment(own, counted, wall)
            }
            Object::ReplicaSet(own) => {
                let counted = (!keeps_status).then(counted);
                workloads::replica_set("apps/v1", own, counted)
            }
            Object::ReplicationController(own) => {
                let counted = (!keeps_status).then(counted);
                workloads::replica_set("v1", own, counted)
            }
            Object::StatefulSet(own) => {
                let counted = (!keeps_status).then(counted);
                workloads::stateful_set(own, counted)
            }
            Object::DaemonSet(own) => {
                let counted = (!keeps_status).then(counted);
                workloads::daemon_set(own, counted)
            }
            Object::Job(own) => {
                let counted = (!keeps_status).then(counted);
                jobs::job(own, counted, row.created, wall)
            }
            Object::CronJob(own) => jobs::cron_job(own, wall),
            Object::HorizontalPodAutoscaler(own) => autoscalers::horizontal(own, wall),
            Object::PodDisruptionBudget(own) => workloads::budget(own),
            other => Parts {
                api_version: api_version(other),
                spec: Value::Null,
                status: Value::Null,
            },
        }
    }

    /// Numbers of the pods of an object and of the objects that it controls.
    fn counted(&self, id: ObjectId, row: &Stored) -> Counted {
        let mut counted = Counted::default();
        let template = row.object.template().map(|spec| &spec.manifest);
        let mut owners = vec![id];
        while let Some(owner) = owners.pop() {
            let Some(row) = self.store.objects().get(owner) else {
                continue;
            };
            let tally = self.tallies.of_object(row);
            counted.succeeded += tally.succeeded;
            counted.failed += tally.failed;
            counted.last_success = counted.last_success.max(tally.last_success);
            owners.extend(&row.children);
            for &pod in &row.pods {
                let Some(record) = self.store.pods().get(pod) else {
                    continue;
                };
                if self.store.pod_states().is_terminating(pod) {
                    continue;
                }
                let spec = &self.store.class(record.class).spec;
                counted.replicas += 1;
                counted.ready += i32::from(self.is_ready(record));
                counted.updated += i32::from(Some(&spec.manifest) == template);
            }
        }
        counted
    }

    /// Whether a pod serves: it is said to be ready, or runs and nothing probes it.
    pub(super) fn is_ready(&self, pod: &Pod) -> bool {
        let state = self.store.pod_states().get(pod.pod);
        let spec = &self.store.class(pod.class).spec;
        let runs_unprobed = pod.phase == PodPhase::Running && !is_probed(spec);
        state.map_or(runs_unprobed, |state| state.is_ready)
    }
}

/// Number of the roll-out that an object is of: `kubectl rollout undo` finds templates by it.
fn revision(row: &Stored) -> Option<String> {
    let number = match &row.object {
        Object::Deployment(own) => own.status.revision,
        Object::ReplicaSet(own) => own.rollout.revision,
        _ => 0,
    };
    (number > 0).then(|| number.to_string())
}

/// Returns whether a probe has to say that a pod serves: until then it does not.
fn is_probed(spec: &PodSpec) -> bool {
    let lives = spec.life.iter().flat_map(|life| &life.containers);
    lives
        .into_iter()
        .any(|life| life.startup.is_some() || life.readiness.is_some())
}

/// Version of the API of objects that control others.
pub(crate) fn version_of_owner(kind: &str) -> &'static str {
    match kind {
        "Job" | "CronJob" => "batch/v1",
        "ReplicationController" | "Node" => "v1",
        _ => "apps/v1",
    }
}

/// Version of the API of objects of which no more than the name is shown.
const fn api_version(object: &Object) -> &'static str {
    match object {
        Object::VerticalPodAutoscaler(_) => "autoscaling.k8s.io/v1",
        Object::Ingress(_) => "networking.k8s.io/v1",
        Object::PriorityClass(_) => "scheduling.k8s.io/v1",
        Object::Workload(_) | Object::ClusterQueue(_) => "kueue.x-k8s.io/v1beta2",
        Object::ResourceClaim(_) => "resource.k8s.io/v1",
        _ => "v1",
    }
}

/// A pod template as it was written.
fn template(spec: &PodSpec) -> Value {
    let mut template = pod::written(spec);
    template["metadata"]["labels"] = json!(spec.labels);
    Value::Object(template)
}

/// A selector of labels.
fn selector(selector: &LabelSelector) -> Value {
    let mut labels = Map::new();
    let mut expressions = Vec::new();
    for requirement in &selector.requirements {
        match (requirement.operator, requirement.values.as_slice()) {
            (Operator::In, [value]) => {
                labels.insert(requirement.key.to_string(), json!(value));
            }
            _ => expressions.push(json!(requirement)),
        }
    }
    let mut written = Map::new();
    if !labels.is_empty() {
        written.insert("matchLabels".to_owned(), Value::Object(labels));
    }
    if !expressions.is_empty() {
        written.insert("matchExpressions".to_owned(), json!(expressions));
    }
    Value::Object(written)
}

/// An instant as a text, where there is one.
fn time(at: Option<Instant>, wall: Wall<'_>) -> Value {
    at.map_or(Value::Null, |at| json!(timestamp(wall(at))))
}

/// Whole seconds of a time.
const fn seconds(time: Duration) -> i64 {
    time.as_nanos() / 1_000_000_000
}

/// An object without the fields that say nothing.
fn stated(fields: Value) -> Value {
    match fields {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Value::Object(fields)
        }
        other => other,
    }
}

/// Names as texts.
fn texts(list: &[Text]) -> Vec<&str> {
    list.iter().map(|text| &**text).collect()
}
