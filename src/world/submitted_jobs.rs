//! Jobs that arrivals of traces and generators are submitted as, and the queues that they wait in.

use arrivals::Submission;
use model::{Object, Text};
use scenario::Scenario;
use scenario::schema::{ArrivalJobs, WorkloadSource};
use sim::{SubmittedJobs, Submitter};

use super::limited::limited_parts;
use super::manifests::ManifestFiles;
use super::{BuildError, FileSource, Remarks, Workload, queueing};
use units::SortedSet;

fn stated(scenario: &Scenario) -> Option<&ArrivalJobs> {
    scenario.system.controllers.as_ref()?.jobs.as_ref()
}

/// Whether arrivals are submitted as jobs.
pub(super) fn submits_jobs(scenario: &Scenario) -> bool {
    stated(scenario).is_some()
}

/// Jobs that arrivals of a scenario are submitted as; `None` where they are pods.
pub fn submitted_jobs(scenario: &Scenario) -> Option<SubmittedJobs> {
    stated(scenario).map(|own| SubmittedJobs {
        queue: own.queue.as_deref().map(Text::from),
        limited_parts: limited_parts(scenario),
    })
}

/// Checks that the queues of submitted jobs are there; those that are not are noted, as their jobs wait
/// until the end.
///
/// # Errors
/// There is no queue at all, or a manifest has pods of its own, which are no jobs.
pub fn check_submitted_jobs(
    scenario: &Scenario,
    workload: &Workload,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<(), BuildError> {
    let Some(jobs) = submitted_jobs(scenario) else {
        return Ok(());
    };
    for source in &scenario.workload {
        let WorkloadSource::Manifests { file, .. } = source else {
            continue;
        };
        let declared = manifests.read(file, files, remarks)?;
        if let Some(pod) = declared.pods.iter().find(|pod| pod.waits_for_node()) {
            return Err(BuildError::Experiment(format!(
                "system.controllers.jobs: `{file}` has the Pod `{}` without a controller, which would \
                 become a job, too; declare a Job, or leave `jobs` out",
                pod.name
            )));
        }
    }
    if jobs.queue.is_none() {
        return Ok(());
    }
    let Some(known) = &manifests.queues else {
        return Err(BuildError::Experiment(
            "system.controllers.jobs.queue: no file declares a ClusterQueue; add `manifests` with queues \
             to the workload, or leave `queue` out"
                .to_owned(),
        ));
    };
    let mut source = workload.source.fork()?;
    let mut submitter = Submitter::new(jobs);
    let mut doubts: SortedSet<String> = SortedSet::new();
    let mut ahead = None;
    while let Some(submission) = Submission::next(&mut *source, &mut ahead)? {
        for job in submitter.jobs(&submission, &*source)? {
            doubts.extend(queueing::doubts(&Object::Job(job), known));
        }
    }
    for doubt in doubts {
        remarks.note(doubt);
    }
    Ok(())
}
