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

/// The records of a study whose program changed are others; one whose content isn't known has none.
#[test]
fn records_are_of_the_content_of_ones_own_program() {
    let scratch = scratch("records-program");
    let points = |points: &str| {
        let program = "#!/bin/sh\nread -r line; echo '{\"protocol\":1}'\n\
                       while read -r line; do echo '{\"points\":[POINTS]}'; done\n";
        fs::write(scratch.path("points.sh"), program.replace("POINTS", points)).expect("a file");
    };
    let own = "windtunnel: v1\nname: own\ncluster:\n  nodes: [{count: 2, name: 'n{}', template: {allocatable: \
               {cpu: 4, memory: 8Gi, pods: 9}}}]\nworkload: [{trace: {format: csv, path: jobs.csv}}]\n\
               stop: {at: 1m}\nsystem: {name: pipeline, scheduler: {profile: first-fit}}\n\
               variants:\n  first: {}\n  own: {system.scheduler.external: {command: [sh, points.sh]}}\n";
    fs::write(scratch.path("own.yaml"), own).expect("a file");
    let sweep =
        "sweep own.yaml --grid cluster.nodes.0.count=2 --out swept --allow-external --quiet";
    let compare = "compare own.yaml --seeds 2 --records kept --allow-external --quiet";
    let run = |line: &str, code| scratch.run(&line.split(' ').collect::<Vec<_>>(), code);
    points("1,2");
    run(sweep, 0);
    run(compare, 0);
    let before = records(&scratch.path("kept")).len();
    let first = fs::read(scratch.path("swept/sweep.csv")).expect("a table");
    run(compare, 0);
    assert_eq!(records(&scratch.path("kept")).len(), before);
    points("2,1");
    let told = run(sweep, 2);
    assert!(
        told.contains("its scenario or an input file differs"),
        "{told}"
    );
    run(&format!("{sweep} --force"), 0);
    let second = fs::read(scratch.path("swept/sweep.csv")).expect("a table");
    assert_ne!(first, second);
    run(compare, 0);
    assert!(records(&scratch.path("kept")).len() > before);
    let elsewhere = sweep.replace("swept", "elsewhere");
    let told = run(elsewhere.trim_end_matches(" --allow-external --quiet"), 2);
    assert!(
        told.contains("allow that with `--allow-external`"),
        "{told}"
    );
    let unknown = own.replace("[sh, points.sh]", "[cat]");
    fs::write(scratch.path("own.yaml"), unknown).expect("a file");
    for line in [&elsewhere, compare] {
        let told = run(line, 2);
        assert!(
            told.contains("runs `cat`, which may change without a sign"),
            "{told}"
        );
    }
}

/// Lines for an engine, one of them after the comparison began to wait, come to what one process comes to.
#[test]
fn lines_of_a_comparison_come_to_what_one_process_comes_to() {
    let scratch = scratch("records-lines");
    let seeds = ["compare", "log.yaml", "--seeds", "4", "--quiet"];
    scratch.run(&[&seeds[..], &["--out", "whole"]].concat(), 0);
    let lines = ["--records", "kept", "--emit", "lines", "--shards", "2"];
    let told = scratch.run(&[&seeds[..], &lines].concat(), 0);
    let lines: Vec<&str> = { told.lines() }
        .filter(|line| line.starts_with("windtunnel compare log.yaml"))
        .collect();
    assert_eq!(lines.len(), 2, "{told}");
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    for line in lines {
        let words = words(line);
        scratch.run(
            &words[1..].iter().map(String::as_str).collect::<Vec<_>>(),
            0,
        );
    }
    let last = ["--records", "kept", "--wait", "--out", "waited"];
    scratch.run(&[&seeds[..], &last].concat(), 0);
    assert_eq!(scratch.files("whole"), scratch.files("waited"));
    let engines = [
        ("slurm", "sbatch --parsable --requeue", ""),
        (
            "kubernetes",
            "backoffLimitPerIndex: 3",
            "--image i --volume claim:c",
        ),
    ];
    for (engine, part, more) in engines {
        let line = format!("--records kept --submit {engine} --shards 3 --dry-run {more}");
        let line: Vec<&str> = line.split_whitespace().collect();
        let told = scratch.printed(&[&seeds[..], &line].concat(), 0);
        assert!(told.contains(part) && told.contains("compare"), "{told}");
    }
    let told = scratch.run(&[&seeds[..], &["--emit", "lines"]].concat(), 2);
    assert!(told.contains("need `--records DIR`"), "{told}");
}

/// A sweep's runs are compared as those of a comparison with the same candidates are, and none is made.
#[test]
fn a_sweep_becomes_a_comparison() {
    let scratch = scratch("records-swept");
    let sweep = "sweep queue.yaml --grid cluster.nodes.0.count=8,9 --seeds 5 --out swept --quiet";
    scratch.run(&sweep.split(' ').collect::<Vec<_>>(), 0);
    let whole = "compare queue.yaml --set cluster.nodes.0.count=9 --seeds 5 --format json --quiet";
    let swept = "compare swept --at cluster.nodes.0.count=9 --out of-sweep --format json --quiet";
    let json = |line: &str| -> serde_json::Value {
        let printed = scratch.printed(&line.split(' ').collect::<Vec<_>>(), 0);
        let mut study: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let metrics = study["pairs"][0]["metrics"].as_array_mut().expect("a list");
        for metric in metrics {
            // A sweep doesn't keep why a metric has no value.
            metric["note"].take();
        }
        study
    };
    let (whole, swept) = (json(whole), json(swept));
    assert_eq!(whole["pairs"], swept["pairs"]);
    assert!(scratch.path("of-sweep/report.html").exists());
    let told = scratch.run(&["compare", "swept", "--baseline", "sjf count=8"], 0);
    assert!(told.contains("fcfs count=9"), "{told}");
    let told = scratch.run(&["compare", "swept", "--at", "seed=1"], 2);
    assert!(
        told.contains("expected PATH=VALUE of a field that the sweep varies"),
        "{told}"
    );
    let told = scratch.run(&["compare", "queue.yaml", "--at", "seed=1"], 2);
    assert!(told.contains("no folder of one is given"), "{told}");
}
