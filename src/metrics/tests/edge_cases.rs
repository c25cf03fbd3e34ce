//! Metrics on the edges of what can happen, with values computed by hand.

use std::sync::Arc;

use crate::record::setup::Setup;
use crate::record::window::Window;
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, check, node, spec};
use crate::tests::scenes;
use cluster::fragmentation::{TypicalPod, TypicalPods};
use cluster::{Commitment, GpuColumns, Store};
use model::{DeviceSet, EndReason, Event, GpuRequest, PodChange, Refusal};
use units::{Instant, NodeId};

fn bench() -> Bench<'static> {
    Bench::new(Recorder::new(&Setup::default()))
}

#[test]
fn no_nodes_and_no_pods() {
    let metrics = bench().finish(10);
    check(
        &metrics,
        &[
            ("capacity.cpu.mean", Some(0.0)),
            ("capacity.nodes.end", Some(0.0)),
            ("allocation.cpu.mean", None),
            ("allocation.cpu.peak", None),
            ("allocation.cpu.end", None),
            ("allocation.cpu.zero_capacity_time", Some(0.0)),
            ("fragmentation.gpu.mean", None),
            ("pods.created", Some(0.0)),
            ("jobs.measured", Some(0.0)),
            ("first_wait.mean", None),
            ("pending_time.p99", None),
            ("bounded_slowdown.mean", None),
            ("turnaround.max", None),
            ("makespan.total", None),
            ("queue_length.mean", Some(0.0)),
            ("queue_length.max", Some(0.0)),
            ("throughput.jobs", Some(0.0)),
        ],
    );
    // A run of no length has no time averages either.
    check(
        &bench().finish(0),
        &[
            ("capacity.cpu.mean", None),
            ("queue_length.mean", None),
            ("throughput.jobs", None),
        ],
    );
}

