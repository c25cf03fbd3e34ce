//! `sweep`, `diff`, `reproduce` and time travel as a user meets them, with what the manual can't
//! show: kills, full disks, damaged files, whole folders compared.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use windtunnel::rng::Stream;

use crate::scratch::Scratch;

const JOBS: &str = "submit,name,run_time,cpu\n0,first,60,1\n10,second,30,4\n20,third,120,4\n";

const SMALL: &str = "\
windtunnel: v1
name: small
cluster:
  nodes: [{count: 2, template: {allocatable: {cpu: 4, memory: 16Gi}}}]
workload:
  - trace: {format: csv, path: jobs.csv}
stop: {when: drained}
variants: {spread: {}, pack: {system: {name: pipeline, scheduler: {profile: most-allocated}}}}
";

/// Runs that take some ten milliseconds each.
const SWEPT: &str = "\
windtunnel: v1
name: swept
cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 16, memory: 64Gi}}}]}
workload: [{generate: {model: lublin99, jobs: 30}}]
stop: {when: drained}
variants: {spread: {}, pack: {system: {name: pipeline, scheduler: {profile: most-allocated}}}}
";

/// Runs of a few pods, of which there are many.
const TINY: &str = "\
windtunnel: v1
name: tiny
cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 8, memory: 16Gi}}}]}
workload: [{generate: {model: lublin99, jobs: 6, processors: 8}}]
stop: {when: drained}
variants: {spread: {}, pack: {system: {name: pipeline, scheduler: {profile: most-allocated}}}}
";

fn scratch(name: &str) -> Scratch {
    let files = [
        ("jobs.csv", JOBS),
        ("small.yaml", SMALL),
        ("swept.yaml", SWEPT),
        ("tiny.yaml", TINY),
    ];
    Scratch::new(&format!("lab-{name}"), &files)
}

fn assert_same_folders(scratch: &Scratch, one: &str, other: &str) {
    let (here, there) = (scratch.files(one), scratch.files(other));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&here), names(&there), "{one} {other}");
    for ((name, here), (_, there)) in here.iter().zip(&there) {
        assert!(here == there, "{name} differs between {one} and {other}");
    }
}

const SWEEP: [&str; 8] = [
    "sweep",
    "tiny.yaml",
    "--grid",
    "cluster.nodes.0.count=2,3",
    "--seeds",
    "3",
    "--quiet",
    "--out",
];

