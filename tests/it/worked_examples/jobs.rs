//! Jobs step by step (spec: kubernetes.md 2.5).

use windtunnel::control::controllers::job::{JobBackoff, JobPod, JobView, JobWrites, sync};
use windtunnel::model::Restarts;
use windtunnel::model::workload::indexes::Indexes;
use windtunnel::model::workload::job::{
    FailureAction, FailureMatch, FailureRule, JobConditionKind, JobReason, JobStatus, SuccessRule,
};
use windtunnel::model::workload::{
    CompletionMode, Job, ObservedPhase, ObservedPod, PodReplacement, RestartPolicy,
};
use windtunnel::units::{Duration, Instant};

use super::orders::ready;

fn pod(name: &str, phase: ObservedPhase, index: Option<i32>) -> JobPod {
    let mut pod = ready(name);
    pod.phase = phase;
    let has_ended = phase.is_terminal();
    JobPod {
        pod,
        index,
        is_uncounted: true,
        finished: has_ended.then(|| Instant::from_secs(1)),
        exit_codes: match phase {
            ObservedPhase::Failed => vec![("main".into(), 7)],
            _ => Vec::new(),
        },
        ..JobPod::default()
    }
}

fn running(name: &str) -> JobPod {
    pod(name, ObservedPhase::Running, None)
}

fn step(job: &Job, status: &JobStatus, pods: &[JobPod], at: i64) -> JobWrites {
    let view = JobView {
        job,
        pods,
        status,
        backoff: JobBackoff::default(),
        is_waiting: false,
    };
    sync(Instant::from_secs(at), &view)
}

fn reasons(writes: &JobWrites) -> Vec<(JobConditionKind, JobReason)> {
    let known = writes.status.conditions.iter();
    known.map(|known| (known.kind, known.reason)).collect()
}

#[test]
fn as_many_run_as_are_wanted() {
    let succeeded = |count| JobStatus {
        succeeded: count,
        ..JobStatus::default()
    };
    // Parallelism, completions, succeeded, active; created and deleted.
    for (parallelism, completions, done, active, created, deleted) in [
        (2, Some(5), 0, 0, 2, 0),
        (2, Some(5), 4, 0, 1, 0),
        (2, Some(5), 4, 2, 0, 1),
        (8, Some(5), 2, 1, 2, 0),
        (3, None, 0, 1, 2, 0),
        // Once one has succeeded, those that are there go on and no more come.
        (3, None, 1, 1, 0, 0),
        (0, Some(5), 0, 2, 0, 2),
        (700, None, 0, 0, 500, 0),
    ] {
        let job = Job {
            parallelism,
            completions,
            ..Job::default()
        };
        let pods: Vec<JobPod> = (0..active)
            .map(|number| running(&format!("p{number}")))
            .collect();
        let writes = step(&job, &succeeded(done), &pods, 100);
        let found = (writes.create.len(), writes.delete.len());
        assert_eq!(
            found,
            (created, deleted),
            "{parallelism} of {completions:?}, {done} and {active}"
        );
    }
}

#[test]
fn a_suspended_job_has_no_pods_and_its_time_begins_anew() {
    let mut job = Job {
        suspend: true,
        active_deadline: Some(Duration::from_secs(60)),
        ..Job::default()
    };
    let writes = step(&job, &JobStatus::default(), &[running("a")], 10);
    assert_eq!(writes.delete, ["a".into()]);
    assert_eq!(
        reasons(&writes),
        [(JobConditionKind::Suspended, JobReason::JobSuspended)]
    );
    assert_eq!(writes.status.start, None);
    job.suspend = false;
    let writes = step(&job, &writes.status, &[], 500);
    assert_eq!(
        reasons(&writes),
        [(JobConditionKind::Suspended, JobReason::JobResumed)]
    );
    assert_eq!(
        (writes.status.start, writes.create.len()),
        (Some(Instant::from_secs(500)), 1)
    );
}

