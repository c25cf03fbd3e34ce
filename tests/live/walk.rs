//! The manual's walk with the program itself: a control server and three agents over TLS, a deployment
//! of real processes, what kills them, and the record.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::agent::PROGRAM;
use crate::sweep::{end_all, run_folder};
use crate::table::Test;
use crate::wait::{identity, kill, seconds, wait_for, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "W",
        name: "a walk: apply, kill, heal, record, replay otherwise",
        needs: &["pidfd"],
        run: walk,
    },
    Test {
        fault: "21",
        name: "control server killed ten times, nothing lost or doubled",
        needs: &["pidfd"],
        run: control_killed,
    },
];

const NODES: [&str; 3] = ["n0", "n1", "n2"];

const EXPERIMENT: &str = "\
windtunnel: v1
name: walk
cluster: {nodes: [{count: 1, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 10}}}]}
workload: [{manifests: web.yaml}]
system: {name: kubernetes, controllers: {}}
models: {nodeLife: observed}
";

fn deployment(replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n      - name: web\n        \
         image: none\n        command: [sh, -c, \"echo started; exec sleep 1000\"]\n        \
         resources: {{requests: {{cpu: 10m, memory: 8Mi}}}}\n"
    )
}

/// A cluster of programs on this machine; it ends with the test.
struct Cluster {
    folder: PathBuf,
    control: Option<Child>,
    agents: Vec<Child>,
}

impl Cluster {
    fn new(name: &str) -> Self {
        let folder = run_folder().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("walk.yaml"), EXPERIMENT).expect("a file");
        let mut cluster = Self {
            folder,
            control: None,
            agents: Vec::new(),
        };
        cluster.apply_text(6);
        cluster.start_control("127.0.0.1:0");
        for node in NODES {
            let folder = cluster.host(node).join("state");
            let folder = folder.to_str().expect("a plain path");
            let agent = cluster.spawn(&[
                "agent", "--node", node, "--folder", folder, "--state", "state",
            ]);
            cluster.agents.push(agent);
        }
        wait_until("three nodes", seconds(8), || {
            cluster.json(&["get", "nodes"]).len() == NODES.len()
        });
        cluster
    }

    /// Folder of a host, where a later run finds it if this one is killed.
    fn host(&self, node: &str) -> PathBuf {
        let test = self.folder.file_name().unwrap_or_default();
        run_folder().join(format!("host-{}-{node}", test.to_string_lossy()))
    }

    fn apply_text(&self, replicas: u32) {
        fs::write(self.folder.join("web.yaml"), deployment(replicas)).expect("a file");
    }

    fn start_control(&mut self, address: &str) {
        let arguments = [
            "control",
            "walk.yaml",
            "--state",
            "state",
            "--listen",
            address,
        ];
        self.control = Some(self.spawn(&arguments));
        wait_until("a control server", seconds(8), || {
            self.try_run(&["get", "nodes", "--state", "state"])
                .is_some()
        });
    }

    fn kill_control(&mut self) {
        let mut control = self.control.take().expect("a control server");
        control.kill().expect("a process of this test");
        control.wait().expect("a process of this test");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(&self.folder);
        command.args(["-q", "live"]).args(arguments);
        command
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let notes = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("notes"));
        command.stderr(notes.expect("a file"));
        command.spawn().expect("the program")
    }

    /// The output of a command; `None` if it failed.
    fn try_run(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command(arguments).output().expect("the program");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {words}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let all = [arguments, &["-o", "json", "--state", "state"]].concat();
        let text = self.try_run(&all).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn ready(&self) -> usize {
        let pods = self.json(&["get", "pods"]);
        pods.iter().filter(|pod| pod["ready"] == true).count()
    }

    /// Process ids of the workloads, over all nodes.
    fn workloads(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for node in NODES {
            let Ok(entries) = fs::read_dir(self.host(node).join("state")) else {
                continue;
            };
            for entry in entries.flatten() {
                found.extend(workload(&entry.path()));
            }
        }
        found
    }
}

/// Process id of the workload in the folder of an attempt.
fn workload(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("state")).ok()?;
    let start = text.find('{')?;
    let state: Value = serde_json::from_str(text[start..].trim_end()).ok()?;
    let pid = state.pointer("/workload/pid").and_then(Value::as_u64)?;
    let pid = u32::try_from(pid).ok()?;
    Path::new("/proc")
        .join(pid.to_string())
        .exists()
        .then_some(pid)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.agents.iter_mut().chain(&mut self.control) {
            let _ = child.kill();
            let _ = child.wait();
        }
        for node in NODES {
            end_all(&self.host(node), node);
        }
    }
}

