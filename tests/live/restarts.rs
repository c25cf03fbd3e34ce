//! Faults 1 to 5: agents and shims that are killed, at rest and in the midst of a start.

use std::fs;
use std::process::{Child, Command, Stdio};

use live::runtime::{Identity, clock};

use crate::audit::audit;
use crate::hosts::Host;
use crate::table::Test;
use crate::wait::{holds_for, identity, is_alive, kill, millis, seconds, wait_for, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "1",
        name: "agent killed: workloads go on and are adopted",
        needs: &["pidfd"],
        run: agent_killed,
    },
    Test {
        fault: "1",
        name: "two agents with one folder",
        needs: &["pidfd"],
        run: two_agents,
    },
    Test {
        fault: "2",
        name: "agent killed, workload ends meanwhile",
        needs: &["pidfd"],
        run: end_while_no_agent_runs,
    },
    Test {
        fault: "3",
        name: "agent or shim killed in the midst of a start",
        needs: &["pidfd"],
        run: killed_while_starting,
    },
    Test {
        fault: "4",
        name: "shim killed",
        needs: &["pidfd"],
        run: shim_killed,
    },
    Test {
        fault: "4",
        name: "shim killed while no agent runs, without cgroups",
        needs: &["pidfd"],
        run: shim_killed_alone,
    },
    Test {
        fault: "5",
        name: "process id reused",
        needs: &["pidfd", "root"],
        run: process_id_reused,
    },
];

fn agent_killed() {
    let mut host = Host::started();
    let orders = ["one", "two", "three"].map(|pod| host.order(pod, "sleep 60000"));
    let before = orders.map(|order| host.run(&order));
    for _ in 0..2 {
        host.kill_agent();
        holds_for("workloads run on without an agent", millis(200), || {
            before.iter().all(|running| is_alive(&running.workload))
        });
        // Of the killed agent.
        fs::remove_file(host.folder.join("list")).expect("a list");
        host.start_agent();
        for running in &before {
            let now = host.await_running(&running.attempt);
            assert_eq!(now.workload, running.workload);
            assert_eq!(now.shim, running.shim);
        }
    }
    for running in &before {
        let reports = host.reports(&running.attempt, "running");
        let adopted: Vec<_> = reports
            .iter()
            .map(|report| report["what"]["running"]["adopted"].clone())
            .collect();
        assert_eq!(adopted, [false, true, true]);
        let end = host.end(&running.attempt);
        assert_eq!(end["ended"]["outcome"]["signal"], 15, "{end}");
        assert_eq!(end["ended"]["stop"]["is_forced"], false, "{end}");
    }
    audit(&host);
}

fn two_agents() {
    let host = Host::started();
    let running = host.run(&host.order("only", "sleep 60000"));
    let output = host.second_agent();
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("an agent runs with this folder"), "{words}");
    host.end(&running.attempt);
    audit(&host);
}

fn end_while_no_agent_runs() {
    let mut host = Host::started();
    let running = host.run(&host.order("brief", "exit 7 600"));
    host.kill_agent();
    wait_until("the workload ends", seconds(3), || {
        !is_alive(&running.workload)
    });
    let seen_ns = clock::wall_ns();
    wait_until("the shim ends", seconds(3), || !is_alive(&running.shim));
    holds_for("no agent reports", millis(1_000), || {
        host.reports(&running.attempt, "ended").is_empty()
    });
    host.start_agent();
    let end = host.await_end(&running.attempt);
    assert_eq!(end["code"], 7, "{end}");
    let ended_ns = end["ended"]["ended_ns"].as_i64().expect("an instant");
    assert!(
        (seen_ns - ended_ns).abs() < 300_000_000,
        "{seen_ns} {ended_ns}"
    );
    // Another agent has nothing to report.
    host.kill_agent();
    host.start_agent();
    holds_for("the end is reported once", millis(200), || {
        host.reports(&running.attempt, "ended").len() == 1
    });
    audit(&host);
}

