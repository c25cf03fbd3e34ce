//! The simulator and its metrics against queueing theory: M/M/1 and M/M/c waits and queue lengths
//! within their Monte-Carlo error, Little's law, equal tasks on equal nodes.

use std::sync::atomic::AtomicBool;

use windtunnel::arrivals::Arrival;
use windtunnel::metrics::{Recorder, RunMetrics, Setup, Window};
use windtunnel::rng::{Distribution, Stream};
use windtunnel::sim::{RunControl, Simulation};
use windtunnel::units::{Duration, Instant};

use crate::world::{cell, nodes, options, pod, profile, scheduler};

/// Runs pods of one core on nodes of so many cores, first come first served, to the last end.
fn measure(cores: &[i64], arrivals: Vec<Arrival>, window: Window) -> RunMetrics {
    let setup = Setup {
        window,
        ..Setup::default()
    };
    let mut recorder = Recorder::new(&setup);
    let components = vec![scheduler(profile("first-fit"))];
    let world = cell(nodes(cores), components, arrivals, Vec::new());
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let mut simulation =
        Simulation::new(options(), vec![world], &mut recorder).expect("a small world");
    let end = simulation.run(&mut control).expect("a run that ends");
    let store = simulation.into_store(0);
    recorder
        .finish(end.at, &store)
        .expect("a consistent record")
}

fn value(metrics: &RunMetrics, id: &str) -> f64 {
    let found = metrics.get(id).unwrap_or_else(|| panic!("no metric {id}"));
    found.value.unwrap_or_else(|| panic!("{found:?}"))
}

/// Poisson arrivals with this mean gap, exponential run times of a second.
fn poisson(seed: u64, jobs: usize, mean_gap: &str) -> Vec<Arrival> {
    let law = |text: &str| -> Distribution { text.parse().expect("a distribution") };
    let gaps = law(&format!("exponential({mean_gap})"));
    let runs = law("exponential(1s)");
    let mut gap_stream = Stream::new(seed, "test-gaps", 0);
    let mut run_stream = Stream::new(seed, "test-runs", 0);
    let mut submit = Instant::ZERO;
    (0..jobs)
        .map(|_| {
            submit += gaps.sample(&mut gap_stream);
            Arrival {
                submit,
                run_time: Some(runs.sample(&mut run_stream)),
                ..pod(0, 0)
            }
        })
        .collect()
}

/// The mean over replications and its standard error.
fn over_seeds(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// Ten seeds of 6,000 jobs; the first 500 s are warm-up. The error is that of the mean over seeds,
/// and the theory has to lie within three of it.
fn check_queue(cores: i64, mean_gap: &str, wait: f64, queue: f64) {
    let window = Window::since(Instant::from_secs(500));
    let runs: Vec<RunMetrics> = (1..=10)
        .map(|seed| measure(&[cores], poisson(seed, 6_000, mean_gap), window))
        .collect();
    for (id, theory) in [
        ("first_wait.mean", wait),
        ("scheduling_latency.mean", wait),
        ("queue_length.mean", queue),
    ] {
        let values: Vec<f64> = runs.iter().map(|run| value(run, id)).collect();
        let (mean, error) = over_seeds(&values);
        let told = format!("{id}: {mean} ± {error}, theory {theory}");
        assert!((mean - theory).abs() <= 3.0 * error, "{told}");
        assert!(error <= 0.08 * theory, "too wide to mean anything: {told}");
    }
}

#[test]
fn a_single_server_queues_as_in_theory() {
    // M/M/1 at ρ = 0.7: Wq = ρ / (μ - λ), Lq = λ Wq.
    check_queue(1, "1428571us", 0.7 / 0.3, 0.7 * 0.7 / 0.3);
}

/// The probability that all of `servers` are busy at an offered load of `load` (Erlang's C).
fn erlang_c(servers: u32, load: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for server in 0..servers {
        sum += term;
        term *= load / f64::from(server + 1);
    }
    let queued = term / (1.0 - load / f64::from(servers));
    queued / (sum + queued)
}

#[test]
fn four_servers_queue_as_in_theory() {
    // M/M/4 at ρ = 0.8: Wq = C / (4 μ - λ).
    let waits = erlang_c(4, 3.2);
    assert!((waits - 0.596).abs() < 0.001, "{waits}");
    check_queue(4, "312500us", waits / 0.8, 3.2 * waits / 0.8);
}

#[test]
fn littles_law_holds_to_the_last_digit() {
    // Over a whole run nothing crosses its edges: pods x time in the queue is the sum of waits.
    let jobs = 3_000;
    let metrics = measure(&[2], poisson(3, jobs, "600ms"), Window::FULL);
    let pod_seconds = value(&metrics, "queue_length.mean") * value(&metrics, "window.length");
    let waits = value(&metrics, "scheduling_latency.mean") * jobs as f64;
    assert!((pod_seconds / waits - 1.0).abs() < 1e-12);
    let busy = value(&metrics, "allocation.cpu.mean") * 2.0 * value(&metrics, "window.length");
    let runs = (value(&metrics, "turnaround.mean") - value(&metrics, "first_wait.mean")) * 3_000.0;
    assert!((busy / runs - 1.0).abs() < 1e-12);
}

#[test]
fn equal_tasks_on_equal_nodes_run_in_waves() {
    // 26 tasks of 10 s on 3 nodes of 4 cores: waves of 12, 12 and 2.
    let tasks: Vec<Arrival> = (0..26)
        .map(|_| Arrival {
            submit: Instant::ZERO,
            run_time: Some(Duration::from_secs(10)),
            ..pod(0, 0)
        })
        .collect();
    let metrics = measure(&[4, 4, 4], tasks, Window::FULL);
    for (id, expected) in [
        ("makespan.total", 30.0),
        ("first_wait.mean", (12.0 * 10.0 + 2.0 * 20.0) / 26.0),
        ("first_wait.max", 20.0),
        (
            "turnaround.mean",
            (12.0 * 10.0 + 12.0 * 20.0 + 2.0 * 30.0) / 26.0,
        ),
        ("allocation.cpu.mean", 26.0 * 10.0 / (12.0 * 30.0)),
        ("goodput.cpu.useful", 26.0 * 10.0 / (12.0 * 30.0)),
        ("queue_length.mean", (14.0 + 2.0) / 3.0),
        ("queue_length.max", 14.0),
        ("queue_length.tw_p99", 14.0),
        ("backlog_age.max", 20.0),
        ("backlog_age.mean", 20.0 * 20.0 / 2.0 / 30.0),
        (
            "slowdown.mean",
            (12.0 * 1.0 + 12.0 * 2.0 + 2.0 * 3.0) / 26.0,
        ),
        ("throughput.jobs", 26.0 * 120.0),
        ("demand.cpu.peak", 26.0 / 12.0),
        // Two full waves are even; of the last, first fit puts both on one node.
        ("balance.cpu.max_over_mean", (1.0 + 1.0 + 3.0) / 3.0),
    ] {
        let found = value(&metrics, id);
        assert!(
            (found - expected).abs() <= 1e-9 * expected,
            "{id}: {found}, expected {expected}"
        );
    }
}
