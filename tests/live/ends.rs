//! Faults 6 to 8 and 33: workloads that flood their output, hide, ignore signals, or cannot be executed.

use std::fs;
use std::path::Path;

use live::runtime::cgroup::mounts;
use live::runtime::{AttemptId, Identity, LogLimits, Order, procfs};
use rustix::process::{Signal, pidfd_send_signal};

use crate::audit::audit;
use crate::hosts::Host;
use crate::restarts::without_cgroups;
use crate::table::Test;
use crate::wait::{is_alive, millis, seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "6",
        name: "workload floods its output",
        needs: &["pidfd"],
        run: flood,
    },
    Test {
        fault: "7",
        name: "workload hides children in other sessions",
        needs: &["pidfd", "cgroup-kill"],
        run: hidden_children,
    },
    Test {
        fault: "7",
        name: "workload hides children, without cgroups",
        needs: &["pidfd", "children"],
        run: hidden_children_without_cgroups,
    },
    Test {
        fault: "8",
        name: "workload ignores the order to end",
        needs: &["pidfd"],
        run: order_to_end_ignored,
    },
    Test {
        fault: "8",
        name: "order to end survives the agent",
        needs: &["pidfd"],
        run: order_to_end_adopted,
    },
    Test {
        fault: "8",
        name: "workload stopped or frozen, and then ordered to end",
        needs: &["pidfd", "cgroup-freezer"],
        run: stopped_or_frozen,
    },
    Test {
        fault: "8",
        name: "shim stopped by a signal: an order to end comes to an end",
        needs: &["pidfd"],
        run: shim_stopped,
    },
    Test {
        fault: "33",
        name: "program or folder missing",
        needs: &["pidfd"],
        run: program_missing,
    },
];

const FLOOD_BYTES: u64 = 200 << 20;

fn flood() {
    let host = Host::started();
    let mut order = host.order("flood", &format!("spam {FLOOD_BYTES}"));
    order.log = LogLimits {
        file_bytes: 1 << 20,
        file_count: 3,
    };
    let running = host.run(&order);
    let mut peak_kib = 0;
    let folder = host.state(&running.attempt);
    wait_until("the flood is over", seconds(9), || {
        peak_kib = peak_kib.max(own_memory_kib(running.shim.pid));
        let size = log_bytes(&folder);
        assert!(size <= 3 << 20, "{size} bytes of log");
        !host.reports(&running.attempt, "ended").is_empty()
    });
    assert!(peak_kib < 8 << 10, "{peak_kib} KiB of a shim");
    let end = host.await_end(&running.attempt);
    assert_eq!(end["code"], 0, "{end}");
    println!("     shim at most {peak_kib} KiB of its own");
    audit(&host);
}

/// Memory of a process that it shares with no other: all shims share the pages of the program's file.
fn own_memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.unwrap_or(0)
}

fn log_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("log"));
    logs.filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

fn hidden_children() {
    stop_with_hidden_children(&Host::started());
}

fn hidden_children_without_cgroups() {
    let mut host = Host::new();
    without_cgroups(&mut host);
    host.start_agent();
    stop_with_hidden_children(&host);
}

fn stop_with_hidden_children(host: &Host) {
    let running = host.run(&host.order("hiding", "hide there"));
    // One in a session of its own below the workload, one that lost its parent below the shim.
    wait_until("the children hide", seconds(3), || {
        let below = procfs::descendants(running.shim.pid).into_iter();
        let alive = below.filter(|pid| procfs::stat(*pid).is_ok_and(|stat| stat.is_alive()));
        alive.count() == 3
    });
    let end = host.end(&running.attempt);
    assert_eq!(end["ended"]["outcome"]["signal"], 15, "{end}");
    audit(host);
}

fn order_to_end_ignored() {
    let host = Host::started();
    let running = host.run(&host.order("deaf", "ignore-term"));
    await_ready(&host, &running.attempt);
    let start_ns = live::runtime::clock::wall_ns();
    host.stop(&running.attempt, millis(500));
    let end = host.await_end(&running.attempt);
    assert_eq!(end["ended"]["outcome"]["signal"], 9, "{end}");
    assert_eq!(end["ended"]["stop"]["is_forced"], true, "{end}");
    assert_eq!(end["ended"]["stop"]["reason"], "test", "{end}");
    let taken_ms = (end["ended"]["ended_ns"].as_i64().expect("an instant") - start_ns) / 1_000_000;
    assert!((300..=700).contains(&taken_ms), "{taken_ms} ms");
    audit(&host);
}

