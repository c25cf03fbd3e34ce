//! How the cost of a decision grows with nodes and classes: kube-scheduler's default profile with
//! adaptive sampling on clusters of 100 to 100,000 nodes, tasks of 1 to 10,000 classes, each task
//! drawing its class anew. Prints a Markdown table and draws it: `target/growth/growth.svg` and
//! `.csv`. The variable `GROWTH_TASKS` says how many tasks a point has.

mod support;

use std::io::Write as _;
use std::path::PathBuf;

use support::{experiment, timed};
use windtunnel::report::plot::Style;
use windtunnel::report::plot::growth::{GrowthPoint, draw};

const NODES: [u32; 7] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
const CLASSES: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// Tasks of a point if nothing is said.
const TASKS: u64 = 5_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark's size is said outside of it"
)]
fn tasks() -> u64 {
    let said = std::env::var("GROWTH_TASKS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(TASKS)
}

/// One point: so many tasks within the time in which a month brings them to a cluster of that size.
fn measure(nodes: u32, classes: u32) -> GrowthPoint {
    let tasks = tasks();
    let span = 29 * 86_400 * 12_583 * tasks / 48_000_000 / u64::from(nodes);
    let span = span.max(1);
    let sets = [
        format!(
            "cluster.nodes=[{{count: {nodes}, template: {{allocatable: {{cpu: 32, memory: \
             128Gi, pods: 110}}}}}}]"
        ),
        format!("workload.0.generate.jobs={tasks}"),
        format!("workload.0.generate.nodes={nodes}"),
        format!("workload.0.generate.classes={classes}"),
        "workload.0.generate.tasksPerJob=1".to_owned(),
        format!("workload.0.generate.span={span}s"),
        format!("stop.at={span}s"),
    ];
    let (outcome, took) = timed(&experiment("google-month.yaml", &sets));
    GrowthPoint {
        nodes,
        classes,
        per_second: outcome.end.decisions as f64 / took.as_secs_f64(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark writes what it drew")]
fn main() {
    let mut out = std::io::stdout().lock();
    let header: Vec<String> = CLASSES.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "decisions a second\n");
    let _ = writeln!(out, "| nodes \\ classes | {} |", header.join(" | "));
    let _ = writeln!(out, "|---:|{}", "---:|".repeat(CLASSES.len()));
    let mut points = Vec::new();
    for nodes in NODES {
        let row: Vec<GrowthPoint> = CLASSES.iter().map(|&each| measure(nodes, each)).collect();
        let cells: Vec<String> = row
            .iter()
            .map(|point| format!("{:.0}", point.per_second))
            .collect();
        let _ = writeln!(out, "| {nodes} | {} |", cells.join(" | "));
        points.extend(row);
    }
    let plot = draw(&points, Style::Screen);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/growth");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("growth.svg"), &plot.svg))
        .and_then(|()| std::fs::write(folder.join("growth.csv"), plot.csv()));
    match written {
        Ok(()) => {
            let _ = writeln!(out, "\n{}", folder.join("growth.svg").display());
        }
        Err(error) => {
            let _ = writeln!(out, "\nnot drawn: {}: {error}", folder.display());
        }
    }
}