#[test]
fn a_job_past_its_deadline_fails_with_all_its_pods() {
    let job = Job {
        active_deadline: Some(Duration::from_secs(60)),
        parallelism: 2,
        completions: Some(2),
        ..Job::default()
    };
    let status = JobStatus {
        start: Some(Instant::from_secs(100)),
        ..JobStatus::default()
    };
    let pods = [running("a"), running("b")];
    let writes = step(&job, &status, &pods, 159);
    assert!(writes.delete.is_empty());
    assert!(writes.requeue.contains(&Duration::from_secs(1)));
    let writes = step(&job, &status, &pods, 160);
    assert_eq!(writes.delete.len(), 2);
    assert_eq!(
        reasons(&writes)[0],
        (JobConditionKind::FailureTarget, JobReason::DeadlineExceeded)
    );
}

#[test]
fn restarts_in_place_count_against_the_limit() {
    let restarted = |count| JobPod {
        pod: ObservedPod {
            restarts: Restarts::of_one(count),
            ..running("a").pod
        },
        ..running("a")
    };
    for (limit, restarts, fails) in [(3, 2, false), (3, 3, true), (0, 0, false), (0, 1, true)] {
        let job = Job {
            restart: RestartPolicy::OnFailure,
            backoff_limit: limit,
            ..Job::default()
        };
        let writes = step(&job, &JobStatus::default(), &[restarted(restarts)], 100);
        let found = reasons(&writes);
        let expected = (
            JobConditionKind::FailureTarget,
            JobReason::BackoffLimitExceeded,
        );
        assert_eq!(
            found.first() == Some(&expected),
            fails,
            "{restarts} of {limit}"
        );
    }
}

#[test]
fn a_pod_told_to_end_is_replaced_at_once_or_once_it_has_failed() {
    let mut going = running("a");
    going.pod.is_terminating = true;
    let mut job = Job::default();
    let writes = step(
        &job,
        &JobStatus::default(),
        std::slice::from_ref(&going),
        100_000,
    );
    // It counts as failed at once, so its successor waits for the back-off alone.
    assert_eq!(writes.status.failed, 1);
    job.replacement = PodReplacement::Failed;
    let writes = step(&job, &JobStatus::default(), &[going], 100_000);
    assert_eq!((writes.status.failed, writes.create.len()), (0, 0));
}

#[test]
fn an_index_fails_by_itself_and_the_job_at_the_end() {
    let job = Job {
        mode: CompletionMode::Indexed,
        parallelism: 3,
        completions: Some(3),
        backoff_limit: i32::MAX,
        backoff_limit_per_index: Some(1),
        ..Job::default()
    };
    let failed = |index, failures| JobPod {
        index_failures: failures,
        ..pod(&format!("p{index}"), ObservedPhase::Failed, Some(index))
    };
    // The first failure of an index is tried again after its own pause.
    let writes = step(&job, &JobStatus::default(), &[failed(1, 0)], 5);
    assert_eq!(
        writes.status.failed_indexes.as_ref().map(Indexes::total),
        Some(0)
    );
    let created: Vec<Option<i32>> = writes.create.iter().map(|new| new.index).collect();
    assert_eq!(created, [Some(0), Some(2)]);
    let writes = step(&job, &JobStatus::default(), &[failed(1, 0)], 11);
    let again = writes.create.iter().find(|new| new.index == Some(1));
    assert_eq!(again.and_then(|new| new.index_failures), Some(1));
    // The second ends the index; once the others have succeeded the job fails.
    let pods = [
        pod("p0", ObservedPhase::Succeeded, Some(0)),
        failed(1, 1),
        pod("p2", ObservedPhase::Succeeded, Some(2)),
    ];
    let writes = step(&job, &JobStatus::default(), &pods, 20);
    assert_eq!(
        reasons(&writes)[0],
        (JobConditionKind::FailureTarget, JobReason::FailedIndexes)
    );
    let most = Job {
        max_failed_indexes: Some(0),
        ..job
    };
    let writes = step(&most, &JobStatus::default(), &[failed(1, 1)], 20);
    assert_eq!(reasons(&writes)[0].1, JobReason::MaxFailedIndexesExceeded);
}

