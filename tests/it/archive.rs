//! Archives as a user hands them on: another folder, nothing but the archive, and the runs come out the same.

use std::fs;

use crate::scratch::Scratch;

const QUEUE: &str = "\
windtunnel: v1
name: queue
cluster:
  nodes: [{count: 2, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload: [{trace: {format: csv, path: ../jobs.csv}}]
system: {name: batch, scheduler: {queue: fcfs}}
stop: {when: drained}
variants:
  fcfs: {}
  sjf: {system.scheduler.queue: sjf}
";
const JOBS: &str =
    "submit,name,run_time,cpu,memory\n0,a,30,1,1Mi\n1,b,20,1,1Mi\n2,c,40,1,1Mi\n3,d,10,1,1Mi\n";

/// A run and a comparison whose input lies beside their folder.
fn scratch(name: &str) -> Scratch {
    let scratch = Scratch::new(name, &[("jobs.csv", JOBS)]);
    fs::create_dir(scratch.path("inner")).expect("a folder");
    fs::write(scratch.path("inner/queue.yaml"), QUEUE).expect("a file");
    scratch.run(&["run", "inner/queue.yaml", "--out", "run", "--quiet"], 0);
    let compare = [
        "compare",
        "inner/queue.yaml",
        "--seeds",
        "2",
        "--out",
        "compared",
        "--quiet",
    ];
    scratch.run(&compare, 0);
    scratch
}

#[test]
fn an_archive_is_reproduced_from_itself_alone() {
    let scratch = scratch("archive-whole");
    scratch.run(&["archive", "run", "compared", "--out", "study"], 0);
    fs::remove_file(scratch.path("jobs.csv")).expect("a file");
    fs::remove_dir_all(scratch.path("inner")).expect("a folder");
    for name in ["run", "compared"] {
        assert_eq!(
            scratch.files(name),
            scratch.files(&format!("study/results/{name}"))
        );
        let folder = format!("study/results/{name}");
        scratch.run(&["reproduce", &folder], 2);
        scratch.run(&["reproduce", &folder, "--traces", "study/inputs"], 0);
    }
    assert_eq!(scratch.text("study/inputs/jobs.csv"), JOBS);
    let readme = scratch.text("study/README.md");
    let digest = &scratch.summary("run").variants[0].digest;
    for part in [
        "windtunnel reproduce results/compared --traces inputs",
        digest,
        &blake3::hash(JOBS.as_bytes()).to_hex(),
    ] {
        assert!(readme.contains(part), "{part}: {readme}");
    }
    let sums = scratch.text("study/BLAKE3SUMS");
    for line in sums.lines() {
        let (hash, name) = line.split_once("  ").expect("a hash and a name");
        let bytes = scratch.bytes(&format!("study/{name}"));
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), hash, "{name}");
    }
    assert_eq!(sums.lines().count() + 1, scratch.files("study").len());
}

#[test]
fn inputs_may_be_left_out() {
    let scratch = scratch("archive-without");
    scratch.run(&["archive", "run", "--out", "study", "--without-inputs"], 0);
    assert!(!scratch.path("study/inputs").exists());
    assert!(
        scratch
            .text("study/README.md")
            .contains("The inputs are not in this folder")
    );
    scratch.run(&["reproduce", "study/results/run", "--traces", "."], 0);
}

#[test]
fn inputs_of_one_name_are_kept_once_or_refused() {
    let scratch = scratch("archive-names");
    fs::create_dir_all(scratch.path("other/inner")).expect("a folder");
    fs::write(scratch.path("other/inner/queue.yaml"), QUEUE).expect("a file");
    for (jobs, code) in [
        (JOBS, 0),
        ("submit,name,run_time,cpu,memory\n0,a,5,1,1Mi\n", 2),
    ] {
        fs::write(scratch.path("other/jobs.csv"), jobs).expect("a file");
        let other = [
            "run",
            "other/inner/queue.yaml",
            "--out",
            "second",
            "--force",
            "--quiet",
        ];
        scratch.run(&other, 0);
        let archive = ["archive", "run", "second", "--out", "study", "--force"];
        let said = scratch.run(&archive, code);
        let expected = match code {
            0 => "2 results, 1 input file",
            _ => "archive the two apart",
        };
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_no_study_is_refused() {
    let scratch = scratch("archive-refused");
    for (arguments, code, words) in [
        (
            &["nowhere", "--out", "study"][..],
            2,
            "no such result folder",
        ),
        (&["inner", "--out", "study"], 2, "not a result folder"),
        (
            &["run", "run/../run", "--out", "study"],
            2,
            "another of the results is called `run`",
        ),
        (&["run"], 2, "--out"),
    ] {
        let said = scratch.run(&[&["archive"], arguments].concat(), code);
        assert!(said.contains(words), "{said}");
        assert!(!scratch.path("study").exists());
    }
    scratch.run(&["archive", "run", "--out", "study"], 0);
    scratch.run(&["archive", "run", "--out", "study"], 2);
    fs::write(scratch.path("jobs.csv"), format!("{JOBS}4,e,5,1,1Mi\n")).expect("a file");
    let said = scratch.run(&["archive", "run", "--out", "study", "--force"], 3);
    assert!(said.contains("has changed since"), "{said}");
    // What was there is as it was.
    assert_eq!(scratch.text("study/inputs/jobs.csv"), JOBS);
}
