//! Job sets (`jobset.x-k8s.io`): jobs of several kinds that are one workload. Each of the jobs that a set's
//! controller would make is read as a job of its own; in a queue of Kueue they are admitted together.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::declared_workload::PodPriority;
use super::field::{Path, Problem};
use super::raw::nullable;
use super::workload::{Workload, part};
use super::workload_jobs::read_job;
use model::queueing::workload_of;
use model::workload::Finding;
use model::workload::job::{JobMember, JobQueue, QueueReference};
use model::{Object, Text};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSet {
    #[serde(deserialize_with = "nullable")]
    replicated_jobs: Vec<RawReplicated>,
    #[serde(deserialize_with = "nullable")]
    suspend: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawReplicated {
    #[serde(deserialize_with = "nullable")]
    name: String,
    replicas: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    template: RawTemplate,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawTemplate {
    spec: Value,
}

/// Most jobs of a set, and most pods of roles.
pub(super) const MOST: i64 = 100_000;

/// A job of a workload that is several, with what is said of its pods.
pub(super) struct Member {
    pub(super) checked: (Object, Vec<Finding>),
    pub(super) priority: PodPriority,
    pub(super) states_policy: bool,
    pub(super) runtime: Option<String>,
}

impl Workload<'_> {
    /// Begins to read a job of several.
    pub(super) fn begin(&mut self, name: Text, queue: Option<Arc<JobQueue>>) {
        self.name = name;
        self.queue = queue;
        self.priority = PodPriority::Stated;
        self.states_policy = false;
        self.runtime = None;
    }

    /// The job that was read last.
    pub(super) fn member(&self, checked: (Object, Vec<Finding>)) -> Member {
        Member {
            checked,
            priority: self.priority.clone(),
            states_policy: self.states_policy,
            runtime: self.runtime.clone(),
        }
    }
}

fn number<N: TryInto<u32>>(number: N) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

/// The jobs of a set, each an object.
pub(super) fn jobs(workload: &mut Workload<'_>) -> Result<Vec<Member>, Problem> {
    let root = Path::root("spec");
    let raw: RawSet = part(workload.spec, &root)?;
    let list = root.field("replicatedJobs");
    if raw.replicated_jobs.is_empty() {
        return Err(list.missing("at least one job"));
    }
    let (set, queue) = (workload.name.clone(), workload.queue.clone());
    let mut all = 0_i64;
    let mut names: Vec<&str> = Vec::new();
    for (index, own) in raw.replicated_jobs.iter().enumerate() {
        let path = list.index(index);
        let replicas = own.replicas.unwrap_or(1);
        if own.name.is_empty() {
            return Err(path.field("name").missing("a name"));
        }
        if names.contains(&own.name.as_str()) {
            return Err(path.field("name").problem("each name once", &own.name));
        }
        names.push(&own.name);
        if !(0..=MOST).contains(&replicas) {
            let expected = format!("a number of jobs from 0 to {MOST}");
            return Err(path.field("replicas").problem(&expected, replicas));
        }
        all += replicas;
    }
    let mut jobs = Vec::new();
    for (index, own) in raw.replicated_jobs.iter().enumerate() {
        let path = list.index(index);
        let path = path.field("template");
        for replica in 0..own.replicas.unwrap_or(1) {
            let name = format!("{set}-{}-{replica}", own.name);
            workload.begin(name.into(), queue.clone());
            if let Some(queue) = &mut workload.queue {
                Arc::make_mut(queue).member = Some(Arc::new(JobMember {
                    workload: workload_of("jobset", &set),
                    set: Text::from(own.name.as_str()),
                    number: number(index),
                    replica: number(replica),
                    jobs: number(all),
                    keeps_quota: false,
                }));
            }
            let read = read_job(workload, &own.template.spec, &path.field("spec"))?;
            let (mut job, findings) = read;
            if raw.suspend && queue.is_none() {
                job.suspend = true;
                job.queue = QueueReference::default();
            }
            jobs.push(workload.member((Object::Job(Arc::new(job)), findings)));
        }
    }
    workload.name = set;
    Ok(jobs)
}