#[test]
fn indexes_have_one_pod_each_and_the_lowest_come_first() {
    let job = Job {
        mode: CompletionMode::Indexed,
        parallelism: 3,
        completions: Some(5),
        ..Job::default()
    };
    let of = |name: &str, index| pod(name, ObservedPhase::Running, index);
    // Duplicates and those out of range go first.
    let pods = [
        of("a", Some(1)),
        of("b", Some(1)),
        of("c", Some(9)),
        of("d", Some(0)),
    ];
    let writes = step(&job, &JobStatus::default(), &pods, 100);
    let mut deleted = writes.delete.clone();
    deleted.sort();
    assert_eq!(deleted.len(), 2);
    assert!(deleted.contains(&"c".into()));
    assert!(!deleted.contains(&"d".into()));
    let pods = [
        of("a", Some(1)),
        pod("s", ObservedPhase::Succeeded, Some(0)),
    ];
    let writes = step(&job, &JobStatus::default(), &pods, 100);
    let created: Vec<Option<i32>> = writes.create.iter().map(|new| new.index).collect();
    assert_eq!(created, [Some(2), Some(3)]);
}

#[test]
fn failure_rules_are_taken_in_order() {
    let rule = |action, among, values: &[i32]| FailureRule {
        action,
        matches: FailureMatch::ExitCodes {
            container: None,
            among,
            values: values.to_vec(),
        },
    };
    let failed = [pod("a", ObservedPhase::Failed, None)];
    for (rules, counted, fails) in [
        (
            vec![
                rule(FailureAction::Ignore, true, &[7]),
                rule(FailureAction::FailJob, true, &[7]),
            ],
            0,
            false,
        ),
        (
            vec![
                rule(FailureAction::FailJob, true, &[8]),
                rule(FailureAction::Count, true, &[7]),
            ],
            1,
            false,
        ),
        (vec![rule(FailureAction::FailJob, false, &[8])], 1, true),
        (vec![rule(FailureAction::FailJob, false, &[7])], 1, false),
    ] {
        let job = Job {
            failure_policy: rules.clone(),
            ..Job::default()
        };
        let writes = step(&job, &JobStatus::default(), &failed, 100);
        let reason = reasons(&writes).first().map(|(_, reason)| *reason);
        assert_eq!(
            reason == Some(JobReason::PodFailurePolicy),
            fails,
            "{rules:?}"
        );
        assert_eq!(writes.status.failed, counted, "{rules:?}");
    }
    let condition = FailureRule {
        action: FailureAction::Ignore,
        matches: FailureMatch::Conditions(vec![("DisruptionTarget".into(), "True".into())]),
    };
    let job = Job {
        failure_policy: vec![condition],
        ..Job::default()
    };
    let disrupted = JobPod {
        conditions: vec![("DisruptionTarget".into(), "True".into())],
        ..failed[0].clone()
    };
    assert_eq!(
        step(&job, &JobStatus::default(), &[disrupted], 100)
            .status
            .failed,
        0
    );
    assert_eq!(
        step(&job, &JobStatus::default(), &failed, 100)
            .status
            .failed,
        1
    );
}

#[test]
fn success_rules_count_the_indexes_that_they_name() {
    let succeeded: Vec<JobPod> = [1, 3]
        .map(|index| pod(&format!("p{index}"), ObservedPhase::Succeeded, Some(index)))
        .to_vec();
    for (indexes, count, met) in [
        (Some(vec![(1, 1), (3, 3)]), None, true),
        (Some(vec![(0, 3)]), None, false),
        (Some(vec![(0, 3)]), Some(2), true),
        (Some(vec![(0, 3)]), Some(3), false),
        (None, Some(2), true),
        // Those beyond the completions don't count.
        (Some(vec![(3, 3), (9, 9)]), None, true),
    ] {
        let job = Job {
            mode: CompletionMode::Indexed,
            completions: Some(5),
            parallelism: 5,
            success_policy: vec![SuccessRule {
                indexes: indexes.clone(),
                count,
            }],
            ..Job::default()
        };
        let writes = step(&job, &JobStatus::default(), &succeeded, 100);
        let found = reasons(&writes)
            .iter()
            .any(|(_, reason)| *reason == JobReason::SuccessPolicy);
        assert_eq!(found, met, "{indexes:?} {count:?}");
    }
}
