//! Pods in a queue of Kueue, alone or in groups (`kueue.x-k8s.io/pod-group-name`): a job each, or one for all
//! alike of a group, so that they are held back like jobs.

use std::sync::Arc;

use super::Reader;
use crate::declared_workload::DeclaredWorkload;
use crate::field::{Path, Problem};
use crate::findings::ObjectName;
use crate::group_part::GroupPart;
use crate::job_sets::MOST;
use crate::keys::{ADMISSION_GATE, POD_GROUP, POD_GROUP_PODS};
use crate::parts::Parts;
use crate::{Maker, ManifestPod, pod, queueing, workload_jobs};
use model::queueing::workload_of;
use model::workload::job::{JobMember, JobQueue, QueueReference};
use model::workload::{Job, RestartPolicy};
use model::{PodSpec, Text, pod_life};
use units::{SortedMap, SortedSet, plural};

/// A pod that waits for quota.
#[derive(Clone)]
pub(super) struct QueuedPod {
    /// Place among the pods.
    place: usize,
    queue: Arc<JobQueue>,
    restart: RestartPolicy,
    /// Its group, and the number of pods of that.
    group: Option<(Text, u32)>,
}

impl QueuedPod {
    /// The pod's class as that of a job: one that would start again without an end ends with success.
    pub(super) fn adapt(&self, spec: &mut PodSpec) {
        spec.scheduling_gates
            .retain(|gate| **gate != *ADMISSION_GATE);
        if let Some(life) = &mut spec.life {
            Arc::make_mut(life).restart = match self.restart {
                RestartPolicy::Never => pod_life::RestartPolicy::Never,
                RestartPolicy::OnFailure => pod_life::RestartPolicy::OnFailure,
            };
        }
    }
}

/// Pods of a group that are alike.
struct Role {
    spec: Arc<PodSpec>,
    first: Text,
    pods: u32,
    own: QueuedPod,
}

impl Reader {
    /// The queue of a pod that waits for it; `None` of others, such as those that have a node or an owner.
    pub(super) fn queued_pod(&self, parts: &Parts) -> Result<Option<QueuedPod>, Problem> {
        let (metadata, raw) = (&parts.metadata, &parts.pod_spec);
        let is_bound = raw
            .node_name
            .as_deref()
            .is_some_and(|node_name| !node_name.is_empty());
        let is_free =
            pod::maker(metadata) == Maker::Nobody && metadata.deletion_timestamp.is_none();
        let phase = parts.pod_status.phase.as_deref();
        let waits = matches!(phase, None | Some("" | "Pending"));
        if !self.reads_workloads || is_bound || !is_free || !waits {
            return Ok(None);
        }
        if super::pod_times::at(metadata)?.is_some() {
            // The file says when it comes, which no job does.
            return Ok(None);
        }
        let label = |key: &str| metadata.labels.get(key).map(String::as_str);
        let Some(mut queue) = workload_jobs::queue(label, None)? else {
            return Ok(None);
        };
        Arc::make_mut(&mut queue).topology = queueing::wishes(&metadata.annotations)?;
        let own = QueuedPod {
            place: self.pods.len(),
            restart: match raw.restart_policy.as_deref() {
                Some("Never") => RestartPolicy::Never,
                _ => RestartPolicy::OnFailure,
            },
            group: group(parts)?,
            queue,
        };
        self.check_group(&own, pod::namespace(metadata))?;
        Ok(Some(own))
    }

    /// Refuses a pod that does not agree with those of its group, or that is one too many.
    fn check_group(&self, own: &QueuedPod, namespace: &str) -> Result<(), Problem> {
        let Some((group, total)) = &own.group else {
            return Ok(());
        };
        let others = self.queued.iter().filter(|other| {
            let is_it = other.group.as_ref().is_some_and(|(name, _)| name == group);
            is_it && **self.pods[other.place].namespace() == *namespace
        });
        let metadata = Path::root("metadata");
        let labels = metadata.field("labels");
        let annotations = metadata.field("annotations");
        let mut before = 0;
        for other in others {
            before += 1;
            let stated = other.group.as_ref().map_or(0, |(_, stated)| *stated);
            if stated != *total {
                let expected = format!("{stated}, as other pods of the group `{group}` have it");
                return Err(annotations.key(POD_GROUP_PODS).problem(&expected, total));
            }
            if other.queue.name != own.queue.name {
                let expected = format!(
                    "`{}`, the queue of other pods of the group `{group}`",
                    other.queue.name
                );
                let path = labels.key(crate::keys::QUEUE_NAME);
                return Err(path.problem(&expected, &own.queue.name));
            }
        }
        if before >= *total {
            let most = plural::count(usize::try_from(*total).unwrap_or(usize::MAX), "pod");
            let expected = format!("a group of {most}");
            let path = labels.key(POD_GROUP);
            return Err(path.problem(&expected, format!("{group}, one pod more")));
        }
        Ok(())
    }

    /// Remembers a pod of a snapshot that is like another one.
    pub(super) fn queue_alike(&mut self, place: usize) {
        if let Some(own) = self.queued.iter().find(|own| own.place == place) {
            let place = self.pods.len();
            let own = own.clone();
            self.queued.push(QueuedPod { place, ..own });
        }
    }

