//! Jobs that are suspended when a run ends: no metric of pods shows them, so the run says which they are.

use cluster::Store;
use model::Object;
use model::workload::Job;
use units::plural::{count, either};

/// Number of reasons that are told with their first job; the others are counted.
const TOLD: usize = 4;

/// Jobs that wait for the same, in the order of their creation.
struct Alike {
    reason: String,
    first: String,
    jobs: u64,
}

/// Lines about suspended jobs that have no pods, by the reason for which they wait.
pub(super) fn jobs_without_pods(store: &Store) -> Vec<String> {
    let mut found: Vec<Alike> = Vec::new();
    for (_, row) in store.objects().iter() {
        let Object::Job(job) = &row.object else {
            continue;
        };
        let status = &job.status;
        if !job.suspend || status.has_failed().is_some() || status.active > 0 {
            continue;
        }
        let reason = reason(store, job);
        match found.iter_mut().find(|own| own.reason == reason) {
            Some(own) => own.jobs += 1,
            None => found.push(Alike {
                reason,
                first: format!("{}/{}", job.namespace, job.name),
                jobs: 1,
            }),
        }
    }
    let (told, others) = found.split_at(found.len().min(TOLD));
    let mut lines: Vec<String> = told.iter().map(Alike::line).collect();
    if !others.is_empty() {
        let jobs: u64 = others.iter().map(|own| own.jobs).sum();
        let reasons = count(others.len() as u64, "reason");
        lines.push(format!(
            "{} without pods for {reasons} more",
            count(jobs, "job")
        ));
    }
    lines
}

impl Alike {
    fn line(&self) -> String {
        format!(
            "{} without pods when the run ended: {} (first `{}`)",
            count(self.jobs, "job"),
            self.reason,
            self.first
        )
    }
}

/// Reason for which a suspended job has no pods.
fn reason(store: &Store, job: &Job) -> String {
    let Some(queue) = &job.queue.0 else {
        return "suspended".to_owned();
    };
    let jobs = store.objects().iter();
    let jobs = jobs.filter_map(|(_, row)| match &row.object {
        Object::Job(other) if other.namespace == job.namespace => Some(other),
        _ => None,
    });
    let running = jobs.filter(|other| {
        let is_of_it = (other.queue.0.as_ref()).is_some_and(|own| own.name == queue.name);
        is_of_it && other.status.active > 0
    });
    let jobs = running.count() as u64;
    format!(
        "not admitted by the queue `{}`, of which {}",
        queue.name,
        match jobs {
            0 => "no job has pods".to_owned(),
            jobs => format!(
                "{} {}",
                count(jobs, "job"),
                either(jobs, "has pods", "have pods")
            ),
        }
    )
}
