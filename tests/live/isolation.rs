//! Faults 12 and 13: no cgroups, and no space on the disk.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use live::wire::request::Request;
use serde_json::Value;

use crate::agent::PROGRAM;
use crate::audit::audit;
use crate::cluster::{Cluster, Shape};
use crate::hosts::Host;
use crate::restarts::without_cgroups;
use crate::sweep::{run_name, unmount};
use crate::table::Test;
use crate::wait::{holds_for, is_alive, millis, seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "12",
        name: "no cgroups: stated, strict limits refused",
        needs: &["pidfd"],
        run: no_cgroups,
    },
    Test {
        fault: "12",
        name: "doctor says what the host lacks",
        needs: &[],
        run: doctor,
    },
    Test {
        fault: "U",
        name: "processes of root's agent are nobody's, in folders of their own",
        needs: &["pidfd", "root"],
        run: users,
    },
    Test {
        fault: "13",
        name: "disk full",
        needs: &["pidfd", "root", "tmpfs"],
        run: disk_full,
    },
];

fn no_cgroups() {
    let mut host = Host::new();
    without_cgroups(&mut host);
    host.set("WT_LIMITS", "strict");
    host.start_agent();
    let events = host.events();
    assert_eq!(
        events[0]["what"]["agent"]["isolation"], "none",
        "{events:?}"
    );
    assert_eq!(events[0]["what"]["agent"]["limits"], "", "{events:?}");
    let mut strict = host.order("strict", "sleep 60000");
    strict.limits.memory_bytes = Some(32 << 20);
    strict.limits.cpu_milli = Some(100);
    let refused = host.await_report(&host.start(&strict), "refused");
    let words = refused["what"]["refused"].as_str().expect("words");
    assert!(words.contains("can't limit cpu, memory"), "{words}");
    let free = host.run(&host.order("free", "sleep 60000"));
    host.end(&free.attempt);
    host.kill_agent();
    host.set("WT_LIMITS", "best-effort");
    host.start_agent();
    let effort = host.run(&strict);
    wait_until("use is measured by process", seconds(3), || {
        host.listed(&effort.attempt)
            .is_some_and(|listed| listed["processes"] == 1)
    });
    host.end(&effort.attempt);
    audit(&host);
}

fn doctor() {
    let empty = std::env::temp_dir().join(format!("{}-empty", run_name()));
    fs::create_dir_all(&empty).expect("a folder");
    let asked = |form: &str| {
        let output = Command::new(PROGRAM)
            .args(["doctor", "--quiet", "--format", form])
            .env("WT_CGROUP_ROOT", &empty)
            .output()
            .expect("the program");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}");
        String::from_utf8(output.stdout).expect("text")
    };
    let findings: Vec<Value> = serde_json::from_str(&asked("json")).expect("findings");
    let table = asked("text");
    assert_eq!(table.lines().count(), findings.len());
    for (finding, line) in findings.iter().zip(table.lines()) {
        let answer = if finding["isThere"] == true {
            " yes"
        } else {
            " no "
        };
        let feature = finding["feature"].as_str().expect("a name");
        assert!(line.contains(feature) && line.contains(answer), "{line}");
        assert!(
            finding["isThere"] == true || finding["detail"] != "",
            "{line}"
        );
        if feature.starts_with("cgroup-") {
            assert_eq!(finding["isThere"], false, "{line}");
        }
    }
    assert!(
        table.contains("windtunnel.io/isolation=none windtunnel.io/limits=none"),
        "{table}"
    );
    fs::remove_dir(&empty).expect("an empty folder");
}

/// A pod that tells who it is, keeps a file in its folder, and looks for the secrets of its agent and its server.
const CURIOUS: &str = "{apiVersion: v1, kind: Pod, metadata: {name: NAME}, spec: {restartPolicy: Never, containers: \
    [{name: main, image: none, command: [sh, -c, 'id -u; pwd; touch mine; ls; ls FOLDER; cat STATE/*.key \
    FOLDER/.credentials/*; sleep 60'], resources: {requests: {cpu: 10m, memory: 8Mi}}}]}}";