#[test]
fn a_sweep_killed_again_and_again_leaves_the_table_of_an_undisturbed_one() {
    let scratch = scratch("killed");
    let sweep = |out: &'static str| -> Vec<&str> { [&SWEEP[..], &[out]].concat() };
    scratch.run(&sweep("whole"), 0);
    let finished = || fs::read_dir(scratch.path("killed/runs")).map_or(0, Iterator::count);
    let mut delays = Stream::new(5, "kills", 0);
    let mut kills = 0;
    for _ in 0..40 {
        let mut child = scratch
            .command(&sweep("killed"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        // A moment after some more runs, however fast the machine.
        let upto = finished() + delays.below(3) as usize;
        while finished() < upto && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        std::thread::park_timeout(Duration::from_micros(delays.below(8_000)));
        let is_done = child.try_wait().expect("a child").is_some();
        let _ = child.kill();
        let _ = child.wait();
        kills += usize::from(!is_done);
        if is_done || kills == 6 {
            break;
        }
    }
    assert!(kills > 0, "no run was killed");
    let told = scratch.run(&sweep("killed"), 0);
    assert!(told.contains("= 12 runs"), "{told}");
    for name in ["sweep.csv", "sweep.parquet"] {
        assert_eq!(
            scratch.bytes(&format!("whole/{name}")),
            scratch.bytes(&format!("killed/{name}"))
        );
    }
}

#[test]
#[cfg(unix)]
fn a_sweep_ends_at_a_signal_and_says_how_to_go_on() {
    let scratch = scratch("signal");
    let mut arguments = [&SWEEP[..], &["out"]].concat();
    arguments[5] = "2000";
    let mut command = scratch.command(&arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program starts");
    while !scratch.path("out/runs").exists() {
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none(), "it ended before its first run");
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let ended = child.wait_with_output().expect("the program ends");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(143), "{told}");
    assert!(
        told.contains(" of 8000 runs are finished and kept")
            || told.contains("; 1 of 8000 runs is finished and kept"),
        "{told}"
    );
}

/// Writing files larger than a few kilobytes fails, as it does on a full disk.
#[test]
#[cfg(unix)]
fn a_full_disk_during_a_merge_loses_nothing() {
    let scratch = scratch("full");
    for shard in ["1/2", "2/2"] {
        scratch.run(&[&SWEEP[..], &["parts", "--shard", shard]].concat(), 0);
    }
    let records = scratch.files("parts").len();
    let program = env!("CARGO_BIN_EXE_windtunnel");
    let script = format!("trap '' XFSZ; ulimit -f 8; exec '{program}' sweep --merge parts");
    let mut command = Command::new("sh");
    let command = command.args(["-c", &script]).current_dir(&scratch.0);
    let ended = command.output().expect("a shell");
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(101), "{told}");
    assert!(told.contains("parts/sweep.csv"), "{told}");
    assert!(told.contains("the disk is full"), "{told}");
    assert!(!scratch.path("parts/sweep.csv").exists());
    let told = scratch.run(&["sweep", "--merge", "parts", "--quiet"], 0);
    assert!(told.contains("= 12 runs"), "{told}");
    assert!(scratch.files("parts").len() > records);
    scratch.run(&[&SWEEP[..], &["whole"]].concat(), 0);
    assert_eq!(
        scratch.bytes("parts/sweep.parquet"),
        scratch.bytes("whole/sweep.parquet")
    );
}

/// The printed commands of three shards, one of them by the index that an engine tells, make the
/// table of the whole sweep.
#[test]
fn commands_of_shards_make_the_table_of_the_whole() {
    let scratch = scratch("lines");
    let lines = ["parts", "--emit", "lines", "--shards", "3"];
    let told = scratch.run(&[&SWEEP[..], &lines].concat(), 0);
    let lines: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("windtunnel sweep"))
        .collect();
    assert_eq!(lines.len(), 3, "{told}");
    for (index, line) in lines.iter().enumerate() {
        let number = format!("{}/3", index + 1);
        let line = line.strip_suffix(&number).expect("its number");
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_windtunnel");
        let line = line.replacen("windtunnel", program, 1);
        command.args(["-c", &format!("{line}auto/3")]);
        command.env("JOB_COMPLETION_INDEX", index.to_string());
        let ended = command.current_dir(&scratch.0).output().expect("a shell");
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{told}");
    }
    scratch.run(&["sweep", "--merge", "parts", "--wait", "--quiet"], 0);
    scratch.run(&[&SWEEP[..], &["whole"]].concat(), 0);
    assert_eq!(
        scratch.bytes("parts/sweep.parquet"),
        scratch.bytes("whole/sweep.parquet")
    );
}

/// The objects of `--submit kubernetes` are what the API takes: the simulated cluster runs them, an
/// index of the Job each, and the merge.
#[test]
fn jobs_of_shards_run_on_a_cluster() {
    let scratch = scratch("jobs");
    let jobs = [
        "out",
        "--submit",
        "kubernetes",
        "--shards",
        "3",
        "--dry-run",
    ];
    let told = scratch.run(&[&SWEEP[..], &jobs].concat(), 2);
    assert!(told.contains("needs --image IMAGE"), "{told}");
    let image = ["--image", "registry/windtunnel:1", "--volume"];
    let jobs = [&SWEEP[..], &jobs, &image].concat();
    let told = scratch.run(&[&jobs[..], &["host:/elsewhere"]].concat(), 2);
    assert!(
        told.contains("is not on the volume, which pods see at /elsewhere"),
        "{told}"
    );
    let volume = format!("host:{}", scratch.0.display());
    let told = scratch.run(&[&jobs[..], &[volume.as_str()]].concat(), 0);
    let text = told.split("exit 0").next().expect("the objects");
    fs::write(scratch.path("jobs.yaml"), text).expect("a file");
    let cluster = "windtunnel: v1\nname: cluster\nsystem: {name: kubernetes, controllers: {}}\n\
        cluster: {nodes: [{count: 2, template: {allocatable: {cpu: 2, memory: 8Gi}}}]}\n\
        workload: [{manifests: jobs.yaml}]\nstop: {at: 10m}\n";
    fs::write(scratch.path("cluster.yaml"), cluster).expect("a file");
    scratch.run(
        &["run", "cluster.yaml", "--out", "simulated", "--events"],
        0,
    );
    let told = scratch.run(&["events", "simulated", "--kind", "running"], 0);
    let pods = ["shards-0", "shards-1", "shards-2", "merge"];
    assert!(
        pods.iter()
            .all(|part| told.contains(&format!("tiny-{part}-"))),
        "{told}"
    );
}