fn walk() {
    let cluster = Cluster::new("walk");
    cluster.run(&["apply", "web.yaml", "--state", "state"]);
    wait_until("six ready pods", seconds(8), || cluster.ready() == 6);
    let pods = cluster.json(&["get", "pods"]);
    let name = pods[0]["name"].as_str().expect("a name");
    let log = cluster.run(&["logs", name, "--state", "state"]);
    assert_eq!(log, "started\n");
    // A viewer on another machine reads, and changes nothing.
    let token = cluster.run(&["token", "create", "--role", "viewer", "--state", "state"]);
    fs::write(cluster.folder.join("token"), token).expect("a file");
    let address = fs::read_to_string(cluster.folder.join("state/address")).expect("an address");
    let address = address.trim().trim_start_matches("https://");
    let login = [
        "login",
        "--server",
        address,
        "--token-file",
        "token",
        "--name",
        "ada",
        "--state",
        "ada",
    ];
    cluster.run(&login);
    assert!(
        cluster
            .run(&["get", "pods", "--state", "ada"])
            .contains(name)
    );
    assert_eq!(cluster.try_run(&["cordon", "n0", "--state", "ada"]), None);
    assert_eq!(
        cluster.try_run(&login.map(|word| if word == "ada" { "eve" } else { word })),
        None
    );
    // A killed process is started again.
    let victim = cluster.workloads().first().copied().expect("a workload");
    kill(&identity(victim));
    wait_until("a restart", seconds(8), || {
        let pods = cluster.json(&["get", "pods"]);
        let restarts = pods.iter().filter_map(|pod| pod["restarts"].as_u64());
        restarts.sum::<u64>() == 1 && cluster.ready() == 6
    });
    let events = cluster.json(&["events"]);
    assert!(events.iter().any(|event| event["reason"] == "Exited"));
    cluster.run(&["record", "--out", "run.log", "--state", "state"]);
    let replayed = cluster.run(&["replay", "run.log", "walk.yaml"]);
    assert!(
        replayed.contains("replayed to the same commands"),
        "{replayed}"
    );
    let packing = "system.scheduler.plugins.NodeResourcesFit.scoringStrategy.type=MostAllocated";
    let balanced = "system.scheduler.plugins.NodeResourcesBalancedAllocation=null";
    let spread = "system.scheduler.plugins.PodTopologySpread=null";
    let with = [
        "replay",
        "run.log",
        "walk.yaml",
        "--with",
        packing,
        "--with",
        balanced,
        "--with",
        spread,
    ];
    let other = cluster.run(&with);
    assert!(other.contains("with system.scheduler.plugins"), "{other}");
    assert!(
        other.contains("bindings") && other.contains("on another node"),
        "{other}"
    );
}

fn control_killed() {
    let mut cluster = Cluster::new("killed");
    cluster.run(&["apply", "web.yaml", "--state", "state"]);
    let address = fs::read_to_string(cluster.folder.join("state/address")).expect("an address");
    let address = address.trim().trim_start_matches("https://").to_owned();
    for replicas in 3..8 {
        // Killed while the answer to a request is on its way, and in the midst of its effects.
        cluster.apply_text(replicas);
        let mut apply = cluster.spawn(&["apply", "web.yaml", "--state", "state"]);
        if replicas % 2 == 0 {
            apply.wait().expect("a process of this test");
        }
        cluster.kill_control();
        let _ = apply.wait();
        cluster.start_control(&address);
        cluster.kill_control();
        cluster.start_control(&address);
    }
    cluster.run(&["apply", "web.yaml", "--state", "state"]);
    let pods = wait_for("seven ready pods", seconds(9), || {
        let pods = cluster.json(&["get", "pods"]);
        (pods.len() == 7 && cluster.ready() == 7).then_some(pods)
    });
    assert_eq!(cluster.workloads().len(), 7, "nothing runs twice");
    assert!(pods.iter().all(|pod| pod["restarts"] == 0), "{pods:?}");
    cluster.run(&["record", "--out", "run.log", "--state", "state"]);
    let replayed = cluster.run(&["replay", "run.log", "walk.yaml"]);
    assert!(
        replayed.contains("replayed to the same commands"),
        "{replayed}"
    );
}
