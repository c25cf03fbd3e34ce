//! Runs of tests that crash, and many containers at once.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use live::runtime::{Identity, clock};

use crate::audit::audit;
use crate::hosts::Host;
use crate::sweep;
use crate::table::Test;
use crate::wait::{identity, is_alive, seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "run",
        name: "the next run removes what a crashed one left",
        needs: &["pidfd"],
        run: crashed_run,
    },
    Test {
        fault: "34",
        name: "many containers on a host are adopted at once",
        needs: &["pidfd"],
        run: many_containers,
    },
];

/// Containers on one host. The plan has 1,000 (`WT_CONTAINERS=1000`), which take longer than the gate
/// gives a test.
const CONTAINERS: u32 = 100;

/// Plays a run that is killed: prints what it started, and waits.
pub(crate) fn crash() -> ExitCode {
    let host = Host::started();
    let running = host.run(&host.order("left", "hide there"));
    println!(
        "{} {} {}",
        running.workload.pid,
        running.shim.pid,
        sweep::run_folder().display()
    );
    loop {
        std::thread::park();
    }
}

fn crashed_run() {
    let this = std::env::current_exe().expect("this program");
    let mut child = Command::new(this)
        .arg("crash")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a run");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let words: Vec<&str> = line.split_whitespace().collect();
    let left: Vec<Identity> = words[..2]
        .iter()
        .map(|pid| identity(pid.parse().expect("a pid")))
        .collect();
    child.kill().expect("a process of this test");
    child.wait().expect("a status");
    assert!(left.iter().all(is_alive), "workloads outlive the run");
    sweep::earlier_runs();
    wait_until("what was left is gone", seconds(3), || {
        !left.iter().any(is_alive)
    });
    assert!(
        !fs::exists(words[2]).expect("a folder"),
        "its folder is gone"
    );
}

fn many_containers() {
    let count = std::env::var("WT_CONTAINERS")
        .ok()
        .and_then(|count| count.parse().ok());
    let count: u32 = count.unwrap_or(CONTAINERS);
    let mut host = Host::started();
    let attempts: Vec<_> = (0..count)
        .map(|number| host.start(&host.order(&format!("many-{number}"), "sleep 600000")))
        .collect();
    let reports = |host: &Host, kind: &str| {
        let events = host.events();
        events
            .iter()
            .filter(|event| event["what"].get(kind).is_some())
            .count()
    };
    let total = attempts.len();
    wait_until("all run", seconds(8 + u64::from(count) / 20), || {
        reports(&host, "running") == total
    });
    host.kill_agent();
    let start_ns = clock::boot_ns();
    host.start_agent();
    wait_until("all are adopted", seconds(5), || {
        reports(&host, "running") == 2 * total
    });
    let taken_ms = (clock::boot_ns() - start_ns) / 1_000_000;
    let open = host.open_files();
    println!("     {total} adopted in {taken_ms} ms, {open} files open");
    assert!(open < 4 * total + 20, "{open} open files");
    for attempt in &attempts {
        host.stop(attempt, seconds(1));
    }
    wait_until("all end", seconds(8 + u64::from(count) / 20), || {
        reports(&host, "ended") == total
    });
    audit(&host);
}
