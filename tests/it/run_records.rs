//! Comparisons whose runs have records, as a user makes them: stopped and gone on with, shared by processes, damaged,
//! after a change. Tables are byte for byte those of one process.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scratch::Scratch;

const QUEUE: &str = "\
windtunnel: v1
name: queue
cluster:
  nodes: [{count: 8, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 30, processors: 8}
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
variants:
  fcfs: {}
  sjf: {system.scheduler.queue: sjf}
";

/// One log, on which no seed changes anything: runs are shaken.
const LOG: &str = "\
windtunnel: v1
name: log
cluster:
  nodes: [{count: 2, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload: [{trace: {format: csv, path: jobs.csv}}]
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
variants:
  fcfs: {}
  sjf: {system.scheduler.queue: sjf}
";

fn scratch(name: &str) -> Scratch {
    let row = |job: usize| format!("{},job-{job},{},1,1Mi\n", job * 7, 20 + job * 37 % 60);
    let rows: Vec<String> = (0..30).map(row).collect();
    let jobs = format!("submit,name,run_time,cpu,memory\n{}", rows.concat());
    Scratch::new(
        name,
        &[
            ("queue.yaml", QUEUE),
            ("log.yaml", LOG),
            ("jobs.csv", &jobs),
        ],
    )
}

/// The records of a folder.
fn records(folder: &Path) -> Vec<PathBuf> {
    let inner = |path: PathBuf| {
        fs::read_dir(path)
            .expect("a folder")
            .map(|entry| entry.expect("a file").path())
    };
    let mut found: Vec<PathBuf> = (inner(folder.to_path_buf()))
        .filter(|path| path.is_dir())
        .flat_map(inner)
        .collect();
    found.sort();
    found
}

#[test]
fn shards_come_to_what_one_process_comes_to() {
    let scratch = scratch("records-shards");
    for file in ["queue.yaml", "log.yaml"] {
        let seeds = ["compare", file, "--seeds", "6", "--quiet"];
        let with = |more: &[&str]| scratch.run(&[&seeds, more].concat(), 0);
        with(&["--out", "whole", "--force"]);
        for shard in ["1/3", "2/3", "3/3"] {
            // Two on one folder, one on another machine.
            let folder = if shard == "3/3" { "far" } else { "near" };
            let said = scratch.printed(
                &[&seeds[..], &["--records", folder, "--shard", shard]].concat(),
                0,
            );
            assert!(said.contains(&format!("shard {shard}: ")), "{said}");
        }
        let before = records(&scratch.path("near")).len();
        with(&["--out", "shared", "--force", "--records", "near", "far"]);
        assert_eq!(scratch.files("whole"), scratch.files("shared"), "{file}");
        // Nothing was left to run, and what lies elsewhere isn't copied.
        assert_eq!(records(&scratch.path("near")).len(), before);
    }
}

#[test]
fn a_damaged_record_is_made_again_and_a_change_makes_new_ones() {
    let scratch = scratch("records-damaged");
    let seeds = ["compare", "queue.yaml", "--seeds", "3", "--quiet"];
    let kept = |out: &str, more: &[&str]| {
        scratch.run(
            &[&seeds[..], &["--records", "kept", "--out", out], more].concat(),
            0,
        );
    };
    kept("first", &[]);
    let made = records(&scratch.path("kept"));
    assert_eq!(made.len(), 6);
    let mut bytes = fs::read(&made[0]).expect("a record");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&made[0], &bytes).expect("a file");
    fs::write(&made[1], "").expect("a file");
    kept("second", &[]);
    assert_eq!(scratch.files("first"), scratch.files("second"));
    assert_ne!(fs::read(&made[0]).expect("a record"), bytes);
    assert_eq!(records(&scratch.path("kept")), made);
    // The scenario is part of the keys, and so is the content of its files.
    kept("third", &["--set", "cluster.nodes.0.count=9"]);
    assert_eq!(records(&scratch.path("kept")).len(), 12);
    // Another candidate takes none from those that are there, but for what the report draws of them.
    let third = format!("{QUEUE}  widest: {{system.scheduler.queue: f1}}\n");
    fs::write(scratch.path("queue.yaml"), third).expect("a file");
    kept("fourth", &[]);
    assert_eq!(records(&scratch.path("kept")).len(), 12 + 3 + 2);
}

#[test]
fn a_comparison_over_logs_replaces_its_own_folder() {
    let scratch = scratch("records-logs");
    let both = [
        "compare",
        "queue.yaml",
        "log.yaml",
        "--seeds",
        "2",
        "--records",
        "kept",
        "--quiet",
    ];
    scratch.run(&both, 0);
    let before = scratch.files("results/logs-compare");
    scratch.run(&both, 0);
    assert_eq!(scratch.files("results/logs-compare"), before);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let scratch = scratch("records-refused");
    for (arguments, words) in [
        (&["--shard", "1/2"][..], "--records"),
        (
            &["--records", "kept", "--shard", "3/2"],
            "there is no shard 3 of 2",
        ),
        (
            &["--records", "kept", "--shard", "1/2", "--precision", "1%"],
            "cannot be used with",
        ),
    ] {
        let said = scratch.run(&[&["compare", "queue.yaml"], arguments].concat(), 2);
        assert!(said.contains(words), "{said}");
    }
    scratch.run(&["run", "queue.yaml", "--out", "one", "--quiet"], 0);
    let said = scratch.run(&["compare", "one", "--records", "kept"], 2);
    assert!(said.contains("finished ones are given"), "{said}");
}
