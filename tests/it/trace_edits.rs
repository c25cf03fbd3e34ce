//! Edits of a trace give the same run whether a file is edited first or an experiment states them, and a trace is the same
//! whether it is a file or comes through standard input.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use crate::scratch::Scratch;

/// Jobs of three tenants, some of which wait for the one before.
fn jobs() -> String {
    let mut table = "submit,name,run_time,cpu,memory,tenant,after\n".to_owned();
    for n in 0..60_u32 {
        let after = match n % 7 {
            6 => format!("j{}", n - 1),
            _ => String::new(),
        };
        let _ = writeln!(
            table,
            "{},j{n},{}s,{},{}Gi,t{},{after}",
            7 * n,
            30 + n,
            1 + n % 4,
            2 + n % 5,
            n % 3
        );
    }
    table
}

/// The digest of a run of a workload.
fn digest(scratch: &Scratch, workload: &str) -> String {
    let text = format!(
        "windtunnel: v1\nname: edits\ncluster: {{nodes: [{{count: 3, template: {{allocatable: {{cpu: 8, \
         memory: 64Gi}}}}}}]}}\nworkload: [{workload}]\n"
    );
    std::fs::write(scratch.path("edits.yaml"), text).expect("a file");
    let run = ["run", "edits.yaml", "--quiet", "--out", "ran", "--force"];
    scratch.run(&run, 0);
    scratch.summary("ran").variants[0].digest.clone()
}

/// Edits as an experiment states them, and as options of the command.
const EDITS: [(&str, &[&str]); 9] = [
    (
        "from: 50s, until: 300s",
        &["--from", "50s", "--until", "300s"],
    ),
    ("tenants: [t2, t0]", &["--tenant", "t2", "--tenant", "t0"]),
    ("where: \"cpu > 1\"", &["--where", "cpu > 1"]),
    (
        "set: [run_time = run_time / 3]",
        &["--set", "run_time = run_time / 3"],
    ),
    (
        "sample: {share: 40%, seed: 7}",
        &["--sample", "40", "--seed", "7"],
    ),
    ("rate: 3", &["--rate", "3"]),
    ("rate: 1", &["--rate", "1"]),
    ("shift: 90s", &["--shift", "90s"]),
    ("anonymize: true", &["--anonymize"]),
];

#[test]
fn an_edited_file_runs_as_an_experiment_that_edits_it() {
    let scratch = Scratch::new("trace-edits", &[("jobs.csv", &*jobs())]);
    let mut pairs: Vec<(String, Vec<&str>)> = EDITS
        .iter()
        .map(|&(field, options)| (field.to_owned(), options.to_vec()))
        .collect();
    // Each with the one after the next, in one edit.
    for at in 0..EDITS.len() - 2 {
        let [one, other] = [EDITS[at], EDITS[at + 2]];
        if one.0.starts_with("rate") && other.0.starts_with("rate") {
            continue;
        }
        pairs.push((format!("{}, {}", one.0, other.0), [one.1, other.1].concat()));
    }
    for (fields, options) in pairs {
        let inside = format!("{{trace: {{format: csv, path: jobs.csv, edit: [{{{fields}}}]}}}}");
        let inside = digest(&scratch, &inside);
        let command = [
            "trace",
            "edit",
            "jobs.csv",
            "--out",
            "edited.csv",
            "--force",
        ];
        scratch.run(&[&command[..], &options].concat(), 0);
        let outside = digest(&scratch, "{trace: {format: csv, path: edited.csv}}");
        assert_eq!(inside, outside, "{fields}");
    }
}

#[test]
fn a_long_trace_through_standard_input_is_that_of_its_file() {
    let mut table = "submit,name,run_time,cpu,tenant\n".to_owned();
    for n in 0..60_000_u32 {
        // Out of order here and there: it is sorted.
        let submit = if n % 1_000 == 7 { n - 5 } else { n };
        let _ = writeln!(
            table,
            "{submit},job-{n},{}s,{},t{}",
            10 + n % 977,
            1 + n % 3,
            n % 11
        );
    }
    assert!(table.len() > 1 << 20);
    let scratch = Scratch::new("trace-input", &[("jobs.csv", &*table)]);
    let piped = |arguments: &[&str]| {
        let mut command = scratch.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(table.as_bytes()).expect("it is read");
        drop(stdin);
        let ended = child.wait_with_output().expect("the program ends");
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
        String::from_utf8_lossy(&ended.stdout).into_owned()
    };
    let convert = |file: &'static str, out: &'static str| {
        ["trace", "convert", file, "--to", "parquet", "--out", out]
    };
    piped(&convert("-", "a.parquet"));
    scratch.run(&convert("jobs.csv", "b.parquet"), 0);
    assert!(scratch.bytes("a.parquet") == scratch.bytes("b.parquet"));
    let edit = |file: &'static str, out: &'static str| {
        ["trace", "edit", file, "--rate", "2", "--out", out]
    };
    piped(&edit("-", "a.csv"));
    scratch.run(&edit("jobs.csv", "b.csv"), 0);
    assert!(scratch.bytes("a.csv") == scratch.bytes("b.csv"));
    for verb in ["inspect", "validate"] {
        let ours = piped(&["trace", verb, "-", "--json"]);
        let theirs = scratch.run(&["trace", verb, "jobs.csv", "--json"], 0);
        let theirs = theirs.split("exit 0").next().unwrap_or_default();
        let ours = ours.replace("standard input", "jobs.csv");
        let ours = ours.split("exit 0").next().unwrap_or_default();
        assert_eq!(ours, theirs, "{verb}");
    }
}