fn killed_while_starting() {
    for place in ["after-folder", "after-spawn"] {
        let mut host = Host::new();
        host.set("WT_CRASH_AT", place);
        host.start_agent();
        let attempt = host.start(&host.order(place, "sleep 60000"));
        host.await_agent_end();
        host.reset();
        host.start_agent();
        host.await_running(&attempt);
        assert_eq!(host.reports(&attempt, "running").len(), 1);
        host.end(&attempt);
        audit(&host);
    }
    for (place, outcome) in [("before-state", "unknown"), ("before-exit", "shim-lost")] {
        let mut host = Host::new();
        host.set("WT_CRASH_AT", place);
        host.start_agent();
        let attempt = host.start(&host.order(place, "exit 3 300"));
        let end = host.await_end(&attempt);
        assert_eq!(end["ended"]["outcome"], outcome, "{end}");
        assert!(end["code"].is_null(), "{end}");
        audit(&host);
    }
}

fn shim_killed() {
    let mut host = Host::started();
    for is_watched in [true, false] {
        let pod = if is_watched { "watched" } else { "unwatched" };
        let running = host.run(&host.order(pod, "hide there"));
        if !is_watched {
            host.kill_agent();
        }
        kill(&running.shim);
        wait_until("the shim is gone", seconds(3), || !is_alive(&running.shim));
        if !is_watched {
            assert!(is_alive(&running.workload), "a workload outlives its shim");
            host.start_agent();
        }
        let end = host.await_end(&running.attempt);
        assert_eq!(end["reason"], "ShimLost", "{end}");
        assert!(end["code"].is_null(), "{end}");
        assert!(!is_alive(&running.workload));
    }
    audit(&host);
}

fn shim_killed_alone() {
    let mut host = Host::new();
    without_cgroups(&mut host);
    host.start_agent();
    let running = host.run(&host.order("bare", "hide there"));
    host.kill_agent();
    kill(&running.shim);
    wait_until("the shim is gone", seconds(3), || !is_alive(&running.shim));
    host.start_agent();
    let end = host.await_end(&running.attempt);
    assert_eq!(end["reason"], "ShimLost", "{end}");
    assert!(!is_alive(&running.workload));
    audit(&host);
}

/// Has the agent look for cgroups where there are none.
pub(crate) fn without_cgroups(host: &mut Host) {
    let empty = host.folder.join("empty");
    fs::create_dir_all(&empty).expect("a folder");
    host.set("WT_CGROUP_ROOT", &empty.display().to_string());
}

fn process_id_reused() {
    let mut host = Host::started();
    let running = host.run(&host.order("gone", "sleep 60000"));
    host.kill_agent();
    // The shim first, so that there is no record of the end.
    for gone in [&running.shim, &running.workload] {
        kill(gone);
        let path = format!("/proc/{}", gone.pid);
        wait_until("the process is reaped", seconds(5), || {
            !fs::exists(&path).unwrap_or(true)
        });
    }
    let mut strangers = [&running.shim, &running.workload].map(|gone| stranger(gone.pid));
    let alive = strangers.each_ref().map(|child| identity(child.id()));
    host.start_agent();
    let end = host.await_end(&running.attempt);
    assert_eq!(end["reason"], "Unknown", "{end}");
    holds_for("strangers are left alone", millis(300), || {
        alive.iter().all(is_alive)
    });
    for child in &mut strangers {
        child.kill().expect("a process of this test");
        child.wait().expect("a status");
    }
    audit(&host);
}

/// A process of this test with a given id.
fn stranger(pid: u32) -> Child {
    wait_for("the process id comes back", seconds(5), || {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).expect("root");
        let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn();
        let mut child = child.expect("a process");
        if child.id() == pid {
            return Some(child);
        }
        // Another process of the machine was faster.
        child.kill().expect("a process of this test");
        child.wait().expect("a status");
        assert!(Identity::of(pid).is_ok());
        None
    })
}
