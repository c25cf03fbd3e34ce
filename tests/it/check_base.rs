//! `check --base`: a suite against the commit or the folder that it is changed from.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::scratch::Scratch;

const QUEUE: &str = "\
windtunnel: v1
name: queue
cluster:
  nodes: [{count: 8, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 40, processors: 8}
  - trace: {format: csv, path: jobs.csv}
system: {name: batch, scheduler: {queue: sjf, backfill: greedy-once}}
stop: {when: drained}
objectives:
  - {metric: pending_time.mean, tolerance: 5%}
  - {metric: makespan.total, max: 30d}
";

fn jobs(run_time: usize) -> String {
    let row = |job: usize| format!("{},job-{job},{run_time},1,1Mi\n", job * 10);
    let rows: Vec<String> = (0..40).map(row).collect();
    format!("submit,name,run_time,cpu,memory\n{}", rows.concat())
}

/// A repository of a suite with one commit on `main`.
struct Repository(Scratch);

impl Repository {
    /// `None` without git, which is said.
    fn new(name: &str) -> Option<Self> {
        let version = Command::new("git").arg("--version").output();
        if !version.is_ok_and(|output| output.status.success()) {
            println!("skipped: needs git");
            return None;
        }
        let own = Self(Scratch::new(name, &[]));
        fs::create_dir(own.0.path("ci")).expect("a folder");
        fs::create_dir(own.0.path("tmp")).expect("a folder");
        own.write("ci/suite.yaml", "suite: [queue.yaml]\n");
        own.write("ci/queue.yaml", QUEUE);
        own.write("ci/jobs.csv", &jobs(600));
        own.write(".gitignore", "tmp\n");
        own.git(&["init", "--quiet", "--initial-branch=main"]);
        own.commit();
        Some(own)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path(name), text).expect("a file");
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.0.text(name);
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        let settings = [
            "user.name=Tester",
            "user.email=tester@localhost",
            "commit.gpgSign=false",
        ];
        for setting in settings {
            command.args(["-c", setting]);
        }
        command
            .args(arguments)
            .current_dir(&self.0.0)
            .stdout(Stdio::null());
        assert!(command.status().expect("git").success(), "{arguments:?}");
    }

    fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=change"]);
    }

    /// What a check says, which has to end with this code, and leave nothing behind.
    fn check(&self, arguments: &[&str], code: i32) -> String {
        let mut command = self.0.command(&["check"]);
        command.args(arguments).env("TMPDIR", self.0.path("tmp"));
        let output = command.output().expect("the program starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        let left = fs::read_dir(self.0.path("tmp")).expect("a folder").count();
        assert_eq!(left, 0, "files are left behind: {arguments:?}");
        format!("{}{told}", String::from_utf8_lossy(&output.stdout))
    }

    /// What the line `look closer` prints when it is typed.
    fn look(&self, seen: &str) -> String {
        let line = seen
            .lines()
            .find_map(|line| line.strip_prefix("look closer: "));
        let line = line.unwrap_or_else(|| panic!("no command: {seen}"));
        let line = line.replace("windtunnel diff", "\"$WINDTUNNEL\" diff");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(&self.0.0);
        shell.env("WINDTUNNEL", env!("CARGO_BIN_EXE_windtunnel"));
        let output = shell.output().expect("a shell");
        let told = String::from_utf8_lossy(&output.stderr);
        format!("{}{told}", String::from_utf8_lossy(&output.stdout))
    }
}

#[test]
fn a_commit_is_the_base_without_a_stored_baseline() {
    let Some(repository) = Repository::new("base-commit") else {
        return;
    };
    let check = ["ci/suite.yaml", "--base", "main", "--seeds", "4"];
    let seen = repository.check(&check, 0);
    assert!(
        seen.contains("note: nothing changed since `main`"),
        "{seen}"
    );
    repository.replace("ci/queue.yaml", "greedy-once", "none");
    let seen = repository.check(&check, 100);
    assert!(
        seen.contains("system.scheduler.backfill greedy-once → none"),
        "{seen}"
    );
    assert!(seen.contains("baseline main ("), "{seen}");
    let found = repository.look(&seen);
    assert!(found.contains("first different decision"), "{found}");
    // Other inputs are what a base is compared with: they are no reason to refuse.
    repository.git(&["checkout", "--quiet", "ci"]);
    repository.write("ci/jobs.csv", &jobs(2400));
    let seen = repository.check(&check, 100);
    assert!(
        seen.contains("because: file jobs.csv") && seen.contains("first divergence: seed"),
        "{seen}"
    );
    let trees = repository.0.path(".git/worktrees");
    for tree in fs::read_dir(trees).expect("a folder").flatten() {
        let folder = fs::read_to_string(tree.path().join("gitdir")).expect("a path");
        let folder = folder.trim().trim_end_matches("/.git");
        repository.git(&["worktree", "remove", "--force", folder]);
    }
}

