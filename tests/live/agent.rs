//! A small agent: a runtime and a folder. Orders arrive as files, happenings leave as lines; it can be
//! killed at any instant and started again. It ends with the test that started it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use live::runtime::process::{Config, Enforcement, ProcessRuntime};
use live::runtime::{AttemptId, Change, Order, Runtime, clock, write_record};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Order to end an attempt.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) attempt: AttemptId,
    pub(crate) grace_ms: u64,
    pub(crate) reason: String,
}

/// Program of the product; it runs the shims.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_windtunnel-live");

pub(crate) fn config(folder: &Path, node: &str) -> Config {
    let is_strict = std::env::var("WT_LIMITS").is_ok_and(|limits| limits == "strict");
    Config {
        folder: folder.join("state"),
        node: node.to_owned(),
        shim: [PROGRAM, "shim"].map(Into::into).to_vec(),
        enforcement: if is_strict {
            Enforcement::Strict
        } else {
            Enforcement::BestEffort
        },
        account: None,
        cgroup_root: std::env::var_os("WT_CGROUP_ROOT").map(PathBuf::from),
    }
}

pub(crate) fn run(folder: &Path, node: &str) -> ExitCode {
    let parent = rustix::process::getppid();
    let mut runtime = match ProcessRuntime::open(config(folder, node)) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let isolation = runtime.hierarchies().isolation();
    let limits = runtime.hierarchies().limits().join(",");
    report(
        folder,
        "",
        &json!({"agent": {"isolation": isolation, "limits": limits}}),
    );
    while rustix::process::getppid() == parent {
        for happening in runtime.poll(Duration::from_millis(20)) {
            let attempt = happening.attempt.to_string();
            report(folder, &attempt, &changed(&happening.change));
            if matches!(happening.change, Change::Ended(_)) {
                let _ = fs::remove_file(folder.join("start").join(&attempt));
                let _ = fs::remove_file(folder.join("stop").join(&attempt));
                runtime.acknowledge(&happening.attempt);
            }
        }
        obey(&mut runtime, folder);
        list(&runtime, folder);
    }
    ExitCode::SUCCESS
}

fn changed(change: &Change) -> Value {
    match change {
        Change::Running {
            started_ns,
            is_adopted,
        } => {
            json!({"running": {"started_ns": started_ns, "adopted": is_adopted}})
        }
        Change::Ended(ending) => {
            json!({"ended": ending, "reason": ending.reason(), "code": ending.code()})
        }
        Change::NotStarted => json!({"not_started": true}),
        Change::Pull(pull) => json!({"pull": pull}),
        Change::Terminating { process_count } => json!({"terminating": process_count}),
    }
}

/// Appends a line to the events; on the disk before it counts.
fn report(folder: &Path, attempt: &str, what: &Value) {
    let path = folder.join("events");
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(path)
        .expect("a file of events");
    let line = json!({"at": clock::boot_ns(), "attempt": attempt, "what": what});
    file.write_all(format!("{line}\n").as_bytes())
        .expect("a line");
    file.sync_all().expect("a disk");
}

/// Carries out every order, again and again until the attempt has ended: orders repeat in life, too.
fn obey(runtime: &mut ProcessRuntime, folder: &Path) {
    for path in files(&folder.join("start")) {
        let order = read::<Order>(&path);
        if let Err(error) = runtime.start(&order) {
            report(
                folder,
                &order.attempt.to_string(),
                &json!({"refused": error.to_string()}),
            );
            fs::remove_file(&path).expect("an order");
        }
    }
    for path in files(&folder.join("stop")) {
        let stop = read::<Stop>(&path);
        runtime.stop(
            &stop.attempt,
            Duration::from_millis(stop.grace_ms),
            &stop.reason,
        );
        fs::remove_file(&path).expect("an order");
    }
}

fn list(runtime: &ProcessRuntime, folder: &Path) {
    let lines: Vec<Value> = runtime
        .list()
        .into_iter()
        .map(|listed| {
            let usage = runtime.usage(&listed.attempt);
            json!({
                "attempt": listed.attempt.to_string(),
                "phase": format!("{:?}", listed.phase),
                "workload": listed.workload,
                "shim": listed.shim,
                "cpu_ns": usage.map(|usage| usage.cpu_ns),
                "memory_bytes": usage.map(|usage| usage.memory_bytes),
                "processes": usage.map(|usage| usage.process_count),
            })
        })
        .collect();
    write_record(folder, "list", &lines).expect("a list");
}

/// Files of a folder by name; those that are being written have a name with a dot before it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of orders");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| {
        !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    });
    paths.sort();
    paths
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).expect("an order")).expect("an order")
}
