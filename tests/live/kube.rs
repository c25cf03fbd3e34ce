//! The scheduler of an experiment on a cluster that is there, by the program itself: another policy than the
//! cluster's own, also one in Python, and what is refused.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;

use serde_json::{Value, json};

use crate::agent::PROGRAM;
use crate::facade::Facade;
use crate::table::Test;
use crate::wait::millis;

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "K",
        name: "pods of a cluster that is there, by a policy and by a program in Python",
        needs: &[],
        run: policies,
    },
    Test {
        fault: "K",
        name: "the record of a cluster that is there, under its own scheduler and another",
        needs: &[],
        run: recorded,
    },
    Test {
        fault: "K",
        name: "what a scheduler of a cluster that is there refuses",
        needs: &[],
        run: refusals,
    },
];

/// A folder with an experiment and the access to a façade.
struct Place {
    folder: PathBuf,
    facade: Facade,
}

impl Place {
    fn new(name: &str, system: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("wt-kube-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).expect("a folder");
        let facade = Facade::start();
        let experiment = format!(
            "windtunnel: v1\nname: kube\ncluster: {{nodes: [{{count: 1, template: {{allocatable: {{cpu: 4, memory: \
             8Gi, pods: 110}}}}}}]}}\nworkload: [{{generate: {{model: lublin99, jobs: 1}}}}]\nsystem: {system}\n"
        );
        fs::write(folder.join("experiment.yaml"), experiment).expect("a file");
        let config = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, \
             cluster: {{server: 'http://{}'}}}}]\nusers: [{{name: u, user: {{token: secret}}}}]\n",
            facade.address
        );
        fs::write(folder.join("config"), config).expect("a file");
        Self { folder, facade }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(&self.folder)
            .args(["kube", "experiment.yaml", "--kubeconfig", "config"])
            .args(words);
        command
    }

    /// Standard error of a command that is refused.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("a program");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        told
    }

    /// The nodes that pods are given, as decisions are printed, until there is a number of them.
    fn decisions(&self, words: &[&str], count: usize) -> Vec<(String, String)> {
        let mut child = self
            .command(words)
            .args(["--bind", "--json", "--lease-duration", "1s"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program");
        let out = child.stdout.take().expect("its output");
        let mut given = Vec::new();
        for line in BufReader::new(out).lines() {
            let line: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
            if line["decision"] == "bind" {
                let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
                given.push((text("pod"), text("node")));
            }
            if given.len() == count {
                break;
            }
        }
        let id = i32::try_from(child.id()).expect("a number");
        let pid = rustix::process::Pid::from_raw(id).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a living one");
        let status = child.wait().expect("an end");
        assert_eq!(status.code(), Some(130));
        given
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.facade.end();
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn node(name: &str, cpu: &str) -> Value {
    let amounts = json!({"cpu": cpu, "memory": "32Gi", "pods": "110"});
    json!({
        "metadata": {"name": name},
        "status": {"allocatable": amounts, "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn pod(name: &str) -> Value {
    let requests = json!({"cpu": "1", "memory": "1Gi"});
    json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "schedulerName": "windtunnel",
            "containers": [{"name": "main", "image": "nginx", "resources": {"requests": requests}}],
        },
    })
}

/// Gives the node with the most free cores the most points.
const SPREADING: &str = r#"
import json, sys
free = {}
for line in sys.stdin:
    asked = json.loads(line)
    if asked["call"] == "hello":
        answer = {"protocol": 1}
    else:
        for own in asked.get("nodes", []):
            free[own["id"]] = own["free"]["cpu_milli"]
        answer = {"points": [free[number] for number in asked["candidates"]]}
    print(json.dumps(answer), flush=True)
"#;

fn policies() {
    let fill = |place: &Place| {
        for (name, cpu) in [("small", "2"), ("large", "8")] {
            place.facade.put("nodes", node(name, cpu));
        }
        for name in ["a", "b", "c"] {
            place.facade.put("pods", pod(name));
        }
    };
    let nodes = |given: &[(String, String)]| -> Vec<String> {
        given.iter().map(|(_, node)| node.clone()).collect()
    };
    let place = Place::new(
        "best-fit",
        "{name: pipeline, scheduler: {profile: best-fit}}",
    );
    fill(&place);
    let given = place.decisions(&[], 3);
    assert_eq!(nodes(&given), ["small", "small", "large"]);
    assert_eq!(place.facade.bindings().len(), 3);
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: needs python3");
        return;
    }
    let system =
        "{name: kubernetes, scheduler: {external: {command: [python3, mine.py], weight: 1000}}}";
    let place = Place::new("python", system);
    fs::write(place.folder.join("mine.py"), SPREADING).expect("a file");
    fill(&place);
    let told = place.refused(&["--bind"]);
    assert!(told.contains("--allow-external"), "{told}");
    let given = place.decisions(&["--allow-external"], 3);
    assert_eq!(nodes(&given), ["large", "large", "large"]);
}

/// A cluster spreads its pods; the record says so, and best fit would have packed them.
fn recorded() {
    let place = Place::new("record", "{name: kubernetes}");
    for name in ["n0", "n1"] {
        place.facade.put("nodes", node(name, "4"));
    }
    let mut found = pod("found");
    found["spec"]["nodeName"] = json!("n0");
    found["status"] = json!({"phase": "Running"});
    found["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("2");
    place.facade.put("pods", found);
    let mut child = Command::new(PROGRAM)
        .current_dir(&place.folder)
        .args([
            "record",
            "--kubeconfig",
            "config",
            "--out",
            "hour.log",
            "--for",
            "4s",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program");
    let mut told = BufReader::new(child.stderr.take().expect("its words")).lines();
    let first = told.next().expect("a line").expect("words");
    assert_eq!(first, "watches 2 nodes, 1 pod on them, 0 without a node");
    // The cluster's own scheduler gives each the emptier node.
    for (name, node) in [("a", "n1"), ("b", "n1")] {
        place.facade.put("pods", pod(name));
        sleep(millis(100));
        let mut placed = pod(name);
        placed["spec"]["nodeName"] = json!(node);
        place.facade.put("pods", placed);
        sleep(millis(200));
    }
    place.facade.delete("pods", "default", "a");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    let predict = |words: &[&str]| {
        let output = Command::new(PROGRAM)
            .current_dir(&place.folder)
            .args(["predict", "hour.log", "experiment.yaml"])
            .args(words)
            .output()
            .expect("a program");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let own = predict(&["--out", "own"]);
    assert!(
        own.contains("each has the node that it had in the record"),
        "{own}"
    );
    let sets = ["system.name=pipeline", "system.scheduler.profile=best-fit"];
    let other = predict(&["--set", sets[0], "--set", sets[1]]);
    assert!(other.starts_with("2 pods came or waited in 4."), "{other}");
    let rows: Vec<Vec<&str>> = other
        .lines()
        .filter(|line| line.starts_with("default/"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let moved: Vec<(&str, &str, &str)> = rows.iter().map(|own| (own[0], own[2], own[4])).collect();
    assert_eq!(
        moved,
        [("default/a", "n1", "n0"), ("default/b", "n1", "n0")],
        "{other}"
    );
    // The experiment stands by itself.
    assert!(place.folder.join("own/experiment.yaml").is_file());
    let rows = fs::read_to_string(place.folder.join("own/pods.csv")).expect("a table");
    assert_eq!(rows.lines().count(), 3);
}

fn refusals() {
    let place = Place::new("refusals", "{name: swarmkit}");
    let told = place.refused(&["--bind"]);
    assert!(
        told.contains("makes the pods of workloads itself"),
        "{told}"
    );
    let place = Place::new("words", "{name: kubernetes}");
    for (words, expected) in [
        (
            &["--lease", "here", "--bind"][..],
            "expected NAMESPACE/NAME",
        ),
        (&["--lease-duration", "0s", "--bind"], "expected 1s to 1h"),
        (
            &["--context", "other"],
            "there is no entry of the name `other`",
        ),
        (&["--scheduler-name", ""], "expected a name"),
        (&["--variant", "x"], "there is no variant `x`"),
    ] {
        let told = place.refused(words);
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    fs::write(place.folder.join("log"), "").expect("a file");
    let told = place.refused(&["--record", "log"]);
    assert!(told.contains("choose another file"), "{told}");
    let role = place
        .command(&["--print-role"])
        .output()
        .expect("a program");
    let role = String::from_utf8_lossy(&role.stdout).into_owned();
    assert!(
        role.contains("kind: ClusterRole") && !role.contains("create"),
        "{role}"
    );
}
