//! Jobs whose pods make way, or lose their node, and come back at once.

use model::{EndReason, EvictionCause, GpuRequest, PodName};

use crate::record::setup::Setup;
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, check, node, spec};
use crate::{RunMetrics, UnfinishedJobs};

const PREEMPTED: EndReason = EndReason::Evicted(EvictionCause::Preemption);

/// A job that runs from 10 s to 40 s and, if it comes back, from 100 s to 130 s.
fn interrupted(reason: EndReason, gang: Option<u32>, comes_back: bool) -> RunMetrics {
    interrupted_under(&Setup::default(), reason, gang, comes_back)
}

fn interrupted_under(
    setup: &Setup,
    reason: EndReason,
    gang: Option<u32>,
    comes_back: bool,
) -> RunMetrics {
    let mut bench = Bench::new(Recorder::new(setup));
    bench.add_node(0, node("a", 2_000, 100, 0));
    let one = spec(1_000, 25, GpuRequest::default());
    let submit = |bench: &mut Bench<'_>, at| bench.submit_as(at, &one, 3, gang, PodName::Job(7));
    let pod = submit(&mut bench, 0);
    bench.start(10, pod, 0);
    bench.end(40, pod, reason);
    // Another of the same name that comes later is a job of its own.
    let pod = submit(&mut bench, if comes_back { 40 } else { 50 });
    bench.start(100, pod, 0);
    bench.end(130, pod, EndReason::Completed);
    bench.finish(200)
}

#[test]
fn a_job_lasts_until_the_end_of_its_last_attempt() {
    // 130 s over 60 s, as what was done before the preemption counts; over 30 s, as what was lost was waiting.
    for (reason, keeps_work, slowdown, lost) in [
        (PREEMPTED, true, 2.166_666_667, 0.0),
        (PREEMPTED, false, 4.333_333_333, 1.0 / 120.0),
        (EndReason::NodeLost, true, 4.333_333_333, 1.0 / 120.0),
    ] {
        let setup = Setup {
            keeps_work,
            ..Setup::default()
        };
        check(
            &interrupted_under(&setup, reason, None, true),
            &[
                ("disruptions.lost.cpu", Some(lost)),
                ("jobs.measured", Some(1.0)),
                ("jobs.succeeded", Some(1.0)),
                ("jobs.evicted", Some(0.0)),
                ("first_wait.mean", Some(10.0)),
                ("pending_time.mean", Some(70.0)),
                ("turnaround.mean", Some(130.0)),
                ("bounded_slowdown.mean", Some(slowdown)),
                ("makespan.total", Some(130.0)),
            ],
        );
    }
}

#[test]
fn a_job_that_never_comes_back_is_lost() {
    let lost = |comes_back| {
        let run = interrupted(PREEMPTED, None, comes_back);
        run.tables
            .get()
            .map(|own: &UnfinishedJobs| (own.lost, own.jobs))
    };
    assert_eq!((lost(true), lost(false)), (None, Some((1, 2))));
}

#[test]
fn a_gang_of_one_comes_back_as_the_same_job() {
    check(
        &interrupted(PREEMPTED, Some(0), true),
        &[
            ("jobs.measured", Some(1.0)),
            ("jobs.succeeded", Some(1.0)),
            ("turnaround.mean", Some(130.0)),
        ],
    );
}

#[test]
fn a_gang_that_is_lost_whole_comes_back_as_the_same_job() {
    for reason in [PREEMPTED, EndReason::NodeLost] {
        // One after the other, or all of them before the first comes back.
        for takes_turns in [true, false] {
            let mut bench = Bench::new(Recorder::new(&Setup::default()));
            bench.add_node(0, node("a", 8_000, 100, 0));
            let one = spec(1_000, 25, GpuRequest::default());
            let submit = |bench: &mut Bench<'_>, at, number| {
                bench.submit_as(at, &one, 3, Some(0), PodName::Job(number))
            };
            let mut pods = Vec::new();
            for number in 0..3 {
                pods.push(submit(&mut bench, 0, number));
            }
            for pod in &pods {
                bench.start(10, *pod, 0);
            }
            let mut back = Vec::new();
            for (number, pod) in (0..).zip(&pods) {
                bench.end(40, *pod, reason);
                if takes_turns {
                    back.push(submit(&mut bench, 40, number));
                }
            }
            let first = back.len() as u64;
            for number in first..3 {
                back.push(submit(&mut bench, 40, number));
            }
            for pod in &back {
                bench.start(100, *pod, 0);
            }
            for pod in &back {
                bench.end(130, *pod, EndReason::Completed);
            }
            let expected = [
                ("jobs.measured", Some(1.0)),
                ("jobs.succeeded", Some(1.0)),
                ("jobs.evicted", Some(0.0)),
                ("turnaround.mean", Some(130.0)),
            ];
            check(&bench.finish(200), &expected);
        }
    }
}

#[test]
fn a_job_that_does_not_come_back_at_once_is_over() {
    for gang in [None, Some(0)] {
        check(
            &interrupted(PREEMPTED, gang, false),
            &[
                ("jobs.measured", Some(2.0)),
                ("jobs.succeeded", Some(1.0)),
                ("jobs.evicted", Some(1.0)),
                ("turnaround.mean", Some(80.0)),
            ],
        );
    }
}
