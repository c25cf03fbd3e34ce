//! Cron jobs step by step (spec: kubernetes.md 2.6).

use windtunnel::control::controllers::Severity;
use windtunnel::control::controllers::cron_job;
use windtunnel::control::controllers::cron_job::{CronChild, CronJobView, CronWrites};
use windtunnel::model::workload::cron_job::CronStatus;
use windtunnel::model::workload::{ConcurrencyPolicy, CronJob};
use windtunnel::units::{Duration, Instant};

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