#[test]
fn entries_and_limits_of_the_base_are_held() {
    let Some(repository) = Repository::new("base-limits") else {
        return;
    };
    let check = ["ci/suite.yaml", "--base", "main", "--seeds", "4"];
    let gated = "  - {metric: pending_time.mean, tolerance: 5%}\n";
    repository.replace("ci/queue.yaml", gated, "");
    repository.replace("ci/queue.yaml", "max: 30d", "max: 60d");
    let seen = repository.check(&check, 0);
    assert!(seen.contains("limits: 1 loosened, 1 deleted"), "{seen}");
    assert!(seen.contains("the base's is held"), "{seen}");
    repository.replace("ci/queue.yaml", "greedy-once", "none");
    let seen = repository.check(&check, 100);
    assert!(seen.contains("queue: pending time, mean"), "{seen}");
    // An objective that only the head has is compared with what the base comes to.
    repository.git(&["checkout", "--quiet", "ci"]);
    repository.replace(
        "ci/queue.yaml",
        "makespan.total, max: 30d",
        "turnaround.mean, tolerance: 1%",
    );
    repository.replace("ci/queue.yaml", "greedy-once", "none");
    let seen = repository.check(&check, 100);
    assert!(
        seen.contains("turnaround, mean") && !seen.contains("no baseline"),
        "{seen}"
    );
    // What is gone fails, by a rule of its own; what is new is held to absolute limits.
    repository.git(&["checkout", "--quiet", "ci"]);
    repository.replace("ci/queue.yaml", "name: queue", "name: other");
    let seen = repository.check(&check, 100);
    assert!(
        seen.contains("queue is no longer in the suite (`main` has it)"),
        "{seen}"
    );
    assert!(
        seen.contains("new, and held to absolute limits alone: other"),
        "{seen}"
    );
    let sarif = repository.check(&[&check[..], &["--format", "sarif"]].concat(), 100);
    let sarif = sarif.split("exit 100").next().unwrap_or_default();
    let sarif: Value = serde_json::from_str(sarif).expect("JSON");
    assert_eq!(
        sarif["runs"][0]["results"][0]["ruleId"],
        "windtunnel/removed"
    );
    let junit = repository.check(&[&check[..], &["--format", "junit"]].concat(), 100);
    assert!(junit.contains("<failure type=\"removed\""), "{junit}");
}

#[test]
fn what_is_no_base_is_told() {
    let Some(repository) = Repository::new("base-wrong") else {
        return;
    };
    let said = |arguments: &[&str], code: i32, words: &str| {
        let seen = repository.check(arguments, code);
        assert!(seen.contains(words), "{arguments:?}: {seen}");
    };
    said(
        &["ci/suite.yaml", "--base", "mian"],
        2,
        "no such commit; correct it",
    );
    let mut command = repository
        .0
        .command(&["check", "ci/suite.yaml", "--base", "main"]);
    let output = command.env("TMPDIR", "/nowhere/at-all").output();
    let told = output.expect("the program starts").stderr;
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("in /nowhere/at-all: "), "{told}");
    said(
        &["ci/suite.yaml", "--base", "--output=x"],
        2,
        "unexpected argument '--output' found",
    );
    said(
        &["ci/suite.yaml", "--base", "tmp"],
        2,
        "tmp/ci/suite.yaml is not there",
    );
    said(
        &["ci/suite.yaml", "--base", "main", "--accept"],
        2,
        "cannot be used with",
    );
    repository.write("ci/queue.yaml", &QUEUE.replace("cpu: 1", "cpu: one"));
    repository.commit();
    repository.write("ci/queue.yaml", QUEUE);
    // What mends a base that no machine can read is held to its absolute limits.
    let seen = repository.check(&["ci/suite.yaml", "--base", "main", "--seeds", "2"], 0);
    assert!(seen.contains("--> main:ci/queue.yaml:4:"), "{seen}");
    assert!(
        seen.contains("All 2 gates hold, 1 without a base that can be run."),
        "{seen}"
    );
    repository.write("ci/queue.yaml", &QUEUE.replace("max: 30d", "max: 1m"));
    let seen = repository.check(&["ci/suite.yaml", "--base", "main", "--seeds", "2"], 100);
    assert!(seen.contains("queue: makespan is"), "{seen}");
    repository.write("ci/queue.yaml", &QUEUE.replace("jobs.csv", "gone.csv"));
    repository.commit();
    repository.write("ci/queue.yaml", QUEUE);
    said(
        &["ci/suite.yaml", "--base", "main"],
        3,
        "`gone.csv` was not found",
    );
    // Git LFS and submodules keep files where no commit has them.
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    repository.write("ci/queue.yaml", QUEUE);
    repository.write("ci/jobs.csv", pointer);
    repository.commit();
    repository.write("ci/jobs.csv", &jobs(600));
    said(
        &["ci/suite.yaml", "--base", "main"],
        3,
        "`git lfs fetch origin main`",
    );
}