    /// Turns the pods that wait for quota into jobs.
    pub(super) fn settle_queued(&mut self) {
        let queued = std::mem::take(&mut self.queued);
        let places: SortedSet<usize> = queued.iter().map(|own| own.place).collect();
        let mut groups: SortedMap<(Text, Text), Vec<Role>> = SortedMap::default();
        for own in queued {
            let pod = &self.pods[own.place];
            let Some((group, _)) = &own.group else {
                let workload = workload_of("pod", &pod.name);
                let role = Role::of(pod, own);
                self.workloads.push(role.job(JobMember {
                    workload,
                    set: "main".into(),
                    jobs: 1,
                    keeps_quota: true,
                    ..JobMember::default()
                }));
                continue;
            };
            let key = (pod.namespace().clone(), group.clone());
            let roles = groups.entry(key).or_default();
            match roles.iter_mut().find(|role| role.spec == pod.spec) {
                Some(role) => role.pods += 1,
                None => roles.push(Role::of(pod, own)),
            }
        }
        for (key, roles) in groups {
            self.settle_group(key, &roles);
        }
        let mut place = 0;
        self.pods.retain(|_| {
            place += 1;
            !places.contains(&(place - 1))
        });
    }

    /// Turns the pods of a group into jobs. A group that its file holds a part of has the rest in others; one
    /// that is not complete has no workload: one more job would be part of it.
    fn settle_group(&mut self, key: (Text, Text), roles: &[Role]) {
        let own: Vec<GroupPart> = roles.iter().map(Role::part).collect();
        let total = own[0].total;
        let found = |parts: &[GroupPart]| parts.iter().map(|part| part.pods).sum::<u32>();
        let (namespace, group) = key.clone();
        let known = self.admission.pod_groups.entry(key).or_default();
        GroupPart::extend(known, own.clone());
        let parts = if found(&own) == total {
            own
        } else {
            let is_alike = |part: &&GroupPart| (part.total, &part.queue) == (total, &own[0].queue);
            known.iter().filter(is_alike).cloned().collect()
        };
        let found = found(&parts);
        let missing = u32::from(found != total);
        let jobs = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let jobs = jobs.saturating_add(missing);
        if missing > 0 {
            let total = plural::count(total, "pod");
            let what = format!("the group `{group}` has {found} of {total}");
            self.note_incomplete(&namespace, &roles[0].first, what);
        }
        let mut sets: Vec<&GroupPart> = Vec::new();
        for part in &parts {
            if sets.iter().all(|set| set.spec != part.spec) {
                sets.push(part);
            }
        }
        for role in roles {
            let alike = parts.iter().filter(|part| part.spec == role.spec);
            let before = alike.take_while(|part| part.first != role.first).count();
            let number = sets.iter().position(|set| set.spec == role.spec);
            let number = number.unwrap_or_default();
            let member = JobMember {
                workload: group.clone(),
                set: match &*sets {
                    [_] => "main".into(),
                    sets => sets[number].first.clone(),
                },
                number: u32::try_from(number).unwrap_or(u32::MAX),
                replica: u32::try_from(before).unwrap_or(u32::MAX),
                jobs,
                keeps_quota: true,
            };
            self.workloads.push(role.job(member));
        }
    }

    fn note_incomplete(&mut self, namespace: &str, pod: &str, what: String) {
        let object = ObjectName {
            kind: "Pod",
            namespace: Some(namespace),
            name: pod,
        };
        let metadata = Path::root("metadata");
        let labels = metadata.field("labels");
        self.ctx.findings.add(
            object,
            &labels.key(POD_GROUP),
            what,
            "its pods wait until the end",
        );
    }
}

impl Role {
    fn of(pod: &ManifestPod, own: QueuedPod) -> Self {
        Self {
            spec: Arc::clone(&pod.spec),
            first: pod.name.clone(),
            pods: 1,
            own,
        }
    }

    /// Part of the group for the files that hold the rest of it.
    fn part(&self) -> GroupPart {
        let total = self.own.group.as_ref().map_or(0, |(_, total)| *total);
        GroupPart {
            spec: Arc::clone(&self.spec),
            first: self.first.clone(),
            pods: self.pods,
            queue: self.own.queue.name.clone(),
            total,
        }
    }

    /// The job of these pods, a part of a workload.
    fn job(&self, member: JobMember) -> DeclaredWorkload {
        let mut queue = (*self.own.queue).clone();
        queue.member = Some(Arc::new(member));
        let job = Job {
            namespace: self.spec.namespace.clone(),
            name: self.first.clone(),
            template: Arc::clone(&self.spec),
            restart: self.own.restart,
            queue: QueueReference(Some(Arc::new(queue))),
            ..Job::default()
        };
        let pods = i32::try_from(self.pods).unwrap_or(i32::MAX);
        let job = job.with_defaults(Some(pods), Some(pods), None);
        DeclaredWorkload::made(job)
    }
}

/// The group that a pod names, and its number of pods.
fn group(parts: &Parts) -> Result<Option<(Text, u32)>, Problem> {
    let metadata = Path::root("metadata");
    let annotations = metadata.field("annotations");
    let path = annotations.key(POD_GROUP_PODS);
    let name = parts.metadata.labels.get(POD_GROUP);
    let stated = parts.metadata.annotations.get(POD_GROUP_PODS);
    let expected = format!("a number from 1 to {MOST}");
    match (name.filter(|own| !own.is_empty()), stated) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let labels = metadata.field("labels");
            Err(labels.key(POD_GROUP).missing("the name of the group"))
        }
        (Some(_), None) => Err(path.missing(&expected)),
        (Some(name), Some(stated)) => {
            let total = stated.parse::<u32>().ok();
            let total = total.filter(|own| (1..=MOST).contains(&i64::from(*own)));
            let total = total.ok_or_else(|| path.problem(&expected, stated))?;
            Ok(Some((name.as_str().into(), total)))
        }
    }
}
