//! Courses of events that several tests look at, each for other metrics.

use model::{DeviceSet, EndReason, Event, GpuRequest};

use crate::tests::fixture::{Bench, node, spec};

/// Two jobs that end as they start, and one that does after 30 s of waiting.
pub(crate) fn zero_length_jobs(bench: &mut Bench<'_>) {
    bench.add_node(0, node("a", 1_000, 100, 0));
    let one = spec(1_000, 100, GpuRequest::default());
    for _ in 0..2 {
        let pod = bench.submit(0, &one, None);
        bench.start(0, pod, 0);
        bench.end(0, pod, EndReason::Completed);
    }
    let late = bench.submit(0, &one, None);
    bench.start(30, late, 0);
    bench.end(30, late, EndReason::Completed);
}

/// Three pods larger than any node, rejected after two seconds.
pub(crate) fn all_rejected(bench: &mut Bench<'_>) {
    bench.add_node(0, node("a", 1_000, 100, 0));
    let large = spec(9_000, 1, GpuRequest::default());
    let pods: Vec<_> = (0..3).map(|_| bench.submit(2, &large, None)).collect();
    for &pod in &pods {
        bench.apply(2, &Event::PodUnschedulable { pod });
    }
    for &pod in &pods {
        bench.end(4, pod, EndReason::Rejected);
    }
}

/// Two pods that start after 1 s and 3 s and do not end.
pub(crate) fn still_running(bench: &mut Bench<'_>) {
    bench.add_node(0, node("a", 4_000, 100, 0));
    let one = spec(1_000, 10, GpuRequest::default());
    let pods = [bench.submit(0, &one, None), bench.submit(0, &one, None)];
    for (pod, start) in pods.into_iter().zip([1, 3]) {
        bench.start(start, pod, 0);
    }
}

/// One pod, submitted at 10 s, bound at 15 s, running from 20 s to 60 s.
pub(crate) fn one_pod(bench: &mut Bench<'_>) {
    bench.add_node(0, node("a", 2_000, 100, 0));
    let pod = bench.submit(10, &spec(1_000, 25, GpuRequest::default()), None);
    bench.bind(15, pod, 0, DeviceSet::EMPTY);
    bench.apply(16, &Event::PodStarting { pod });
    bench.apply(20, &Event::PodRunning { pod });
    bench.end(60, pod, EndReason::Completed);
}