/// Binds two pods of three processors each to a node with four, the second of which then ends or runs.
fn bound_twice(commitment: Commitment, is_refused: bool) -> Result<(), String> {
    let mut bench = Bench {
        store: Store::committed(commitment),
        ..bench()
    };
    bench.add_node(0, node("a", 4_000, 8_000, 0));
    let wanted = spec(3_000, 1_000, GpuRequest::default());
    let first = bench.submit(0, &wanted, None);
    bench.start(1, first, 0);
    let second = bench.submit(1, &wanted, None);
    bench.bind(2, second, 0, DeviceSet::EMPTY);
    if is_refused {
        bench.end(3, second, EndReason::Refused(Refusal::OutOfCpu));
    } else {
        bench.apply(3, &Event::PodRunning { pod: second });
    }
    let finished = bench.recorder.finish(Instant::from_secs(9), &bench.store);
    finished.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn room_is_given_away_twice_only_where_nodes_refuse() {
    assert_eq!(bound_twice(Commitment::Admitted, true), Ok(()));
    let said = bound_twice(Commitment::Admitted, false).expect_err("more than the node has");
    assert!(said.contains("offers 4000 cpu"), "{said}");
}

#[test]
fn no_pods_on_one_node() {
    let mut bench = bench();
    bench.add_node(0, node("a", 4_000, 8_000, 0));
    check(
        &bench.finish(10),
        &[
            ("capacity.cpu.mean", Some(4.0)),
            ("capacity.memory.end", Some(8_000.0)),
            ("capacity.gpu.mean", Some(0.0)),
            ("allocation.cpu.mean", Some(0.0)),
            ("allocation.cpu.peak", Some(0.0)),
            ("allocation.gpu.mean", None),
            ("pods.created", Some(0.0)),
        ],
    );
}

#[test]
fn zero_capacity_under_a_running_pod() {
    // Node down from 4 to 10 with the pod still on it: it exists, so shares are of it all the time.
    let mut bench = bench();
    let node_id = bench.add_node(0, node("a", 1_000, 100, 0));
    let pod = bench.submit(0, &spec(1_000, 50, GpuRequest::default()), None);
    bench.start(0, pod, 0);
    let ready = |ready| Event::NodeReadiness {
        node: node_id,
        ready,
    };
    bench.apply(4, &ready(false));
    let metrics = bench.finish(10);
    check(
        &metrics,
        &[
            ("capacity.cpu.mean", Some(0.4)),
            ("capacity.nodes.mean", Some(0.4)),
            ("allocation.cpu.mean", Some(1.0)),
            ("allocation.cpu.peak", Some(1.0)),
            ("allocation.cpu.end", Some(1.0)),
            ("allocation.cpu.zero_capacity_time", Some(6.0)),
            ("allocation.memory.peak", Some(0.5)),
            ("allocation.gpu.zero_capacity_time", Some(0.0)),
        ],
    );
}

#[test]
fn zero_length_jobs_count_and_weigh_nothing() {
    let mut bench = bench();
    scenes::zero_length_jobs(&mut bench);
    check(
        &bench.finish(60),
        &[
            ("allocation.cpu.mean", Some(0.0)),
            // A state of no length is no peak.
            ("allocation.cpu.peak", Some(0.0)),
            ("pods.succeeded", Some(3.0)),
            ("jobs.waited", Some(1.0)),
            ("first_wait.mean", Some(10.0)),
            ("first_wait.p50", Some(0.0)),
            ("first_wait.max", Some(30.0)),
            // 30 s of waiting for a run of no length: 30 / tau.
            ("bounded_slowdown.max", Some(3.0)),
            ("bounded_slowdown.mean", Some(5.0 / 3.0)),
            ("turnaround.max", Some(30.0)),
            ("makespan.total", Some(30.0)),
            ("queue_length.mean", Some(0.5)),
            ("queue_length.max", Some(1.0)),
            ("throughput.jobs", Some(180.0)),
        ],
    );
}

#[test]
fn all_rejected() {
    let mut bench = bench();
    scenes::all_rejected(&mut bench);
    check(
        &bench.finish(10),
        &[
            ("pods.created", Some(3.0)),
            ("pods.bound", Some(0.0)),
            ("pods.never_placed", Some(3.0)),
            ("pods.rejected", Some(3.0)),
            ("pods.pending_at_end", Some(0.0)),
            ("jobs.rejected", Some(3.0)),
            ("jobs.waited", Some(0.0)),
            ("first_wait.mean", None),
            ("pending_time.p50", None),
            ("bounded_slowdown.mean", None),
            ("turnaround.mean", None),
            ("makespan.total", None),
            ("queue_length.mean", Some(0.6)),
            ("queue_length.max", Some(3.0)),
            ("throughput.jobs", Some(0.0)),
        ],
    );
}

#[test]
fn everything_still_running_at_the_end() {
    let mut bench = bench();
    scenes::still_running(&mut bench);
    let metrics = bench.finish(10);
    check(
        &metrics,
        &[
            // (9 + 7) core-seconds of 40.
            ("allocation.cpu.mean", Some(0.4)),
            ("allocation.cpu.peak", Some(0.5)),
            ("allocation.cpu.end", Some(0.5)),
            ("pods.running_at_end", Some(2.0)),
            ("jobs.running_at_end", Some(2.0)),
            ("jobs.waited", Some(2.0)),
            ("first_wait.mean", Some(2.0)),
            ("first_wait.max", Some(3.0)),
            ("bounded_slowdown.mean", None),
            ("turnaround.mean", None),
            ("turnaround.p50", None),
            ("makespan.total", None),
            ("throughput.jobs", Some(0.0)),
        ],
    );
    let reason = |id: &str| metrics.get(id).and_then(|value| value.reason.clone());
    assert_eq!(
        reason("makespan.total").as_deref(),
        Some("2 of 2 jobs are open; at least 10 s")
    );
    assert_eq!(
        reason("turnaround.mean").as_deref(),
        Some("2 of 2 jobs are open; at least 10 s")
    );
}

#[test]
fn never_started_jobs_censor_the_wait() {
    let mut bench = bench();
    bench.add_node(0, node("a", 1_000, 100, 0));
    let one = spec(1_000, 10, GpuRequest::default());
    let pod = bench.submit(0, &one, None);
    let _waits_on = bench.submit(0, &one, None);
    bench.start(2, pod, 0);
    check(
        &bench.finish(10),
        &[
            ("first_wait.mean", None),
            // Kaplan-Meier of 2 and 10+: S(2) = 1/2.
            ("first_wait.p50", Some(2.0)),
            ("first_wait.p90", None),
            ("first_wait.max", None),
            ("pods.never_placed", Some(1.0)),
            ("pods.pending_at_end", Some(1.0)),
            ("jobs.waiting_at_end", Some(1.0)),
        ],
    );
}

#[test]
fn one_pod_from_submission_to_end() {
    let mut bench = bench();
    scenes::one_pod(&mut bench);
    check(
        &bench.finish(100),
        &[
            // Bound counts: 45 s of 100 at one core of two.
            ("allocation.cpu.mean", Some(0.225)),
            ("allocation.memory.mean", Some(0.1125)),
            ("allocation.cpu.end", Some(0.0)),
            ("first_wait.mean", Some(10.0)),
            ("first_wait.p99", Some(10.0)),
            ("pending_time.mean", Some(5.0)),
            ("bounded_slowdown.mean", Some(1.25)),
            ("turnaround.mean", Some(50.0)),
            ("makespan.total", Some(50.0)),
            ("queue_length.mean", Some(0.05)),
            ("throughput.jobs", Some(36.0)),
        ],
    );
}

#[test]
fn a_gang_is_one_job() {
    let mut bench = bench();
    bench.add_node(0, node("a", 4_000, 100, 0));
    let one = spec(1_000, 10, GpuRequest::default());
    let pods: Vec<_> = (0..3).map(|_| bench.submit(0, &one, Some(7))).collect();
    for &pod in &pods {
        bench.start(20, pod, 0);
    }
    for (&pod, end) in pods.iter().zip([30, 35, 40]) {
        bench.end(end, pod, EndReason::Completed);
    }
    let lost = bench.submit(40, &one, Some(8));
    bench.start(40, lost, 0);
    bench.end(50, lost, EndReason::NodeLost);
    check(
        &bench.finish(60),
        &[
            ("pods.created", Some(4.0)),
            ("pods.evicted", Some(1.0)),
            ("jobs.measured", Some(2.0)),
            ("jobs.succeeded", Some(1.0)),
            ("jobs.evicted", Some(1.0)),
            ("jobs.waited", Some(1.0)),
            ("first_wait.max", Some(20.0)),
            ("bounded_slowdown.mean", Some(2.0)),
            ("turnaround.mean", Some(40.0)),
            ("makespan.total", Some(50.0)),
            // 3 pods for 20 s of 60.
            ("queue_length.mean", Some(1.0)),
        ],
    );
}

#[test]
fn a_warm_up_cuts_jobs_and_integrals() {
    let setup = Setup {
        window: Window::since(Instant::from_secs(10)),
        ..Setup::default()
    };
    let mut bench = Bench::new(Recorder::new(&setup));
    bench.add_node(0, node("a", 2_000, 100, 0));
    let one = spec(1_000, 10, GpuRequest::default());
    let early = [bench.submit(0, &one, None), bench.submit(0, &one, None)];
    for pod in early {
        bench.start(0, pod, 0);
    }
    bench.end(5, early[0], EndReason::Completed);
    let late = bench.submit(12, &one, None);
    bench.end(15, early[1], EndReason::Completed);
    bench.start(15, late, 0);
    bench.end(20, late, EndReason::Completed);
    check(
        &bench.finish(20),
        &[
            // One of two cores throughout [10, 20); both were taken only before.
            ("allocation.cpu.mean", Some(0.5)),
            ("allocation.cpu.peak", Some(0.5)),
            ("pods.created", Some(1.0)),
            ("pods.succeeded", Some(1.0)),
            ("jobs.measured", Some(1.0)),
            ("jobs.excluded", Some(2.0)),
            ("first_wait.mean", Some(3.0)),
            ("queue_length.mean", Some(0.3)),
            // Two finishes within 10 s.
            ("throughput.jobs", Some(720.0)),
        ],
    );
}

#[test]
fn fragmentation_of_one_node_by_hand() {
    // Half of the workload asks for a whole device, half for no GPU.
    let typical = |devices, milli_per_device| TypicalPod {
        cpu_milli: 1_000,
        gpu: GpuColumns {
            devices,
            milli_per_device,
            models: u64::MAX,
        },
        weight: 0.5,
    };
    let setup = Setup {
        typical: Some(Arc::new(TypicalPods {
            pods: vec![typical(1, 1_000), typical(0, 0)],
        })),
        ..Setup::default()
    };
    let mut bench = Bench::new(Recorder::new(&setup).with_arrived(101));
    bench.add_node(0, node("a", 8_000, 100, 2));
    let half = GpuRequest {
        devices: 1,
        milli_per_device: 400,
        models: Vec::new(),
    };
    let pod = bench.submit(5, &spec(1_000, 10, half), None);
    bench.bind(5, pod, 0, DeviceSet::of(1));
    let event = Event::NodeReadiness {
        node: NodeId(0),
        ready: false,
    };
    bench.apply(10, &event);
    let metrics = bench.finish(20);
    check(
        &metrics,
        &[
            // [0, 5): 2,000 idle, half of it no use to a pod without GPU: 1,000. [5, 10): 1,600
            // idle; 0.5 × 600 + 0.5 × 1,600 = 1,100. Then the node is down.
            ("fragmentation.gpu.mean", Some(10_500.0 / 18_000.0)),
            ("fragmentation.gpu.amount.mean", Some(10.5 / 20.0)),
            ("fragmentation.gpu.end", None),
            ("fragmentation.gpu.amount.end", Some(0.0)),
            ("allocation.gpu.peak", Some(0.2)),
        ],
    );
}

#[test]
fn a_pod_wants_what_it_is_declared_with_until_it_is_bound() {
    let mut bench = bench();
    bench.add_node(0, node("a", 4_000, 8_000, 0));
    let (small, large) = (
        spec(1_000, 1_000, GpuRequest::default()),
        spec(3_000, 1_000, GpuRequest::default()),
    );
    let first = bench.submit(0, &large, None);
    let pod = bench.submit(0, &small, None);
    let class = bench.store.class_of(&large).expect("submitted");
    let change = PodChange::Declared { class };
    bench.apply(5, &Event::PodChanged { pod, change });
    bench.start(5, first, 0);
    bench.end(8, first, EndReason::Completed);
    bench.start(8, pod, 0);
    // A whole node for 5 s, and six quarters, then three, of a node.
    check(
        &bench.finish(10),
        &[
            ("demand.cpu.mean", Some((5.0 + 4.5 + 1.5) / 10.0)),
            ("demand.cpu.peak", Some(1.5)),
            ("allocation.cpu.mean", Some(0.375)),
        ],
    );
}