#[test]
fn a_clone_without_the_commit_and_a_folder_without_a_repository_are_told() {
    let Some(repository) = Repository::new("base-shallow") else {
        return;
    };
    let said = |arguments: &[&str], code: i32, words: &str| {
        let seen = repository.check(arguments, code);
        assert!(seen.contains(words), "{arguments:?}: {seen}");
    };
    // A clone of one commit lacks the others.
    repository.write("ci/jobs.csv", &jobs(601));
    repository.commit();
    let (from, to) = (repository.0.path(""), repository.0.path("tmp-clone"));
    let address = format!("file://{}", from.display());
    let to = to.display().to_string();
    repository.git(&["clone", "--quiet", "--depth=1", &address, &to]);
    let line = "`git fetch --depth=1 origin +refs/heads/next:refs/remotes/origin/next`";
    said(
        &["tmp-clone/ci/suite.yaml", "--base", "origin/next"],
        2,
        line,
    );
    said(
        &["tmp-clone/ci/suite.yaml", "--base", "HEAD~1"],
        2,
        "this shallow clone",
    );
    // A suite that the base lacks is new as a whole.
    repository.write("ci/more.yaml", QUEUE);
    said(
        &["ci/more.yaml", "--base", "main", "--seeds", "2"],
        0,
        "`main` has no such suite",
    );
    let bare = Scratch::new(
        "base-bare",
        &[("queue.yaml", QUEUE), ("jobs.csv", &jobs(600))],
    );
    let mut command = bare.command(&["check", "queue.yaml", "--base", "main"]);
    command.env(
        "GIT_CEILING_DIRECTORIES",
        bare.path("..").canonicalize().expect("a folder"),
    );
    let output = command.output().expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("in no git repository"), "{told}");
}

#[test]
fn neither_hooks_nor_filters_of_a_repository_run() {
    let Some(repository) = Repository::new("base-filters") else {
        return;
    };
    let touched = repository.0.path("touched").display().to_string();
    repository.write(".gitattributes", "*.yaml filter=own\n*.csv export-ignore\n");
    repository.commit();
    let filter = format!("sh -c 'touch {touched}; cat'");
    for kind in ["smudge", "clean", "process"] {
        repository.git(&["config", &format!("filter.own.{kind}"), &filter]);
    }
    repository.git(&["config", "core.fsmonitor", &filter]);
    let hook = format!("#!/bin/sh\ntouch {touched}\n");
    repository.write(".git/hooks/post-checkout", &hook);
    let check = [
        "ci/suite.yaml",
        "--base",
        "main",
        "--changed-since",
        "main",
        "--seeds",
        "2",
    ];
    repository.check(&check, 0);
    repository.replace("ci/queue.yaml", "greedy-once", "none");
    repository.check(&check, 100);
    assert!(!repository.0.path("touched").exists());
}