fn users() {
    let mut cluster = Cluster::without_agents(Shape {
        name: "users",
        node_count: 1,
        pace: 1,
        is_networked: false,
    });
    let folder = cluster.host(1).join("state");
    fs::create_dir_all(&folder).expect("a folder");
    cluster.start_agent_of(Path::new(PROGRAM), 1, &["--run-as", "nobody"]);
    cluster.await_nodes();
    for name in ["one", "two"] {
        let text = CURIOUS
            .replace("NAME", name)
            .replace("FOLDER", &folder.display().to_string())
            .replace("STATE", &cluster.state().display().to_string());
        let outcome = cluster.ask(&Request::Apply {
            file: "pod.yaml".to_owned(),
            text,
        });
        assert!(outcome.refused.is_empty(), "{outcome:?}");
    }
    wait_until("both pods run", seconds(10), || {
        cluster.pods().iter().filter(|pod| pod.ready).count() == 2
    });
    let log = |name: &str| cluster.log(name).expect("a log");
    let mut folders = Vec::new();
    for name in ["one", "two"] {
        wait_until("its words", seconds(5), || log(name).lines().count() >= 5);
        let text = log(name);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2]), ("65534", "mine"), "{text}");
        assert!(
            lines[1].starts_with(&folder.display().to_string()),
            "{text}"
        );
        assert!(
            lines[3..]
                .iter()
                .all(|line| line.ends_with("Permission denied")),
            "{text}"
        );
        folders.push(lines[1].to_owned());
    }
    assert_ne!(folders[0], folders[1]);
    let object = "Pod/default/one".to_owned();
    cluster.ask(&Request::Delete { object });
    wait_until("its folder goes", seconds(10), || {
        !Path::new(&folders[0]).exists()
    });
    // A folder that others can't get to is refused, and root by name.
    let closed = cluster.host(1).join("closed");
    fs::create_dir_all(&closed).expect("a folder");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("its owner");
    let agent = |more: &[&str]| {
        let inner = closed.join("agent");
        let output = Command::new(PROGRAM)
            .args(["agent", "--node", "other", "--folder"])
            .arg(inner)
            .arg("--state")
            .arg(cluster.state())
            .args(more)
            .output()
            .expect("the program");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = agent(&[]);
    assert!(told.contains("containers run as the user 65534"), "{told}");
    assert!(agent(&["--run-as", "root"]).contains("--allow-root-pods"));
    assert!(agent(&["--run-as", "nobody-there"]).contains("has no user `nobody-there`"));
}

fn disk_full() {
    let mut host = Host::new();
    let state = host.folder.join("state");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(&state)
        .status();
    assert!(mounted.is_ok_and(|status| status.success()), "a small disk");
    host.start_agent();
    // A log that fills the disk by itself.
    let talker = host.start(&host.order("talker", "spam 8388608"));
    let end = host.await_end(&talker);
    assert_eq!(
        end["code"], 0,
        "no space for a log stops no workload: {end}"
    );
    let sleeper = host.run(&host.order("sleeper", "sleep 60000"));
    let brief = host.run(&host.order("brief", "exit 5 1200"));
    fill(&state.join("filler"));
    let attempt = host.start(&host.order("late", "sleep 10"));
    let refused = host.await_report(&attempt, "refused");
    let words = refused["what"]["refused"].as_str().expect("words");
    assert!(
        words.contains("no space for the state of a container"),
        "{words}"
    );
    assert!(!host.state(&attempt).exists(), "half a start");
    let end = host.await_end(&brief.attempt);
    assert_eq!(end["code"], 5, "an end is recorded on a full disk: {end}");
    holds_for("workloads run on", millis(200), || {
        is_alive(&sleeper.workload)
    });
    // A full disk is full for the next agent, too.
    fill(&state.join("more"));
    host.kill_agent();
    host.start_agent();
    let now = host.await_running(&sleeper.attempt);
    assert_eq!(now.workload, sleeper.workload);
    for filler in ["filler", "more"] {
        fs::remove_file(state.join(filler)).expect("a file");
    }
    let late = host.run(&host.order("late", "sleep 60000"));
    host.end(&late.attempt);
    host.end(&sleeper.attempt);
    audit(&host);
    host.kill_agent();
    unmount(&state);
}

/// Fills the disk to the last block.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).expect("a file");
    let block = [1; 4096];
    while file.write_all(&block).is_ok() {}
}
