//! Jobs and cron jobs step by step (spec: kubernetes.md 2.5 and 2.6).

use windtunnel::control::controllers::Severity;
use windtunnel::control::controllers::cron_job;
use windtunnel::control::controllers::cron_job::{CronChild, CronJobView, CronWrites};
use windtunnel::control::controllers::job::{JobBackoff, JobPod, JobView, JobWrites, sync};
use windtunnel::model::workload::cron_job::CronStatus;
use windtunnel::model::workload::indexes::Indexes;
use windtunnel::model::workload::job::{
    FailureAction, FailureMatch, FailureRule, JobConditionKind, JobReason, JobStatus, SuccessRule,
};
use windtunnel::model::workload::{
    CompletionMode, ConcurrencyPolicy, CronJob, Job, ObservedPhase, PodReplacement, RestartPolicy,
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
        all_restarts: count,
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

const HOUR: i64 = 3_600;

fn every_five_minutes() -> CronJob {
    CronJob {
        name: "backup".into(),
        schedule: "*/5 * * * *".into(),
        ..CronJob::default()
    }
}

fn tick(cron_job: &CronJob, status: &CronStatus, jobs: &[CronChild], at: i64) -> CronWrites {
    let view = CronJobView {
        cron_job,
        created: Instant::ZERO,
        zero: 0,
        jobs,
        status,
        is_terminating: false,
    };
    cron_job::sync(Instant::from_secs(at), &view)
}

fn last(at: i64) -> CronStatus {
    CronStatus {
        last_schedule: Some(Instant::from_secs(at)),
        ..CronStatus::default()
    }
}

#[test]
fn away_until_10_17_one_job_is_made_up() {
    // Last at 10:00; 10:05, 10:10 and 10:15 were missed.
    let status = last(10 * HOUR);
    let writes = tick(&every_five_minutes(), &status, &[], 10 * HOUR + 17 * 60);
    assert_eq!(
        writes.create.as_deref(),
        Some(&*format!("backup-{}", 10 * 60 + 15))
    );
    // Three minutes and a tenth of a second until just after 10:20.
    assert_eq!(writes.requeue, Some(Duration::from_millis(180_100)));
    let again = tick(
        &every_five_minutes(),
        &writes.status,
        &[],
        10 * HOUR + 17 * 60 + 1,
    );
    assert_eq!(again.create, None, "a start time leads to one job");
    // Before the first start nothing is made up.
    assert_eq!(
        tick(&every_five_minutes(), &status, &[], 10 * HOUR + 299).create,
        None
    );
}

#[test]
fn a_start_that_is_too_late_is_told_and_left_out() {
    let mut cron_job = every_five_minutes();
    cron_job.starting_deadline = Some(Duration::from_secs(100));
    let status = last(10 * HOUR);
    assert!(
        tick(&cron_job, &status, &[], 10 * HOUR + 300 + 99)
            .create
            .is_some()
    );
    assert_eq!(
        tick(&cron_job, &status, &[], 10 * HOUR + 300 + 101).create,
        None
    );
}

#[test]
fn more_than_a_hundred_missed_starts_are_only_a_warning() {
    let status = last(0);
    let writes = tick(&every_five_minutes(), &status, &[], 101 * 300 + 10);
    assert!(writes.create.is_some());
    let warned = |writes: &CronWrites| {
        let mut events = writes.events.iter();
        events.any(|event| {
            event.severity == Severity::Warning && event.reason == "TooManyMissedTimes"
        })
    };
    assert!(warned(&writes));
    assert!(!warned(&tick(
        &every_five_minutes(),
        &status,
        &[],
        99 * 300 + 10
    )));
}

#[test]
fn what_is_forbidden_is_tried_again_while_it_is_the_latest() {
    let mut cron_job = every_five_minutes();
    cron_job.concurrency = ConcurrencyPolicy::Forbid;
    let mut child = CronChild {
        name: "backup-600".into(),
        ..CronChild::default()
    };
    let status = CronStatus {
        active: vec!["backup-600".into()],
        ..last(10 * HOUR)
    };
    let busy = tick(
        &cron_job,
        &status,
        std::slice::from_ref(&child),
        10 * HOUR + 300,
    );
    assert_eq!(busy.create, None);
    // It ends at 10:07: the start of 10:05 is made up then.
    child.succeeded = Some(true);
    let free = tick(&cron_job, &busy.status, &[child], 10 * HOUR + 420);
    assert_eq!(free.create.as_deref(), Some("backup-605"));
}

#[test]
fn three_that_succeeded_and_one_that_failed_are_kept() {
    let child = |number: i64, succeeded| CronChild {
        name: format!("j{number}").as_str().into(),
        started: Some(Instant::from_secs(number)),
        succeeded: Some(succeeded),
        completed: succeeded.then(|| Instant::from_secs(number + 1)),
    };
    let jobs: Vec<CronChild> = (0..5)
        .map(|number| child(number, true))
        .chain((5..8).map(|number| child(number, false)))
        .collect();
    let writes = tick(
        &every_five_minutes(),
        &last(10 * HOUR),
        &jobs,
        10 * HOUR + 10,
    );
    let mut deleted: Vec<String> = writes.delete.iter().map(ToString::to_string).collect();
    deleted.sort();
    assert_eq!(deleted, ["j0", "j1", "j5", "j6"]);
}

#[test]
fn a_schedule_is_of_its_time_zone() {
    let cron_job = CronJob {
        schedule: "0 9 * * *".into(),
        time_zone: Some("America/New_York".into()),
        ..every_five_minutes()
    };
    // On the first of January 1970 it is five hours earlier there.
    assert_eq!(tick(&cron_job, &last(0), &[], 14 * HOUR - 1).create, None);
    let writes = tick(&cron_job, &last(0), &[], 14 * HOUR + 1);
    assert_eq!(writes.create.as_deref(), Some("backup-840"));
}
