//! Values of metrics where the measured window matters: arrivals that saturate, windows that end
//! before the run.

use crate::record::setup::{Purpose, Setup};
use crate::record::window::Window;
use crate::recorder::Recorder;
use crate::tests::edge_values::setup;
use crate::tests::fixture::{Bench, check, node, spec};
use model::{EndReason, GpuRequest};
use units::Instant;

/// One core, a pod of two seconds every second: half a pod a second too much.
fn saturated(window: Window, purpose: Purpose) -> crate::RunMetrics {
    let setup = Setup {
        window,
        purpose,
        ..setup()
    };
    let mut bench = Bench::new(Recorder::new(&setup));
    bench.add_node(0, node("a", 1_000, 100_000, 0));
    let one = spec(1_000, 10, GpuRequest::default());
    let mut pods = Vec::new();
    for second in 0..100 {
        if second > 0 && second % 2 == 0 {
            bench.end(second, pods[second as usize / 2 - 1], EndReason::Completed);
        }
        pods.push(bench.submit(second, &one, None));
        if second % 2 == 0 {
            bench.start(second, pods[second as usize / 2], 0);
        }
    }
    bench.finish(100)
}

#[test]
fn saturated_arrivals_have_no_steady_state() {
    // All of the run is described as it was.
    let full = saturated(Window::FULL, Purpose::Describe);
    check(
        &full,
        &[
            ("saturation.unstable", Some(1.0)),
            ("saturation.backlog_growth", Some(1_800.0)),
            ("saturation.backlog_growth.low", Some(1_800.0)),
            ("saturation.backlog_growth.high", Some(1_800.0)),
            // Pending at second t: half of it, rounded up: 2,500 pod-seconds.
            ("queue_length.mean", Some(25.0)),
            ("queue_length.tw_p99", Some(49.0)),
            ("allocation.cpu.mean", Some(1.0)),
            ("demand.cpu.mean", Some(26.0)),
            // 49 ended, waits 0 to 48, and one that runs waited 49 s.
            ("throughput.jobs", Some(49.0 * 36.0)),
            ("first_wait.finished_only", Some(24.0)),
            ("first_wait.mean", None),
        ],
    );
    // In a window that asks for a steady state such values are held back.
    let cut = saturated(Window::since(Instant::from_secs(12)), Purpose::SteadyState);
    check(
        &cut,
        &[
            ("saturation.unstable", Some(1.0)),
            ("queue_length.mean", None),
            ("queue_length.tw_p99", None),
            ("first_wait.p50", None),
            ("scheduling_latency.p50", None),
            ("throughput.jobs", None),
            ("backlog_age.mean", None),
            ("allocation.cpu.mean", Some(1.0)),
            ("queue_length.max", Some(50.0)),
        ],
    );
    let reason = cut.get("queue_length.mean").and_then(|v| v.reason.clone());
    let reason = reason.expect("a reason");
    assert!(
        reason.starts_with("unstable: the backlog grows by 1800 pods/h"),
        "{reason}"
    );
}

#[test]
fn windows_end_before_the_run_and_follow_their_jobs() {
    let window = Window::Time {
        from: Instant::from_secs(10),
        until: Some(Instant::from_secs(20)),
    };
    for window in [window, Window::Jobs { from: 1, until: 2 }] {
        let setup = Setup { window, ..setup() };
        let mut bench = Bench::new(Recorder::new(&setup));
        bench.add_node(0, node("a", 2_000, 100, 0));
        let one = spec(1_000, 10, GpuRequest::default());
        let early = bench.submit(0, &one, None);
        bench.start(0, early, 0);
        let measured = bench.submit(10, &one, None);
        bench.start(16, measured, 0);
        let late = bench.submit(20, &one, None);
        bench.end(30, early, EndReason::Completed);
        bench.end(40, measured, EndReason::Completed);
        bench.start(40, late, 0);
        check(
            &bench.finish(50),
            &[
                ("window.from", Some(10.0)),
                ("window.to", Some(20.0)),
                ("jobs.measured", Some(1.0)),
                ("jobs.succeeded", Some(1.0)),
                ("jobs.excluded", Some(2.0)),
                ("first_wait.mean", Some(6.0)),
                ("turnaround.mean", Some(30.0)),
                ("pods.created", Some(1.0)),
                ("scheduling_latency.mean", Some(6.0)),
                // One core of two, then both.
                ("allocation.cpu.mean", Some(0.7)),
                ("allocation.cpu.end", Some(1.0)),
                ("queue_length.mean", Some(0.6)),
                ("backlog_age.mean", Some(1.8)),
                ("backlog_age.end", Some(0.0)),
                ("throughput.jobs", Some(0.0)),
                ("goodput.cpu.useful", Some(0.7)),
                ("fit_count.typical.end", Some(0.0)),
                ("cost.idle", Some(0.006)),
            ],
        );
    }
}
