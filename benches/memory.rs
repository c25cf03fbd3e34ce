//! Memory of a node and of a living pod: the difference in peak resident memory between runs of two
//! sizes, each in a process of its own. Prints a Markdown table.

#[path = "support/peak.rs"]
mod peak;
mod support;

use std::io::Write as _;
use std::process::Command;

use support::{experiment, timed};

/// The most nodes that the generator takes.
const MOST_NODES: u64 = 1_000_000;

/// Nodes and pods of a run.
type Size = (u64, u64);

/// Runs a size in this process: all pods live when it ends.
fn run((nodes, pods): Size) -> u64 {
    let sets = [
        format!(
            "cluster.nodes=[{{count: {nodes}, template: {{allocatable: {{cpu: 6400, memory: \
             25600Gi, pods: 10000}}}}}}]"
        ),
        format!("workload.0.generate.jobs={pods}"),
        format!(
            "workload.0.generate.nodes={}",
            (100 * nodes).min(MOST_NODES)
        ),
        "workload.0.generate.span=1s".to_owned(),
        "stop.at=1s".to_owned(),
    ];
    timed(&experiment("google-month.yaml", &sets));
    peak::bytes().unwrap_or(0)
}

/// Runs a size in a process of its own.
fn apart((nodes, pods): Size) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["--size", &nodes.to_string(), &pods.to_string()])
        .output()
        .expect("this program");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a number of bytes")
}

fn main() {
    let mut out = std::io::stdout().lock();
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, nodes, pods] = &arguments[..]
        && flag == "--size"
    {
        let size = (nodes.parse(), pods.parse());
        let size = (size.0.expect("a number"), size.1.expect("a number"));
        let _ = writeln!(out, "{}", run(size));
        return;
    }
    let _ = writeln!(out, "| what | bytes each |\n|---|---:|");
    for (what, small, large) in [
        ("node", (1_000, 1_000), (51_000, 1_000)),
        ("living pod", (100, 10_000), (100, 110_000)),
    ] {
        let more = (large.0 - small.0) + (large.1 - small.1);
        let bytes = apart(large).saturating_sub(apart(small)) / more;
        let _ = writeln!(out, "| {what} | {bytes} |");
    }
}
