//! Workloads: this program in hidden modes. A workload appends a line at its start and at its end to a
//! shared file, for the audit.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use live::runtime::clock;

/// Variable that names the shared file.
pub(crate) const TRACK: &str = "WT_TRACK";
/// Variable that all processes of a run bear.
pub(crate) const RUN: &str = "WT_RUN";

const LONG: Duration = Duration::from_mins(10);

pub(crate) fn run(words: &[&str]) -> ExitCode {
    let is_tracked = !words.contains(&"untracked");
    if is_tracked {
        track("start");
    }
    let number = |index: usize| {
        words
            .get(index)
            .and_then(|word| word.parse::<u64>().ok())
            .expect("a number")
    };
    let code = match words[0] {
        "sleep" => {
            if is_tracked {
                println!("started");
            }
            thread::sleep(Duration::from_millis(number(1)));
            0
        }
        "exit" => {
            thread::sleep(Duration::from_millis(number(2)));
            number(1)
        }
        "eat" => {
            eat(number(1));
            0
        }
        "fork-eat" => fork_eat(words[1]),
        "spam" => {
            spam(number(1));
            0
        }
        "ignore-term" => {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal_hook::consts::SIGTERM, flag).expect("a handler");
            println!("ready");
            thread::sleep(LONG);
            0
        }
        "hide" => {
            hide(words[1]);
            thread::sleep(LONG);
            0
        }
        "hidden" => {
            rustix::process::setsid().expect("a session");
            if words[1] == "deep" {
                // The process in between ends, so that its child loses its parent.
                spawn(&["hidden", "flat", "untracked"]);
            } else {
                thread::sleep(LONG);
            }
            0
        }
        "bomb" => bomb(),
        "serve" => serve(),
        "spin" => {
            let end_ns = clock::boot_ns() + i64::try_from(number(1)).expect("short") * 1_000_000;
            while clock::boot_ns() < end_ns {}
            0
        }
        mode => panic!("no workload {mode}"),
    };
    if is_tracked {
        track(&format!("end {code}"));
    }
    ExitCode::from(u8::try_from(code).expect("a code"))
}

/// Appends a line to the shared file.
fn track(what: &str) {
    let (Ok(path), Ok(attempt)) = (std::env::var(TRACK), std::env::var("WINDTUNNEL_ATTEMPT"))
    else {
        return;
    };
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(path)
        .expect("a shared file");
    let line = format!(
        "{attempt} {} {} {what}\n",
        clock::boot_ns(),
        clock::wall_ns()
    );
    file.write_all(line.as_bytes()).expect("a line");
}

fn spawn(words: &[&str]) -> Option<std::process::Child> {
    let this = std::env::current_exe().expect("this program");
    let child = Command::new(this)
        .arg("workload")
        .args(words)
        .stdin(Stdio::null())
        .spawn();
    child.ok()
}

fn eat(bytes: u64) {
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..bytes >> 20 {
        held.push(vec![1; 1 << 20]);
    }
    thread::sleep(Duration::from_millis(100));
    drop(held);
}

/// Has a child eat; ends with code 3 if a signal ended it.
fn fork_eat(bytes: &str) -> u64 {
    let mut child = spawn(&["eat", bytes, "untracked"]).expect("a child");
    let status = child.wait().expect("a status");
    if status.signal().is_some() { 3 } else { 0 }
}

fn spam(bytes: u64) {
    let line = [b"x".repeat(99), b"\n".to_vec()].concat().repeat(640);
    let mut out = std::io::stdout().lock();
    for _ in 0..bytes / line.len() as u64 {
        out.write_all(&line).expect("a pipe");
    }
}

/// Starts children in sessions of their own, one of them without its parent.
#[expect(
    clippy::zombie_processes,
    reason = "the shim has to reap what a workload leaves"
)]
fn hide(how: &str) {
    for depth in ["flat", "deep"] {
        spawn(&["hidden", depth, "untracked"]).expect("a child");
    }
    println!("{how}");
}

/// Starts children until the system refuses.
fn bomb() -> u64 {
    for count in 0..200 {
        if spawn(&["sleep", "600000", "untracked"]).is_none() {
            println!("refused after {count}");
            return 0;
        }
    }
    1
}

/// Answers every connection with the name of the pod, at the port that the pod was given.
fn serve() -> u64 {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let port: u16 = variable("PORT").parse().expect("a port");
    let listener = std::net::TcpListener::bind(("0.0.0.0", port)).expect("a free port");
    for mut stream in listener.incoming().flatten() {
        // A client that is gone needs no answer.
        let _ = stream.write_all(variable("POD_NAME").as_bytes());
    }
    0
}