#[test]
fn damaged_shards_are_told_of_by_name() {
    let scratch = scratch("damaged");
    scratch.run(&[&SWEEP[..], &["out"]].concat(), 0);
    let files = scratch.files("out");
    let record = files.iter().find(|(name, _)| name.starts_with("runs/"));
    let (name, bytes) = record.expect("a record").clone();
    let path = scratch.path("out").join(&name);
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("it is cut");
    let told = scratch.run(&["sweep", "--merge", "out"], 2);
    assert!(
        told.contains(&name) && told.contains("run the sweep, or its shard, again"),
        "{told}"
    );
    let told = scratch.run(&[&SWEEP[..], &["out"]].concat(), 0);
    assert!(told.contains("it was run again"), "{told}");
    assert_eq!(fs::read(&path).expect("a record"), bytes);
    // A folder of another program.
    let text = scratch.text("out/sweep.json");
    let other = text.replacen("\"program\": \"0", "\"program\": \"9", 1);
    fs::create_dir(scratch.path("other")).expect("a folder");
    fs::write(scratch.path("other/sweep.json"), other).expect("a file");
    let told = scratch.run(&["sweep", "--merge", "out", "other"], 3);
    assert!(
        told.contains("runs of different programs are not mixed"),
        "{told}"
    );
}

#[test]
fn an_unchanged_fork_leaves_the_bytes_of_the_run_that_was_never_interrupted() {
    let scratch = scratch("fork");
    fs::create_dir(scratch.path("deep")).expect("a folder");
    for (scenario, at) in [
        ("small.yaml", "30s"),
        ("swept.yaml", "6h"),
        ("small.yaml", "0s"),
    ] {
        for name in ["plain", "kept", "forked"] {
            let _ = fs::remove_dir_all(scratch.path(name));
        }
        let all = ["--decisions", "--quiet", "--force"];
        scratch.run(
            &[&["run", scenario, "--out", "plain"][..], &all].concat(),
            0,
        );
        let snapshot = ["--snapshot-at", at, "deep/snapshot.json"];
        scratch.run(
            &[&["run", scenario, "--out", "kept"][..], &snapshot, &all].concat(),
            0,
        );
        assert_same_folders(&scratch, "plain", "kept");
        let from = ["run", "--from", "deep/snapshot.json", "--out", "forked"];
        scratch.run(&[&from[..], &all].concat(), 0);
        assert_same_folders(&scratch, "plain", "forked");
    }
}

