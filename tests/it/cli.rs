//! The command line, run as a user runs it: the manual's console blocks, and what they can't show:
//! signals, pipes, standard input, disks that are full or read-only, runs at once, runs again.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use windtunnel::formats::registry::FORMATS;
use windtunnel::lab::summary::Summary;

use crate::scratch::{Disk, Scratch, output, stderr, windtunnel};
use crate::shared::reference;

#[test]
fn console_blocks_of_the_book_hold() {
    trycmd::TestCases::new()
        .case("docs/manual/*.md")
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1");
}

#[test]
fn the_manual_runs_every_trace_format() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/traces.md");
    let page = fs::read_to_string(page).expect("a page");
    let runs = page
        .lines()
        .filter(|line| line.starts_with("$ windtunnel run "));
    for entry in FORMATS {
        let named = format!("format: {},", entry.name);
        assert!(
            runs.clone().any(|run| run.contains(&named)),
            "{}",
            entry.name
        );
    }
}

/// The table that a newcomer is promised is the one that the manual holds.
#[test]
fn the_readme_shows_what_the_bundled_experiment_prints() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| fs::read_to_string(project.join(name)).expect("a page");
    let (readme, page) = (text("README.md"), text("docs/manual/run.md"));
    let shown = readme.split("```text\n").nth(1).expect("a block of text");
    let table = shown
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("report"));
    for line in table {
        assert!(page.lines().any(|other| other == line), "{line}");
    }
}

fn scratch(name: &str) -> Scratch {
    let files = [("jobs.csv", JOBS), ("small.yaml", SMALL)];
    Scratch::new(&format!("cli-{name}"), &files)
}

fn digests(scratch: &Scratch, folder: &str) -> Vec<String> {
    let variants = scratch.summary(folder).variants;
    variants.into_iter().map(|variant| variant.digest).collect()
}

const JOBS: &str = "submit,name,run_time,cpu\n0,first,60,1\n10,second,30,4\n";

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

/// A run that takes longer than any test waits.
const LONG: &str = "\
windtunnel: v1
name: long
cluster:
  nodes: [{count: 3000, template: {allocatable: {cpu: 4, memory: 16Gi}}}]
workload:
  - generate: {model: lublin99, jobs: 100000}
stop: {when: drained}
";

fn succeeds(folder: &Path, arguments: &[&str]) {
    let output = output(folder, arguments);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
}

