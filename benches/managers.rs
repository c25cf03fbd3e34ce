//! Whole runs under cluster managers that have benchmarks of their own nowhere else: how many decisions a
//! second each makes, with all metrics, on tasks of ten classes that come as in a month of Google's cell.
//! Prints a Markdown table. The variable `MANAGERS_TASKS` says how many tasks a run has.

mod support;

use std::io::Write as _;

use support::{experiment, timed};

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

/// Decisions a second of a run.
fn decisions(system: &str, nodes: u32) -> f64 {
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
    let (outcome, took) = timed(&experiment("google-month.yaml", &sets));
    outcome.end.decisions as f64 / took.as_secs_f64()
}

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "| system | nodes | decisions a second |");
    let _ = writeln!(out, "|---|---:|---:|");
    for (system, nodes) in MANAGERS {
        let rate = decisions(system, nodes);
        let _ = writeln!(out, "| {system} | {nodes} | {rate:.0} |");
    }
}