#[test]
fn a_fork_is_the_old_run_up_to_its_snapshot_and_another_after_it() {
    let scratch = scratch("changed");
    let set = [
        "--set",
        "system.name=pipeline",
        "--set",
        "system.scheduler.profile=most-allocated",
    ];
    let at = ["--snapshot-at", "6h", "at.json"];
    scratch.run(
        &[
            &["run", "swept.yaml", "--out", "old", "--decisions"][..],
            &at,
        ]
        .concat(),
        0,
    );
    let from = ["run", "--from", "at.json", "--decisions", "--out"];
    scratch.run(&[&from[..], &["new"], &set].concat(), 0);
    let decisions = |folder: &str| -> Vec<(i64, String)> {
        let bytes = scratch.bytes(&format!("{folder}/decisions.jsonl.zst"));
        let text = zstd::decode_all(bytes.as_slice()).expect("zstd");
        let text = String::from_utf8(text).expect("text");
        let lines = text
            .lines()
            .filter(|line| line.contains("\"variant\":\"spread\""));
        let time = |line: &str| {
            let json: Value = serde_json::from_str(line).expect("JSON");
            json["time_ns"].as_i64().expect("a time")
        };
        lines.map(|line| (time(line), line.to_owned())).collect()
    };
    let instant = 6 * 3_600 * 1_000_000_000;
    let (old, new) = (decisions("old"), decisions("new"));
    let upto = |all: &[(i64, String)]| -> Vec<String> {
        let before = all.iter().filter(|(time, _)| *time < instant);
        before.map(|(_, line)| line.clone()).collect()
    };
    assert!(!upto(&old).is_empty());
    assert!(upto(&old) == upto(&new), "it parts before the snapshot");
    assert!(old != new, "most-allocated decides otherwise");
    assert!(scratch.path("new/fork.json").exists() && !scratch.path("old/fork.json").exists());
    // The fork is made again from its folder, and from its report alone.
    scratch.run(&["reproduce", "new"], 0);
    // Compared with what it is a fork of, it is followed over the fork.
    let diff = ["diff", "old:spread", "new:spread", "--format", "json"];
    let output = scratch.command(&diff).output().expect("a run");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("have changed"), "{told}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let parted = found["parting"]["decisions"][1]["timeNs"].as_i64();
    assert!(parted.is_some_and(|at| at >= instant), "{found}");
    fs::copy(scratch.path("new/report.html"), scratch.path("fork.html")).expect("a report");
    let told = scratch.run(&["reproduce", "fork.html"], 0);
    assert!(told.contains("the same"), "{told}");
    let text = scratch.text("new/fork.json");
    let earlier = text.replace("\"atNs\": 21600000000000", "\"atNs\": 3600000000000");
    assert!(earlier != text, "{text}");
    fs::write(scratch.path("new/fork.json"), earlier).expect("a file");
    scratch.run(&["reproduce", "new"], 100);
    // A scheduler that goes on alone changes nothing but when the run ends.
    scratch.run(
        &[&from[..], &["longer", "--set", "stop={at: 100d}"]].concat(),
        0,
    );
    assert!(decisions("longer") == old);
    refuses_snapshots_that_do_not_fit(&scratch);
}

fn refuses_snapshots_that_do_not_fit(scratch: &Scratch) {
    let text = scratch.text("at.json");
    let digest = text.find("\"digest\": \"").expect("a digest") + 11;
    let mut edited = text.clone();
    let is_zero = &text[digest..=digest] == "0";
    edited.replace_range(digest..=digest, if is_zero { "1" } else { "0" });
    fs::write(scratch.path("edited.json"), edited).expect("a file");
    let told = scratch.run(&["run", "--from", "edited.json", "--out", "x"], 3);
    assert!(
        told.contains("or taken by a program that decides differently"),
        "{told}"
    );
    fs::write(scratch.path("cut.json"), &text[..text.len() / 2]).expect("a file");
    let told = scratch.run(&["run", "--from", "cut.json", "--out", "x"], 2);
    assert!(told.contains("it is not a snapshot, or damaged"), "{told}");
}

#[test]
fn inputs_that_changed_are_told_before_anything_is_run() {
    let scratch = scratch("inputs");
    let at = ["--snapshot-at", "15s", "at.json"];
    scratch.run(
        &[&["run", "small.yaml", "--out", "result"][..], &at].concat(),
        0,
    );
    scratch.run(&["reproduce", "result"], 0);
    let told = scratch.run(&["reproduce", "result/report.html"], 0);
    assert!(told.contains("1 input file: the same"), "{told}");
    let text = JOBS.replace("60", "61");
    fs::write(scratch.path("jobs.csv"), text).expect("a file");
    for target in ["result", "result/report.html"] {
        let told = scratch.run(&["reproduce", target], 3);
        assert!(
            told.contains("recorded but missing here: jobs.csv (blake3 "),
            "{told}"
        );
    }
    let told = scratch.run(&["run", "--from", "at.json", "--out", "x"], 3);
    assert!(told.contains("`jobs.csv` differs from the file"), "{told}");
    let told = scratch.run(&["diff", "result:spread", "result:pack"], 0);
    assert!(
        told.contains("its inputs or the program have changed"),
        "{told}"
    );
    // A report that claims another digest.
    fs::write(scratch.path("jobs.csv"), JOBS).expect("a file");
    let html = scratch.text("result/report.html");
    let digest = html.find("\"digest\":\"").expect("a digest") + 10;
    let mut edited = html.clone();
    let other = if &html[digest..=digest] == "0" {
        "1"
    } else {
        "0"
    };
    edited.replace_range(digest..=digest, other);
    fs::write(scratch.path("result/edited.html"), edited).expect("a file");
    let told = scratch.run(&["reproduce", "result/edited.html"], 100);
    assert!(told.contains("DIFFERENT"), "{told}");
}