/// Starts a long run into `out`, and comes back when it simulates.
fn long_run(scratch: &Scratch) -> Child {
    fs::write(scratch.path("long.yaml"), LONG).expect("a file for the test");
    let mut command = windtunnel(&scratch.0, &["run", "long.yaml", "--out", "out"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the program starts");
    // With one variant tables are written in place, with several in parts.
    let begun = ["out.partial/timeseries.csv.partial", "out.partial/.parts"];
    while !begun.iter().any(|path| scratch.path(path).exists()) {
        std::thread::yield_now();
    }
    child
}

fn send(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
#[cfg(unix)]
fn signals_stop_a_run_and_leave_no_result() {
    for (signal, code, words) in [
        ("-INT", 130, "exit 130: interrupted"),
        ("-TERM", 143, "exit 143: terminated"),
    ] {
        let scratch = scratch(&format!("signal{signal}"));
        let child = long_run(&scratch);
        // Another run of that name, meanwhile, is refused.
        let other = output(&scratch.0, &["run", "small.yaml", "--out", "out"]);
        assert_eq!(other.status.code(), Some(2));
        let told = "error: out.partial: another run is writing there; choose another folder";
        assert!(stderr(&other).starts_with(told), "{}", stderr(&other));
        send(&child, signal);
        let ended = child.wait_with_output().expect("the program ends");
        assert_eq!(ended.status.code(), Some(code), "{signal}");
        let told = stderr(&ended);
        let last = told.lines().last().unwrap_or_default();
        assert!(last.starts_with(words), "{signal}: {told}");
        assert!(scratch.path("out.partial").exists(), "{signal}");
        assert!(!scratch.path("out").exists(), "{signal}");
        // What was left is replaced by the next run.
        succeeds(&scratch.0, &["run", "small.yaml", "--out", "out"]);
        assert!(!scratch.path("out.partial").exists(), "{signal}");
    }
}

#[test]
fn a_broken_pipe_is_no_error() {
    let scratch = scratch("pipe");
    for arguments in [
        &["schema", "metrics"][..],
        &["systems"],
        &["run", "small.yaml", "--out", "out", "-v"],
    ] {
        let mut command = windtunnel(&scratch.0, arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut first = [0; 1];
        if arguments[0] != "run" {
            let stdout = child.stdout.as_mut().expect("a pipe");
            stdout.read_exact(&mut first).expect("something is printed");
        }
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("the program ends");
        let told = stderr(&ended);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {told}");
        assert_eq!(told, "exit 0: done\n", "{arguments:?}");
    }
}

#[test]
fn standard_input_gives_an_experiment_and_a_trace() {
    let scratch = scratch("stdin");
    for (arguments, text, expected) in [
        (&["run", "-", "--out", "out"][..], SMALL, "small · 2 pods"),
        (&["trace", "inspect", "-"], JOBS, "file           standard"),
    ] {
        let mut command = windtunnel(&scratch.0, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("it is read");
        drop(stdin);
        let ended = child.wait_with_output().expect("the program ends");
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}");
        let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(printed.starts_with(expected), "{printed}");
    }
    let found = scratch.summary("out").inputs;
    assert_eq!(found[0].path, "jobs.csv");
}

/// Writing files larger than half a kilobyte fails, as it does on a full disk.
#[test]
#[cfg(unix)]
fn a_full_disk_is_told_and_leaves_no_result() {
    let scratch = scratch("full");
    let program = env!("CARGO_BIN_EXE_windtunnel");
    let script = format!("trap '' XFSZ; ulimit -f 1; exec '{program}' run --out out");
    for _again in 0..3 {
        let mut command = Command::new("sh");
        let command = command.args(["-c", &script]).current_dir(&scratch.0);
        let ended = command.output().expect("a shell");
        let told = stderr(&ended);
        assert_eq!(ended.status.code(), Some(101), "{told}");
        // Whatever thread was faster, the first variant is told of.
        let begins = "error: variant `random`: can't write the time series: out.partial/";
        assert!(told.starts_with(begins), "{told}");
        assert!(told.contains("the disk is full"), "{told}");
        assert!(told.contains("free some space"), "{told}");
        assert!(told.ends_with("exit 101: could not complete\n"), "{told}");
        assert!(!scratch.path("out").exists());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn small_and_read_only_disks_are_told() {
    let scratch = scratch("disks");
    for (name, options, code, message) in [
        ("ro", "ro", 2, "choose a place that you may write to"),
        ("tiny", "size=16k", 101, "the disk is full (No space left"),
    ] {
        let Some(_disk) = Disk::mount(scratch.path(name), options) else {
            return;
        };
        let out = format!("{name}/out");
        let ended = output(&scratch.0, &["run", "small.yaml", "--out", &out]);
        let told = stderr(&ended);
        assert_eq!(ended.status.code(), Some(code), "{told}");
        assert!(told.contains(&format!("{out}.partial")), "{told}");
        assert!(told.contains(message), "{told}");
        assert!(!scratch.path(&out).exists());
    }
}

#[test]
fn the_experiment_as_run_gives_the_same_digests_again() {
    let scratch = scratch("again");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packed = project.join("scenarios/small-cluster.yaml");
    let packed = packed.to_str().expect("a path of text");
    // Relative beside the experiment, absolute from elsewhere, embedded in the program.
    for (scenario, first, again) in [
        (Some("small.yaml"), "a/deep/first", "again"),
        (Some("./small.yaml"), "first-dot", "b/again-dot"),
        (Some(packed), "first-manifests", "again-manifests"),
        (None, "first-bundled", "again-bundled"),
    ] {
        let mut arguments = vec!["run"];
        arguments.extend(scenario);
        arguments.extend(["--out", first]);
        succeeds(&scratch.0, &arguments);
        let as_run = format!("{first}/scenario.yaml");
        succeeds(&scratch.0, &["run", &as_run, "--out", again]);
        assert_eq!(
            digests(&scratch, first),
            digests(&scratch, again),
            "{as_run}"
        );
        // The hash of the experiment is not one of its result folder.
        arguments.pop();
        arguments.push("elsewhere/x/y");
        succeeds(&scratch.0, &arguments);
        let (one, other) = (scratch.summary(first), scratch.summary("elsewhere/x/y"));
        assert_eq!(one, other, "{scenario:?}");
        fs::remove_dir_all(scratch.path("elsewhere")).expect("it was made");
    }
    // An absolute result folder, away from the files.
    let out = scratch.path("absolute");
    let out = out.to_str().expect("a path of text");
    succeeds(&scratch.0, &["run", "small.yaml", "--out", out]);
    let as_run = format!("{out}/scenario.yaml");
    succeeds(project, &["run", &as_run, "--out", &format!("{out}-again")]);
    assert_eq!(
        digests(&scratch, "absolute"),
        digests(&scratch, "absolute-again")
    );
}

#[test]
fn the_plain_form_of_a_scheduler_gives_the_digests_of_the_fast_one() {
    let scratch = scratch("forms");
    let jobs = SMALL.split("variants").next().expect("a head");
    let variants = "variants:\n  kube: {}\n  pipeline: {system: {name: pipeline, scheduler: {profile: best-fit}}}\n  \
         batch: {system: {name: batch, scheduler: {backfill: conservative}}}\n  \
         nova: {system: {name: nova}}\n  ecs: {system: {name: ecs}}\n  \
         borg: {system: {name: borg}}\n";
    fs::write(scratch.path("forms.yaml"), format!("{jobs}{variants}")).expect("room");
    let run = |form, out| {
        succeeds(
            &scratch.0,
            &["run", "forms.yaml", "--form", form, "--out", out],
        );
        digests(&scratch, out)
    };
    assert_eq!(run("plain", "plain"), run("fast", "fast"));
    let refused = output(
        &scratch.0,
        &[
            "run",
            "small.yaml",
            "--set",
            "system.name=fleet",
            "--form",
            "plain",
        ],
    );
    assert_eq!(refused.status.code(), Some(2));
    let told = stderr(&refused);
    assert!(
        told.contains("the system `fleet` (variant `spread`) has no plain form"),
        "{told}"
    );
}

/// Experiments of the project, with what shortens those that take long.
const SCENARIOS: [(&str, &[&str]); 81] = [
    ("device-claims.yaml", &[]),
    ("gpu-month.yaml", &["--set", "stop={at: 12h}"]),
    ("preemption-loop.yaml", &[]),
    ("needless-preemptions.yaml", &[]),
    ("fair-or-priority.yaml", &[]),
    ("gavel-trace.yaml", &["--set", "stop={at: 2h}"]),
    ("gpu-logs.yaml", &["--set", "stop={at: 2h}"]),
    ("batch-policies.yaml", &["--set", "stop={at: 6h}"]),
    ("vector-packing.yaml", &[]),
    ("two-teams.yaml", &[]),
    ("racks.yaml", &[]),
    ("borg.yaml", &["--set", "stop={at: 30m}"]),
    ("functions.yaml", &["--set", "stop={at: 10m}"]),
    ("descheduling.yaml", &[]),
    ("low-utilization.yaml", &[]),
    ("pod-slots.yaml", &[]),
    ("swarm.yaml", &["--set", "stop={at: 5s}"]),
    ("swarmkit.yaml", &[]),
    ("fleet.yaml", &[]),
    ("nova.yaml", &[]),
    ("live-migration.yaml", &[]),
    ("resize.yaml", &[]),
    ("racing-claims.yaml", &[]),
    ("lost-data.yaml", &[]),
    ("vm-or-container.yaml", &[]),
    ("kubernetes-on-nova.yaml", &[]),
    ("ecs.yaml", &[]),
    ("openshift.yaml", &[]),
    ("routers.yaml", &[]),
    ("noisy-neighbours.yaml", &[]),
    ("federation.yaml", &[]),
    ("two-schedulers.yaml", &[]),
    ("kubernetes-beside-mesos.yaml", &[]),
    ("compose.yaml", &[]),
    ("ecs-capacity.yaml", &[]),
    ("delivery.yaml", &[]),
    ("seven-functions.yaml", &[]),
    ("mesos.yaml", &["--set", "stop={at: 1h}"]),
    ("four-managers.yaml", &[]),
    (
        "four-managers-large.yaml",
        &[
            "--set",
            "workload.0.manifests=../traces/four-managers.yaml",
            "--set",
            "stop={at: 1m}",
        ],
    ),
    (
        "four-managers-large-30s.yaml",
        &[
            "--set",
            "workload.0.manifests=../traces/four-managers.yaml",
            "--set",
            "stop={at: 1m}",
        ],
    ),
    (
        "ten-thousand-agents.yaml",
        &[
            "--set",
            "cluster.nodes.0.count=100",
            "--set",
            "stop={at: 10s}",
        ],
    ),
    ("control-plane-outage.yaml", &[]),
    ("partition-and-heal.yaml", &[]),
    ("spot-notice.yaml", &["--set", "stop={at: 1h}"]),
    ("upgrade-wave.yaml", &["--set", "stop={at: 31m}"]),
    ("zone-outage.yaml", &[]),
    ("consolidation-against-descheduling.yaml", &[]),
    ("consolidation-loop.yaml", &[]),
    ("flash-crowd.yaml", &["--set", "stop={at: 2h}"]),
    ("leak.yaml", &["--set", "stop={at: 26h}"]),
    ("spot-fleet.yaml", &["--set", "stop={at: 6h}"]),
    ("gpu-packing.yaml", &[]),
    ("kubernetes.yaml", &[]),
    ("releases.yaml", &[]),
    ("registry-outage.yaml", &[]),
    ("rolling-update.yaml", &[]),
    ("small-cluster.yaml", &[]),
    ("canary.yaml", &[]),
    ("retry-storm.yaml", &[]),
    ("many-services.yaml", &["--set", "stop={at: 2h}"]),
    ("job-queues.yaml", &["--set", "stop={at: 6h}"]),
    ("sparrow.yaml", &["--set", "stop={at: 6h}"]),
    ("worker-queues.yaml", &["--set", "stop={at: 10m}"]),
    ("omega.yaml", &["--set", "stop={at: 10m}"]),
    ("quincy.yaml", &["--set", "stop={at: 10m}"]),
    ("graphene.yaml", &["--set", "stop={at: 1h}"]),
    ("virtual-machines.yaml", &["--set", "stop={at: 2h}"]),
    ("gpu-sharing.yaml", &["--set", "stop={at: 6h}"]),
    ("unlike-gpus.yaml", &["--set", "stop={at: 2h}"]),
    ("gpu-growth.yaml", &["--set", "stop={at: 2h}"]),
    ("gpu-moves.yaml", &["--set", "stop={at: 2h}"]),
    ("backfilling.yaml", &["--set", "stop={at: 6h}"]),
    ("queue-trees.yaml", &["--set", "stop={at: 6h}"]),
    ("shutdown.yaml", &["--set", "stop={at: 12h}"]),
    ("openb-fill-up.yaml", &["--set", "stop={at: 60s}"]),
    ("lcg-fcfs.yaml", &["--set", "stop={at: 60s}"]),
    ("lcg-systems.yaml", &["--set", "stop={at: 5m}"]),
    ("openb-systems.yaml", &["--set", "stop={at: 60s}"]),
    ("google-month.yaml", &["--set", "stop={at: 10s}"]),
    ("hundred-thousand-nodes.yaml", &["--set", "stop={at: 1s}"]),
];

#[test]
fn every_experiment_of_the_project_runs() {
    let scratch = scratch("scenarios");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found: Vec<String> = fs::read_dir(&folder)
        .expect("the project's experiments")
        .map(|entry| entry.expect("a file").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut listed = SCENARIOS.map(|(name, _)| name);
    listed.sort_unstable();
    assert_eq!(
        found, listed,
        "list the experiment above, shortened if it is long"
    );
    let traces = reference("traces");
    for (name, shortened) in SCENARIOS {
        let path = folder.join(name);
        let path = path.to_str().expect("a path of text");
        let text = fs::read_to_string(path).expect("an experiment");
        let is_outside = text.contains("WINDTUNNEL_TRACES");
        if is_outside && traces.is_none() {
            continue;
        }
        let mut arguments = vec!["run", path, "--out", name, "--quiet"];
        arguments.extend(shortened);
        let traces = traces.as_ref().and_then(|path| path.to_str());
        if let Some(traces) = traces.filter(|_| is_outside) {
            arguments.extend(["--traces", traces]);
        }
        succeeds(&scratch.0, &arguments);
        let text = fs::read_to_string(scratch.path(name).join("summary.json"));
        let text = text.expect("a summary");
        let summary: Summary = serde_json::from_str(&text).expect("a summary of the schema");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let again = serde_json::to_value(&summary).expect("a summary is JSON");
        let is_all = read == again;
        assert!(is_all, "{name}: a field has no place in the schema");
        assert!(!summary.variants.is_empty(), "{name}");
    }
}

#[test]
fn a_command_in_a_program_of_its_own_gets_flags_from_before_and_behind_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manual/verify.in");
    let vectors = "go_rng_vectors.csv";
    for arguments in [
        ["--quiet", "verify", vectors],
        ["verify", "--quiet", vectors],
        ["verify", vectors, "--quiet"],
    ] {
        let found = output(&page, &arguments);
        assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
        assert_eq!(stderr(&found), "", "{arguments:?}");
    }
}
