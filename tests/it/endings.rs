//! Ends that the program doesn't choose: signals while a command writes or reads, and memory that runs
//! out. Each has its exit code and its words, and no file looks complete that is not.

#![cfg(unix)]

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::scratch::{Scratch, stderr};

/// Signals with the exit code and the beginning of the last line that follow.
const SIGNALS: [(&str, i32, &str); 2] = [
    ("-INT", 130, "exit 130: interrupted"),
    ("-TERM", 143, "exit 143: terminated"),
];

fn started(scratch: &Scratch, arguments: &[&str]) -> Child {
    let mut command = scratch.command(arguments);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::null());
    piped
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Names of the files and folders in the test's folder.
fn names(scratch: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(&scratch.0).expect("the folder of the test");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Sends a signal, after which the program has to end with this code and these last words.
fn ends(child: Child, signal: &str, code: i32, words: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status();
    assert!(status.is_ok_and(|status| status.success()), "{signal}");
    let output = child.wait_with_output().expect("the program ends");
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{signal}: {told}");
    let last = told.lines().last().unwrap_or_default();
    assert!(last.starts_with(words), "{signal}: {told}");
}

#[test]
fn a_file_that_a_signal_stops_is_gone() {
    for (signal, code, words) in SIGNALS {
        for (generator, size, file) in [
            ("containers", ["--jobs", "400000000"], "containers.csv"),
            ("kubectl-dump", ["--pods", "10000000"], "kubectl-dump.json"),
        ] {
            let scratch = Scratch::new(&format!("endings-{generator}{signal}"), &[]);
            let mut arguments = vec!["trace", "generate", generator];
            arguments.extend(size);
            let child = started(&scratch, &arguments);
            let partial = scratch.path(&format!("{file}.partial"));
            while !partial.exists() {
                std::thread::yield_now();
            }
            ends(child, signal, code, words);
            assert_eq!(names(&scratch), [""; 0], "{generator} {signal}");
        }
    }
}

#[test]
fn a_command_that_reads_ends_at_a_signal() {
    for (signal, code, words) in SIGNALS {
        let scratch = Scratch::new(&format!("endings-import{signal}"), &[]);
        let mut child = started(&scratch, &["import", "kubectl", "-", "--out", "out"]);
        // More than a pipe holds: once it is written, the command is reading.
        let text = format!("{{\"items\": [{}", " ".repeat(1 << 20));
        let mut input = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, text.as_bytes()).expect("the command reads");
        ends(child, signal, code, words);
        drop(input);
        assert_eq!(names(&scratch), [""; 0], "{signal}");
    }
}

const LARGE: &str = "\
windtunnel: v1
name: large
cluster:
  nodes: [{count: 200000, template: {allocatable: {cpu: 4, memory: 16Gi}}}]
workload:
  - generate: {model: lublin99, jobs: 1000000}
stop: {when: drained}
";

/// Bounds the address space, which only Linux does, to what the program needs to start and little more.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_runs_out_is_told() {
    let scratch = Scratch::new("endings-memory", &[("large.yaml", LARGE)]);
    let program = env!("CARGO_BIN_EXE_windtunnel");
    for threads in ["1", "4"] {
        let bounded = format!(
            "ulimit -v 400000 && exec {program} run large.yaml --out out --threads {threads}"
        );
        let output = Command::new("sh")
            .args(["-c", &bounded])
            .current_dir(&scratch.0)
            .output()
            .expect("a shell");
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(101), "{told}");
        assert!(told.contains("error: out of memory: "), "{told}");
        assert!(told.ends_with("exit 101: could not complete\n"), "{told}");
        assert!(!scratch.path("out").exists());
        assert!(!scratch.path("out.partial/summary.json").exists());
    }
}