fn order_to_end_adopted() {
    let mut host = Host::started();
    let running = host.run(&host.order("deaf", "ignore-term"));
    await_ready(&host, &running.attempt);
    host.stop(&running.attempt, millis(600));
    let folder = host.state(&running.attempt);
    wait_until("the order is on the disk", seconds(2), || {
        folder.join("stop").exists()
    });
    host.kill_agent();
    assert!(is_alive(&running.workload));
    host.start_agent();
    let end = host.await_end(&running.attempt);
    assert_eq!(end["ended"]["outcome"]["signal"], 9, "{end}");
    assert_eq!(end["ended"]["stop"]["is_forced"], true, "{end}");
    audit(&host);
}

fn signal(process: &Identity, signal: Signal) {
    let handle = process.open(&process.boot).expect("a live process");
    pidfd_send_signal(handle, signal).expect("a live process");
}

fn stopped_or_frozen() {
    let host = Host::started();
    let stopped = host.run(&host.order("stopped", "sleep 60000"));
    signal(&stopped.workload, Signal::STOP);
    host.stop(&stopped.attempt, millis(200));
    let end = host.await_end(&stopped.attempt);
    assert_eq!(end["ended"]["outcome"]["signal"], 9, "{end}");
    let frozen = host.run(&host.order("frozen", "hide there"));
    let groups = mounts(None).into_iter().map(|mount| {
        let group = mount.own.join("windtunnel").join(&host.node);
        group.join("frozen/main.0")
    });
    for group in groups {
        // Version 1, then version 2: whichever freezes the container.
        for (file, value) in [("freezer.state", "FROZEN"), ("cgroup.freeze", "1")] {
            if group.join(file).exists() {
                fs::write(group.join(file), value).expect("a cgroup");
            }
        }
    }
    host.stop(&frozen.attempt, millis(200));
    let end = host.await_end(&frozen.attempt);
    assert_eq!(end["ended"]["stop"]["is_forced"], true, "{end}");
    audit(&host);
}

fn shim_stopped() {
    let host = Host::started();
    let running = host.run(&host.order("held", "hide there"));
    signal(&running.shim, Signal::STOP);
    host.stop(&running.attempt, millis(200));
    let end = host.await_end(&running.attempt);
    assert_eq!(end["reason"], "ShimLost", "{end}");
    assert!(!is_alive(&running.workload) && !is_alive(&running.shim));
    audit(&host);
}

/// Waits until a workload has written that it is ready.
pub(crate) fn await_ready(host: &Host, attempt: &AttemptId) {
    let log = host.state(attempt).join("log");
    wait_until("the workload is ready", seconds(3), || {
        fs::read_to_string(&log).is_ok_and(|text| text.contains("stdout F ready"))
    });
}

fn program_missing() {
    let host = Host::started();
    let attempt = |pod: &str| AttemptId::new(pod, "main", 0).expect("plain names");
    let missing = Order::new(attempt("missing"), vec!["/bin/nosuch".to_owned()]);
    let mut homeless = host.order("homeless", "sleep 10");
    homeless.folder = Some("/nosuch".into());
    for (order, subject) in [(missing, "/bin/nosuch"), (homeless, "/nosuch")] {
        let end = host.await_end(&host.start(&order));
        assert_eq!(end["reason"], "StartError", "{end}");
        let error = &end["ended"]["outcome"]["start-error"];
        assert_eq!(error["errno"], 2, "{end}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with(subject), "{message}");
        assert!(end["code"].is_null(), "{end}");
    }
    // A code that shells use for the same is a code.
    let shell = Order::new(
        attempt("shell"),
        ["/bin/sh", "-c", "exit 127"].map(str::to_owned).to_vec(),
    );
    let end = host.await_end(&host.start(&shell));
    assert_eq!(end["code"], 127, "{end}");
    let empty = Order::new(attempt("empty"), Vec::new());
    let refused = host.await_report(&host.start(&empty), "refused");
    assert!(
        refused["what"]["refused"]
            .as_str()
            .expect("words")
            .contains("expected a program")
    );
    audit(&host);
}
