//! `windtunnel compare --all-pairs` as a user runs it: the pairs and the ranks in every form, made again, and refused.

use std::fs;

use serde_json::Value as Json;

use crate::scratch::Scratch;

/// Jobs that wait, small enough to be run many times.
const QUEUE: &str = "\
windtunnel: v1
name: queue
cluster:
  nodes: [{count: 8, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 40, processors: 8}
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
variants:
  fcfs: {}
  sjf: {system.scheduler.queue: sjf}
  f1: {system.scheduler.queue: f1}
  backfill: {system.scheduler.backfill: greedy-once}
";

const METRIC: &str = "pending_time.mean";

/// A comparison of all pairs in the folder `cmp`; what it prints.
fn compared(scratch: &Scratch) -> String {
    let words = format!(
        "compare queue.yaml --quiet --all-pairs --seeds 10 --metric {METRIC} pods.created --out cmp"
    );
    scratch.printed(&words.split(' ').collect::<Vec<_>>(), 0)
}

#[test]
fn pairs_and_ranks_are_in_every_form() {
    let scratch = Scratch::new("all-pairs", &[("queue.yaml", QUEUE)]);
    let printed = compared(&scratch);
    let ranks = printed.lines().filter(|line| line.starts_with("  "));
    assert_eq!(ranks.count(), 4, "{printed}");
    for part in [
        "lower is better · 10 seeds · Friedman p ",
        "critical difference 1.48",
        "backfill against f1",
        "over all pairs 6 gated corrected by Holm",
        "not ranked: pods created (neither direction is better)",
        "--all-pairs --baseline fcfs",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let study: Json = serde_json::from_str(&scratch.text("cmp/comparison.json")).expect("JSON");
    let all = &study["allPairs"];
    assert_eq!(all["pairs"].as_array().map(Vec::len), Some(3));
    let standings = all["rankings"][0]["standings"].as_array();
    let standings = standings.into_iter().flatten();
    let sum: f64 = standings.filter_map(|own| own["rank"].as_f64()).sum();
    assert!((sum - 10.0).abs() < 1e-9, "{sum}");
    let csv = scratch.bytes("cmp/comparison.csv");
    let mut reader = csv::Reader::from_reader(&csv[..]);
    let head = reader.headers().expect("a head").clone();
    let at = |name: &str| head.iter().position(|own| own == name).expect("a column");
    let rows = reader.records().map(|row| row.expect("a row"));
    let rows: Vec<csv::StringRecord> = rows.filter(|row| &row[at("metric")] == METRIC).collect();
    let cell = |row: usize, name: &str| rows[row][at(name)].to_owned();
    assert_eq!(rows.len(), 6);
    assert_eq!(
        (cell(5, "candidate"), cell(5, "baseline")),
        ("backfill".to_owned(), "f1".to_owned())
    );
    assert!(cell(5, "head_rank").parse::<f64>().is_ok(), "{:?}", rows[5]);
    let contains = |file: &str, part: &str| assert!(scratch.text(file).contains(part), "{file}");
    contains(
        "cmp/comparison.md",
        "| mean rank | fcfs | sjf | f1 | backfill |",
    );
    contains(
        "cmp/plots/critical-difference.svg",
        "critical difference 1.48",
    );
    contains("cmp/report.html", "All pairs of candidates");
    contains("cmp/report.html", "Mean ranks and what differs");
    let latex = scratch.printed(
        &["report", "cmp", "--format", "latex", "--label", "tab:q"],
        0,
    );
    for label in [
        "\\label{tab:q}",
        "\\label{tab:q-ranks}",
        "\\label{tab:q-pairs}",
    ] {
        assert!(latex.contains(label), "{latex}");
    }
    // A part of the candidates has other ranks, and none are shown.
    let part = "report cmp --plot critical-difference --candidate fcfs,sjf";
    let refused = scratch.run(&part.split(' ').collect::<Vec<_>>(), 4);
    assert!(refused.contains("not all candidates"), "{refused}");
}

/// A ranking that is not what comes out is told by name.
#[test]
fn rankings_are_made_again() {
    let scratch = Scratch::new("all-pairs-again", &[("queue.yaml", QUEUE)]);
    compared(&scratch);
    scratch.run(&["reproduce", "cmp"], 0);
    let text = scratch.text("cmp/comparison.json");
    let changed = text.replacen(
        "\"criticalDifference\": 1.4",
        "\"criticalDifference\": 2.4",
        1,
    );
    assert_ne!(text, changed);
    fs::write(scratch.path("cmp/comparison.json"), changed).expect("a file");
    let told = scratch.run(&["reproduce", "cmp"], 100);
    assert!(told.contains(&format!("ranking {METRIC}")), "{told}");
}

#[test]
fn a_single_pair_and_a_single_seed_are_refused_in_one_line() {
    let two = "a: {}\nb: {system.scheduler.queue: sjf}\n";
    let files = [("queue.yaml", QUEUE), ("two.yaml", two)];
    let scratch = Scratch::new("all-pairs-refused", &files);
    let check = |more: &[&str], expected: &str| {
        let words = [&["compare", "queue.yaml", "--quiet", "--all-pairs"], more].concat();
        let said = scratch.run(&words, 2);
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    };
    let seeds = "error: --all-pairs: there are fewer than two seeds";
    check(&["--seeds", "1"], seeds);
    let pair = "error: --all-pairs: two candidates are one pair";
    check(&["--variants", "two.yaml"], pair);
}
