//! Parts of objects that no reader looks at, and workloads without a controller in the model: noted while they
//! are met, so that a run can say what it does without them.

use serde_json::Value;

use super::Reader;
use crate::field::{Path, Problem};
use crate::fields::{self, UnreadFields};
use crate::findings::ObjectName;
use crate::kinds::{self, OutdatedVersion};
use crate::parts::Parts;
use crate::{pod, raw, recommendations, revisions, unmodelled};

/// Name of an object in messages, with the namespace that it has.
fn object_name(parts: &Parts) -> ObjectName<'_> {
    let kind = parts.kind.as_deref().unwrap_or_default();
    ObjectName {
        kind,
        namespace: (!kinds::is_of_cluster(kind)).then(|| pod::namespace(&parts.metadata)),
        name: parts.metadata.name.as_deref().unwrap_or_default(),
    }
}

impl Reader {
    /// Notes the fields of an object that no reader looks at.
    pub(super) fn note_strays(&mut self, parts: &mut Parts) {
        let kind = parts.kind.as_deref().unwrap_or_default();
        let version = parts.api_version.as_deref();
        let mut strays = std::mem::take(&mut parts.strays);
        let is_own = kinds::is_own(kind, version);
        let is_workload = kinds::is_workload(kind, version);
        let is_placed = kinds::is_read(kind, version);
        if !(is_own || is_workload || is_placed) || (is_workload && !self.is_read_workload(parts)) {
            // Of what is not read, or read for its selector alone, the kind as a whole is reported.
            return;
        }
        strays.settle_beside(kind);
        if let (Some(list), Some(spec)) = (fields::spec_of(kind), &parts.late_spec) {
            strays.walk(spec, list, "spec");
        }
        self.tell_strays(parts, &strays);
        if kind != "Pod" {
            self.tell_annotations(parts);
        }
        if is_workload {
            unmodelled::note_queue_of_others(object_name(parts), &parts.metadata, &mut self.ctx);
        }
    }

    fn tell_annotations(&mut self, parts: &Parts) {
        let object = object_name(parts);
        for unread in fields::unread_of_object(object.kind, &parts.metadata.annotations) {
            let path = Path::root("metadata");
            let path = path.field("annotations");
            let effect = "the annotation has no effect";
            let findings = &mut self.ctx.findings;
            findings.add(object, &path.key(unread.key), unread.what, effect);
        }
    }

    fn tell_strays(&mut self, parts: &Parts, strays: &UnreadFields) {
        let object = object_name(parts);
        for stray in strays.iter() {
            let findings = &mut self.ctx.findings;
            findings.add(object, &stray.field, stray.what(), stray.effect());
        }
    }

    /// Refusal of a version whose fields are others than those that are read.
    pub(super) fn refuse_version(parts: &Parts, outdated: OutdatedVersion) -> Problem {
        let found = parts.api_version.as_deref().unwrap_or_default();
        let expected = format!(
            "`{outdated}`, whose fields are read (`kubectl convert --output-version {outdated}` \
             rewrites others)"
        );
        Path::root("apiVersion").problem(&expected, found)
    }

    /// Refuses what means something else in an older version that is read otherwise as the present
    /// one.
    pub(super) fn check_version(parts: &Parts) -> Result<(), Problem> {
        let (kind, version) = (parts.kind.as_deref(), parts.api_version.as_deref());
        if (kind, version) != (Some("PodDisruptionBudget"), Some("policy/v1beta1")) {
            return Ok(());
        }
        let spec = parts.late_spec.as_ref();
        let selector = spec.and_then(|spec| spec.get("selector"));
        let states = |field: &str| {
            let own = selector.and_then(|selector| selector.get(field));
            own.is_some_and(|own| match own {
                Value::Object(labels) => !labels.is_empty(),
                Value::Array(expressions) => !expressions.is_empty(),
                _ => false,
            })
        };
        if selector.is_none_or(Value::is_null)
            || states("matchLabels")
            || states("matchExpressions")
        {
            return Ok(());
        }
        let path = Path::root("spec");
        Err(path.field("selector").problem(
            "a selector with labels: an empty one selects no pod in `policy/v1beta1` and every pod \
             in `policy/v1`; write `policy/v1`, and leave the selector out if no pod is meant",
            "{}",
        ))
    }

    /// Counts a workload that no reader reads, and the pods that it wants.
    pub(super) fn count_unread(&mut self, parts: &Parts) {
        let kind = parts.kind.as_deref().unwrap_or_default();
        let is_workload = kinds::is_workload(kind, parts.api_version.as_deref());
        if self.reads_workloads
            || !is_workload
            || matches!(
                kind,
                "Namespace"
                    | "Service"
                    | "PodDisruptionBudget"
                    | revisions::KIND
                    | recommendations::KIND
            )
        {
            return;
        }
        let mut owners = parts.metadata.owner_references.iter();
        if owners.any(|owner| owner.controller) {
            return;
        }
        let mut wanted = parts.wanted;
        if let Some(spec) = &parts.late_spec {
            let number = |field: &str| spec.get(field).and_then(Value::as_i64);
            wanted = raw::ReplicaFields {
                replicas: number("replicas"),
                parallelism: number("parallelism"),
                completions: number("completions"),
            };
        }
        let pods = match kind {
            "Deployment" | "ReplicaSet" | "StatefulSet" | "ReplicationController" => {
                wanted.replicas.unwrap_or(1)
            }
            "Job" => {
                let most = wanted.completions.unwrap_or(i64::MAX);
                wanted.parallelism.unwrap_or(1).min(most)
            }
            _ => 0,
        };
        let unread = self.unread_workloads.entry(kind.to_owned()).or_default();
        unread.objects += 1;
        unread.pods = unread.pods.saturating_add(u64::try_from(pods).unwrap_or(0));
    }
}