#[test]
fn a_folder_is_the_base() {
    let scratch = Scratch::new("base-folder", &[]);
    for (folder, text) in [("old", jobs(600)), ("new", jobs(2400))] {
        fs::create_dir(scratch.path(folder)).expect("a folder");
        fs::write(scratch.path(&format!("{folder}/queue.yaml")), QUEUE).expect("a file");
        fs::write(scratch.path(&format!("{folder}/jobs.csv")), text).expect("a file");
    }
    let check = ["check", "new/queue.yaml", "--base", "old", "--seeds", "3"];
    let seen = scratch.printed(&check, 100);
    let look = seen
        .lines()
        .find_map(|line| line.strip_prefix("look closer: windtunnel "));
    let look: Vec<&str> = look
        .unwrap_or_else(|| panic!("{seen}"))
        .split(' ')
        .collect();
    assert_eq!(
        look[..3],
        ["diff", "old/queue.yaml", "new/queue.yaml"],
        "{look:?}"
    );
    let found = scratch.printed(&look, 0);
    assert!(found.contains("first different decision"), "{found}");
    // The base may read no more than the head.
    let outside = QUEUE.replace("jobs.csv", "../new/jobs.csv");
    fs::write(scratch.path("old/queue.yaml"), outside).expect("a file");
    fs::create_dir(scratch.path("old/.git")).expect("a folder");
    let seen = scratch.run(&check, 3);
    assert!(seen.contains("base old:"), "{seen}");
}

#[test]
fn another_seed_of_the_scenario_is_told() {
    let Some(repository) = Repository::new("base-seed") else {
        return;
    };
    repository.check(&["ci/suite.yaml", "--seeds", "4", "--accept"], 0);
    repository.replace("ci/queue.yaml", "name: queue", "name: queue\nseed: 700");
    let seen = repository.check(&["ci/suite.yaml", "--base", "main"], 0);
    assert!(
        seen.contains("queue: seed 42 in the base, 700 here; both sides run from the base's")
            && seen.contains("nothing else changed since"),
        "{seen}"
    );
    let seen = repository.check(&["ci/suite.yaml"], 0);
    assert!(
        seen.contains(
            "runs with the seeds of the baseline, not from its seed 700 on until `--accept`"
        ),
        "{seen}"
    );
    repository.check(&["ci/suite.yaml", "--accept"], 0);
    let baseline = repository.0.text("ci/suite.baseline.json");
    assert!(baseline.contains("700"), "{baseline}");
}

#[test]
fn entries_that_nothing_changed_in_are_left_out() {
    let Some(repository) = Repository::new("base-since") else {
        return;
    };
    let other = QUEUE
        .replace("name: queue", "name: other")
        .replace("jobs.csv", "more.csv");
    repository.write("ci/other.yaml", &other);
    repository.write("ci/more.csv", &jobs(300));
    repository.write("ci/suite.yaml", "suite: [queue.yaml, other.yaml]\n");
    repository.commit();
    let check = [
        "ci/suite.yaml",
        "--base",
        "main",
        "--changed-since",
        "main",
        "--seeds",
        "2",
    ];
    let seen = repository.check(&check, 0);
    assert!(
        seen.contains("Nothing to check: no entry changed."),
        "{seen}"
    );
    assert!(
        seen.contains("0 of 2 entries ran (`--changed-since main`)"),
        "{seen}"
    );
    repository.write("ci/more.csv", &jobs(2400));
    let seen = repository.check(&[&check[..], &["--format", "json"]].concat(), 100);
    let report: Value =
        serde_json::from_str(seen.split("exit 100").next().unwrap_or_default()).expect("JSON");
    let entries = report["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 1, "{seen}");
    assert_eq!(entries[0]["name"], "other");
    // What is gone is gone, whatever else changed.
    repository.write("ci/suite.yaml", "suite: [queue.yaml]\n");
    let seen = repository.check(&check, 100);
    assert!(seen.contains("other is no longer in the suite"), "{seen}");
}

/// A link that leads elsewhere changes what is read, though both files are those of the commit.
#[test]
fn a_link_that_leads_elsewhere_is_a_change() {
    let Some(repository) = Repository::new("base-link") else {
        return;
    };
    fs::create_dir(repository.0.path("traces")).expect("a folder");
    repository.write("traces/fast.csv", &jobs(300));
    repository.write("traces/slow.csv", &jobs(2400));
    let link = |to: &str| {
        let own = repository.0.path("ci/jobs.csv");
        fs::remove_file(&own).expect("it is there");
        symlink(format!("../traces/{to}.csv"), own).expect("a link");
    };
    link("fast");
    repository.commit();
    let check = [
        "ci/suite.yaml",
        "--base",
        "main",
        "--changed-since",
        "main",
        "--seeds",
        "2",
    ];
    let seen = repository.check(&check, 0);
    assert!(
        seen.contains("Nothing to check: no entry changed."),
        "{seen}"
    );
    link("slow");
    repository.check(&check, 100);
}
