//! Whole runs under cluster managers that have benchmarks of their own nowhere else: how many decisions
//! a second each makes, with all metrics and without any, by the clock and by the processor time of all
//! threads. The tasks are of ten classes and come as in a month of Google's cell.
//! Prints a Markdown table. The variable `MANAGERS_TASKS` says how many tasks a run has;
//! `cargo bench --bench managers -- sparrow` runs one system.

#[path = "support/processor_time.rs"]
mod processor_time;
mod support;

use std::io::Write as _;

use support::{ended, experiment, prepared};
use windtunnel::scenario::Experiment;

/// Systems and their sizes in nodes.
const MANAGERS: [(&str, u32); 4] = [
    ("nova", 5_000),
    ("ecs", 5_000),
    ("sparrow", 10_000),
    ("borg", 10_000),
];

/// Tasks of a run if nothing is said.
const TASKS: u64 = 100_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn tasks() -> u64 {
    let said = std::env::var("MANAGERS_TASKS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(TASKS)
}

/// The experiment of a system on a number of nodes.
fn managed(system: &str, nodes: u32) -> Experiment {
    let tasks = tasks();
    let span = 29 * 86_400 * 12_583 * tasks / 48_000_000 / u64::from(nodes);
    let span = span.max(1);
    let sets = [
        format!("system={{name: {system}}}"),
        format!(
            "cluster.nodes=[{{count: {nodes}, template: {{allocatable: {{cpu: 32, memory: \
             128Gi, pods: 110}}}}}}]"
        ),
        format!("workload.0.generate.jobs={tasks}"),
        format!("workload.0.generate.nodes={nodes}"),
        "workload.0.generate.classes=10".to_owned(),
        "workload.0.generate.tasksPerJob=1".to_owned(),
        format!("workload.0.generate.span={span}s"),
        format!("stop.at={span}s"),
    ];
    experiment("google-month.yaml", &sets)
}

/// Decisions a second of a run from prepared input on: by the clock, and by processor time.
#[expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]
fn rates(experiment: &Experiment, is_measured: bool) -> (f64, f64) {
    let scenario = &experiment.variants[0].scenario;
    prepared(experiment, scenario, |input, control| {
        let (begun, used) = (std::time::Instant::now(), processor_time::used());
        let end = ended(scenario, input, is_measured, control);
        let processor = processor_time::used().saturating_sub(used);
        let decisions = end.decisions as f64;
        (
            decisions / begun.elapsed().as_secs_f64(),
            decisions / processor.as_secs_f64(),
        )
    })
}

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "| system | nodes | decisions/s with all metrics | of processor time | without metrics | of processor time |"
    );
    let _ = writeln!(out, "|---|---:|---:|---:|---:|---:|");
    let named: Vec<String> = std::env::args().skip(1).collect();
    for (system, nodes) in MANAGERS {
        // Cargo adds flags of its own.
        let is_asked = named.iter().any(|name| name == system);
        if !is_asked && named.iter().any(|name| !name.starts_with('-')) {
            continue;
        }
        let experiment = managed(system, nodes);
        let (measured, measured_processor) = rates(&experiment, true);
        let (bare, bare_processor) = rates(&experiment, false);
        let _ = writeln!(
            out,
            "| {system} | {nodes} | {measured:.0} | {measured_processor:.0} | {bare:.0} | {bare_processor:.0} |"
        );
    }
}
