//! Workloads of Kueue without an owner: jobs of their own, whose pod sets are their roles.

use std::sync::Arc;

use serde_json::Value;

use super::Reader;
use crate::declared_workload::DeclaredWorkload;
use crate::field::{Path, Problem};
use crate::findings::ObjectName;
use crate::parts::Parts;
use crate::queueing::pod_of;
use model::queueing::{PodSet, QueuedWorkload};
use model::workload::job::{CompletionMode, JobMember, JobQueue, QueueReference};
use model::workload::{Job, RestartPolicy};
use model::{PodSpec, Text};

impl Reader {
    /// Makes the jobs of the workload that was read last, if it waits for quota and nothing owns it.
    pub(super) fn add_generic(&mut self, parts: &Parts) -> Result<(), Problem> {
        let is_workload = parts.kind.as_deref() == Some("Workload");
        if !is_workload || !self.reads_workloads || !parts.metadata.owner_references.is_empty() {
            return Ok(());
        }
        let Some(workload) = self.objects.queueing.workloads.last().cloned() else {
            return Ok(());
        };
        let has_ended = workload.holding("Finished").is_some();
        if workload.admission.is_some()
            || has_ended
            || !workload.active
            || workload.queue.is_empty()
        {
            return Ok(());
        }
        let list = Path::root("spec");
        let list = list.field("podSets");
        let spec = parts.late_spec.as_ref();
        for (place, set) in workload.pod_sets.iter().enumerate() {
            let template = spec.map(|own| &own["podSets"][place]["template"]);
            let template = template.unwrap_or(&Value::Null);
            let path = list.index(place);
            let pods = template_with_life(template, &workload.namespace)
                .map_err(|why| path.field("template").broken(why))?;
            if set.min_count.is_some() {
                let object = ObjectName {
                    kind: "Workload",
                    namespace: Some(&workload.namespace),
                    name: &workload.name,
                };
                let what = "a least number of pods of a workload without an owner";
                let effect = "it is admitted with all of its pods or not at all";
                self.ctx
                    .findings
                    .add(object, &path.field("minCount"), what, effect);
            }
            let mut job = job(&workload, place, set, pods);
            job.restart = restart(template);
            self.workloads.push(DeclaredWorkload::made(job));
        }
        Ok(())
    }
}

/// The job of a pod set.
fn job(workload: &QueuedWorkload, place: usize, set: &PodSet, mut template: Arc<PodSpec>) -> Job {
    let sets = workload.pod_sets.len();
    let name: Text = match sets {
        1 => workload.name.clone(),
        _ => format!("{}-{}", workload.name, set.name).into(),
    };
    let number = |own: usize| u32::try_from(own).unwrap_or(u32::MAX);
    if workload.priority != 0 {
        Arc::make_mut(&mut template).priority = workload.priority;
    }
    let queue = JobQueue {
        name: workload.queue.clone(),
        max_execution: workload.max_execution,
        topology: set.topology.clone(),
        member: Some(Arc::new(JobMember {
            workload: workload.name.clone(),
            set: set.name.clone(),
            number: number(place),
            replica: 0,
            jobs: number(sets),
            keeps_quota: false,
        })),
        ..JobQueue::default()
    };
    let job = Job {
        namespace: workload.namespace.clone(),
        name,
        template,
        mode: CompletionMode::Indexed,
        queue: QueueReference(Some(Arc::new(queue))),
        ..Job::default()
    };
    let pods = i32::try_from(set.count).unwrap_or(i32::MAX);
    job.with_defaults(Some(pods), Some(pods), None)
}

/// Restart policy of the pods of a job: one that would start again without an end starts again on failure.
fn restart(template: &Value) -> RestartPolicy {
    match template["spec"]["restartPolicy"].as_str() {
        Some("Never") => RestartPolicy::Never,
        _ => RestartPolicy::OnFailure,
    }
}

/// The pods of a template, with what it says of their lives.
fn template_with_life(template: &Value, namespace: &str) -> Result<Arc<PodSpec>, String> {
    let mut pod = pod_of(template, namespace);
    let spec = &mut pod["spec"];
    if spec.is_object() && restart(template) == RestartPolicy::OnFailure {
        spec["restartPolicy"] = "OnFailure".into();
    }
    let read = crate::read_with_lives(&pod)?;
    let pod = read.pods.first().ok_or("expected a pod template")?;
    Ok(Arc::clone(&pod.spec))
}
